"""AUROC, and its bootstrap over groups of images of one patient."""

import numpy as np


def auroc(score, truth, weight=None):
    """Area under the ROC curve, ties counted half; NaN where one class is absent.

    score, truth: [N]. weight: None, or [B,N] how often each row counts in each of B resamples;
    then the result is [B], else a number."""
    truth = np.asarray(truth, bool)
    counts = np.ones((1, len(truth))) if weight is None else weight
    order = np.argsort(score, kind="stable")
    starts = np.unique(np.asarray(score)[order], return_index=True)[1]
    positive = np.add.reduceat((counts * truth)[:, order], starts, axis=1, dtype=float)
    negative = np.add.reduceat((counts * ~truth)[:, order], starts, axis=1, dtype=float)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore"):
        area = (positive * below).sum(axis=1) / pairs
    return float(area[0]) if weight is None else area


def resamples(groups, n, seed=0):
    """How often each row counts: [1 + n, rows]. The first line counts each row once; the others
    draw whole groups with replacement."""
    names, inverse = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n)
    return np.concatenate([np.ones((1, len(inverse)), int), draws[:, inverse]])


def interval(values):
    """{auroc, low, high} of [1 + n] values: the first is the estimate, the others resampled."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return {
        "auroc": round(float(values[0]), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }
