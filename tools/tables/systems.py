"""The table of systems, from their cards, in docs/systems.md.

python tools/tables/systems.py            writes it
python tools/tables/systems.py --check    tells whether it is what the cards give
"""
import glob
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = {"resnet": "ResNet", "clip-resnet": "CLIP ResNet", "vit": "ViT", "swin": "Swin", "densenet": "DenseNet",
         "efficientnet-lite": "EfficientNet-Lite", "biovil-t": "ResNet with a prior image", "bert": "BERT", "roberta": "RoBERTa", "albert": "ALBERT",
         "megatron-bert": "MegatronBERT", "clip-text": "CLIP transformer", "glove": "word vectors"}
HEAD = """# Systems

Made from the cards of `assets/systems` by `tools/tables/systems.py`; `biovl info --systems`
prints those of a build.

"""
TAIL = """
## Radiographs from text

Stable Diffusion pipelines have no card: `biovl convert` reads a diffusers folder as it is
(`generation.md`).

| system | text encoder | image | source |
|---|---|---|---|
| RoentGen, RoentGen-v2 and open checkpoints of the layout of Stable Diffusion 1.x | CLIP or BERT | U-Net and autoencoder | huggingface.co/StanfordAIMI/RoentGen (gated) |

Compared with the diffusers library on reduced pipelines of both text encoders: token ids, text
states, the U-Net, each scheduler's every step, the autoencoder, the final image
(`conformance.roentgen*`). The layout of 2.x (linear projections, v-prediction) is built and not
compared. No full-size weights were at hand.

## What each is compared with

The tests `conformance.*` compare pixels, ids, embeddings and scores with outputs of the authors'
code. Of `umrl`, `lovt`, `mueller2022`, `bfspr`, and of `densenet121` under torchvision's names, no
such outputs exist: `model.systems` compares small checkpoints with references that this project
computed in PyTorch (`tests/model/systems.py`). They show that the cards do what is written here, not
that the authors' numbers follow.

- `rad-dino`, `dinov2-registers`: reduced checkpoints of the Hugging Face layout and of Meta's own,
  at three sizes; other sizes resample the positions as transformers does, also under Meta's names,
  whose code shifts its grid by a tenth of a patch.
- `eva-x`: reduced base and small checkpoints. The names within the published tiny and small files
  were not seen. Fine-tuned files (with a head) have no card.
- `ark`: the teacher's weights are taken. Labels of its six heads carry the data set ("NIH: Edema"); a
  bare name is taken where one head alone has it.
- `siglip`, `hf-clip`, `open-clip`: layouts of folders of transformers' `SiglipModel` and `CLIPModel`
  and of open_clip, which are read by their own configuration: SigLIP and XraySigLIP, PubMedCLIP, plip
  and XrayCLIP, QuiltNet and SigLIP in timm's names, say. Compared on reduced folders with these
  libraries. Of open_clip's options that no such folder has, ResNet towers, LayerScale, pooling by the
  mean of patches or the first token, norms after pooling and `resize_mode` "longest" are compared with
  small models of the library (`model.open_clip_folders`; pixels and further flags by hand). Refused by
  name: CoCa's (`embed_cls`, `attentional_pool`), `no_causal_mask` with a pooled end marker, a
  `fill_color`. Recipes do what the processors do with Pillow (transformers 4); with
  `--processor torchvision` what transformers 5 does, compared with 5.24 on five images: no float of
  SigLIP's, MedSigLIP's, CLIP's and RAD-DINO's differs. The difference between the two is up to two
  gray levels, and more where one side grows and the other shrinks.
- `siglip2`: the fixed resolutions (`google/siglip2-*-patch*-*`, not NaFlex), also in timm's names by
  `open-clip`. Texts are lower-cased first, as the model was trained (Siglip2Tokenizer does so, other
  classes that read the same `tokenizer.json` do not). No published file was at hand: ids are those of
  the tokenizers and sentencepiece libraries for vocabularies of that kind that were trained here, on
  427 strings and 8,000 random ones; letters of Unicode 16 (Garay) stay capitals, which its newest
  library lower-cases.
- `medsiglip`: its three official preparations, `--set preprocess=medsiglip` (the authors' notebook;
  what is taken without it), `medsiglip-processor`, `medsiglip-serving`; 427 strings with
  `SiglipTokenizer`. Its `tokenizer.json` cuts 51 of them otherwise and is not read.
- `chexbert`: a reduced checkpoint in both forms of file, ids, logits, classes and `[CLS]` vectors, with the
  preparation of `label.py`, of `utils.label_report_list` (`--set tokenizer.clean=spaces-unnumbered`) and of
  RadEval (`--set tokenizer.clean=none`).
- `pubmedclip`: the authors' file of the ViT-B/32; the ResNets' have no card.
- `unimed-clip`, `unimed-clip-l14`: a reduced file of the first; the second differs in size.
- `kad-512`, `kad-224`, `medklip`, `carzero`: labels are the queries of a decoder. In KAD and MedKLIP
  they see each other, so that a score depends on which labels are asked together: results say
  `labels_together`. KAD asks the labels given; MedKLIP always asks its whole disease book, which
  `biovl convert` takes with the text encoder after the first file:
  `biovl convert checkpoint_final.pth Bio_ClinicalBERT "observation explanation.json" -o medklip.safetensors`.
  CARZero scores each label alone, in logits.
- `mavl`: as MedKLIP, with nine queries for each entry: its description and eight visual aspects, a
  second book: `biovl convert checkpoint_full_46.pth Bio_ClinicalBERT "observation explanation.json"
  gpt4_mimic.json -o mavl.safetensors`. No checkpoint and no outputs of the authors' code were at hand:
  `model.mavl` compares a small one with an implementation of ours of what the public code does. Scores
  are those of its classifier (mode "feature" of that code), not of the comparison of texts with the
  pooled image; texts are taken to end without [SEP], as in MedKLIP's copy of the tokenizer.
- `txv-densenet121-*`: the data sets' own networks have the tensors of `txv-densenet121`, which is
  compared; `biovl convert` tells them by the published file names, `--system` chooses one. Labels and
  thresholds are those of the library, 1.5.7. `txv-resnet50` is not compared with outputs of the
  library.
- `lovt`, `mueller2022`: names and arithmetic are those of the public code. The mean and deviation of
  its pixels are statistics of the training data, which neither code nor checkpoint carries; 0.471
  and 0.302 in the card are unverified; a card with other ones is given with `--system ./card.json`.
- `bfspr`: no code was found. The card loads the OpenAI CLIP ResNet that the paper starts from.
- `umrl`: no code was found. The tensor names are ours, the linear maps those of the paper.
- Bare text encoders are compared with Hugging Face's implementations (`tests/model/families.py`), a
  trained one with the library that its authors use (`tests/model/minilm.py`).
- `efficientnet-lite0`: the trained file of the package, with the package's PyTorch code
  (`tests/model/lite0.py`).
"""


def cards():
    for path in sorted(glob.glob(os.path.join(ROOT, "assets/systems/*.json"))):
        with open(path, encoding="utf-8") as f:
            yield json.load(f)


def cell(card, tower):
    if "open_clip" in card.get("settings", {}):
        return "by its configuration"
    arch = card.get(tower, {}).get("arch", "")
    return NAMES.get(arch, arch) or "–"


def score(card):
    if "head" in card:
        return card["head"].get("kind", "sequence") + " head"
    return card.get("scoring", {}).get("rule", "–").replace("_", " ")


def full_table():
    lines = ["| name | system | image | text | score | source |", "|---|---|---|---|---|---|"]
    for card in cards():
        lines.append(f"| `{card['name']}` | {card.get('title', '')} | {cell(card, 'image')} | "
                     f"{cell(card, 'text')} | {score(card)} | {card.get('source', '')} |")
    return "\n".join(lines) + "\n"


def main():
    path = os.path.join(ROOT, "docs/systems.md")
    new = HEAD + full_table() + TAIL
    with open(path, encoding="utf-8") as f:
        old = f.read()
    if sys.argv[1:] == ["--check"]:
        return 0 if new == old else f"docs/systems.md: not what the cards give, run {sys.argv[0]}"
    if new != old:
        with open(path, "w", encoding="utf-8") as f:
            f.write(new)
    return 0


sys.exit(main())
