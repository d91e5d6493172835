#!/usr/bin/env python3
"""usage: inputs.py FOLDER

Draws twenty images into FOLDER: PNG and DICOM files of every kind of gray levels, all of them the
same on every machine.
"""
import pathlib
import struct
import sys
import zlib

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"


def gray(width, height, most):
    """A chest of sorts: two dark fields in a bright frame, with a slope."""
    def level(x, y):
        u, v = x / width - 0.5, y / height - 0.5
        field = min((u - 0.22) ** 2 * 9 + v * v * 4, (u + 0.22) ** 2 * 9 + v * v * 4)
        return int(most * min(1, 0.15 + field * 0.8 + 0.1 * abs(u + v)))
    return [level(x, y) for y in range(height) for x in range(width)]


def png(width, height, bits=8, channels=1):
    levels = gray(width, height, (1 << bits) - 1)
    size = bits // 8
    rows = [b"\0" + b"".join(v.to_bytes(size, "big") * channels
                             for v in levels[y * width:(y + 1) * width]) for y in range(height)]

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))
    color = {1: 0, 3: 2, 4: 6}[channels]
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b""))


def element(group, number, vr, value, syntax):
    if isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    order = ">" if syntax == BIG else "<"
    head = struct.pack(order + "HH", group, number)
    if syntax == IMPLICIT:
        return head + struct.pack("<I", len(value)) + value
    if vr in ("OB", "OW"):
        return head + vr.encode() + b"\0\0" + struct.pack(order + "I", len(value)) + value
    return head + vr.encode() + struct.pack(order + "H", len(value)) + value


def dicom(syntax=EXPLICIT, width=96, height=112, bits=12, photometric="MONOCHROME2", view="PA",
          window=None, slope=None, signed=0):
    order = ">" if syntax == BIG else "<"
    levels = gray(width, height, (1 << bits) - 1)
    code = "B" if bits <= 8 else "H"
    pixels = struct.pack(f"{order}{len(levels)}{code}", *levels)
    short = lambda n: struct.pack(order + "H", n)  # noqa: E731
    fields = [(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.1.1"), (8, 0x18, "UI", "2.25.1"),
              (8, 0x60, "CS", "DX"), (0x18, 0x15, "CS", "CHEST"), (0x18, 0x5101, "CS", view),
              (0x28, 2, "US", short(1)), (0x28, 4, "CS", photometric),
              (0x28, 0x10, "US", short(height)), (0x28, 0x11, "US", short(width)),
              (0x28, 0x100, "US", short(8 if bits <= 8 else 16)), (0x28, 0x101, "US", short(bits)),
              (0x28, 0x102, "US", short(bits - 1)), (0x28, 0x103, "US", short(signed))]
    if window:
        fields += [(0x28, 0x1050, "DS", window[0]), (0x28, 0x1051, "DS", window[1])]
    if slope:
        fields += [(0x28, 0x1052, "DS", slope[0]), (0x28, 0x1053, "DS", slope[1])]
    fields.append((0x7fe0, 0x10, "OW", pixels))
    body = b"".join(element(*f, syntax) for f in fields)
    if syntax == DEFLATED:
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = packed.compress(body) + packed.flush()
        body += b"\0" * (len(body) % 2)
    meta = element(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.1.1", EXPLICIT) + \
        element(2, 3, "UI", "2.25.1", EXPLICIT) + element(2, 0x10, "UI", syntax, EXPLICIT)
    return b"\0" * 128 + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta)), EXPLICIT) + \
        meta + body


IMAGES = {
    "png-8.png": png(224, 224), "png-8-wide.png": png(300, 150), "png-8-tall.png": png(97, 311),
    "png-16.png": png(128, 160, 16), "png-rgb.png": png(120, 120, 8, 3),
    "png-rgba.png": png(120, 120, 8, 4), "png-small.png": png(17, 19),
    "dicom-12.dcm": dicom(), "dicom-8.dcm": dicom(bits=8), "dicom-16.dcm": dicom(bits=16),
    "dicom-10.dcm": dicom(bits=10), "dicom-implicit.dcm": dicom(IMPLICIT),
    "dicom-big.dcm": dicom(BIG), "dicom-deflated.dcm": dicom(DEFLATED),
    "dicom-inverted.dcm": dicom(photometric="MONOCHROME1"),
    "dicom-window.dcm": dicom(window=("1500", "2000")),
    "dicom-narrow.dcm": dicom(window=("900", "100")),
    "dicom-slope.dcm": dicom(window=("0", "3000"), slope=("-1024", "1.5")),
    "dicom-lateral.dcm": dicom(view="LL"), "dicom-ap.dcm": dicom(view="AP", width=131),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in IMAGES.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
