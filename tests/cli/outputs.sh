#!/bin/bash
# Outputs: only regular files are replaced, never an input, and nothing half-written stays.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm
labels=$root/assets/labels/chest.txt
cd "$work"
expect 0 "$biovl" embed --text a -o plain.npy

# A pipe gets the bytes and stays a pipe.
mkfifo pipe
timeout 200 cat pipe >got & reader=$!
expect 0 "$biovl" embed --text a -o pipe
wait "$reader"
[ -p pipe ] || fail "the pipe was replaced"
cmp -s got plain.npy || fail "the pipe got other bytes"
rm pipe got

# Standard output by its names. (The device's own name is not tried: a program that is wrong would
# replace it.)
ln -s /proc/self/fd/1 standard
for name in - standard; do
    "$biovl" embed --text a -o "$name" 2>err | cat >got || fail "-o $name: $(cat err)"
    cmp -s got plain.npy || fail "-o $name gives other bytes"
done
[ -L standard ] || fail "the link to standard output was replaced"

# A link leads to the file that is replaced, and stays.
: >target
ln -s target link
expect 0 "$biovl" embed --text a -o link
[ -L link ] && cmp -s target plain.npy || fail "the link was replaced"
ln -s nowhere dangling
expect 3 "$biovl" embed --text a -o dangling
says 'dangling: a symbolic link'
expect 3 "$biovl" embed --text a -o "$work"
says 'a folder'

# A model file is read again while it is made: only a regular file will do.
mkdir hf
cp "$root/assets/models/biovl-cxr-small.safetensors" hf/model.safetensors
mkfifo pipe
expect 3 "$biovl" convert hf/model.safetensors -o pipe --system biovl-cxr-small
[ -p pipe ] || fail "the pipe was replaced by a model"

# An output that is an input.
cp "$sample" one.dcm
ln one.dcm same.dcm
before=$(sha256sum <one.dcm)
expect 2 "$biovl" preprocess one.dcm -o one.dcm
says 'also an input'
expect 2 "$biovl" preprocess one.dcm -o same.dcm
expect 2 "$biovl" embed --image one.dcm -o ./one.dcm
expect 2 "$biovl" classify one.dcm -l "$labels" --dicom-sr one.dcm
[ "$before" = "$(sha256sum <one.dcm)" ] || fail "an input was replaced"

# A file size limit, and signals, leave nothing behind.
mkdir limit
(cd limit && ulimit -f 20 && exec "$biovl" preprocess "$sample" -o x.npy) >out 2>err
code=$?
[ "$code" -eq 3 ] || fail "exit code $code past a file size limit: $(cat err)"
grep -q 'File too large' err || fail "no reason: $(cat err)"
[ -z "$(ls limit)" ] || fail "left behind: $(ls limit)"
# Killed at any moment of its work: the output is whole or absent, and nothing else is there.
for delay in 0.02 0.05 0.1 0.15 0.2 0.3; do
    "$biovl" quantize "$root/assets/models/biovl-cxr-small.safetensors" --calibrate "$sample" \
        -o limit/model.safetensors 2>err >out & child=$!
    sleep "$delay"
    kill -TERM "$child"
    wait "$child"
    rm -f limit/model.safetensors
    [ -z "$(ls limit)" ] || fail "left behind after $delay s: $(ls limit)"
done
finish
