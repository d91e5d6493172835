"""Checkpoints of the published size, made of the *.keys.txt lists beside the conformance fixtures,
through biovl convert and one embedding of an image and a text: time and memory.

python3 full_size.py BIOVL [NAME ...]              exit code 77: no conformance folder

The container is that of torch.save() (a zip archive); the values are a repeated block of small
numbers, variances 1. A vocabulary of as many words as the table has rows is made as well.
"""
import array
import ast
import os
import random
import subprocess
import sys
import tempfile
import time

from torch_file import STORAGES, write_torch

# Folder, key list below it, card overrides. A folder with two lists is converted as a folder.
SYSTEMS = {
    "chexzero": ("chexzero/best_64_5e-05_original_22000_0.864.pt", []),
    "medclip-resnet": ("medclip/medclip-resnet/pytorch_model.bin", []),
    "medclip-vit": ("medclip/medclip-vit/pytorch_model.bin", []),
    "gloria": ("gloria/chexpert_resnet50.ckpt", []),
    "mgca-resnet": ("mgca/resnet_50.ckpt", []),
    "mgca-vit": ("mgca/vit_base.ckpt", []),
    "convirt": ("convirt/model.pth", []),
    "biovil": ("biovil/BiomedVLP-CXR-BERT-specialized/pytorch_model.bin", []),
    "biovil-t": ("biovil/BiomedVLP-BioViL-T/pytorch_model.bin", []),
    "biomedclip": ("biomedclip/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224/"
                   "open_clip_pytorch_model.bin", []),
    "densenet121": ("densenet121/densenet121-a639ec97.pth", []),
}
SECONDS = 20  # for up to 1.6 GB
MEMORY = 2    # times the file's size, beyond a floor for small files
FLOOR = 300 << 20


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


def measure(command):
    """Seconds and peak bytes of a command; it must succeed."""
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    message = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command[:2])}: {message.strip()}")
    return time.monotonic() - started, usage.ru_maxrss << 10


def check(biovl, root, name):
    path, overrides = SYSTEMS[name]
    with tempfile.TemporaryDirectory() as folder:
        source, size = None, 0
        beside = os.path.dirname(os.path.join(root, path))
        for keys in sorted(os.listdir(beside)):
            full = keys.endswith(".keys.txt") and not keys.startswith("small")
            if full and (path.count("/") > 1 or keys == os.path.basename(path) + ".keys.txt"):
                out = os.path.join(folder, keys[:-len(".keys.txt")])
                write_vocabulary(write_checkpoint(os.path.join(beside, keys), out), folder)
                size += os.path.getsize(out)
                source = source or out
        model = os.path.join(folder, "model.safetensors.biovl")
        command = [biovl, "convert", folder if path.count("/") > 1 else source, "-o", model]
        if name == "chexzero":
            command += ["--vocab", os.path.join(root, "tokenizers/clip-merges.txt")]
        for o in overrides:
            command += ["--set", o]
        seconds, memory = measure(command)
        image = os.path.join(root, "inputs", sorted(os.listdir(os.path.join(root, "inputs")))[0])
        first, _ = measure([biovl, "embed", "--image", image, "-m", model])
        words = 0.0
        if name != "densenet121":
            words, _ = measure([biovl, "embed", "--text", "w1 w2 w3", "-m", model])
    good = seconds <= SECONDS * max(1, size / 1.6e9) and memory <= max(FLOOR, MEMORY * size)
    print(f"{name:16} {size / 1e6:7.0f} MB  convert {seconds:5.1f} s, {memory / 1e6:5.0f} MB;  "
          f"first image {first:.2f} s, first text {words:.2f} s{'' if good else '  TOO MUCH'}",
          flush=True)
    return good


def main():
    root = os.environ.get("BIOVL_CONFORMANCE", "../shared/conformance")
    if not os.path.isdir(root):
        print(f"skipped: {root} is not a folder (set BIOVL_CONFORMANCE)")
        return 77
    results = [check(sys.argv[1], root, name) for name in sys.argv[2:] or SYSTEMS]
    return 0 if all(results) else 1


sys.exit(main())
