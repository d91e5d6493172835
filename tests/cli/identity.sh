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

# An object that cannot be read does not bear its number.
rm -f i.biovl*
image a.dcm 1 ACC1 A 1
image b.dcm 2 ACC1 A 2
dcmodify -nb -i '(0028,0010)=9999' b.dcm >/dev/null || fail "dcmodify"
printf 'accession,report\nACC1,zqxone\n' >r.csv
expect 0 "$biovl" index create $index --keep-identifiers --thumbnails 0
expect 0 "$biovl" index add $index a.dcm
expect 1 "$biovl" index add $index b.dcm
expect 0 "$biovl" index add $index r.csv
own 1.2.276.0.9999.3.1 zqxone

# A report that gives the number alone joins the one study of that number, in either order; a
# second study of the number, or another patient's, undoes it, and the command says so.
image c.dcm 3 ACC3 C 3
image d.dcm 4 ACC3 D 4
printf 'accession,patient_id,report\nACC3,C,zqxthree\n' >t.csv
for order in 't.csv c.dcm' 'c.dcm t.csv'; do
    rm -f i.biovl*
    expect 0 "$biovl" index create $index --keep-identifiers --thumbnails 0
    expect 0 "$biovl" index add $index $order
    own 1.2.276.0.9999.3.3 zqxthree
    expect 0 "$biovl" index add $index d.dcm
    prints '"apart":1'
    says 'kept apart: its accession number leads to several studies'
    own 1.2.276.0.9999.3.3 ''
    own 1.2.276.0.9999.3.4 ''
done
rm -f i.biovl*
expect 0 "$biovl" index create $index --keep-identifiers --thumbnails 0
expect 0 "$biovl" index add $index d.dcm t.csv
prints '"apart":1'
own 1.2.276.0.9999.3.4 ''

# One study identifier under two patients is two studies.
image e.dcm 5 ACC5 E 3
expect 0 "$biovl" index add $index c.dcm e.dcm
says 'its study is known as another patient'
"$biovl" index export $index -o items
[ "$(grep -o '"study":"[^"]*"' items | sort -u | wc -l)" -eq 3 ] || fail "studies: $(cat items)"
finish
