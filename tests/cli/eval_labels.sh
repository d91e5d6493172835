#!/bin/bash
# Labels of an evaluation that cannot be found or computed are told of before the work, and an
# evaluation of none is no success.
. "$(dirname "$0")/lib.sh"
cd "$work"
for i in 1 2 3 4; do cp "$root/assets/sample/cxr.dcm" $i.dcm; done
printf 'Edema\nPleural Effusion\n' >labels

# run CODE OPTION…: data.csv in a folder of its own.
run() {
    local code=$1
    shift
    rm -rf results
    expect "$code" "$biovl" eval data.csv -l labels -o results --no-bootstrap "$@"
}

# A blank after each comma.
printf 'path, Edema, Pleural Effusion\n1.dcm, 1, 0\n2.dcm, 0, 1\n3.dcm, 0, 0\n4.dcm, 1, 1\n' >data.csv
run 0
grep -q '"positives": 2' results/metrics.json || fail "labels with blanks were not found"

# Lists as PadChest and spreadsheets write them.
printf 'path,found\n1.dcm,"['"'edema', 'mass'"']"\n2.dcm,"['"'pleural effusion'"']"\n3.dcm,[]\n' >data.csv
run 0 --list-col found
says "lists findings as \['a', 'b'\]"
grep -q '"positives": 1' results/metrics.json || fail "listed labels were not found"
printf 'path,found\n1.dcm,"edema, mass"\n2.dcm,"mass, Pleural_Effusion"\n3.dcm,\n' >data.csv
run 0 --list-col found
says 'lists findings as a, b'

# Some labels have no metric: said, and the others are computed.
printf 'path,Edema\n1.dcm,1\n2.dcm,0\n' >data.csv
run 0
says 'no column for label "Pleural Effusion"'
printf 'path,Edema,Pleural Effusion\n1.dcm,1,0\n2.dcm,0,0\n' >data.csv
run 0
says 'no positive row for label "Pleural Effusion"'

# No label has one.
printf 'path,other\n1.dcm,1\n2.dcm,0\n' >data.csv
run 3
says 'no column for label "Edema"'
says 'no metric could be computed'
[ -s results/predictions.csv ] || fail "the predictions are missing"
printf 'path,found\n1.dcm,normal\n2.dcm,nodule\n' >data.csv
run 3 --list-col found
says 'no positive row for label "Edema"'

# So says the merger of shards, not a shard.
printf 'path,other\n1.dcm,1\n2.dcm,0\n' >data.csv
run 0 --shard 0/2
expect 0 "$biovl" eval data.csv -l labels -o results --no-bootstrap --shard 1/2
expect 3 "$biovl" eval merge results --no-bootstrap
says 'no metric could be computed'
finish
