#!/bin/bash
# An evaluation as a Slurm job array of four tasks on a one-machine cluster, merged, equals the same
# evaluation in one process. Skipped where Slurm is not installed, or may not be started (not root).
. "$(dirname "$0")/lib.sh"

skip() {
    echo "skipped: $*"
    exit 77
}
for program in slurmctld slurmd sbatch squeue munged; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || skip "$program is not installed (Debian: slurmctld slurmd slurm-client munge)"
done
[ "$(id -u)" -eq 0 ] || skip "starting slurmd and slurmctld takes root"
PATH=$PATH:/usr/sbin

state=$work/slurm
mkdir -p "$state/state" "$state/spool" "$state/log" "$state/munge"
host=$(hostname -s)
cat >"$state/slurm.conf" <<EOF
ClusterName=biovl
SlurmctldHost=$host
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$state/munge/socket
StateSaveLocation=$state/state
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/ctld.pid
SlurmdPidFile=$state/d.pid
SlurmctldLogFile=$state/log/ctld.log
SlurmdLogFile=$state/log/d.log
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
NodeName=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=one Nodes=$host Default=YES MaxTime=INFINITE State=UP
EOF
export SLURM_CONF=$state/slurm.conf
pids=
stop() {
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    for pid in $pids; do wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap stop EXIT
dd if=/dev/urandom of="$state/munge/key" bs=1 count=1024 2>/dev/null
chmod 600 "$state/munge/key"
munged -F --force --key-file="$state/munge/key" --socket="$state/munge/socket" \
    --pid-file="$state/munge/pid" --log-file="$state/munge/log" --seed-file="$state/munge/seed" \
    >"$state/log/munged.out" 2>&1 &
pids="$pids $!"
for _ in $(seq 50); do [ -S "$state/munge/socket" ] && break; sleep 0.1; done
slurmctld -D -f "$SLURM_CONF" >"$state/log/ctld.out" 2>&1 &
pids="$pids $!"
slurmd -D -f "$SLURM_CONF" >"$state/log/d.out" 2>&1 &
pids="$pids $!"
slurmd=$!
for _ in $(seq 100); do
    sinfo -h -o %t 2>/dev/null | grep -q idle && break
    kill -0 "$slurmd" 2>/dev/null || break # where it finds no cgroups
    sleep 0.2
done
sinfo -h -o %t 2>/dev/null | grep -q idle ||
    skip "Slurm does not come up here: $(tail -n 3 "$state/log/"*.log 2>/dev/null | tr '\n' ' ')"

mkdir "$work/images"
{
    echo path,patient_id,Edema,Pneumonia
    for i in $(seq 23); do
        ln -s "$root/assets/sample/cxr.dcm" "$work/images/$i.dcm"
        echo "images/$i.dcm,p$((i / 3)),$((i % 2)),$((i % 3 == 0))"
    done
    echo "images/none.dcm,p9,1,1"
} >"$work/data.csv"
printf 'Edema\nPneumonia\n' >"$work/labels.txt"
cat >"$work/job.sh" <<EOF
#!/bin/sh
#SBATCH --array=1-4
#SBATCH --output=$work/slurm-%a.log
"$biovl" eval "$work/data.csv" --labels "$work/labels.txt" -o "$work/array" --resume \\
    --shard "\$SLURM_ARRAY_TASK_ID/\$SLURM_ARRAY_TASK_COUNT" --threads 1
test \$? -le 1
EOF
job=$(sbatch --parsable "$work/job.sh") || fail "sbatch"
for _ in $(seq 600); do
    [ -z "$(squeue -h -j "$job" 2>/dev/null)" ] && break
    sleep 0.2
done
[ "$(ls "$work/array" 2>/dev/null | grep -c 'journal-.-of-4.tsv')" -eq 4 ] ||
    fail "not four journals: $(ls "$work/array"; cat "$work"/slurm-*.log)"
expect 1 "$biovl" eval merge "$work/array" --no-bootstrap
says '1 of 24 rows failed'
expect 1 "$biovl" eval "$work/data.csv" --labels "$work/labels.txt" -o "$work/one" --no-bootstrap
for file in predictions.csv errors.csv metrics.json metrics.csv report.html; do
    cmp "$work/array/$file" "$work/one/$file" || fail "$file differs"
done
finish
