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
    ensemble         cosine with the finding's own words in PROMPT_POSITIVE (the shipped rule)
    pair             scale * (cosine with PROMPT_POSITIVE - cosine with PROMPT_NEGATIVE), the logit
                     of the pair softmax
    single           cosine with the finding's own words
    unseen           as ensemble, with phrases never trained on
    unseen_single    cosine with a phrase never trained on
    unseen_template  cosine with the own words in templates never trained on"""
    image = image_embeddings(model, images)
    scale = model.logit_scale.detach().exp()

    def embed(templates, words):
        return text_embedding(model, tokenizer, [t.format(words) for t in templates])

    def cosine(templates, words):
        return (image @ embed(templates, words)).numpy().astype(np.float64)

    out = {
        k: {} for k in ("ensemble", "pair", "single", "unseen", "unseen_single", "unseen_template")
    }
    for f in lexicon.FINDINGS:
        words = lexicon.PHRASES[f][0]
        out["ensemble"][f] = cosine(lexicon.PROMPT_POSITIVE, words)
        direction = embed(lexicon.PROMPT_POSITIVE, words) - embed(lexicon.PROMPT_NEGATIVE, words)
        out["pair"][f] = (scale * image @ direction).numpy().astype(np.float64)
        out["single"][f] = cosine(["{}"], words)
        if f in lexicon.HELD_OUT_PHRASES:
            held = lexicon.HELD_OUT_PHRASES[f]
            out["unseen"][f] = [cosine(lexicon.PROMPT_POSITIVE, p) for p in held]
            out["unseen_single"][f] = [cosine(["{}"], p) for p in held]
            out["unseen_template"][f] = [cosine([t], words) for t in lexicon.HELD_OUT_TEMPLATES]
    return out
