#!/usr/bin/env python3
"""Descriptions of the public interface for other languages, from the public headers.

usage: generate.py json|python|rust|layout [INCLUDE_FOLDER] > OUT

json: the description itself; python: ctypes declarations; rust: extern "C" declarations;
layout: a C program that prints sizes and offsets, to check the others by.
"""
import json
import pathlib
import sys

import ctypes_module
import headers
import layout_program
import rust_module

WRITERS = {
    "json": lambda api: json.dumps(api, indent=1, ensure_ascii=False) + "\n",
    "python": ctypes_module.write,
    "rust": rust_module.write,
    "layout": layout_program.write,
}


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "include/biovl"
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in WRITERS:
        raise SystemExit(__doc__)
    api = headers.describe(sys.argv[2] if len(sys.argv) == 3 else default)
    sys.stdout.write(WRITERS[sys.argv[1]](api))


if __name__ == "__main__":
    main()
