#!/bin/bash
# Embeddings of prompts are kept on disk: a second run reads none of the text encoder. What is kept
# is private, bounded, and of no use to anyone who changes it.
. "$(dirname "$0")/lib.sh"
unset BIOVL_NO_CACHE
sample=$root/assets/sample/cxr.dcm
labels=$root/assets/labels/chest.txt
model=$work/model.safetensors
export XDG_CACHE_HOME=$work/cache
kept=$XDG_CACHE_HOME/biovl/prompts
cp "$(dirname "$biovl")/../share/biovl/models/"*.safetensors "$model" 2>/dev/null ||
    cp "$root"/assets/models/*.safetensors "$model"

# scores [OPTION…]: of the sample, to $work/out.
scores() { expect 0 "$biovl" classify "$sample" --labels "$labels" --model "$model" --json "$@"; }

# poison FILE BYTE: every byte of the text encoder's tensors, the file's time as it was. All bits
# set are no numbers.
poison() {
    python3 - "$1" "$2" <<'EOF'
import json, os, struct, sys
path, byte = sys.argv[1], int(sys.argv[2])
st = os.stat(path)
with open(path, "r+b") as f:
    n = struct.unpack("<Q", f.read(8))[0]
    count = 0
    for name, tensor in json.loads(f.read(n)).items():
        if name.startswith("text."):
            a, b = tensor["data_offsets"]
            f.seek(8 + n + a)
            f.write(bytes([byte]) * (b - a))
            count += 1
os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
sys.exit(count == 0)
EOF
}

scores
cp "$work/out" "$work/first"
[ "$(find "$kept" -type f | wc -l)" -eq 1 ] || fail "not one file kept: $(ls -la "$kept")"
file=$(find "$kept" -type f)
[ "$(stat -c %a "$file")" = 600 ] || fail "others may read $(stat -c %a "$file")"
[ "$(stat -c %a "$kept")" = 700 ] || fail "others may look into the folder"
! grep -q effusion "$file" || fail "labels are kept in plain words"

# The second run reads none of the text encoder: it may as well not be there.
cp -p "$model" "$work/whole.safetensors"
poison "$model" 255 || fail "no tensors of a text encoder"
scores
cmp -s "$work/first" "$work/out" || fail "scores of a second run differ"

# Without what was kept, or with other labels, it is read.
for options in --no-cache; do
    "$biovl" classify "$sample" --labels "$labels" --model "$model" --json "$options" >"$work/out" 2>/dev/null
    ! cmp -s "$work/first" "$work/out" || fail "$options took what was kept"
done
BIOVL_NO_CACHE=1 "$biovl" classify "$sample" --labels "$labels" --model "$model" --json >"$work/out" 2>/dev/null
! cmp -s "$work/first" "$work/out" || fail "BIOVL_NO_CACHE=1 took what was kept"

# A file of another time is another model; so is another precision.
cp -p "$work/whole.safetensors" "$model"
scores
cmp -s "$work/first" "$work/out" || fail "scores of a third run differ"
touch -d 2001-01-01 "$model"
scores
[ "$(find "$kept" -type f | wc -l)" -eq 2 ] || fail "a file of another time is the same model"
cp -p "$work/whole.safetensors" "$model"

# What is damaged, of another size, a link, a pipe or open to others is made anew.
original=$work/original
cp "$file" "$original"
for damage in byte end short empty link pipe group; do
    rm -f "$file"
    case $damage in
    byte) python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); d[200] ^= 1; open(sys.argv[2], "wb").write(d)' "$original" "$file" ;;
    end) (cat "$original" && echo) >"$file" ;;
    short) head -c 100 "$original" >"$file" ;;
    empty) : >"$file" ;;
    link) ln -s "$original" "$file" ;;
    pipe) mkfifo "$file" ;;
    group) cp "$original" "$file" && chmod 660 "$file" ;;
    esac
    scores
    cmp -s "$work/first" "$work/out" || fail "$damage: scores differ"
done
[ -f "$original" ] && cmp -s "$original" "$file" || fail "what was damaged was not made anew"
[ "$(stat -c %a "$file")" = 600 ] || fail "a new file others may read"

# Folders that are not ours to keep things in: others may write there, no folder, no home. Nothing is
# written then, and scores are as ever.
chmod 777 "$kept"
rm "$file"
scores
cmp -s "$work/first" "$work/out" || fail "scores differ without a folder"
[ -e "$file" ] && fail "kept where others may write"
chmod 700 "$kept"
XDG_CACHE_HOME=$sample scores
(
    unset XDG_CACHE_HOME HOME
    cd "$work" && mkdir empty && cd empty
    "$biovl" classify "$sample" --labels "$labels" --model "$model" --json >"$work/out" 2>"$work/err"
    [ -z "$(find . -mindepth 1)" ] || exit 1
) || fail "without a home something was written"
cmp -s "$work/first" "$work/out" || fail "scores differ without a home"

# No more than 256 files, the oldest gone first.
for i in $(seq 300); do
    : >"$kept/other$i"
done
touch -d 2001-01-01 "$kept"/other*
scores
[ "$(find "$kept" -type f | wc -l)" -le 256 ] || fail "more than 256 files"
[ -e "$file" ] || fail "the newest is gone"
finish
