#!/bin/bash
# eval, eval merge and calibrate: files and exit codes on good and bad data.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm
images=$work/images
mkdir "$images"
printf 'Edema\nPneumonia\n' >"$work/labels.txt"

# write_data N SALT: rows 0 … N-1 with truths that depend on SALT.
write_data() {
    echo path,patient,Edema,Pneumonia
    for i in $(seq 0 $(($1 - 1))); do
        ln -sf "$sample" "$images/$i.dcm"
        echo "images/$i.dcm,p$((i / 2)),$(((i + $2) % 2)),$(((i / 2 + $2) % 2))"
    done
}
write_data 12 0 >"$work/data.csv"
write_data 10 1 >"$work/val.csv"
run() { "$biovl" eval "$@" --labels "$work/labels.txt" --no-bootstrap; }

# All files, and only them; predictions repeat the paths as given and the labels as columns.
expect 0 run "$work/data.csv" -o "$work/a"
[ "$(ls "$work/a" | tr '\n' ' ')" = "errors.csv figures journal.tsv metrics.csv metrics.json predictions.csv report.html thresholds.json warnings.csv " ] ||
    fail "files: $(ls -A "$work/a")"
[ "$(head -1 "$work/a/predictions.csv")" = path,Edema,Pneumonia ] || fail "header of predictions"
[ "$(wc -l <"$work/a/predictions.csv")" -eq 13 ] || fail "rows of predictions"
grep -q '^images/7.dcm,0\.[0-9]*,0\.[0-9]*$' "$work/a/predictions.csv" || fail "a row of predictions"
grep -q '"auroc": 0.5,' "$work/a/metrics.json" || fail "equal images give an AUROC of one half"

# Predictive values at a stated prevalence: the scores are equal, so they are that prevalence.
for p in 0 1 -0.1 1.5 nan ten ''; do
    expect 2 run "$work/data.csv" -o "$work/prevalence" --prevalence "$p"
    [ ! -e "$work/prevalence" ] || fail "a folder for a prevalence of \"$p\""
done
cp -r "$work/a" "$work/stated"
expect 0 "$biovl" eval merge "$work/stated" --no-bootstrap --prevalence 0.03
python3 - "$work/stated/metrics.json" <<'EOF' || fail "predictive values at a stated prevalence"
import json, sys
edema = json.load(open(sys.argv[1]))["classes"]["Edema"]
first = edema["predictive_values"][0]
assert first["prevalence"] == 0.03 and len(edema["predictive_values"]) == 8
se, sp = edema["sensitivity"], edema["specificity"]
for name, hit, miss in ("ppv", se * 0.03, (1 - sp) * 0.97), ("npv", sp * 0.97, (1 - se) * 0.03):
    want = hit / (hit + miss) if hit + miss else "NA"
    assert first[name] == want or abs(first[name] - want) < 1e-12, (name, first)
EOF
grep -qE 'src=|href=|<script|https?:' "$work/a/report.html" && fail "the report loads something"
[ "$(ls "$work/a/figures" | tr '\n' ' ')" = "calibration_curve.csv decision_curve.csv decision_curve_01_edema.svg decision_curve_02_pneumonia.svg precision_recall.csv precision_recall_01_edema.svg precision_recall_02_pneumonia.svg predictive_values.csv predictive_values_01_edema.svg predictive_values_02_pneumonia.svg reliability.csv reliability_01_edema.svg reliability_02_pneumonia.svg roc.csv roc_01_edema.svg roc_02_pneumonia.svg " ] ||
    fail "figures: $(ls "$work/a/figures")"
python3 - "$work/a/figures" <<'EOF' || fail "figures"
import csv, glob, sys, xml.dom.minidom
for path in glob.glob(sys.argv[1] + "/*.svg"):
    xml.dom.minidom.parse(path)
rows = [r for r in csv.DictReader(open(sys.argv[1] + "/decision_curve.csv")) if r["class"] == "Edema"]
assert len(rows) == 99 and rows[29]["threshold"] == "0.3"
# Half of the images are positive; treating all at 0.3: 1/2 - 1/2 * 0.3/0.7.
assert abs(float(rows[29]["treat_all"]) - (0.5 - 0.5 * 0.3 / 0.7)) < 1e-12
EOF
grep -q 'role="img"><title>ROC curve of Edema</title>' "$work/a/report.html" || fail "a diagram without a name"

# The same scores as classify's.
expect 0 "$biovl" classify "$sample" --labels "$work/labels.txt" --json
score=$(grep -o '"label":"Edema","score":[0-9.e-]*' "$work/out" | grep -o '[0-9.e-]*$')
python3 - "$score" "$work/a/predictions.csv" <<'EOF' || fail "eval and classify disagree"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[2])))
# Batches may sum in another order than single images on some devices; on the CPU they do not.
sys.exit(any(abs(float(r["Edema"]) - float(sys.argv[1])) > 1e-6 for r in rows))
EOF

# Again without and with --resume, and with other settings.
expect 2 run "$work/data.csv" -o "$work/a"
says -- '--resume'
cp -r "$work/a" "$work/before"
expect 0 run "$work/data.csv" -o "$work/a" --resume
diff -r "$work/before" "$work/a" >/dev/null || fail "resuming a finished run changed it"
expect 2 run "$work/data.csv" -o "$work/a" --resume --uncertain one
says 'differs from the journal.s: uncertain is "one", there "ignore"'
if "$biovl" info --devices | grep -q bf16; then
    expect 2 run "$work/data.csv" -o "$work/a" --resume --precision bf16
    says 'model.precision is "bf16", there "'
fi

# Shards, numbered from 1 or from 0.
for i in 1 2 0; do expect 0 run "$work/data.csv" -o "$work/s" --shard $i/3; done
expect 0 "$biovl" eval merge "$work/s" --no-bootstrap
for f in predictions.csv warnings.csv metrics.json report.html; do
    cmp "$work/a/$f" "$work/s/$f" || fail "merged $f differs"
done
expect 2 run "$work/data.csv" -o "$work/t" --shard 4/3
expect 2 run "$work/data.csv" -o "$work/t" --shard x
expect 0 run "$work/data.csv" -o "$work/t" --shard 1/3
expect 3 "$biovl" eval merge "$work/t"
says 'shard 3 of 3 is not there'
expect 3 "$biovl" eval merge "$work/nothing"

# Bad rows: the rest is done, each has its line, the exit code tells.
{
    printf '\xef\xbb\xbfpath,Edema,Pneumonia\r\n'
    printf '"images/0.dcm",1,0\r\nimages/none.dcm,1,0\r\nimages/1.dcm,2,0\r\n'
    printf 'images/0.dcm,0,0\r\nimages/2.dcm,0\r\nimages/3.dcm,0,1\r\ntext.png,0,1\r\n'
} >"$work/bad.csv"
echo 'no image' >"$work/text.png"
expect 1 run "$work/bad.csv" -o "$work/b"
says '5 of 7 rows failed'
[ "$(cut -d, -f1-3 "$work/b/errors.csv" | tr '\n' ' ')" = "line,path,reason 3,images/none.dcm,io 4,images/1.dcm,bad_label 5,images/0.dcm,duplicate_row 6,images/2.dcm,missing_fields 8,text.png,format " ] ||
    fail "errors: $(cat "$work/b/errors.csv")"
grep -q '^images/none.dcm,NA,NA$' "$work/b/predictions.csv" || fail "a failed row of predictions"
printf 'path,Edema\nnone.png,1\n' >"$work/all_bad.csv"
expect 3 run "$work/all_bad.csv" -o "$work/c"
: >"$work/empty.csv"
expect 3 run "$work/empty.csv" -o "$work/d"
says 'empty'
printf 'path,Edema\n' >"$work/header.csv"
expect 2 run "$work/header.csv" -o "$work/d"
says 'no row'
printf 'path,Edema\nimages/0.dcm,1\n"images/1.dcm,0\n' >"$work/quote.csv"
expect 3 run "$work/quote.csv" -o "$work/d"
says 'line 3: a quote that is never closed'
printf 'id,Edema\nx,1\n' >"$work/no_path.csv"
expect 2 run "$work/no_path.csv" -o "$work/d"
says 'no column "path" among "id", "Edema"'
expect 3 run "$work/absent.csv" -o "$work/d"
expect 2 run "$work/data.csv" -o "$work/d" --uncertain maybe
expect 2 run "$work/data.csv"
[ ! -e "$work/d/metrics.json" ] || fail "results without an evaluation"

# Warnings are listed by image and counted, also when the run is resumed; nothing of the patient is.
if command -v dcmodify >/dev/null; then
    cp "$sample" "$work/lateral.dcm"
    dcmodify -nb -i '(0018,5101)=LL' -i '(0010,0010)=SENTINEL^JANE' "$work/lateral.dcm" || fail "dcmodify"
    printf 'path,Edema\nimages/0.dcm,1\nlateral.dcm,0\nnone.dcm,0\n' >"$work/warned.csv"
    expect 1 run "$work/warned.csv" -o "$work/w"
    says '[12] images have warnings: see .*/w/warnings.csv'
    grep -q '^3,lateral.dcm,lateral_view$' "$work/w/warnings.csv" || fail "$(cat "$work/w/warnings.csv")"
    grep -q '"lateral_view": 1' "$work/w/metrics.json" || fail "warnings are not counted"
    grep -q '<th scope="row">lateral_view</th><td>1</td>' "$work/w/report.html" || fail "no warning in the report"
    grep -rq SENTINEL "$work/w" && fail "a patient's name is in the results"
    cp -r "$work/w" "$work/w_before"
    expect 1 run "$work/warned.csv" -o "$work/w" --resume
    diff -r "$work/w_before" "$work/w" >/dev/null || fail "resuming changed the warnings"
fi
python3 - "$work/a/metrics.json" <<'EOF' || fail "devices"
import json, sys
devices = json.load(open(sys.argv[1]))["devices"]
sys.exit(len(devices) != 1 or devices[0]["images"] != 12)
EOF

# Thresholds and calibrations of other data; never of the same data unawares.
expect 0 run "$work/data.csv" -o "$work/f" --fit-thresholds "$work/val.csv" --rule f1
python3 - "$work/f" <<'EOF' || fail "thresholds are not those fitted"
import json, sys
fit = json.load(open(sys.argv[1] + "/fit/thresholds.json"))
got = json.load(open(sys.argv[1] + "/metrics.json"))
assert fit["rule"] == "f1" and got["thresholds"]["rule"] == "f1"
assert got["thresholds"]["fitted_on"]["path"].endswith("val.csv")
for label, value in fit["units"]["image"].items():
    assert got["classes"][label]["threshold"] == value
EOF
expect 2 run "$work/data.csv" -o "$work/g" --fit-thresholds "$work/data.csv"
says 'very data'
expect 2 "$biovl" eval merge "$work/a" --no-bootstrap --apply "$work/a/thresholds.json"
says 'allow-same-data'
expect 0 "$biovl" calibrate "$work/f/fit" -o "$work/platt.json"
grep -q '"sha256"' "$work/platt.json" || fail "the calibration does not name its data"
expect 0 "$biovl" eval merge "$work/a" --no-bootstrap --calibration "$work/platt.json"
grep -qE '"calibrated_brier": 0\.2' "$work/a/metrics.json" || fail "no calibrated Brier score"
expect 2 "$biovl" calibrate "$work/f/fit" -o "$work/x.json" --method magic
expect 3 "$biovl" eval merge "$work/a" --no-bootstrap --apply "$work/platt.json"

# Two runs of the same rows compared; other rows refused by name.
expect 0 "$biovl" eval compare "$work/a" "$work/s" -o "$work/compared" --bootstrap 40 --margin 0.05
[ "$(ls "$work/compared" | tr '\n' ' ')" = "compare.csv compare.html compare.json " ] || fail "files: $(ls -A "$work/compared")"
python3 - "$work/compared/compare.json" <<'EOF' || fail "comparison"
import json, sys
pair = json.load(open(sys.argv[1]))["pairs"][0]
one = pair["classes"]["Edema"]["auroc"]
assert one["delong"]["difference"] == 0 and one["delong"]["p"] == 1, one
assert one["noninferiority"]["margin"] == 0.05
EOF
grep -qE 'src=|href=|<script|https?:' "$work/compared/compare.html" && fail "the comparison loads something"
expect 2 "$biovl" eval compare "$work/a" "$work/f/fit" -o "$work/refused"
says 'not of the same rows'
expect 2 "$biovl" eval compare "$work/a" -o "$work/refused"
expect 2 "$biovl" eval compare "$work/a" "$work/s" -o "$work/refused" --margin 2
[ -e "$work/refused" ] && fail "a refused comparison left files"

# Groups of a finished run, and thresholds with a bound on what they miss.
expect 0 "$biovl" eval subgroups "$work/s" --by Pneumonia --no-bootstrap
grep -q '^Pneumonia,Edema,1,6,' "$work/s/subgroups.csv" || fail "a group: $(head -3 "$work/s/subgroups.csv")"
expect 2 "$biovl" eval subgroups "$work/s" --by weight
says 'no column "weight"'
expect 2 "$biovl" eval subgroups "$work/s"
expect 0 "$biovl" eval conformal "$work/f/fit" "$work/s" -o "$work/conformal" --alpha 0.3
grep -q '^Edema,5,' "$work/conformal/conformal.csv" || fail "thresholds: $(cat "$work/conformal/conformal.csv")"
expect 2 "$biovl" eval conformal "$work/s" "$work/a" -o "$work/refused"
says 'of the same data'

# What is given wins over the protocol.
sed 's/"blank": "ignore"/"blank": "zero"/' "$root/assets/protocols/rsna.json" >"$work/zero.json"
for blank in zero ignore; do
  expect 0 "$biovl" eval "$work/data.csv" --protocol "$work/zero.json" --blank $blank \
    -o "$work/p_$blank" --no-bootstrap
  grep -q "empty labels: $blank" "$work/p_$blank/report.html" || fail "--blank $blank"
done
# A protocol: its columns, its number, the digests of what it is about.
expect 0 "$biovl" eval protocols
grep -q '"name":"cxr-lt-2026"' "$work/out" || fail "list of protocols"
expect 2 "$biovl" eval "$work/data.csv" --protocol chexpert-test -o "$work/refused"
says 'Atelectasis, Cardiomegaly, Consolidation, Pleural Effusion; there are path, patient, Edema, Pneumonia'
expect 2 "$biovl" eval "$work/data.csv" --protocol vqa-rad -o "$work/refused"
expect 2 "$biovl" eval "$work/data.csv" --protocol vindr -o "$work/refused"
says 'leaves the labels open'
expect 0 "$biovl" eval "$work/data.csv" --protocol rsna -o "$work/p" --no-bootstrap
grep -q '"protocol_sha256":"[0-9a-f]\{64\}"' "$work/out" || fail "digest of the protocol"
grep -q '^BioViL,0.831,NA,NA,' "$work/p/protocol.csv" || fail "published: $(cat "$work/p/protocol.csv")"
[ -e "$work/refused" ] && fail "a refusal left files"

# Nothing of the patients of the CSV or the images goes into a result.
grep -rqE '\bp[0-5]\b' "$work/a" "$work/s" "$work/compared" "$work/conformal" "$work/p" && fail "a patient's identifier is in the results"
finish
