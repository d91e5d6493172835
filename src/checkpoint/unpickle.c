#include "checkpoint/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "checkpoint/container.h"
#include "checkpoint/torch.h"

#define MAX_STACK ((size_t)1 << 20)
#define MAX_MARKS ((size_t)1 << 16)
#define MAX_MEMO ((size_t)1 << 22)
#define MAX_LONG_BYTES 255

struct machine {
    struct bv_pickle *pickle;
    const uint8_t *data;
    size_t size, at;
    struct bv_pickle_value **stack;
    size_t n_stack, stack_room;
    size_t *marks; // heights of the stack
    size_t n_marks, mark_room;
    struct bv_pickle_value **memo;
    size_t memo_room, n_memoized;
    bv_pickle_persistent *persistent;
    void *arg;
    struct bv_error *err;
    bool stopped;
};

typedef enum bv_status opcode(struct machine *m);

// ---- stream, stack, memo ---------------------------------------------------------------------

static enum bv_status broken(struct machine *m, const char *what)
{
    return bv_fail(m->err, BV_ERR_FORMAT, "broken pickle at byte %zu: %s", m->at, what);
}

static enum bv_status take(struct machine *m, size_t n, const uint8_t **bytes)
{
    if (n > m->size - m->at)
        return broken(m, "it ends early");
    *bytes = m->data + m->at;
    m->at += n;
    return BV_OK;
}

// An unsigned number of 1, 2, 4 or 8 bytes.
static enum bv_status take_count(struct machine *m, size_t width, uint64_t *count)
{
    const uint8_t *p = NULL;
    BV_TRY(take(m, width, &p));
    *count = 0;
    for (size_t i = width; i-- > 0;)
        *count = *count << 8 | p[i];
    return BV_OK;
}

// Makes the array that the pointer at array points to hold at least needed items, up to limit.
static enum bv_status reserve(struct machine *m, void *array, size_t item, size_t needed,
                              size_t limit, size_t *room)
{
    if (needed <= *room)
        return BV_OK;
    if (needed > limit)
        return bv_fail(m->err, BV_ERR_LIMIT, "a pickle deeper or longer than %zu", limit);
    size_t larger = *room ? *room : 256;
    while (larger < needed)
        larger *= 2;
    void *pointer = NULL; // *array, of whatever pointer type
    memcpy(&pointer, array, sizeof pointer);
    void *grown = realloc(pointer, larger * item);
    if (!grown)
        return bv_fail_nomem(m->err, "a pickle");
    memset((char *)grown + *room * item, 0, (larger - *room) * item);
    memcpy(array, &grown, sizeof grown);
    *room = larger;
    return BV_OK;
}

static enum bv_status push(struct machine *m, struct bv_pickle_value *value)
{
    BV_TRY(reserve(m, &m->stack, sizeof *m->stack, m->n_stack + 1, MAX_STACK, &m->stack_room));
    m->stack[m->n_stack++] = value;
    return BV_OK;
}

// Nothing below the topmost mark can be popped but through it.
static size_t floor_of(const struct machine *m)
{
    return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

static enum bv_status pop(struct machine *m, struct bv_pickle_value **value)
{
    if (m->n_stack <= floor_of(m))
        return broken(m, "its stack is empty");
    *value = m->stack[--m->n_stack];
    return BV_OK;
}

static enum bv_status top(struct machine *m, struct bv_pickle_value **value)
{
    if (m->n_stack <= floor_of(m))
        return broken(m, "its stack is empty");
    *value = m->stack[m->n_stack - 1];
    return BV_OK;
}

// The values above the topmost mark, which stay valid until the next push.
static enum bv_status pop_mark(struct machine *m, struct bv_pickle_value ***values, size_t *n)
{
    if (m->n_marks == 0)
        return broken(m, "it has no mark");
    size_t height = m->marks[--m->n_marks];
    *values = m->stack + height;
    *n = m->n_stack - height;
    m->n_stack = height;
    return BV_OK;
}

static enum bv_status push_new(struct machine *m, enum bv_pickle_kind kind,
                               struct bv_pickle_value **value)
{
    BV_TRY(bv_pickle_new(m->pickle, kind, value, m->err));
    return push(m, *value);
}

static enum bv_status memo_put(struct machine *m, uint64_t index)
{
    struct bv_pickle_value *value = NULL;
    BV_TRY(top(m, &value));
    // Writers number densely, so an index cannot pass the number of bytes read.
    if (index >= m->at)
        return broken(m, "its memo has a hole");
    BV_TRY(reserve(m, &m->memo, sizeof *m->memo, (size_t)index + 1, MAX_MEMO, &m->memo_room));
    m->memo[index] = value;
    return BV_OK;
}

static enum bv_status memo_get(struct machine *m, uint64_t index)
{
    if (index >= m->memo_room || !m->memo[index])
        return bv_fail(m->err, BV_ERR_FORMAT,
                       "broken pickle at byte %zu: memo entry %llu was never stored", m->at,
                       (unsigned long long)index);
    return push(m, m->memo[index]);
}

// ---- numbers and texts -----------------------------------------------------------------------

static enum bv_status push_none(struct machine *m)
{
    struct bv_pickle_value *value = NULL;
    return push_new(m, BV_PICKLE_NONE, &value);
}

static enum bv_status push_bool(struct machine *m, bool boolean)
{
    struct bv_pickle_value *value = NULL;
    BV_TRY(push_new(m, BV_PICKLE_BOOL, &value));
    value->boolean = boolean;
    return BV_OK;
}

static enum bv_status push_true(struct machine *m)
{
    return push_bool(m, true);
}

static enum bv_status push_false(struct machine *m)
{
    return push_bool(m, false);
}

static enum bv_status push_int(struct machine *m, int64_t integer)
{
    struct bv_pickle_value *value = NULL;
    BV_TRY(push_new(m, BV_PICKLE_INT, &value));
    value->integer = integer;
    return BV_OK;
}

static enum bv_status push_unsigned(struct machine *m, size_t width)
{
    uint64_t count = 0;
    BV_TRY(take_count(m, width, &count));
    return push_int(m, (int64_t)count);
}

static enum bv_status binint(struct machine *m)
{
    uint64_t count = 0;
    BV_TRY(take_count(m, 4, &count));
    return push_int(m, count > INT32_MAX ? (int64_t)count - ((int64_t)1 << 32) : (int64_t)count);
}

static enum bv_status binint1(struct machine *m)
{
    return push_unsigned(m, 1);
}

static enum bv_status binint2(struct machine *m)
{
    return push_unsigned(m, 2);
}

// The decimal digits of a little-endian two's complement number, in arena memory.
static char *decimal(struct machine *m, const uint8_t *p, size_t n)
{
    uint8_t magnitude[MAX_LONG_BYTES];
    bool negative = p[n - 1] & 0x80;
    unsigned carry = negative;
    for (size_t i = 0; i < n; i++) {
        unsigned byte = (negative ? (unsigned)~p[i] & 0xff : p[i]) + carry;
        magnitude[i] = (uint8_t)byte;
        carry = byte >> 8;
    }
    char digits[MAX_LONG_BYTES * 5 / 2 + 3];
    size_t at = sizeof digits;
    digits[--at] = 0;
    for (size_t length = n; length > 0;) {
        unsigned rest = 0;
        for (size_t i = length; i-- > 0;) {
            unsigned part = rest << 8 | magnitude[i];
            magnitude[i] = (uint8_t)(part / 10);
            rest = part % 10;
        }
        digits[--at] = (char)('0' + rest);
        while (length > 0 && magnitude[length - 1] == 0)
            length--;
    }
    if (negative)
        digits[--at] = '-';
    return bv_arena_strdup(&m->pickle->arena, digits + at);
}

static enum bv_status push_long(struct machine *m, uint64_t n)
{
    const uint8_t *p = NULL;
    if (n > MAX_LONG_BYTES)
        return bv_fail(m->err, BV_ERR_LIMIT, "a pickle with an integer of %llu bytes",
                       (unsigned long long)n);
    BV_TRY(take(m, (size_t)n, &p));
    if (n <= 8) {
        uint64_t bits = n && p[n - 1] & 0x80 ? UINT64_MAX : 0; // the sign fills up
        for (size_t i = (size_t)n; i-- > 0;)
            bits = bits << 8 | p[i];
        return push_int(m, (int64_t)bits);
    }
    struct bv_pickle_value *value = NULL;
    BV_TRY(push_new(m, BV_PICKLE_BIG_INT, &value));
    value->text = decimal(m, p, (size_t)n);
    if (!value->text)
        return bv_fail_nomem(m->err, "a pickle");
    value->n = strlen(value->text);
    return BV_OK;
}

static enum bv_status long1(struct machine *m)
{
    uint64_t n = 0;
    BV_TRY(take_count(m, 1, &n));
    return push_long(m, n);
}

static enum bv_status long4(struct machine *m)
{
    uint64_t n = 0;
    BV_TRY(take_count(m, 4, &n));
    return push_long(m, n);
}

static enum bv_status binfloat(struct machine *m)
{
    const uint8_t *p = NULL;
    struct bv_pickle_value *value = NULL;
    BV_TRY(take(m, 8, &p));
    BV_TRY(push_new(m, BV_PICKLE_FLOAT, &value));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i]; // big-endian, alone in the format
    memcpy(&value->real, &bits, sizeof bits);
    return BV_OK;
}

static enum bv_status push_text(struct machine *m, enum bv_pickle_kind kind, size_t width)
{
    uint64_t n = 0;
    const uint8_t *p = NULL;
    struct bv_pickle_value *value = NULL;
    BV_TRY(take_count(m, width, &n));
    if (n > m->size - m->at)
        return broken(m, "a text is longer than the rest of the stream");
    BV_TRY(take(m, (size_t)n, &p));
    BV_TRY(push_new(m, kind, &value));
    value->text = (const char *)p;
    value->n = (size_t)n;
    return BV_OK;
}

static enum bv_status text1(struct machine *m)
{
    return push_text(m, BV_PICKLE_STRING, 1);
}

static enum bv_status text4(struct machine *m)
{
    return push_text(m, BV_PICKLE_STRING, 4);
}

static enum bv_status text8(struct machine *m)
{
    return push_text(m, BV_PICKLE_STRING, 8);
}

static enum bv_status bytes1(struct machine *m)
{
    return push_text(m, BV_PICKLE_BYTES, 1);
}

static enum bv_status bytes4(struct machine *m)
{
    return push_text(m, BV_PICKLE_BYTES, 4);
}

static enum bv_status bytes8(struct machine *m)
{
    return push_text(m, BV_PICKLE_BYTES, 8);
}

// ---- containers ------------------------------------------------------------------------------

static enum bv_status mark(struct machine *m)
{
    BV_TRY(reserve(m, &m->marks, sizeof *m->marks, m->n_marks + 1, MAX_MARKS, &m->mark_room));
    m->marks[m->n_marks++] = m->n_stack;
    return BV_OK;
}

static enum bv_status empty_list(struct machine *m)
{
    struct bv_pickle_value *value = NULL;
    return push_new(m, BV_PICKLE_LIST, &value);
}

static enum bv_status empty_tuple(struct machine *m)
{
    struct bv_pickle_value *value = NULL;
    return push_new(m, BV_PICKLE_TUPLE, &value);
}

static enum bv_status empty_dict(struct machine *m)
{
    struct bv_pickle_value *value = NULL;
    return push_new(m, BV_PICKLE_DICT, &value);
}

static enum bv_status empty_set(struct machine *m)
{
    struct bv_pickle_value *value = NULL;
    return push_new(m, BV_PICKLE_SET, &value);
}

// A container of all values above the mark.
static enum bv_status collect(struct machine *m, enum bv_pickle_kind kind)
{
    struct bv_pickle_value **values = NULL, *container = NULL;
    size_t n = 0;
    BV_TRY(pop_mark(m, &values, &n));
    if (kind == BV_PICKLE_DICT && n % 2)
        return broken(m, "a key without a value");
    BV_TRY(bv_pickle_new(m->pickle, kind, &container, m->err));
    BV_TRY(
        bv_pickle_append(m->pickle, container, values, kind == BV_PICKLE_DICT ? n / 2 : n, m->err));
    return push(m, container);
}

static enum bv_status list(struct machine *m)
{
    return collect(m, BV_PICKLE_LIST);
}

static enum bv_status tuple(struct machine *m)
{
    return collect(m, BV_PICKLE_TUPLE);
}

static enum bv_status dict(struct machine *m)
{
    return collect(m, BV_PICKLE_DICT);
}

static enum bv_status frozenset(struct machine *m)
{
    return collect(m, BV_PICKLE_SET);
}

static enum bv_status short_tuple(struct machine *m, size_t n)
{
    struct bv_pickle_value *container = NULL;
    if (m->n_stack - floor_of(m) < n)
        return broken(m, "its stack is empty");
    BV_TRY(bv_pickle_new(m->pickle, BV_PICKLE_TUPLE, &container, m->err));
    m->n_stack -= n;
    BV_TRY(bv_pickle_append(m->pickle, container, m->stack + m->n_stack, n, m->err));
    return push(m, container);
}

static enum bv_status tuple1(struct machine *m)
{
    return short_tuple(m, 1);
}

static enum bv_status tuple2(struct machine *m)
{
    return short_tuple(m, 2);
}

static enum bv_status tuple3(struct machine *m)
{
    return short_tuple(m, 3);
}

// Adds n items (pairs for a DICT) to the value on top: a container of kind, or an instance of a
// class derived from it.
static enum bv_status add(struct machine *m, enum bv_pickle_kind kind,
                          struct bv_pickle_value **items, size_t n)
{
    struct bv_pickle_value *target = NULL;
    BV_TRY(top(m, &target));
    if (target->kind == BV_PICKLE_OBJECT) {
        if (!target->object->content)
            BV_TRY(bv_pickle_new(m->pickle, kind, &target->object->content, m->err));
        target = target->object->content;
    }
    if (target->kind != kind)
        return broken(m, "something is added to a value that is no such container");
    return bv_pickle_append(m->pickle, target, items, n, m->err);
}

static enum bv_status add_marked(struct machine *m, enum bv_pickle_kind kind)
{
    struct bv_pickle_value **items = NULL;
    size_t n = 0;
    BV_TRY(pop_mark(m, &items, &n));
    if (kind == BV_PICKLE_DICT && n % 2)
        return broken(m, "a key without a value");
    return add(m, kind, items, kind == BV_PICKLE_DICT ? n / 2 : n);
}

static enum bv_status append(struct machine *m)
{
    struct bv_pickle_value *item = NULL;
    BV_TRY(pop(m, &item));
    return add(m, BV_PICKLE_LIST, &item, 1);
}

static enum bv_status setitem(struct machine *m)
{
    struct bv_pickle_value *pair[2];
    BV_TRY(pop(m, &pair[1]));
    BV_TRY(pop(m, &pair[0]));
    return add(m, BV_PICKLE_DICT, pair, 1);
}

static enum bv_status appends(struct machine *m)
{
    return add_marked(m, BV_PICKLE_LIST);
}

static enum bv_status setitems(struct machine *m)
{
    return add_marked(m, BV_PICKLE_DICT);
}

static enum bv_status additems(struct machine *m)
{
    return add_marked(m, BV_PICKLE_SET);
}

// ---- names, calls, instances -----------------------------------------------------------------

static enum bv_status take_line(struct machine *m, const char **line, size_t *n)
{
    const uint8_t *from = m->data + m->at;
    const uint8_t *end = memchr(from, '\n', m->size - m->at);
    if (!end)
        return broken(m, "it ends early");
    *line = (const char *)from;
    *n = (size_t)(end - from);
    m->at += *n + 1;
    return BV_OK;
}

static enum bv_status take_global(struct machine *m, struct bv_pickle_value **value)
{
    const char *module = NULL, *name = NULL;
    size_t module_bytes = 0, name_bytes = 0;
    BV_TRY(take_line(m, &module, &module_bytes));
    BV_TRY(take_line(m, &name, &name_bytes));
    return bv_pickle_global(m->pickle, module, module_bytes, name, name_bytes, value, m->err);
}

static enum bv_status global(struct machine *m)
{
    struct bv_pickle_value *value = NULL;
    BV_TRY(take_global(m, &value));
    return push(m, value);
}

static enum bv_status stack_global(struct machine *m)
{
    struct bv_pickle_value *module = NULL, *name = NULL, *value = NULL;
    BV_TRY(pop(m, &name));
    BV_TRY(pop(m, &module));
    if (module->kind != BV_PICKLE_STRING || name->kind != BV_PICKLE_STRING)
        return broken(m, "a name that is no text");
    BV_TRY(
        bv_pickle_global(m->pickle, module->text, module->n, name->text, name->n, &value, m->err));
    return push(m, value);
}

static enum bv_status reduce(struct machine *m)
{
    struct bv_pickle_value *args = NULL, *function = NULL, *value = NULL;
    BV_TRY(pop(m, &args));
    BV_TRY(pop(m, &function));
    if (args->kind != BV_PICKLE_TUPLE)
        return broken(m, "arguments that are no tuple");
    BV_TRY(bv_pickle_call(m->pickle, function, args, &value, m->err));
    return push(m, value);
}

static enum bv_status newobj(struct machine *m)
{
    struct bv_pickle_value *args = NULL, *type = NULL, *value = NULL;
    BV_TRY(pop(m, &args));
    BV_TRY(pop(m, &type));
    if (args->kind != BV_PICKLE_TUPLE)
        return broken(m, "arguments that are no tuple");
    BV_TRY(bv_pickle_instance(m->pickle, type, args, &value, m->err));
    return push(m, value);
}

static enum bv_status newobj_ex(struct machine *m)
{
    struct bv_pickle_value *keywords = NULL;
    BV_TRY(pop(m, &keywords));
    return newobj(m);
}

// INST and OBJ of protocol 0 and 1: a class and the arguments above the mark, called.
static enum bv_status call_marked(struct machine *m, const struct bv_pickle_value *function,
                                  struct bv_pickle_value **items, size_t n)
{
    struct bv_pickle_value *args = NULL, *value = NULL;
    BV_TRY(bv_pickle_new(m->pickle, BV_PICKLE_TUPLE, &args, m->err));
    BV_TRY(bv_pickle_append(m->pickle, args, items, n, m->err));
    BV_TRY(bv_pickle_call(m->pickle, function, args, &value, m->err));
    return push(m, value);
}

static enum bv_status inst(struct machine *m)
{
    struct bv_pickle_value *function = NULL, **items = NULL;
    size_t n = 0;
    BV_TRY(take_global(m, &function));
    BV_TRY(pop_mark(m, &items, &n));
    return call_marked(m, function, items, n);
}

static enum bv_status obj(struct machine *m)
{
    struct bv_pickle_value **items = NULL;
    size_t n = 0;
    BV_TRY(pop_mark(m, &items, &n));
    if (n == 0)
        return broken(m, "an instance without a class");
    return call_marked(m, items[0], items + 1, n - 1);
}

static enum bv_status build(struct machine *m)
{
    struct bv_pickle_value *state = NULL, *value = NULL;
    BV_TRY(pop(m, &state));
    BV_TRY(top(m, &value));
    return bv_pickle_build(m->pickle, value, state, m->err);
}

static enum bv_status binpersid(struct machine *m)
{
    struct bv_pickle_value *id = NULL, *value = NULL;
    BV_TRY(pop(m, &id));
    if (m->persistent)
        BV_TRY(m->persistent(m->arg, m->pickle, id, &value, m->err));
    else
        BV_TRY(bv_torch_persistent(m->pickle, id, &value, m->err));
    return push(m, value);
}

static enum bv_status extension(struct machine *m)
{
    return bv_fail(
        m->err, BV_ERR_REFUSED,
        "refused: the pickle calls through Python's extension registry; nothing was run");
}

// ---- the rest --------------------------------------------------------------------------------

static enum bv_status proto(struct machine *m)
{
    uint64_t version = 0;
    BV_TRY(take_count(m, 1, &version));
    return version <= 5 ? BV_OK : broken(m, "a protocol later than 5");
}

static enum bv_status frame(struct machine *m)
{
    uint64_t n = 0;
    BV_TRY(take_count(m, 8, &n));
    return n <= m->size - m->at ? BV_OK : broken(m, "a frame is longer than the rest");
}

static enum bv_status stop(struct machine *m)
{
    m->stopped = true;
    if (m->n_marks || m->n_stack != 1)
        return bv_fail(m->err, BV_ERR_FORMAT, "broken pickle: it ends with %zu values, not one",
                       m->n_stack);
    return BV_OK;
}

static enum bv_status binput(struct machine *m)
{
    uint64_t index = 0;
    BV_TRY(take_count(m, 1, &index));
    return memo_put(m, index);
}

static enum bv_status long_binput(struct machine *m)
{
    uint64_t index = 0;
    BV_TRY(take_count(m, 4, &index));
    return memo_put(m, index);
}

static enum bv_status memoize(struct machine *m)
{
    return memo_put(m, m->n_memoized++);
}

static enum bv_status binget(struct machine *m)
{
    uint64_t index = 0;
    BV_TRY(take_count(m, 1, &index));
    return memo_get(m, index);
}

static enum bv_status long_binget(struct machine *m)
{
    uint64_t index = 0;
    BV_TRY(take_count(m, 4, &index));
    return memo_get(m, index);
}

static enum bv_status drop(struct machine *m)
{
    struct bv_pickle_value *value = NULL, **values = NULL;
    size_t n = 0;
    if (m->n_marks && m->n_stack == floor_of(m))
        return pop_mark(m, &values, &n);
    return pop(m, &value);
}

static enum bv_status drop_marked(struct machine *m)
{
    struct bv_pickle_value **values = NULL;
    size_t n = 0;
    return pop_mark(m, &values, &n);
}

static enum bv_status dup(struct machine *m)
{
    struct bv_pickle_value *value = NULL;
    BV_TRY(top(m, &value));
    return push(m, value);
}

static opcode *const opcodes[256] = {
    ['('] = mark,        ['.'] = stop,        ['0'] = drop,          ['1'] = drop_marked,
    ['2'] = dup,         ['B'] = bytes4,      ['C'] = bytes1,        ['G'] = binfloat,
    ['J'] = binint,      ['K'] = binint1,     ['M'] = binint2,       ['N'] = push_none,
    ['Q'] = binpersid,   ['R'] = reduce,      ['T'] = text4,         ['U'] = text1,
    ['X'] = text4,       [']'] = empty_list,  ['a'] = append,        ['b'] = build,
    ['c'] = global,      ['d'] = dict,        ['e'] = appends,       ['h'] = binget,
    ['i'] = inst,        ['j'] = long_binget, ['l'] = list,          ['o'] = obj,
    ['q'] = binput,      ['r'] = long_binput, ['s'] = setitem,       ['t'] = tuple,
    ['u'] = setitems,    [')'] = empty_tuple, ['}'] = empty_dict,    [0x80] = proto,
    [0x81] = newobj,     [0x82] = extension,  [0x83] = extension,    [0x84] = extension,
    [0x85] = tuple1,     [0x86] = tuple2,     [0x87] = tuple3,       [0x88] = push_true,
    [0x89] = push_false, [0x8a] = long1,      [0x8b] = long4,        [0x8c] = text1,
    [0x8d] = text8,      [0x8e] = bytes8,     [0x8f] = empty_set,    [0x90] = additems,
    [0x91] = frozenset,  [0x92] = newobj_ex,  [0x93] = stack_global, [0x94] = memoize,
    [0x95] = frame,      [0x96] = bytes8,
};

static enum bv_status run(struct machine *m)
{
    while (!m->stopped) {
        const uint8_t *code = NULL;
        BV_TRY(take(m, 1, &code));
        if (!opcodes[*code])
            return bv_fail(m->err, BV_ERR_UNSUPPORTED,
                           "pickle opcode 0x%02x at byte %zu, which torch does not write", *code,
                           m->at - 1);
        BV_TRY(opcodes[*code](m));
    }
    return BV_OK;
}

enum bv_status bv_unpickle(struct bv_pickle *pickle, const uint8_t *data, size_t size,
                           bv_pickle_persistent *persistent, void *arg,
                           struct bv_pickle_value **root, size_t *used, struct bv_error *err)
{
    struct machine m = {.pickle = pickle,
                        .data = data,
                        .size = size,
                        .persistent = persistent,
                        .arg = arg,
                        .err = err};
    enum bv_status status =
        reserve(&m, &m.stack, sizeof(struct bv_pickle_value *), 1, MAX_STACK, &m.stack_room);
    if (status == BV_OK)
        status = run(&m);
    if (status == BV_OK) {
        *root = m.stack[0];
        *used = m.at;
    }
    free(m.stack);
    free(m.marks);
    free(m.memo);
    return status;
}
