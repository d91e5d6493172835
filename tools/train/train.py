"""Trains the default model: python train.py --data DIR --out DIR

Writes default.pt (one state_dict), vocab.txt and recipe.json, which `biovl convert` reads. Trains
on the NIH train split; the val split stays held out and is scored from the written file.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import numpy as np
import torch

import contrast
import data
import figures
import lexicon
import matching
import model
import text
import wordpiece
import zeroshot

VOCABULARY, LANGUAGE_STEPS, READING_STEPS, MATCHING_STEPS = 2600, 3000, 1500, 400
TEXT_SEED, FUSION_SEED = 7, 3


def prepare_text(folder, work, log):
    """Vocabulary, and the text side trained without any image; kept in `work` for later calls."""
    vocab_path, weights_path = work / "vocab.txt", work / "text-side.pt"
    if not vocab_path.exists():
        vocab_path.write_text("".join(p + "\n" for p in text.vocabulary(folder, VOCABULARY)))
    vocabulary = vocab_path.read_text().splitlines()
    tokenizer = wordpiece.Tokenizer(vocabulary, model.Sizes.positions)
    sizes = model.Sizes(vocabulary=len(vocabulary))
    if not weights_path.exists():
        started = time.time()
        torch.manual_seed(TEXT_SEED)
        net = model.BioVL(sizes)
        text.pretrain(net.text_encoder, tokenizer, folder, LANGUAGE_STEPS, TEXT_SEED, log)
        text.teach(net, tokenizer, READING_STEPS, TEXT_SEED, log)
        torch.save(
            {
                "weights": {k: v for k, v in net.state_dict().items() if k.startswith("text_")},
                "seconds": time.time() - started,
            },
            weights_path,
        )
    side = torch.load(weights_path)
    return sizes, tokenizer, side["weights"], side["seconds"]


def fit_dual(sizes, tokenizer, text_weights, rows, images, recipe, path, log):
    """A dual encoder from these rows alone. It is kept in `path`; where that exists it is taken
    from there."""
    torch.manual_seed(recipe.seed)
    net = model.BioVL(sizes)
    net.load_state_dict(text_weights, strict=False)
    if path.exists():
        net.load_state_dict(torch.load(path))
        return net.eval()
    net = contrast.train(net, tokenizer, rows, images, recipe, log)
    torch.save(net.state_dict(), path)
    return net


def description(sizes, recipe, seconds):
    """What recipe.json says beside the figures."""
    return {
        "name": "biovl-cxr-small",
        "image": {
            "architecture": "resnet18",
            "widths": sizes.widths,
            "channels": 1,
            "batch_norm_eps": 1e-5,
            "size": recipe.size,
            "pool": "mean of the last map",
        },
        "text": {
            "architecture": "bert",
            "vocabulary": sizes.vocabulary,
            "hidden": sizes.hidden,
            "layers": sizes.layers,
            "heads": sizes.heads,
            "intermediate": sizes.intermediate,
            "positions": sizes.positions,
            "layer_norm_eps": 1e-12,
            "activation": "gelu (erf)",
            "tokenizer": "wordpiece, uncased",
            "max_tokens": sizes.positions,
            "pool": "mean of all tokens, [CLS] and [SEP] included",
        },
        "fusion": {
            "layers": sizes.fusion_layers,
            "heads": sizes.heads,
            "image_tokens": "last map, row by row, through fusion.image_projection",
            "text_tokens": "last hidden states of the text encoder",
            "order": "self-attention, cross-attention, feed-forward, post-LN",
            "itm_head": "first token; logits (no match, match)",
        },
        "embedding": sizes.embedding,
        "logit_scale": "natural logarithm; cosines are multiplied by its exponential",
        "preprocessing": {
            "channels": 1,
            "pad": "zeros to a centred square",
            "resize": "Pillow bilinear",
            "size": recipe.size,
            "scale": 1 / 255,
            "mean": data.MEAN,
            "std": data.STD,
        },
        "zero_shot": {
            "positive": lexicon.PROMPT_POSITIVE,
            "negative": lexicon.PROMPT_NEGATIVE,
            "ensemble": "mean of normalised text embeddings, normalised",
            "score": "softmax over (positive, negative) of scale * cosine, first value",
            "names": {f: p[0] for f, p in lexicon.PHRASES.items()},
            "own_prompts": lexicon.OWN_PROMPTS,
        },
        "training": {
            **dataclasses.asdict(recipe),
            "masked_language_steps": LANGUAGE_STEPS,
            "reading_steps": READING_STEPS,
            "matching_steps": MATCHING_STEPS,
            "text_seed": TEXT_SEED,
            "fusion_seed": FUSION_SEED,
            "seconds": seconds,
        },
        "data": [
            "NIH ChestX-ray14, train split of the project's manifest. Acknowledgement: the NIH "
            "Clinical Center provided the images; Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers "
            "RM. ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on "
            "Weakly-Supervised Classification and Localization of Common Thorax Diseases. CVPR "
            "2017. https://nihcc.app.box.com/v/ChestXray-NIHCC",
            "Indiana University chest X-ray reports (Open-i), text only: word counts for the "
            "vocabulary and masked-language statistics of the text encoder. Demner-Fushman D et "
            "al. Preparing a collection of radiology examinations for distribution and retrieval. "
            "JAMIA 2016. CC BY-NC-ND 4.0; no report text is contained or redistributed.",
        ],
    }


def held_out_figures(net, tokenizer, rows, images):
    one_fold = np.zeros(len(rows), int)
    out = figures.summary(zeroshot.scores(net, tokenizer, images), rows, one_fold)
    out["matching"] = figures.per_finding(matching.scores(net, tokenizer, images), rows, one_fold)
    out["matching_statement_auroc"] = round(
        matching.statement_auroc(net, tokenizer, rows, images), 4
    )
    out["images"] = len(rows)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument(
        "--work",
        type=pathlib.Path,
        default=pathlib.Path("/tmp/biovl-train"),
        help="decoded images and the pretrained text encoder",
    )
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.time()

    def log(line):
        print(f"[{time.time() - started:6.0f} s] {line}", flush=True)

    recipe = contrast.Recipe()
    rows = data.read_rows(args.data)
    images = data.load_images(args.data, rows, recipe.size, args.work)
    held = np.array([r.split == "val" for r in rows])
    seen_rows = [r for r, h in zip(rows, held) if not h]
    held_rows = [r for r, h in zip(rows, held) if h]
    sizes, tokenizer, text_weights, text_seconds = prepare_text(args.data, args.work, log)
    prepared = time.time()
    net = fit_dual(
        sizes,
        tokenizer,
        text_weights,
        seen_rows,
        images[~held],
        recipe,
        args.work / "dual.pt",
        log,
    )
    matching.train(net, tokenizer, seen_rows, images[~held], MATCHING_STEPS, FUSION_SEED, log)

    torch.save({k: v.contiguous() for k, v in net.state_dict().items()}, args.out / "default.pt")
    (args.out / "vocab.txt").write_text((args.work / "vocab.txt").read_text())
    log("scoring the held-out split")
    out = description(sizes, recipe, round(text_seconds + time.time() - prepared))
    out["parameters"] = sum(v.numel() for v in net.state_dict().values())
    out["images_trained"] = len(seen_rows)
    out["held_out_val"] = held_out_figures(net, tokenizer, held_rows, images[held])
    (args.out / "recipe.json").write_text(json.dumps(out, indent=1) + "\n")
    for f, v in out["held_out_val"]["ensemble"].items():
        log(f"{f}: {v['auroc']:.3f} ({v['low']:.3f} to {v['high']:.3f})")
    log("done")


if __name__ == "__main__":
    main()
