"""Makes the SentencePiece models beside it, and the ids that the references give.

python make.py        (sentencepiece and transformers 4 from PyPI; run in this folder)

The text to train on and the strings were written for this. `raw` ids are those of the sentencepiece
library, `albert` ids those of Hugging Face's AlbertTokenizer, which does what ALBERT's authors do.
"""
import json
import os
import random

import sentencepiece
import transformers

TEXT = """\
The heart is normal in size. The lungs are clear, without effusion or pneumothorax.
Small left pleural effusion with adjacent atelectasis, unchanged from 12,345 days before.
No focal consolidation; mild pulmonary oedema (interstitial) is again seen.
The endotracheal tube ends 4.2 cm above the carina, the line 3,5 cm below.
Cardiomegaly with vascular congestion and bilateral pleural effusions.
There is a right lower lobe opacity which may be pneumonia or aspiration.
Degenerative changes of the spine - no acute fracture is identified.
Comparison is made with the study of two days ago: no relevant change.
The mediastinal and hilar contours are unremarkable. No free air below the diaphragm.
A nodule of 7 mm in the left upper lobe, 0,8 cm before, needs follow up.
Low lung volumes with crowding of the bronchovascular markings.
Sternotomy wires are intact and the pacemaker leads are in place.
Interval removal of the chest tube, tiny apical pneumothorax on the right.
Patchy airspace disease at both bases, worse on the left, likely infection.
Findings were discussed with the team at 9:30, 10:45 and 17:00 on the same day.
Hyperinflated lungs with flattened diaphragms, in keeping with emphysema.
"""
# What becomes what, in code points: a few of NFKC's rules, of one and of several characters, and
# one that deletes.
RULES = [("\u00a0", " "), ("\u3000", " "), ("\u2003", " "), ("\t", " "), ("\ufb01", "fi"),
         ("\u00bd", "1\u20442"), ("\u200b", ""), ("e\u0301", "\u00e9"), ("\uff21", "A"),
         ("\u2460", "1"), ("a\u0300\u0301", "\u00e0\u0301"), ("\ufdfa", " \u0635\u0644\u0649 ")]
STRINGS = [
    "No acute process.", "  Small  left\tpleural effusion ", "12,345 days; 9,9 cm, 7,", "(4.2 cm)",
    "``quoted'' text's", "na\u00efve caf\u00e9", "cafe\u0301", "\ufb01ndings \u00bd cm\u200b2",
    "\uff21\u2460,\u2460", "\u80ba\u708e \U0001f642\U0001f642 x", "\u2581lungs\u2581", "[MASK] effusion [SEP]",
    "the [mask]", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3 \u0130stanbul", "\u0661\u0662,\u0663", "a" * 60, "", " ",
    "\u00a0\u3000", "a\u0300\u0301b", "\ufdfa\ufdfa", "Line one\nline two\r\n", "\u1369,x", "3,5,7,9,", ",,1,,",
    "--\u2013\u20ac5,00\u00a3", "\x01\x02 control", "e\u0301,\u0301 1\u0301,2",
]


def strings():
    random.seed(3)
    pool = "abcehilnoprstu TLN 0123456789,,..()-\u2013\u20ac\"''``\u00e9\u0301\u2581\u3000\ufb01\u2460\u00bd\u6f22\U0001f642\u200b\t"
    words = TEXT.split()
    out = list(STRINGS)
    for _ in range(60):
        out.append("".join(random.choice(pool) for _ in range(random.randint(1, 30))))
        out.append("".join(random.choice(words) + random.choice([" ", "  ", ", ", "\u3000"])
                           for _ in range(random.randint(1, 8))))
    return out


def train(name, size, **options):
    with open("text.tmp", "w", encoding="utf-8") as f:
        f.write(TEXT)
    with open("rules.tmp", "w", encoding="utf-8") as f:
        for a, b in RULES:
            f.write("\t".join(" ".join(f"{ord(c):X}" for c in side) for side in (a, b)) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input="text.tmp", model_prefix=name, vocab_size=size, model_type="unigram", pad_id=0, unk_id=1,
        bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"], hard_vocab_limit=False,
        minloglevel=2, **options)
    for leftover in (name + ".vocab", "text.tmp", "rules.tmp"):
        os.remove(leftover)


def main():
    train("albert", 220, normalization_rule_tsv="rules.tmp",
          user_defined_symbols=["(", ")", '"', "-", ".", "\u2013", "\u00a3", "\u20ac"])
    train("bytes", 480, normalization_rule_name="identity", byte_fallback=True,
          add_dummy_prefix=False, remove_extra_whitespaces=False)
    train("suffix", 200, normalization_rule_name="identity", treat_whitespace_as_suffix=True)
    out = {"strings": strings()}
    for name in ("albert", "bytes", "suffix"):
        processor = sentencepiece.SentencePieceProcessor(model_file=name + ".model")
        out[name] = [processor.encode(s) for s in out["strings"]]
    tokenizer = transformers.AlbertTokenizer("albert.model")
    out["albert cleaned"] = [tokenizer(s)["input_ids"][1:-1] for s in out["strings"]]
    cased = transformers.AlbertTokenizer("albert.model", do_lower_case=False, keep_accents=True)
    out["albert cased"] = [cased(s)["input_ids"][1:-1] for s in out["strings"]]
    with open("expected.json", "w", encoding="utf-8") as f:
        lines = [json.dumps(out["strings"][i]) for i in range(len(out["strings"]))]
        f.write('{\n"strings": [\n' + ",\n".join(lines) + "\n]")
        for key, rows in out.items():
            if key != "strings":
                f.write(f',\n"{key}": [\n' + ",\n".join(json.dumps(r, separators=(",", ":"))
                                                       for r in rows) + "\n]")
        f.write("\n}\n")


main()
