"""The baseline to beat: logistic regression on 48x48 pixels, in the same folds."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import data
import lexicon


def out_of_fold(rows, images48, fold, strength):
    """Decision values of each row by the model that has not seen its fold, per finding, [N].
    `strength` is scikit-learn's C."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    x = images48.reshape(len(rows), -1) / 255.0
    grid = data.targets(rows)
    out = {f: np.zeros(len(rows)) for f in lexicon.FINDINGS}
    for k in np.unique(fold):
        seen, held = fold != k, fold == k
        for j, f in enumerate(lexicon.FINDINGS):
            classifier = make_pipeline(
                StandardScaler(), LogisticRegression(C=strength, max_iter=300)
            )
            classifier.fit(x[seen], grid[seen, j] > 0.5)
            out[f][held] = classifier.decision_function(x[held])
    return out
