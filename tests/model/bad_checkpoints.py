"""Accidents with checkpoints through biovl convert: the exit code is that of bad input, the message
names the file and what is wrong with it, and nothing is left behind.

python3 bad_checkpoints.py BIOVL FAMILIES.INC
"""
import os
import struct
import subprocess
import sys
import tempfile

import folders
from torch_file import write_safetensors, write_torch

BAD_INPUT = 3
PAGE = "<!DOCTYPE html>\n<html><head><title>Access to this model is restricted</title></head></html>\n"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 438007537\n"


class Folder:
    """A sound BERT folder in a temporary place; the tests damage it."""

    def __init__(self, family, container):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = self.temporary.name
        self.family = family
        self.file = os.path.join(self.path, "model.safetensors" if container == "safetensors"
                                 else "pytorch_model.bin")
        self.write = write_safetensors if container == "safetensors" else write_torch
        self.tensors = list(family["shapes"])
        self.data = folders.values
        folders.values.norms = {n: len(s) == 1 and n.endswith("weight") for n, s, _ in self.tensors}
        folders.write_text(self.path, "config.json", family["config"])
        folders.write_vocabulary(self.path, "usual", False)

    def save(self):
        self.write(self.file, self.tensors, self.data)

    def text(self, text):
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)


def renamed(folder):
    name = "encoder.layer.1.output.dense.weight"
    folder.tensors = [(n.replace("output.dense", "output.tense") if n == name else n, s, d)
                      for n, s, d in folder.tensors]
    folders.values.norms[name.replace("dense", "tense")] = False
    folder.save()


def poisoned(value):
    def damage(folder):
        def data(name, n, dtype):
            out = folders.values(name, n, dtype)
            if name != "encoder.layer.0.output.dense.weight":
                return out
            return out[:40] + struct.pack("<f", value) + out[44:]
        folder.data = data
        folder.save()
    return damage


def longer_vocabulary(folder):
    folder.save()
    folders.write_text(folder.path, "vocab.txt", "".join(w + "\n" for w in [*folders.WORDS, "more"]))


def halved(folder):
    folder.save()
    os.truncate(folder.file, os.path.getsize(folder.file) // 2)


def without_vocabulary(folder):
    folder.save()
    os.remove(os.path.join(folder.path, "vocab.txt"))


# What happened; the damage; options; what the message says, beside the path.
CASES = [
    ("a tensor renamed", renamed, [], ["encoder.layer.1.output.dense.weight"]),
    ("NaN", poisoned(float("nan")), [], ["encoder.layer.0.output.dense.weight", "NaN"]),
    ("infinity", poisoned(float("-inf")), [], ["encoder.layer.0.output.dense.weight", "infinity"]),
    ("another vocabulary", longer_vocabulary, [], ["11 tokens", "10 rows"]),
    ("no vocabulary", without_vocabulary, [], ["vocab.txt", "--vocab"]),
    ("given as another system", Folder.save, ["--system", "gloria"],
     ["not a checkpoint of system gloria but of bert", "unexpected tensors", "embeddings.word_embeddings.weight"]),
    ("half a download", halved, [], ["missing"]),
    ("a web page", lambda f: f.text(PAGE), [], ["web page"]),
    ("a Git LFS pointer", lambda f: f.text(POINTER), [], ["Git LFS", "438007537"]),
    ("an error message", lambda f: f.text('{"error": "Repository not found"}'), [], ["JSON"]),
    ("an empty file", lambda f: f.text(""), [], ["empty"]),
    ("a file of zeros", lambda f: f.text("\0" * 4096), [], ["zero"]),
]


def check(biovl, family, container, case):
    what, damage, options, says = case
    folder = Folder(family, container)
    damage(folder)
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([biovl, "convert", folder.path, *options, "-o",
                               os.path.join(place, "out.safetensors")], capture_output=True, text=True)
        left = os.listdir(place)
    good = (done.returncode == BAD_INPUT and not left and folder.path in done.stderr and
            all(part in done.stderr for part in says))
    if not good:
        print(f"{container}, {what}: exit code {done.returncode}, left {left}, says "
              f"{done.stderr.strip()}, not {says}")
    return good


def check_roberta(biovl, family):
    """RoBERTa's tensors are named as BERT's: without config.json they are nobody's, not BERT's."""
    folder = Folder(family, "safetensors")
    folder.save()
    os.remove(os.path.join(folder.path, "config.json"))
    folders.write_vocabulary(folder.path, "usual", True)
    done = subprocess.run([biovl, "convert", folder.path, "-o", os.path.join(folder.path, "out")],
                          capture_output=True, text=True)
    good = done.returncode == BAD_INPUT and "roberta" in done.stderr and "config.json" in done.stderr
    if not good:
        print(f"RoBERTa without config.json: exit code {done.returncode}, says {done.stderr.strip()}")
    return good


def main():
    biovl, families = sys.argv[1], folders.read_families(sys.argv[2])
    family = families["bert"]
    results = [check(biovl, family, container, case)
               for container in ("safetensors", "bin") for case in CASES]
    results.append(check_roberta(biovl, families["roberta"]))
    print(f"{sum(results)} of {len(results)}")
    return 0 if all(results) else 1


sys.exit(main())
