"""Image-text matching: trains the fusion head on frozen encoders.

The teacher is the classifier, as in align.py: the log-odds that a statement is true, beyond how
often it is, is the sum of the classifier's evidence for what it affirms less that for what it
denies. Images and statements are drawn independently, so the text alone tells nothing.
"""

import collections
import random

import torch
import torch.nn.functional as F
from torch import nn

import lexicon
import text

RATE, BATCH, STEPS, TEXTS, MOST = 2e-3, 32, 400, 20, 4.0


def statements(rng):
    """Texts, and what they say of the columns: 1 affirmed, -1 denied, 0 unmentioned."""
    texts, line = text.labelled_texts(rng)
    return texts, (line == text.AFFIRMED).float() - (line == text.DENIED).float()


@torch.no_grad()
def hidden_states(net, tokenizer, texts):
    """States and mask of each text, padded to the longest: [M,T,hidden], [M,T]."""
    net.eval()
    ids, keep = text.batch(tokenizer, texts)
    return torch.cat([net.text_encoder(i, k) for i, k in zip(ids.split(128), keep.split(128))]), keep


def match_logit(net, states, keep, maps):
    logits = net.fusion(states, keep, maps)
    return logits[:, 1] - logits[:, 0]


def train(net, tokenizer, teacher, maps, seed, log):
    """Trains net.fusion in place. maps: last maps [N,C,H,W] of clean training images."""
    torch.manual_seed(seed)
    net.eval()
    rng = random.Random(seed)
    drawn = [statements(rng) for _ in range(TEXTS)]
    texts = [t for part, _ in drawn for t in part]
    says = torch.cat([line for _, line in drawn])
    order = sorted(range(len(texts)), key=lambda i: len(tokenizer.encode(texts[i])))
    texts, says = [texts[i] for i in order], says[order]
    evidence = teacher.evidence(maps.float().mean((2, 3)))
    states = [hidden_states(net, tokenizer, texts[i : i + BATCH])
              for i in range(0, len(texts) - BATCH + 1, BATCH)]
    net.fusion.train()
    optimizer = torch.optim.AdamW(net.fusion.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    recent = collections.deque(maxlen=100)
    for step in range(STEPS):
        part = rng.randrange(len(states))
        chosen = torch.randint(len(maps), (BATCH,))
        said = says[part * BATCH : (part + 1) * BATCH]
        truth = (said * evidence[chosen]).sum(1).clamp(-MOST, MOST).sigmoid()
        logit = match_logit(net, *states[part], maps[chosen].float())
        loss = F.binary_cross_entropy_with_logits(logit, truth)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.fusion.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent.append(loss.item() - F.binary_cross_entropy(truth, truth).item())
        if step % 100 == 99:
            log(f"matching: step {step + 1}/{STEPS} divergence {sum(recent) / len(recent):.4f}")
    net.eval()


@torch.no_grad()
def scores(net, tokenizer, maps):
    """Match logit of every image with each finding's own words: {finding: [N]}."""
    out = {}
    for f in lexicon.FINDINGS:
        state, keep = hidden_states(net, tokenizer, [lexicon.PHRASES[f][0]])
        out[f] = torch.cat([
            match_logit(net, state.expand(len(m), -1, -1), keep.expand(len(m), -1), m.float())
            for m in maps.split(64)]).numpy()
    return out
