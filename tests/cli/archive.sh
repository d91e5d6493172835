# archive.sh: a real Orthanc on loopback for a test. Sourced after lib.sh; skips where there is none.
plugins=/usr/share/orthanc/plugins
orthanc=$(command -v Orthanc || true)
{ [ -n "$orthanc" ] && [ -e $plugins/libOrthancDicomWeb.so ] && command -v dcmodify >/dev/null &&
    command -v xml2dsr >/dev/null && command -v curl >/dev/null; } ||
    { echo "skipped: Orthanc, its DICOMweb plugin, dcmtk or curl is not installed"; exit 77; }
http_port=$((12000 + $$ * 8 % 20000)) # several, below those that the system hands out
dicom_port=$((http_port + 1))
rest=http://127.0.0.1:$http_port
printf 'lab:labpw\n' >"$work/auth"

start_orthanc() {
    cat >"$work/orthanc.json" <<JSON
{ "Name": "biovl-test", "StorageDirectory": "$work/orthanc", "IndexDirectory": "$work/orthanc",
  "HttpPort": $http_port, "DicomPort": $dicom_port, "DicomAet": "ORTHANC",
  "RemoteAccessAllowed": false, "AuthenticationEnabled": true,
  "RegisteredUsers": {"lab": "labpw"},
  "DicomModalities": {"biovl": ["BIOVL", "127.0.0.1", $((http_port + 2))]},
  "Plugins": ["$plugins/libOrthancDicomWeb.so", "$plugins/libOrthancGdcm.so"],
  "DicomWeb": {"Enable": true, "Root": "/dicom-web/"},
  "DicomAlwaysAllowFind": true, "DicomAlwaysAllowMove": true, "DicomAlwaysAllowGet": true,
  "StableAge": 2 }
JSON
    mkdir -p "$work/orthanc"
    "$orthanc" "$work/orthanc.json" >"$work/orthanc.log" 2>&1 &
    orthanc_pid=$!
    trap 'kill $orthanc_pid 2>/dev/null; wait $orthanc_pid 2>/dev/null; rm -rf "$work"' EXIT
    for _ in $(seq 100); do
        curl -sf -u lab:labpw "$rest/system" >/dev/null && return
        kill -0 $orthanc_pid 2>/dev/null || break
        sleep 0.2
    done
    echo "Orthanc did not start:"
    tail -5 "$work/orthanc.log"
    exit 1
}

stop_orthanc() {
    kill $orthanc_pid
    wait $orthanc_pid 2>/dev/null
    true
}

# make_image FILE NUMBER: the sample radiograph as another patient's, in a study of its own.
make_image() {
    cp "$root/assets/sample/cxr.dcm" "$1"
    dcmodify -nb -i "(0010,0010)=SENTINEL^JANE$2" -i "(0010,0020)=MRN0815$2" \
        -i '(0010,0030)=19551105' -i "(0008,0050)=ACC4711$2" -i '(0008,0090)=REFERRER^JOHN' \
        -i "(0020,000d)=1.2.276.0.9999.1.$2" -i "(0008,0018)=1.2.276.0.9999.3.$2" \
        -i "(0020,000e)=1.2.276.0.9999.2.$2" -i '(0018,5101)=PA' -i '(0010,1010)=063Y' \
        -i "(0008,0020)=2024010$2" "$1" >/dev/null || fail "dcmodify"
}

# make_report FILE NUMBER TEXT: a Basic Text SR in the study of the same number.
make_report() {
    cat >"$work/sr.xml" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<report type="Basic Text SR" xmlns="http://dicom.offis.de/dcmsr">
<sopclass uid="1.2.840.10008.5.1.4.1.1.88.11">BasicTextSR</sopclass>
<charset>ISO_IR 100</charset><modality>SR</modality>
<patient><name><last>SENTINEL</last><first>JANE$2</first></name><id>MRN0815$2</id></patient>
<study uid="1.2.276.0.9999.1.$2"><accession><number>ACC4711$2</number></accession></study>
<series uid="1.2.276.0.9999.4.$2"><number>1</number></series>
<instance uid="1.2.276.0.9999.5.$2"><number>1</number></instance>
<document><completion flag="COMPLETE"/><verification flag="UNVERIFIED"/>
<content><date>20240101</date><time>101010</time><container flag="SEPARATE"><concept><value>18748-4</value><scheme><designator>LN</designator></scheme><meaning>Diagnostic imaging report</meaning></concept>
<text><relationship>CONTAINS</relationship><concept><value>121071</value><scheme><designator>DCM</designator></scheme><meaning>Finding</meaning></concept><value>$3</value></text>
</container></content></document></report>
XML
    xml2dsr "$work/sr.xml" "$1" 2>"$work/xml2dsr.log" || fail "xml2dsr: $(cat "$work/xml2dsr.log")"
}
sentinels='SENTINEL|MRN0815|19551105|ACC4711|REFERRER|1\.2\.276\.0\.9999'
