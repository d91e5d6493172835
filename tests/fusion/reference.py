"""Expected outputs of small fusion encoders under published tensor names, in double precision.

python reference.py lvit LVIT > lvit.inc                   (torch, torchvision, timm from PyPI)
python reference.py others BERTHOP > published.inc

LVIT and BERTHOP are clones of github.com/HUANGLIZI/LViT and github.com/masoud-monajati/BERTHop,
whose own modules compute what is expected of them. M3AE's and UNITER's further heads stand on the
torch modules of bench/fusion.py; PixelBERT and Wang et al. 2021 have no code of their authors, so
the modules below are what their papers tell.

Weights and inputs are a fixed formula of the tensor's name and the element's index, which
tests/fusion/published.c repeats.
"""
import math
import os
import sys
import types
import zlib

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench"))
import fusion as published  # noqa: E402

published.WIDTH, published.HEAD, published.DEPTH = 32, 8, 4
VOCABULARY, REGIONS, SIDE = 40, 24, 32
IDS = [2, 5, 9, 14, 20, 33, 3]  # [CLS] … [SEP]


def values(name, n, mean, spread):
    """Element i of tensor `name`: a linear congruential generator seeded by the name's CRC-32."""
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(n, 1664525, np.uint32), dtype=np.uint32)
        sums = np.cumsum(np.concatenate([np.ones(1, np.uint32), powers[:-1]]), dtype=np.uint32)
        state = powers * np.uint32(zlib.crc32(name.encode())) + sums * np.uint32(1013904223)
    u = (state >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return np.float32(mean) + np.float32(spread) * u


def fill(case, module, prefix=""):
    """Fills the module, prints its tensors; as published.c knows them they begin with prefix."""
    print(f"static const struct shape shapes_{case}[] = {{")
    for key, t in module.state_dict().items():
        if not t.dtype.is_floating_point:
            continue
        name = prefix + key
        mean, spread = 0.0, 0.4
        if name.endswith("running_var"):
            mean, spread = 1.0, 0.5
        elif t.ndim == 1 and name.endswith("weight"):
            mean, spread = 1.0, 0.3
        elif t.ndim > 1:
            spread = 1.5 / math.sqrt(t[0].numel())
        print(f'    {{"{name}", {t.ndim}, {{{", ".join(map(str, t.shape))}}}}},')
        t.copy_(torch.from_numpy(values(name, t.numel(), mean, spread).reshape(t.shape)))
    print("};")
    return module.eval().double()


def show(case, **outputs):
    """outputs: name=(tensor, stride, n): every stride-th element, n of them."""
    print(f"static const struct expected expected_{case}[] = {{")
    for name, (y, stride, n) in outputs.items():
        numbers = y.detach().flatten()[::stride][:n].tolist()
        print(f'    {{"{name}", {stride}, {len(numbers)}, (const double[]){{')
        for i in range(0, len(numbers), 6):
            print("        " + " ".join(f"{v:.9g}," for v in numbers[i:i + 6]))
        print("    }},")
    print("};")


def image(side, mean=0.0, spread=1.5):
    """[1,3,side,side] of what published.c holds as [side,side,3]."""
    x = values("pixels", side * side * 3, mean, spread).reshape(1, side, side, 3)
    return torch.from_numpy(x).permute(0, 3, 1, 2).double()


def regions(n):
    """Features [1,n,REGIONS] and boxes [1,n,7] with ordered corners."""
    features = values("features", n * REGIONS, 0, 1).reshape(1, n, REGIONS)
    corners = np.sort(values("boxes", n * 4, 0.5, 0.5).reshape(1, n, 2, 2), 2).reshape(1, n, 4)
    w, h = corners[..., 2] - corners[..., 0], corners[..., 3] - corners[..., 1]
    seven = np.concatenate([corners, np.stack([w, h, w * h], -1)], -1)
    return torch.from_numpy(features).double(), torch.from_numpy(seven).double()


ids = torch.tensor([IDS])


def lvit(clone):
    """The authors' module. Its widths cannot be reduced."""
    sys.path.insert(0, clone)
    from nets.LViT import LViT
    net = fill("lvit", LViT(types.SimpleNamespace(base_channel=64)))
    kept = {}
    net.text_module1.register_forward_hook(lambda m, i, y: kept.update(text1=y.transpose(1, 2)))
    net.downVit.register_forward_hook(lambda m, i, y: kept.update(y1=y))
    net.downVit1.register_forward_hook(lambda m, i, y: kept.update(y2=y))
    text = torch.from_numpy(values("text", 10 * 768, 0, 1).reshape(1, 10, 768)).double()
    # The module turns its input to f32 first; a double is what its later layers hold.
    float_, torch.Tensor.float = torch.Tensor.float, torch.Tensor.double
    mask = net(image(224, 0.5, 0.5), text)
    torch.Tensor.float = float_
    show("lvit", mask=(mask, 787, 64), text1=(kept["text1"], 7, 64), y1=(kept["y1"], 197, 64),
         y2=(kept["y2"], 393, 64))


def berthop(clone):
    """The authors' VBFeatureExtraction under the head of their notebook."""
    sys.modules["src"] = types.ModuleType("src")
    sys.modules["src"].__path__ = [f"{clone}/src"]
    sys.modules["src.file_utils"] = types.SimpleNamespace(cached_path=None)
    from src import modeling
    modeling.VISUAL_CONFIG.visual_feat_dim = REGIONS
    config = modeling.BertConfig(VOCABULARY, hidden_size=32, num_hidden_layers=2,
                                 num_attention_heads=4, intermediate_size=64,
                                 max_position_embeddings=64)
    net = nn.Module()
    net.encoder = nn.Module()
    net.encoder.model = modeling.VBFeatureExtraction(config)
    net.logit_fc = nn.Sequential(nn.Linear(32, 64), modeling.GeLU(),
                                 modeling.BertLayerNorm(64, eps=1e-12), nn.Linear(64, 14))
    net = fill("berthop", net)
    ones = torch.ones(1, 6, dtype=torch.long)
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=torch.long)], 1)  # as the authors pad
    pooled = net.encoder.model(padded, torch.zeros_like(padded), (padded != 0).long(),
                               visual_feats=regions(6)[0], visual_token_type_ids=ones,
                               visual_attention_mask=ones)
    show("berthop", pooled=(pooled, 1, 32), diagnosis=(net.logit_fc(pooled), 1, 14))


class Grid(nn.Module):
    """Grid features of a ResNet as image tokens of one BERT: PixelBERT pools them two by two."""

    def __init__(self, name):
        super().__init__()
        from torchvision.models.resnet import BasicBlock, Bottleneck
        self.pool = name == "pixelbert"
        e = self.image_encoder = nn.Module()
        e.conv1, e.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
        down = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
        e.layer1 = nn.Sequential(BasicBlock(8, 8))
        e.layer2 = nn.Sequential(BasicBlock(8, 16, 2, down))
        self.bert = published.Bert(VOCABULARY, 64, 2, 1e-12, 0)
        self.image_projection = nn.Linear(16, 32)
        semantic = nn.Module()
        semantic.semantic_embedding = nn.Embedding(1, 32)
        setattr(self, name, semantic)
        self.semantic = lambda: semantic.semantic_embedding.weight[0]
        self.itm = nn.Linear(32, 2)
        self.cls = nn.Module()
        self.cls.predictions = nn.Module()
        self.cls.predictions.transform = published.Transform()
        self.cls.predictions.decoder = nn.Linear(32, VOCABULARY, bias=False)
        self.cls.predictions.bias = nn.Parameter(torch.zeros(VOCABULARY))

    def forward(self, pixels, ids):
        e, b, h = self.image_encoder, self.bert, self.cls.predictions
        y = torch.relu(e.bn1(e.conv1(pixels)))
        y = e.layer2(e.layer1(nn.functional.max_pool2d(y, 3, 2, 1)))
        if self.pool:
            y = nn.functional.max_pool2d(y, 2)
        y = self.image_projection(y.flatten(2).transpose(1, 2)) + self.semantic()
        x = torch.cat([b.embeddings(ids), b.embeddings.LayerNorm(y)], 1)
        for layer in b.encoder.layer:
            x = layer(x)
        pooled = torch.tanh(b.pooler.dense(x[:, 0]))
        words = nn.functional.gelu(h.transform.dense(x[:, :ids.shape[1]]))
        return pooled, self.itm(pooled), h.decoder(h.transform.LayerNorm(words)) + h.bias


def grid(name):
    net = fill(name, Grid(name))
    pooled, itm, mlm = net(image(4 * SIDE), ids)
    show(name, pooled=(pooled, 1, 32), itm=(itm, 1, 2), mlm=(mlm, 5, 56))


def m3ae(case, head):
    """M3AE with one of its heads for downstream tasks."""
    published.M3ae.vocabulary = VOCABULARY
    net = published.M3ae(lambda: published.ClipVit(grid=4, patch=8))
    del net.mlm_head
    if head == "cls":
        del net.itm_head
        net.cls_head = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU(),
                                     nn.Linear(64, 7))
    else:
        net.irtr_head = nn.Linear(64, 1)
    net = fill(case, net)
    pooled = net.pooled(image(SIDE), ids)
    logits = net.cls_head(pooled) if head == "cls" else net.irtr_head(pooled)
    show(case, pooled=(pooled, 1, 64), **{head: (logits, 1, 7)})


def uniter():
    published.Uniter.vocabulary = VOCABULARY
    net = published.Uniter(REGIONS)
    del net.cls, net.region_classifier
    net.rank_output = nn.Linear(32, 1)
    net = fill("uniter_retrieval", net)
    pooled = net.pooled(regions(6), ids)
    show("uniter_retrieval", pooled=(pooled, 1, 32), itm=(net.itm_output(pooled), 1, 2),
         rank=(net.rank_output(pooled), 1, 1))


@torch.no_grad()
def main():
    print("// Made by reference.py with torch", torch.__version__.split("+")[0] + ".")
    if sys.argv[1] == "lvit":
        lvit(sys.argv[2])
        return
    berthop(sys.argv[2])
    grid("pixelbert")
    grid("wang2021")
    m3ae("m3ae_cls", "cls")
    m3ae("m3ae_irtr", "irtr")
    uniter()


main()
