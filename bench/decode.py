"""biovl and pydicom with Pillow from a DICOM file to an encoder's pixels. See decode.sh."""
import json
import math
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import PIL
import pydicom
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from results import replace_section

WIDTH, HEIGHT, SIDE = 2500, 3056, 224
RECIPE = {"channels": 1, "intensity": "biovil", "steps": [
    {"op": "resize", "like": "pillow", "filter": "bilinear", "width": SIDE, "height": SIDE},
    {"op": "scale", "multiply": 1 / 255}, {"op": "normalize", "mean": 0.5, "std": 0.25}]}


def make_file(path):
    """Smooth waves with noise in 12 of 16 bits: about as compressible as a radiograph."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    values = 2000 + 900 * np.sin(x / 300) * np.cos(y / 400) + np.random.default_rng(0).normal(
        0, 12, (HEIGHT, WIDTH))
    d = pydicom.Dataset()
    d.SOPClassUID, d.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4"
    d.Modality, d.PhotometricInterpretation = "DX", "MONOCHROME2"
    d.Rows, d.Columns, d.SamplesPerPixel = HEIGHT, WIDTH, 1
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
    d.PixelData = np.clip(values, 0, 4095).astype(np.uint16).tobytes()
    d.file_meta = pydicom.dataset.FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID
    d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    d.save_as(path, enforce_file_format=True)


def peer(path):
    """What the preset and the recipe above do, as Python programs do it."""
    v = pydicom.dcmread(path).pixel_array.astype(np.float64)
    v = (v - v.min()) / (v.max() - v.min()) * 255
    image = Image.fromarray(v.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return (np.asarray(image, np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.25)


def peer_ms(path, repeats):
    best = math.inf
    for _ in range(repeats):
        start = time.process_time()
        peer(path)
        best = min(best, time.process_time() - start)
    return 1e3 * best


def compare(name, path, program, recipe, out, repeats):
    theirs = peer_ms(path, repeats)
    row = json.loads(subprocess.run([program, recipe, path, str(repeats), out], check=True,
                                    capture_output=True, text=True).stdout)
    ours = row["decode_ms"] + row["prepare_ms"]
    difference = np.abs(np.fromfile(out, np.float32) - peer(path).ravel()).max()
    return (f"| {name} | {ours:.1f} ({row['decode_ms']:.1f} + {row['prepare_ms']:.1f}) | "
            f"{theirs:.1f} | {theirs / ours:.1f}× | {difference:.1g} |")


def main():
    program, folder, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.makedirs(folder, exist_ok=True)
    recipe, out = f"{folder}/recipe.json", f"{folder}/pixels.f32"
    with open(recipe, "w", encoding="utf-8") as f:
        json.dump(RECIPE, f)
    files = {"uncompressed": f"{folder}/raw.dcm"}
    if not os.path.exists(files["uncompressed"]):
        make_file(files["uncompressed"])
    if shutil.which("dcmcjpeg"):
        files["JPEG lossless"] = f"{folder}/lossless.dcm"
        subprocess.run(["dcmcjpeg", "+e1", files["uncompressed"], files["JPEG lossless"]],
                       check=True)
    rows = [compare(name, path, program, recipe, out, repeats) for name, path in files.items()]
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        processor = next(x for x in f if x.startswith("model name")).split(":", 1)[1].strip()
    replace_section(
        "bench/RESULTS.md", "decode",
        "# Decoding beside pydicom and Pillow\n\n"
        f"Written by `bench/decode.sh` on {time.strftime('%Y-%m-%d')}. Processor: {processor}. "
        f"pydicom {pydicom.__version__}, Pillow {PIL.__version__}, numpy {np.__version__}.\n\n"
        "Milliseconds of processor time on one thread from a synthetic DICOM file of "
        f"{WIDTH}×{HEIGHT} pixels of 16 bits to {SIDE}×{SIDE} normalised floats (range to 8 bits, "
        "bilinear as Pillow does it), the best of the repeats. biovl's in brackets: decoding + "
        "preprocessing.\n\n"
        "| file | biovl | pydicom + Pillow | ratio | largest difference |\n"
        "|---|---|---|---|---|\n" + "\n".join(rows) + "\n")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
