"""Expected outputs of systems that no authors' outputs exist of, from PyTorch, torchvision, open_clip
and transformers: independent references by this project, not the authors' numbers.

python systems.py > systems.inc      (torch, torchvision, open_clip_torch, transformers, pillow)

The modules have the names of the public code (docs/systems.md tells where there is none). Weights and
pixels are a fixed formula of the tensor's name and the element's index, which systems.c repeats.
"""
import re

import numpy as np
import open_clip
import torch
import torchvision
import transformers as hf
from PIL import Image
from torch import nn

from formula import fill, values


def show(case, what, y):
    numbers = np.asarray(y.detach() if torch.is_tensor(y) else y).flatten().tolist()
    print(f"static const double {what}_{case}[] = {{" + ", ".join(f"{v:.9g}" for v in numbers) + "};")


def pixels(size=64):
    x = values("pixels", size * size * 3, 0, 1.5).reshape(1, size, size, 3)
    return torch.from_numpy(x).permute(0, 3, 1, 2).double()


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def densenet(classes):
    return torchvision.models.DenseNet(growth_rate=8, block_config=(2, 3, 2, 2), num_init_features=16,
                                       num_classes=classes)


def pooled(net, x):
    return torch.relu(net.features(x)).mean((2, 3))


def densenet121():
    """torchvision's file densenet121-a639ec97.pth has the older names, norm.1 for norm1."""
    old = lambda name: re.sub(r"(denselayer\d+\.(?:norm|relu|conv))(\d)", r"\1.\2", name)
    net = fill("densenet121", densenet(10), old)
    show("densenet121", "image", pooled(net, pixels()))
    show("densenet121", "logits", net(pixels()))


class UMRL(nn.Module):
    """Hsu et al. 2018: linear maps of DenseNet-121's pooled features and of mean GloVe vectors."""

    def __init__(self):
        super().__init__()
        self.image_encoder = densenet(10)
        self.word_embeddings = nn.Embedding(6, 10)
        self.image_map, self.text_map = nn.Linear(61, 8), nn.Linear(10, 8)


def umrl():
    net = UMRL()
    width = net.image_encoder.classifier.in_features
    net.image_map = nn.Linear(width, 8)
    net = fill("umrl", net)
    image = net.image_map(pooled(net.image_encoder, pixels()))
    text = lambda ids: net.text_map(net.word_embeddings(torch.tensor([ids])).mean(1))
    positive = text([2, 1])  # "left effusion"
    show("umrl", "image", image)
    show("umrl", "text", positive)
    show("umrl", "score", (unit(image) * unit(positive)).sum())


class Aggregator(nn.Module):
    """lovt: models/components/aggregation.py, GlobalAvgAttentionAggregator."""

    def __init__(self, d):
        super().__init__()
        self.attention = nn.MultiheadAttention(d, num_heads=8, batch_first=True)

    def forward(self, x):
        return self.attention(x.mean(1)[:, None, :], key=x, value=x)[0].squeeze(1)


class Projection(nn.Module):
    """lovt: models/components/fc.py, MLP (conv: its version for local features)."""

    def __init__(self, d, hidden, out, conv=False):
        super().__init__()
        linear = (lambda a, b: nn.Conv1d(a, b, 1)) if conv else nn.Linear
        self.projection_before, self.projection_after = linear(d, hidden), linear(hidden, out)
        self.norm = nn.BatchNorm1d(hidden)

    def forward(self, x):
        return self.projection_after(torch.relu(self.norm(self.projection_before(x))))


class LoVT(nn.Module):
    """lovt: bimodal_alignment_model.py with resnet50attention_imagenet and bioclinicalbert_sentatt."""

    def __init__(self):
        super().__init__()
        resnet = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1])
        bert = hf.BertConfig(hidden_size=32, num_attention_heads=4, num_hidden_layers=2,
                             intermediate_size=48, vocab_size=10, max_position_embeddings=20,
                             attn_implementation="eager")
        for side, d in (("a", 512), ("b", 32)):
            model, encoder = nn.Module(), nn.Module()
            if side == "a":
                encoder.feature_extractor = nn.Module()
                encoder.feature_extractor.backbone_layers = nn.ModuleDict(
                    list(resnet.named_children())[:-2])
            else:
                encoder.language_model = hf.BertModel(bert)
            encoder.global_aggregator = Aggregator(d)
            model.encoder = encoder
            model.project_local = Projection(d, 24, 16, conv=True)
            model.project_global = Projection(d, 24, 16)
            setattr(self, f"model_{side}", model)

    def image(self, x):
        for layer in self.model_a.encoder.feature_extractor.backbone_layers.values():
            x = layer(x)
        x = x.flatten(2).transpose(1, 2)
        local = unit(self.model_a.project_local(x.transpose(1, 2)).transpose(1, 2))
        return self.model_a.project_global(self.model_a.encoder.global_aggregator(x)), local

    def text(self, ids):
        tokens = self.model_b.encoder.language_model(torch.tensor([ids])).last_hidden_state[:, 1:-1]
        sentence = tokens.max(1, keepdim=True)[0]  # one sentence
        return self.model_b.project_global(self.model_b.encoder.global_aggregator(sentence))


def lovt():
    net = fill("lovt", LoVT())
    image, local = net.image(pixels())
    text = net.text([2, 6, 7, 9, 3])
    show("lovt", "image", image)
    show("lovt", "local", local)
    show("lovt", "text", text)
    show("lovt", "score", 10 * (unit(image) * unit(text)).sum())


def bfspr():
    """OpenAI CLIP's ResNet, as open_clip has it with the same names."""
    net = open_clip.model.CLIP(
        embed_dim=12, quick_gelu=True,
        vision_cfg=dict(layers=[1, 2, 1, 1], width=16, head_width=64, image_size=64),
        text_cfg=dict(context_length=77, vocab_size=517, width=64, heads=1, layers=2))
    net = fill("bfspr", net, without=("attn_mask",))
    image = net.encode_image(pixels())
    texts = []
    for ids in ([515, 514, 512, 516], [515, 77, 334, 514, 512, 516]):  # "ab cd", "no ab cd"
        padded = torch.zeros(1, 77, dtype=torch.long)
        padded[0, :len(ids)] = torch.tensor(ids)
        texts.append(net.encode_text(padded))
    scale = net.logit_scale.exp()
    logits = scale * torch.cat([(unit(image) * unit(t)).sum(-1) for t in texts])
    show("bfspr", "image", image)
    show("bfspr", "text", texts[0])
    show("bfspr", "score", logits.softmax(0)[0])


def gray(width, height):
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    return ((x * 7 + y * 13 + (x * y) // 16 + (x // 20) * 31) % 256).astype(np.uint8)


def lovt_recipe(image):
    """lovt: scan_transforms.py with val_resize_mode pad, and its dataset's mean and deviation."""
    w, h = image.size
    pad = [int((max(w, h) - w) / 2), int((max(w, h) - h) / 2)]
    image = torchvision.transforms.functional.pad(image, pad)
    image = torchvision.transforms.functional.resize(
        image, [224, 224], torchvision.transforms.InterpolationMode.BILINEAR)
    return (np.asarray(image).astype(np.float32) / 255 - 0.471) / 0.302


def torchvision_recipe(image):
    t = torchvision.transforms
    image = t.CenterCrop(224)(t.Resize(256)(image.convert("RGB")))
    x = np.asarray(image).astype(np.float32) / 255
    return (x - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])


def clip_recipe(image):
    t = torchvision.transforms
    image = t.CenterCrop(224)(t.Resize(224, t.InterpolationMode.BICUBIC)(image)).convert("RGB")
    x = np.asarray(image).astype(np.float32) / 255
    return ((x - np.float32([0.48145466, 0.4578275, 0.40821073])) /
            np.float32([0.26862954, 0.26130258, 0.27577711]))


def recipes():
    """The first channel of every 373rd pixel of a drawing of odd size."""
    for name, recipe in (("lovt", lovt_recipe), ("imagenet", torchvision_recipe),
                         ("openai_clip", clip_recipe)):
        x = recipe(Image.fromarray(gray(301, 374)))
        x = x if x.ndim == 2 else x[:, :, 0]
        show(name, "pixels", x.flatten()[::373])


@torch.no_grad()
def main():
    print("// Made by systems.py with torch", torch.__version__.split("+")[0] + ", torchvision",
          torchvision.__version__.split("+")[0] + ", open_clip", open_clip.__version__ +
          ", transformers", hf.__version__ + ".")
    print("// clang-format off")
    for case in (densenet121, umrl, lovt, bfspr, recipes):
        case()


main()
