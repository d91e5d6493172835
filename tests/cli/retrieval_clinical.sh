#!/bin/bash
# eval retrieval --clinical: the nearest report of another patient, against a reference in Python.
# Skipped where the conformance data is absent.
. "$(dirname "$0")/lib.sh"
data=${BIOVL_CONFORMANCE:-$root/../shared/conformance}
golden=$data/chexbert
[ -r "$golden/golden_small.json" ] || { echo "skipped: no $golden/golden_small.json"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
cd "$work"
# Images of noise of several grains, reports without line breaks, some patients with two.
python3 - "$golden" >settings <<'E2'
import csv, json, random, struct, sys, zlib
meta = json.load(open(sys.argv[1] + "/golden_small.json"))["meta"]
texts = [t for t in meta["texts"] if len(t.splitlines()) == 1 and len(t) < 400 and t.strip()][:10]
draw = random.Random(5)
def png(path, grain):
    size = 64
    cells = [[draw.randrange(256) for _ in range(size)] for _ in range(size)]
    rows = b"".join(b"\0" + bytes(cells[y // grain][x // grain] for x in range(size)) for y in range(size))
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0))
                           + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
with open("pairs.csv", "w", newline="", encoding="utf-8") as f, open("lines", "w", encoding="utf-8") as lines:
    rows = csv.writer(f)
    rows.writerow(["path", "text", "patient_id"])
    for i, text in enumerate(texts):
        png("%d.png" % i, 1 << i % 6)
        rows.writerow(["%d.png" % i, text, "p%d" % (i // 2) if i < 8 else ""])
        lines.write(text + "\n")
assert len(texts) >= 6
print(meta["checkpoint"], meta["vocab"], meta["bert_config"]["num_attention_heads"], len(texts))
E2
read -r checkpoint vocabulary heads n <settings
expect 0 "$biovl" convert "$golden/$checkpoint" -o m.st --vocab "$data/$vocabulary" --set text.heads="$heads"
expect 0 "$biovl" embed --image $(seq -f %g.png 0 $((n - 1))) && cp out images
expect 0 "$biovl" embed --text-file lines && cp out texts
expect 0 "$biovl" embed --text-file lines -m m.st --raw && cp out cls
expect 0 "$biovl" label --text-file lines -m m.st --no-text && cp out labels.csv
expect 0 "$biovl" eval retrieval pairs.csv --clinical m.st -o found && cp out ours
expect 0 python3 "$here/retrieval_clinical.py" pairs.csv images texts cls labels.csv ours found/retrieved.csv

# Without patients only the image's own report is left out, and the note does not say more.
python3 -c 'import csv,sys
rows=list(csv.reader(open("pairs.csv",newline="")))
csv.writer(open("rows.csv","w",newline="")).writerows(r[:2] for r in rows)'
expect 0 "$biovl" eval retrieval rows.csv --clinical m.st
prints '"left_out": ?"row"'
prints '"note": ?"report of another row"'
# One patient alone has no report of another.
python3 -c 'import csv
rows=list(csv.reader(open("pairs.csv",newline="")))
csv.writer(open("one.csv","w",newline="")).writerows([rows[0]]+[r[:2]+["p"] for r in rows[1:4]])'
expect 0 "$biovl" eval retrieval one.csv --clinical m.st -o one
prints '"without_candidate": ?3'
prints '"f1_chexbert": ?"NA"'
prints '"semb_score": ?"NA"'
expect 2 "$biovl" eval retrieval pairs.csv --clinical m.st --patient-col who
says 'no column "who"'
expect 3 "$biovl" eval retrieval pairs.csv --clinical "$root/assets/models/biovl-cxr-small.safetensors"
says 'no trained head'
expect 2 "$biovl" eval vqa pairs.csv --clinical m.st
# The reports found are written beside what a protocol says, too; a folder that stays empty is refused.
expect 0 "$biovl" eval retrieval pairs.csv --clinical m.st --protocol mimic-retrieval -o both
cmp both/retrieved.csv found/retrieved.csv || fail "no reports found beside the protocol"
[ -s both/protocol.json ] || fail "no protocol: $(ls both)"
expect 2 "$biovl" eval retrieval pairs.csv -o empty
finish
