"""The image encoder, trained on the labels of the radiographs: from ImageNet weights, in phases."""

import copy
import dataclasses
import math
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import data
import efficientnet
import lexicon


@dataclasses.dataclass
class Phase:
    """A stretch of training with an optimizer of its own, from the weights the last one left."""

    steps: int
    horizon: int  # steps over which half a cosine lowers the rate to 0
    warmup: int  # steps over which the rate is raised
    size: int  # of the input
    rate: float
    head_rate: float
    seed: int
    frozen: int = 0  # of the blocks, and with them the stem
    mixup: float = 0.0  # share of the steps
    beta2: float = 0.999  # of AdamW
    average: float = 0.0  # decay of the averaged weights that the phase leaves; 0: the last weights


PHASES = (Phase(777, 3367, 337, 128, 8e-4, 2e-3, seed=1, mixup=0.3, average=0.998),)
BATCH, DECAY, DROP, DEPTH_DROP, ATTRIBUTE_WEIGHT = 32, 0.05, 0.3, 0.1, 0.3


class Classifier(nn.Module):
    """Encoder and one linear output per column; the bias depends on the source of the image, so
    that how often a source holds a finding is no reason to tell sources apart."""

    def __init__(self, prior):
        super().__init__()
        self.encoder = efficientnet.EfficientNetLite0(DEPTH_DROP)
        self.frozen = 0
        self.weight = nn.Parameter(torch.zeros(prior.shape[1], efficientnet.HEAD))
        self.bias = nn.Parameter(torch.logit(prior))

    def first_layers(self):
        e = self.encoder
        return [e._conv_stem, e._bn0, *e._blocks[: self.frozen]] if self.frozen else []

    def freeze(self, blocks):
        """Leaves the stem and the first blocks as they are, batch statistics included."""
        self.frozen = blocks
        for m in self.first_layers():
            m.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        for m in self.first_layers():
            m.eval()
        return self

    def forward(self, x, source_share):
        """source_share: [N,sources], rows sum to 1."""
        with torch.set_grad_enabled(self.frozen == 0):
            x = self.encoder.before(x, self.frozen)
        pooled = self.encoder.after(x, self.frozen).mean((2, 3))
        pooled = F.dropout(pooled, DROP, self.training)
        return pooled @ self.weight.T + source_share @ self.bias


def priors(grid, sources):
    """Share of positives per source and column [sources,columns], and overall [columns]."""

    def share(part):
        known = ~np.isnan(part)
        return (np.nansum(part, 0) + 0.5) / (known.sum(0) + 1.0)

    each = np.stack([share(grid[sources == s]) for s in range(2)])
    return torch.tensor(each, dtype=torch.float32), share(grid)


def column_weights(prior):
    prior = prior.clip(0.01, 0.99)
    weight = (prior * (1 - prior)) ** -0.5
    weight[-len(lexicon.ATTRIBUTE_PAIRS) :] *= ATTRIBUTE_WEIGHT
    return torch.tensor(weight / weight.mean(), dtype=torch.float32)


def update_average(average, model, decay):
    with torch.no_grad():
        for a, p in zip(average.state_dict().values(), model.state_dict().values()):
            if a.dtype.is_floating_point:
                a.lerp_(p, 1 - decay)
            else:
                a.copy_(p)


def optimizer_of(model, phase):
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    groups = [
        ([p for p in encoder if p.dim() > 1], phase.rate, DECAY),
        ([p for p in encoder if p.dim() <= 1], phase.rate, 0.0),
        ([model.weight], phase.head_rate, DECAY),
        ([model.bias], phase.head_rate, 0.0),
    ]
    optimizer = torch.optim.AdamW(
        [{"params": p, "lr": rate, "weight_decay": decay} for p, rate, decay in groups],
        betas=(0.9, phase.beta2),
    )

    def rate(step):
        rise = min(1.0, (step + 1) / phase.warmup)
        return rise * (0.5 + 0.5 * math.cos(math.pi * min(step / phase.horizon, 1.0)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


def mix(x, truth, source, generator):
    """Mixup (Zhang et al. 2018) of images, labels and sources within the batch."""
    part = 0.3 * torch.rand((), generator=generator)
    other = torch.randperm(len(x), generator=generator)
    return (v + part * (v[other] - v) for v in (x, truth, source))


def order_of(n, steps, generator):
    """Row numbers of each step: every row once before any comes again."""
    rounds = [torch.randperm(n, generator=generator)[: n // BATCH * BATCH]
              for _ in range(-(-steps // (n // BATCH)))]
    return torch.cat(rounds)[: steps * BATCH].split(BATCH)


def train_phase(model, phase, rows, images, log):
    """Trains the Classifier in place."""
    torch.manual_seed(phase.seed)
    generator = torch.Generator().manual_seed(phase.seed)
    sources = np.array([r.source for r in rows])
    grid = data.targets(rows)
    weight = column_weights(priors(grid, sources)[1])
    grid, share = torch.from_numpy(grid), F.one_hot(torch.from_numpy(sources), 2).float()
    model.freeze(phase.frozen)
    model.to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(model)
    optimizer, schedule = optimizer_of(model, phase)
    total, started = 0.0, time.time()
    for step, chosen in enumerate(order_of(len(rows), phase.steps, generator)):
        x = torch.from_numpy(images[chosen.numpy()]).unsqueeze(1).float().div_(255)
        x, truth, source = data.augment(x, phase.size, generator), grid[chosen], share[chosen]
        if torch.rand((), generator=generator) < phase.mixup:
            x, truth, source = mix(x, truth, source, generator)
        known = ~truth.isnan()
        logits = model(x.to(memory_format=torch.channels_last), source)
        loss = F.binary_cross_entropy_with_logits(logits, truth.nan_to_num(), reduction="none")
        loss = (loss * weight * known).sum() / known.sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        update_average(average, model, min(phase.average, (1 + step) / (10 + step)))
        total += loss.item()
        if step % 50 == 49 or step == phase.steps - 1:
            log(f"step {step + 1}/{phase.steps} loss {total / (step % 50 + 1):.4f} "
                f"{time.time() - started:.0f} s")
            total = 0.0
    model.load_state_dict(average.state_dict())


def train(rows, images, imagenet, work, log):
    """A Classifier trained on all given rows. What a phase leaves is kept in the folder `work`;
    where it lies there it is taken from there."""
    model = Classifier(priors(data.targets(rows), np.array([r.source for r in rows]))[0])
    model.encoder.load_imagenet(imagenet)
    for i, phase in enumerate(PHASES):
        path = work / f"phase{i + 1}.pt"
        if path.exists():
            model.load_state_dict(torch.load(path))
            continue
        train_phase(model, phase, rows, images, log)
        torch.save(model.state_dict(), str(path) + ".part")
        (work / (path.name + ".part")).rename(path)
    return model.eval()
