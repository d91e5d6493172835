"""The figures of the card: AUROC with bootstrap intervals from held-out scores."""

import numpy as np

import data
import lexicon
import metrics

BOOTSTRAPS = 1000


def with_interval(statistic, groups):
    low, high = metrics.bootstrap(statistic, groups, BOOTSTRAPS)
    n = np.arange(len(groups))
    return {
        "auroc": round(statistic(n), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


def per_finding(score, rows, fold, keep=None):
    """{finding: {auroc, low, high, positives}} and the headline macro average under "macro".
    score: {finding: [N] or a list of [N], whose AUROCs are averaged}; keep: rows to count."""
    keep = np.ones(len(rows), bool) if keep is None else keep
    grid = data.targets(rows)[keep]
    groups = np.array([r.group for r in rows])[keep]
    fold = fold[keep]

    def area(f, n):
        truth = grid[n, lexicon.FINDINGS.index(f)] > 0.5
        variants = score[f] if isinstance(score[f], list) else [score[f]]
        return float(np.mean([metrics.fold_auroc(v[keep][n], truth, fold[n]) for v in variants]))

    out = {}
    for f in score:
        out[f] = with_interval(lambda n, f=f: area(f, n), groups)
        out[f]["positives"] = int(grid[:, lexicon.FINDINGS.index(f)].sum())
    headline = [f for f in lexicon.HEADLINE if f in score]
    out["macro"] = with_interval(lambda n: float(np.mean([area(f, n) for f in headline])), groups)
    return out


def summary(scores, rows, fold):
    """All figures of held-out zero-shot scores (zeroshot.scores, each over all rows)."""
    views = np.array([r.view for r in rows])
    out = {kind: per_finding(score, rows, fold) for kind, score in scores.items()}
    for view in ("PA", "AP"):
        out[f"ensemble_{view}"] = per_finding(scores["ensemble"], rows, fold, views == view)
    return out
