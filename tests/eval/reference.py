#!/usr/bin/env python3
"""Writes cases for tests/eval/metrics.c: random data and the values that scikit-learn, NumPy and
SciPy give for them.

    reference.py SEED > cases.json

golden_metrics.json is its output for seed 1 (scikit-learn 1.2.1, NumPy 1.24.2, SciPy 1.10.1).
"""
import json
import sys
import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (accuracy_score, auc, average_precision_score, balanced_accuracy_score,
                             brier_score_loss, classification_report, confusion_matrix, f1_score,
                             matthews_corrcoef, precision_recall_curve, precision_score,
                             recall_score, roc_auc_score, roc_curve)
from sklearn.utils import resample

warnings.simplefilter("ignore")
BINS = 15


def cxr_threshold(y, s, metric):
    """CheXzero's metrics.get_best_p_vals: all thresholds of the ROC curve but the first."""
    candidates = sorted(roc_curve(y, s)[2][1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [metric(y, s >= p) for p in candidates]
    best = int(np.argmax(values))
    return [float(candidates[best]), float(values[best])]


def youden(y, s):
    fpr, tpr, thresholds = roc_curve(y, s)
    best, at = 0.0, None
    for f, t, p in zip(fpr, tpr, thresholds):
        if t - f > best:
            best, at = t - f, float(p)
    return [at, float(best)]


def reach_sensitivity(y, s, target):
    for p in sorted(set(s), reverse=True):
        if recall_score(y, s >= p) >= target:
            return [float(p), float(recall_score(y, s >= p))]


def reach_specificity(y, s, target):
    for p in sorted(set(s)):
        if recall_score(y, s >= p, pos_label=0) >= target:
            return [float(p), float(recall_score(y, s >= p, pos_label=0))]
    return [None, None]


def delong(y, s):
    """Interval from the structural components, by comparing every pair."""
    pos, neg = s[y == 1], s[y == 0]
    psi = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
    a = psi.mean()
    var = psi.mean(1).var(ddof=1) / len(pos) + psi.mean(0).var(ddof=1) / len(neg)
    half = 1.959963984540054 * np.sqrt(var)
    return [float(max(0, a - half)), float(min(1, a + half))]


def decision(y, s, t):
    p = (s >= t).astype(int)
    tn, fp, fn, tp = confusion_matrix(y, p).ravel()
    return {
        "threshold": t, "tp": int(tp), "fp": int(fp), "tn": int(tn), "fn": int(fn),
        "accuracy": accuracy_score(y, p), "balanced_accuracy": balanced_accuracy_score(y, p),
        "sensitivity": recall_score(y, p), "specificity": recall_score(y, p, pos_label=0),
        "precision": precision_score(y, p), "f1": f1_score(y, p), "mcc": matthews_corrcoef(y, p),
        "npv": precision_score(y, p, pos_label=0)}


def ece(y, s):
    edges = np.linspace(0, 1, BINS + 1)
    bins = np.searchsorted(edges[1:-1], s)
    gaps = [abs(s[bins == b].mean() - y[bins == b].mean()) * (bins == b).mean()
            for b in range(BINS) if (bins == b).any()]
    true, mean = calibration_curve(y, s, n_bins=BINS)
    return float(sum(gaps)), mean.tolist(), true.tolist()


def one_class(y, s):
    precision, recall, _ = precision_recall_curve(y, s)
    e, mean, true = ece(y, s)
    fpr, tpr, thresholds = roc_curve(y, s)
    iso = IsotonicRegression(out_of_bounds="clip").fit(s, y)
    probe = np.linspace(-0.1, 1.1, 41)
    z = logit(np.clip(s, 1e-12, 1 - 1e-12))
    pos, neg = y.sum(), len(y) - y.sum()
    target = np.where(y == 1, (pos + 1) / (pos + 2), 1 / (neg + 2))
    # Platt's targets as weights of both classes turn his fit into a plain logistic regression.
    platt = LogisticRegression(penalty=None, tol=1e-12, max_iter=10000, solver="newton-cg").fit(
        np.r_[z, z][:, None], np.r_[np.ones_like(y), np.zeros_like(y)],
        sample_weight=np.r_[target, 1 - target])
    return {
        "auroc": roc_auc_score(y, s), "average_precision": average_precision_score(y, s),
        "pr_trapezoid": auc(recall, precision), "roc_points": len(thresholds) - 1,
        "roc": [[float(t), float(a), float(b)] for t, a, b in zip(thresholds, tpr, fpr)][1:],
        "delong": delong(y, s), "mcc": cxr_threshold(y, s, matthews_corrcoef),
        "f1": cxr_threshold(y, s, f1_score), "youden": youden(y, s),
        "sensitivity": reach_sensitivity(y, s, 0.9), "specificity": reach_specificity(y, s, 0.9),
        "decision": decision(y, s, float(np.median(s))), "brier": brier_score_loss(y, s),
        "ece": e, "bin_mean": mean, "bin_true": true, "probe": probe.tolist(),
        "isotonic": iso.predict(probe).tolist(),
        "platt": [float(platt.coef_[0, 0]), float(platt.intercept_[0])]}


def temperature(y, s):
    z = logit(np.clip(s, 1e-12, 1 - 1e-12)).ravel()
    t = y.ravel()

    def loss(a):
        return np.mean(np.logaddexp(0, a * z) - t * a * z)
    return float(minimize_scalar(loss, bounds=(1e-3, 1e3), method="bounded",
                                 options={"xatol": 1e-12}).x)


def bootstrap(y, s, clusters, n=200):
    units = np.arange(len(y))
    plain, clustered = [], []
    members = [np.flatnonzero(clusters == c) for c in range(clusters.max() + 1)]
    for i in range(n):
        idx = resample(units, replace=True, random_state=i)
        plain.append([[roc_auc_score(y[idx, c], s[idx, c]),
                       average_precision_score(y[idx, c], s[idx, c])] for c in range(y.shape[1])])
        drawn = resample(np.arange(len(members)), replace=True, random_state=i)
        idx = np.concatenate([members[c] for c in drawn])
        clustered.append([roc_auc_score(y[idx, c], s[idx, c]) for c in range(y.shape[1])])
    plain, clustered = np.array(plain), np.array(clustered)
    ordered = np.sort(plain, axis=0)
    low, high = int(0.05 / 2 * n) - 1, int((1 - 0.05 / 2) * n) - 1
    return {"n": n, "first": resample(units, replace=True, random_state=0).tolist(),
            "last": resample(units, replace=True, random_state=n - 1).tolist(),
            "mean": plain[:, :, 0].mean(0).tolist(),
            "chexzero": [ordered[low, :, 0].tolist(), ordered[high, :, 0].tolist()],
            "percentile": np.percentile(plain[:, :, 0], [2.5, 97.5], axis=0).tolist(),
            "ap_percentile": np.percentile(plain[:, :, 1], [2.5, 97.5], axis=0).tolist(),
            "clustered": np.percentile(clustered, [2.5, 97.5], axis=0).tolist()}


def data_set(rng, n, n_classes, decimals):
    y = (rng.random((n, n_classes)) < rng.uniform(0.15, 0.5, n_classes)).astype(int)
    y[0], y[1] = 0, 1
    s = expit(rng.normal(size=(n, n_classes)) + 1.2 * y - 0.8)
    if decimals:
        s = np.round(s, decimals)
    clusters = np.sort(rng.integers(0, n // 3, n))
    clusters = np.unique(clusters, return_inverse=True)[1]
    return {"y": y.tolist(), "s": s.tolist(), "clusters": clusters.tolist(),
            "classes": [one_class(y[:, c], s[:, c]) for c in range(n_classes)],
            "macro_auroc": roc_auc_score(y, s, average="macro"),
            "micro_auroc": roc_auc_score(y, s, average="micro"),
            "micro_average_precision": average_precision_score(y, s, average="micro"),
            "temperature": temperature(y, s), "bootstrap": bootstrap(y, s, clusters)}


def multiclass(rng, n, n_classes):
    truth = rng.integers(0, n_classes, n)
    s = np.round(rng.normal(size=(n, n_classes)) + 0.8 * np.eye(n_classes)[truth], 1)
    z = (s - s.mean(0)) / s.std(0)
    out = {"scores": s.tolist(), "truth": truth.tolist()}
    for name, scores in (("plain", s), ("standardized", z)):
        predicted = scores.argmax(1)
        macro = classification_report(truth, predicted, output_dict=True)["macro avg"]
        out[name] = {"accuracy": accuracy_score(truth, predicted), "precision": macro["precision"],
                     "recall": macro["recall"], "f1": macro["f1-score"]}
    return out


def retrieval(rng, n_queries, n_items):
    scores = np.round(rng.normal(size=(n_queries, n_items)), 1).astype(np.float32)
    relevant = (rng.random((n_queries, n_items)) < 0.06).astype(int)
    relevant[:, 0] |= relevant.sum(1) == 0
    relevant[3] = 0  # a query without a relevant item is left out
    ks = [1, 5, 10, 50]
    kept = np.flatnonzero(relevant.sum(1))
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.take_along_axis(relevant, order, 1)[kept]
    ranks = hits.argmax(1) + 1
    return {"scores": scores.tolist(), "relevant": relevant.tolist(), "ks": ks,
            "precision": [hits[:, :k].sum(1).mean() / k for k in ks],
            "hits": [float(hits[:, :k].any(1).mean()) for k in ks],
            "recall": [float((hits[:, :k].sum(1) / hits.sum(1)).mean()) for k in ks],
            "mrr": float((1 / ranks).mean()), "mean_rank": float(ranks.mean()),
            "median_rank": float(np.median(ranks)), "without": int(n_queries - len(kept))}


def grounding(rng, h, w):
    grid = rng.normal(size=(h, w)).astype(np.float32) * 0.2
    boxes = [[2.0, 3.0, 5.0, 4.0], [6.2, 5.6, 4.0, 6.0]]
    mask = np.zeros((h, w), bool)
    for x, y, bw, bh in boxes:
        cx, cy = np.arange(w) + 0.5, np.arange(h) + 0.5
        mask |= ((cy >= y) & (cy < y + bh))[:, None] & ((cx >= x) & (cx < x + bw))[None, :]
    grid[mask] += 0.3
    grid[:, :2] = np.nan
    inside, outside = (grid[mask & ~np.isnan(grid)].astype(float),
                       grid[~mask & ~np.isnan(grid)].astype(float))
    cnr = (inside.mean() - outside.mean()) / np.sqrt(inside.var() + outside.var())
    with np.errstate(invalid="ignore"):
        iou = [((grid > t) & mask).sum() / ((grid > t) | mask).sum()
               for t in (0.1, 0.2, 0.3, 0.4, 0.5)]
    return {"map": [None if np.isnan(v) else float(v) for v in grid.ravel()], "h": h, "w": w,
            "boxes": boxes, "cnr": float(cnr), "iou": [float(v) for v in iou],
            "mean_iou": float(np.mean(iou)), "hit": bool(mask.ravel()[np.nanargmax(grid)])}


def main():
    rng = np.random.default_rng(int(sys.argv[1]))
    json.dump({"sets": [data_set(rng, 200, 2, 2), data_set(rng, 151, 3, 1), data_set(rng, 80, 1, 1),
                        data_set(rng, 97, 2, None)],
               "multiclass": [multiclass(rng, 120, 5), multiclass(rng, 60, 2)],
               "retrieval": [retrieval(rng, 12, 60), retrieval(rng, 9, 200)],
               "grounding": [grounding(rng, 16, 14), grounding(rng, 20, 20)]}, sys.stdout)
    print()


main()
