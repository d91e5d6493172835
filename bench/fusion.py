"""Times fusion encoders of biovl and PyTorch in turn, in one run, and writes bench/FUSION.md. See
fusion.sh.

Each torch module below is an architecture of published size with the tensor names of its
checkpoints. Its seeded random weights are saved as its authors save theirs and go through `biovl
convert`, so that both engines hold the same numbers, and their logits are compared before anything
is timed.
"""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

BUILD = os.environ.get("BIOVL_BUILD", "build/release")
BIOVL = f"{BUILD}/bin/biovl"
IMAGE = "assets/sample/cxr.dcm"
WIDTH, HEAD = 768, 64  # of a state, and of each attention head in it
DEPTH = 12  # of BERT; M3AE leaves out the last block of its ViT and fuses in half as many layers
N_TEXTS, N_COMPARED = 64, 16


def heads(x):
    return x.unflatten(-1, (-1, HEAD)).transpose(1, 2)


def attend(q, k, v):
    return F.scaled_dot_product_attention(heads(q), heads(k), heads(v)).transpose(1, 2).flatten(2)


class Linears(nn.Module):
    """A module that only gives its linear layers their published names."""

    def __init__(self, **sizes):
        super().__init__()
        for name, (n_in, n_out) in sizes.items():
            setattr(self, name, nn.Linear(n_in, n_out))


class Output(Linears):
    def __init__(self, n_in, eps):
        super().__init__(dense=(n_in, WIDTH))
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=eps)

    def forward(self, x, residual):
        return self.LayerNorm(self.dense(x) + residual)


class Attention(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.self = Linears(query=(WIDTH, WIDTH), key=(WIDTH, WIDTH), value=(WIDTH, WIDTH))
        self.output = Output(WIDTH, eps)

    def forward(self, x, y):
        return self.output(attend(self.self.query(x), self.self.key(y), self.self.value(y)), x)


class Layer(nn.Module):
    """BERT's layer; with cross also METER's cross-attention between the two halves."""

    def __init__(self, eps, cross=False):
        super().__init__()
        self.attention = Attention(eps)
        if cross:
            self.crossattention = Attention(eps)
        self.intermediate = Linears(dense=(WIDTH, 4 * WIDTH))
        self.output = Output(4 * WIDTH, eps)

    def forward(self, x, y=None):
        x = self.attention(x, x)
        if y is not None:
            x = self.crossattention(x, y)
        return self.output(F.gelu(self.intermediate.dense(x)), x)


class Embeddings(nn.Module):
    def __init__(self, words, positions, types, eps, first_position):
        super().__init__()
        self.first_position = first_position
        self.word_embeddings = nn.Embedding(words, WIDTH)
        self.position_embeddings = nn.Embedding(positions, WIDTH)
        self.token_type_embeddings = nn.Embedding(types, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=eps)

    def forward(self, ids):
        positions = torch.arange(self.first_position, self.first_position + ids.shape[1])
        return self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings(positions) +
                              self.token_type_embeddings.weight[0])


class Bert(nn.Module):
    def __init__(self, words, positions, types, eps, first_position):
        super().__init__()
        self.embeddings = Embeddings(words, positions, types, eps, first_position)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(Layer(eps) for _ in range(DEPTH))
        self.pooler = Linears(dense=(WIDTH, WIDTH))


class Transform(Output):
    def __init__(self):
        super().__init__(WIDTH, 1e-12)


class Uniter(nn.Module):
    """UNITER-base with its pre-training heads (single stream)."""
    checkpoint = "uniter-base.pt"
    vocabulary = 28996

    def __init__(self, regions=2048):
        super().__init__()
        self.uniter = Bert(self.vocabulary, 512, 2, 1e-12, 0)
        image = self.uniter.img_embeddings = nn.Module()
        image.img_linear, image.pos_linear = nn.Linear(regions, WIDTH), nn.Linear(7, WIDTH)
        for name in ("img_layer_norm", "pos_layer_norm", "LayerNorm"):
            setattr(image, name, nn.LayerNorm(WIDTH, eps=1e-12))
        image.mask_embedding = nn.Embedding(2, regions)
        self.cls = nn.Module()
        self.cls.predictions = nn.Module()
        self.cls.predictions.transform = Transform()
        self.cls.predictions.decoder = nn.Linear(WIDTH, self.vocabulary, bias=False)
        self.cls.predictions.bias = nn.Parameter(torch.zeros(self.vocabulary))
        self.region_classifier = nn.Module()
        self.region_classifier.net = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(),
                                                   nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 1601))
        self.itm_output = nn.Linear(WIDTH, 2)

    def pooled(self, image, ids):
        u, e = self.uniter, self.uniter.img_embeddings
        features, boxes = image
        y = e.img_layer_norm(e.img_linear(features)) + e.pos_layer_norm(e.pos_linear(boxes))
        y = e.LayerNorm(y + u.embeddings.token_type_embeddings.weight[1])
        x = torch.cat([u.embeddings(ids), y.expand(len(ids), -1, -1)], 1)
        for layer in u.encoder.layer:
            x = layer(x)
        return torch.tanh(u.pooler.dense(x[:, 0]))

    def forward(self, image, ids):
        return self.itm_output(self.pooled(image, ids))

    def published(self):
        return self.state_dict()

    @staticmethod
    def make_input(folder):
        rng = np.random.default_rng(0)
        features = np.maximum(rng.standard_normal((36, 2048)), 0).astype(np.float32)
        corners = np.sort(rng.random((36, 2, 2)), 1).astype(np.float32)
        boxes = corners.reshape(36, 4)
        np.savez(f"{folder}/regions.npz", features=features, boxes=boxes)
        w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        seven = np.concatenate([boxes, np.stack([w, h, w * h], 1)], 1)
        return f"{folder}/regions.npz", [torch.from_numpy(a)[None] for a in (features, seven)]

    @staticmethod
    def write_vocabulary(folder):
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words += [f"w{i}" for i in range(Uniter.vocabulary - len(words))]
        with open(f"{folder}/vocab.txt", "w") as f:
            f.write("\n".join(words) + "\n")

    @staticmethod
    def texts(rng):  # 8 to 30 tokens
        return [" ".join(f"w{rng.integers(20000)}" for _ in range(rng.integers(6, 29)))
                for _ in range(N_TEXTS)]


class ClipBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.Module()
        self.attn.in_proj_weight = nn.Parameter(torch.zeros(3 * WIDTH, WIDTH))
        self.attn.in_proj_bias = nn.Parameter(torch.zeros(3 * WIDTH))
        self.attn.out_proj = nn.Linear(WIDTH, WIDTH)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = Linears(c_fc=(WIDTH, 4 * WIDTH), c_proj=(4 * WIDTH, WIDTH))

    def forward(self, x):
        qkv = F.linear(self.ln_1(x), self.attn.in_proj_weight, self.attn.in_proj_bias)
        x = x + self.attn.out_proj(attend(*qkv.chunk(3, -1)))
        y = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(y * torch.sigmoid(1.702 * y))


class ClipVit(nn.Module):
    """ViT-B/16 at 288 pixels without its last block, as M3AE runs it."""

    def __init__(self, grid=18, patch=16):
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(WIDTH))
        self.positional_embedding = nn.Parameter(torch.zeros(grid * grid + 1, WIDTH))
        self.conv1 = nn.Conv2d(3, WIDTH, patch, patch, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(ClipBlock() for _ in range(DEPTH - 1))

    def forward(self, pixels):
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1)
        x = self.ln_pre(x + self.positional_embedding)
        for block in self.transformer.resblocks:
            x = block(x)
        return self.ln_post(x)


class M3ae(nn.Module):
    """M3AE with its pre-training heads but the image decoder (dual stream)."""
    checkpoint = "m3ae.ckpt"
    vocabulary = 50265

    def __init__(self, vit=ClipVit):
        super().__init__()
        self.vision_encoder = nn.Module()
        self.vision_encoder.visual = vit()
        self.language_encoder = Bert(self.vocabulary, 514, 1, 1e-5, 2)
        for side in ("language", "vision"):
            setattr(self, f"multi_modal_{side}_proj", nn.Linear(WIDTH, WIDTH))
            setattr(self, f"multi_modal_{side}_layers",
                    nn.ModuleList(Layer(1e-12, cross=True) for _ in range(DEPTH // 2)))
            setattr(self, f"multi_modal_{side}_pooler", Linears(dense=(WIDTH, WIDTH)))
        self.modality_type_embeddings = nn.Embedding(2, WIDTH)
        self.itm_head = Linears(fc=(2 * WIDTH, 2))
        self.mlm_head = nn.Module()
        self.mlm_head.transform = Transform()
        self.mlm_head.decoder = nn.Linear(WIDTH, self.vocabulary, bias=False)
        self.mlm_head.bias = nn.Parameter(torch.zeros(self.vocabulary))

    def pooled(self, pixels, ids):
        x = self.language_encoder.embeddings(ids)
        for layer in self.language_encoder.encoder.layer:
            x = layer(x)
        types = self.modality_type_embeddings.weight
        x = self.multi_modal_language_proj(x) + types[0]
        y = self.multi_modal_vision_proj(self.vision_encoder.visual(pixels)) + types[1]
        y = y.expand(len(ids), -1, -1)
        for text, image in zip(self.multi_modal_language_layers, self.multi_modal_vision_layers):
            x, y = text(x, y), image(y, x)
        return torch.cat([torch.tanh(self.multi_modal_language_pooler.dense(x[:, 0])),
                          torch.tanh(self.multi_modal_vision_pooler.dense(y[:, 0]))], 1)

    def forward(self, pixels, ids):
        return self.itm_head.fc(self.pooled(pixels, ids))

    def published(self):
        return {"epoch": 9, "global_step": 99999, "state_dict": self.state_dict()}

    @staticmethod
    def make_input(folder):
        path = f"{folder}/pixels.npy"
        model = f"{folder}/model.safetensors"
        subprocess.run([BIOVL, "preprocess", IMAGE, "-m", model, "-o", path], check=True)
        return IMAGE, torch.from_numpy(np.load(path)).permute(2, 0, 1)[None].contiguous()

    @staticmethod
    def write_vocabulary(folder):
        words = ["<s>", "<pad>", "</s>", "<unk>"]
        words += [chr(c) for c in range(33, 127)] + ["\u0120", "!!"]
        words += [f"filler{i}" for i in range(M3ae.vocabulary - 1 - len(words))] + ["<mask>"]
        with open(f"{folder}/vocab.json", "w") as f:
            json.dump({word: i for i, word in enumerate(words)}, f)
        with open(f"{folder}/merges.txt", "w") as f:
            f.write("#version: 0.2\n! !\n")

    @staticmethod
    def texts(rng):  # one token a letter
        return ["".join(chr(97 + rng.integers(26)) for _ in range(rng.integers(6, 29)))
                for _ in range(N_TEXTS)]


def randomize(module):
    """Weights of a trained network's size; every bias and gain away from its default."""
    generator = torch.Generator().manual_seed(0)
    for name, p in module.named_parameters():
        with torch.no_grad():
            noise = torch.randn(p.shape, generator=generator)
            gain = p.dim() == 1 and name.endswith("weight")
            p.copy_(1 + 0.1 * noise if gain else noise * (0.05 if p.dim() == 1 else 0.03))


def prepare(arch, folder):
    """The torch module, its input, and biovl's model and input, of the same numbers."""
    os.makedirs(folder, exist_ok=True)
    module = arch().eval()
    randomize(module)
    model = f"{folder}/model.safetensors"
    if not os.path.exists(model):
        arch.write_vocabulary(folder)
        torch.save(module.published(), f"{folder}/{arch.checkpoint}")
        subprocess.run([BIOVL, "convert", f"{folder}/{arch.checkpoint}", "-o", model], check=True)
        os.remove(f"{folder}/{arch.checkpoint}")
    texts = arch.texts(np.random.default_rng(1))
    with open(f"{folder}/texts.txt", "w") as f:
        f.write("\n".join(texts) + "\n")
    out = subprocess.run([BIOVL, "tokenize", "-m", model, "--text-file", f"{folder}/texts.txt"],
                         check=True, capture_output=True, text=True).stdout
    ids = [torch.tensor([json.loads(line)["ids"]]) for line in out.splitlines()]
    path, x = arch.make_input(folder)
    return module, x, ids, model, path


class Biovl:
    def __init__(self, model, path, texts, threads):
        self.process = subprocess.Popen(
            [f"{BUILD}/bench/bench_fusion", model, path, texts, "itm", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.read() == "ready"

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("bench_fusion ended")
        return line.strip()

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.read()

    def logits(self):
        first = self.ask("logits")
        return np.array([[float(v) for v in line.split()]
                         for line in [first] + [self.read() for _ in range(N_TEXTS - 1)]])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def take_turns(calls, rounds):
    """The least wall and processor milliseconds of each call: {name: [wall, cpu]}."""
    best = {}
    for _ in range(rounds):
        for name, call in calls.items():
            times = call()
            best[name] = [min(a, b) for a, b in zip(best.get(name, times), times)]
    return best


def biovl_calls(biovl, *commands):
    return {command: lambda c=command: [float(t) for t in biovl.ask(c).split()]
            for command in commands}


def timed(call):
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return [(time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3]


def measure(name, arch, threads, rounds):
    module, x, ids, model, path = prepare(arch, f"{BUILD}/bench/{name}")
    result = {"name": name, "tokens": ids[0].shape[1]}
    for n in (1, threads):
        torch.set_num_threads(n)
        biovl = Biovl(model, path, f"{BUILD}/bench/{name}/texts.txt", n)
        with torch.inference_mode():
            if n == 1:
                expected = torch.cat([module(x, i) for i in ids[:N_COMPARED]]).numpy()
                difference = float(np.abs(biovl.logits()[:N_COMPARED] - expected).max())
                assert difference <= 1e-3, difference
                result |= {"difference": difference, "spread": float(expected.std(0).min())}
            pair = {"torch": lambda: timed(lambda: module(x, ids[0])), **biovl_calls(biovl, "pair")}
            result |= {f"{k} {n}": v for k, v in take_turns(pair, 5 * rounds).items()}
        if n == threads:
            result |= take_turns(biovl_calls(biovl, "together", "apart", "each"), rounds)
        biovl.close()
    print(result, flush=True)
    return result


def measure_default(threads, rounds):
    """The model that ships, without torch: its own vocabulary, findings in random order."""
    folder = f"{BUILD}/bench/default"
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(1)
    words = [line.strip().lower() for line in open("assets/labels/chest.txt")
             if line.strip() and not line.startswith("#")]
    with open(f"{folder}/texts.txt", "w") as f:
        for _ in range(N_TEXTS):
            f.write(" and ".join(rng.choice(words, rng.integers(1, 6), replace=False)) + "\n")
    biovl = Biovl("assets/models/biovl-cxr-small.safetensors", IMAGE, f"{folder}/texts.txt",
                  threads)
    best = take_turns(biovl_calls(biovl, "together", "apart", "each"), 10 * rounds)
    biovl.close()
    result = {"name": "default", **best}
    print(result, flush=True)
    return result


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return f"{line.split(':')[1].strip()}, {os.cpu_count()} cores"
    return platform.processor()


TITLES = {"uniter": "UNITER-base, 36 regions (single stream)",
          "m3ae": "M3AE, 288 × 288 pixels (dual stream)",
          "default": "biovl-cxr-small (dual stream; only its text reads the image)"}


def pair_row(r, threads, quiet):
    def cells(n, which):
        ours, theirs = r[f"pair {n}"][which], r[f"torch {n}"][which]
        return f"{ours:.1f} | {theirs:.1f} | {theirs / ours:.2f}"
    wall = cells(threads, 0) if quiet else "– | – | –"
    return (f"| {TITLES[r['name']]} | {r['tokens']} | {cells(1, 1)} | {wall} | "
            f"{r['difference']:.1e} | {r['spread']:.2f} |")


def many_row(r):
    cells = [TITLES[r["name"]], f"{r['together'][1]:.0f}"]
    for other in ("apart", "each"):
        cells += [f"{r[other][1]:.0f}", f"{r['together'][1] / r[other][1]:.2f}"]
    return "| " + " | ".join(cells) + " |"


def write(results, threads, rounds, load):
    quiet = load <= os.cpu_count() + 0.5  # our own threads are in it
    lines = [
        "# Fusion encoders", "",
        f"Written by `bench/fusion.sh` on {datetime.date.today()}. Processor: {processor()}, load "
        f"average {load:.1f}. torch {torch.__version__}; biovl on the CPU; both in f32. "
        f"Milliseconds, the best of {5 * rounds} turns of each engine, of {rounds} for {N_TEXTS} "
        "texts. Published sizes, seeded random weights, the same in both engines: saved by torch "
        "under the published names, converted by `biovl convert`.", "",
        "## One pair beside PyTorch", "",
        "From pixels or regions and token ids to the matching logits, batch 1, without padding; "
        "torch runs eagerly in inference mode with its fused attention. Wall time on several "
        "threads is given only where nothing else kept the machine busy: torch's threads wait "
        "spinning for each other and would look slower than they are.", "",
        f"| model | text tokens | biovl, 1 thread, processor time | torch | times as fast | biovl, "
        f"{threads} threads, wall | torch | times as fast | largest difference of {N_COMPARED} "
        "texts' logits | their standard deviation |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *[pair_row(r, threads, quiet) for r in results if "pair 1" in r],
        "", f"## One image and {N_TEXTS} texts", "",
        f"What one call with {N_TEXTS} texts costs beside a call for each text, in processor time of "
        f"{threads} threads: calls that bring the image (as a program does that asks for each pair), "
        "and calls with the image as it was encoded before.", "",
        f"| model | one call | {N_TEXTS} calls with the image | one costs | {N_TEXTS} calls, image "
        "encoded before | one costs |",
        "|---|---|---|---|---|---|",
        *[many_row(r) for r in results],
        "", "Detector regions are little work to embed, and in a single stream every image token "
        "reads the text from the first layer on: there is little to share, and the processor is "
        "already busy with one text. Elsewhere the image encoder runs once."]
    with open("bench/FUSION.md", "w") as f:
        f.write("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", default="uniter,m3ae,default")
    args = parser.parse_args()
    archs = {"uniter": Uniter, "m3ae": M3ae}
    names = args.models.split(",")
    load = os.getloadavg()[1]
    results = [measure_default(args.threads, args.rounds) if name == "default"
               else measure(name, archs[name], args.threads, args.rounds) for name in names]
    if set(names) == set(TITLES):
        write(results, args.threads, args.rounds, max(load, os.getloadavg()[1]))


if __name__ == "__main__":
    main()
