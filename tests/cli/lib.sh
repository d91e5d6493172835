# lib.sh: what the command's tests share. Sourced with $1 = program, $2 = source folder.
biovl=$1
root=$2
export LC_ALL=C.UTF-8
unset BIOVL_MODEL
export BIOVL_NO_CACHE=1 # tests see what a build does, not what an earlier one did
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# expect CODE COMMAND…: runs it with its output in $work/out and $work/err.
expect() {
    local code=$1 got=0
    shift
    "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
    [ "$got" -eq "$code" ] || {
        fail "exit code $got, not $code: $*"
        sed 's/^/    /' "$work/err"
    }
}

# says PATTERN / prints PATTERN: the last command's messages or results contain it.
says() { grep -qE -- "$1" "$work/err" || fail "no \"$1\" in: $(cat "$work/err")"; }
prints() { grep -qE -- "$1" "$work/out" || fail "no \"$1\" in the output: $(head -c 600 "$work/out")"; }

# Whether the program runs under a sanitizer, which reserves terabytes of addresses.
sanitized() { [ -n "${BIOVL_SANITIZE-}" ]; }

finish() {
    [ "$failures" -eq 0 ] && exit 0
    echo "$failures failed"
    exit 1
}
