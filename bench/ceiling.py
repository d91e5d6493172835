"""How near to the vector units' ceiling engines come, and what the goals would ask of them."""
import os
import subprocess

CEILING = os.environ.get("BIOVL_CEILING", "build/release/bench/bench_ceiling")

# How many times as fast as ONNX Runtime at the same size biovl set out to be: f32 and bf16 against
# its f32, int8 against its int8.
GOALS = {
    "f32": {"resnet50": 1.0, "vit-b16": 1.1, "vit-b32": 1.1, "swin-t": 1.5, "bert-base": 1.1},
    "bf16": {"resnet50": 5, "vit-b16": 6.5, "swin-t": 6, ("bert-base", 32): 4.5,
             ("bert-base", 128): 7},
    "int8": {"resnet50": 2.5, "vit-b16": 2.7, "swin-t": 4.5, ("bert-base", 32): 1.9,
             ("bert-base", 128): 2.5},
}


def transformer(tokens, layers=12, width=768):
    """Multiplications and additions of layers with an MLP of four times their width."""
    return 2 * layers * (12 * tokens * width * width + 2 * tokens * tokens * width)


def operations(arch, tokens):
    """10⁹ multiplications and additions of an item, in products and convolutions."""
    count = {"resnet50": 2 * 4.089e9, "swin-t": 2 * 4.491e9,
             "vit-b16": transformer(197) + 2 * 196 * 768 * 768,
             "vit-b32": transformer(50) + 2 * 49 * 3072 * 768,
             "bert-base": transformer(tokens)}
    return count[arch] / 1e9


def measure(threads):
    """Format to 10⁹ multiplications and additions a second on so many threads."""
    out = subprocess.run([CEILING, str(threads)], capture_output=True, text=True, check=True)
    return {name: float(rate) for name, rate in (line.split() for line in out.stdout.splitlines())}


def goal_of(precision, arch, tokens):
    goals = GOALS[precision]
    return goals.get((arch, tokens), goals.get(arch))


def rate_cells(ceilings, arch, tokens, best):
    for precision in ("f32", "bf16", "int8"):
        if precision not in ceilings:
            yield "-"
            continue
        ceiling = ceilings[precision]
        rate = operations(arch, tokens) / best[f"biovl {precision}"] * 1e3
        text = f"{rate:.0f} ({rate / ceiling:.0%})"
        goal = goal_of(precision, arch, tokens)
        reference = best.get("onnxruntime int8" if precision == "int8" else "onnxruntime f32")
        if goal and reference:
            needed = operations(arch, tokens) / (reference / goal) * 1e3
            met = best[f"biovl {precision}"] <= reference / goal
            text += f"; {goal}× " + ("met" if met else f"asks {needed:.0f} ({needed / ceiling:.0%})")
        yield text


def table(rows, ceilings):
    """rows: ((arch, threads, batch, tokens), engine to ms); ceilings: threads to measure()."""
    lines = ["", "10⁹ multiplications and additions a second in products and convolutions, and what "
             "part that is of the ceiling; then the goal of the project for this cell (against "
             "ONNX Runtime in f32; int8 against its int8): met, or the rate that it would ask. "
             "Ceilings (multiply-adds on registers alone, `bench/ceiling.c`): " + "; ".join(
                 f"{threads} thread{'s' if threads > 1 else ''}: " + ", ".join(
                     f"{name} {rate:.0f}" for name, rate in found.items())
                 for threads, found in ceilings.items()) + ".", "",
             "| arch | threads | batch | tokens | 10⁹ per item | f32 | bf16 | int8 |",
             "|---|---|---|---|---|---|---|---|"]
    for (arch, threads, batch, tokens), best in rows:
        lines.append(f"| {arch} | {threads} | {batch} | {tokens or ''} | "
                     f"{operations(arch, tokens):.1f} | "
                     + " | ".join(rate_cells(ceilings[threads], arch, tokens, best)) + " |")
    return "\n".join(lines) + "\n"
