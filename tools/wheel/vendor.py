#!/usr/bin/env python3
"""usage: vendor.py FOLDER LIST.json

Copies the shared libraries that FOLDER/lib/libbiovl.so.1 and what it opens need into FOLDER/lib,
all but those that every Linux has. Copies are named by their content, so that a library of the same
name that another package brings is not taken for them, and find one another by their own place.
LIST.json receives [{"file", "package", "version"}].
"""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

# What a manylinux wheel may expect of a system.
SYSTEM = re.compile(r"(ld-linux.*|linux-vdso|lib(c|m|dl|rt|pthread|util|resolv|gcc_s|stdc\+\+))"
                    r"\.so.*")
OPENED = ["libopenblas.so.0"]  # by name, at run time
# ICU's tables, 31 MB: only libxml2 refers to them, for XML in rare encodings, which is never read.
EMPTY = re.compile(r"libicudata\.so\.(\d+)")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()


def needed(path):
    return [line.split()[1] for line in run("objdump", "-p", str(path)).splitlines()
            if line.strip().startswith("NEEDED")]


def closure(first):
    """Paths of all libraries that some files need, by the names they are needed under."""
    cache = dict(re.findall(r"^\s*(\S+) \(libc6,x86-64[^)]*\) => (\S+)", run("ldconfig", "-p"),
                            re.M))
    found, todo = {}, [name for path in first for name in needed(path)] + OPENED
    while todo:
        name = todo.pop()
        if name in found or SYSTEM.fullmatch(name) or name.startswith("libbiovl."):
            continue
        if name not in cache:
            raise SystemExit(f"{name} is needed and not installed")
        found[name] = pathlib.Path(cache[name]).resolve()
        todo += needed(found[name])
    return found


def package_of(path):
    for place in (path, pathlib.Path("/usr") / path.relative_to("/"),
                  pathlib.Path(re.sub("^/usr/lib/", "/lib/", str(path)))):
        done = subprocess.run(["dpkg", "-S", str(place)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            package = done.stdout.decode().split(":")[0]
            return package, run("dpkg-query", "-W", "-f", "${Version}\n", package).split()[0]
    raise SystemExit(f"{path} belongs to no package")


def write_empty(path, version):
    """A library with a table that ICU takes for none."""
    code = f"_Alignas(16) const unsigned char icudt{version}_dat[256] = {{0}};"
    subprocess.run(["cc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", str(path)],
                   input=code.encode(), check=True)


def new_name(name, path):
    if name in OPENED:
        return name
    stem, _, rest = name.partition(".so")
    return f"{stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.so{rest}"


def main():
    folder = pathlib.Path(sys.argv[1])
    own = [folder / "lib/libbiovl.so.1", folder / "bin/biovl"]
    libraries = closure(own)
    names = {name: new_name(name, path) for name, path in libraries.items()}
    told = []
    for name, path in sorted(libraries.items()):
        copy = folder / "lib" / names[name]
        empty = EMPTY.match(name)
        if empty:
            write_empty(copy, empty.group(1))
        else:
            shutil.copyfile(path, copy)
        package, version = package_of(path)
        told.append({"file": names[name], "package": package, "version": version})
        own.append(copy)
    for path in own:
        path.chmod(0o755 if path.parent.name == "bin" else 0o644)
        run("strip", "--strip-unneeded", str(path))
        place = "$ORIGIN/../lib" if path.parent.name == "bin" else "$ORIGIN"
        run("patchelf", "--set-rpath", place, str(path))
        if path.name in names.values():
            run("patchelf", "--set-soname", path.name, str(path))
        for name in needed(path):  # one at a time: patchelf loses some of several
            if name in names:
                run("patchelf", "--replace-needed", name, names[name], str(path))
    pathlib.Path(sys.argv[2]).write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
