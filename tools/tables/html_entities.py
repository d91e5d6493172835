#!/usr/bin/env python3
"""Prints src/text/html_entities.inc: the named character references of the HTML standard."""
import html.entities

known = html.entities.html5
cells = []
for name in sorted((key[:-1] for key in known if key.endswith(";")), key=str.encode):
    value = [ord(c) for c in known[name + ";"]] + [0]
    bare = "true" if name in known else "false"
    cells.append('{"%s", %s, {0x%x, 0x%x}},' % (name, bare, value[0], value[1]))

print("// Named character references of the HTML standard, section 13.5: name without \"&\" and \";\",")
print("// whether it also counts without the semicolon, and its one or two code points. Sorted.")
print("// Written by tools/tables/html_entities.py. clang-format off")
line = ""
for cell in cells:
    if line and len(line) + 1 + len(cell) > 100:
        print(line)
        line = ""
    line = line + " " + cell if line else cell
print(line)
