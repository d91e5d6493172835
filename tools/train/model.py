"""The dual encoder and its fusion head; the text side has the tensor names of Hugging Face.

Image: EfficientNet-Lite0 of one input channel (efficientnet.py); the last map is averaged and
projected. Text: a small post-LN BERT; the hidden states of all tokens, [CLS] and [SEP]
included, are averaged and projected. Both embeddings are L2-normalised. Fusion: BERT layers in
which text tokens attend to themselves, then to the image map; `itm_head` reads [CLS].
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

import data
import efficientnet


@dataclasses.dataclass
class Sizes:
    vocabulary: int = 2600
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    intermediate: int = 512
    positions: int = 128
    embedding: int = 128
    fusion_layers: int = 2


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
        self.image_projection = nn.Linear(efficientnet.HEAD, s.hidden)
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
        self.image_encoder = efficientnet.EfficientNetLite0(0)
        self.image_projection = nn.Linear(efficientnet.HEAD, sizes.embedding)
        self.text_encoder = Bert(sizes, dropout)
        self.text_projection = nn.Linear(sizes.hidden, sizes.embedding, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.fusion = Fusion(sizes, dropout)

    def embed_image(self, pixels):
        return self.embed_features(self.image_encoder(pixels).mean((2, 3)))

    def embed_features(self, pooled):
        """Mean of the last map [N,1280] to embeddings."""
        return F.normalize(self.image_projection(pooled), dim=-1)

    def pool_text(self, ids, keep):
        weight = keep.unsqueeze(-1).float()
        return (self.text_encoder(ids, keep) * weight).sum(1) / weight.sum(1)

    def embed_text(self, ids, keep):
        return F.normalize(self.text_projection(self.pool_text(ids, keep)), dim=-1)


def fold_pixels(state):
    """The weights for pixels as the model file gives them (data.FILE_MEAN, data.FILE_STD): the first
    convolution takes the factor, the normalisation after it the shift."""
    out = {k: v.contiguous() for k, v in state.items()}
    stem = out["image_encoder._conv_stem.weight"]
    shift = (data.FILE_MEAN - data.MEAN) / data.STD
    out["image_encoder._bn0.running_mean"] = (
        out["image_encoder._bn0.running_mean"] - shift * stem.sum((1, 2, 3)))
    out["image_encoder._conv_stem.weight"] = stem * (data.FILE_STD / data.STD)
    return out
