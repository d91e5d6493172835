"""What the tests share: the sample, the command, a model."""
import os
import pathlib
import struct
import subprocess
import zlib

import pytest

import biovl

ROOT = pathlib.Path(__file__).parents[2]
SAMPLE = str(ROOT / "assets/sample/cxr.dcm")
LABELS = ROOT / "assets/labels/chest.txt"
CONFORMANCE = pathlib.Path(os.environ.get("BIOVL_CONFORMANCE", ROOT / "../shared/conformance"))


WIDTH, HEIGHT = 40, 30
GRAY = bytes((x * 5 + y * 3) % 256 for y in range(HEIGHT) for x in range(WIDTH))


def png(pixels=GRAY, width=WIDTH, height=HEIGHT):
    """A PNG file of gray levels."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    rows = b"".join(b"\0" + pixels[y * width:(y + 1) * width] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0,
                                                            0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def run(*arguments, code=0):
    """Standard output of the command."""
    done = subprocess.run([os.environ["BIOVL_COMMAND"], *map(str, arguments)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode()


def conformance(*names):
    """Files of the conformance data; skips where they are not there."""
    paths = [CONFORMANCE / name for name in names]
    for path in paths:
        if not path.exists():
            pytest.skip(f"{path} is not there")
    return paths


@pytest.fixture(scope="session")
def model():
    return biovl.Model(threads=2)


@pytest.fixture
def failing(tmp_path):
    path = tmp_path / "not-an-image.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return str(path)
