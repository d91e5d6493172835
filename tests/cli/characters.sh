#!/bin/bash
# Names in the character sets of patients: a report and a picture derived from an image bear its
# patient's name, and the labels, as the same characters for a reader of another make.
. "$(dirname "$0")/lib.sh"
command -v dcmdump >/dev/null || { echo "skipped: dcmdump (package dcmtk) is not installed"; exit 77; }
cd "$work"

python3 - <<'EOF'
import struct
def element(group, number, vr, value, pad=b" "):
    value += (b"\0" if vr == b"UI" else pad) * (len(value) % 2)
    head = struct.pack("<HH2s", group, number, vr)
    return head + (struct.pack("<HI", 0, len(value)) if vr in (b"OB", b"OW")
                   else struct.pack("<H", len(value))) + value
def us(n):
    return struct.pack("<H", n)
size = 64
names = {  # character set, name in it, the same as UTF-8 has it
    "none": (None, b"Mueller^Anna", "Mueller^Anna"),
    "latin1": ("ISO_IR 100", "Müller^Änne".encode("latin1"), "Müller^Änne"),
    "latin2": ("ISO_IR 101", "Dvořák^Jiří".encode("iso8859-2"), "Dvořák^Jiří"),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг".encode("iso8859-5"), "Люкceмбypг"),
    "greek": ("ISO_IR 126", "Διονυσιος".encode("iso8859-7"), "Διονυσιος"),
    "arabic": ("ISO_IR 127", "قباني^لنزار".encode("iso8859-6"), "قباني^لنزار"),
    "kana": ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "utf8": ("ISO_IR 192", "Wang^XiaoDong=王^小东=".encode(), "Wang^XiaoDong=王^小东="),
    "gb18030": ("GB18030", "Wang^XiaoDong=王^小东=".encode("gb18030"), "Wang^XiaoDong=王^小东="),
    "gbk": ("GBK", "Wang^XiaoDong=王^小东=".encode("gbk"), "Wang^XiaoDong=王^小东="),
    # PS3.5 H.3.1, H.3.2 and I.2.
    "japanese": ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B="
                 b"\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "japanese13": ("ISO 2022 IR 13\\ISO 2022 IR 87",
                   b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J="
                   b"\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    "korean": ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7="
               b"\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", "Hong^Gildong=洪^吉洞=홍^길동"),
}
def write(name, charset, patient):
    meta = (element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.1.1") +
            element(2, 3, b"UI", b"2.25.1") + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1"))
    data = (element(8, 5, b"CS", charset.encode()) if charset else b"")
    data += (element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.1.1") +
             element(8, 0x18, b"UI", b"2.25.1") + element(8, 0x60, b"CS", b"DX") +
             element(0x10, 0x10, b"PN", patient) + element(0x10, 0x20, b"LO", b"P1") +
             element(0x20, 0xd, b"UI", b"2.25.2") + element(0x20, 0xe, b"UI", b"2.25.3") +
             element(0x28, 2, b"US", us(1)) + element(0x28, 4, b"CS", b"MONOCHROME2") +
             element(0x28, 0x10, b"US", us(size)) + element(0x28, 0x11, b"US", us(size)) +
             element(0x28, 0x100, b"US", us(8)) + element(0x28, 0x101, b"US", us(8)) +
             element(0x28, 0x102, b"US", us(7)) + element(0x28, 0x103, b"US", us(0)) +
             element(0x7fe0, 0x10, b"OB", bytes(range(64)) * 64))
    length = element(2, 0, b"UL", struct.pack("<I", len(meta)))
    open(name, "wb").write(bytes(128) + b"DICM" + length + meta + data)
for name, (charset, patient, text) in names.items():
    write(name + ".dcm", charset, patient)
    open(name + ".txt", "w").write(text + "\n")
EOF
printf 'Edema\nHyperlucency\n' >ascii
printf 'Herzvergrößerung\n心脏增大\n' >other

# The patient's name as UTF-8. Padding and empty groups at the end mean nothing (PS3.5 6.2.1).
name_of() {
    dcmdump -q +U8 +L +P 0010,0010 "$1" | sed -nE 's/.*\[(.*)\].*/\1/p' | sed -E 's/[ =]*$//'
}
raw_name() { dcmdump -q +L +P 0008,0005 +P 0010,0010 "$1"; }

# check MADE NAME: MADE bears the name of NAME.dcm. This dcmdump may not know a set that is copied.
check() {
    local got wanted
    wanted=$(sed -E 's/=*$//' "$2.txt")
    if got=$(name_of "$1" 2>/dev/null) && [ -n "$got" ]; then
        [ "$got" = "$wanted" ] || fail "$2: $1 names \"$got\", not \"$wanted\""
    else
        [ -n "$(raw_name "$1")" ] && [ "$(raw_name "$1")" = "$(raw_name "$2.dcm")" ] ||
            fail "$2: $1 has another name: $(raw_name "$1")"
    fi
}

for labels in $(sanitized || echo ascii) other; do
    expect 0 "$biovl" classify ./*.dcm -l $labels --dicom-sr sr-$labels --dicom-sc sc-$labels
    number=0
    for source in *.dcm; do
        number=$((number + 1))
        made=$(printf '%06d.dcm' $number)
        check "$source" "${source%.dcm}"
        check sr-$labels/"$made" "${source%.dcm}"
        check sc-$labels/"$made" "${source%.dcm}"
        while read -r label; do
            dcmdump -q +U8 +L sr-$labels/"$made" 2>/dev/null | grep -qF "[$label" ||
                dcmdump -q +L sr-$labels/"$made" | grep -qF "[$label" ||
                fail "$source: no label $label in the report"
        done <$labels
    done
done
finish
