"""The joint space: both projections, so that texts ask what the classifier has learned.

The classifier of supervised.py is the teacher; encoders and classifier stay as they are. For any
image the scaled difference of its cosines with an affirming and a denying text is to be the
classifier's logit. That holds for mixtures of images as well as for images, so no label is needed
and none is fitted twice.
"""

import collections
import math
import random

import torch
import torch.nn.functional as F

import lexicon
import text

DRAWS, BATCH, RATE, STEPS = 40, 128, 4e-3, 2000


class Teacher:
    """Logits [N,columns] of pooled features [N,1280]."""

    def __init__(self, classifier, features, prior):
        """prior: share of positives among the unselected images [columns]. The bias is set so that
        the mean probability of the given features, clean training images, is the prior."""
        self.weight = classifier.weight.detach()
        z, want = features @ self.weight.T, torch.as_tensor(prior)
        low, high = torch.full((len(want),), -30.0), torch.full((len(want),), 30.0)
        for _ in range(40):
            middle = (low + high) / 2
            above = (z + middle).sigmoid().mean(0) > want
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        self.bias, self.prior = (low + high) / 2, want.logit()
        self.mean, self.std = (z + self.bias).mean(0), z.std(0)

    def __call__(self, features):
        return features @ self.weight.T + self.bias

    def evidence(self, features):
        """Log-odds beyond the prior."""
        return self(features) - self.prior


@torch.no_grad()
def pool(net, tokenizer, texts):
    """Pooled states of many texts [M,hidden]."""
    net.eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out = torch.empty(len(texts), net.text_projection.weight.shape[1])
    for start in range(0, len(order), 128):
        part = order[start : start + 128]
        out[part] = net.pool_text(*text.batch(tokenizer, [texts[i] for i in part]))
    return out


def text_bank(net, tokenizer, seed):
    """States of affirming and denying texts [DRAWS,2,columns,hidden]; states and meaning (1
    affirmed, -1 denied, 0 unmentioned) of captions [M,hidden], [M,columns]."""
    rng = random.Random(seed)
    n = len(lexicon.COLUMNS)
    pairs = [t for _ in range(DRAWS) for part in lexicon.column_texts(rng) for t in part]
    captions, says = [], []
    for _ in range(DRAWS // 2):
        texts, line = text.labelled_texts(rng)
        captions += texts[2 * n :]
        says.append(line[2 * n :])
    says = torch.cat(says)
    says = (says == text.AFFIRMED).float() - (says == text.DENIED).float()
    states = pool(net, tokenizer, pairs).view(DRAWS, 2, n, -1)
    return states, pool(net, tokenizer, captions), says


def train(net, tokenizer, teacher, features, seed, log):
    """Fits net.image_projection, net.text_projection and net.logit_scale in place. features: pooled
    [N,1280] of clean training images."""
    torch.manual_seed(seed)
    states, captions, says = text_bank(net, tokenizer, seed)
    net.logit_scale.data.fill_(math.log(30.0))
    center = features.mean(0)
    with torch.no_grad():  # begin at the mean image
        net.image_projection.weight.normal_(std=0.02)
        net.image_projection.bias.copy_(-net.image_projection.weight @ center)
        net.image_projection.bias.add_(torch.randn(len(net.image_projection.bias)) * 0.3)
    params = [*net.image_projection.parameters(), net.text_projection.weight, net.logit_scale]
    optimizer = torch.optim.AdamW(params, lr=RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    n, recent = len(lexicon.COLUMNS), collections.deque(maxlen=100)
    for step in range(STEPS):
        a, b = torch.randint(len(features), (2, BATCH))
        share = torch.rand(BATCH, 1) * 0.5
        f = features[a] + share * (features[b] - features[a])
        z = teacher(f)
        image = net.embed_features(f)
        pick = torch.randint(DRAWS, (2, n))
        yes = F.normalize(net.text_projection(states[pick[0], 0, range(n)]), dim=1)
        no = F.normalize(net.text_projection(states[pick[1], 1, range(n)]), dim=1)
        scale = net.logit_scale.clamp(max=math.log(100)).exp()
        pair = (scale * image @ (yes - no).T - z) / teacher.std
        alone = (2 * scale * image @ yes.T - z) / teacher.std
        alone = alone - alone.mean(0)
        some = torch.randint(len(captions), (BATCH,))
        aim = F.normalize(says[some] @ (yes - no).detach(), dim=1)
        caption = F.normalize(net.text_projection(captions[some]), dim=1)
        loss = (F.smooth_l1_loss(pair, torch.zeros_like(pair), beta=0.5)
                + 0.3 * F.smooth_l1_loss(alone, torch.zeros_like(alone), beta=0.5)
                + 0.3 * (1 - (aim * caption).sum(1)).mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        recent.append(loss.item())
        if step % 200 == 199:
            log(f"joint space: step {step + 1}, loss {sum(recent) / len(recent):.4f}")
    net.eval()
