"""Image-text matching: trains the fusion head on frozen encoders.

A statement is drawn first and its image second, half the time one of which it is true, so the text
alone tells nothing.
"""

import random

import torch
import torch.nn.functional as F
from torch import nn

import data
import lexicon
import metrics
import text

RATE, BATCH, VERSIONS = 1e-3, 64, 8


@torch.no_grad()
def image_maps(model, pixels):
    """The encoder's last maps [N,C,H,W] of pixels [N,1,S,S]."""
    return torch.cat(
        [
            model.image_encoder(part.to(memory_format=torch.channels_last)).contiguous()
            for part in pixels.split(64)
        ]
    )


def match_logit(model, tokenizer, maps, texts):
    """Logit of "match" for each map with the text of the same place: [N]."""
    ids, keep = text.batch(tokenizer, texts)
    with torch.no_grad():
        hidden = model.text_encoder(ids, keep)
    logits = model.fusion(hidden, keep, maps)
    return logits[:, 1] - logits[:, 0]


class Statements:
    """Draws (image row, text, truth)."""

    def __init__(self, rows, rng):
        self.rows, self.rng = rows, rng
        self.have = {f: [i for i, r in enumerate(rows) if f in r.labels] for f in lexicon.FINDINGS}
        self.lack = {
            f: [i for i, r in enumerate(rows) if f not in r.labels] for f in lexicon.FINDINGS
        }
        self.findings = [f for f in lexicon.FINDINGS if self.have[f] and self.lack[f]]

    def draw(self):
        rng, true = self.rng, self.rng.random() < 0.5
        if rng.random() < 0.25:
            i = rng.randrange(len(self.rows))
            words, _ = lexicon.caption(self.rows[i].labels, self.rows[i].attributes(), rng)
            if not true:
                others = [
                    j
                    for j in rng.sample(range(len(self.rows)), 20)
                    if not set(self.rows[j].labels) & set(self.rows[i].labels)
                ]
                i = others[0] if others else rng.choice(self.lack[self.rows[i].labels[0]])
            return i, words, true
        finding, affirmed = rng.choice(self.findings), rng.random() < 0.6
        phrase = lexicon.positive_phrase if affirmed else lexicon.negative_phrase
        pool = self.have if affirmed == true else self.lack
        return rng.choice(pool[finding]), phrase(finding, rng), true


def train(model, tokenizer, rows, images, steps, seed, log):
    """Trains model.fusion in place."""
    torch.manual_seed(seed)
    model.eval()
    model.fusion.train()
    statements = Statements(rows, random.Random(seed))
    pixels01 = torch.from_numpy(images).float().div_(255).unsqueeze(1)
    generator = torch.Generator().manual_seed(seed)
    maps = [image_maps(model, data.to_pixels(images))]
    maps += [image_maps(model, data.augment(pixels01.clone(), generator)) for _ in range(VERSIONS)]
    maps = torch.stack(maps)
    optimizer = torch.optim.AdamW(model.fusion.parameters(), RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.1
    )
    total = 0.0
    for step in range(steps):
        chosen, texts, truth = zip(*(statements.draw() for _ in range(BATCH)))
        version = torch.randint(len(maps), (BATCH,), generator=generator)
        logit = match_logit(model, tokenizer, maps[version, list(chosen)], texts)
        loss = F.binary_cross_entropy_with_logits(logit, torch.tensor(truth, dtype=torch.float32))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.fusion.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 99:
            log(f"matching: step {step + 1}/{steps} loss {total / 100:.4f}")
            total = 0.0
    model.eval()


@torch.no_grad()
def scores(model, tokenizer, images):
    """Match logit of every image with each finding's own words: {finding: [N]}."""
    maps = image_maps(model, data.to_pixels(images))
    return {
        f: match_logit(model, tokenizer, maps, [lexicon.PHRASES[f][0]] * len(maps)).numpy()
        for f in lexicon.FINDINGS
    }


@torch.no_grad()
def statement_auroc(model, tokenizer, rows, images, n=2000, seed=0):
    """AUROC of true against false statements drawn as in training, on held-out images."""
    maps = image_maps(model, data.to_pixels(images))
    statements = Statements(rows, random.Random(seed))
    chosen, texts, truth = zip(*(statements.draw() for _ in range(n)))
    logits = [
        match_logit(model, tokenizer, maps[list(chosen[i : i + 100])], texts[i : i + 100])
        for i in range(0, n, 100)
    ]
    return metrics.auroc(torch.cat(logits).numpy(), truth)
