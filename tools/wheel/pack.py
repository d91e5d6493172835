#!/usr/bin/env python3
"""usage: pack.py STAGE DIST

Packs STAGE/biovl, with what STAGE/vendored.json says of its libraries, as a wheel in DIST. The same
files give the same bytes.
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import zipfile

METADATA = """Metadata-Version: 2.1
Name: biovl
Version: {version}
Summary: Biomedical vision-language inference
License: Apache-2.0
Requires-Python: >=3.9
Classifier: Intended Audience :: Science/Research
Classifier: Operating System :: POSIX :: Linux
Classifier: Typing :: Typed
Provides-Extra: pandas
Requires-Dist: pandas; extra == "pandas"
Provides-Extra: progress
Requires-Dist: tqdm; extra == "progress"
Description-Content-Type: text/markdown

"""
OLDEST_GLIBC = (2, 35)  # of a system whose C++ runtime is that of GCC 12


def glibc_of(folder):
    """The newest version of glibc that a library asks for."""
    newest = OLDEST_GLIBC
    for path in folder.iterdir():
        text = subprocess.run(["objdump", "-T", str(path)], stdout=subprocess.PIPE,
                              check=True).stdout.decode()
        for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", text):
            newest = max(newest, (int(major), int(minor)))
    return newest


def bill_of_materials(version, vendored):
    """CycloneDX 1.6, of the packages that the libraries come from."""
    packages = sorted({(v["package"], v["version"]) for v in vendored})
    components = [{"type": "library", "name": name, "version": number,
                   "purl": f"pkg:deb/debian/{name}@{number}?arch=amd64"}
                  for name, number in packages]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "library", "name": "biovl", "version": version,
                                       "purl": f"pkg:pypi/biovl@{version}"}},
            "components": components}


def dist_info(stage, root, version, tag):
    """Names and contents of the files that describe the wheel."""
    vendored = json.loads((stage / "vendored.json").read_text())
    readme = (root / "docs/bindings.md").read_text()
    python = readme[readme.index("## Python"):]
    info = f"biovl-{version}.dist-info"
    yield f"{info}/METADATA", METADATA.format(version=version) + python
    yield f"{info}/WHEEL", (f"Wheel-Version: 1.0\nGenerator: biovl\nRoot-Is-Purelib: false\n"
                            f"Tag: {tag}\n")
    yield f"{info}/entry_points.txt", "[console_scripts]\nbiovl = biovl.__main__:main\n"
    yield f"{info}/sboms/biovl.cdx.json", json.dumps(bill_of_materials(version, vendored), indent=1)
    yield f"{info}/licenses/LICENSE", (root / "LICENSE").read_text()
    for package in sorted({v["package"] for v in vendored}):
        text = pathlib.Path(f"/usr/share/doc/{package}/copyright").read_text(errors="replace")
        yield f"{info}/licenses/{package}", text


def main():
    stage, dist = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    root = pathlib.Path(__file__).resolve().parents[2]
    version = re.search(r'^VERSION = "(.*)"', (stage / "biovl/_abi.py").read_text(), re.M).group(1)
    tag = "py3-none-manylinux_{}_{}_x86_64".format(*glibc_of(stage / "biovl/_vendored/lib"))
    files = {str(p.relative_to(stage)): (p.read_bytes(), p.stat().st_mode & 0o777)
             for p in sorted((stage / "biovl").rglob("*")) if p.is_file()}
    for name, text in dist_info(stage, root, version, tag):
        files[name] = text.encode(), 0o644
    record = f"biovl-{version}.dist-info/RECORD"
    lines = []
    for name, (data, _) in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    files[record] = ("".join(lines) + f"{record},,\n").encode(), 0o644
    date = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", 315532800)), 315532800))[:6]
    dist.mkdir(exist_ok=True)
    wheel = dist / f"biovl-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, (data, mode) in files.items():
            entry = zipfile.ZipInfo(name, date)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=9)
    print(f"{wheel}  {wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
