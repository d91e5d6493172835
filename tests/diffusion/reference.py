#!/usr/bin/env python3
"""The values that tests/diffusion/scheduler.c expects: diffusers' schedulers, fed by a function in
place of a network.

python reference.py      (torch, diffusers)
"""
import numpy as np
import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler,
                       PNDMScheduler)

KINDS = {"DDIM": DDIMScheduler, "PNDM": PNDMScheduler, "DPM": DPMSolverMultistepScheduler,
         "EULER": EulerDiscreteScheduler}
LETTER = {"epsilon": "E", "v_prediction": "V", "sample": "S"}
NOISE = torch.tensor([1.5, -0.75, 0.25, -2.0])


def network(x, call):
    """Some slope that depends on its input and on the call."""
    return 0.3 * x + torch.cos(torch.arange(4) + 0.5 * call)


def run(kind, spacing, prediction, steps, **more):
    extra = {"skip_prk_steps": True} if kind == "PNDM" else {}
    s = KINDS[kind](beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                    timestep_spacing=spacing, prediction_type=prediction, steps_offset=1,
                    **extra, **more)
    s.set_timesteps(steps)
    x = NOISE * s.init_noise_sigma
    for call, t in enumerate(s.timesteps):
        x = s.step(network(s.scale_model_input(x, t), call), t, x).prev_sample
    return s.timesteps, x


for kind in KINDS:
    for spacing in ("leading", "linspace", "trailing"):
        for prediction in ("epsilon", "v_prediction") + (("sample",) if kind != "PNDM" else ()):
            for steps in (1, 6, 13):
                more = {"clip_sample": steps == 13} if kind == "DDIM" else {}
                t, x = run(kind, spacing, prediction, steps, **more)
                clip = "true" if more.get("clip_sample") else "false"
                second = float(t[min(2, len(t) - 1)])
                values = ", ".join(f"{v:.9g}" for v in np.asarray(x))
                print(f'    {{BV_SCHEDULER_{kind}, "{spacing}", "{prediction}", {steps}, {clip}, '
                      f'{len(t)}, {float(t[0]):.9g}, {second:.9g}, {{{values}}}}},')
