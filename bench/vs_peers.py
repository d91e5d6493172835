"""Times biovl and its peers in turn, in one run, and writes their section of bench/RESULTS.md. See
vs_peers.sh.

All engines run the same architectures on inputs of the same shapes, with random weights: biovl its
own (`biovl bench`), the peers those of the torch modules below. Before that, all of them run one
input with the weights of the torch modules, and how far they agree stands beside the times (see
agreement.py).
"""
import argparse
import io
import json
import math
import os
import platform
import subprocess
import time
import warnings

import onnxruntime as ort
import torch
import torchvision

import agreement
import ceiling
import startup
from results import replace_section

try:
    import openvino
except ImportError:
    openvino = None

BIOVL = os.environ.get("BIOVL", "build/release/bin/biovl")
MODELS = os.environ.get("BIOVL_PEER_MODELS", "build/peer-models")
CELLS = [("resnet50", 0), ("vit-b16", 0), ("vit-b32", 0), ("swin-t", 0),
         ("bert-base", 32), ("bert-base", 128), ("bert-base", 256)]


class BertLayer(torch.nn.Module):
    def __init__(self, width=768, heads=12):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (torch.nn.Linear(width, width) for _ in range(4))
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)
        self.norm1 = torch.nn.LayerNorm(width, eps=1e-12)
        self.norm2 = torch.nn.LayerNorm(width, eps=1e-12)

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1)
        y = (weights @ v).transpose(1, 2).reshape(x.shape)
        x = self.norm1(x + self.o(y))
        return self.norm2(x + self.down(torch.nn.functional.gelu(self.up(x))))


class Bert(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions = torch.nn.Embedding(28996, 768), torch.nn.Embedding(512, 768)
        self.norm = torch.nn.LayerNorm(768, eps=1e-12)
        self.layers = torch.nn.ModuleList([BertLayer() for _ in range(12)])

    def forward(self, ids):
        x = self.norm(self.words(ids) + self.positions(torch.arange(ids.shape[1]))[None])
        for layer in self.layers:
            x = layer(x)
        return x[:, 0]


def make_module(arch):
    torch.manual_seed(0)
    if arch == "bert-base":
        return Bert().eval()
    name = {"resnet50": "resnet50", "vit-b16": "vit_b_16", "vit-b32": "vit_b_32",
            "swin-t": "swin_t"}[arch]
    module = getattr(torchvision.models, name)(weights=None).eval()
    if arch.startswith("vit"):
        torch.nn.init.normal_(module.heads.head.weight, std=0.02)  # torchvision's are all zero
    return module


def make_input(arch, batch, tokens):
    if arch == "bert-base":
        return torch.randint(0, 28996, (batch, tokens))
    return torch.randn(batch, 3, 224, 224)


def onnx_file(arch, batch, tokens):
    """A fixed shape for each file: engines may then specialise as far as they can."""
    path = f"{MODELS}/{arch}-{batch}-{tokens}.onnx"
    if not os.path.exists(path):
        os.makedirs(MODELS, exist_ok=True)
        with torch.no_grad():
            torch.backends.mha.set_fastpath_enabled(False)  # it cannot be exported
            torch.onnx.export(make_module(arch), (make_input(arch, batch, tokens),), path,
                              opset_version=17, dynamo=False, input_names=["x"])
            torch.backends.mha.set_fastpath_enabled(True)
    return path


def int8_file(arch, batch, tokens):
    from onnxruntime import quantization as q
    source, path = onnx_file(arch, batch, tokens), f"{MODELS}/{arch}-{batch}-{tokens}-int8.onnx"
    if os.path.exists(path):
        return path
    if arch != "resnet50":
        q.quantize_dynamic(source, path, per_channel=True, weight_type=q.QuantType.QInt8)
        return path

    class Calibration(q.CalibrationDataReader):
        def __init__(self):
            self.left = 4

        def get_next(self):
            self.left -= 1
            return {"x": make_input(arch, batch, tokens).numpy()} if self.left >= 0 else None

    q.quantize_static(source, path, Calibration(), per_channel=True,
                      quant_format=q.QuantFormat.QDQ)
    return path


def onnxruntime_runner(path, threads, x):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x.numpy()})


def openvino_runner(path, threads, precision, x):
    model = openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY"})
    request = model.create_infer_request()
    return lambda: request.infer([x.numpy()])


def torch_runner(arch, precision, threads, x):
    torch.set_num_threads(threads)
    module = make_module(arch)
    if precision == "bf16":
        module, x = module.bfloat16(), x if x.dtype == torch.int64 else x.bfloat16()
    if arch == "resnet50":
        module, x = module.to(memory_format=torch.channels_last), x.to(
            memory_format=torch.channels_last)

    def run():
        with torch.inference_mode():
            return module(x)
    return run


def biovl_time(arch, precision, threads, batch, tokens, seconds):
    out = subprocess.run(
        [BIOVL, "bench", "--arch", arch, "--device", "cpu", "--precision", precision, "--threads",
         str(threads), "--batch", str(batch), "--tokens", str(tokens or 1), "--deciseconds",
         str(round(10 * seconds)), "--json"], capture_output=True, text=True, check=True)
    row = json.loads(out.stdout.splitlines()[0])
    return row["cpu_ms"] if threads == 1 else row["min_ms"]


def peer_time(run, threads, batch, seconds):
    clock = time.process_time if threads == 1 else time.perf_counter
    best, start, n = math.inf, clock(), 0
    while clock() - start < seconds or n < 2:
        t = clock()
        run()
        best, n = min(best, clock() - t), n + 1
    mean = (clock() - start) / n
    return (mean if threads == 1 else best) * 1e3 / batch


def engines(arch, threads, batch, tokens):
    """Name to a function that makes a runner; made when its turn comes, and kept."""
    x = make_input(arch, batch, tokens)
    path = onnx_file(arch, batch, tokens)
    yield "onnxruntime f32", lambda: onnxruntime_runner(path, threads, x)
    yield "onnxruntime int8", lambda: onnxruntime_runner(int8_file(arch, batch, tokens), threads, x)
    if openvino:
        yield "openvino f32", lambda: openvino_runner(path, threads, "f32", x)
        yield "openvino bf16", lambda: openvino_runner(path, threads, "bf16", x)
    yield "torch f32", lambda: torch_runner(arch, "f32", threads, x)
    yield "torch bf16", lambda: torch_runner(arch, "bf16", threads, x)


def measure(arch, threads, batch, tokens, rounds, seconds):
    """Engine to its best milliseconds per item over the rounds; all take turns in each round."""
    best, runners = {}, {}
    for name, make in engines(arch, threads, batch, tokens):
        try:
            runners[name] = make()
            runners[name]()
        except Exception as error:  # an engine that cannot is left out and said so
            print(f"  {name}: {str(error).splitlines()[0][:100]}", flush=True)
            runners.pop(name, None)
    for _ in range(rounds):
        for precision in ("f32", "bf16", "int8"):
            name = f"biovl {precision}"
            ms = biovl_time(arch, precision, threads, batch, tokens, seconds)
            best[name] = min(best.get(name, math.inf), ms)
        for name, run in runners.items():
            best[name] = min(best.get(name, math.inf), peer_time(run, threads, batch, seconds))
    return best


def peer_runs(arch, x):
    """Engine to a function that runs x once, for each peer that agreement is asked of."""
    path = onnx_file(arch, 1, x.shape[1] if arch == "bert-base" else 0)
    yield "onnxruntime f32", onnxruntime_runner(path, 1, x)
    yield "onnxruntime int8", onnxruntime_runner(
        int8_file(arch, 1, x.shape[1] if arch == "bert-base" else 0), 1, x)
    if openvino:
        yield "openvino f32", openvino_runner(path, 1, "f32", x)
        yield "openvino bf16", openvino_runner(path, 1, "bf16", x)
    yield "torch bf16", torch_runner(arch, "bf16", 1, x)


def check_agreement(archs):
    """Architecture to engine to 1 - cosine with PyTorch in f32, on one input and equal weights."""
    found = {}
    for arch in archs:
        found[arch] = agreement.compare(BIOVL, arch, make_module(arch),
                                        lambda x, arch=arch: peer_runs(arch, x),
                                        f"{MODELS}/{arch}")
        print(arch, "agreement:", ", ".join(f"{k} {v:.1e}" for k, v in found[arch].items()),
              flush=True)
        if not found[arch]["biovl f32"] < 1e-6:
            raise SystemExit(f"{arch}: biovl does not compute what PyTorch does")
    return found


def write_agreement(f, found, names):
    names = [n for n in names if n != "torch f32"]
    f.write("\nHow far the engines agree: 1 - cosine between the output of one input and PyTorch's in "
            "f32, all with the same random weights (biovl's bf16 and int8: with biovl's f32).\n\n"
            "| arch | " + " | ".join(names) + " |\n" + "|---" * (1 + len(names)) + "|\n")
    for arch, row in found.items():
        f.write(f"| {arch} | " + " | ".join(f"{max(row[n], 0):.1e}" if n in row else "-"
                                            for n in names) + " |\n")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def write_results(rows, names, agreed, ceilings):
    versions = f"onnxruntime {ort.__version__}, torch {torch.__version__}"
    if openvino:
        versions += f", openvino {openvino.__version__.split('-')[0]}"
    f = io.StringIO()
    f.write("# biovl beside its peers\n\n"
            f"Written by `bench/vs_peers.sh` on {time.strftime('%Y-%m-%d')}. Processor: "
            f"{processor()}, {os.cpu_count()} cores. {versions}.\n\n"
            "Milliseconds per image or text, the best of the rounds, engines in turn within "
            "each round. One thread: processor time; more: wall time. biovl's columns give in "
            "brackets how many times as fast it is as the fastest peer of the same precision "
            "(int8: of ONNX Runtime's) and, for bf16 and int8, as ONNX Runtime in f32. Random "
            "weights.\n\n")
    f.write("| arch | threads | batch | tokens | " + " | ".join(names) + " |\n")
    f.write("|---" * (4 + len(names)) + "|\n")
    for (arch, threads, batch, tokens), best in rows:
        cells = []
        for name in names:
            if name not in best:
                cells.append("-")
                continue
            text = f"{best[name]:.1f}"
            engine, precision = name.split()
            peers = [v for k, v in best.items()
                     if k.split()[1] == precision and k.split()[0] != "biovl"]
            if engine == "biovl" and peers:
                text += f" ({min(peers) / best[name]:.2f}×"
                if precision != "f32":
                    text += f", {best['onnxruntime f32'] / best[name]:.1f}× f32"
                text += ")"
            cells.append(text)
        f.write(f"| {arch} | {threads} | {batch} | {tokens or ''} | " + " | ".join(cells)
                + " |\n")
    f.write(ceiling.table(rows, ceilings))
    write_agreement(f, agreed, names)
    replace_section("bench/RESULTS.md", "peers", f.getvalue())


def measure_startup(threads, rounds):
    torch.manual_seed(0)
    folder = f"{MODELS}/startup"
    model = startup.make_model(BIOVL, make_module("resnet50"), make_module("bert-base"), folder)
    peers = {f"onnxruntime {p}": (make("resnet50", 1, 0), make("bert-base", 1, 32))
             for p, make in (("f32", onnx_file), ("int8", int8_file))}
    text = startup.table(startup.measure(BIOVL, model, folder, peers, threads, rounds))
    replace_section("bench/RESULTS.md", "startup", text)
    print(text, flush=True)


def numbers(text):
    return [int(x) for x in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batch", type=numbers, default=[1, 8])
    parser.add_argument("--archs", default="resnet50,vit-b16,vit-b32,swin-t,bert-base")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--startup", action="store_true", help="measure that and stop")
    parser.add_argument("--agreement", action="store_true", help="check that and stop")
    a = parser.parse_args()
    warnings.filterwarnings("ignore")
    names = ["biovl f32", "onnxruntime f32", "openvino f32", "torch f32", "biovl bf16",
             "openvino bf16", "torch bf16", "biovl int8", "onnxruntime int8"]
    agreed = {} if a.startup else check_agreement(a.archs.split(","))
    if a.agreement:
        return
    measure_startup(a.threads, 3 * a.rounds)
    if a.startup:
        return
    rows, ceilings = [], {}
    for threads in a.threads:
        ceilings[threads] = ceiling.measure(threads)
        for batch in a.batch:
            for arch, tokens in CELLS:
                if arch not in a.archs.split(","):
                    continue
                best = measure(arch, threads, batch, tokens, a.rounds, a.seconds)
                rows.append(((arch, threads, batch, tokens), best))
                print(arch, f"threads {threads} batch {batch} tokens {tokens}:",
                      ", ".join(f"{k} {v:.1f}" for k, v in best.items()), flush=True)
                write_results(rows, names, agreed, ceilings)


if __name__ == "__main__":
    main()
