#!/bin/bash
# Four ranks over five shards answer as one search of the merged index.
. "$(dirname "$0")/lib.sh"
command -v mpirun >/dev/null || { echo "skipped: mpirun (package openmpi-bin) is not installed"; exit 77; }
cd "$work" || exit 1
mkdir in
for i in 1 2 3 4 5 6 7 8 9; do
    # Nine radiographs that differ: the sample under other windows.
    cp "$root/assets/sample/cxr.dcm" in/$i.dcm
    dcmodify -nb -i "(0008,0018)=1.2.276.0.9999.3.$i" -i "(0020,000d)=1.2.276.0.9999.1.$((i / 2))" \
        -i "(0028,1050)=$((1500 + 150 * i))" -i "(0028,1051)=$((4096 - 300 * i))" \
        -i "(0018,5101)=$([ $((i % 2)) -eq 0 ] && echo PA || echo AP)" in/$i.dcm >/dev/null ||
        fail "dcmodify"
done
for i in 0 1 2 3 4; do
    expect 0 "$biovl" index create s$i.biovl --key site.key
    expect 0 "$biovl" index add s$i.biovl in --key site.key --shard $i/5
done
expect 0 "$biovl" index create all.biovl --key site.key
expect 0 "$biovl" index merge all.biovl s*.biovl
for question in '-k 4' '-k 20' '-k 3 --by-study' '-k 5 --where view=PA'; do
    expect 0 "$biovl" search all.biovl --text 'pleural effusion' --json $question
    cp out one
    for ranks in 1 4; do
        expect 0 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
            OMPI_MCA_rmaps_base_oversubscribe=1 mpirun -np $ranks \
            "$biovl" search --mpi --json s*.biovl --text 'pleural effusion' $question --threads 1
        cmp -s one out || fail "$ranks ranks answer otherwise ($question): $(diff one out | head -3)"
    done
    [ -s one ] || fail "no hits ($question)"
done
# A shard that is missing makes the answer incomplete: none is given.
env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    mpirun -np 2 "$biovl" search --mpi --json s0.biovl none.biovl --text x >out 2>err </dev/null &&
    fail "a missing shard went unnoticed"
[ -s out ] && fail "an incomplete answer was printed"
finish
