"""Expected features of src/vision's definitions, from the implementations that are their models.

python reference.py > expected.inc        (torch, torchvision, open_clip_torch, timm,
                                         efficientnet_lite_pytorch from PyPI)

Weights and pixels are a fixed formula of the tensor's name and the element's index, which
tests/vision/definitions.c repeats; names are ours.
"""
import math
import zlib

import numpy as np
import torch


def values(name, n, mean, spread):
    """Element i of tensor `name`: a linear congruential generator seeded by the name's CRC-32."""
    state = np.uint32(zlib.crc32(name.encode()))
    out = np.empty(n, np.float32)
    with np.errstate(over="ignore"):
        for i in range(n):
            state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
            out[i] = np.float32(mean) + np.float32(spread) * (
                np.float32(state >> np.uint32(8)) * np.float32(2.0**-23) - np.float32(1))
    return out


def fill(case, module):
    print(f"static const struct shape shapes_{case}[] = {{")
    for name, t in module.state_dict().items():
        if not t.dtype.is_floating_point:
            continue
        mean, spread = 0.0, 0.4
        if name.endswith("running_var"):
            mean, spread = 1.0, 0.5
        elif t.ndim == 1 and name.endswith("weight"):
            mean, spread = 1.0, 0.3
        elif t.ndim > 1:
            spread = 1.5 / math.sqrt(t[0].numel())
        shape = list(t.shape)
        ours = [shape[0], shape[2], shape[3], shape[1]] if t.ndim == 4 else shape
        print(f'    {{"{name}", {t.ndim}, {{{", ".join(map(str, ours))}}}}},')
        if t.ndim == 4:  # ours are [O,H,W,I]
            v = values(name, t.numel(), mean, spread).reshape(shape[0], shape[2], shape[3], shape[1])
            v = np.ascontiguousarray(v.transpose(0, 3, 1, 2))
        else:
            v = values(name, t.numel(), mean, spread).reshape(shape)
        t.copy_(torch.from_numpy(v))
    print("};")
    module.eval()
    return module.double()


def pixels(n, size, channels):
    x = values("pixels", n * size * size * channels, 0, 1.5).reshape(n, size, size, channels)
    return torch.from_numpy(x).permute(0, 3, 1, 2).double()


def show(case, y):
    numbers = y.detach().flatten().tolist()
    print(f"static const double expected_{case}[] = {{")
    for i in range(0, len(numbers), 6):
        print("    " + " ".join(f"{v:.9g}," for v in numbers[i:i + 6]))
    print("};")


@torch.no_grad()
def main():
    import timm
    import torchvision.models.resnet as tv
    from open_clip.modified_resnet import ModifiedResNet

    print("// Made by reference.py with torch", torch.__version__.split("+")[0] + ".")
    for case, block, layers in [("resnet_basic", tv.BasicBlock, [2, 1, 1, 1]),
                                ("resnet_bottleneck", tv.Bottleneck, [1, 2, 1, 1])]:
        net = tv.ResNet(block, layers)
        net.fc = torch.nn.Identity()
        show(case, fill(case, net)(pixels(2, 40, 3))[:, :12])

    net = ModifiedResNet([1, 2, 1, 1], output_dim=12, heads=4, image_size=64, width=8)
    net = fill("clip_resnet", net)
    show("clip_resnet", net(pixels(2, 64, 3)))

    net = timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=3, num_classes=0)
    show("vit", fill("vit", net)(pixels(2, 32, 3))[:, :12])

    from efficientnet_lite_pytorch import utils
    from efficientnet_lite_pytorch.model import EfficientNet
    blocks = utils.BlockDecoder.decode([
        "r1_k3_s11_e1_i32_o8", "r2_k3_s22_e3_i8_o12", "r2_k5_s22_e3_i12_o16", "r1_k3_s22_e3_i16_o20",
        "r2_k5_s11_e3_i20_o24", "r1_k5_s22_e3_i24_o28", "r1_k3_s11_e3_i28_o36"])
    _, options = utils.get_model_params("efficientnet-lite0", {"image_size": 40})
    net = EfficientNet(blocks, options._replace(depth_divisor=4))
    del net._fc
    net = fill("efficientnet", net)
    stage7 = []
    net._blocks[-1].register_forward_hook(lambda module, x, y: stage7.append(y))
    show("efficientnet", net.extract_features(pixels(2, 40, 3)).mean((2, 3))[:, :12])
    show("efficientnet_stage7", stage7[0].mean((2, 3))[:, :12])

    net = timm.models.densenet.DenseNet(growth_rate=8, block_config=(2, 3), bn_size=4, num_classes=0)
    show("densenet", fill("densenet", net)(pixels(2, 40, 3))[:, :12])


main()
