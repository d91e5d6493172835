"""The figures of the card: AUROC with bootstrap intervals from held-out scores."""

import numpy as np

import data
import lexicon
import metrics

BOOTSTRAPS = 1000


def per_finding(score, rows, fold, keep=None):
    """{finding: {auroc, low, high, positives}} and the headline macro average under "macro".
    score: {finding: [N] or a list of [N], whose AUROCs are averaged}; keep: rows to count."""
    keep = np.ones(len(rows), bool) if keep is None else keep
    grid = data.targets(rows)[keep] > 0.5
    fold = fold[keep]
    weight = metrics.resamples(np.array([r.group for r in rows])[keep], BOOTSTRAPS)
    areas, out = {}, {}
    for f, values in score.items():
        truth = grid[:, lexicon.FINDINGS.index(f)]
        variants = values if isinstance(values, list) else [values]
        areas[f] = np.mean(
            [metrics.fold_auroc(v[keep], truth, fold, weight) for v in variants], axis=0
        )
        out[f] = {**metrics.interval(areas[f]), "positives": int(truth.sum())}
    out["macro"] = metrics.interval(np.mean([areas[f] for f in lexicon.HEADLINE], axis=0))
    return out


def summary(scores, rows, fold):
    """All figures of held-out zero-shot scores (zeroshot.scores, each over all rows)."""
    views = np.array([r.view for r in rows])
    out = {kind: per_finding(score, rows, fold) for kind, score in scores.items()}
    for view in ("PA", "AP"):
        out[f"ensemble_{view}"] = per_finding(scores["ensemble"], rows, fold, views == view)
    return out
