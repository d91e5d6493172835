#!/usr/bin/env python3
"""Prints src/text/code_pages.inc: for each code page, characters and their bytes from 0x80 up.

Bytes that a Windows code page leaves open stand for the control character of the same number.
"""

PAGES = ["cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "iso8859_2", "mac_roman", "cp437"]

print("// For each code page the pairs {character, byte}, sorted by character, of bytes 0x80 to 0xff.")
print("// Written by tools/tables/code_pages.py. clang-format off")
for page in PAGES:
    pairs = []
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(page, "replace")
        pairs.append((byte if char == "\ufffd" else ord(char), byte))
    print("{ // " + page)
    line = ""
    for char, byte in sorted(pairs):
        cell = "{0x%x, 0x%x}," % (char, byte)
        if line and len(line) + 1 + len(cell) > 100:
            print(line)
            line = ""
        line = line + " " + cell if line else cell
    print(line)
    print("},")
