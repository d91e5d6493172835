#!/bin/bash
# classify: table, JSON and CSV of the sample radiograph with the default model.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm
labels=$root/assets/labels/chest.txt

expect 0 "$biovl" classify "$sample" --labels "$labels"
prints '^  Pleural effusion +0\.[0-9]+'
says 'not a medical device'
says 'research demonstration model'
cp "$labels" "$work/labels.txt"
expect 2 "$biovl" classify "$sample" --labels "$work/labels.txt" --dicom-sr "$work/labels.txt"
says 'the output is also an input'
cmp -s "$labels" "$work/labels.txt" || fail "the labels were overwritten"
expect 2 "$biovl" classify "$sample" --labels "$labels" --dicom-sr "$work/twice.dcm" --dicom-sc "$work/twice.dcm"

expect 0 "$biovl" classify "$sample" --labels "$labels" --json
for key in '"model":\{"name":"biovl-cxr-small","sha256":"[0-9a-f]{64}"' '"preset":' \
    '"prompts":\{"set":"biovl-cxr-v1","sha256":"[0-9a-f]{64}"' '"device":"cpu"' \
    '"precision":"f32"' '"intended_use":"research"' '"version":"0\.' \
    '"label":"Edema","score":0\.[0-9]+,"kind":"pair_softmax"'; do
    prints "$key"
done
[ "$(wc -l <"$work/out")" -eq 1 ] || fail "not one line per image"

expect 0 "$biovl" classify "$sample" "$sample" --labels "$labels" --csv
[ "$(wc -l <"$work/out")" -eq 17 ] || fail "CSV: not a header and 2 × 8 rows"
head -1 "$work/out" | grep -qx 'path,label,score,kind' || fail "CSV header"

# The same bits whatever the number of threads.
expect 0 "$biovl" classify "$sample" --labels "$labels" --json --threads 1
cp "$work/out" "$work/one"
expect 0 "$biovl" classify "$sample" --labels "$labels" --json --threads 3
cmp -s "$work/one" "$work/out" || fail "scores depend on the number of threads"

# Prompt sets by name and from a file; a name that is neither tells those that are.
expect 0 "$biovl" classify "$sample" --labels "$labels" --json --templates plain-v1
prints '"prompts":\{"set":"plain-v1"'
printf '{"name": "mine", "positive": ["signs of {}"], "negative": ["no signs of {}"]}' >"$work/mine.json"
expect 0 "$biovl" classify "$sample" --labels "$labels" --json --templates "$work/mine.json"
prints '"prompts":\{"set":"mine"'
expect 2 "$biovl" classify "$sample" --labels "$labels" --templates no-such-set
says 'medclip-chexpert-full'
expect 0 "$biovl" info --prompts
for set in medclip-chexpert-full gloria-chexpert-full medclip-rsna-full medclip-covid-full; do
    prints "^$set +[A-Z]"
done

# Labels from stdin, with prompts of their own.
printf 'Effusion = pleural effusion | fluid in the pleural space ! clear pleural spaces\n' |
    "$biovl" classify "$sample" --labels - >"$work/out" 2>"$work/err" || fail "labels on stdin"
prints 'Effusion +0\.'
finish
