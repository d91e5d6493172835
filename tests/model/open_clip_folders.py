"""Expected outputs of open_clip's options that no published folder among the conformance files has:
small models of the library itself, as its folders have them.

python open_clip_folders.py > open_clip_folders.inc      (torch and open_clip_torch)

Weights and pixels are the fixed formula of formula.py, which tests/model/folder.c repeats.
"""
import json

import open_clip
import torch
from open_clip.model import CLIP, CustomTextCLIP

from formula import fill, values

VISION = {"layers": 2, "width": 32, "patch_size": 16, "image_size": 64, "head_width": 16}
RESNET = {"layers": [1, 2, 1, 1], "width": 8, "image_size": 64, "head_width": 32}
TEXT = {"context_length": 12, "vocab_size": 517, "width": 32, "heads": 2, "layers": 2}
CASES = {
    "resnet": (CLIP, {"vision_cfg": RESNET, "text_cfg": TEXT, "quick_gelu": True}),
    "mean": (CustomTextCLIP, {
        "vision_cfg": {**VISION, "pool_type": "avg", "ls_init_value": 0.3},
        "text_cfg": {**TEXT, "pool_type": "first", "no_causal_mask": True, "ls_init_value": 0.3}}),
    "mean_normed": (CustomTextCLIP, {
        "vision_cfg": {**VISION, "pool_type": "avg", "final_ln_after_pool": True, "no_ln_pre": True,
                       "mlp_ratio": 3, "norm_kwargs": {"eps": 1e-3}, "pos_embed_type": "sin_cos_2d"},
        "text_cfg": {**TEXT, "pool_type": "last", "no_causal_mask": True, "mlp_ratio": 2.5, "proj_bias": True,
                     "norm_kwargs": {"eps": 1e-3}, "act_kwargs": {"approximate": "tanh"}}}),
    "class_normed": (CustomTextCLIP, {
        "vision_cfg": {**VISION, "final_ln_after_pool": True, "act_kwargs": {"approximate": "tanh"}},
        "text_cfg": {**TEXT, "width": 16, "pool_type": "eos", "eos_id": 516, "proj_type": "none"}}),
}
IDS = [515, 514, 512, 516]  # "ab cd" by the merges "c d</w>", "x y", "a b</w>"


def show(name, y):
    print(f"static const double {name}[] = {{" + ", ".join(f"{v:.9g}" for v in y.flatten().tolist()) + "};")


def main():
    print(f"// Made by open_clip_folders.py with torch {torch.__version__.split('+')[0]}, open_clip {open_clip.__version__}.")
    print("// clang-format off")
    pixels = torch.from_numpy(values("pixels", 64 * 64 * 3, 0, 1.5).reshape(1, 64, 64, 3)).permute(0, 3, 1, 2).double()
    ids = torch.tensor([IDS + [0] * (TEXT["context_length"] - len(IDS))])
    for case, (kind, config) in CASES.items():
        config = {"embed_dim": 16, **config}
        model = fill(case, kind(**config).eval())
        for block in model.modules():  # masks are buffers, of which double() makes doubles too
            assert not hasattr(block, "attn_mask") or block.attn_mask is None or block.attn_mask.is_floating_point()
        text = json.dumps({"model_cfg": config, "preprocess_cfg": {"size": 64, "resize_mode": "longest"}})
        print(f"static const char config_{case}[] = {json.dumps(text)};")
        show(f"image_{case}", model.encode_image(pixels))
        show(f"text_{case}", model.encode_text(ids))


with torch.no_grad():
    main()
