"""Images, labels, folds and augmentation.

Preprocessing, which the model file repeats for inference: 8-bit gray, zeros added on both sides of
the shorter edge until square, Pillow's bilinear resize to SxS, divided by 255, (x - MEAN) / STD.
"""

import collections
import csv
import dataclasses
import math
import pathlib
import random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import lexicon

MEAN, STD = 0.5, 0.25


@dataclasses.dataclass
class Row:
    id: str
    file: str
    group: str
    split: str
    view: str
    labels: tuple
    sex: str
    age: int

    def attributes(self):
        out = ["female" if self.sex == "F" else "male", self.view]
        if self.age > 60:
            out.append("old")
        elif self.age < 30:
            out.append("young")
        return out


def read_rows(folder):
    """The NIH rows of the manifest, train and val splits."""
    folder = pathlib.Path(folder)
    with open(folder / "nih_data_entry_rows.csv", newline="") as f:
        entry = {r["id"]: r for r in csv.DictReader(f)}
    rows = []
    with open(folder / "manifest.csv", newline="") as f:
        for r in csv.DictReader(f):
            if r["source_set"] != "nih" or r["split_hint"] not in ("train", "val"):
                continue
            e = entry[r["id"]]
            rows.append(
                Row(
                    r["id"],
                    r["file"],
                    r["group_id"],
                    r["split_hint"],
                    r["view"],
                    tuple(r["labels"].split("|")),
                    e["Patient Gender"],
                    int(e["Patient Age"]),
                )
            )
    return rows


def square(image, size):
    """Pillow gray image to uint8 [size,size]."""
    w, h = image.size
    side = max(w, h)
    canvas = Image.new("L", (side, side), 0)
    canvas.paste(image, ((side - w) // 2, (side - h) // 2))
    return np.asarray(canvas.resize((size, size), Image.Resampling.BILINEAR))


def load_images(folder, rows, size, cache):
    """uint8 [N,size,size]; decoded once, then kept in the folder `cache`."""
    path = pathlib.Path(cache) / f"images-{size}-{len(rows)}.npy"
    if path.exists():
        return np.load(path)
    folder = pathlib.Path(folder)
    images = np.stack([square(Image.open(folder / r.file).convert("L"), size) for r in rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, images)
    return images


def to_pixels(images):
    """uint8 [N,S,S] to the encoder's input, f32 [N,1,S,S]."""
    return (torch.from_numpy(images).float().div_(255).sub_(MEAN).div_(STD)).unsqueeze(1)


def targets(rows):
    """f32 [N,len(lexicon.COLUMNS)]: 1 present, 0 absent, NaN unknown."""

    def line(r):
        have, attributes = set(r.labels), r.attributes()
        return (
            [f in have for f in lexicon.FINDINGS]
            + [bool(kinds & have) for kinds, _ in lexicon.GROUPS.values()]
            + [
                1 if yes in attributes else 0 if no in attributes else math.nan
                for yes, no in lexicon.ATTRIBUTE_PAIRS
            ]
        )

    return np.array([line(r) for r in rows], np.float32)


def folds(rows, n, seed):
    """Fold of each row, int [N]. Groups never straddle; groups are dealt out in the order of their
    rarest finding, so that each fold gets its share of rare findings."""
    count = collections.Counter(f for r in rows for f in r.labels)
    groups = collections.defaultdict(set)
    for r in rows:
        groups[r.group].update(r.labels)
    names = sorted(groups)
    random.Random(seed).shuffle(names)
    names.sort(key=lambda g: min(count[f] for f in groups[g]))
    fold = {g: i % n for i, g in enumerate(names)}
    return np.array([fold[r.group] for r in rows])


def augment(x, generator, strength=1.0):
    """Random mirror, rotation, scale, shift, gamma, contrast, noise and erased boxes.
    x: f32 [N,1,S,S] in 0..1; returns the encoder's input."""
    n, size = x.shape[0], x.shape[-1]

    def uniform(low, high, *shape):
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    angle = uniform(-0.21, 0.21) * strength
    scale = torch.exp(uniform(-0.2, 0.15) * strength)
    aspect = torch.exp(uniform(-0.08, 0.08) * strength)
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * scale * aspect * mirror
    theta[:, 0, 1] = -torch.sin(angle) * scale
    theta[:, 1, 0] = torch.sin(angle) * scale * mirror
    theta[:, 1, 1] = torch.cos(angle) * scale / aspect
    theta[:, :, 2] = uniform(-0.1, 0.1, 2) * strength
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    x = x.clamp_(1e-4, 1).pow_(torch.exp(uniform(-0.35, 0.35, 1, 1, 1) * strength))
    x = (x - 0.5) * torch.exp(uniform(-0.25, 0.25, 1, 1, 1) * strength) + 0.5
    x = x + uniform(-0.12, 0.12, 1, 1, 1) * strength
    x = x + torch.randn(x.shape, generator=generator) * 0.02 * strength
    for i in range(n):
        if torch.rand((), generator=generator) < 0.4 * strength:
            h, w = (torch.randint(size // 10, size // 3, (2,), generator=generator)).tolist()
            top = int(torch.randint(0, size - h, (), generator=generator))
            left = int(torch.randint(0, size - w, (), generator=generator))
            x[i, :, top : top + h, left : left + w] = torch.rand((), generator=generator)
    return (x - MEAN) / STD
