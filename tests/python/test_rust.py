"""The Rust declarations compile, and the example prints the command's scores."""
import os
import shutil
import subprocess

import pytest
from conftest import ROOT, SAMPLE, run


def test_example(tmp_path):
    cargo = shutil.which("cargo")
    library = os.path.dirname(os.environ.get("BIOVL_LIBRARY", ""))
    if not cargo or not os.path.exists(os.path.join(library, "libbiovl.so")):
        pytest.skip("no cargo, or no library to link with")
    done = subprocess.run(
        [cargo, "run", "--quiet", "--offline", "--manifest-path",
         str(ROOT / "bindings/rust/Cargo.toml"),
         "--example", "classify", "--", os.environ["BIOVL_MODEL"], SAMPLE, "Edema", "Pneumonia"],
        stdout=subprocess.PIPE, check=True,
        env=dict(os.environ, BIOVL_LIB_DIR=library, CARGO_TARGET_DIR=str(tmp_path)))
    labels = tmp_path / "labels.txt"
    labels.write_text("Edema\nPneumonia\n")
    expected = [line.split() for line in run("classify", SAMPLE, "-l", labels).splitlines()[1:]]
    assert [line.split("\t") for line in done.stdout.decode().splitlines()] == expected
