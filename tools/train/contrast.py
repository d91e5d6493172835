"""Contrastive training of the dual encoder on labelled radiographs.

The text encoder is locked (LiT, Zhai et al. 2022): text.py has taught it what phrases say, and few
radiographs would only spoil that. The image encoder and both projections are trained.
"""

import copy
import dataclasses
import functools
import math
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import data
import lexicon
import text


@dataclasses.dataclass
class Recipe:
    size: int = 160
    epochs: int = 40
    batch: int = 32
    rate: float = 1.5e-3
    text_rate: float = 5e-4  # of the text projection
    decay: float = 0.05
    drop: float = 0.2  # of the pooled image features
    strength: float = 1.0  # of the augmentation
    mixup: float = 0.5  # share of the steps
    caption_weight: float = 0.3
    attribute_weight: float = 0.3
    ema: float = 0.995
    seed: int = 1


@functools.cache
def bf16_is_fast():
    """Whether convolutions in bfloat16 are native to this processor (no public call says so)."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


class TextBank:
    """Pooled states of many texts, encoded once: per column affirming and denying ones, per row
    captions."""

    def __init__(self, net, tokenizer, rows, seed, column_draws=400, captions=8):
        rng = random.Random(seed)
        draws = [lexicon.column_texts(rng) for _ in range(column_draws)]
        texts = [t for positive, negative in draws for t in positive + negative]
        texts += [
            lexicon.caption(r.labels, r.attributes(), rng)[0] for r in rows for _ in range(captions)
        ]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        states = torch.empty(len(texts), net.text_projection.weight.shape[1])
        net.eval()
        with torch.no_grad():
            for start in range(0, len(order), 128):
                part = order[start : start + 128]
                states[part] = net.pool_text(*text.batch(tokenizer, [texts[i] for i in part]))
        n = column_draws * 2 * len(lexicon.COLUMNS)
        self.columns = states[:n].view(column_draws, 2, len(lexicon.COLUMNS), -1)
        self.captions = states[n:].view(len(rows), captions, -1)

    def draw_columns(self, generator):
        """Affirming and denying states, each [columns, hidden]."""
        n = self.columns.shape[2]
        pick = torch.randint(len(self.columns), (2, n), generator=generator)
        return self.columns[pick[0], 0, range(n)], self.columns[pick[1], 1, range(n)]

    def draw_captions(self, chosen, generator):
        pick = torch.randint(self.captions.shape[1], (len(chosen),), generator=generator)
        return self.captions[chosen, pick]


class GridLoss(nn.Module):
    """Binary cross-entropy of each column, once for the affirming against the denying text (what
    the pair softmax of inference sees) and once for the affirming text alone. The prior of a column
    enters as an offset, so similarities carry evidence and not frequency."""

    def __init__(self, grid, recipe):
        super().__init__()
        prior = np.nanmean(grid, axis=0).clip(0.01, 0.99)
        self.register_buffer(
            "prior", torch.tensor(np.log(prior / (1 - prior)), dtype=torch.float32)
        )
        weight = (prior * (1 - prior)) ** -0.5
        weight[-len(lexicon.ATTRIBUTE_PAIRS) :] *= recipe.attribute_weight
        self.register_buffer("weight", torch.tensor(weight / weight.mean(), dtype=torch.float32))
        self.offset = nn.Parameter(self.prior.clone())

    def forward(self, image, positive, negative, scale, truth):
        yes, no = scale * image @ positive.T, scale * image @ negative.T
        known = ~truth.isnan()
        truth = truth.nan_to_num()
        loss = F.binary_cross_entropy_with_logits(
            yes - no + self.prior, truth, reduction="none"
        ) + F.binary_cross_entropy_with_logits(yes + self.offset, truth, reduction="none")
        return (loss * self.weight * known).sum() / known.sum() / 2


def caption_loss(image, caption, scale, truth):
    """CLIP's symmetric loss with MedCLIP's soft targets: similarity of label vectors."""
    labels = F.normalize(truth[:, : len(lexicon.FINDINGS)], dim=1)
    target = (labels @ labels.T / 0.2).softmax(1)
    logits = scale * image @ caption.T
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def update_average(average, model, decay):
    with torch.no_grad():
        for a, p in zip(average.state_dict().values(), model.state_dict().values()):
            if a.dtype.is_floating_point:
                a.lerp_(p, 1 - decay)
            else:
                a.copy_(p)


def settle_batch_norm(model, pixels):
    """Batch-norm statistics of clean, unaugmented images."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
    model.image_encoder.train()
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for part in order.split(64):
            model.image_encoder(pixels[part])
    for m in norms:
        m.momentum = 0.1
    model.eval()


def mix(x, truth, rng, generator):
    """Mixup (Zhang et al. 2018) of images and labels within the batch."""
    share = np.random.default_rng(rng.randrange(2**31)).beta(0.4, 0.4)
    other = torch.randperm(len(x), generator=generator)
    return share * x + (1 - share) * x[other], share * truth + (1 - share) * truth[other]


def batch_loss(model, grid_loss, bank, recipe, x, truth, chosen, captions, generator):
    """Loss of one batch: the label grid, and the captions of the chosen rows if asked for."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_is_fast()):
        image = model.embed_image(x.to(memory_format=torch.channels_last), recipe.drop).float()
    positive, negative = (
        F.normalize(model.text_projection(t), dim=1) for t in bank.draw_columns(generator)
    )
    scale = model.logit_scale.clamp(max=math.log(100)).exp()
    loss = grid_loss(image, positive, negative, scale, truth)
    if captions:
        caption = F.normalize(model.text_projection(bank.draw_captions(chosen, generator)), dim=1)
        loss = loss + recipe.caption_weight * caption_loss(image, caption, scale, truth)
    return loss


def make_optimizer(model, grid_loss, recipe, steps):
    image_params = [*model.image_encoder.parameters(), *model.image_projection.parameters()]
    optimizer = torch.optim.AdamW(
        [
            {"params": image_params, "lr": recipe.rate, "weight_decay": recipe.decay},
            {
                "params": model.text_projection.parameters(),
                "lr": recipe.text_rate,
                "weight_decay": 0.01,
            },
            {
                "params": [model.logit_scale, *grid_loss.parameters()],
                "lr": 1e-3,
                "weight_decay": 0.0,
            },
        ]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [g["lr"] for g in optimizer.param_groups], total_steps=steps, pct_start=0.1
    )
    return optimizer, schedule


def train(model, tokenizer, rows, images, recipe, log):
    """Trains on all given rows; returns the averaged model. images: uint8 [N,S,S]."""
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    grid = data.targets(rows)
    grid_loss = GridLoss(grid, recipe)
    grid = torch.from_numpy(grid)
    pixels01 = torch.from_numpy(images).float().div_(255).unsqueeze(1)
    model.image_encoder.to(memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    bank = TextBank(model, tokenizer, rows, recipe.seed)
    per_epoch = len(rows) // recipe.batch
    optimizer, schedule = make_optimizer(model, grid_loss, recipe, recipe.epochs * per_epoch)
    step, started = 0, time.time()
    for epoch in range(recipe.epochs):
        model.train()
        total = 0.0
        order = torch.randperm(len(rows), generator=generator)
        for chosen in order[: per_epoch * recipe.batch].split(recipe.batch):
            x = data.augment(pixels01[chosen], generator, recipe.strength)
            truth = grid[chosen]
            mixed = rng.random() < recipe.mixup
            if mixed:
                x, truth = mix(x, truth, rng, generator)
            loss = batch_loss(
                model, grid_loss, bank, recipe, x, truth, chosen, not mixed, generator
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            update_average(average, model, min(recipe.ema, (1 + step) / (10 + step)))
            total += loss.item()
        log(
            f"epoch {epoch + 1}/{recipe.epochs} loss {total / per_epoch:.4f} "
            f"{time.time() - started:.0f} s"
        )
    settle_batch_norm(average, data.to_pixels(images))
    return average
