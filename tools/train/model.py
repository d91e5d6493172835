"""The dual encoder and its fusion head, with the tensor names of torchvision and Hugging Face.

Image: ResNet-18 of quarter parameters (half widths), one input channel; the last map is averaged
and projected. Text: a small post-LN BERT; the hidden states of all tokens, [CLS] and [SEP]
included, are averaged and projected. Both embeddings are L2-normalised. Fusion: BERT layers in
which text tokens attend to themselves, then to the image map; `itm_head` reads [CLS].
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Sizes:
    widths: tuple = (32, 64, 128, 256)
    vocabulary: int = 2600
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    intermediate: int = 512
    positions: int = 128
    embedding: int = 128
    fusion_layers: int = 2


class BasicBlock(nn.Module):
    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + skip)


class ResNet18(nn.Module):
    """[N,1,S,S] to the last map [N,C,S/32,S/32]."""

    def __init__(self, widths):
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        n_in = widths[0]
        for i, n_out in enumerate(widths):
            stage = nn.Sequential(
                BasicBlock(n_in, n_out, 1 if i == 0 else 2), BasicBlock(n_out, n_out, 1)
            )
            setattr(self, f"layer{i + 1}", stage)
            n_in = n_out
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, BasicBlock):
                nn.init.zeros_(m.bn2.weight)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class Attention(nn.Module):
    """BertAttention: `self.query/key/value`, `output.dense`, post-LN."""

    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.self = nn.ModuleDict({n: nn.Linear(hidden, hidden) for n in ("query", "key", "value")})
        self.output = nn.ModuleDict(
            {"dense": nn.Linear(hidden, hidden), "LayerNorm": nn.LayerNorm(hidden, eps=1e-12)}
        )

    def forward(self, x, context, keep, dropout):
        def split(t):
            return t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)

        q, k, v = (
            split(self.self[n](s)) for n, s in (("query", x), ("key", context), ("value", context))
        )
        bias = None if keep is None else torch.where(keep, 0.0, -1e9)[:, None, None, :].to(q.dtype)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        y = self.output["dense"](y.transpose(1, 2).flatten(2))
        return self.output["LayerNorm"](x + F.dropout(y, dropout, self.training))


class BertLayer(nn.Module):
    def __init__(self, hidden, heads, intermediate, cross=False):
        super().__init__()
        self.attention = Attention(hidden, heads)
        if cross:
            self.crossattention = Attention(hidden, heads)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, intermediate)})
        self.output = nn.ModuleDict(
            {"dense": nn.Linear(intermediate, hidden), "LayerNorm": nn.LayerNorm(hidden, eps=1e-12)}
        )

    def forward(self, x, keep, dropout, image=None):
        x = self.attention(x, x, keep, dropout)
        if image is not None:
            x = self.crossattention(x, image, None, dropout)
        y = self.output["dense"](F.gelu(self.intermediate["dense"](x)))
        return self.output["LayerNorm"](x + F.dropout(y, dropout, self.training))


class Bert(nn.Module):
    """Token ids and mask [M,T] to hidden states [M,T,hidden]."""

    def __init__(self, s, dropout):
        super().__init__()
        self.dropout = dropout
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(s.vocabulary, s.hidden),
                "position_embeddings": nn.Embedding(s.positions, s.hidden),
                "token_type_embeddings": nn.Embedding(2, s.hidden),
                "LayerNorm": nn.LayerNorm(s.hidden, eps=1e-12),
            }
        )
        self.encoder = nn.ModuleDict(
            {
                "layer": nn.ModuleList(
                    BertLayer(s.hidden, s.heads, s.intermediate) for _ in range(s.layers)
                )
            }
        )
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=0.04)

    def forward(self, ids, keep):
        e = self.embeddings
        x = (
            e["word_embeddings"](ids)
            + e["position_embeddings"].weight[: ids.shape[1]]
            + e["token_type_embeddings"].weight[0]
        )
        x = F.dropout(e["LayerNorm"](x), self.dropout, self.training)
        for layer in self.encoder["layer"]:
            x = layer(x, keep, self.dropout)
        return x


class Fusion(nn.Module):
    def __init__(self, s, dropout):
        super().__init__()
        self.dropout = dropout
        self.image_projection = nn.Linear(s.widths[-1], s.hidden)
        self.layer = nn.ModuleList(
            BertLayer(s.hidden, s.heads, s.intermediate, cross=True) for _ in range(s.fusion_layers)
        )
        self.itm_head = nn.Linear(s.hidden, 2)

    def forward(self, hidden, keep, image_map):
        """hidden [N,T,h], keep [N,T], image_map [N,C,H,W] to logits [N,2] (no match, match)."""
        image = self.image_projection(image_map.flatten(2).transpose(1, 2))
        for layer in self.layer:
            hidden = layer(hidden, keep, self.dropout, image)
        return self.itm_head(hidden[:, 0])


class BioVL(nn.Module):
    def __init__(self, sizes, dropout=0.1):
        super().__init__()
        self.image_encoder = ResNet18(sizes.widths)
        self.image_projection = nn.Linear(sizes.widths[-1], sizes.embedding, bias=False)
        self.text_encoder = Bert(sizes, dropout)
        self.text_projection = nn.Linear(sizes.hidden, sizes.embedding, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.fusion = Fusion(sizes, dropout)

    def embed_image(self, pixels, drop=0.0):
        pooled = self.image_encoder(pixels).float().mean((2, 3))
        return F.normalize(self.image_projection(F.dropout(pooled, drop, self.training)), dim=-1)

    def pool_text(self, ids, keep):
        weight = keep.unsqueeze(-1).float()
        return (self.text_encoder(ids, keep) * weight).sum(1) / weight.sum(1)

    def embed_text(self, ids, keep):
        return F.normalize(self.text_projection(self.pool_text(ids, keep)), dim=-1)
