"""Makes the tokenizers of Gemma's kind beside it (byte-pair encoding over characters with byte
fallback), and the ids that the references give.

python make_gemma.py   (sentencepiece and transformers 5 from PyPI; run in this folder)

gemma.model is trained with the options of Gemma's tokenizer.model; `model` ids are those of the
sentencepiece library for the text in lower case, letter by letter. gemma.json has the same pieces
as transformers' converter writes them; `json` ids are those of Siglip2Tokenizer. gemma_made.json is
made up, for ranks that no trained model has.
"""
import json
import os
import random

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
import transformers

# The text to train on, and strings: make.py's, and what Gemma's kind adds.
with open("make.py", encoding="utf-8") as f:
    TEXT = f.read().split('TEXT = """\\\n')[1].split('"""')[0]
STRINGS = [
    "a\n\nb\n\n\nc", "a  b   c", "  ", "\t\ttabs\t", "<eos>", "no<eos> effusion <pad><bos>x", "<unk> <mask>", "<TABLE><table>",
    "\u2581\u2581\u2581 x", "\u0391\u03a3 \u03a3\u0391\u03a3.", "\u0130I\u0131\u1e9e", "\u80ba\u708e\U0001f642", "\x00\x01", "<0x0A><0x41>",
    "PNEUMOTHORAX / COPD?", "\ud7a3\u1112\u1175\u11c2", "caf\u00e9 cafe\u0301", "\ufeff\u200b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\u0149 \u01f0",
]
USER = ["\n", "\n\n", "\n\n\n", "\u2581\u2581", "\u2581\u2581\u2581", "<table>", "<b>"]


def strings():
    with open("expected.json", encoding="utf-8") as f:
        out = STRINGS + json.load(f)["strings"]
    random.seed(5)
    pool = "abcdeeffilnnoosstuux LTP 00123.,/-\n\t\u2581\u00e9\u0301\u6f22\U0001f642<>table\u03a3"
    words = TEXT.split()
    for _ in range(60):
        out.append("".join(random.choice(pool) for _ in range(random.randint(1, 40))))
        out.append("".join(random.choice(words) + random.choice([" ", "  ", ", ", "\n", "\n\n", "<b>", "<eos>"])
                           for _ in range(random.randint(1, 8))))
    return out


def lower(text):
    return "".join(c.lower() for c in text)


def train():
    with open("text.tmp", "w", encoding="utf-8") as f:
        f.write(lower(TEXT) + TEXT)
    sentencepiece.SentencePieceTrainer.train(
        input="text.tmp", model_prefix="gemma", vocab_size=620, model_type="bpe", pad_id=0, eos_id=1, bos_id=2,
        unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", user_defined_symbols=["<mask>"] + USER,
        normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False, byte_fallback=True,
        split_digits=True, allow_whitespace_only_pieces=True, hard_vocab_limit=False, minloglevel=2)
    for leftover in ("gemma.vocab", "text.tmp"):
        os.remove(leftover)


def wrap(vocab, merges, added, template):
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, pair="$A <eos> $B <eos>", special_tokens=[("<eos>", 1), ("<bos>", 2)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<pad>", "<eos>", "<bos>", "<unk>")])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in added])
    return tokenizer


# As transformers' GemmaConverter: a tab is a token of its own, merges are in the order of the scores.
def convert():
    proto = sentencepiece_model_pb2.ModelProto()
    with open("gemma.model", "rb") as f:
        proto.ParseFromString(f.read())
    scores = {("\t" if p.piece == "<0x09>" else p.piece): p.score for p in proto.pieces}
    vocab = {piece: i for i, piece in enumerate(scores)}
    merges = []
    for piece, score in scores.items():
        local = [(piece[:k], piece[k:]) for k in range(1, len(piece)) if piece[:k] in vocab and piece[k:] in vocab]
        merges += [(pair, score) for pair in sorted(local, key=lambda x: (vocab[x[0]], vocab[x[1]]))]
    merges = [pair for pair, _ in sorted(merges, key=lambda x: -x[1])]
    return wrap(vocab, merges, ["<mask>"] + USER, "$A <eos>")


def make_up():
    names = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{i:02X}>" for i in range(256)] + list("abcd\u2581\n\\ ")
    merges = [("ab", "c"), ("c", "d"), ("b", "cd"), ("a", "b"), ("d", "a"), ("da", "b"), ("a", "bcd"), ("b", "c"),
              ("\u2581", "a"), ("\n", "a"), ("\\", "\\"), ("<0xC3>", "<0xA9>"), ("bc", "d"), ("a", "a"), ("aa", "a")]
    for a, b in merges:
        if a + b not in names:
            names.append(a + b)
    return wrap({n: i for i, n in enumerate(names)}, merges, [], "<bos> $A <eos>")


def siglip2_ids(path, texts):
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=path, eos_token="<eos>", pad_token="<pad>")
    backend = tokenizer.backend_tokenizer
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), backend.normalizer])  # Siglip2Tokenizer's
    return [backend.encode(t).ids for t in texts]


def main():
    train()
    convert().save("gemma.json", pretty=False)
    make_up().save("gemma_made.json", pretty=False)
    out = {"strings": strings()}
    random.seed(7)
    out["made strings"] = ["".join(random.choice("aabbccdd \n\\\u00e9x") for _ in range(random.randint(1, 24)))
                           for _ in range(60)]
    processor = sentencepiece.SentencePieceProcessor(model_file="gemma.model")
    # sentencepiece knows no special tokens in texts.
    plain = [not any(t in s for t in ("<eos>", "<pad>", "<bos>", "<unk>")) for s in out["strings"]]
    out["model"] = [processor.encode(lower(s)) + [1] if p else None for s, p in zip(out["strings"], plain)]
    out["json"] = siglip2_ids("gemma.json", out["strings"])
    out["made"] = Tokenizer.from_file("gemma_made.json").encode_batch(out["made strings"])
    out["made"] = [e.ids for e in out["made"]]
    with open("expected_gemma.json", "w", encoding="utf-8") as f:
        parts = [f'"{key}": [\n' + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]"
                 for key, rows in out.items()]
        f.write("{\n" + ",\n".join(parts) + "\n}\n")


main()
