#!/bin/bash
# A radiograph that names a patient: no byte of output or message repeats it.
. "$(dirname "$0")/lib.sh"
command -v dcmodify >/dev/null || { echo "skipped: dcmodify (package dcmtk) is not installed"; exit 77; }
labels=$root/assets/labels/chest.txt
cp "$root/assets/sample/cxr.dcm" "$work/a.dcm"
dcmodify -nb -i '(0010,0010)=SENTINEL^JANE' -i '(0010,0020)=MRN0815' -i '(0010,0030)=19551105' \
    -i '(0008,0050)=ACC4711' -i '(0008,0090)=REFERRER^JOHN' "$work/a.dcm" || fail "dcmodify"
head -c 30000 "$work/a.dcm" >"$work/cut.dcm"
for format in '' --json --csv; do
    expect 0 "$biovl" classify "$work/a.dcm" --labels "$labels" $format
    cat "$work/out" "$work/err" >>"$work/all"
done
expect 3 "$biovl" classify "$work/cut.dcm" --labels "$labels" --json
cat "$work/out" "$work/err" >>"$work/all"
expect 0 "$biovl" preprocess "$work/a.dcm" -o "$work/pixels.npy"
cat "$work/out" "$work/err" "$work/pixels.npy" >>"$work/all"
grep -qaE 'SENTINEL|MRN0815|19551105|ACC4711|REFERRER' "$work/all" && fail "patient data in the output"
finish
