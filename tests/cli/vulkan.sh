# vulkan.sh: what the command's tests on a Vulkan device share. Sourced like lib.sh, which it
# includes. The tests run under the validation layer with synchronization validation, and fail on
# any message: the program itself prints none, so the layer writes them, by its own settings.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export BIOVL_ALLOW_SOFTWARE=1 BIOVL_VK_POISON=1 BIOVL_VK_VALIDATE=1
export VK_LAYER_SETTINGS_PATH=$work/vk_layer_settings.txt

# layer_writes KINDS FILE: from now on.
layer_writes() {
    printf 'khronos_validation.%s\n' 'debug_action = VK_DBG_LAYER_ACTION_LOG_MSG' \
        "report_flags = $1" "log_filename = $2" >"$VK_LAYER_SETTINGS_PATH"
}

# At level info the layer says that it is there, and what it checks.
layer_writes error,warn,perf,info "$work/layer"
: >"$work/layer"
if ! "$biovl" info --devices --json >"$work/out" 2>"$work/err" || ! grep -q '"usable"' "$work/out"; then
    echo "SKIPPED: a build without Vulkan, or no device"
    exit 77
fi
layer=$(find ${VK_LAYER_PATH:+"$VK_LAYER_PATH"} {/usr,/usr/local,"$HOME/.local"}/share/vulkan \
    /etc/vulkan -name 'VkLayer_khronos_validation.json' 2>/dev/null | head -n 1)
if [ -n "$layer" ] && ! grep -q 'Enables: .*SYNCHRONIZATION_VALIDATION' "$work/layer"; then
    fail "the validation layer is installed ($layer) but did not run: $(cat "$work/layer")"
fi

# From here on it is silent. Each instance that a process makes truncates the log; a pipe keeps what
# came before.
mkfifo "$work/messages.pipe"
sed -u '/^end of the test$/Q' <>"$work/messages.pipe" >"$work/messages" &
reader=$!
trap 'kill $reader 2>/dev/null; rm -rf "$work"' EXIT
layer_writes error,warn,perf "$work/messages.pipe"
expect 0 "$biovl" info --devices

# finish, after a look at what the layer wrote.
finish_silent() {
    echo 'end of the test' >"$work/messages.pipe"
    wait $reader
    [ ! -s "$work/messages" ] || fail "the validation layer: $(head -c 2000 "$work/messages")"
    if [ "$failures" -eq 0 ] && [ -z "$layer" ]; then
        echo "SKIPPED: all right, but without the validation layer, which is not installed"
        exit 77
    fi
    finish
}
