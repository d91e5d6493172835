"""Uncased WordPiece: building a vocabulary from word counts, and tokenizing as BERT does."""

import collections
import re
import unicodedata

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)


def words(text):
    """Lower-cased words without accents; each punctuation character is a word."""
    text = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return re.findall(r"[^\W_]+|[^\w\s]|_", text)


def build_vocabulary(counts, size):
    """The special tokens, the characters, then byte-pair merges of the counted words by frequency
    until `size` pieces exist. Ties go to the smaller string, so the result is reproducible."""
    pieces = {w: [w[0]] + ["##" + c for c in w[1:]] for w in counts}
    vocabulary = SPECIAL + sorted({p for ps in pieces.values() for p in ps})
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for w, ps in pieces.items():
        for pair in zip(ps, ps[1:]):
            pairs[pair] += counts[w]
            where[pair].add(w)
    known = set(vocabulary)
    while len(vocabulary) < size and pairs:
        best = max(pairs.items(), key=lambda item: (item[1], [-ord(c) for c in "".join(item[0])]))[
            0
        ]
        if pairs[best] <= 0:
            break
        merged = best[0] + best[1].removeprefix("##")
        for w in sorted(where[best]):
            old = pieces[w]
            for pair in zip(old, old[1:]):
                pairs[pair] -= counts[w]
            new, i = [], 0
            while i < len(old):
                if i + 1 < len(old) and (old[i], old[i + 1]) == best:
                    new.append(merged)
                    i += 2
                else:
                    new.append(old[i])
                    i += 1
            pieces[w] = new
            for pair in zip(new, new[1:]):
                pairs[pair] += counts[w]
                where[pair].add(w)
        del pairs[best]
        if merged not in known:
            known.add(merged)
            vocabulary.append(merged)
    return vocabulary


class Tokenizer:
    def __init__(self, vocabulary, max_tokens):
        self.ids = {piece: i for i, piece in enumerate(vocabulary)}
        self.max_tokens = max_tokens
        self.cache = {}

    def word_ids(self, word):
        """Greedy longest match; a word that cannot be matched whole is [UNK]."""
        if word not in self.cache:
            out, start = [], 0
            while start < len(word):
                end = len(word)
                while end > start and ("##" if start else "") + word[start:end] not in self.ids:
                    end -= 1
                if end == start:
                    out = [UNK]
                    break
                out.append(self.ids[("##" if start else "") + word[start:end]])
                start = end
            self.cache[word] = out
        return self.cache[word]

    def encode(self, text):
        body = [i for w in words(text) for i in self.word_ids(w)]
        return [CLS] + body[: self.max_tokens - 2] + [SEP]
