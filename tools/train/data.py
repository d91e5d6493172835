"""Images, labels and augmentation.

Preprocessing in training: 8-bit gray, zeros added on both sides of the shorter edge until square,
Pillow's box resize to 128x128 (the resolution of the unselected images: sharper images are brought
to it, so that sharpness tells nothing), divided by 255, (x - MEAN) / STD.

The model file reads 160x160 (Pillow's bilinear resize), (x - FILE_MEAN) / FILE_STD, as its
predecessor did, so that what `biovl preprocess` gives stays; the first layer takes up the other
scale (model.fold_pixels), and the pooled map any size.
"""

import csv
import dataclasses
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import lexicon

MEAN, STD, NATIVE = 0.498, 0.502, 128
FILE_MEAN, FILE_STD, FILE_SIZE = 0.5, 0.25, 160
UNSELECTED, SELECTED = 0, 1  # sources


@dataclasses.dataclass
class Row:
    file: str
    group: str
    source: int
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


def read_unselected(folder):
    with open(folder / "nih128" / "manifest.csv", newline="") as f:
        return [
            Row("nih128/" + r["file"], r["patient_id"], UNSELECTED, r["split_hint"], r["view"],
                tuple(r["labels"].split("|")), r["sex"], int(r["age"]))
            for r in csv.DictReader(f)
        ]


def read_selected(folder):
    """The images that others picked as "pneumonia" against "no finding"."""
    with open(folder / "nih_data_entry_rows.csv", newline="") as f:
        entry = {r["id"]: r for r in csv.DictReader(f)}
    rows = []
    with open(folder / "manifest.csv", newline="") as f:
        for r in csv.DictReader(f):
            if r["source_set"] != "nih" or r["split_hint"] not in ("train", "val"):
                continue
            e = entry[r["id"]]
            rows.append(
                Row(r["file"], r["group_id"], SELECTED, r["split_hint"], r["view"],
                    tuple(r["labels"].split("|")), e["Patient Gender"], int(e["Patient Age"]))
            )
    return rows


def training_rows(folder):
    """Rows of both sources that may be trained on; no patient of a held-out split is among them."""
    folder = pathlib.Path(folder)
    rows = read_unselected(folder) + read_selected(folder)
    held = {r.group for r in rows if r.split != "train"}
    return [r for r in rows if r.split == "train" and r.group not in held]


def held_out_rows(folder):
    """The unselected rows of the splits val and val_extra."""
    return [r for r in read_unselected(pathlib.Path(folder)) if r.split != "train"]


def native(image):
    """Pillow image to uint8 [NATIVE,NATIVE]."""
    image = image.convert("L")
    w, h = image.size
    side = max(w, h)
    canvas = Image.new("L", (side, side), 0)
    canvas.paste(image, ((side - w) // 2, (side - h) // 2))
    return np.asarray(canvas.resize((NATIVE, NATIVE), Image.Resampling.BOX))


def load_images(folder, rows):
    """uint8 [N,NATIVE,NATIVE]"""
    folder = pathlib.Path(folder)
    return np.stack([native(Image.open(folder / r.file)) for r in rows])


def to_pixels(images, size):
    """uint8 [N,NATIVE,NATIVE] to the encoder's input, f32 [N,1,size,size]."""
    x = torch.from_numpy(images).float().unsqueeze(1)
    x = F.interpolate(x, (size, size), mode="bilinear", align_corners=False).round_()
    return x.div_(255).sub_(MEAN).div_(STD)


def file_pixels(images):
    """uint8 [N,NATIVE,NATIVE] to what the model file's encoder reads, f32 [N,1,FILE_SIZE,FILE_SIZE]."""
    x = torch.from_numpy(images).float().unsqueeze(1)
    x = F.interpolate(x, (FILE_SIZE, FILE_SIZE), mode="bilinear", align_corners=False).round_()
    return x.div_(255).sub_(FILE_MEAN).div_(FILE_STD)


def targets(rows):
    """f32 [N,len(lexicon.COLUMNS)]: 1 present, 0 absent, NaN unknown. Of the unselected images 8
    are pneumonias, of the others a third: there pneumonia would mean "of the other source", so it
    is learned among the selected images alone."""

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

    out = np.array([line(r) for r in rows], np.float32)
    unselected = np.array([r.source == UNSELECTED for r in rows])
    out[unselected, lexicon.FINDINGS.index("pneumonia")] = math.nan
    return out


def augment(x, size, generator):
    """Random mirror, rotation, scale, shift, gamma, contrast, blur or sharpening, noise and an
    erased box. x: f32 [N,1,NATIVE,NATIVE] in 0..1; returns the encoder's input [N,1,size,size]."""
    n = x.shape[0]

    def uniform(low, high, *shape):
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    angle = uniform(-0.2, 0.2)
    scale = torch.exp(uniform(-0.2, 0.12))
    aspect = torch.exp(uniform(-0.06, 0.06))
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * scale * aspect * mirror
    theta[:, 0, 1] = -torch.sin(angle) * scale
    theta[:, 1, 0] = torch.sin(angle) * scale * mirror
    theta[:, 1, 1] = torch.cos(angle) * scale / aspect
    theta[:, :, 2] = uniform(-0.1, 0.1, 2)
    grid = F.affine_grid(theta, [n, 1, size, size], align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    x = x + uniform(-0.8, 0.4, 1, 1, 1) * (x - F.avg_pool2d(x, 3, 1, 1))
    x = x.clamp_(1e-4, 1).pow_(torch.exp(uniform(-0.3, 0.3, 1, 1, 1)))
    x = (x - 0.5) * torch.exp(uniform(-0.25, 0.25, 1, 1, 1)) + 0.5
    x = x + uniform(-0.1, 0.1, 1, 1, 1)
    x = x + torch.randn(x.shape, generator=generator) * 0.015
    for i in range(n):
        if torch.rand((), generator=generator) < 0.25:
            h, w = (torch.randint(size // 10, size // 3, (2,), generator=generator)).tolist()
            top = int(torch.randint(0, size - h, (), generator=generator))
            left = int(torch.randint(0, size - w, (), generator=generator))
            x[i, :, top : top + h, left : left + w] = torch.rand((), generator=generator)
    return (x - MEAN) / STD
