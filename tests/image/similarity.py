#!/usr/bin/env python3
"""The values that tests/image/ms_ssim.c and tests/stats/frechet.c expect.

python similarity.py      (torch, pytorch-msssim, numpy, scipy)
"""
import numpy as np
import torch
from pytorch_msssim import ms_ssim
from scipy import linalg


def lcg(seed, n):
    out, x = np.empty(n), seed
    for i in range(n):
        x = (x * 1664525 + 1013904223) % 2**32
        out[i] = x >> 24
    return out


def picture(seed, width, height):
    y, x = np.mgrid[0:height, 0:width]
    wave = 96 + (x * seed * 3 + y * 5) % 64
    return (wave + lcg(seed, width * height).reshape(height, width) % 48).astype(np.uint8)


def tensor(a):
    return torch.from_numpy(a.astype(np.float64))[None, None]


# The package's own window is rounded to single precision, which moves results by 1e-5.
window = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
window = (window / window.sum())[None, None, None]
for a, b, w, h in [(1, 1, 161, 161), (1, 2, 161, 176), (3, 5, 200, 164), (2, 9, 256, 192)]:
    value = ms_ssim(tensor(picture(a, w, h)), tensor(picture(b, w, h)), data_range=255,
                    win=window)
    print(f"    {{{a}, {b}, {w}, {h}, {value.item():.12f}}},")


def features(seed, n, d):
    # Neighbouring columns share noise, so that covariances are not near diagonal.
    v = lcg(seed, n * (d + 1)).reshape(n, d + 1) / 64
    return ((v[:, :-1] + v[:, 1:]) * (1 + seed % 3)).astype(np.float32).astype(np.float64)


for a, n_a, b, n_b, d in [(1, 40, 2, 60, 8), (3, 200, 4, 10, 24), (5, 7, 6, 5, 32), (7, 30, 7, 30, 4)]:
    x, y = features(a, n_a, d), features(b, n_b, d)
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # The eigenvalues of the product are real and not negative; sqrtm() of a singular one is not.
    root = np.sqrt(np.clip(linalg.eigvals(s1 @ s2).real, 0, None)).sum()
    value = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * root
    print(f"    {{{a}, {n_a}, {b}, {n_b}, {d}, {value:.10f}}},")
