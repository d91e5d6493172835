#!/bin/bash
# A real archive over DICOMweb: radiographs and reports are stored in Orthanc, pulled into an index
# and found; again only what is new is fetched; a dead or refusing archive is said to be one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/archive.sh"
cd "$work" || exit 1
url=dicomweb://127.0.0.1:$http_port/dicom-web
auth='--auth-file auth'
start_orthanc

make_image a.dcm 1
make_image b.dcm 2
make_report ra.dcm 1 'Large left pleural effusion of SENTINEL.'
make_report rb.dcm 2 'Small apical pneumothorax.'
expect 0 "$biovl" pacs send $url a.dcm b.dcm ra.dcm $auth
expect 1 "$biovl" pacs send $url "$root/README.md" rb.dcm $auth
says 'not a DICOM file'
expect 0 "$biovl" pacs find $url $auth --identifiers
[ "$(wc -l <out)" -eq 2 ] || fail "pacs find: $(cat out)"
prints '"study":"1.2.276.0.9999.1.1",.*"instances":2,"accession":"ACC47111","patient":"MRN08151"'
expect 0 "$biovl" pacs find $url $auth --identifiers --patient MRN08152
[ "$(wc -l <out)" -eq 1 ] && grep -q MRN08152 out || fail "--patient: $(cat out)"
expect 0 "$biovl" pacs find $url $auth --since 20240102
[ "$(wc -l <out)" -eq 1 ] || fail "--since: $(cat out)"

# Everything by dates first, then the rest; what is there is not fetched again.
expect 0 "$biovl" index create i.biovl
expect 0 "$biovl" index add i.biovl --from $url $auth --until 20240101
cat out err >>all
prints '"images":1,"reports":1,"skipped":0,"failed":0'
expect 0 "$biovl" index add i.biovl --from $url $auth
cat out err >>all
prints '"images":1,"reports":1,"skipped":2,"failed":0'
make_image c.dcm 3
expect 0 "$biovl" pacs send $url c.dcm $auth
expect 0 "$biovl" index add i.biovl $url $auth
prints '"images":1,"reports":0,"skipped":4,"failed":0'
expect 0 "$biovl" index verify i.biovl

# By the change feed: all that came, then only what came since.
expect 0 "$biovl" index create f.biovl
expect 0 "$biovl" index add f.biovl --from $url $auth --changes
cat out err >>all
prints '"images":3,"reports":2,"skipped":0,"failed":0'
expect 0 "$biovl" index add f.biovl --from $url $auth --changes
prints '"images":0,"reports":0,"skipped":0,"failed":0'
make_image e.dcm 5
expect 0 "$biovl" pacs send $url e.dcm $auth
expect 0 "$biovl" index add f.biovl --from $url $auth --changes
prints '"images":1,"reports":0,"skipped":0,"failed":0'
expect 3 "$biovl" index add f.biovl --from dicomweb://127.0.0.1:$http_port/deeper/dicom-web $auth --changes
says 'no change feed'

# By windows of dates into files: what is complete is not listed again.
expect 2 "$biovl" pacs pull $url files $auth --window 2
expect 0 "$biovl" pacs pull $url files $auth --window 2 --since 20240101 --until 20240102
prints '"objects":[2-4],"skipped":0,"failed":0'
expect 0 "$biovl" pacs pull $url files $auth --window 2 --since 20240101 --until 20240105
prints '"objects":[1-4],"skipped":0,"failed":0'
grep -q '20240101-20240105' files/.pull.json || fail "notes: $(cat files/.pull.json)"
expect 0 "$biovl" pacs pull $url files $auth
[ "$(find files -name '*.dcm' | wc -l)" -eq 6 ] || fail "not all objects: $(ls files)"
find files >>all
cat files/.pull.json >>all

# The right study by id, by image and by text.
study=$("$biovl" index name i.biovl 1.2.276.0.9999.1.2)
expect 0 "$biovl" search i.biovl --id 1.2.276.0.9999.5.2 --find image --json
cat out err >>all
expect 0 "$biovl" search i.biovl --image b.dcm --json -k 3
cat out err >>all
head -1 out | grep -qE '"score":(1\.0|0\.999)' || fail "an image of the archive does not find itself"
expect 0 "$biovl" search i.biovl --text 'pneumothorax' --find report -k 1 --json
cat out err >>all
prints "\"study\":\"$study\""
prints 'Small apical pneumothorax'
expect 0 "$biovl" search i.biovl --text 'anything' --match pneumothorax --json
cat out err >>all
prints "\"study\":\"$study\""

# Images are reranked: read again from the archive, and kept as what the model made of them.
model=$root/assets/models/biovl-cxr-small.safetensors
ask=(search i.biovl --text 'pleural effusion' --rerank "$model")
values() { grep -oE '"score":-?[0-9.e-]+' "$1" | cut -d: -f2 | sort -gr; }
expect 2 "$biovl" "${ask[@]}"
says 'name the archive they came from \(--from\)'
expect 0 "$biovl" "${ask[@]}" --from $url $auth --json
cat out err >>all
[ "$(wc -l <out)" -eq 3 ] || fail "not three images: $(cat out)"
cp out first
for file in a.dcm b.dcm c.dcm; do
    "$biovl" match $file --text 'pleural effusion' --json 2>/dev/null
done >matched
# The same images read twice give the same numbers, to the printed precision of f32 (4e-15 squared).
paste <(values first) <(values matched) | awk '{ if (NF != 2 || ($1 - $2) ^ 2 > 4e-15) bad = 1 } END { exit bad || NR != 3 }' ||
    fail "not the scores of match: $(values first; values matched)"
[ "$(stat -c %a i.biovl.rerank)" = 700 ] || fail "others may look at what is kept"
[ "$(find i.biovl.rerank -type f -perm 600 | grep -cE '/[0-9a-f]{32}$')" -eq 3 ] || fail "kept: $(ls -l i.biovl.rerank)"
cat i.biovl.rerank/* >>all
ls i.biovl.rerank >>all
# From there the archive is not asked again; damage is noticed.
expect 0 "$biovl" "${ask[@]}" --from dicomweb://127.0.0.1:1/none --tries 1 --json
cmp -s out first || fail "other scores from what is kept"
for file in i.biovl.rerank/*; do
    printf x | dd of=$file bs=1 seek=1000 conv=notrunc 2>/dev/null
    break
done
expect 3 "$biovl" "${ask[@]}" --from dicomweb://127.0.0.1:1/none --tries 1
expect 0 "$biovl" "${ask[@]}" --from $url $auth --json
cmp -s out first || fail "other scores after damage"
expect 0 "$biovl" search i.biovl --id 1.2.276.0.9999.3.1 --find report --rerank "$model" --from $url $auth
expect 3 "$biovl" search f.biovl --text effusion --rerank "$model" --from $url $auth --since 20240102
says 'no study that is image [0-9a-f]{32}'
cat out err >>all
expect 2 "$biovl" search i.biovl --text effusion --from $url
# What is taken out is not kept here either.
cp i.biovl r.biovl
cp i.biovl.key r.biovl.key
cp -r i.biovl.rerank r.biovl.rerank
expect 0 "$biovl" index remove r.biovl --item 1.2.276.0.9999.3.1
[ ! -e r.biovl.rerank ] || fail "something of a removed image stays: $(ls r.biovl.rerank)"

# An archive that holds an object whose pixels are fewer than its header says (Orthanc takes them):
# that object fails, the rest goes on.
make_image half.dcm 8
dcmodify -nb -m '(0028,0010)=4000' half.dcm
expect 0 "$biovl" pacs send $url half.dcm $auth
make_image d.dcm 4
expect 0 "$biovl" pacs send $url d.dcm $auth
expect 1 "$biovl" index add i.biovl $url $auth
cat out err >>all
prints '"images":2,.*"failed":1'

# Refused, absent, gone.
printf 'lab:wrong\n' >bad
expect 3 "$biovl" index add i.biovl $url --auth-file bad
cat out err >>all
says 'credentials'
expect 3 "$biovl" pacs find dicomweb://127.0.0.1:$http_port/elsewhere $auth
expect 2 "$biovl" pacs find dicomweb://lab:labpw@127.0.0.1/ $auth
stop_orthanc

# Over TLS with a certificate of its own: trusted when it is named, for its own name only. The server
# hands out files, which lie where the questions point.
if command -v openssl >/dev/null; then
    mkdir -p web/dicom-web/studies/1.2.3
    fields='includefield=00081030&includefield=00201206&includefield=00201208'
    echo '[{"0020000D":{"vr":"UI","Value":["1.2.3"]}}]' >"web/dicom-web/studies?$fields&limit=200&offset=0"
    echo '[{"0020000E":{"vr":"UI","Value":["1.2.4"]},"00080018":{"vr":"UI","Value":["1.2.5"]}}]' \
        >'web/dicom-web/studies/1.2.3/instances?limit=200&offset=0'
    openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -days 2 \
        -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null || fail "openssl req"
    (cd web && exec openssl s_server -accept $http_port -cert ../tls.crt -key ../tls.key -WWW -quiet \
        >/dev/null 2>&1) &
    orthanc_pid=$!
    secure=dicomwebs://127.0.0.1:$http_port/dicom-web
    for _ in $(seq 50); do
        "$biovl" pacs find $secure --ca-file tls.crt --tries 1 >/dev/null 2>&1 && break
        sleep 0.1
    done
    expect 0 "$biovl" pacs find $secure --ca-file tls.crt --identifiers
    prints '"study":"1.2.3","instances":1'
    expect 3 "$biovl" pacs find $secure
    says '[Cc]ertificate'
    expect 3 "$biovl" pacs find dicomwebs://localhost:$http_port/dicom-web --ca-file tls.crt
    expect 3 "$biovl" pacs find $secure --ca-file nowhere.crt
    stop_orthanc
    # A server that wants to know who we are.
    openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 2 \
        -subj /CN=biovl 2>/dev/null || fail "openssl req"
    (cd web && exec openssl s_server -accept $http_port -cert ../tls.crt -key ../tls.key -WWW -quiet \
        -Verify 1 -verify_return_error -CAfile ../own.crt >/dev/null 2>&1) &
    orthanc_pid=$!
    own='--tls-cert own.crt --tls-key own.key'
    for _ in $(seq 50); do
        "$biovl" pacs find $secure --ca-file tls.crt $own --tries 1 >/dev/null 2>&1 && break
        sleep 0.1
    done
    expect 0 "$biovl" pacs find $secure --ca-file tls.crt $own --identifiers
    prints '"study":"1.2.3"'
    expect 3 "$biovl" pacs find $secure --ca-file tls.crt --tries 1
    expect 3 "$biovl" pacs find $secure --ca-file tls.crt --tls-cert tls.crt --tls-key tls.key --tries 1
    # A token of 20,000 characters, as some identity providers make them.
    head -c 15000 /dev/zero | base64 -w 0 >token
    expect 0 "$biovl" pacs find $secure --ca-file tls.crt $own --token-file token
    stop_orthanc
fi
expect 3 "$biovl" index add i.biovl $url $auth --tries 2
cat out err >>all
says 'several times'
expect 0 "$biovl" index verify i.biovl
grep -qaiE "$sentinels" all i.biovl && fail "patient data: $(grep -aioE "$sentinels" all i.biovl | sort -u | head -3)"
finish
