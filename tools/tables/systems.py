"""The table of systems, from their cards: python tools/tables/systems.py > docs/systems.md

With --check FILE it tells whether FILE is what the cards give."""
import glob
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = {"resnet": "ResNet", "clip-resnet": "CLIP ResNet", "vit": "ViT", "swin": "Swin", "densenet": "DenseNet",
         "biovil-t": "ResNet with a prior image", "bert": "BERT", "roberta": "RoBERTa", "albert": "ALBERT",
         "megatron-bert": "MegatronBERT", "clip-text": "CLIP transformer", "glove": "word vectors"}


def cell(card, tower):
    arch = card.get(tower, {}).get("arch", "")
    return NAMES.get(arch, arch) or "–"


def table():
    lines = ["# Systems", "",
             "Made from the cards of `assets/systems` by `tools/tables/systems.py`; `biovl info --systems`",
             "prints those of a build.", "",
             "| name | system | image | text | score | source |", "|---|---|---|---|---|---|"]
    for path in sorted(glob.glob(os.path.join(ROOT, "assets/systems/*.json"))):
        with open(path, encoding="utf-8") as f:
            card = json.load(f)
        score = card.get("scoring", {}).get("rule", "–").replace("_", " ")
        lines.append(f"| `{card['name']}` | {card.get('title', '')} | {cell(card, 'image')} | "
                     f"{cell(card, 'text')} | {score} | {card.get('source', '')} |")
    return "\n".join(lines) + "\n"


if len(sys.argv) == 3 and sys.argv[1] == "--check":
    with open(sys.argv[2], encoding="utf-8") as f:
        sys.exit(f.read() != table() and f"{sys.argv[2]} is not what the cards give: run {sys.argv[0]}")
sys.stdout.write(table())
