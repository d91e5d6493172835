"""Writes the model card from measured figures:
python card.py --recipe recipe.json --crossval crossval.json --out card.md"""

import argparse
import json
import pathlib

import lexicon

TEXT = """# biovl-cxr-small: a research demonstration model

A small dual encoder for frontal chest radiographs and English radiology phrases, trained from
scratch on {n_seen} radiographs so that a fresh clone can do something real. It is a demonstration of
the path from data to scores. **It is not a medical device and must not be used for diagnosis,
triage, screening or any decision about a patient.** Its scores are rankings with modest accuracy
(see the intervals), not probabilities.

## What it is

| part | |
|---|---|
| image encoder | ResNet-18 with widths {widths}, one channel, {size}x{size} pixels |
| text encoder | BERT, {layers} layers of {hidden}, {heads} heads, own uncased WordPiece vocabulary of {vocabulary} |
| embedding | {embedding} dimensions, L2-normalised |
| fusion head | {fusion_layers} cross-attention layers, image-text matching |
| parameters | {parameters} ({megabytes:.1f} MB in f16) |
| preprocessing | gray 8-bit, zero-padded to a centred square, Pillow bilinear to {size}x{size}, /255, (x - {mean}) / {std} |
| zero-shot score | softmax of the image's scaled cosines with affirming and denying prompts, each the normalised mean of its templates: {positive}; {negative} |

## Data

- NIH ChestX-ray14, {n_seen} images of the train split (labels were mined from reports by software and
  are wrong for part of the images). The NIH Clinical Center provided the images: Wang X, Peng Y,
  Lu L, Lu Z, Bagheri M, Summers RM. *ChestX-ray8: Hospital-scale Chest X-ray Database and
  Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax Diseases.* CVPR
  2017. <https://nihcc.app.box.com/v/ChestXray-NIHCC>
- Indiana University chest X-ray reports (Open-i, CC BY-NC-ND 4.0), text only: word counts for the
  vocabulary and masked-language pretraining of the text encoder. No report text is contained in
  this repository. Demner-Fushman D et al. *Preparing a collection of radiology examinations for
  distribution and retrieval.* JAMIA 2016.
- Captions were composed from the labels with a lexicon written for this project
  (`tools/train/lexicon.py`). No other radiographs were used.

## Recipe

`tools/train/train.py`: vocabulary; masked-language pretraining of the text encoder; teaching it
which findings a text affirms or denies; then, with the text encoder locked, contrastive training of
image encoder and projections (per-finding affirming and denying texts, captions with MedCLIP's soft
targets, age, sex and view as texts; augmentation, mixup, averaged weights); last the fusion head on
frozen encoders. {epochs} epochs, seeds {seeds}; the whole took {seconds} s on 2 shared CPU cores.

## How well it works

AUROC, 95 % bootstrap interval over patients, zero-shot through text only (no classifier head).

**Cross-validation of the recipe** on {n_all} NIH images, {folds}, no
patient in two folds, the image side trained again in each. Mean of the AUROC within the folds. "Pixels" is logistic regression
on 48x48 pixels in the same folds (the better of C = 1e-4 and 1e-3 for each finding, chosen in its
favour); "view" is the AUROC of "the image is AP" (below 0.5: the finding goes with PA). Choices of the
recipe (text encoder locked or not, resolution, weights) were made by looking at folds 0 and 1; the
unseen phrases were written before any score with them was seen.

{cv_table}

Macro is the mean over: {headline}.
{below}

| variant | macro AUROC |
|---|---|
{variant_table}

{unseen_sentence}
The unseen phrases and templates are `HELD_OUT_PHRASES` and `HELD_OUT_TEMPLATES` of the lexicon.

**By view** (the same scores, PA and AP images apart):

{view_table}

**The shipped file** on the {n_val} held-out images of the val split, never trained on. Few positives,
wide intervals. `biovl eval` gives the same figures from the shipped file (f16) to 0.0005:

    biovl eval manifest.csv --labels tools/train/labels.txt --path-col file --root DIR \\
        --list-col labels --where source_set=nih --where split_hint=val -o OUT

{val_table}

The fusion head (image-text matching) is weaker than the dual encoder: with the finding's name as
text its macro AUROC on the same images is {matching}, and it tells
true from false statements about them with AUROC {statement:.3f}. It is there so that `match` and
reranking can be tried, not because it improves a ranking.

## What misleads it

- **View and severity.** AP portable films are of sicker patients. The view alone gives AUROC
  {view_edema} for edema and {view_normal} for no finding; part of those figures is that. Read the
  figures by view.
- **Scanner and source.** All training images come from one hospital as 8-bit files with its own
  windowing. Other scanners, windows, collimation or burned-in marks shift the scores. Scores of
  images from different sources must not be compared.
- **Labels** are noisy and exclude what the report did not say. "No finding" means that none of 14
  findings was mined.
- **Tubes, drains and lines** go with pneumothorax and edema; the model may see these instead.
- Lateral views and anything but frontal chest radiographs are outside its training; children and
  post-operative chests are few in it.

## What it must not be used for

Any clinical purpose. Any claim about COVID-19: no such label was trained or measured, and public
COVID-19 radiographs come from other sources than their controls, which measures the scanner. Any
comparison of groups of patients. Findings not in the table: the text encoder will embed any phrase,
and the score will mean nothing.
"""


def cell(v):
    return f"{v['auroc']:.3f} ({v['low']:.3f} to {v['high']:.3f})"


def finding_rows(names, columns):
    return "\n".join(f"| {f} | " + " | ".join(c(f) for c in columns) + " |" for f in names)


def folds_in_words(folds):
    if len(folds["measured"]) == folds["n"]:
        return f"{folds['n']} folds"
    return f"{len(folds['measured'])} of {folds['n']} folds (the others were not run)"


def pixels(cv, f):
    return max(
        (v[f] for k, v in cv.items() if k.startswith("pixel_baseline")), key=lambda v: v["auroc"]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("recipe", "crossval", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    args = parser.parse_args()
    r, cv = json.loads(args.recipe.read_text()), json.loads(args.crossval.read_text())
    val = r["held_out_val"]
    names = (
        lexicon.HEADLINE + [f for f in lexicon.FINDINGS if f not in lexicon.HEADLINE] + ["macro"]
    )
    positives = {f: str(cv["ensemble"][f].get("positives", "")) for f in names}
    cv_table = (
        "| finding | positives | this recipe | pixels | view |\n|---|---|---|---|---|\n"
        + finding_rows(
            names,
            [
                positives.get,
                lambda f: cell(cv["ensemble"][f]),
                lambda f: f"{pixels(cv, f)['auroc']:.3f}",
                lambda f: f"{cv['view_alone'][f]['auroc']:.3f}",
            ],
        )
    )
    variants = [
        ("ensemble", "prompt ensemble (the shipped rule)"),
        ("single", 'one prompt pair: "NAME", "no NAME"'),
        ("cosine", "cosine with the name alone"),
        ("unseen", "unseen phrases, prompt ensemble"),
        ("unseen_cosine", "unseen phrases, cosine with the phrase alone"),
        ("unseen_template", "the name in unseen templates, cosine"),
    ]
    loss = cv["ensemble"]["macro"]["auroc"] - cv["unseen"]["macro"]["auroc"]
    loss_cosine = cv["cosine"]["macro"]["auroc"] - cv["unseen_cosine"]["macro"]["auroc"]
    view_table = "| finding | PA | AP |\n|---|---|---|\n" + finding_rows(
        lexicon.HEADLINE + ["macro"],
        [lambda f: cell(cv["ensemble_PA"][f]), lambda f: cell(cv["ensemble_AP"][f])],
    )
    val_table = "| finding | positives | AUROC |\n|---|---|---|\n" + finding_rows(
        names,
        [
            lambda f: str(val["ensemble"][f].get("positives", "")),
            lambda f: cell(val["ensemble"][f]),
        ],
    )
    below = [f for f in lexicon.FINDINGS if cv["ensemble"][f]["auroc"] <= pixels(cv, f)["auroc"]]
    t = r["training"]
    args.out.write_text(
        TEXT.format(
            n_seen=r["images_trained"],
            n_all=sum(cv["folds"]["images"]),
            folds=folds_in_words(cv["folds"]),
            n_val=val["images"],
            widths=", ".join(map(str, r["image"]["widths"])),
            size=r["image"]["size"],
            layers=r["text"]["layers"],
            hidden=r["text"]["hidden"],
            heads=r["text"]["heads"],
            vocabulary=r["text"]["vocabulary"],
            embedding=r["embedding"],
            fusion_layers=r["fusion"]["layers"],
            parameters=r["parameters"],
            megabytes=r["parameters"] * 2 / 1e6,
            mean=r["preprocessing"]["mean"],
            std=r["preprocessing"]["std"],
            positive=", ".join(f'"{p}"' for p in r["zero_shot"]["positive"]),
            epochs=t["epochs"],
            seeds=f"{t['text_seed']}, {t['seed']}, {t['fusion_seed']}",
            seconds=t["seconds"],
            cv_table=cv_table,
            headline=", ".join(lexicon.HEADLINE),
            below=f"**Not above the pixel baseline: {', '.join(below)}.**" if below else "",
            variant_table="\n".join(f"| {text} | {cell(cv[k]['macro'])} |" for k, text in variants),
            unseen_sentence=f"A phrase never trained on costs {loss:.3f} with the prompt ensemble and "
            f"{loss_cosine:.3f} with the cosine alone.",
            statement=val["matching_statement_auroc"],
            matching=cell(val["matching"]["macro"]),
            negative=", ".join(f'"{p}"' for p in r["zero_shot"]["negative"]),
            view_table=view_table,
            val_table=val_table,
            view_edema=f"{cv['view_alone']['edema']['auroc']:.2f}",
            view_normal=f"{cv['view_alone']['no finding']['auroc']:.2f}",
        )
    )


if __name__ == "__main__":
    main()
