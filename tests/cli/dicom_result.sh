#!/bin/bash
# What goes back: a TID 1500 report and a Secondary Capture that dciodvfy finds no error in, that a
# real archive stores and returns to the byte, in the study they came from.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/archive.sh"
command -v dciodvfy >/dev/null && command -v dsrdump >/dev/null ||
    { echo "skipped: dciodvfy (package dicom3tools) is not installed"; exit 77; }
cd "$work" || exit 1
url=dicomweb://127.0.0.1:$http_port/dicom-web
start_orthanc
make_image a.dcm 1
printf 'Pleural effusion\nRib notching = notched ribs\n' >labels
expect 0 "$biovl" classify a.dcm --labels labels --dicom-sr sr.dcm --json
score=$(sed -E 's/.*"Pleural effusion","score":([0-9.]{6}).*/\1/' out)
cp out first
expect 0 "$biovl" classify a.dcm --labels labels --dicom-sr again.dcm
expect 0 "$biovl" classify a.dcm a.dcm --labels labels --dicom-sr several
[ -s several/000002.dcm ] || fail "no report for the second image"
expect 1 "$biovl" classify a.dcm "$root/README.md" --labels labels --dicom-sr mixed
expect 2 "$biovl" pacs capture a.dcm
expect 0 "$biovl" index create i.biovl
expect 0 "$biovl" index add i.biovl a.dcm
expect 0 "$biovl" search i.biovl --image a.dcm --sheet picture.png
expect 0 "$biovl" pacs capture a.dcm picture.png sc.dcm 'Contact sheet'

for file in sr.dcm sc.dcm; do
    dciodvfy $file >verdict 2>&1
    grep -q '^Error' verdict && fail "dciodvfy of $file: $(grep '^Error' verdict | head -3)"
    grep -qE '^(Comprehensive3DSR|SCImage)' verdict || fail "dciodvfy did not know $file"
done
dsrdump sr.dcm >tree 2>&1
for text in '60046008,SCT,"Pleural effusion"' '99BIOVL,"Rib notching"' "=\"$score" \
    'Model score, pair_softmax' 'Research only; not for'; do
    grep -qF -- "$text" tree || fail "no $text in the report"
done
uid() { dcmdump +P "$2" "$1" | sed -E 's/.*\[(.*)\].*/\1/' | head -1; }
[ "$(uid sr.dcm 0020,000d)" = 1.2.276.0.9999.1.1 ] || fail "the report is of another study"
[ "$(uid sc.dcm 0020,000d)" = 1.2.276.0.9999.1.1 ] || fail "the capture is of another study"
[ "$(uid sr.dcm 0008,0018)" = "$(uid again.dcm 0008,0018)" ] || fail "the same scores, another UID"

expect 0 "$biovl" pacs send $url a.dcm sr.dcm sc.dcm --auth-file auth
expect 0 "$biovl" pacs find $url --auth-file auth
prints '"study":"1.2.276.0.9999.1.1","instances":3'
for file in sr.dcm sc.dcm; do
    id=$(curl -s -u lab:labpw -d "$(uid $file 0008,0018)" "$rest/tools/lookup" |
        sed -nE 's/.*"ID" : "([0-9a-f-]+)".*/\1/p')
    curl -s -u lab:labpw -o back.dcm "$rest/instances/$id/file"
    # Orthanc writes a file meta header of its own; the data set is the same.
    dcmdump +L back.dcm | sed '1,/Dicom-Data-Set/d' >back.txt
    dcmdump +L $file | sed '1,/Dicom-Data-Set/d' >sent.txt
    [ -s sent.txt ] && cmp -s back.txt sent.txt || fail "$file came back changed"
done
finish
