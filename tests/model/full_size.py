"""Checkpoints of the published size, made of the *.keys.txt lists beside the conformance fixtures,
and one of 1.6 GB, through biovl convert, one embedding of an image and a text, and classify: time and
memory.

python3 full_size.py BIOVL [NAME ...]              exit code 77: no conformance folder

The container is that of torch.save() (a zip archive); the values are a repeated block of small
numbers, variances 1. A vocabulary of as many words as the table has rows is made as well. Times are
the smaller of what a clock shows and what the processors spent, as other programs may run beside.
"""
import array
import ast
import os
import random
import subprocess
import sys
import tempfile

from torch_file import STORAGES, write_torch

# The checkpoint below the folder, whose key list lies beside it. A folder with two lists is converted
# as a folder.
SYSTEMS = {
    "chexzero": "chexzero/best_64_5e-05_original_22000_0.864.pt",
    "medclip-resnet": "medclip/medclip-resnet/pytorch_model.bin",
    "medclip-vit": "medclip/medclip-vit/pytorch_model.bin",
    "gloria": "gloria/chexpert_resnet50.ckpt",
    "mgca-resnet": "mgca/resnet_50.ckpt",
    "mgca-vit": "mgca/vit_base.ckpt",
    "convirt": "convirt/model.pth",
    "biovil": "biovil/BiomedVLP-CXR-BERT-specialized/pytorch_model.bin",
    "biovil-t": "biovil/BiomedVLP-BioViL-T/pytorch_model.bin",
    "biomedclip": "biomedclip/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224/"
                  "open_clip_pytorch_model.bin",
    "densenet121": "densenet121/densenet121-a639ec97.pth",
    "txv-densenet121": "densenet121/nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-d121-tw-lr001-"
                       "rot45-tr15-sc15-seed0-best.state_dict.pt",
}
LARGE = "bert-1.6GB"   # a Hugging Face folder of a BERT encoder with 400 million parameters
CLASSIFIED = ("biomedclip", "chexzero")
SECONDS = 20           # to convert up to 1.6 GB; measured: 8.0
FIRST = 1.0            # seconds to the first embedding, of models up to 800 MB; measured: 0.48
MEMORY = 2             # to convert: times the file's size, beyond a floor for small files
FLOOR = 300 << 20
CLASSIFY = (1.5, 100 << 20)  # to classify: times the model file's size, and beyond; measured: 460 of 561 MB


def read_keys(path):
    """[(name, shape, dtype)], and whether they stand under state_dict."""
    tensors, nested = [], False
    with open(path, encoding="utf-8") as f:
        for line in f:
            parts = line.rstrip("\n").split("\t")
            if len(parts) != 3 or parts[2] not in STORAGES:
                continue
            name = parts[0]
            if name.startswith("state_dict / "):
                nested, name = True, name[len("state_dict / "):]
            elif " / " in name:
                continue
            tensors.append((name, ast.literal_eval(parts[1]), parts[2]))
    return tensors, nested


BLOCK = array.array("f", (random.Random(1).uniform(-0.05, 0.05) for _ in range(1 << 16))).tobytes()
ONES = array.array("f", [1.0]) * (1 << 14)


def data_of(name, n, dtype):
    size = STORAGES[dtype][1]
    if dtype != "float32":
        return bytes(n * size)
    block = ONES.tobytes() if name.endswith("running_var") else BLOCK
    return (block * (n * size // len(block) + 1))[:n * size]


def write_checkpoint(keys, out):
    tensors, nested = read_keys(keys)
    write_torch(out, tensors, data_of,
                (lambda state: {"epoch": 1, "state_dict": state}) if nested else lambda state: state)
    return tensors


def write_vocabulary(tensors, folder):
    rows = [s[0] for n, s, _ in tensors if n.endswith("word_embeddings.weight")]
    if rows:
        with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as f:
            f.write("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
            f.writelines(f"w{i}\n" for i in range(rows[0] - 5))


# Runs a command and prints seconds and peak bytes. A process of its own: what a child of this one
# is charged with includes the memory of its parent when it was forked.
MEASURE = """
import os, subprocess, sys, time
started = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(min(time.monotonic() - started, usage.ru_utime + usage.ru_stime), usage.ru_maxrss << 10)
sys.exit(status != 0)
"""


def measure(command):
    """Seconds and peak bytes of a command; it must succeed."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:2])}: {done.stderr.strip()}")
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def large_tensors(width=1024, layers=24, words=96000):
    """A BERT encoder's tensors as Hugging Face names them."""
    pair = lambda name, rows, columns: [(f"{name}.weight", (rows, columns)), (f"{name}.bias", (rows,))]
    norm = lambda name: [(f"{name}.weight", (width,)), (f"{name}.bias", (width,))]
    out = [(f"embeddings.{n}_embeddings.weight", (rows, width))
           for n, rows in (("word", words), ("position", 512), ("token_type", 2))]
    out += norm("embeddings.LayerNorm")
    for i in range(layers):
        p = f"encoder.layer.{i}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            out += pair(f"{p}attention.{part}", width, width)
        out += norm(f"{p}attention.output.LayerNorm") + pair(f"{p}intermediate.dense", 4 * width, width)
        out += pair(f"{p}output.dense", width, 4 * width) + norm(f"{p}output.LayerNorm")
    return [(name, shape, "float32") for name, shape in out + pair("pooler.dense", width, width)]


def write_large(folder):
    tensors = large_tensors()
    write_torch(os.path.join(folder, "pytorch_model.bin"), tensors, data_of)
    write_vocabulary(tensors, folder)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        f.write('{"model_type": "bert", "num_attention_heads": 16}')
    return os.path.getsize(os.path.join(folder, "pytorch_model.bin"))


def write_system(root, name, folder):
    """The files of a system; returns what to convert, and how large it is."""
    path, source, size = SYSTEMS[name], None, 0
    beside = os.path.dirname(os.path.join(root, path))
    for keys in sorted(os.listdir(beside)):
        full = keys.endswith(".keys.txt") and not keys.startswith("small")
        if full and (path.count("/") > 1 or keys == os.path.basename(path) + ".keys.txt"):
            out = os.path.join(folder, keys[:-len(".keys.txt")])
            write_vocabulary(write_checkpoint(os.path.join(beside, keys), out), folder)
            size += os.path.getsize(out)
            source = source or out
    return folder if path.count("/") > 1 else source, size


def check_classify(biovl, convert, image, folder):
    """Peak memory of classify with f32 and f16 weights, as shares of what is allowed."""
    labels, model = os.path.join(folder, "labels.txt"), os.path.join(folder, "classify.biovl")
    with open(labels, "w", encoding="utf-8") as f:
        f.write("w1\nw2\nw3\nw4\n")
    good, told = True, []
    for dtype in ("f32", "f16"):
        measure([*convert, "-o", model, "--dtype", dtype])
        _, memory = measure([biovl, "classify", image, "--labels", labels, "-m", model])
        good &= memory <= CLASSIFY[0] * os.path.getsize(model) + CLASSIFY[1]
        told.append(f"{memory / 1e6:.0f} MB of {os.path.getsize(model) / 1e6:.0f} MB {dtype}")
    return good, ";  classify " + ", ".join(told)


def check(biovl, root, name):
    with tempfile.TemporaryDirectory() as folder:
        source, size = (folder, write_large(folder)) if name == LARGE else \
            write_system(root, name, folder)
        model = os.path.join(folder, "model.safetensors.biovl")
        convert = [biovl, "convert", source]
        if name == "chexzero":
            convert += ["--vocab", os.path.join(root, "tokenizers/clip-merges.txt")]
        seconds, memory = measure([*convert, "-o", model])
        image = os.path.join(root, "inputs", sorted(os.listdir(os.path.join(root, "inputs")))[0])
        first, words, more = 0.0, 0.0, ""
        if name != LARGE:
            first, _ = measure([biovl, "embed", "--image", image, "-m", model])
        if not name.endswith("densenet121"):
            words, _ = measure([biovl, "embed", "--text", "w1 w2 w3", "-m", model])
        good = seconds <= SECONDS * max(1, size / 1.6e9) and memory <= max(FLOOR, MEMORY * size)
        good &= size > 8e8 or (first <= FIRST and words <= FIRST)
        if name in CLASSIFIED:
            fits, more = check_classify(biovl, convert, image, folder)
            good &= fits
    print(f"{name:16} {size / 1e6:7.0f} MB  convert {seconds:5.1f} s, {memory / 1e6:5.0f} MB;  "
          f"first image {first:.2f} s, first text {words:.2f} s{more}{'' if good else '  TOO MUCH'}",
          flush=True)
    return good


def main():
    root = os.environ.get("BIOVL_CONFORMANCE", "../shared/conformance")
    if not os.path.isdir(root):
        print(f"skipped: {root} is not a folder (set BIOVL_CONFORMANCE)")
        return 77
    results = [check(sys.argv[1], root, name) for name in sys.argv[2:] or [*SYSTEMS, LARGE]]
    return 0 if all(results) else 1


sys.exit(main())
