#!/bin/bash
# Reports that are DICOM objects, made by dcmtk: structured reports of every kind and encapsulated
# text join the images of their study and are found by their words; a PDF is refused by name.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/archive.sh"
{ command -v cda2dcm && command -v pdf2dcm; } >/dev/null ||
    { echo "skipped: cda2dcm or pdf2dcm (package dcmtk) is not installed"; exit 77; }
cd "$work" || exit 1

concept() { echo "<concept><value>$1</value><scheme><designator>$2</designator></scheme><meaning>$3</meaning></concept>"; }
# make_sr FILE NUMBER TYPE CLASS SUFFIX: a report of a type in the study of the number.
make_sr() {
    cat >sr.xml <<XML
<?xml version="1.0" encoding="ISO-8859-1"?>
<report type="$3" xmlns="http://dicom.offis.de/dcmsr">
<sopclass uid="1.2.840.10008.5.1.4.1.1.88.$5">$4</sopclass>
<charset>ISO_IR 100</charset><modality>SR</modality>
<patient><name><last>SENTINEL</last><first>JANE$2</first></name><id>MRN0815$2</id></patient>
<study uid="1.2.276.0.9999.1.$2"><accession><number>ACC4711$2</number></accession></study>
<series uid="1.2.276.0.9999.4.$2"><number>1</number></series>
<instance uid="1.2.276.0.9999.5.$2"><number>1</number></instance>
<document><completion flag="COMPLETE"/><verification flag="UNVERIFIED"/>
<content><date>20240101</date><time>101010</time>
<container flag="SEPARATE">$(concept 18748-4 LN 'Diagnostic imaging report')
<pname><relationship>HAS OBS CONTEXT</relationship>$(concept 121008 DCM 'Person Observer Name')<value><last>REFERRER</last><first>JOHN</first></value></pname>
<text><relationship>HAS OBS CONTEXT</relationship>$(concept 121030 DCM 'Subject ID')<value>OTHERID77</value></text>
<container flag="SEPARATE"><relationship>CONTAINS</relationship>$(concept 121070 DCM Findings)
<text><relationship>CONTAINS</relationship>$(concept 121071 DCM Finding)<value>Word$2 in the caf$(printf '\351') of SENTINEL on 2024-01-01.</value></text>
<code><relationship>CONTAINS</relationship>$(concept 121071 DCM Finding)<value>60046008</value><scheme><designator>SCT</designator></scheme><meaning>Pleural effusion</meaning></code>
$6
</container></container></content></document></report>
XML
    xml2dsr sr.xml "$1" 2>xml2dsr.log || fail "xml2dsr of $3: $(cat xml2dsr.log)"
}
number="<num><relationship>CONTAINS</relationship>$(concept 103339001 SCT 'Long axis')<value>12.5</value><unit><value>mm</value><scheme><designator>UCUM</designator></scheme><meaning>millimeter</meaning></unit></num>"
mkdir data
for i in 1 2 3 4 5 6; do make_image data/image$i.dcm $i; done
make_sr data/r1.dcm 1 'Basic Text SR' BasicTextSR 11 ''
make_sr data/r2.dcm 2 'Enhanced SR' EnhancedSR 22 "$number"
make_sr data/r3.dcm 3 'Comprehensive SR' ComprehensiveSR 33 "$number"
make_sr data/r4.dcm 4 'Comprehensive 3D SR' Comprehensive3DSR 34 "$number"

cat >cda.xml <<'XML'
<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" classCode="DOCCLIN" moodCode="EVN">
<id root="1.2.276.0.9999.7.5"/><code code="18748-4" codeSystem="2.16.840.1.113883.6.1" codeSystemName="LOINC" displayName="Diagnostic imaging report"/>
<title>Report</title><effectiveTime value="20240101"/>
<recordTarget><patientRole><id extension="MRN08155"/><addr>Hidden Lane 7</addr><patient><name><given>JANE5</given><family>SENTINEL</family></name></patient></patientRole></recordTarget>
<component><structuredBody><component><section><title>Findings</title><text>Word5 &amp; a &lt;small&gt; nodule.</text></section></component></structuredBody></component>
</ClinicalDocument>
XML
identity="-k (0010,0010)=SENTINEL^JANE5 -k (0020,000d)=1.2.276.0.9999.1.5 -k (0008,0018)=1.2.276.0.9999.6.5 -k (0008,0050)=ACC47115"
cda2dcm $identity cda.xml data/r5.dcm >cda.log 2>&1 || fail "cda2dcm: $(cat cda.log)"
printf '%%PDF-1.4\n%%%%EOF\n' >a.pdf
pdf2dcm -k '(0020,000d)=1.2.276.0.9999.1.6' a.pdf data/r6.dcm >pdf.log 2>&1 || fail "pdf2dcm: $(cat pdf.log)"

expect 0 "$biovl" index create i.biovl
expect 1 "$biovl" index add i.biovl data
cat out err >>all
prints '"images":6,"reports":5,"skipped":0,"failed":1'
says 'encapsulated PDF document, of which no text is read'
for i in 1 2 3 4 5; do
    study=$("$biovl" index name i.biovl 1.2.276.0.9999.1.$i)
    expect 0 "$biovl" search i.biovl --text anything --match word$i --json
    cat out err >>all
    prints "\"study\":\"$study\""
    [ "$(wc -l <out)" -eq 1 ] || fail "report $i is found more than once, or not"
done
prints 'Word5 & a <small> nodule'

# An addendum stands beside the report, each with its own words; a correction takes the place of
# what it names; a Key Object Selection and a dose report are no reports.
mkdir more
make_report more/a.dcm 1 'ADDENDUM: wordadded.'
dcmodify -nb -m '(0008,0018)=1.2.276.0.9999.5.71' more/a.dcm >/dev/null
make_report more/c.dcm 2 'Wordcorrected.'
dcmodify -nb -m '(0008,0018)=1.2.276.0.9999.5.72' \
    -i '(0040,a360)[0].(0020,000d)=1.2.276.0.9999.1.2' \
    -i '(0040,a360)[0].(0008,1115)[0].(0020,000e)=1.2.276.0.9999.4.2' \
    -i '(0040,a360)[0].(0008,1115)[0].(0008,1199)[0].(0008,1155)=1.2.276.0.9999.5.2' \
    more/c.dcm >/dev/null || fail "dcmodify"
make_report more/k.dcm 3 'Wordselected.'
dcmodify -nb -m '(0008,0018)=1.2.276.0.9999.5.73' -m '(0008,0016)=1.2.840.10008.5.1.4.1.1.88.59' more/k.dcm >/dev/null
expect 1 "$biovl" index add i.biovl more
prints '"images":0,"reports":2,"skipped":0,"failed":1'
says 'no report'
# found KIND WORD: how many of a kind have the word.
found() { "$biovl" search i.biovl --find "$1" --text anything --match "$2" --json | wc -l; }
expect_found() { [ "$(found "$2" "$3")" -eq "$1" ] || fail "$2 of $3: $(found "$2" "$3"), not $1"; }
expect_found 1 image word1
expect_found 1 image wordadded
expect_found 0 image word2
expect_found 1 image wordcorrected
expect_found 1 report word1
expect_found 1 report word2
expect_found 0 report wordselected
"$biovl" search i.biovl --find report --text anything --match wordadded --json >out
prints '"report_kind":"addendum"'
grep -q Word1 out && fail "an addendum is shown with another report's text"
"$biovl" search i.biovl --find report --text anything --where report_kind=correction --json >out
prints 'Wordcorrected'

# The same identifier with other words, or in another study, is refused and changes nothing.
make_report again.dcm 4 'Wordother.'
expect 1 "$biovl" index add i.biovl again.dcm
says 'another report under this identifier'
expect_found 0 report wordother
cp data/image4.dcm moved.dcm
dcmodify -nb -m '(0020,000d)=1.2.276.0.9999.1.3' -m '(0010,0020)=MRN08153' moved.dcm >/dev/null
expect 1 "$biovl" index add i.biovl moved.dcm
says "another study's object under this identifier"

# A table's corrected text takes the place of the old one.
printf 'study,report\n1.2.276.0.9999.1.6,Wordfirst.\n' >t.csv
expect 0 "$biovl" index add i.biovl t.csv
printf 'study,report\n1.2.276.0.9999.1.6,Wordsecond.\n' >t.csv
expect 0 "$biovl" index add i.biovl t.csv
prints '"reports":0,.*"updated":1'
expect 0 "$biovl" index add i.biovl t.csv
prints '"skipped":1,"failed":0,"updated":0'
expect_found 0 report wordfirst
expect_found 1 report wordsecond
expect_found 1 image wordsecond
expect 0 "$biovl" index verify i.biovl
if command -v sqlite3 >/dev/null; then # the studies as a person with SQLite sees them
    expect 0 sqlite3 i.biovl "select report from study where report like 'Wordsecond%'"
    prints 'Wordsecond'
fi
expect 0 "$biovl" index export i.biovl -o items
for text in 'Findings:' 'Word1 in the café of' 'Finding: Pleural effusion' 'Long axis: 12.5 millimeter'; do
    grep -qF -- "$text" items || fail "no \"$text\" in the reports: $(head -3 items)"
done
grep -qaiE "$sentinels|OTHERID77|Hidden Lane" all items i.biovl && fail "patient data: $(grep -aioE "$sentinels|OTHERID77|Hidden Lane" all items i.biovl | sort -u | head -3)"

# A megabyte of empty items costs no more than its size: some 1 s, under sanitizers 20, not minutes.
limit=30
[ -z "${BIOVL_SANITIZE:-}" ] || limit=200
make_sr many.dcm 6 'Basic Text SR' BasicTextSR 11 ''
printf '\376\377\000\340\000\000\000\000' >empty
for i in $(seq 17); do cat empty empty >twice && mv twice empty; done
{ printf '\372\377\372\377SQ\000\000\000\000\020\000' && cat empty; } >>many.dcm # signatures
expect 0 timeout $limit "$biovl" index add i.biovl many.dcm
prints '"reports":1,"skipped":0,"failed":0'
finish
