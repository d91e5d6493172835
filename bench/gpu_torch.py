"""The shapes of bench/gpu.c in PyTorch: eager and captured in a CUDA graph, inference mode,
channels_last; f32 without TF32. One JSON line each. Random weights.

    gpu_torch.py SECONDS PRECISIONS [small]        PRECISIONS: "f16,bf16,f32"

Without a GPU it runs on the processor, eager only: to try the script, not to measure.
"""
import json
import sys
import time

import torch
from torch.nn import functional as F

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
PRECISIONS = (sys.argv[2] if len(sys.argv) > 2 else "f16,bf16,f32").split(",")
SMALL = len(sys.argv) > 3 and sys.argv[3] == "small"
GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}

# As in gpu.c: M, N, K; side, channels, filters, kernel, stride; rows and columns; batches.
GEMMS = [(8192, 8192, 8192), (4096, 4096, 4096), (64 * 197, 3072, 768), (197, 3072, 768),
         (64 * 128, 768, 3072), (128, 768, 768)]
CONVS = [(224, 3, 64, 7, 2), (56, 64, 64, 3, 1), (14, 256, 256, 3, 1)]
CONV_BATCH, ROWS, BATCHES, ARCHS = 64, 65536, (1, 64), ("resnet50", "vit-b16", "swin-t",
                                                        "bert-base")
if SMALL:
    GEMMS, CONVS = [(256, 256, 256), (50, 96, 64)], [(56, 3, 64, 7, 2), (14, 64, 64, 3, 1),
                                                     (14, 64, 64, 3, 1)]
    CONV_BATCH, ROWS, BATCHES, ARCHS = 1, 256, (1,), ("resnet50",)


def synchronize():
    if GPU:
        torch.cuda.synchronize()


def samples_of(once):
    """Milliseconds of calls of once() over about SECONDS; once() returns one sample."""
    for _ in range(5):
        once()
    samples, end = [], time.time() + SECONDS
    while len(samples) < 400 and (len(samples) < 5 or time.time() < end):
        samples.append(once())
    samples.sort()
    return samples


def by_events(call):
    def once():
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        call()
        b.record()
        b.synchronize()
        return a.elapsed_time(b)
    return once


def by_wall(call):
    def once():
        synchronize()
        start = time.perf_counter()
        call()
        synchronize()
        return (time.perf_counter() - start) * 1e3
    return once


def captured(call):
    """The same call replayed from a CUDA graph."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def report(item, shape, precision, call, flops=0.0, nbytes=0.0, copying=None):
    """copying: the call with its input from, and its output to, the processor's memory."""
    modes = ["eager"] + (["graph"] if GPU else []) + (["copies"] if copying else [])
    for mode in modes:
        row = {"item": item, "shape": shape, "precision": precision, "mode": mode}
        try:
            if mode == "copies":
                once = by_wall(copying)
            elif GPU:
                once = by_events(call if mode == "eager" else captured(call))
            else:
                once = by_wall(call)
            samples = samples_of(once)
            ms = samples[len(samples) // 2]
            row |= {"runs": len(samples), "ms": ms, "p10": samples[len(samples) // 10],
                    "p90": samples[len(samples) * 9 // 10], "tflops": flops / ms * 1e-9,
                    "gbps": nbytes / ms * 1e-6}
        except Exception as error:  # the other rows are worth having
            row["error"] = str(error).splitlines()[0][:200]
        print(json.dumps(row), flush=True)


class BertLayer(torch.nn.Module):
    def __init__(self, width=768, heads=12):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, C)
        x = self.norm1(x + self.out(y))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Bert(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions = torch.nn.Embedding(28996, 768), torch.nn.Embedding(512, 768)
        self.norm = torch.nn.LayerNorm(768)
        self.layers = torch.nn.ModuleList([BertLayer() for _ in range(12)])
        self.register_buffer("at", torch.arange(128), persistent=False)

    def forward(self, ids):
        x = self.norm(self.words(ids) + self.positions(self.at[:ids.shape[1]]))
        for layer in self.layers:
            x = layer(x)
        return x[:, 0]


def make_model(arch):
    if arch == "bert-base":
        return Bert()
    import torchvision.models as tv
    return {"resnet50": tv.resnet50, "vit-b16": tv.vit_b_16, "swin-t": tv.swin_t}[arch]()


def random(*shape, dtype):
    x = torch.randn(*shape, device=DEVICE, dtype=dtype)
    return x.to(memory_format=torch.channels_last) if x.dim() == 4 else x


def ops(dtype, name):
    for M, N, K in GEMMS:
        a, w = random(M, K, dtype=dtype), random(N, K, dtype=dtype)
        report("gemm", f"{M}x{N}x{K}", name, lambda: F.linear(a, w), 2.0 * M * N * K)
    for side, C, O, k, s in CONVS:
        x, w = random(CONV_BATCH, C, side, side, dtype=dtype), random(O, C, k, k, dtype=dtype)
        out = (side + 2 * (k // 2) - k) // s + 1
        report("conv2d", f"{CONV_BATCH}x{side}x{side}x{C} k{k} s{s} o{O}", name,
               lambda: F.conv2d(x, w, stride=s, padding=k // 2),
               2.0 * CONV_BATCH * out * out * O * C * k * k)
    x = torch.randn(ROWS, 1024, device=DEVICE)
    y, one = torch.empty_like(x), torch.ones(1024, device=DEVICE)
    for item, call in (("copy", lambda: y.copy_(x)), ("softmax", lambda: torch.softmax(x, -1)),
                       ("layer_norm", lambda: F.layer_norm(x, (1024,), one, one))):
        report(item, f"{ROWS}x1024", name, call, nbytes=8.0 * x.numel())


def encoders(dtype, name):
    for arch in ARCHS:
        try:
            model = make_model(arch).eval().to(DEVICE, dtype=dtype)
        except ImportError as error:
            print(f"{arch} is left out: {error}", file=sys.stderr)
            continue
        model = model.to(memory_format=torch.channels_last)
        for batch in BATCHES:
            if arch == "bert-base":
                host = torch.randint(0, 28996, (batch, 128))
            else:
                host = torch.randn(batch, 3, 224, 224, dtype=dtype).to(
                    memory_format=torch.channels_last)
            host = host.pin_memory() if GPU else host
            x = host.to(DEVICE)
            report(arch, f"batch {batch}", name, lambda: model(x),
                   copying=lambda: model(host.to(DEVICE, non_blocking=True)).cpu())


@torch.inference_mode()
def main():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    print(json.dumps({"item": "torch", "version": torch.__version__,
                      "device": torch.cuda.get_device_name() if GPU else "cpu"}), flush=True)
    for name in PRECISIONS:
        ops(DTYPES[name], name)
        encoders(DTYPES[name], name)


main()
