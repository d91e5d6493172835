"""Makes the tokenizer.json files beside it, and the ids that Hugging Face's tokenizers gives.

python make_fast.py   (sentencepiece and transformers 4 from PyPI; run in this folder)

They are made of albert.model and compared on the strings of expected.json (make.py) and those below;
fast_made.json is made up, for what a trained model has too rarely.
"""
import itertools
import json
import os
import random
import struct

import sentencepiece
import tokenizers
import transformers

STRINGS = [
    "(no change)", "a (small) [MASK] x-ray", "[MASK]", "a\x1f \x85[MASK]", "x [MASK][SEP]<pad>y", "a  b\u00a0c\u2003d\n\ne", "\r\n", "a\r\nb",
    "\u2581a \u2581 b\u2581", "\uac01 \u1100\u1161", "\ufb01\u0301 \u00bd\u0327", "\u0915\u093f\u0902 \u0e33", "\u01c5 \u1e9e \u03a3\u0391\u03a3",
    "\u0130I\u0131", "\u2460\u20dd", "<unk> unknown", "\u2026.", "`` `''' \uff40\uff40", "a\u0300\u0301", "ba\u0300b e\u0301\u0301", "\U0001f468\u200d\U0001f469",
    "\u200b", "\u200b \u200b", " \u200ba", "\x1c a\x85b\u2028c", "\ufdfa", "\u0600fi", "\u0600\ufb01", "0,1,2,3, 10,", "\u00e9t\u00e9 \u00c9T\u00c9",
]
MADE_STRINGS = ["zcx", "pp", "a b", "<unk>", "x<unk>x", "c\u0327", "c\u0327\u0301", "c\u0327\u0301\u0301", "\u03a3\u0391\u03a3 \u03a3"]
# A rule that begins another.
RULES = [("c\u0327", "\u00e7"), ("c\u0327\u0301", "\u1e09"), ("\u2460", "1")]


def made_strings():
    """Runs of few characters have equally good ways to be cut, which rounding tells apart."""
    random.seed(5)
    out = list(MADE_STRINGS)
    for i in range(60):
        out.append(("a" if i % 2 else "b") * (i + 4))
        out.append("".join(random.choice("ab") for _ in range(random.randint(8, 60))))
        out.append("".join(random.choice("abz c\u0327\u0301\u03a3\u2581x") for _ in range(random.randint(1, 30))))
    return out


def as_saved(**options):
    """What AlbertTokenizerFast makes of a model."""
    tokenizer = transformers.AlbertTokenizerFast(vocab_file="albert.model", **options)
    return json.loads(tokenizer.backend_tokenizer.to_str())


def as_before(document):
    """The form of 2020: the model has no type, words end at white space, pieces are no added tokens."""
    del document["model"]["type"], document["model"]["byte_fallback"]
    document["added_tokens"] = [t for t in document["added_tokens"] if t["special"]]
    document["normalizer"]["normalizers"].pop()
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "WhitespaceSplit"},
        {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}]}
    return document


def rules():
    """A SentencePiece normaliser in base64, as a tokenizer.json has it."""
    with open("text.tmp", "w", encoding="utf-8") as f:
        f.write("a b ab aab abb\n" * 9)
    with open("rules.tmp", "w", encoding="utf-8") as f:
        for a, b in RULES:
            f.write("\t".join(" ".join(f"{ord(c):X}" for c in side) for side in (a, b)) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input="text.tmp", model_prefix="tmp", vocab_size=20, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"], hard_vocab_limit=False, minloglevel=2,
        normalization_rule_tsv="rules.tmp")
    steps = json.loads(transformers.AlbertTokenizerFast(vocab_file="tmp.model").backend_tokenizer
                       .to_str())["normalizer"]["normalizers"]
    for leftover in ("text.tmp", "rules.tmp", "tmp.model", "tmp.vocab"):
        os.remove(leftover)
    return next(s for s in steps if s["type"] == "Precompiled")


def as_made():
    """An unknown piece with the worst score, a piece over two words, scores that no float holds.

    With this seed, ids tell the last bits of scores apart that the library's reader of JSON rounds.
    """
    random.seed(256)
    document = as_saved(keep_accents=True)
    steps = document["normalizer"]["normalizers"]
    steps[[s["type"] for s in steps].index("Precompiled")] = rules()
    vocab = [["<unk>", -500.0], ["[CLS]", 0.0], ["[SEP]", 0.0], ["\u2581", -2.5], ["a\u2581b", 0.0]]
    vocab += [["zc", -400.0], ["cx", 0.0], ["x", -30.0], ["p", -7.1], ["pp", -14.200000001]]
    vocab += [[c, -150.0] for c in "<unk>"] + [[c, -3.0] for c in "c\u00e7\u1e09\u0327\u0301\u03c3\u03c2\u03b1"]
    for n, best in ((1, -9), (2, -12), (3, -14)):
        for letters in itertools.product("ab", repeat=n):
            score = struct.unpack("f", struct.pack("f", best - random.random()))[0]
            vocab.append(["".join(letters), score - 100 * letters.count("b")])
    document["model"].update(vocab=vocab, unk_id=0)
    document["added_tokens"] = []
    ends = document["post_processor"]["special_tokens"]
    ends["[CLS]"]["ids"], ends["[SEP]"]["ids"] = [1], [2]
    return document


def main():
    with open("expected.json", encoding="utf-8") as f:
        known = json.load(f)["strings"]
    out = {"strings": known + STRINGS, "made strings": made_strings()}
    for name, document in (("fast", as_saved()), ("fast_2020", as_before(as_saved())),
                           ("fast_cased", as_saved(do_lower_case=False, keep_accents=True)),
                           ("fast_made", as_made())):
        with open(name + ".json", "w", encoding="utf-8") as f:
            f.write(json.dumps(document, separators=(",", ":"))
                    .replace('],["', '],\n["').replace("},{", "},\n{") + "\n")
        tokenizer = tokenizers.Tokenizer.from_file(name + ".json")
        strings = out["made strings" if name == "fast_made" else "strings"]
        out[name] = [tokenizer.encode(s, add_special_tokens=False).ids for s in strings]
    with open("expected_fast.json", "w", encoding="utf-8") as f:
        rows = (f'"{key}": [\n' + ",\n".join(json.dumps(r, separators=(",", ":")) for r in value) + "\n]"
                for key, value in out.items())
        f.write("{\n" + ",\n".join(rows) + "\n}\n")


main()
