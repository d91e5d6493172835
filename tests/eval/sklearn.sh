#!/bin/sh
# sklearn.sh PROGRAM: the metrics against the scikit-learn that is installed here, on cases that are
# not the stored ones. Skipped (77) where no Python has it.
here=$(dirname "$0")
for python in /usr/bin/python3 python3; do
    if "$python" -c 'import sklearn, scipy' 2>/dev/null; then
        cases=$(mktemp) || exit 1
        trap 'rm -f "$cases"' EXIT
        for seed in 2 3; do
            "$python" "$here/reference.py" $seed >"$cases" && "$1" "$cases" || exit 1
        done
        exit 0
    fi
done
echo "skipped: no Python here has scikit-learn (Debian: python3-sklearn)"
exit 77
