"""The shapes of bench/gpu.c in PyTorch: eager and captured in a CUDA graph, inference mode,
channels_last. One JSON line each. Random weights."""
import json
import sys
import time

import torch

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0


def measure(call):
    """Median milliseconds by CUDA events."""
    for _ in range(5):
        call()
    torch.cuda.synchronize()
    samples, end = [], time.time() + SECONDS
    while len(samples) < 400 and (len(samples) < 5 or time.time() < end):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        call()
        b.record()
        b.synchronize()
        samples.append(a.elapsed_time(b))
    samples.sort()
    return samples[len(samples) // 2], len(samples)


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


def report(item, shape, dtype, call, flops=0.0, nbytes=0.0):
    for mode in ("eager", "graph"):
        try:
            ms, runs = measure(call if mode == "eager" else captured(call))
        except RuntimeError as error:
            print(json.dumps({"item": item, "shape": shape, "precision": dtype, "mode": mode,
                              "error": str(error).splitlines()[0]}), flush=True)
            continue
        print(json.dumps({"item": item, "shape": shape, "precision": dtype, "mode": mode,
                          "runs": runs, "ms": ms, "tflops": flops / ms * 1e-9,
                          "gbps": nbytes / ms * 1e-6}), flush=True)


def models():
    """Whole encoders, from whichever of the usual libraries is installed."""
    try:
        import torchvision.models as tv
        yield "resnet50", tv.resnet50(), (3, 224, 224)
        yield "vit-b16", tv.vit_b_16(), (3, 224, 224)
        yield "swin-t", tv.swin_t(), (3, 224, 224)
    except ImportError:
        print("torchvision is missing: image encoders left out", file=sys.stderr)
    try:
        from transformers import BertConfig, BertModel
        yield "bert-base", BertModel(BertConfig()), None
    except ImportError:
        print("transformers is missing: BERT left out", file=sys.stderr)


@torch.inference_mode()
def main():
    for dtype, name in ((torch.float16, "f16"), (torch.float32, "f32")):
        for M, N, K in ((8192, 8192, 8192), (4096, 4096, 4096), (64 * 197, 3072, 768),
                        (197, 3072, 768), (64 * 128, 768, 3072), (128, 768, 768)):
            a = torch.randn(M, K, device="cuda", dtype=dtype)
            w = torch.randn(N, K, device="cuda", dtype=dtype)
            report("gemm", f"{M}x{N}x{K}", name, lambda a=a, w=w: torch.nn.functional.linear(a, w),
                   2.0 * M * N * K)
        for side, C, O, k, s in ((224, 3, 64, 7, 2), (56, 64, 64, 3, 1), (14, 256, 256, 3, 1)):
            x = torch.randn(64, C, side, side, device="cuda", dtype=dtype).to(
                memory_format=torch.channels_last)
            w = torch.randn(O, C, k, k, device="cuda", dtype=dtype).to(
                memory_format=torch.channels_last)
            out = (side + 2 * (k // 2) - k) // s + 1
            report("conv2d", f"64x{side}x{side}x{C} k{k} s{s} o{O}", name,
                   lambda x=x, w=w, s=s, k=k: torch.nn.functional.conv2d(x, w, stride=s,
                                                                         padding=k // 2),
                   2.0 * 64 * out * out * O * C * k * k)
        x = torch.randn(65536, 1024, device="cuda")
        y = torch.empty_like(x)
        report("copy", "65536x1024", name, lambda: y.copy_(x), nbytes=8.0 * x.numel())
        report("softmax", "65536x1024", name, lambda: torch.softmax(x, -1), nbytes=8.0 * x.numel())
        for arch, model, size in models():
            model = model.eval().to("cuda", dtype=dtype).to(memory_format=torch.channels_last)
            for batch in (1, 64):
                if size:
                    x = torch.randn(batch, *size, device="cuda", dtype=dtype).to(
                        memory_format=torch.channels_last)
                else:
                    x = torch.randint(0, 28996, (batch, 128), device="cuda")
                report(arch, f"batch {batch}", name, lambda m=model, x=x: m(x))


main()
