"""Measures the recipe: python crossval.py --data DIR --out FILE.json

Five folds over the NIH groups of the train and val splits. In each, the dual encoder is trained on
the other four folds; the text side before any image is shared. Writes AUROC per finding with
bootstrap intervals over patients, by view, for the prompt ensemble, a single prompt and unseen
phrases, and for the pixel baseline.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch

import contrast
import data
import figures
import lexicon
import pixel_baseline
import train
import zeroshot

FOLDS, FOLD_SEED = 5, 11
BASELINE_STRENGTHS = [1e-4, 1e-3]


def gather(parts, fold):
    """Scores of each fold {fold: {kind: {finding: [n] or list of [n]}}} as scores of all rows."""

    def place(pick):
        out = np.zeros(len(fold))
        for k, part in parts.items():
            out[fold == k] = pick(part)
        return out

    def all_rows(kind, f, example):
        if not isinstance(example, list):
            return place(lambda part: part[kind][f])
        return [place(lambda part, i=i: part[kind][f][i]) for i in range(len(example))]

    first = next(iter(parts.values()))
    return {
        kind: {f: all_rows(kind, f, example) for f, example in findings.items()}
        for kind, findings in first.items()
    }


def measure(parts, rows, fold, images48):
    """All figures over the rows of the folds in `parts`."""
    n = np.flatnonzero(np.isin(fold, list(parts)))
    few, few_fold = [rows[i] for i in n], fold[n]
    out = figures.summary(gather(parts, few_fold), few, few_fold)
    for c in BASELINE_STRENGTHS:
        score = pixel_baseline.out_of_fold(rows, images48, fold, c)
        out[f"pixel_baseline_C{c:g}"] = figures.per_finding(
            {f: v[n] for f, v in score.items()}, few, few_fold
        )
    view = np.array([float(r.view == "AP") for r in few])
    out["view_alone"] = figures.per_finding({f: view for f in lexicon.FINDINGS}, few, few_fold)
    out["folds"] = {
        "n": FOLDS,
        "seed": FOLD_SEED,
        "measured": sorted(parts),
        "images": [int((few_fold == k).sum()) for k in sorted(parts)],
    }
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/biovl-train"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--only",
        type=int,
        nargs="*",
        default=range(FOLDS),
        help="train and report these folds only; trained ones are kept in --work",
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    args.work.mkdir(parents=True, exist_ok=True)
    started = time.time()

    def log(line):
        print(f"[{time.time() - started:6.0f} s] {line}", flush=True)

    recipe = contrast.Recipe()
    rows = data.read_rows(args.data)
    images = data.load_images(args.data, rows, recipe.size, args.work)
    fold = data.folds(rows, FOLDS, FOLD_SEED)
    sizes, tokenizer, text_weights, _ = train.prepare_text(args.data, args.work, log)
    parts = {}
    for k in args.only:
        seen, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        log(f"fold {k}")
        net = train.fit_dual(
            sizes,
            tokenizer,
            text_weights,
            [rows[i] for i in seen],
            images[seen],
            recipe,
            args.work / f"dual-{k}.pt",
            log,
        )
        parts[k] = zeroshot.scores(net, tokenizer, images[held])
    log("figures")
    out = measure(parts, rows, fold, data.load_images(args.data, rows, 48, args.work))
    out["seconds"] = round(time.time() - started)
    args.out.write_text(json.dumps(out, indent=1) + "\n")
    for f, v in out["ensemble"].items():
        log(f"{f}: {v['auroc']:.3f} ({v['low']:.3f} to {v['high']:.3f})")


if __name__ == "__main__":
    main()
