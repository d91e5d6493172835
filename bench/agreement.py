"""Whether the engines of vs_peers.py compute the same: one set of random weights for each
architecture, taken from the torch module, in every engine.

The module's weights are saved and converted by `biovl convert`; the file's golden vectors are
biovl's outputs in f32 for a fixed array of pixels or a fixed sentence. The same input goes through
the module in PyTorch, ONNX Runtime and OpenVINO, and all are compared with PyTorch in f32;
`biovl verify` says how far bf16 and int8 are from biovl's f32.
"""
import json
import os
import re
import struct
import subprocess

import numpy as np
import torch

VOCABULARY = 28996


def resnet_name(name):
    return name


def vit_name(name):
    rules = [(r"conv_proj\.", "patch_embed.proj."), (r"class_token", "cls_token"),
             (r"encoder\.pos_embedding", "pos_embed"), (r"encoder\.ln\.", "norm."),
             (r"encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
             (r"ln_1", "norm1"), (r"ln_2", "norm2"), (r"self_attention\.in_proj_", "attn.qkv."),
             (r"self_attention\.out_proj", "attn.proj"), (r"mlp\.0", "mlp.fc1"),
             (r"mlp\.3", "mlp.fc2"), (r"heads\.head", "fc")]
    for pattern, to in rules:
        name = re.sub(pattern, to, name)
    return name


def swin_name(name):
    name = re.sub(r"^features\.0\.0", "patch_embed.proj", name)
    name = re.sub(r"^features\.0\.2", "patch_embed.norm", name)
    stage = re.match(r"features\.(\d+)\.", name)
    if stage:
        s = int(stage[1])
        to = (f"layers.{s // 2}.blocks." if s % 2 else f"layers.{s // 2 - 1}.downsample.")
        name = to + name[stage.end():]
    name = name.replace("mlp.0", "mlp.fc1").replace("mlp.3", "mlp.fc2")
    return re.sub(r"^head\.", "fc.", name)


def bert_name(name):
    rules = [(r"^words", "embeddings.word_embeddings"), (r"^norm\.", "embeddings.LayerNorm."),
             (r"^positions", "embeddings.position_embeddings"), (r"^layers", "encoder.layer"),
             (r"\.q\.", ".attention.self.query."), (r"\.k\.", ".attention.self.key."),
             (r"\.v\.", ".attention.self.value."), (r"\.o\.", ".attention.output.dense."),
             (r"\.up\.", ".intermediate.dense."), (r"\.down\.", ".output.dense."),
             (r"norm1", "attention.output.LayerNorm"), (r"norm2", "output.LayerNorm")]
    for pattern, to in rules:
        name = re.sub(pattern, to, name)
    return name


def image_card(arch, steps):
    return {"image": {"arch": arch, "size": 224, "outputs": {"global": steps}},
            "preprocess": "imagenet"}


MEAN_FC = {"from": "map", "steps": [["mean"], ["linear", "image.fc"]]}
CLS_FC = {"from": "cls", "steps": [["linear", "image.fc"]]}
ARCHS = {
    "resnet50": (resnet_name, image_card("resnet", MEAN_FC)),
    "vit-b16": (vit_name, image_card("vit", CLS_FC)),
    "vit-b32": (vit_name, image_card("vit", CLS_FC)),
    "swin-t": (swin_name, image_card("swin", MEAN_FC)),
    "bert-base": (bert_name, {
        "text": {"arch": "bert", "outputs": {"global": {"from": "cls"}}},
        "tokenizer": {"kind": "wordpiece", "lowercase": True},
        "vocabulary": {"files": ["vocab.txt"], "source": "made up"}}),
}


def weights_of(module, rename):
    """The module's tensors under biovl's names; swin's fused projections are taken apart."""
    out = {}
    for name, x in module.state_dict().items():
        name = rename(name)
        if name.endswith(("relative_position_index", "num_batches_tracked")):
            continue
        x = x.detach().clone().contiguous()
        if "layers" in name and ".attn.qkv." in name:
            for part, y in zip(("query", "key", "value"), x.chunk(3)):
                out[name.replace("qkv", part)] = y.clone()
        else:
            out[name] = x
    if "embeddings.word_embeddings.weight" in out:
        out["embeddings.token_type_embeddings.weight"] = torch.zeros(2, 768)
    return out


def convert(biovl, arch, module, folder):
    rename, card = ARCHS[arch]
    tower = "text." if "text" in card else "image."
    weights = {tower + k: v for k, v in weights_of(module, rename).items()}
    return convert_weights(biovl, f"peer-{arch}", card, weights, folder)


def convert_weights(biovl, name, card, weights, folder):
    """A model file of these weights, under biovl's own names."""
    os.makedirs(folder, exist_ok=True)
    card = {"name": name, "title": name, "paper": "", "source": "", "license": "",
            "weights": "", "recognise": {"all": []}, "tensors": [["net.{rest}", "{rest}"]],
            "scoring": {"rule": "cosine"}, **card}
    source, path = f"{folder}/weights.pt", f"{folder}/model.safetensors"
    torch.save({"net." + k: v for k, v in weights.items()}, source)
    with open(f"{folder}/card.json", "w", encoding="utf-8") as f:
        json.dump(card, f)
    letters = [chr(c) for c in range(33, 127)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters]
    with open(f"{folder}/vocab.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(words + [f"[unused{i}]" for i in range(VOCABULARY - len(words))]) + "\n")
    subprocess.run([biovl, "convert", source, "--system", f"{folder}/card.json", "-o", path],
                   check=True, capture_output=True)
    return path


def golden_of(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        return json.loads(json.loads(f.read(size))["__metadata__"]["biovl.golden"])


def golden_pixels(side=224):
    """src/convert/verify.c's pattern, [1,3,side,side]."""
    x, state = np.empty((side, side, 3), np.float32), 2463534242
    for i in range(side):
        for j in range(side):
            for c in range(3):
                state ^= state << 13 & 0xffffffff
                state ^= state >> 17
                state ^= state << 5 & 0xffffffff
                wave = np.sin(0.11 * i) * np.cos(0.07 * j) + 0.1 * c
                x[i, j, c] = 1.5 * wave + state / 4294967296.0 - 0.5
    return torch.from_numpy(x).permute(2, 0, 1)[None].contiguous()


def golden_input(biovl, path, golden):
    if "text" not in golden:
        return golden_pixels(), np.array(golden["image"]["global"])
    sentence = golden["text"]["sentences"][0]
    out = subprocess.run([biovl, "tokenize", "--model", path, "--text", sentence], check=True,
                         capture_output=True, text=True).stdout
    ids = json.loads(out.splitlines()[0])
    ids = ids["ids"] if isinstance(ids, dict) else ids
    return torch.tensor([ids]), np.array(golden["text"]["global"][0])


def cosine(a, b):
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def first_output(result):
    if isinstance(result, torch.Tensor):
        return result.float().numpy()
    return np.asarray(result[0] if isinstance(result, list) else next(iter(result.values())))


def compare(biovl, arch, module, peers, folder):
    """1 - cosine with PyTorch in f32, by engine. peers(x): engine to a function that runs x."""
    path = convert(biovl, arch, module, folder)
    x, ours = golden_input(biovl, path, golden_of(path))
    with torch.inference_mode():
        expected = module(x).numpy()
    found = {"biovl f32": 1 - cosine(ours, expected)}
    report = subprocess.run([biovl, "verify", path], check=False, capture_output=True,
                            text=True).stdout
    for check in json.loads(report.splitlines()[0])["checks"]:
        if check["device"] == "cpu" and check["precision"] != "f32":
            found[f"biovl {check['precision']}"] = 1 - check["cosine"]
    for name, run in peers(x):
        try:
            found[name] = 1 - cosine(first_output(run()), expected)
        except Exception as error:  # an engine that cannot is left out and said so
            print(f"  {name}: {str(error).splitlines()[0][:100]}", flush=True)
    return found
