"""Weights and pixels of the expected outputs in this folder: a fixed formula of a tensor's name and an
element's index, which the tests in C repeat, so that no weights need to be stored."""
import math
import zlib

import numpy as np
import torch


def values(name, n, mean, spread):
    """Element i of tensor `name`: a linear congruential generator seeded by the name's CRC-32."""
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(n, 1664525, np.uint32), dtype=np.uint32)
        sums = np.concatenate([[1], powers[:-1]]).cumsum(dtype=np.uint32)
        state = powers * np.uint32(zlib.crc32(name.encode())) + sums * np.uint32(1013904223)
    u = (state >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return np.float32(mean) + np.float32(spread) * u


def fill(case, module, rename=lambda name: name, without=()):
    """Gives a module's tensors their values, and prints their shapes for C."""
    print(f"static const struct shape shapes_{case}[] = {{")
    for ours, t in module.state_dict().items():
        name = rename(ours)
        if name.startswith(without) or name.endswith("position_ids"):
            continue
        dims = ", ".join(map(str, t.shape)) or "1"
        print(f'    {{"{name}", {t.ndim}, {{{dims}}}}},')
        if not t.dtype.is_floating_point:
            continue
        mean, spread = 0.0, 0.3
        if name.endswith("running_var"):
            mean, spread = 1.0, 0.5
        elif t.ndim == 1 and name.endswith("weight"):
            mean = 1.0
        elif t.ndim > 1:
            spread = 1.5 / math.sqrt(t[0].numel())
        t.copy_(torch.from_numpy(values(name, t.numel(), mean, spread)).reshape(t.shape))
    print("};")
    return module.eval().double()


def fill_text(case, module):
    """The same for a text encoder: every tensor that is no norm's weight spreads around zero."""
    rows = []
    for name, t in module.state_dict().items():
        if not t.dtype.is_floating_point:
            continue
        norm = t.ndim == 1 and name.endswith("weight")
        t.copy_(torch.from_numpy(values(name, t.numel(), norm, 0.3)).reshape(t.shape))
        rows.append(f'    {{"{name}", {t.ndim}, {{{", ".join(map(str, t.shape))}}}}},')
    print(f"static const struct shape shapes_{case}[] = {{", *rows, "};", sep="\n")
    return module.eval().double()
