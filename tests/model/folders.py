"""Hugging Face folders as they are released, of each family of text encoders and in each container,
through biovl convert without a flag and biovl embed --text with each pooling.

python3 folders.py BIOVL FAMILIES.INC

Tensors, texts and expected embeddings are those of families.inc (made by families.py with the
implementations of Hugging Face); this writes them into the files that users download.
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

from torch_file import write_safetensors, write_torch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "small", "left", "effusion", "no", "##s"]
BYTES = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "c": 6, "\u0120": 7,
         "<mask>": 8, "ab": 9}
SPIECES = WORDS[:5] + [w[2:] if w.startswith("##") else "\u2581" + w for w in WORDS[5:]]
# The largest difference of an element; measured 2.6e-7 over all families, poolings and containers.
LIMIT = 1e-5


def read_families(path):
    """{family: {shapes, config, mean, cls, pooler, projected}}"""
    text = open(path, encoding="utf-8").read()
    families = {}
    for kind, name, body in re.findall(
            r"static const \w+(?: \w+)? (shapes|config|mean|cls|pooler|projected)_(\w+)\[\] =\s*(.*?);\n",
            text, re.S):
        if kind == "shapes":
            value = [(n, [int(d) for d in dims.split(",")], "float32")
                     for n, dims in re.findall(r'\{"([^"]+)", \d+, \{([^}]*)\}\}', body)]
        elif kind == "config":
            value = json.loads(json.loads(body))
        else:
            value = [float(v) for v in body.strip("{}").split(",")]
        families.setdefault(name, {})[kind] = value
    return families


def values(name, n, dtype):
    """Element i of tensor `name`, as tests/support/fixed.c makes it."""
    state, out = zlib.crc32(name.encode()), []
    mean = 1 if values.norms[name] else 0
    for _ in range(n):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        u = struct.unpack("f", struct.pack("f", (state >> 8) * 2.0**-23))[0] - 1
        product = struct.unpack("f", struct.pack("f", FLOAT_03 * u))[0]
        out.append(mean + product)
    return struct.pack(f"<{n}f", *out)


FLOAT_03 = struct.unpack("f", struct.pack("f", 0.3))[0]


def halves(tensors):
    return tensors[:len(tensors) // 2], tensors[len(tensors) // 2:]


def write_index(folder, name, parts):
    weight_map = {t[0]: file for file, tensors in parts for t in tensors}
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        json.dump({"metadata": {"total_size": 0}, "weight_map": weight_map}, f)


def write_weights(folder, container, tensors):
    if container == "safetensors":
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors, values)
    elif container == "bin":
        write_torch(os.path.join(folder, "pytorch_model.bin"), tensors, values)
    else:
        stem, end, write = (("model", "safetensors", write_safetensors) if container == "shards"
                            else ("pytorch_model", "bin", write_torch))
        parts = [(f"{stem}-{i + 1:05}-of-00002.{end}", half) for i, half in enumerate(halves(tensors))]
        for file, half in parts:
            write(os.path.join(folder, file), half, values)
        write_index(folder, f"{stem}.{end}.index.json", parts)


def bert_tokenizer_json():
    special = [{"id": i, "content": WORDS[i], "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for i in range(5)]
    return {"version": "1.0", "added_tokens": special,
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                           "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}], "pair": [], "special_tokens": {}},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": {w: i for i, w in enumerate(WORDS)}}}


def roberta_tokenizer_json():
    special = [{"id": i, "content": t, "single_word": False, "lstrip": t == "<mask>", "rstrip": False,
                "normalized": True, "special": True}
               for t, i in BYTES.items() if t.startswith("<")]
    return {"version": "1.0", "added_tokens": special, "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
            "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
                               "trim_offsets": True, "add_prefix_space": False},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "merges": ["a b"],
                      "continuing_subword_prefix": "", "end_of_word_suffix": "", "vocab": BYTES}}


def albert_tokenizer_json():
    """SPIECES with the scores of write_spiece()."""
    special = [{"id": i, "content": SPIECES[i], "single_word": False, "lstrip": i == 4, "rstrip": False,
                "normalized": False, "special": True} for i in range(5)]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Replace", "pattern": {"String": "``"}, "content": "\""},
                {"type": "Replace", "pattern": {"String": "''"}, "content": "\""},
                {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
            "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always",
                              "split": True},
            "post_processor": {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}], "pair": [], "special_tokens": {}},
            "model": {"type": "Unigram", "unk_id": 1, "byte_fallback": False,
                      "vocab": [[p, len(p) - 20.0] for p in SPIECES]}}


def write_text(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))


def write_spiece(path, pieces):
    """A SentencePiece model (a protocol buffer) of pieces, the longer of which score better."""
    kinds = {"[UNK]": 2, "[CLS]": 3, "[SEP]": 3, "[MASK]": 3, "[PAD]": 3}
    out = b""
    for piece in pieces:
        text = piece.encode()
        body = (b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", len(piece) - 20) +
                b"\x18" + bytes([kinds.get(piece, 1)]))
        out += b"\x0a" + bytes([len(body)]) + body
    with open(path, "wb") as f:
        f.write(out)


def write_vocabulary(folder, form, roberta):
    if form == "spiece.model":
        write_spiece(os.path.join(folder, form), SPIECES)
        write_text(folder, "tokenizer.json", {})  # which is left alone then
    elif form == "unigram.json":
        write_text(folder, "tokenizer.json", albert_tokenizer_json())
    elif form == "tokenizer.json":
        write_text(folder, "vocab.json", {})  # some releases have it, without its merges
        write_text(folder, form, roberta_tokenizer_json() if roberta else bert_tokenizer_json())
    elif roberta:
        write_text(folder, "vocab.json", BYTES)
        write_text(folder, "merges.txt", "#version: 0.2\na b\n")
    else:
        write_text(folder, "vocab.txt", "".join(w + "\n" for w in WORDS))


def read_npy(path):
    data = open(path, "rb").read()
    at = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack(f"<{(len(data) - at) // 4}f", data[at:])


def embed(biovl, work, folder, text, flags):
    """The raw embedding of a text after convert FOLDER with flags."""
    model, out = os.path.join(work, "model.safetensors"), os.path.join(work, "out.npy")
    for command in ([biovl, "convert", folder, "-o", model, *flags],
                    [biovl, "embed", "--raw", "--text", text, "-m", model, "-o", out]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command[1:])}: {done.stderr.strip()}")
    return read_npy(out)


def check(biovl, name, family, container, form, elsewhere=False):
    """elsewhere: the vocabulary lies in another folder, given with --vocab."""
    roberta = name == "roberta"
    text = "ab c" if roberta else "No small effusions"
    values.norms = {n: len(s) == 1 and n.endswith("weight") for n, s, _ in family["shapes"]}
    worst = 0.0
    with tempfile.TemporaryDirectory() as work:
        folder, other = os.path.join(work, "model"), os.path.join(work, "vocabulary")
        os.mkdir(folder)
        os.mkdir(other)
        write_weights(folder, container, family["shapes"])
        write_text(folder, "config.json", family["config"])
        write_vocabulary(other if elsewhere else folder, form, roberta)
        flags = ["--vocab", other] if elsewhere else []
        poolings = [p for p in ("projected", "mean", "cls", "pooler") if len(family[p]) > 1]
        for pooling in poolings:  # the first is what conversion without a flag makes
            set_pooling = [] if pooling == poolings[0] else ["--set", f"text.pooling={pooling}"]
            ours = embed(biovl, work, folder, text, flags + set_pooling)
            assert len(ours) == len(family[pooling]), (name, pooling, len(ours))
            worst = max(worst, max(abs(a - b) for a, b in zip(ours, family[pooling])))
    good = worst <= LIMIT
    print(f"{name:10} {container:12} {form:15} {'--vocab ' if elsewhere else ''}"
          f"{', '.join(poolings)}: {worst:.2g}{'' if good else '  TOO MUCH'}")
    return good


def check_sentence_transformer(biovl, family):
    """A folder of sentence-transformers says how it pools; what biovl does not do is refused."""
    values.norms = {n: len(s) == 1 and n.endswith("weight") for n, s, _ in family["shapes"]}
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "model")
        os.makedirs(os.path.join(folder, "1_Pooling"))
        write_weights(folder, "safetensors", family["shapes"])
        write_text(folder, "config.json", family["config"])
        write_vocabulary(folder, "usual", False)
        write_text(folder, "1_Pooling/config.json",
                   {"word_embedding_dimension": 16, "pooling_mode_cls_token": True,
                    "pooling_mode_mean_tokens": False})
        ours = embed(biovl, work, folder, "No small effusions", [])
        worst = max(abs(a - b) for a, b in zip(ours, family["cls"]))
        write_text(folder, "1_Pooling/config.json", {"pooling_mode_max_tokens": True})
        refused = subprocess.run([biovl, "convert", folder, "-o", os.path.join(work, "out")],
                                 capture_output=True, text=True)
        good = worst <= LIMIT and refused.returncode != 0 and '"max"' in refused.stderr
    print(f"sentence-transformers: {worst:.2g}{'' if good else '  WRONG ' + refused.stderr}")
    return good


def main():
    biovl, families = sys.argv[1], read_families(sys.argv[2])
    good = True
    for name, family in families.items():
        good &= check(biovl, name, family, "safetensors", "usual")
        good &= check(biovl, name, family, "bin", "tokenizer.json")
    good &= check_sentence_transformer(biovl, families["bert"])
    for form in ("spiece.model", "unigram.json"):
        good &= check(biovl, "albert", families["albert"], "safetensors", form)
    good &= check(biovl, "albert", families["albert"], "bin", "unigram.json", elsewhere=True)
    for container in ("shards", "bin-shards"):
        good &= check(biovl, "bert", families["bert"], container, "usual")
    for name in ("bert", "roberta"):
        for form in ("usual", "tokenizer.json"):
            good &= check(biovl, name, families[name], "safetensors", form, elsewhere=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
