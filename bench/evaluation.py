"""How long all metrics and their patient bootstrap take, beside scikit-learn and NumPy.

usage: evaluation.py BUILD-FOLDER [ROWS LABELS REPLICATES PEER-REPLICATES]

Makes two evaluations of made-up scores (bench_runs), finishes both and compares them with two
threads, and times the same metrics and resampling of whole patients in scikit-learn, one replicate
after the other, in the same run; the peer's time for all replicates is that of PEER-REPLICATES
(5), scaled.
"""
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import sklearn
from sklearn import metrics


def timed(*command):
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu, after.ru_maxrss / 1024


def one(y, s):
    """The metrics that biovl gives intervals to, of one label."""
    said = s >= 0.5
    fpr, tpr, _ = metrics.roc_curve(y, s)
    precision, recall, _ = metrics.precision_recall_curve(y, s)
    return [metrics.auc(fpr, tpr), metrics.average_precision_score(y, s), metrics.auc(recall, precision),
            metrics.brier_score_loss(y, s), metrics.accuracy_score(y, said),
            metrics.balanced_accuracy_score(y, said), metrics.recall_score(y, said),
            metrics.recall_score(y, said, pos_label=0), metrics.precision_score(y, said, zero_division=0),
            metrics.f1_score(y, said), metrics.matthews_corrcoef(y, said),
            1 - fpr[np.argmax(tpr >= 0.9)], 1 - fpr[np.argmax(tpr >= 0.95)],
            tpr[np.searchsorted(fpr, 0.1, "right") - 1], tpr[np.searchsorted(fpr, 0.05, "right") - 1]]


def peer(folder, replicates):
    with open(f"{folder}/data.csv", newline="") as f:
        rows = list(csv.reader(f))
    patients = np.array([r[1] for r in rows[1:]])
    truth = np.array([[int(v) for v in r[2:]] for r in rows[1:]])
    with open(f"{folder}/a/predictions.csv", newline="") as f:
        predicted = list(csv.reader(f))
    scores = np.array([[float(v) for v in r[1:]] for r in predicted[1:]])
    _, number = np.unique(patients, return_inverse=True)
    order = np.argsort(number, kind="stable")
    first = np.searchsorted(number[order], np.arange(number.max() + 2))
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(replicates):
        drawn = rng.integers(0, len(first) - 1, len(first) - 1)
        index = np.concatenate([order[first[p]:first[p + 1]] for p in drawn])
        values = [one(truth[index, k], scores[index, k]) for k in range(truth.shape[1])]
        np.mean(values, axis=0)
    return (time.perf_counter() - start) / replicates


def main():
    build = sys.argv[1]
    rows, labels, replicates, peers = (int(v) for v in (sys.argv[2:] + ["100000", "14", "1000", "5"][len(sys.argv) - 2:]))
    biovl = f"{build}/bin/biovl"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([f"{build}/bench/bench_runs", str(rows), str(labels), folder], check=True)
        print(f"{rows} rows, {labels} labels, {replicates} replicates of whole patients, two threads; "
              f"load {os.getloadavg()[0]:.1f}; NumPy {np.__version__}, scikit-learn {sklearn.__version__}")
        times = []
        for run in "ab":
            wall, cpu, memory = timed(biovl, "eval", "merge", f"{folder}/{run}", "--bootstrap", str(replicates),
                                      "--threads", "2")
            times.append(wall)
            print(f"eval merge {run}: {wall:.1f} s, processors {cpu:.1f} s, {memory:.0f} MB at most so far")
        wall, cpu, memory = timed(biovl, "eval", "compare", f"{folder}/a", f"{folder}/b", "-o", f"{folder}/c",
                                  "--bootstrap", str(replicates), "--threads", "2")
        print(f"eval compare: {wall:.1f} s, processors {cpu:.1f} s, {memory:.0f} MB at most so far")
        each = peer(folder, peers)
        print(f"scikit-learn: {each:.2f} s a replicate, {each * replicates:.0f} s for all of one run: "
              f"{each * replicates / min(times):.0f} times as long as eval merge")


main()
