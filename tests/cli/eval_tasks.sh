#!/bin/bash
# eval retrieval, grounding and vqa: results that are known by hand.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm

# value KEY.KEY…: a member of the last command's JSON object.
value() { python3 -c 'import functools,json,sys
print(functools.reduce(lambda o, k: o[k], sys.argv[2].split("/"), json.load(open(sys.argv[1]))))' "$work/out" "$1"; }
is() { [ "$(value "$1")" = "$2" ] || fail "$1 is $(value "$1"), not $2"; }

printf 'prediction,answer,type\nYes,yes,CLOSED\nno,yes,closed\nleft lung, Left lung,open\nx,y,OPEN\nz,z,open\n' >"$work/vqa.csv"
expect 0 "$biovl" eval vqa "$work/vqa.csv"
is closed 0.5
is open 0.6666666666666666
is overall 0.6
is n_open 3
tr , '\t' <"$work/vqa.csv" | sed 's/left lung\t Left lung/left lung\tLeft lung/' >"$work/vqa.tsv"
expect 0 "$biovl" eval vqa "$work/vqa.tsv"
is overall 0.6
printf 'prediction,answer\nyes,no\n' >"$work/vqa.csv"
expect 0 "$biovl" eval vqa "$work/vqa.csv"
is closed 0.0
is open NA
printf 'prediction,answer,type\nyes,no,maybe\n' >"$work/vqa.csv"
expect 3 "$biovl" eval vqa "$work/vqa.csv"
says 'line 2: type "maybe"'
printf 'prediction\nyes\n' >"$work/vqa.csv"
expect 2 "$biovl" eval vqa "$work/vqa.csv"
says 'no column "answer"'

# A map of 4×4 with 1 in the box and 0 outside but for one 1: IoU 4/5, means 1 and 1/12.
python3 - "$work" <<'EOF'
import struct, sys
def npy(name, rows):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), len(rows[0]))
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    with open(f"{sys.argv[1]}/{name}", "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        f.write(b"".join(struct.pack("<f", v) for row in rows for v in row))
npy("a.npy", [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
npy("b.npy", [[0, 0], [0, 1]])
EOF
printf 'map,x,y,w,h,category\na.npy,0,0,2,1,edema\na.npy,0,1,2,1,edema\nb.npy,0,0,1,1,mass\n' >"$work/boxes.csv"
expect 0 "$biovl" eval grounding "$work/boxes.csv"
is n 2
is categories/edema/n 1
is categories/edema/mean_iou 0.8
is categories/mass/mean_iou 0.0
is pointing_accuracy 0.5
is categories/edema/pointing_accuracy 1.0
python3 - "$(value categories/edema/cnr_signed)" <<'EOF' || fail "CNR"
import sys
inside, outside, variance = 1, 1 / 12, 1 / 12 - 1 / 144
sys.exit(abs(float(sys.argv[1]) - (inside - outside) / variance ** 0.5) > 1e-12)
EOF
printf 'map,x,y,w,h\nnone.npy,0,0,2,1\n' >"$work/boxes.csv"
expect 3 "$biovl" eval grounding "$work/boxes.csv"
printf 'map,x,y,w,h\na.npy,0,0,-2,1\n' >"$work/boxes.csv"
expect 3 "$biovl" eval grounding "$work/boxes.csv"
says 'line 2: "-2" is no coordinate'

# The same picture four times: every text finds it, ties stand in the order of the rows.
for i in 0 1 2 3; do cp "$sample" "$work/$i.dcm"; done
printf 'path,text,finding\n0.dcm,edema,a\n1.dcm,effusion,b\n2.dcm,effusion,b\n3.dcm,mass,a\nnone.dcm,x,a\n' >"$work/pairs.csv"
expect 0 "$biovl" eval retrieval "$work/pairs.csv" --class-col finding
is n 4
is failed 1
is duplicate_texts 1
is text_to_image/paired/mean_rank 2.5
is text_to_image/paired/median_rank 2.5
is text_to_image/paired/R@1 0.25
is text_to_image/paired/R@2 0.5
is text_to_image/equal_text/median_rank 2.0
is text_to_image/same_class/P@2 0.5
expect 2 "$biovl" eval retrieval "$work/pairs.csv" --text-col report
says 'no column "report"'

# Protocols of these tasks: columns under the data set's names, digests of the file and of its images.
digest() { sort | sha256sum | cut -d" " -f1; }
printf 'img_name,question,answer,answer_type,prediction\nb.png,q,yes,CLOSED,Yes\na.png,q,left,OPEN,right\nb.png,r,no,CLOSED,no\n' >"$work/q.csv"
for protocol in vqa-rad slake; do
    expect 0 "$biovl" eval vqa "$work/q.csv" --protocol $protocol -o "$work/$protocol"
    is metric/value 0.6666666666666666
    is data/sha256 "$(sha256sum <"$work/q.csv" | cut -d" " -f1)"
    is list_sha256 "$(printf 'b.png\na.png\nb.png\n' | digest)"
    is protocol $protocol
done
sed 's/^path,text,/image_path,report,/' "$work/pairs.csv" >"$work/reports.csv"
expect 0 "$biovl" eval retrieval "$work/reports.csv" --protocol mimic-retrieval -o "$work/retrieved"
is metric/value 0.25
is list_sha256 "$(printf '%s.dcm\n' 0 1 2 3 | digest)"
is data/sha256 "$(sha256sum <"$work/reports.csv" | cut -d" " -f1)"
expect 2 "$biovl" eval retrieval "$work/q.csv" --protocol mimic-retrieval -o "$work/refused"
says 'needs a column of the path: path or image_path or image; there are img_name, question'
expect 2 "$biovl" eval retrieval "$work/pairs.csv" --protocol vqa-rad -o "$work/refused"
finish
