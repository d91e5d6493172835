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

# A picture of the scores; with a heat map where the model has local maps.
expect 0 "$biovl" classify a.dcm --labels labels --dicom-sc scores.dcm
objects='sr.dcm sc.dcm scores.dcm'
checkpoint=${BIOVL_CONFORMANCE:-$root/../shared/conformance}/biovil/small-BiomedVLP-CXR-BERT-specialized
if [ -d "$checkpoint" ]; then
    expect 0 "$biovl" convert "$checkpoint" -o biovil.safetensors
    expect 0 "$biovl" classify a.dcm --labels labels --dicom-sc heat.dcm -m biovil.safetensors
    dcmdump -q +W . +P 7fe0,0010 scores.dcm >/dev/null && mv scores.dcm.0.raw scores.raw
    dcmdump -q +W . +P 7fe0,0010 heat.dcm >/dev/null && mv heat.dcm.0.raw heat.raw
    colours() { od -An -v -tu1 -w3 "$1" | awk '$1 > $3 + 40' | wc -l; }
    # Amber writing alone (424 pixels were counted), and heat over most of the radiograph (239,358).
    [ "$(colours scores.raw)" -lt 5000 ] || fail "colours without a heat map"
    [ "$(colours heat.raw)" -gt 50000 ] || fail "no heat map: $(colours heat.raw) coloured pixels"
    objects="$objects heat.dcm"
fi

# Heat maps: a region for each text, all of the image where there is nothing, and its pixels.
expect 0 "$biovl" explain a.dcm --text 'Pleural effusion' edema --method eigencam --boxes \
    --dicom-sr regions.dcm --dicom-seg masks.dcm --dicom-sc map.dcm
box=$(sed -nE 's/^    box x ([0-9]+) y ([0-9]+) width ([0-9]+) height ([0-9]+) .*/\1 \2 \3 \4/p' out | head -1)
read -r x y w h <<<"$box"
[ -n "$h" ] || fail "no box"
expect 0 "$biovl" explain a.dcm --text 'Pleural effusion' edema --method eigencam --dicom-sr same.dcm
objects="$objects regions.dcm masks.dcm map-1.dcm"
dsrdump +Pl regions.dcm >tree 2>&1
[ "$(grep -c 'Image Region' tree)" = 2 ] || fail "no region for each text"
grep -qE "POLYLINE,$x(\.[0-9]+)?/$y(\.[0-9]+)?,$((x + w))(\.[0-9]+)?/" tree || fail "$box: another region: $(grep POLYLINE tree)"
dsrdump +Pl sr.dcm 2>&1 | grep -qE 'POLYLINE,0/0,' || fail "scores without a region"
dcmdump -q +P 0028,0008 +P 0062,0005 masks.dcm >segments
grep -q '\[2\]' segments && grep -q 'Pleural effusion' segments || fail "segments: $(cat segments)"
# As many pixels as the boxes cover, or fewer: those of the cells.
dcmdump -q +W . +P 7fe0,0010 masks.dcm >/dev/null
marked=$(od -An -v -tu1 masks.dcm.0.raw | awk '{ for (i = 1; i <= NF; i++) for (v = $i; v > 0; v = int(v / 2)) n += v % 2 } END { print n / 2 }')
[ "$marked" -ge $((w * h / 2)) ] || fail "$marked pixels are marked, of a box of $w x $h"
expect 3 "$biovl" explain "$root/docs/images/explain.png" --text edema --method gradcam --dicom-seg none.dcm
[ ! -e none.dcm ] || fail "a segmentation of no object"
expect 2 "$biovl" explain a.dcm --text edema --dicom-sr a.dcm
expect 2 "$biovl" explain a.dcm --text edema --dicom-sr x.dcm --dicom-seg x.dcm

# What reads them in Python, where it is installed: regions and segments as highdicom finds them.
if python3 -c 'import highdicom' 2>/dev/null; then
    python3 - >seen 2>&1 <<'EOF' || fail "highdicom: $(tail -3 seen)"
import highdicom, pydicom
groups = highdicom.sr.srread("regions.dcm").content.get_planar_roi_measurement_groups()
assert len(groups) == 2 and groups[0].tracking_identifier == "Pleural effusion"
(x0, y0), (x1, _) = groups[0].roi.value[0], groups[0].roi.value[1]
seg = highdicom.seg.segread("masks.dcm")
assert seg.number_of_segments == 2
source = pydicom.dcmread("a.dcm").SOPInstanceUID
pixels = seg.get_pixels_by_source_instance([source], segment_numbers=[1])[0, :, :, 0]
assert pixels[int(y0) + 1, int(x0):int(x1)].any() and not pixels[:int(y0), int(x0):int(x1)].all()
EOF
fi

for file in $objects; do
    dciodvfy $file >verdict 2>&1
    grep -q '^Error' verdict && fail "dciodvfy of $file: $(grep '^Error' verdict | head -3)"
    grep -qE '^(Comprehensive3DSR|SCImage|Segmentation)' verdict || fail "dciodvfy did not know $file"
done
dsrdump sr.dcm >tree 2>&1
for text in '60046008,SCT,"Pleural effusion"' '99BIOVL,"Rib notching"' "=\"$score" \
    'Model score, pair_softmax' 'Research only; not for'; do
    grep -qF -- "$text" tree || fail "no $text in the report"
done
uid() { dcmdump +P "$2" "$1" | sed -E 's/.*\[(.*)\].*/\1/' | head -1; }
[ "$(uid sr.dcm 0020,000d)" = 1.2.276.0.9999.1.1 ] || fail "the report is of another study"
for file in $objects; do
    [ "$(uid $file 0020,000d)" = 1.2.276.0.9999.1.1 ] || fail "$file is of another study"
done
[ "$(uid regions.dcm 0008,0018)" = "$(uid same.dcm 0008,0018)" ] || fail "the same maps, another UID"
[ "$(uid sr.dcm 0008,0018)" = "$(uid again.dcm 0008,0018)" ] || fail "the same scores, another UID"

expect 0 "$biovl" pacs send $url a.dcm $objects --auth-file auth
expect 0 "$biovl" pacs find $url --auth-file auth --identifiers
prints "\"study\":\"1.2.276.0.9999.1.1\",.*\"instances\":$(($(wc -w <<<"$objects") + 1))"
for file in $objects; do
    id=$(curl -s -u lab:labpw -d "$(uid $file 0008,0018)" "$rest/tools/lookup" |
        sed -nE 's/.*"ID" : "([0-9a-f-]+)".*/\1/p')
    curl -s -u lab:labpw -o back.dcm "$rest/instances/$id/file"
    # Orthanc writes a file meta header of its own; the data set is the same.
    dcmdump +L back.dcm | sed '1,/Dicom-Data-Set/d' >back.txt
    dcmdump +L $file | sed '1,/Dicom-Data-Set/d' >sent.txt
    [ -s sent.txt ] && cmp -s back.txt sent.txt || fail "$file came back changed"
done
finish
