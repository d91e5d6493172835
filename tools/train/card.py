"""Writes the model card from measured figures:
python card.py --recipe recipe.json --figures figures.json --out card.md

figures.json is what measure.py writes, with the scores of --other predecessor, supervised and
matching among them."""

import argparse
import json
import pathlib

import lexicon

TEXT = pathlib.Path(__file__).with_name("card.md.in")


def cell(v):
    return f"{v['auroc']:.3f} ({v['low']:.3f} to {v['high']:.3f})"


def table(head, lines):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(out + ["| " + " | ".join(line) + " |" for line in lines])


def finding_table(d):
    f = d["figures"]
    columns = ["ensemble", "supervised", "pixels", "view", "predecessor"]
    names = sorted(lexicon.FINDINGS, key=lambda n: -d["positives"][n])
    lines = [
        [n, str(d["positives"][n]), cell(f["ensemble"][n])]
        + [f"{f[c][n]['auroc']:.3f}" for c in columns[1:]]
        for n in names
    ]
    macro = ["macro of those with 15 or more", "", *(cell(f[c]["macro"]) for c in columns)]
    return table(["finding", "positives", "text only", "supervised", "pixels", "view",
                  "predecessor"], [*lines, macro])


def not_above(d, other):
    f = d["figures"]
    low = [n for n in d["findings"] if f["ensemble"][n]["auroc"] <= max(
        f[other][n]["auroc"], 1 - f[other][n]["auroc"] if other == "view" else 0)]
    return ", ".join(low) or "none"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("recipe", "figures", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    args = parser.parse_args()
    r, d = json.loads(args.recipe.read_text()), json.loads(args.figures.read_text())
    variants = {"ensemble": "prompt ensemble (the shipped rule)",
                "single": 'one prompt pair, "NAME" and "no NAME"',
                "unseen": "unseen phrases, prompt ensemble",
                "supervised": "the classifier that the projections were fitted to",
                "matching": "image-text matching by the fusion head, the name as text"}
    values = {
        "trained": r["images"], "unselected": r["unselected"],
        "selected": r["images"] - r["unselected"], "parameters": r["parameters"],
        "megabytes": f"{r['parameters'] * 2 / 1e6:.1f}", "images": d["images"],
        "patients": d["patients"], "n_findings": len(d["findings"]),
        "finding_table": finding_table(d),
        "below_pixels": not_above(d, "pixels"), "below_view": not_above(d, "view"),
        "variant_table": table(
            ["variant", "macro AUROC", "prompt ensemble less this"],
            [[text, cell(d["figures"][k]["macro"]),
              cell(d["differences"][f"ensemble-{k}"]) if k != "ensemble" else ""]
             for k, text in variants.items() if k in d["figures"]]),
        "strata_table": table(
            ["images of", "images", "findings", "macro AUROC"],
            [[k, str(v["images"]), str(v["findings"]), cell(v)] for k, v in d["strata"].items()]),
        "calibration_table": table(
            ["finding", "share", "mean score", "Brier", "ECE (15 bins)"],
            [[n, f"{c['share']:.3f}", f"{c['mean_score']:.3f}", f"{c['brier']:.3f}",
              f"{c['ece']:.3f}"] for n, c in d["calibration"].items() if n in d["findings"]]),
        "phases": "; ".join(
            f"{p['steps']} steps at {p['size']} pixels"
            + (f" without the stem and the first {p['frozen']} blocks" if p["frozen"] else "")
            for p in r["phases"]),
        "old": cell(d["figures"]["predecessor"]["macro"]),
        "supervised": f"{d['figures']['supervised']['macro']['auroc']:.3f}",
        "macro": cell(d["figures"]["ensemble"]["macro"]),
    }
    args.out.write_text(TEXT.read_text().format(**values))


if __name__ == "__main__":
    main()
