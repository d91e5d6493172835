"""What is declared to Python is what the compiler lays out; nothing else is needed."""
import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, run

import biovl
from biovl import _abi

GENERATE = [sys.executable, str(ROOT / "tools/api/generate.py")]


def test_layout(tmp_path):
    compiler = os.environ.get("CC", "cc")
    if not shutil.which(compiler):
        pytest.skip("no C compiler")
    source = subprocess.run([*GENERATE, "layout"], stdout=subprocess.PIPE, check=True).stdout
    (tmp_path / "layout.c").write_bytes(source)
    subprocess.run([compiler, "-I", str(ROOT / "include"), "-o", str(tmp_path / "layout"),
                    str(tmp_path / "layout.c")], check=True)
    printed = subprocess.run([str(tmp_path / "layout")], stdout=subprocess.PIPE, check=True).stdout
    for line in printed.decode().splitlines():
        name, size = line.split()
        struct, _, field = name.partition(".")
        kind = getattr(_abi, struct)
        assert int(size) == (getattr(kind, field).offset if field else ctypes.sizeof(kind)), name


def test_every_function_is_described():
    declared = set()
    for header in (ROOT / "include/biovl").glob("*.h"):
        declared |= set(re.findall(r"^BV_API [^;(]*?(bv_\w+)\(", header.read_text(), re.M))
    assert declared == set(_abi.FUNCTIONS)


def test_python_alone():
    """Neither importing nor classifying reads a module that is not Python's own."""
    code = ("import sys, biovl; biovl.Model().classify([sys.argv[1]], ['x']);"
            "own = sys.stdlib_module_names | {'biovl'};"
            "print([m for m in sys.modules if m.split('.')[0] not in own and m[:1] != '_'])")
    if not hasattr(sys, "stdlib_module_names"):
        pytest.skip("Python 3.9 does not list its modules")
    done = subprocess.run([sys.executable, "-S", "-c", code, str(ROOT / "assets/sample/cxr.dcm")],
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().strip() == "[]"


def test_command():
    done = subprocess.run([sys.executable, "-m", "biovl", "--version"], stdout=subprocess.PIPE,
                          check=True)
    assert done.stdout.decode() == run("--version")
    assert biovl.__version__ in done.stdout.decode()


def test_types():
    mypy = shutil.which("mypy")
    if not mypy:
        pytest.skip("no mypy")
    package = pathlib.Path(biovl.__file__).parent
    done = subprocess.run([mypy, "--strict", "--cache-dir=/dev/null", str(package)],
                          stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stdout.decode()


def test_names():
    for name in biovl.__all__:
        assert getattr(biovl, name) is not None
        assert name == "__version__" or getattr(biovl, name).__doc__
    with pytest.raises(AttributeError):
        biovl.nothing
