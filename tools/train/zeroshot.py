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


def scores(model, tokenizer, images):
    """All that is reported, each [N] per finding, or a list of [N] over several texts:
    ensemble         logit of the pair softmax over lexicon.prompts: the shipped rule
    single           the same with one prompt pair, the finding's name and "no" before it
    cosine           cosine with the finding's name alone
    unseen           as ensemble, the name replaced by phrases never trained on
    unseen_cosine    cosine with a phrase never trained on
    unseen_template  cosine with the name in templates never trained on"""
    image = image_embeddings(model, images)
    scale = model.logit_scale.detach().exp()

    def score(positive, negative=None):
        direction = text_embedding(model, tokenizer, positive)
        if negative:
            direction = scale * (direction - text_embedding(model, tokenizer, negative))
        return (image @ direction).numpy().astype(np.float64)

    kinds = ("ensemble", "single", "cosine", "unseen", "unseen_cosine", "unseen_template")
    out = {k: {} for k in kinds}
    for f in lexicon.FINDINGS:
        name = lexicon.PHRASES[f][0]
        out["ensemble"][f] = score(*lexicon.prompts(f))
        out["single"][f] = score([name], ["no " + name])
        out["cosine"][f] = score([name])
        if f in lexicon.HELD_OUT_PHRASES:
            held = lexicon.HELD_OUT_PHRASES[f]
            out["unseen"][f] = [score(*lexicon.prompts(f, p)) for p in held]
            out["unseen_cosine"][f] = [score([p]) for p in held]
            out["unseen_template"][f] = [
                score([t.format(name)]) for t in lexicon.HELD_OUT_TEMPLATES
            ]
    return out
