"""Process start to first scores of a ResNet-50 + BERT-base model (one image, two texts), with a warm
page cache: `biovl classify` beside ONNX Runtime. See vs_peers.py.

Both have the weights of the same torch modules; a new process each time, in turn, the best of the
rounds. biovl's time is that of the whole process and includes reading the image and the labels;
ONNX Runtime gets its inputs ready made, and its clock starts after Python and its imports.
"""
import subprocess
import sys

import torch

import agreement

PEER = """
import sys, time
import numpy as np, onnxruntime as ort
start, cpu = time.perf_counter(), time.process_time()
options = ort.SessionOptions()
options.intra_op_num_threads = int(sys.argv[3])
image = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
text = ort.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"])
image.run(None, {"x": np.zeros((1, 3, 224, 224), np.float32)})
for ids in (7, 8):
    text.run(None, {"x": np.full((1, 32), ids, np.int64)})
end, used = time.perf_counter() - start, time.process_time() - cpu
peak = next(x for x in open("/proc/self/status") if x.startswith("VmHWM")).split()[1]
print(end, used, int(peak) / 1024)
"""

# In a small process of its own: a child's peak begins at that of the process it is forked from.
LAUNCH = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
end, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(end, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def make_model(biovl, resnet, bert, folder):
    """One model file of both encoders, 768 wide."""
    resnet.fc = torch.nn.Linear(2048, 768)
    _, image = agreement.ARCHS["resnet50"]
    _, text = agreement.ARCHS["bert-base"]
    weights = {f"image.{k}": v for k, v in agreement.weights_of(
        resnet, agreement.resnet_name).items()}
    weights.update({f"text.{k}": v for k, v in agreement.weights_of(
        bert, agreement.bert_name).items()})
    return agreement.convert_weights(biovl, "startup", {**image, **text}, weights, folder)


def run_script(script, *arguments):
    """Seconds, processor seconds, MiB at the peak."""
    out = subprocess.run([sys.executable, "-c", script, *arguments], check=True,
                         capture_output=True, text=True).stdout.split()
    return tuple(float(x) for x in out)


def measure(biovl, model, folder, peers, threads, rounds):
    """Engine and threads to the least of each figure over the rounds. peers: name to two files."""
    labels, best = f"{folder}/labels.txt", {}
    with open(labels, "w", encoding="utf-8") as f:
        f.write("effusion\npneumonia\n")
    for _ in range(rounds):
        for n in threads:
            runs = {f"biovl {p}": (LAUNCH, biovl, "classify", "--no-cache", "assets/sample/cxr.dcm", "--labels",
                                   labels, "--model", model, "--device", "cpu", "--precision", p,
                                   "--threads", str(n)) for p in ("f32", "bf16", "int8")}
            runs.update({name: (PEER, *files, str(n)) for name, files in peers.items()})
            for name, arguments in runs.items():
                try:
                    figures = run_script(*arguments)
                except subprocess.CalledProcessError as error:
                    print(f"  {name}: {error}", flush=True)
                    continue
                old = best.get((name, n), figures)
                best[name, n] = tuple(min(a, b) for a, b in zip(old, figures))
    return best


def table(best):
    lines = ["# Process start to first scores", "", " ".join(__doc__.split()), "",
             "| engine | threads | seconds | × ONNX Runtime f32 | processor seconds | peak MiB |",
             "|---|---|---|---|---|---|"]
    for (name, n), (wall, cpu, peak) in best.items():
        ratio = wall / best["onnxruntime f32", n][0]
        lines.append(f"| {name} | {n} | {wall:.3f} | {ratio:.2f} | {cpu:.3f} | {peak:.0f} |")
    return "\n".join(lines) + "\n"
