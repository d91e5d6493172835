"""How the C code is cut: files, functions, headers, structs, and circles of files that call each other.

python tools/tables/measures.py            prints the table
python tools/tables/measures.py --write    puts it into docs/architecture.md
python tools/tables/measures.py --list     also names the circles, long functions and wide structs
"""
import collections
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARKERS = ("<!-- measures -->\n", "<!-- end of measures -->\n")
# clang-format puts a function's opening and closing brace into column 0, so that these suffice.
FUNCTION = re.compile(r"^([A-Za-z_][^;{}#=]*?\b(\w+)\(([^;{}]*?)\))\n\{\n(.*?)^\}",
                      re.M | re.S)
STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\}", re.M | re.S)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def tracked(*folders):
    out = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [f for f in out.split() if f.endswith((".c", ".cc", ".h"))]


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def split(text):
    """At the commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return parts + [text[start:]]


def parameters(text):
    return 0 if text.strip() in ("void", "") else len(split(text))


def fields(body):
    """Names that a struct declares, those of nested structs included."""
    body = re.sub(r"\w+\s*\{|\}", " ", body.replace("struct {", "{").replace("union {", "{"))
    return sum(len(split(s)) for s in body.split(";") if re.search(r"\w\s*(\[.*\])?$", s.strip()))


def circles(sources):
    """Sets of .c files of which each calls, by way of others, each other."""
    defined, calls = {}, collections.defaultdict(set)
    for path, text in sources.items():
        for match in FUNCTION.finditer(text):
            if not match.group(1).startswith("static"):
                defined[match.group(2)] = path
    for path, text in sources.items():
        for name in set(re.findall(r"\bbv_\w+", re.sub(r"\b(?:struct|enum) \w+", "", text))):
            if defined.get(name, path) != path:
                calls[path].add(defined[name])
    index, low, stack, found = {}, {}, [], []

    def visit(v):  # Tarjan's strongly connected components
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in calls[v]:
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            at = stack.index(v)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    sys.setrecursionlimit(10000)
    for path in list(sources):
        if path not in index:
            visit(path)
    return sorted(found)


def users(headers, files):
    """For each header the files that include it, its own .c or .cc apart."""
    count = collections.defaultdict(set)
    for path, text in files.items():
        for name in re.findall(r'^#include ["<]([^">]+)[">]', text, re.M):
            for h in (name, "src/" + name, "include/" + name, os.path.normpath(os.path.dirname(path) + "/" + name)):
                if h in headers and os.path.splitext(path)[0] != os.path.splitext(h)[0]:
                    count[h].add(path)
    return {h: len(count[h]) for h in headers}


def quantiles(values):
    values = sorted(values)
    at = [values[int(q * (len(values) - 1))] for q in (0.5, 0.9, 0.99)]
    return " / ".join(map(str, at + [values[-1]]))


def measure(listing):
    raw = {f: read(f) for f in tracked("src", "fusion", "tools", "include")}
    code = {f: without_comments(t) for f, t in raw.items()}
    sources = {f: t for f, t in code.items() if not f.endswith(".h")}
    functions = [(f, m.group(2), m.group(4).count("\n") + 3, parameters(m.group(3)))
                 for f, t in sources.items() for m in FUNCTION.finditer(t)]
    private = [f for f in raw if f.endswith(".h") and f.startswith(("src/", "fusion/"))]
    single = [h for h in private
              if len(re.findall(r"^[A-Za-z][^;{}#=()]*\([^{}]*?\);", code[h], re.M)) == 1]
    used = users(private, {f: t for f, t in raw.items() if not f.startswith("tests/")})
    wide = [(f, name, fields(body)) for f, t in code.items() for name, body in STRUCT.findall(t)
            if fields(body) > 20]
    rings = circles({f: t for f, t in sources.items() if f.startswith(("src/", "fusion/"))})
    if listing:
        print("circles:", *(" ".join(r) for r in rings), sep="\n  ")
        print("structs over 20 fields:", *wide, sep="\n  ")
        print("over 60 lines:", *(x[:3] for x in functions if x[2] > 60), sep="\n  ")
        print("9 parameters or more:", *(x for x in functions if x[3] >= 9), sep="\n  ")
        print("one function:", *single, sep="\n  ")
        print("one user:", *(h for h in private if used[h] == 1), sep="\n  ")
    rows = [
        ("files; lines", f"{len(raw)}; {sum(t.count(chr(10)) for t in raw.values())}"),
        (".c and .cc: lines, median / p90 / p99 / longest",
         quantiles([raw[f].count("\n") for f in sources])),
        ("functions", len(functions)),
        ("lines of a function, median / p90 / p99 / longest", quantiles([f[2] for f in functions])),
        ("functions over 60 lines", sum(f[2] > 60 for f in functions)),
        ("functions with 9 parameters or more", sum(f[3] >= 9 for f in functions)),
        ("headers of src and fusion", len(private)),
        ("of these, with one function", len(single)),
        ("of these, included by one file besides their own", sum(used[h] == 1 for h in private)),
        ("structs with more than 20 fields", len(wide)),
        ("circles of files that call each other", len(rings)),
    ]
    return "| measure | value |\n|---|---|\n" + "".join(f"| {k} | {v} |\n" for k, v in rows)


def main():
    table = measure("--list" in sys.argv)
    if "--write" not in sys.argv:
        print(table, end="")
        return
    path = os.path.join(ROOT, "docs/architecture.md")
    head, rest = read(path).split(MARKERS[0])
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + MARKERS[0] + table + MARKERS[1] + rest.split(MARKERS[1])[1])


main()
