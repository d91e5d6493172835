#!/usr/bin/env python3
"""Latent diffusion beside diffusers: do the pictures agree, what does a step cost, what memory?

python bench/diffusion.py agree [WORK]           (torch, diffusers, transformers, pillow)
python bench/diffusion.py step [WORK] [--threads N] [--rounds N]       (also openvino)

Weights are random: what is compared are the pipelines, not what they draw. `agree` makes reduced
pipelines of the layouts of Stable Diffusion 1.x and 2.x (linear projections, heads for each level,
v-prediction) and compares whole pictures of a seed. `step` makes one of the full size of 1.x (860
million parameters in the U-Net), and takes one U-Net step of 512 × 512 pixels with guidance (a
batch of two) in f32, in turn: biovl (two runs of `generate` that differ by STEPS steps), PyTorch
and OpenVINO; then the memory of a decoded picture of 1024 × 1024. WORK holds the folders (8 GB).
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np
import torch

BIOVL = os.environ.get("BIOVL", "build/release/bin/biovl")
PROMPT = "big right-sided pleural effusion"
STEPS = 2

FULL = {
    "unet": {"block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768},
    "vae": {"block_out_channels": (128, 256, 512, 512)},
    "text": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
             "num_attention_heads": 12},
}
LAYOUTS = {  # of reduced pipelines
    "1.x": {
        "unet": {"block_out_channels": (32, 64), "cross_attention_dim": 32,
                 "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
                 "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "attention_head_dim": 4},
        "text": {"hidden_act": "quick_gelu"}, "prediction": "epsilon"},
    "2.x": {
        "unet": {"block_out_channels": (32, 64, 64), "cross_attention_dim": 32,
                 "down_block_types": ("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
                 "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2,
                 "attention_head_dim": (2, 4, 8), "use_linear_projection": True},
        "text": {"hidden_act": "gelu"}, "prediction": "v_prediction"},
}


def write_tokenizer(folder):
    """Bytes alone, no merges: as many tokens as letters."""
    printed = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    others = [b for b in range(256) if b not in printed]
    letters = [chr(b) for b in printed] + [chr(256 + i) for i in range(len(others))]
    words = letters + [c + "</w>" for c in letters] + ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True,
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}))
    return len(words)


def write_pipeline(folder, unet, vae, text, prediction, sample):
    """A diffusers folder with random weights, written part by part."""
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel
    torch.manual_seed(1)
    words = write_tokenizer(folder / "tokenizer")
    UNet2DConditionModel(sample_size=sample, **unet).save_pretrained(folder / "unet")
    n = len(vae["block_out_channels"])
    AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * n, latent_channels=4,
                  up_block_types=("UpDecoderBlock2D",) * n, layers_per_block=2,
                  **vae).save_pretrained(folder / "vae")
    CLIPTextModel(CLIPTextConfig(vocab_size=words, bos_token_id=words - 2, eos_token_id=words - 1,
                                 **text)).save_pretrained(folder / "text_encoder")
    PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                  skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False,
                  prediction_type=prediction).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}))


def convert(folder, model):
    subprocess.run([BIOVL, "convert", folder, "-o", model], check=True, stdout=subprocess.DEVNULL)


def generate(model, out, *options):
    """Seconds, and the peak of the resident memory in MB, of a run."""
    command = [BIOVL, "generate", model, "--text", PROMPT, "--device", "cpu", "--precision", "f32",
               "-o", out, *map(str, options)]
    launch = ("import resource, subprocess, sys, time; start = time.perf_counter();"
              "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL,"
              "stderr=subprocess.DEVNULL); end = time.perf_counter() - start;"
              "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
              "print(end, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)")
    done = subprocess.run([sys.executable, "-c", launch, *map(str, command)], check=True,
                          capture_output=True, text=True)
    return tuple(map(float, done.stdout.split()))


def reference_picture(folder, steps, seed, guidance, scheduler):
    """StableDiffusionPipeline's steps, in its order, without its safety checker."""
    from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler,
                           EulerDiscreteScheduler, PNDMScheduler, UNet2DConditionModel)
    from transformers import CLIPTextModel, CLIPTokenizer
    kinds = {"pndm": PNDMScheduler, "ddim": DDIMScheduler, "euler": EulerDiscreteScheduler,
             "dpm++": DPMSolverMultistepScheduler}
    text = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    words = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    vae = AutoencoderKL.from_pretrained(folder / "vae").eval()
    s = kinds[scheduler].from_config(PNDMScheduler.load_config(folder / "scheduler"))
    ids = [words(t, padding="max_length", max_length=77, truncation=True,
                 return_tensors="pt").input_ids for t in ("", PROMPT)]
    with torch.no_grad():
        states = text(torch.cat(ids))[0]
        s.set_timesteps(steps)
        latents = torch.randn(1, 4, unet.config.sample_size, unet.config.sample_size,
                              generator=torch.Generator().manual_seed(seed)) * s.init_noise_sigma
        for t in s.timesteps:
            both = s.scale_model_input(torch.cat([latents] * 2), t)
            without, with_text = unet(both, t, states).sample.chunk(2)
            latents = s.step(without + guidance * (with_text - without), t, latents).prev_sample
        image = vae.decode(latents / vae.config.scaling_factor).sample
    image = ((image / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255).round()
    return image.astype(np.uint8)


def agree(work):
    from PIL import Image
    print("| layout | scheduler | largest difference | within one grey level |\n|---|---|---|---|")
    for name, layout in LAYOUTS.items():
        folder, model = work / f"reduced-{name}", work / f"reduced-{name}.safetensors"
        if not folder.exists():
            text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
                    "num_attention_heads": 4, **layout["text"]}
            n = len(layout["unet"]["block_out_channels"])
            write_pipeline(folder, layout["unet"],
                           {"block_out_channels": (32,) * (4 - n) + (64,) * n}, text,
                           layout["prediction"], 16)
            convert(folder, model)
        for scheduler in ("pndm", "ddim", "dpm++", "euler"):
            out = work / "picture.png"
            out.unlink(missing_ok=True)
            generate(model, out, "--steps", 7, "--seed", 3, "--size", 128, "--scheduler", scheduler)
            ours = np.asarray(Image.open(out).convert("RGB")).astype(int)
            theirs = reference_picture(folder, 7, 3, 4.0, scheduler).astype(int)
            difference = np.abs(ours - theirs)
            print(f"| {name} | {scheduler} | {difference.max()} | {(difference <= 1).mean():.4%} |")


def torch_step(unet, inputs):
    with torch.no_grad():
        return lambda: unet(*inputs).sample


def openvino_step(unet, inputs, threads):
    import openvino

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = unet

        def forward(self, latents, t, states):
            return self.unet(latents, t, states).sample

    model = openvino.convert_model(Network(), example_input=inputs)
    compiled = openvino.Core().compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"})
    arrays = [x.numpy() for x in inputs]
    return lambda: compiled(arrays)


def timed(run):
    start, cpu = time.perf_counter(), time.process_time()
    with torch.no_grad():
        run()
    return time.perf_counter() - start, time.process_time() - cpu


def our_step(model, work, threads):
    times = [generate(model, work / f"steps{n}.png", "--steps", n, "--size", 512, "--scheduler",
                      "ddim", "--threads", threads) for n in (1, 1 + STEPS)]
    for n in (1, 1 + STEPS):
        (work / f"steps{n}.png").unlink()
    return [(b - a) / STEPS for a, b in zip(*times)][:2] + [times[1][2]]


def step(work, threads, rounds):
    from diffusers import UNet2DConditionModel
    folder, model = work / "full", work / "full.safetensors"
    if not folder.exists():
        write_pipeline(folder, FULL["unet"], FULL["vae"], FULL["text"], "epsilon", 64)
        convert(folder, model)
    torch.set_num_threads(threads)
    names = ["biovl", "PyTorch", "OpenVINO"]
    best = {name: (float("inf"), float("inf")) for name in names}
    memory = 0
    for _ in range(rounds):
        *own, memory = our_step(model, work, threads)
        best["biovl"] = min(best["biovl"], tuple(own), key=lambda x: x[1])
        unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
        inputs = torch.randn(2, 4, 64, 64), torch.tensor(500), torch.randn(2, 77, 768)
        runs = {"PyTorch": lambda: unet(*inputs),
                "OpenVINO": None}
        for name in runs:
            run = runs[name] or openvino_step(unet, inputs, threads)
            timed(run)
            best[name] = min(best[name], timed(run), key=lambda x: x[1])
            del run
        del unet, runs
    weights = os.path.getsize(model) / 1e6
    print("| f32, 512 × 512, guidance | s a step | processor s | of biovl's |\n|---|---|---|---|")
    for name in names:
        wall, cpu = best[name]
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {cpu / best['biovl'][1]:.2f}× |")
    print(f"\nweights {weights:.0f} MB; peak of a 512 × 512 picture {memory:.0f} MB")
    out = work / "large.png"
    _, _, peak = generate(model, out, "--steps", 1, "--guidance", 1, "--size", 1024, "--threads",
                          threads)
    out.unlink()
    print(f"peak of a 1024 × 1024 picture {peak:.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["agree", "step"])
    parser.add_argument("work", type=pathlib.Path, nargs="?", default="bench-diffusion")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.what == "agree":
        agree(given.work)
    else:
        step(given.work, given.threads, given.rounds)
