#!/bin/bash
# Bad input: a clear message that names the file, the documented exit code, the rest still done.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm
labels=$root/assets/labels/chest.txt
model=$root/assets/models/biovl-cxr-small.safetensors

expect 2 "$biovl"
expect 2 "$biovl" nonsense
expect 2 "$biovl" classify
expect 2 "$biovl" classify "$sample" --labels "$labels" --no-such-option
says 'unknown option'
expect 2 "$biovl" classify "$sample" --labels "$labels" --threads many
expect 2 "$biovl" classify "$sample" --labels "$labels" --device typewriter
expect 2 "$biovl" embed
expect 2 "$biovl" convert

expect 3 "$biovl" classify "$work/none.dcm" --labels "$labels"
says 'none.dcm: No such file'
expect 3 "$biovl" classify "$work" --labels "$labels"
says 'not a regular file'
echo 'this is not an image' >"$work/text.png"
expect 3 "$biovl" classify "$work/text.png" --labels "$labels"
says 'text.png'
: >"$work/empty.png"
expect 3 "$biovl" classify "$work/empty.png" --labels "$labels"
head -c 20000 "$sample" >"$work/cut.dcm"
expect 3 "$biovl" classify "$work/cut.dcm" --labels "$labels"
says 'cut.dcm'
expect 1 "$biovl" classify "$work/cut.dcm" "$sample" --labels "$labels"
prints 'Edema'

: >"$work/none.txt"
expect 3 "$biovl" classify "$sample" --labels "$work/none.txt"
says 'no labels'
printf 'Edema\n\xff\xfe\n' >"$work/latin.txt"
expect 3 "$biovl" classify "$sample" --labels "$work/latin.txt"
says 'line 2 is not UTF-8'
printf 'Edema\nEdema\n' >"$work/twice.txt"
expect 3 "$biovl" classify "$sample" --labels "$work/twice.txt"
says 'twice'
head -c 10000 /dev/zero | tr '\0' 'a' | sed 's/aaaaa/edema /g' >"$work/long.txt"
expect 0 "$biovl" classify "$sample" --labels "$work/long.txt"
says 'cut to the model'
expect 3 "$biovl" classify "$sample" --labels "$work/absent.txt"

head -c 100000 "$model" >"$work/cut.safetensors"
expect 3 "$biovl" classify "$sample" --labels "$labels" --model "$work/cut.safetensors"
says 'cut.safetensors'
expect 3 "$biovl" classify "$sample" --labels "$labels" --model "$work/absent.safetensors"
cp "$model" "$work/changed.safetensors"
printf '\001' | dd of="$work/changed.safetensors" bs=1 seek=5000000 conv=notrunc 2>/dev/null
expect 3 "$biovl" verify "$work/changed.safetensors"
says 'verification failed'
finish
