"""Scores of the held-out images for the comparisons of the card, which `biovl eval` does not give:
python heldout.py --data DIR --out OUT

From OUT/default.pt and OUT/classifier.pt: OUT/supervised.csv, the logits of the classifier, and
OUT/matching.csv, the fusion head's with each finding's name as text."""

import argparse
import csv
import pathlib

import torch

import data
import lexicon
import matching
import model
import wordpiece


def write(path, rows, scores):
    with open(path, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["path", *lexicon.FINDINGS])
        for i, r in enumerate(rows):
            w.writerow([r.file, *(f"{scores[name][i]:.7g}" for name in lexicon.FINDINGS)])


@torch.no_grad()
def last_maps(encoder, images):
    return torch.cat([encoder(data.file_pixels(images[i : i + 32])).contiguous()
                      for i in range(0, len(images), 32)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    vocabulary = (args.out / "vocab.txt").read_text().splitlines()
    tokenizer = wordpiece.Tokenizer(vocabulary, model.Sizes.positions)
    net = model.BioVL(model.Sizes(vocabulary=len(vocabulary)))
    net.load_state_dict(torch.load(args.out / "default.pt"))
    net.eval()
    rows = data.held_out_rows(args.data)
    path = args.out / "held-out-maps.pt"
    maps = torch.load(path).float() if path.exists() else last_maps(
        net.image_encoder, data.load_images(args.data, rows))
    classifier = torch.load(args.out / "classifier.pt")
    z = maps.mean((2, 3)) @ classifier["weight"].T + classifier["bias"]
    write(args.out / "supervised.csv", rows,
          {f: z[:, i].numpy() for i, f in enumerate(lexicon.FINDINGS)})
    write(args.out / "matching.csv", rows, matching.scores(net, tokenizer, maps))


if __name__ == "__main__":
    main()
