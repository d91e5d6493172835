#!/bin/bash
# bench: every combination of the lists gives one row, in each format.
. "$(dirname "$0")/lib.sh"
expect 0 "$biovl" bench --batch 1,2 --threads 1,2 --tokens 0,8 --deciseconds 1 --json
[ "$(wc -l <"$work/out")" -eq 8 ] || fail "not 8 rows"
prints '"arch":"biovl-cxr-small","device":"cpu","precision":"f32","threads":2,"batch":2,"tokens":8,"runs":[0-9]+,"ms_per_item":[0-9.e-]+,"sd":[0-9.e-]+'
expect 0 "$biovl" bench --deciseconds 1 --tokens 0 --csv --device cpu
[ "$(wc -l <"$work/out")" -eq 2 ] || fail "CSV: not a header and a row"
expect 2 "$biovl" bench --arch perceptron
expect 2 "$biovl" bench --batch 0 --deciseconds 1
finish
