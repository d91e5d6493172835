#!/bin/bash
# Who belongs to whom: no accession number joins two patients, and each image keeps its own report.
. "$(dirname "$0")/lib.sh"
{ command -v dcmodify && command -v dcmconv; } >/dev/null ||
    { echo "skipped: dcmtk is not installed"; exit 77; }
cd "$work" || exit 1

# image FILE NUMBER ACCESSION PATIENT STUDY: a radiograph of its own.
image() {
    cp "$root/assets/sample/cxr.dcm" "$1"
    dcmodify -nb -i "(0008,0018)=1.2.276.0.9999.3.$2" -i "(0008,0050)=$3" -i "(0010,0020)=$4" \
        -i "(0020,000d)=1.2.276.0.9999.1.$5" "$1" >/dev/null || fail "dcmodify"
}
# reports ID: what the index holds as the report of an item.
report_of() {
    "$biovl" index export "$index" -o items || fail "export"
    grep -F "\"id\":\"$1\"" items | grep -o '"report":"[^"]*"'
}
# own INDEX ID WORD: the item has a report of exactly this word.
own() { [ "$(report_of "$1")" = "\"report\":\"$2\"" ] || fail "$index: the report of $1 is $(report_of "$1"), not $2"; }

# Placeholders: in a table, and in objects whose reports come by a table of studies.
for none in NONE 0 UNKNOWN N/A -; do
    rm -f i.biovl*
    index=i.biovl
    image a.dcm 1 $none A 1
    image b.dcm 2 $none B 2
    printf 'path,accession,report\na.dcm,%s,zqxone\nb.dcm,%s,zqxtwo\n' $none $none >t.csv
    expect 0 "$biovl" index create $index --keep-identifiers --thumbnails 0
    expect 0 "$biovl" index add $index t.csv
    own 1.2.276.0.9999.3.1 zqxone
    own 1.2.276.0.9999.3.2 zqxtwo
done

# Two studies of one accession number are two studies.
rm -f i.biovl*
image a.dcm 1 ACC1 A 1
image b.dcm 2 ACC1 B 2
printf 'path,report\na.dcm,zqxone\nb.dcm,zqxtwo\n' >t.csv
expect 0 "$biovl" index create $index --keep-identifiers --thumbnails 0
expect 0 "$biovl" index add $index t.csv
own 1.2.276.0.9999.3.1 zqxone
own 1.2.276.0.9999.3.2 zqxtwo
finish
