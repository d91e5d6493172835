"""AUROC and its bootstrap interval over groups of images of one patient."""

import numpy as np


def auroc(score, truth):
    """Area under the ROC curve with ties counted half; NaN where one class is absent."""
    truth = np.asarray(truth, bool)
    n_pos, n_neg = truth.sum(), (~truth).sum()
    if n_pos == 0 or n_neg == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return float((mean_rank[inverse][truth].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def fold_auroc(score, truth, fold):
    """Mean over folds of the AUROC within a fold: scores of different models are never ranked
    against each other. A fold without both classes does not count."""
    areas = [auroc(score[fold == k], truth[fold == k]) for k in np.unique(fold)]
    areas = [a for a in areas if a == a]
    return float(np.mean(areas)) if areas else float("nan")


def bootstrap(statistic, groups, n=1000, seed=0):
    """95 % percentile interval of statistic(rows), groups drawn with replacement."""
    rng = np.random.default_rng(seed)
    names, inverse = np.unique(groups, return_inverse=True)
    rows = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    values = []
    for _ in range(n):
        pick = rng.integers(len(names), size=len(names))
        values.append(statistic(np.concatenate([rows[i] for i in pick])))
    return np.nanpercentile(np.array(values), [2.5, 97.5], axis=0)
