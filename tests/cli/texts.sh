#!/bin/bash
# Texts as people save them: one rule wherever a text is read, and a file that fails is named while
# the others go on.
. "$(dirname "$0")/lib.sh"
sample=$root/assets/sample/cxr.dcm
cd "$work"
labels='Edema\nPneumonia\n'

# tokens FILE: the ids of its lines.
tokens() { "$biovl" tokenize --text-file "$1" 2>err | sed 's/.*"ids"://'; }

# hits: the lines of the last search's hits; a report may take several lines.
hits() { grep -E '^[0-9]+,' out; }

# Byte order marks and line ends make no difference.
printf 'a large effusion\nno effusion' >plain
printf '\xef\xbb\xbfa large effusion\r\nno effusion\r\n' >windows
printf 'a large effusion\rno effusion\r' >mac
for name in windows mac; do
    [ "$(tokens plain)" = "$(tokens $name)" ] || fail "$name gives other ids: $(tokens $name)"
done
printf "$labels" >labels
printf '\xef\xbb\xbfEdema\r\nPneumonia\r\n' >labels.windows
printf 'Edema\rPneumonia' >labels.mac
"$biovl" classify "$sample" -l labels --csv 2>err >expected
for name in labels.windows labels.mac; do
    expect 0 "$biovl" classify "$sample" -l $name --csv
    cmp -s out expected || fail "$name gives other scores"
done

# A row for each line, the empty ones too.
printf 'one\n\nthree\n\n' >blank
[ "$(tokens blank | wc -l)" -eq 4 ] || fail "$(tokens blank | wc -l) rows for four lines"
expect 0 "$biovl" embed --text-file blank
[ "$(wc -l <out)" -eq 4 ] || fail "$(wc -l <out) embeddings for four lines"

# What is no UTF-8 text is refused, with file and line.
printf 'fine\nGr\xf6\xdfe\n' >latin
printf 'fine\nun\0seen\n' >zero
printf '\xff\xfeE\0d\0' >utf16
for case in "latin: line 2 is not UTF-8" "zero: line 2 has a byte of zero" "utf16: UTF-16"; do
    name=${case%%:*}
    expect 3 "$biovl" tokenize --text-file $name
    says "$case"
    expect 3 "$biovl" classify "$sample" -l $name
    says "$case"
    expect 3 "$biovl" classify "$sample" -l labels --templates ./$name
    says "$case"
done

# Reports: those that can be read are indexed, the others named.
mkdir reports
printf 'FINDINGS: Clear.\nIMPRESSION: Large effusion.' >reports/first.txt
printf '\xef\xbb\xbfFINDINGS: Clear.\r\nIMPRESSION: Large effusion.' >reports/second.txt
cp latin reports/latin.txt
cp zero reports/zero.txt
cp utf16 reports/utf16.txt
expect 0 "$biovl" index create i.biovl
expect 1 "$biovl" index add i.biovl reports
says 'latin.txt: line 2 is not UTF-8'
says 'zero.txt: line 2'
says 'utf16.txt: UTF-16'
expect 0 "$biovl" search i.biovl --text effusion --find report --csv
[ "$(hits | cut -d, -f3 | sort -u | wc -l)" -eq 1 ] || fail "two scores of one text"
[ "$(hits | wc -l)" -eq 2 ] || fail "$(hits | wc -l) hits for two reports"
expect 3 "$biovl" search i.biovl --report latin
says 'latin: line 2'

# A file whose name could be no accession number is a study of its own.
mkdir -p many/a many/b
printf 'IMPRESSION: Edema.' >many/a/x.txt
printf 'IMPRESSION: No edema.' >many/b/x.txt
expect 0 "$biovl" index create m.biovl
expect 0 "$biovl" index add m.biovl many
expect 0 "$biovl" search m.biovl --text edema --find report --csv
[ "$(hits | wc -l)" -eq 2 ] && [ "$(hits | cut -d, -f5 | sort -u | wc -l)" -eq 2 ] || fail "two reports, one study"

# A table that cannot be read to its end, among other inputs.
printf 'id,report\nr1,"IMPRESSION: Edema."\nr2,"Gr\xf6\xdfe"\n' >bad.csv
printf 'id,report\nr3,"IMPRESSION: Nodule."\n' >good.csv
expect 0 "$biovl" index create t.biovl
expect 1 "$biovl" index add t.biovl bad.csv good.csv
says 'bad.csv: line 3: not UTF-8'
expect 0 "$biovl" search t.biovl --text nodule --find report --csv
[ "$(hits | wc -l)" -eq 2 ] || fail "$(hits | wc -l) hits for two reports"
finish
