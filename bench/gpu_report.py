"""Writes what bench/gpu.sh measured into a section of a results file.

    gpu_report.py FOLDER RESULTS.md
"""
import glob
import json
import os
import sys

from results import replace_section

TARGETS = {"batch 1": ("eager", 1.0), "batch 64": ("eager", 0.30)}


def rows(folder, pattern):
    for name in sorted(glob.glob(os.path.join(folder, pattern))):
        with open(name, encoding="utf-8") as f:
            for line in f:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:  # cut off by the limit of time
                    continue


def text_of(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as f:
        return f.read().strip()


def clocks(folder):
    """The clocks while it ran: lines "sm, mem, watts" of nvidia-smi, sampled."""
    lines = [line.split(",") for line in text_of(folder, "clocks.csv").splitlines()]
    sm = sorted(int(c[0]) for c in lines if c and c[0].strip().isdigit())
    if not sm:
        return "clocks not known"
    return f"SM clock {sm[0]} to {sm[-1]} MHz, median {sm[len(sm) // 2]} MHz"


class Peers:
    def __init__(self, folder):
        self.ms, self.best, self.copy = {}, {}, 0.0
        self.version = "PyTorch did not run"
        for r in rows(folder, "torch*.jsonl"):
            if r["item"] == "torch":
                self.version = f"torch {r['version']} on {r['device']}"
            if "ms" not in r:
                continue
            self.ms[r["item"], r["shape"], r["precision"], r["mode"]] = r["ms"]
            if r["item"] == "gemm":
                self.best[r["precision"]] = max(self.best.get(r["precision"], 0), r["tflops"])
            if r["item"] == "copy":
                self.copy = max(self.copy, r["gbps"])

    def beside(self, row, precision, mode, ms):
        theirs = self.ms.get((row["item"], row["shape"], precision, mode))
        return f"{theirs:.4f} ({theirs / ms:.2f}×)" if theirs and ms else ""


def table(ours, peers, precision):
    their = ["f16", "bf16"] if precision == "f16" else [precision]
    columns = [(p, m) for p in their for m in ("eager", "graph")]
    whole = [(p, "copies") for p in their]
    out = ["| item | shape | kernel | biovl ms | TFLOP/s | GB/s | of the copy rate | "
           + " | ".join(f"torch {p} {m}" for p, m in columns) + " | biovl with copies | "
           + " | ".join(f"torch {p} with copies" for p, _ in whole) + " |"]
    out.append("|---" * (8 + len(columns) + len(whole)) + "|")
    for r in ours:
        if r["precision"] != precision:
            continue
        if "ms" not in r:
            out.append(f"| {r['item']} | failed: {r['error']} |" + " |" * (6 + len(columns) +
                                                                          len(whole)))
            continue
        share = f"{r['gbps'] / peers.copy:.2f}" if r.get("gbps") and peers.copy else ""
        wall = r.get("wall_ms")
        out.append(
            f"| {r['item']} | {r['shape']} | {r.get('kernel', '')} | {r['ms']:.4f} | "
            + (f"{r['tflops']:.2f}" if r.get("tflops") else "") + " | "
            + (f"{r['gbps']:.0f}" if r.get("gbps") else "") + f" | {share} | "
            + " | ".join(peers.beside(r, p, m, r["ms"]) for p, m in columns)
            + (f" | {wall:.4f} | " if wall else " | | ")
            + " | ".join(peers.beside(r, p, m, wall) for p, m in whole) + " |")
    return out


def targets(ours, peers):
    out = []
    for r in ours:
        if r.get("precision") != "f16" or r.get("shape") not in TARGETS or "ms" not in r:
            continue
        mode, least = TARGETS[r["shape"]]
        theirs = peers.ms.get((r["item"], r["shape"], "f16", mode))
        if theirs:
            ratio = theirs / r["ms"]
            out.append(f"| {r['item']} | {r['shape']} | {ratio:.2f}× | {least:.2f}× | "
                       f"{'met' if ratio >= least else 'missed'} |")
    if out:
        out = ["| encoder | shape | of PyTorch's eager speed, f16 | target | |", "|---" * 5 + "|"
               ] + out
    return out


def main():
    folder, path = sys.argv[1:3]
    ours = list(rows(folder, "biovl-*.jsonl"))
    devices = [r for r in ours if r["item"] == "device"]
    ours = [r for r in ours if r["item"] != "device"]
    peers = Peers(folder)
    machine = text_of(folder, "machine.txt").splitlines()
    out = ["# The Vulkan backend beside PyTorch on a GPU", "",
           "Written by `bench/gpu.sh`; times in milliseconds, medians. Ours are GPU timestamps, "
           "PyTorch's CUDA events (inference mode, channels_last, f32 without TF32); \"with "
           "copies\" is wall time with the input from and the result to the processor's memory. In "
           "brackets: how many times as fast biovl is. Random weights.", ""]
    out += [f"- {line}" for line in machine if line]
    out += [f"- {clocks(folder)}", f"- {peers.version}"]
    for d in devices:
        out.append(f"- {d['precision']}: {d['name']}, {d['driver']}, matrix path {d['path']} "
                   f"{d['fragment']}")
    best = ", ".join(f"{p} {v:.0f} TFLOP/s" for p, v in sorted(peers.best.items()))
    out += [f"- ceilings, through PyTorch: products {best or 'not measured'}; copies "
            f"{peers.copy:.0f} GB/s", ""]
    for precision in ("f16", "f32"):
        if any(r["precision"] == precision for r in ours):
            out += [f"## {precision}", ""] + table(ours, peers, precision) + [""]
    out += targets(ours, peers)
    replace_section(path, "gpu", "\n".join(out))
    print("\n".join(out))


main()
