#!/bin/bash
# 100,000 rows of small images: the memory of a run does not grow with them, and a run killed half
# way goes on. Also BIOVL_SCALE_ROWS rows.
. "$(dirname "$0")/lib.sh"
rows=${BIOVL_SCALE_ROWS:-100000}
limit_kib=$((300 * 1024)) # beside the weights; 100,000 rows took 90 MiB, the 8 MB of weights included
command -v python3 >/dev/null || { echo "skipped: no python3 to write the images"; exit 77; }

# As many paths as rows: links to 64 images of 48×48 pixels.
python3 - "$work" "$rows" <<'EOF'
import os, random, struct, sys, zlib
folder, rows = sys.argv[1], int(sys.argv[2])
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
random.seed(1)
os.makedirs(folder + "/images")
for i in range(64):
    raw = b"".join(b"\0" + bytes(random.randrange(256) for _ in range(48)) for _ in range(48))
    with open(f"{folder}/images/{i}.png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 48, 8, 0, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
with open(folder + "/data.csv", "w") as f:
    f.write("path,patient_id,Edema,Pneumonia\n")
    for i in range(rows):
        if i % 1000 == 0:
            os.makedirs(f"{folder}/images/{i // 1000:03d}")
        name = f"images/{i // 1000:03d}/{i % 1000:03d}.png"
        os.link(f"{folder}/images/{i % 64}.png", f"{folder}/{name}")
        f.write(f"{name},p{i // 3},{random.randrange(2)},{random.randrange(2)}\n")
EOF
printf 'Edema\nPneumonia\n' >"$work/labels.txt"
run() { exec "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" -o "$work/out" --resume --bootstrap 100; }

run 2>"$work/err" &
pid=$!
for _ in $(seq 3000); do
    [ "$({ wc -l <"$work/out/journal.tsv" || echo 0; } 2>/dev/null)" -gt $((rows / 3)) ] && break
    sleep 0.2
done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
python3 - "$biovl" "$work" $limit_kib <<'EOF' || fail "the resumed run"
import resource, subprocess, sys, time
biovl, work, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
began = time.time()
code = subprocess.call([biovl, "eval", work + "/data.csv", "--labels", work + "/labels.txt", "-o",
                        work + "/out", "--resume", "--bootstrap", "100"])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f"exit code {code}, peak {peak / 1024:.0f} MiB, {time.time() - began:.0f} s")
sys.exit(code != 0 or peak > limit)
EOF
[ "$(wc -l <"$work/out/predictions.csv")" -eq $((rows + 1)) ] || fail "rows of predictions"
grep -q "\"evaluated\": $rows," "$work/out/metrics.json" || fail "rows evaluated"
finish
