"""Measures the recipe: python crossval.py --data DIR --out FILE.json

Five folds over the NIH groups of the train and val splits. In each, everything that sees an image
is trained on the other four folds; the text side before any image is shared. Writes AUROC per
finding with bootstrap intervals over patients, by view, for the prompt ensemble, a single prompt,
unseen phrases, image-text matching, and the pixel baseline.
"""

import argparse
import json
import pathlib
import pickle
import time

import numpy as np
import torch

import contrast
import data
import figures
import lexicon
import matching
import pixel_baseline
import train
import zeroshot

FOLDS, FOLD_SEED = 5, 11
BASELINE_STRENGTHS = [1e-4, 1e-3]


def scatter(parts, fold):
    """Per-fold scores {kind: {finding: [n] or list of [n]}} to scores over all rows."""
    out = {}
    for kind, findings in parts[0].items():
        out[kind] = {}
        for f, example in findings.items():
            n = len(example) if isinstance(example, list) else 1
            values = [np.zeros(len(fold)) for _ in range(n)]
            for k, part in enumerate(parts):
                v = part[kind][f]
                for i, one in enumerate(v if isinstance(v, list) else [v]):
                    values[i][fold == k] = one
            out[kind][f] = values if isinstance(example, list) else values[0]
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
        help="train these folds and stop before the figures, to share the work "
        "between processes; a last call without it gathers",
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
    parts, statement = [], []
    for k in args.only:
        seen, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        saved = args.work / f"fold-{k}.pickle"
        if not saved.exists():
            log(f"fold {k}")
            net = train.fit(
                sizes, tokenizer, text_weights, [rows[i] for i in seen], images[seen], recipe, log
            )
            part = zeroshot.scores(net, tokenizer, images[held])
            part["matching"] = matching.scores(net, tokenizer, images[held])
            matched = matching.statement_auroc(
                net, tokenizer, [rows[i] for i in held], images[held]
            )
            saved.write_bytes(pickle.dumps((part, matched)))
        part, matched = pickle.loads(saved.read_bytes())
        parts.append(part)
        statement.append(matched)
    if len(parts) < FOLDS:
        return
    scores = scatter(parts, fold)
    out = figures.summary(scores, rows, fold)
    out["matching_statement_auroc"] = [round(v, 4) for v in statement]
    images48 = data.load_images(args.data, rows, 48, args.work)
    for c in BASELINE_STRENGTHS:
        out[f"pixel_baseline_C{c:g}"] = figures.per_finding(
            pixel_baseline.out_of_fold(rows, images48, fold, c), rows, fold
        )
    view = np.array([float(r.view == "AP") for r in rows])
    out["view_alone"] = figures.per_finding({f: view for f in lexicon.FINDINGS}, rows, fold)
    out["folds"] = {
        "n": FOLDS,
        "seed": FOLD_SEED,
        "images": [int((fold == k).sum()) for k in range(FOLDS)],
    }
    out["seconds"] = round(time.time() - started)
    args.out.write_text(json.dumps(out, indent=1) + "\n")
    for f, v in out["ensemble"].items():
        log(f"{f}: {v['auroc']:.3f} ({v['low']:.3f} to {v['high']:.3f})")


if __name__ == "__main__":
    main()
