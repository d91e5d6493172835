"""The figures of the card, from the scores that `biovl eval` wrote:

python measure.py --data DIR --predictions out/predictions.csv [--other NAME=FILE.csv] --out figures.json

Only images of the splits val and val_extra count. Intervals: 1,000 draws of whole patients. FILE.csv
has the columns of predictions.csv; "pixels" and "view" are computed here."""

import argparse
import csv
import json
import pathlib

import numpy as np
import torch

import data
import lexicon
import metrics

BOOTSTRAPS, ENOUGH = 1000, 15


def read_scores(path, rows):
    """{label: [N]} in the order of rows."""
    with open(path, newline="") as f:
        table = list(csv.DictReader(f))
    place = {pathlib.Path(r["path"]).name: r for r in table}
    lines = [place[pathlib.Path(r.file).name] for r in rows]
    return {k: np.array([float(r[k]) for r in lines]) for k in table[0] if k != "path"}


def truths(rows):
    return {f: np.array([f in r.labels for r in rows]) for f in lexicon.FINDINGS}


def pixel_scores(folder, held, strengths=(1e-4, 1e-3)):
    """Decision values of logistic regression on standardised 48x48 pixels, trained on the
    unselected training images: a list of {finding: [N]}, one per strength (scikit-learn's C)."""
    seen = [r for r in data.training_rows(folder) if r.source == data.UNSELECTED]

    def pixels(rows):
        x = torch.from_numpy(data.load_images(folder, rows)).float().unsqueeze(1)
        return torch.nn.functional.interpolate(x, (48, 48), mode="area").flatten(1)

    x, y = pixels(seen), pixels(held)
    mean, std = x.mean(0), x.std(0).clamp(min=1.0)
    x, y = (x - mean) / std, (y - mean) / std
    truth = torch.tensor(np.array(list(truths(seen).values())).T, dtype=torch.float32)
    out = []
    for strength in strengths:
        w = torch.zeros(truth.shape[1], x.shape[1], requires_grad=True)
        b = torch.logit(truth.mean(0).clamp(1e-4)).requires_grad_()
        fit = torch.optim.LBFGS([w, b], max_iter=60, history_size=10, line_search_fn="strong_wolfe")

        def loss():
            fit.zero_grad()
            value = torch.nn.functional.binary_cross_entropy_with_logits(
                x @ w.T + b, truth, reduction="sum") * strength + 0.5 * w.square().sum()
            value.backward()
            return value

        fit.step(loss)
        z = (y @ w.T + b).detach().numpy().astype(np.float64)
        out.append(dict(zip(lexicon.FINDINGS, z.T)))
    return out


def kept_pixel_scores(args, rows):
    if args.pixels and args.pixels.exists():
        kept = np.load(args.pixels)["scores"]
    else:
        made = pixel_scores(args.data, rows)
        kept = np.array([[s[f] for f in lexicon.FINDINGS] for s in made])
        if args.pixels:
            np.savez(args.pixels, scores=kept)
    return [dict(zip(lexicon.FINDINGS, s)) for s in kept]


def areas(scores, truth, weight, findings, keep=None):
    """{finding: [1 + B]}, and the mean over `findings` under "macro"."""
    keep = np.ones(weight.shape[1], bool) if keep is None else keep
    out = {}
    for f in lexicon.FINDINGS:
        variants = scores[f] if isinstance(scores[f], list) else [scores[f]]
        with np.errstate(invalid="ignore", divide="ignore"):
            out[f] = np.mean(
                [metrics.auroc(v[keep], truth[f][keep], weight[:, keep]) for v in variants], axis=0)
    out["macro"] = np.nanmean([out[f] for f in findings], axis=0)
    return out


def summary(values):
    return {k: metrics.interval(v) for k, v in values.items() if not np.isnan(v[0])}


def calibration(score, truth, bins=15):
    """Brier score, expected calibration error (bins of equal width) and mean score."""
    place = np.clip(np.ceil(score * bins).astype(int) - 1, 0, bins - 1)
    gaps = [abs(score[place == b].sum() - truth[place == b].sum()) for b in range(bins)]
    return {"brier": round(float(np.mean((score - truth) ** 2)), 4),
            "ece": round(float(sum(gaps) / len(score)), 4),
            "mean_score": round(float(score.mean()), 4), "share": round(float(truth.mean()), 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--predictions", type=pathlib.Path, required=True)
    parser.add_argument("--other", action="append", default=[], help="NAME=FILE.csv")
    parser.add_argument("--pixels", type=pathlib.Path, help="keeps the scores of the pixels there")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    rows = data.held_out_rows(args.data)
    truth = truths(rows)
    weight = metrics.resamples(np.array([r.group for r in rows]), BOOTSTRAPS)
    positives = {f: int(truth[f].sum()) for f in lexicon.FINDINGS}
    findings = [f for f in lexicon.FINDINGS if positives[f] >= ENOUGH]
    scores = read_scores(args.predictions, rows)
    kinds = {"ensemble": {f: scores[f] for f in lexicon.FINDINGS}}
    if f"{findings[0]} (single)" in scores:
        kinds["single"] = {f: scores[f"{f} (single)"] for f in lexicon.FINDINGS}
        kinds["unseen"] = {f: [v for k, v in scores.items() if k.startswith(f"{f} (unseen")]
                           for f in lexicon.FINDINGS}
    for other in args.other:
        name, path = other.split("=", 1)
        kinds[name] = read_scores(path, rows)
    kinds["view"] = {f: np.array([float(r.view == "AP") for r in rows]) for f in lexicon.FINDINGS}
    all_areas = {k: areas(v, truth, weight, findings) for k, v in kinds.items()}
    pixels = [areas(s, truth, weight, findings) for s in kept_pixel_scores(args, rows)]
    best = {f: max(pixels, key=lambda p: p[f][0])[f] for f in lexicon.FINDINGS}
    best["macro"] = np.mean([best[f] for f in findings], axis=0)
    all_areas["pixels"] = best
    out = {"images": len(rows), "patients": len({r.group for r in rows}), "findings": findings,
           "positives": positives, "figures": {k: summary(v) for k, v in all_areas.items()}}
    out["differences"] = {
        f"ensemble-{k}": metrics.interval(all_areas["ensemble"]["macro"] - v["macro"])
        for k, v in all_areas.items() if k != "ensemble"}
    age = np.array([r.age for r in rows])
    strata = {"PA": [r.view == "PA" for r in rows], "AP": [r.view == "AP" for r in rows],
              "women": [r.sex == "F" for r in rows], "men": [r.sex == "M" for r in rows],
              "under 40": age < 40, "40 to 60": (age >= 40) & (age <= 60), "over 60": age > 60}
    out["strata"] = {}
    for name, keep in strata.items():
        keep = np.asarray(keep)
        some = [f for f in findings if truth[f][keep].sum() >= 5]
        got = areas(kinds["ensemble"], truth, weight, some, keep)
        out["strata"][name] = {"images": int(keep.sum()), "findings": len(some),
                               **metrics.interval(got["macro"])}
    out["calibration"] = {f: calibration(scores[f], truth[f]) for f in lexicon.FINDINGS}
    args.out.write_text(json.dumps(out, indent=1) + "\n")
    for k, v in out["figures"].items():
        print(k, v["macro"])


if __name__ == "__main__":
    main()
