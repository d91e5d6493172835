"""EfficientNet-Lite0 (Tan and Le 2019; the "lite" variant without squeeze-and-excitation and with
ReLU6), one input channel, with the tensor names of the PyPI package efficientnet_lite_pytorch."""

import torch
import torch.nn.functional as F
from torch import nn

# repeats, kernel, stride of the first, expansion, channels out
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
STEM, HEAD = 32, 1280


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" zero padding: the odd pixel goes right and below."""

    def __init__(self, n_in, n_out, kernel, stride=1, groups=1):
        super().__init__(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False)

    def forward(self, x):
        if self.stride[0] == 1:
            return super().forward(x)
        k, s = self.kernel_size[0], self.stride[0]
        pads = []
        for side in (x.shape[3], x.shape[2]):
            total = max((-(-side // s) - 1) * s + k - side, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, None, s, 0, 1, self.groups)


def batch_norm(n):
    return nn.BatchNorm2d(n, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    def __init__(self, n_in, n_out, kernel, stride, expansion, drop):
        super().__init__()
        mid = n_in * expansion
        if expansion != 1:
            self._expand_conv = SameConv2d(n_in, mid, 1)
            self._bn0 = batch_norm(mid)
        self._depthwise_conv = SameConv2d(mid, mid, kernel, stride, mid)
        self._bn1 = batch_norm(mid)
        self._project_conv = SameConv2d(mid, n_out, 1)
        self._bn2 = batch_norm(n_out)
        self.expansion, self.skip, self.drop = expansion, stride == 1 and n_in == n_out, drop

    def forward(self, x):
        y = x
        if self.expansion != 1:
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        if not self.skip:
            return y
        if self.training and self.drop:  # stochastic depth (Huang et al. 2016)
            keep = 1 - self.drop
            y = y * (torch.rand(len(y), 1, 1, 1) < keep).to(y.dtype) / keep
        return x + y


class EfficientNetLite0(nn.Module):
    """[N,1,S,S] to the last map [N,1280,S/32,S/32]."""

    def __init__(self, drop=0.1):
        super().__init__()
        self._conv_stem = SameConv2d(1, STEM, 3, 2)
        self._bn0 = batch_norm(STEM)
        self._blocks = nn.ModuleList()
        total, n_in = sum(s[0] for s in STAGES), STEM
        for repeats, kernel, stride, expansion, n_out in STAGES:
            for i in range(repeats):
                self._blocks.append(
                    Block(n_in, n_out, kernel, stride if i == 0 else 1, expansion,
                          drop * len(self._blocks) / total)
                )
                n_in = n_out
        self._conv_head = SameConv2d(n_in, HEAD, 1)
        self._bn1 = batch_norm(HEAD)

    def forward(self, x):
        return self.after(self.before(x, 0), 0)

    def before(self, x, n):
        """The stem and the first n blocks."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks[:n]:
            x = block(x)
        return x

    def after(self, x, n):
        """The rest of the network on what before(x, n) gives."""
        for block in self._blocks[n:]:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x)))

    def load_imagenet(self, state):
        """Weights of the published three-channel network. Its colour channels are normalised alike,
        so on gray images the sum of the three stem filters is exactly the network."""
        state = {k: v for k, v in state.items() if not k.startswith("_fc.")}
        state["_conv_stem.weight"] = state["_conv_stem.weight"].sum(1, keepdim=True)
        self.load_state_dict(state)
