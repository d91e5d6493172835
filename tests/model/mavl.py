"""Expected scores of MAVL, of which no outputs of its authors' code are at hand: an independent
implementation in PyTorch of what docs/systems.md tells, with the tensor names of the public code.

python mavl.py > mavl.inc      (torch, torchvision, transformers)

Weights and pixels are the fixed formula of formula.py, which tests/model/folder.c repeats.
"""
import json

import torch
import torchvision
import transformers
from torch import nn

from formula import fill, values

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "small", "left", "effusion", "no", "##s", "right", "air", "heart", ":"]
ENTRIES = {"effusion": "small left effusion", "heart": "no heart", "air": "air right", "normal": "no effusions"}
PLAIN = [w for w in WORDS[5:] if w != "##s"]
ASPECTS = {name: [" ".join(PLAIN[(3 * i + 2 * k + j * (k + 1)) % 8] for j in range(1 + (i + k) % 4)) for k in range(8)]
           for i, name in enumerate(["heart", "normal", "air", "effusion", "unasked"])}
WIDTH, HEADS, LAYERS, TEXT = 16, 4, 2, 24
CONFIG = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": len(WORDS), "hidden_size": TEXT,
          "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32, "max_position_embeddings": 64,
          "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12}


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.multihead_attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.linear1, self.linear2 = nn.Linear(WIDTH, 32), nn.Linear(32, WIDTH)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, q, memory):
        x = self.norm1(q)
        q = q + self.self_attn(x, x, x)[0]
        q = q + self.multihead_attn(self.norm2(q), memory, memory)[0]
        return q + self.linear2(torch.relu(self.linear1(self.norm3(q))))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)


class Mavl(nn.Module):
    def __init__(self):
        super().__init__()
        net = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [1, 1, 1, 1], width_per_group=4)
        self.backbone = nn.Sequential(*list(net.children())[:-3])
        self.res_l1 = nn.Sequential(nn.Conv2d(1024, 24, 1), nn.PReLU())
        self.res_l2 = nn.Conv2d(24, WIDTH, 1)
        self.location_emb = nn.Conv1d(WIDTH, 8, 9, 9)  # not read for scores
        self.disease_embedding_layer = nn.Linear(TEXT, WIDTH)
        self.decoder = Decoder()
        self.classifier = nn.Linear(9 * WIDTH, 2)

    def forward(self, pixels, texts):
        memory = self.res_l2(self.res_l1(self.backbone(pixels))).flatten(2).permute(2, 0, 1)
        q = self.disease_embedding_layer(texts).unsqueeze(1)
        for layer in self.decoder.layers:
            q = layer(q, memory)
        q = self.decoder.norm(q).permute(1, 0, 2).reshape(1, len(ENTRIES), 9 * WIDTH)
        return torch.softmax(self.classifier(q), -1)[0, :, 1]


def ids(text):
    pieces = []
    for word in text.split():
        pieces += [7, 9] if word == "effusions" else [WORDS.index(word) if word in WORDS else 1]
    return [2] + pieces  # the authors' copy of the tokenizer puts no [SEP] behind one text


def main():
    print(f"// Made by mavl.py with torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}.")
    print("// clang-format off")
    model = fill("mavl", Mavl())
    bert = fill("mavl_text", transformers.BertModel(transformers.BertConfig(**CONFIG)))
    texts = [t for name, text in ENTRIES.items() for t in [text] + ASPECTS[name]]
    states = torch.cat([bert(torch.tensor([ids(t)])).last_hidden_state[:, 0] for t in texts])
    pixels = torch.from_numpy(values("pixels", 64 * 64 * 3, 0, 1.5).reshape(1, 64, 64, 3)).permute(0, 3, 1, 2).double()
    for name, value in (("config", CONFIG), ("book", ENTRIES), ("aspects", ASPECTS)):
        print(f"static const char {name}_mavl[] = {json.dumps(json.dumps(value))};")
    print(f"static const char words_mavl[] = {json.dumps(''.join(w + chr(10) for w in WORDS))};")
    scores = model(pixels, states).tolist()
    print("static const double scores_mavl[] = {" + ", ".join(f"{v:.9g}" for v in scores) + "};")


with torch.no_grad():
    main()
