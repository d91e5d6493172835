"""What heat maps cost beside a classification: `biovl explain` and `biovl classify`, processor time
of a whole process, of several images less that of one.

    python3 bench/explain.py build/release/bin/biovl [MODEL.safetensors ...]

Both score the same two labels of assets/sample/cxr.dcm, on one thread; without a model the one that
ships is measured. Processor time, because it hardly depends on what else the machine does; the
least of the rounds. A map costs what its label costs and those of the 20 neutral texts (the texts
themselves are encoded once in a process).
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

IMAGE = "assets/sample/cxr.dcm"
ROUNDS = 3
MANY = {"occlusion": 2, "rise": 2}  # images; each takes hundreds of runs
USUAL = 6


def processor_seconds(command):
    """User and system time of a child that must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def per_image(command, many):
    """Seconds that one more image takes: the least of the rounds, of both numbers of images."""
    few = min(processor_seconds([*command, IMAGE]) for _ in range(ROUNDS))
    more = min(processor_seconds([*command, *[IMAGE] * (1 + many)]) for _ in range(ROUNDS))
    return (more - few) / many


def methods_of(biovl, model):
    out = subprocess.run([biovl, "explain", "--methods", *model], check=True, capture_output=True,
                         text=True).stdout
    return [m["name"] for m in json.loads(out) if m["name"] != "attention"]


def measure(biovl, model, labels):
    common = [*model, "--labels", labels, "--device", "cpu", "--precision", "f32", "--threads", "1"]
    base = per_image([biovl, "classify", *common], USUAL)
    print(f"{model[-1] if model else 'biovl-cxr-small'}: classify {1000 * base:.1f} ms", flush=True)
    for method in methods_of(biovl, model):
        extra = ["--masks", "1000"] if method == "rise" else []
        cost = per_image([biovl, "explain", *common, "--method", method, *extra],
                         MANY.get(method, USUAL))
        print(f"  {method:12} {1000 * cost:10.1f} ms  {cost / base:8.2f} classifications",
              flush=True)


def main():
    if len(sys.argv) < 2 or not os.path.exists(IMAGE):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        labels = os.path.join(folder, "labels")
        with open(labels, "w", encoding="utf-8") as f:
            f.write("Cardiomegaly\nEdema\n")
        models = [["--model", m] for m in sys.argv[2:]] or [[]]
        for model in models:
            measure(sys.argv[1], model, labels)


if __name__ == "__main__":
    main()
