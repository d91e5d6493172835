"""What biovl eval retrieval --clinical must print, from embeddings and labels: a reference.

usage: retrieval_clinical.py PAIRS.csv IMAGES.jsonl TEXTS.jsonl CLS.jsonl LABELS.csv OURS.json RETRIEVED.csv
"""
import csv
import json
import math
import sys
from collections import Counter

FIVE = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")


def table(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def words(report):  # CXR-Report-Metric's prep_reports
    return [w for w in report.lower().replace(".", " .").split(" ") if w != ""]


def counts(reference, candidate):
    out = []
    for n in (1, 2):
        c, r = (Counter(zip(*(w[i:] for i in range(n)))) for w in (candidate, reference))
        out.append((sum((c & r).values()), max(1, sum(c.values()))))
    return out, len(reference), len(candidate)


def bleu(precisions, r, c, epsilon):  # NLTK's sentence_bleu, method1
    if precisions[0][0] == 0:
        return 0.0
    logs = [math.log((m or epsilon) / t) if m or epsilon else -math.inf for m, t in precisions]
    return (1 if c > r else math.exp(1 - r / c)) * math.exp(0.5 * logs[0] + 0.5 * logs[1])


def f1(truth, said):
    tp = sum(t and s for t, s in zip(truth, said))
    wrong = sum(t != s for t, s in zip(truth, said))
    return 2 * tp / (2 * tp + wrong) if tp else 0.0


def near(name, ours, expected):
    assert abs(ours - expected) <= 1e-6, (name, ours, expected)


def main():
    pairs_path, images, texts, cls, labels, ours_path, found_path = sys.argv[1:]
    pairs, labels = table(pairs_path), table(labels)
    images, texts, cls = lines(images), lines(texts), lines(cls)
    with open(ours_path, encoding="utf-8") as f:
        ours = json.load(f)["clinical"]
    found = table(found_path)
    best = []
    for q, pair in enumerate(pairs):
        others = [i for i, p in enumerate(pairs)
                  if i != q and (not p["patient_id"] or p["patient_id"] != pair["patient_id"])]
        best.append(max(others, key=lambda i: dot(images[q], texts[i])))
        assert found[q]["retrieved_report"] == pairs[best[q]]["text"], (q, found[q], best[q])
        assert found[q]["note"] == "report of another patient"
        assert int(found[q]["line"]) == q + 2 and int(found[q]["retrieved_line"]) == best[q] + 2
        near("similarity", float(found[q]["similarity"]), dot(images[q], texts[best[q]]))
    n = len(pairs)
    assert ours["n"] == n and ours["without_candidate"] == 0 and ours["left_out"] == "patient"
    assert ours["note"] == "report of another patient"
    semb, scores, total = [], [], [[0, 0], [0, 0], 0, 0]
    for q, b in enumerate(best):
        semb.append(dot(cls[q], cls[b]) / math.sqrt(dot(cls[q], cls[q]) * dot(cls[b], cls[b])))
        p, r, c = counts(words(pairs[q]["text"]), words(pairs[b]["text"]))
        scores.append(bleu(p, r, c, 0.1))
        near("bleu", float(found[q]["bleu_2"]), scores[-1])
        for k in range(2):
            total[k] = [total[k][0] + p[k][0], total[k][1] + p[k][1]]
        total[2] += r
        total[3] += c
    near("semb", ours["semb_score"], sum(semb) / n)
    near("bleu mean", ours["bleu_2"]["mean"], sum(scores) / n)
    near("bleu corpus", ours["bleu_2"]["corpus"], bleu(total[:2], total[2], total[3], 0))
    for convention, positive in (("rrg", ("1", "-1")), ("r2gen", ("1",))):
        result = ours["f1_chexbert"][convention]
        all_f1 = {}
        for name in list(labels[0]):
            truth = [row[name] in positive for row in labels]
            all_f1[name] = f1(truth, [truth[b] for b in best])
            near(name, result["findings"][name]["f1"], all_f1[name])
        near("macro", result["all14"]["macro"]["f1"], sum(all_f1.values()) / 14)
        near("five", result["five"]["macro"]["f1"], sum(all_f1[k] for k in FIVE) / 5)
    assert len(set(scores)) > 3 and max(scores) > 0.05, scores


main()
