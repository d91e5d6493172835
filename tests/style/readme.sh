#!/bin/bash
# readme.sh ROOT: every file that README.md and the documents link to exists, and so does every test
# that docs/security.md names for a promise.
set -eo pipefail
cd "$1"
bad=0
for page in README.md CONTRIBUTING.md docs/*.md bench/*.md; do
    for link in $(grep -oE '\]\([^)#: ]+' "$page" | cut -c3-); do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: no $link"; bad=1; }
    done
done
for test in $(grep -oE '`[a-z]+\.[a-z_]+\b' docs/security.md | cut -c2- | sort -u); do
    name=${test#*.}
    case $test in
    *.c) continue ;; # a source file
    cli.*) grep -q "^cli_test($name)" tests/cli/CMakeLists.txt ;;
    fuzz.*) [ -e "tests/fuzz/$name.c" ] ;;
    pacs.campaign_*) grep -q "^def ${name#campaign_}(" tests/pacs/campaign.py ;;
    *) grep -qrE "^(biovl_test\(|add_test\(NAME )$test( |$)" tests --include=CMakeLists.txt ;;
    esac || { echo "docs/security.md: no test $test"; bad=1; }
done
exit $bad
