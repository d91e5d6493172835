#!/bin/bash
# What a command line may say: texts that begin with a dash, frames of multi-frame files, help.
. "$(dirname "$0")/lib.sh"
cd "$work"

# Texts of reports begin with dashes.
expect 0 "$biovl" tokenize --text 'Lungs are clear.'
expect 0 "$biovl" tokenize --text '- Lungs are clear.' '-No effusion'
[ "$(wc -l <out)" -eq 2 ] || fail "two texts gave $(wc -l <out) lines"
expect 0 "$biovl" tokenize --text=-effusion
expect 2 "$biovl" tokenize --text -effusion
says 'a value; one that begins with a dash: --text=-'
expect 2 "$biovl" tokenize --text a --unknown
says 'unknown option --unknown'

# help VERB is VERB --help.
for verb in classify 'eval vqa' 'index add'; do
    expect 0 "$biovl" $verb --help
    mv out wanted
    expect 0 "$biovl" help $verb
    cmp -s out wanted || fail "help $verb is no $verb --help"
done
expect 2 "$biovl" help nothing
says 'unknown command "nothing"'
finish
