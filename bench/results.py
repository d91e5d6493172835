"""Sections of bench/RESULTS.md: each is written by one script, which leaves the others alone."""
import os
import re


def replace_section(path, name, text):
    """Puts text into the section `name` of a file, at its end where there is none yet."""
    begin, end = f"<!-- section {name} -->\n", f"<!-- end {name} -->\n"
    old = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            old = f.read()
    section = begin + text.rstrip("\n") + "\n" + end
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(old):
        new = pattern.sub(lambda _: section, old)
    else:
        new = old + ("\n" if old and not old.endswith("\n\n") else "") + section
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(new)
    os.replace(path + ".new", path)
