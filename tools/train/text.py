"""The text side before any image: the vocabulary, and masked-language pretraining."""

import collections
import csv
import pathlib
import random
import string

import torch
import torch.nn.functional as F
from torch import nn

import lexicon
import wordpiece


def report_sentences(folder):
    """Findings and impressions of the Indiana University reports, de-identification marks removed.
    Used for statistics only: no text of them is stored."""
    path = pathlib.Path(folder) / "reports" / "iu_reports.csv"
    sentences = []
    with open(path, newline="") as f:
        for r in csv.DictReader(f):
            for part in (r["findings"], r["impression"]):
                for s in part.replace("XXXX", " ").split(". "):
                    if len(s.split()) >= 3:
                        sentences.append(s)
    return sentences


def lexicon_sentences(n, seed):
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        labels = rng.sample(lexicon.FINDINGS[1:], rng.choice([1, 1, 2, 3]))
        out.append(lexicon.caption(labels, [rng.choice(list(lexicon.ATTRIBUTES))], rng)[0])
        f = rng.choice(lexicon.FINDINGS)
        out.append(rng.choice([lexicon.positive_phrase, lexicon.negative_phrase])(f, rng))
    return out


def vocabulary(folder, size):
    """Pieces from words of the reports seen at least 5 times and every word of the lexicon."""
    counts = collections.Counter(w for s in report_sentences(folder) for w in wordpiece.words(s))
    counts = collections.Counter({w: c for w, c in counts.items() if c >= 5 and w.isascii()})
    for s in lexicon_sentences(4000, 0):
        counts.update(wordpiece.words(s))
    for c in string.ascii_lowercase + string.digits:
        counts["a" + c] += 0  # the piece "##c", so that any ASCII word can be spelled
        counts[c] += 0
    for c in string.punctuation:
        counts[c] += 0
    return wordpiece.build_vocabulary(counts, size)


def batch(tokenizer, texts):
    """Token ids and mask, int64 and bool [N, longest]."""
    encoded = [tokenizer.encode(t) for t in texts]
    ids = torch.full((len(texts), max(map(len, encoded))), wordpiece.PAD)
    for i, e in enumerate(encoded):
        ids[i, : len(e)] = torch.tensor(e)
    return ids, ids != wordpiece.PAD


def pretrain(encoder, tokenizer, folder, steps, seed, log):
    """Masked-language modelling of reports and composed captions; changes `encoder` in place."""
    rng = random.Random(seed)
    texts = report_sentences(folder)
    texts += lexicon_sentences(len(texts) // 4, seed)
    encoded = [tokenizer.encode(t)[:40] for t in texts]
    table = encoder.embeddings["word_embeddings"].weight
    hidden = table.shape[1]
    head = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
    bias = nn.Parameter(torch.zeros(table.shape[0]))
    params = [*encoder.parameters(), *head.parameters(), bias]
    optimizer = torch.optim.AdamW(params, lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-3, total_steps=steps, pct_start=0.1
    )
    encoder.train()
    recent = collections.deque(maxlen=200)
    for step in range(steps):
        chosen = sorted(rng.sample(encoded, 512), key=len)
        start = 64 * rng.randrange(8)
        chosen = chosen[start : start + 64]
        ids = torch.full((64, len(chosen[-1])), wordpiece.PAD)
        for i, e in enumerate(chosen):
            ids[i, : len(e)] = torch.tensor(e)
        keep = ids != wordpiece.PAD
        word = keep & (ids != wordpiece.CLS) & (ids != wordpiece.SEP)
        masked = word & (torch.rand(ids.shape) < 0.2)
        if not masked.any():
            continue
        shown = torch.where(masked & (torch.rand(ids.shape) < 0.85), wordpiece.MASK, ids)
        states = head(encoder(shown, keep)[masked])
        loss = F.cross_entropy(states @ table.T + bias, ids[masked])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        schedule.step()
        recent.append(loss.item())
        if step % 500 == 499:
            log(f"masked language: step {step + 1}, loss {sum(recent) / len(recent):.3f}")


UNMENTIONED, AFFIRMED, DENIED = range(3)


def labelled_texts(rng):
    """Texts and what they say of each column: a list and int64 [M,len(lexicon.COLUMNS)]."""
    n = len(lexicon.COLUMNS)
    positive, negative = lexicon.column_texts(rng)
    says = torch.zeros(2 * n, n, dtype=torch.long)
    says[range(n), range(n)] = AFFIRMED
    says[range(n, 2 * n), range(n)] = DENIED
    captions, lines = [], []
    for _ in range(n):
        labels = rng.sample(lexicon.FINDINGS[1:], rng.choice([1, 2, 2, 3]))
        caption, denied = lexicon.caption(labels, [], rng)
        line = torch.zeros(n, dtype=torch.long)
        line[[lexicon.FINDINGS.index(f) for f in labels]] = AFFIRMED
        line[[lexicon.FINDINGS.index(f) for f in denied]] = DENIED
        captions.append(caption)
        lines.append(line)
    return positive + negative + captions, torch.cat([says, torch.stack(lines)])


class Reader(nn.Module):
    """What a text embedding says of each column: affirmed, denied or unmentioned."""

    def __init__(self, embedding):
        super().__init__()
        self.linear = nn.Linear(embedding, 3 * len(lexicon.COLUMNS))

    def loss(self, embeddings, says):
        logits = self.linear(10 * embeddings).view(len(says), -1, 3)
        return F.cross_entropy(logits.transpose(1, 2), says, weight=torch.tensor([0.1, 1.0, 1.0]))


def teach(net, tokenizer, steps, seed, log):
    """Trains the text side of `net` to embed texts by what they say; changes it in place."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    reader = Reader(net.text_projection.weight.shape[0])
    params = [
        *net.text_encoder.parameters(),
        *net.text_projection.parameters(),
        *reader.parameters(),
    ]
    optimizer = torch.optim.AdamW(params, lr=5e-4, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 5e-4, total_steps=steps, pct_start=0.1
    )
    net.train()
    recent = collections.deque(maxlen=200)
    for step in range(steps):
        texts, says = labelled_texts(rng)
        loss = reader.loss(net.embed_text(*batch(tokenizer, texts)), says)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        schedule.step()
        recent.append(loss.item())
        if step % 250 == 249:
            log(f"reading: step {step + 1}, loss {sum(recent) / len(recent):.4f}")
