#!/bin/bash
# Frames of multi-frame objects: chosen, each an image of its own, in an index and out of it, and from
# the network.
. "$(dirname "$0")/lib.sh"
cd "$work" || exit 1

# Two frames, a disc on the right in one and on the left in the other.
python3 - <<'EOF'
import struct
def element(group, number, vr, value):
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", group, number, vr)
    return head + (struct.pack("<HI", 0, len(value)) if vr in (b"OB", b"OW")
                   else struct.pack("<H", len(value))) + value
def us(n):
    return struct.pack("<H", n)
size = 64
frames = [bytes((x - cx) ** 2 + (y - 32) ** 2 < 200 and 220 or x + y for y in range(size)
                for x in range(size)) for cx in (20, 44)]
def write(name, frames):
    meta = (element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.7.2") +
            element(2, 3, b"UI", b"2.25.1") + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1"))
    data = (element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.7.2") +
            element(8, 0x18, b"UI", b"2.25.1") + element(8, 0x60, b"CS", b"DX") +
            element(0x28, 2, b"US", us(1)) + element(0x28, 4, b"CS", b"MONOCHROME2") +
            element(0x28, 8, b"IS", b"%d" % len(frames)) + element(0x28, 0x10, b"US", us(size)) +
            element(0x28, 0x11, b"US", us(size)) + element(0x28, 0x100, b"US", us(8)) +
            element(0x28, 0x101, b"US", us(8)) + element(0x28, 0x102, b"US", us(7)) +
            element(0x28, 0x103, b"US", us(0)) + element(0x7fe0, 0x10, b"OB", b"".join(frames)))
    length = element(2, 0, b"UL", struct.pack("<I", len(meta)))
    open(name, "wb").write(bytes(128) + b"DICM" + length + meta + data)
write("both.dcm", frames)
write("first.dcm", frames[:1])
write("second.dcm", frames[1:])
EOF
printf 'Edema\nPneumonia\n' >labels
scores() { tail -n +2 out | cut -d, -f2-; }
expect 0 "$biovl" classify first.dcm second.dcm -l labels --csv
scores >wanted
[ "$(head -2 wanted)" != "$(tail -2 wanted)" ] || fail "the frames score alike"
expect 3 "$biovl" classify both.dcm -l labels --csv
says '2 frames, and none of them was chosen'
expect 0 "$biovl" classify both.dcm -l labels --csv --frames all
[ "$(scores)" = "$(cat wanted)" ] || fail "--frames all gives other scores"
grep -q '^both.dcm#2,' out || fail "a frame without its number"
expect 0 "$biovl" classify both.dcm -l labels --csv --frame 2
[ "$(scores)" = "$(tail -2 wanted)" ] || fail "--frame 2 gives other scores"
for frame in 0 -1 x 1x ''; do
    expect 2 "$biovl" classify both.dcm -l labels --frame "$frame"
done
expect 2 "$biovl" classify both.dcm -l labels --frame 3
expect 2 "$biovl" classify both.dcm -l labels --frame 1 --dicom-sr sr.dcm

# A path that names a frame is that frame, whatever the option says.
for chosen in '' '--frame 1' '--frame 2' '--frames all'; do
    expect 0 "$biovl" classify both.dcm#2 -l labels --csv $chosen
    [ "$(scores)" = "$(tail -2 wanted)" ] || fail "both.dcm#2 $chosen is another frame"
    [ "$(tail -n +2 out | cut -d, -f1 | sort -u)" = both.dcm#2 ] || fail "both.dcm#2 $chosen: named $(cat out)"
done
expect 2 "$biovl" classify both.dcm#3 -l labels
says 'frame 3 of a file with 2'

expect 0 "$biovl" embed --image first.dcm second.dcm
mv out wanted
expect 0 "$biovl" embed --image both.dcm --frames all
cmp -s out wanted || fail "--frames all gives other embeddings"
expect 0 "$biovl" preprocess second.dcm -o wanted.npy
expect 0 "$biovl" preprocess both.dcm --frame 2 -o two.npy
cmp -s two.npy wanted.npy || fail "--frame 2 gives other pixels"
expect 2 "$biovl" preprocess both.dcm --frames all -o all.npy
[ ! -e all.npy ] || fail "wrote one of two frames"

# A path names a frame; an evaluation and an index take one, or each as an item of its own.
printf 'path,Edema,Pneumonia\nfirst.dcm,1,0\nsecond.dcm,0,1\nboth.dcm#1,1,0\nboth.dcm#2,0,1\n' >t.csv
expect 0 "$biovl" eval t.csv -l labels -o named --no-bootstrap -q
values() { sed 's/^[^,]*,//' "$1/predictions.csv" | tail -n +2; }
[ "$(values named | head -2)" = "$(values named | tail -2)" ] || fail "FILE#N has other scores"
printf 'path,Edema,Pneumonia\nboth.dcm,1,0\nfirst.dcm,0,1\n' >t.csv
expect 0 "$biovl" eval t.csv -l labels -o all --no-bootstrap -q --frames all
grep -q 'both.dcm#2,' all/predictions.csv || fail "a row without its frame"
[ "$(wc -l <all/predictions.csv)" -eq 4 ] || fail "not three rows of two frames and one"
expect 0 "$biovl" eval merge all
printf 'path,Edema,Pneumonia\nboth.dcm,0,1\nboth.dcm#1,1,0\n' >t.csv
expect 0 "$biovl" eval t.csv -l labels -o second --no-bootstrap -q --frame 2
expect 2 "$biovl" eval t.csv -l labels -o wrong -q --frame 0

expect 0 "$biovl" index create cine.index --keep-identifiers
expect 1 "$biovl" index add cine.index both.dcm
says '2 frames, and none of them was chosen'
expect 0 "$biovl" index add cine.index both.dcm --frames all --keep-paths
prints '"images":2'
expect 0 "$biovl" index add cine.index both.dcm --frame 2
prints '"skipped":1'
expect 0 "$biovl" search cine.index -i both.dcm --frame 2 -k 1 --csv
prints '^1,2.25.1#2,(1|0\.9999)'
expect 0 "$biovl" search cine.index -i 'both.dcm#1' -k 1 --csv
prints '^1,2.25.1#1,(1|0\.9999)'
# New metadata for what an index holds.
printf 'id,site,view\n2.25.1#1,north,\n2.25.1#2,south,LL\n2.25.9,east,PA\n' >t.csv
expect 1 "$biovl" index update cine.index t.csv --metadata site view
prints '"updated":2,"unchanged":0,"unknown":1'
expect 1 "$biovl" index update cine.index t.csv --metadata site
prints '"updated":0,"unchanged":2,"unknown":1'
expect 0 "$biovl" search cine.index -t edema --where site=south --csv
[ "$(tail -n +2 out | cut -d, -f2)" = '2.25.1#2' ] || fail "not by the new field: $(cat out)"
expect 0 "$biovl" index verify cine.index
expect 2 "$biovl" index update cine.index t.csv --metadata nothing
says 'no column "nothing"'
printf 'id,frame\n2.25.1#1,2\n' >t.csv
expect 2 "$biovl" index update cine.index t.csv --metadata frame
says '"frame" says which frame an image is'

# An object leaves with its frames, by its own name, and they stay out; one frame leaves alone.
expect 0 "$biovl" index remove cine.index --item 2.25.1
prints '"images":2,.*"unknown":0'
expect 0 "$biovl" index add cine.index both.dcm --frames all
prints '"images":0,.*"skipped":2'
expect 0 "$biovl" index add cine.index both.dcm --frame 2
prints '"images":0,.*"skipped":1'
expect 0 "$biovl" index remove cine.index --item 2.25.1
prints '"images":0,.*"unknown":1'
expect 0 "$biovl" index remove cine.index --item 2.25.1 --readmit
expect 0 "$biovl" index add cine.index both.dcm --frames all
prints '"images":2'
expect 0 "$biovl" index remove cine.index --item '2.25.1#2'
prints '"images":1'
expect 0 "$biovl" index add cine.index both.dcm --frames all
prints '"images":0,.*"skipped":2'
for key in '' --keep-identifiers; do
    rm -f hashed.index*
    expect 0 "$biovl" index create hashed.index $key
    expect 0 "$biovl" index add hashed.index first.dcm both.dcm --frames all
    # first.dcm has the same identifier and one frame, which is all of it.
    [ "$(grep -c '"images":[12],' out)" -eq 2 ] || fail "not three images: $(cat out)"
    expect 0 "$biovl" index remove hashed.index --item 2.25.1
    prints '"images":3'
    expect 0 "$biovl" index verify hashed.index
    # Nor does another index bring them back.
    rm -f other.index*
    expect 0 "$biovl" index create other.index $key --key hashed.index.key
    expect 0 "$biovl" index add other.index both.dcm --frames all --key hashed.index.key
    expect 0 "$biovl" index merge hashed.index other.index
    expect 0 "$biovl" index info hashed.index
    prints '"images":0,'
    expect 0 "$biovl" index remove hashed.index --item 2.25.1 --readmit
    expect 0 "$biovl" index merge hashed.index other.index
    expect 0 "$biovl" index info hashed.index
    prints '"images":2,'
done

# A header may name frames that are not there, or too many.
for n in 65 65536 65537 2000000000; do
    python3 - $n <<'PY'
import struct, sys
data = open("both.dcm", "rb").read()
at = data.index(struct.pack("<HH2s", 0x28, 8, b"IS"))
value = sys.argv[1].encode()
value += b" " * (len(value) % 2)
open("many.dcm", "wb").write(data[:at + 6] + struct.pack("<H", len(value)) + value + data[at + 10:])
PY
    rm -f many.index*
    expect 0 "$biovl" index create many.index
    expect 1 "$biovl" index add many.index many.dcm --frames all
    prints '"images":0,.*"failed":1?[0-9]}?'
    [ "$(wc -l <err)" -lt 30 ] || fail "a message for each of $n frames: $(wc -l <err)"
done

for verb in match ask segment; do
    expect 0 "$biovl" $verb --help
    prints '--frame'
done
expect 2 "$biovl" segment both.dcm --text-features f.npz -o m.png --frames all
says 'one frame'

# Over the network: refused unless frames are chosen, and then held and scored like others.
port=$((12000 + $$ * 8 % 20000))
listen_to() {
    "$biovl" pacs listen "$1" --port $port --events events "${@:2}" >listen.out 2>listen.err &
    listener=$!
    for _ in $(seq 600); do
        grep -q listening events 2>/dev/null && return
        sleep 0.1
    done
    fail "no receiver: $(cat listen.err)"
}
stop() {
    kill $listener
    wait $listener || fail "the receiver did not end well: $(cat listen.err)"
    rm -f events
}
trap 'kill $listener 2>/dev/null; rm -rf "$work"' EXIT
expect 0 "$biovl" index create sent.index --keep-identifiers
listen_to sent.index
expect 3 "$biovl" pacs send dicom://BIOVL@127.0.0.1:$port both.dcm
says 'status c000' # not 0111: there is no other object
grep -q 'none of them was chosen' listen.err || fail "no reason: $(cat listen.err)"
stop
listen_to sent.index --frames all
for _ in 1 2; do
    expect 0 "$biovl" pacs send dicom://BIOVL@127.0.0.1:$port both.dcm
done
expect 3 "$biovl" pacs send dicom://BIOVL@127.0.0.1:$port many.dcm
says 'status c000'
stop
grep -q '"images":2,.*"skipped":2,' listen.out || fail "not two frames once: $(cat listen.out)"
expect 0 "$biovl" search sent.index -i 'both.dcm#2' -k 1 --csv
prints '^1,2.25.1#2,(1|0\.9999)'
expect 2 "$biovl" pacs listen sent.index --port $port --frame 0
finish
