#!/bin/bash
# A real archive over DIMSE: objects are stored, found, fetched by C-GET and C-MOVE into an index and
# into files; and the archive sends to our receiver, which adds what arrives, answers when it is
# committed, and sends scores back as structured reports.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/archive.sh"
command -v echoscu >/dev/null || { echo "skipped: echoscu (package dcmtk) is not installed"; exit 77; }
cd "$work" || exit 1
url=dicom://ORTHANC@127.0.0.1:$dicom_port
listen_port=$((http_port + 2))
start_orthanc
make_image a.dcm 1
make_image b.dcm 2
make_report ra.dcm 1 'Large left pleural effusion of SENTINEL.'
expect 0 "$biovl" pacs send $url a.dcm b.dcm ra.dcm
expect 0 "$biovl" pacs find $url --identifiers
[ "$(wc -l <out)" -eq 2 ] || fail "pacs find: $(cat out err)"
prints '"study":"1.2.276.0.9999.1.1","date":"20240101",.*"series":2,"instances":2,"accession":"ACC47111","patient":"MRN08151"'
# Without them no identifier is shown, but what the index with that key calls it.
expect 0 "$biovl" pacs find $url
grep -qE "MRN0815|ACC4711|1\.2\.276\.0\.9999" out && fail "pacs find shows identifiers: $(cat out)"
prints '"study":"[0-9a-f]{32}","date":"20240101"'
expect 0 "$biovl" pacs find $url --since 20240102
[ "$(wc -l <out)" -eq 1 ] || fail "--since: $(cat out)"
expect 0 "$biovl" index create i.biovl
expect 0 "$biovl" index add i.biovl --from $url
cat out err >>all
prints '"images":2,"reports":1,"skipped":0,"failed":0'
expect 0 "$biovl" index add i.biovl --from $url
prints '"images":0,"reports":0,"skipped":3,"failed":0'
expect 0 "$biovl" index name i.biovl 1.2.276.0.9999.1.1
named=$(grep -oE '[0-9a-f]{32}' out | head -1)
expect 0 "$biovl" pacs find $url --key i.biovl.key --accession ACC47111
[ "$(wc -l <out)" -eq 1 ] && grep -q "\"study\":\"$named\"" out || fail "another study than $named: $(cat out)"
# What C-GET brought is what the file holds: the image finds itself.
expect 0 "$biovl" search i.biovl --image b.dcm --json -k 1
head -1 out | grep -qE '"score":(1\.0|0\.999)' || fail "an image of the archive does not find itself"
expect 0 "$biovl" search i.biovl --text effusion --rerank "$root/assets/models/biovl-cxr-small.safetensors" --from $url
cat out err >>all
prints '^ +1 +0\.[0-9]{4} '

# By C-MOVE to a port of ours; a title that the archive does not know, and a port that is taken.
expect 0 "$biovl" index create m.biovl
expect 0 "$biovl" index add m.biovl --from $url --move $listen_port
cat out err >>all
prints '"images":2,"reports":1,"skipped":0,"failed":0'
expect 1 "$biovl" pacs pull $url nowhere --move $listen_port --own-title STRANGER
cat out err >>all
says 'could not move an object to STRANGER'
expect 3 "$biovl" pacs pull $url nowhere --move $dicom_port --tries 1
says "port $dicom_port"
# Studies by name; one that is not there, and one that would match others, fail alone.
printf 'study 1.2.276.0.9999.1.2\n# a comment\naccession ACC47111\naccession NOWHERE\npatient MRN*\n' >list
expect 1 "$biovl" pacs pull $url named --list list
prints '"objects":3,"skipped":0,"failed":2'
says 'no such study'
says 'without \* \?'
grep -q 'NOWHERE\|MRN' err && fail "a name in the messages: $(cat err)"
expect 0 "$biovl" pacs pull $url patient --patient MRN08152
prints '"objects":1,'
printf 'MRN08152\n' >list
expect 3 "$biovl" pacs pull $url patient --list list
says 'list: entry 1'
expect 2 "$biovl" pacs pull $url patient --patient MRN08152 --window 2 --since 20240101
expect 0 "$biovl" pacs pull $url files
prints '"objects":3,"skipped":0,"failed":0'
expect 0 "$biovl" pacs pull $url files --move $listen_port
prints '"objects":0,"skipped":3,"failed":0'
[ "$(find files -name '*.dcm' | grep -cE '/[0-9a-f]{32}\.dcm$')" -eq 3 ] || fail "names: $(ls files)"
dcmdump +P 0008,0018 files/*.dcm | grep -q 1.2.276.0.9999.3.1 || fail "the files are not the objects"
expect 3 "$biovl" pacs find dicom://NOBODY@127.0.0.1:$listen_port --tries 2 --timeout 2
cat out err >>all
expect 2 "$biovl" pacs find dicom://127.0.0.1
expect 2 "$biovl" pacs find $url --since 2024-01-10
says 'a date is YYYYMMDD'
expect 2 "$biovl" pacs find $url --since 20241310

# What the index refuses is fetched once.
cp a.dcm broken.dcm
dcmodify -nb -m '(0028,0010)=4000' -i '(0008,0018)=1.2.276.0.9999.3.8' \
    -i '(0020,000d)=1.2.276.0.9999.1.8' broken.dcm >/dev/null || fail "dcmodify"
expect 0 "$biovl" pacs send $url broken.dcm
expect 1 "$biovl" index add i.biovl --from $url --study 1.2.276.0.9999.1.8
cat out err >>all
prints '"skipped":0,"failed":1'
expect 0 "$biovl" index add i.biovl --from $url --study 1.2.276.0.9999.1.8
prints '"skipped":1,"failed":0'
expect 1 "$biovl" index add i.biovl --from $url --study 1.2.276.0.9999.1.8 --retry-refused
prints '"skipped":0,"failed":1'
curl -s -u lab:labpw -d 1.2.276.0.9999.3.8 $rest/tools/lookup |
    sed -nE 's/.*"ID" : "([0-9a-f-]+)".*/\1/p' >broken.id
curl -s -u lab:labpw -X DELETE "$rest/instances/$(cat broken.id)" >/dev/null

# The receiver: Orthanc pushes a study to it.
expect 0 "$biovl" index create l.biovl
metrics_port=$((http_port + 4))
"$biovl" pacs listen l.biovl --port $listen_port --caller ORTHANC --events events.jsonl \
    --metrics $metrics_port >listen.out 2>listen.err &
listener=$!
for _ in $(seq 50); do
    echoscu -aet ORTHANC -aec BIOVL 127.0.0.1 $listen_port 2>/dev/null && break
    sleep 0.2
done
echoscu -aet ORTHANC -aec OTHER 127.0.0.1 $listen_port 2>/dev/null && fail "another's title was answered"
echoscu -aet STRANGER -aec BIOVL 127.0.0.1 $listen_port 2>/dev/null && fail "a stranger was answered"
for uid in 1.2.276.0.9999.1.1 1.2.276.0.9999.1.2; do
    id=$(curl -s -u lab:labpw -d $uid "$rest/tools/lookup" | sed -nE 's/.*"ID" : "([0-9a-f-]+)".*/\1/p')
    curl -sf -u lab:labpw -o stored -d "$id" "$rest/modalities/biovl/store" || fail "Orthanc could not send: $(cat listen.err)"
done
curl -sf http://127.0.0.1:$metrics_port/metrics >metrics || fail "no metrics: $(cat listen.err)"
for line in 'biovl_objects_total{outcome="stored"} 3' 'biovl_index_images_total 2' \
    'biovl_associations_total{outcome="rejected"} '; do
    grep -qF "$line" metrics || fail "no $line in: $(cat metrics)"
done
grep -q '"event":"listening"' events.jsonl || fail "no event of the start"
for _ in $(seq 50); do # they are written behind the answers
    [ "$(grep -c '"event":"object","outcome":"stored"' events.jsonl)" -ge 3 ] && break
    sleep 0.1
done
[ "$(grep -c '"event":"object","outcome":"stored"' events.jsonl)" -eq 3 ] || fail "events: $(cat events.jsonl)"
cat events.jsonl metrics >>all
kill -9 $listener
wait $listener 2>/dev/null
# Success was answered for three objects: they survive even a kill.
expect 0 "$biovl" index verify l.biovl
prints '"items":3'
"$biovl" pacs listen l.biovl --port $listen_port >listen.out 2>>listen.err &
listener=$!
sleep 1.5
kill $listener
wait $listener || fail "the receiver did not end well: $(cat listen.err)"
grep -q '"images":0' listen.out || fail "no counts from the receiver"
cat listen.out listen.err >>all

# Results go back: while the archive is away they wait, and go when it is there.
printf 'Pleural effusion\nPneumothorax\n' >labels
dead=$((http_port + 3))
expect 2 "$biovl" pacs listen l.biovl --labels labels
expect 0 "$biovl" index create r.biovl
start_listener() {
    "$biovl" pacs listen r.biovl --port $listen_port --labels labels --timeout 5 --send-to "$@" \
        >listen.out 2>>listen.err &
    listener=$!
    for _ in $(seq 50); do
        echoscu -aec BIOVL 127.0.0.1 $listen_port 2>/dev/null && return
        sleep 0.2
    done
    fail "the receiver does not answer: $(cat listen.err)"
}
stop_listener() {
    kill $listener
    wait $listener || fail "the receiver did not end well: $(cat listen.err)"
    cat listen.out listen.err >>all
}
wait_for() { # NUMBER of instances in study 1.2.276.0.9999.1.1
    for _ in $(seq 50); do
        "$biovl" pacs find $url --study 1.2.276.0.9999.1.1 >found 2>/dev/null
        grep -q "\"instances\":$1" found && return
        sleep 0.2
    done
    fail "no $1 instances in the study: $(cat found) $(cat listen.err)"
}
start_listener dicom://ORTHANC@127.0.0.1:$dead
# What speaks no DICOM, or breaks off in the middle of it, harms nobody.
printf 'GET / HTTP/1.0\r\n\r\n' >/dev/tcp/127.0.0.1/$listen_port
head -c 5000 /dev/urandom >/dev/tcp/127.0.0.1/$listen_port
printf '\001\000\000\000\000\377half an association' >/dev/tcp/127.0.0.1/$listen_port
storescu -xr -aec BIOVL 127.0.0.1 $listen_port a.dcm || fail "storescu: $(cat listen.err)"
storescu -aec BIOVL 127.0.0.1 $listen_port ra.dcm || fail "storescu of a report"
stop_listener
grep -q '"images":1,"reports":1.*"results":{"sent":0,"waiting":1}' listen.out || fail "counts: $(cat listen.out)"
[ "$(stat -c %a r.biovl.outbox)" = 700 ] || fail "others may look into the outbox"
ls r.biovl.outbox | grep -qE '^[0-9a-f]{32}r\.dcm$' || fail "names in the outbox: $(ls r.biovl.outbox)"
start_listener $url
wait_for 3
# The same image again: the same report, which the archive has already.
storescu -xr -aec BIOVL 127.0.0.1 $listen_port a.dcm
sleep 2
wait_for 3
stop_listener
grep -q '"results":{"sent":2,"waiting":0}' listen.out || fail "counts: $(cat listen.out)"
start_listener $url --captures
storescu -xr -aec BIOVL 127.0.0.1 $listen_port a.dcm
wait_for 4
stop_listener
[ -z "$(ls r.biovl.outbox)" ] || fail "something waits: $(ls r.biovl.outbox)"
# On an IPv6 address, and on no other; skipped where there is none.
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
    "$biovl" pacs listen l.biovl --port $listen_port --bind ::1 >listen.out 2>listen.err &
    listener=$!
    for _ in $(seq 50); do
        grep -q 'listening' listen.err && break
        sleep 0.2
    done
    expect 0 "$biovl" pacs send "dicom://BIOVL@[::1]:$listen_port" b.dcm
    expect 3 "$biovl" pacs send dicom://BIOVL@127.0.0.1:$listen_port b.dcm --tries 1
    stop_listener
fi
# Our own report is no radiologist's: an index leaves it out.
expect 0 "$biovl" index add m.biovl --from $url
prints '"images":0,"reports":0,"skipped":5,"failed":0'
grep -qaiE "$sentinels" all ./*.biovl && fail "patient data: $(grep -aioE "$sentinels" all ./*.biovl | sort -u | head -3)"
finish
