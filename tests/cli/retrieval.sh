#!/bin/bash
# index and search: images with reports from a table, from DICOM files and structured reports; by
# text, image, report and id; what the index refuses; and that no byte names a patient.
. "$(dirname "$0")/lib.sh"
command -v dcmodify >/dev/null && command -v xml2dsr >/dev/null ||
    { echo "skipped: dcmodify and xml2dsr (package dcmtk) are not installed"; exit 77; }
sentinels='SENTINEL|MRN0815|19551105|ACC4711|REFERRER|1\.2\.276\.0\.9999'
cd "$work" || exit 1
everything() { cat out err >>all; }

# Two radiographs of two patients; the second is the first, turned around.
make_image() { # name number
    cp "$root/assets/sample/cxr.dcm" "$1"
    dcmodify -nb -i "(0010,0010)=SENTINEL^JANE$2" -i "(0010,0020)=MRN0815$2" \
        -i '(0010,0030)=19551105' -i "(0008,0050)=ACC4711$2" -i '(0008,0090)=REFERRER^JOHN' \
        -i "(0020,000d)=1.2.276.0.9999.1.$2" -i "(0008,0018)=1.2.276.0.9999.3.$2" \
        -i "(0020,000e)=1.2.276.0.9999.2.$2" -i '(0018,5101)=PA' -i '(0010,1010)=063Y' "$1" \
        >/dev/null || fail "dcmodify"
}
mkdir in
make_image in/a.dcm 1
make_image in/b.dcm 2
dcmodify -nb -i '(2050,0020)=INVERSE' in/b.dcm
printf '%s\n' 'Patient: SENTINEL, JANE1' 'MRN: MRN08151' 'FINDINGS: Large left pleural effusion.' \
    'Seen by Dr. John Referrer. SENTINEL is stable.' >in/ACC47111.txt
cat >sr.xml <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<report type="Basic Text SR" xmlns="http://dicom.offis.de/dcmsr">
<sopclass uid="1.2.840.10008.5.1.4.1.1.88.11">BasicTextSR</sopclass>
<charset>ISO_IR 100</charset><modality>SR</modality>
<patient><name><last>SENTINEL</last><first>JANE2</first></name><id>MRN08152</id></patient>
<study uid="1.2.276.0.9999.1.2"><accession><number>ACC47112</number></accession></study>
<series uid="1.2.276.0.9999.2.9"><number>1</number></series>
<instance uid="1.2.276.0.9999.3.9"><number>1</number></instance>
<document><completion flag="COMPLETE"/><verification flag="UNVERIFIED"/>
<content><date>20240101</date><time>101010</time><container flag="SEPARATE"><concept><value>18748-4</value><scheme><designator>LN</designator></scheme><meaning>Diagnostic imaging report</meaning></concept>
<text><relationship>CONTAINS</relationship><concept><value>121071</value><scheme><designator>DCM</designator></scheme><meaning>Finding</meaning></concept><value>Small apical pneumothorax of SENTINEL.</value></text>
</container></content></document></report>
XML
xml2dsr sr.xml in/c.dcm 2>xml2dsr.log || fail "xml2dsr: $(cat xml2dsr.log)"
printf 'not an image' >in/d.png

expect 0 "$biovl" index create i.biovl
expect 3 "$biovl" index info none.biovl
everything
expect 2 "$biovl" index create i.biovl
everything
expect 1 "$biovl" index add i.biovl in
everything
prints '"images":2,"reports":2,"skipped":0,"failed":1'
says 'd\.png'
expect 1 "$biovl" index add i.biovl in --resume
prints '"images":0,"reports":0,"skipped":4,"failed":1'
expect 0 "$biovl" index info i.biovl
prints '"images":2,"reports":2,"studies":2,"studies_with_report":2'
expect 0 "$biovl" index verify i.biovl
prints '"file":"ok"'

# An image finds itself with cosine 1, f16 storage apart, and its study's report.
expect 0 "$biovl" search i.biovl --image in/a.dcm --json
everything
head -1 out | grep -qE '"rank":1,.*"score":(1\.0|0\.999)' || fail "an image does not find itself"
head -1 out | grep -q 'Large left pleural effusion' || fail "its report did not come along"
head -1 out | grep -qE '"age":63.*"view":"PA"|"view":"PA".*"age":63' || fail "metadata"
id=$("$biovl" index name i.biovl 1.2.276.0.9999.3.1)
[ "${#id}" -eq 32 ] || fail "a name of ${#id} digits"
head -1 out | grep -q "\"id\":\"$id\"" || fail "the id is not the hash of the UID"

expect 0 "$biovl" search i.biovl --id 1.2.276.0.9999.3.1 --json
everything
[ "$(wc -l <out)" -eq 1 ] || fail "search by id: not one other image"
expect 0 "$biovl" search i.biovl --id "$id" --find report
everything
expect 2 "$biovl" search i.biovl --id 1.2.3.4
everything
expect 0 "$biovl" search i.biovl --text 'pneumothorax' --find report -k 1 --json
everything
prints 'Small apical pneumothorax'
expect 0 "$biovl" search i.biovl --report in/ACC47111.txt --find report -k 1
everything
prints ' 1\.0000 .*Large left pleural effusion'
expect 0 "$biovl" search i.biovl --text 'effusion' --match pneumothorax --json
[ "$(wc -l <out)" -eq 1 ] || fail "--match did not select one study"
expect 0 "$biovl" search i.biovl --text 'effusion' --match 'pneumo-thorax / apical' --json
[ "$(wc -l <out)" -eq 0 ] || fail "--match found words that do not follow each other"
expect 0 "$biovl" search i.biovl --text 'effusion' --match '"apical pneumothorax" smal*' --json
[ "$(wc -l <out)" -eq 1 ] || fail "--match did not find words in a row"
expect 0 "$biovl" search i.biovl --text 'effusion' --match 'pneumothorax OR nothing' --fts5 --json
[ "$(wc -l <out)" -eq 1 ] || fail "--fts5"
expect 2 "$biovl" search i.biovl --text 'effusion' --match 'pneumothorax OR nothing'
says 'OR in a search for words'
expect 2 "$biovl" search i.biovl --text 'effusion' --match '-'
says 'no word in it'
expect 0 "$biovl" search i.biovl --text 'effusion' --where view=AP --csv
[ "$(wc -l <out)" -eq 1 ] || fail "--where view=AP found something"
expect 0 "$biovl" search i.biovl --text 'effusion' --where 'age>=60' view=PA --by-study --method int8
[ "$(wc -l <out)" -eq 2 ] || fail "filters or --by-study"
for condition in nonsense 'age>=abc' 'age>=60; DROP TABLE item' 'age<' 'nosuchfield=1' '=1'; do
    expect 2 "$biovl" search i.biovl --text 'effusion' --where "$condition"
done
says 'no condition'
expect 0 "$biovl" search i.biovl --text 'effusion' --sheet s.png
expect 0 "$biovl" search i.biovl --text 'effusion' --sheet s.html
head -c 8 s.png | grep -qa PNG || fail "s.png is no PNG"
grep -q "default-src 'none'" s.html || fail "the page may load things"

# Shards merged are the whole; another site key is refused.
for i in 0 1; do
    expect 0 "$biovl" index create s$i.biovl --key i.biovl.key
    expect $((1 - i)) "$biovl" index add s$i.biovl in --shard $i/2 --key i.biovl.key
    everything
done
expect 0 "$biovl" index create m.biovl --key i.biovl.key
expect 0 "$biovl" index merge m.biovl s0.biovl s1.biovl
prints '"added":4'
for index in i m; do
    expect 0 "$biovl" search $index.biovl --text 'effusion' --json
    cp out hits.$index
done
cmp -s hits.i hits.m || fail "a merged index answers otherwise"
expect 0 "$biovl" index create k.biovl
expect 3 "$biovl" index merge k.biovl i.biovl
says 'site key'
expect 3 "$biovl" index add k.biovl in/a.dcm --key i.biovl.key
says 'site key'

# FAISS files: built, used, and rebuilt when damaged.
expect 0 "$biovl" index create f.biovl --accelerator hnsw --key i.biovl.key
expect 1 "$biovl" index add f.biovl in --key i.biovl.key
expect 0 "$biovl" index verify f.biovl
prints 'not built yet'
expect 0 "$biovl" index verify f.biovl
prints '"state":"ok"'
printf 'X' | dd of=f.biovl.image.faiss bs=1 seek=40 conv=notrunc 2>/dev/null
expect 0 "$biovl" index verify f.biovl
prints 'damaged'
expect 0 "$biovl" search f.biovl --text 'effusion' --json
cmp -s hits.i out || fail "FAISS answers otherwise"

# A library of OpenBLAS's name without its functions: named where FAISS is wanted, nothing elsewhere.
if command -v cc >/dev/null; then
    mkdir wrong
    cc -shared -o wrong/libopenblas.so.0 -x c /dev/null
    LD_LIBRARY_PATH=$work/wrong expect 3 "$biovl" search f.biovl --text 'effusion'
    says 'FAISS needs OpenBLAS'
    LD_LIBRARY_PATH=$work/wrong expect 0 "$biovl" search i.biovl --text 'effusion'
fi

expect 0 "$biovl" index export i.biovl -o items.jsonl --vectors v.npy
[ "$(wc -l <items.jsonl)" -eq 2 ] || fail "export"

# Nothing that was written or said names a patient: every byte but the inputs and the keys.
for file in all s.png s.html items.jsonl hits.i ./*.biovl ./*.faiss; do
    grep -qaiE "$sentinels" "$file" && fail "patient data in $file: $(grep -aioE "$sentinels" "$file" | head -1)"
done
# With --keep-identifiers it is there: the search above can find it.
expect 0 "$biovl" index create p.biovl --keep-identifiers
expect 0 "$biovl" index add p.biovl in/a.dcm
grep -qa '1\.2\.276\.0\.9999\.3\.1' p.biovl || fail "--keep-identifiers kept none"
expect 0 "$biovl" search p.biovl --id 1.2.276.0.9999.3.1

for file in i.biovl i.biovl.key ./*.faiss; do
    [ "$(stat -c %a "$file")" = 600 ] || fail "others may read $file: $(stat -c %a "$file")"
done

# What is taken out is gone and does not come back by itself.
expect 0 "$biovl" index remove p.biovl --study 1.2.276.0.9999.1.1
prints '"images":1,"reports":0,"studies":1,"unknown":0'
grep -qa '1\.2\.276\.0\.9999\.3\.1' p.biovl && fail "a removed object is still there"
expect 0 "$biovl" index add p.biovl in/a.dcm
prints '"images":0,"reports":0,"skipped":1'
expect 0 "$biovl" index remove p.biovl --study 1.2.276.0.9999.1.1 --readmit
expect 0 "$biovl" index add p.biovl in/a.dcm
prints '"images":1'
printf 'study 1.2.276.0.9999.1.2\nitem 1.2.3.4.5\n' >list
expect 0 "$biovl" index remove i.biovl --list list
prints '"images":1,"reports":1,"studies":1,"unknown":1'
grep -qa apical i.biovl && fail "a word of a removed report is still there"
ls i.biovl.*.faiss 2>/dev/null && fail "a copy with the removed vectors is still there"
expect 0 "$biovl" index verify i.biovl
expect 2 "$biovl" index remove i.biovl
printf 'patient\n' >list
expect 3 "$biovl" index remove i.biovl --list list
says 'line 1'
finish
