"""Zero-shot scores through text only, as `biovl classify` computes them."""

import numpy as np
import torch
import torch.nn.functional as F

import data
import lexicon
import text


@torch.no_grad()
def image_embeddings(model, images, batch=64):
    model.eval()
    pixels = data.to_pixels(images)
    return torch.cat([model.embed_image(part) for part in pixels.split(batch)])


@torch.no_grad()
def text_embedding(model, tokenizer, texts):
    """Mean of the normalised embeddings of the texts, normalised: f32 [D]."""
    model.eval()
    return F.normalize(model.embed_text(*text.batch(tokenizer, texts)).mean(0), dim=0)


def pair_score(model, tokenizer, image, positive, negative):
    """Logit of the pair softmax: scale * (cos(image, positive) - cos(image, negative)), [N]."""
    with torch.no_grad():
        scale = model.logit_scale.exp()
        d = text_embedding(model, tokenizer, positive) - text_embedding(model, tokenizer, negative)
        return (scale * image @ d).numpy().astype(np.float64)


def single_score(model, tokenizer, image, prompt):
    """Cosine with one prompt, [N]."""
    return (image @ text_embedding(model, tokenizer, [prompt])).numpy().astype(np.float64)


def scores(model, tokenizer, images):
    """All that is reported, each [N] per finding:
    ensemble  pair softmax over the prompt lists
    single    cosine with the finding's own words
    unseen    pair softmax, one unseen phrase each, a list
    unseen_single  cosine with one unseen phrase, a list
    template  cosine with the own words in an unseen template, a list"""
    image = image_embeddings(model, images)
    out = {"ensemble": {}, "single": {}, "unseen": {}, "unseen_single": {}, "template": {}}

    def pair(words):
        return pair_score(model, tokenizer, image, [t.format(words) for t in lexicon.PROMPT_POSITIVE],
                          [t.format(words) for t in lexicon.PROMPT_NEGATIVE])

    for f in lexicon.FINDINGS:
        words = lexicon.PHRASES[f][0]
        out["ensemble"][f] = pair(words)
        out["single"][f] = single_score(model, tokenizer, image, words)
        if f in lexicon.HELD_OUT_PHRASES:
            held = lexicon.HELD_OUT_PHRASES[f]
            out["unseen"][f] = [pair(p) for p in held]
            out["unseen_single"][f] = [single_score(model, tokenizer, image, p) for p in held]
            out["template"][f] = [single_score(model, tokenizer, image, t.format(words))
                                  for t in lexicon.HELD_OUT_TEMPLATES]
    return out
