#include "pacs/pdu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Items of associations.
enum {
    APPLICATION = 0x10,
    CONTEXT_RQ = 0x20,
    CONTEXT_AC = 0x21,
    ABSTRACT = 0x30,
    TRANSFER = 0x40,
    USER = 0x50,
    MAX_LENGTH = 0x51,
    IMPLEMENTATION = 0x52,
    ROLES = 0x54,
    VERSION = 0x55,
    FIXED = 68, // bytes before the items
    MAX_SYNTAXES = 64,
};

static const char application[] = "1.2.840.10008.3.1.1.1";
static const char implementation[] = BV_IMPLEMENTATION_UID;
static const char version[] = BV_IMPLEMENTATION_NAME;

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

void bv_pdu_read_header(const uint8_t header[BV_PDU_HEADER], uint8_t *type, uint32_t *length)
{
    *type = header[0];
    *length = get32(header + 2);
}

void bv_pdu_write_header(uint8_t header[BV_PDU_HEADER], enum bv_pdu_type type, uint32_t length)
{
    header[0] = (uint8_t)type;
    header[1] = 0;
    for (int i = 0; i < 4; i++)
        header[2 + i] = (uint8_t)(length >> (24 - 8 * i));
}

// Reading.

struct item {
    uint8_t type;
    const uint8_t *value;
    size_t size;
};

// The next item of a list, false at its end; *bad when it does not fit.
static bool next_item(const uint8_t **at, const uint8_t *end, struct item *item, bool *bad)
{
    if (*at == end)
        return false;
    if (end - *at < 4 || (size_t)(end - *at - 4) < get16(*at + 2)) {
        *bad = true;
        return false;
    }
    *item = (struct item){(*at)[0], *at + 4, get16(*at + 2)};
    *at += 4 + item->size;
    return true;
}

// A UID without padding; false for another text.
static bool read_uid(const uint8_t *text, size_t size, char uid[BV_UID_SIZE])
{
    while (size > 0 && (text[size - 1] == 0 || text[size - 1] == ' '))
        size--;
    if (size >= BV_UID_SIZE)
        return false;
    for (size_t i = 0; i < size; i++) {
        if ((text[i] < '0' || text[i] > '9') && text[i] != '.')
            return false;
    }
    memcpy(uid, text, size);
    uid[size] = 0;
    return true;
}

static bool read_title(const uint8_t *text, char title[BV_TITLE_ROOM])
{
    size_t n = 16, first = 0;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == 0))
        n--;
    while (first < n && text[first] == ' ')
        first++;
    for (size_t i = first; i < n; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '\\')
            return false;
    }
    memcpy(title, text + first, n - first);
    title[n - first] = 0;
    return true;
}

static enum bv_status malformed(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT, "a malformed association");
}

static enum bv_status read_context(const struct item *from, struct bv_arena *arena,
                                   struct bv_context_item *context, struct bv_error *err)
{
    const uint8_t *at = from->value + 4, *end = from->value + from->size;
    const char *syntaxes[MAX_SYNTAXES];
    struct item item;
    bool bad = false;
    if (from->size < 4)
        return malformed(err);
    *context = (struct bv_context_item){.id = from->value[0], .result = from->value[2]};
    while (next_item(&at, end, &item, &bad)) {
        char uid[BV_UID_SIZE];
        bool readable = read_uid(item.value, item.size, uid);
        if (item.type == ABSTRACT && readable)
            memcpy(context->abstract, uid, sizeof uid);
        if (item.type != TRANSFER || !readable || context->n_syntaxes == MAX_SYNTAXES)
            continue;
        syntaxes[context->n_syntaxes] = bv_arena_strdup(arena, uid);
        if (!syntaxes[context->n_syntaxes++])
            return bv_fail_nomem(err, "an association");
    }
    context->syntaxes = bv_arena_array(arena, context->n_syntaxes + 1, sizeof *syntaxes);
    if (!context->syntaxes)
        return bv_fail_nomem(err, "an association");
    memcpy(context->syntaxes, syntaxes, context->n_syntaxes * sizeof *syntaxes);
    return bad ? malformed(err) : BV_OK;
}

static void read_roles(const struct item *item, struct bv_associate *a)
{
    char uid[BV_UID_SIZE];
    if (item->size < 4 || get16(item->value) > item->size - 4 ||
        !read_uid(item->value + 2, get16(item->value), uid))
        return;
    const uint8_t *roles = item->value + 2 + get16(item->value);
    for (size_t i = 0; i < a->n_contexts; i++) {
        if (strcmp(a->contexts[i].abstract, uid) != 0)
            continue;
        a->contexts[i].asks_roles = true;
        a->contexts[i].scu = roles[0] != 0;
        a->contexts[i].scp = roles[1] != 0;
    }
}

static enum bv_status read_user(const struct item *user, struct bv_associate *a,
                                struct bv_error *err)
{
    const uint8_t *at = user->value, *end = user->value + user->size;
    struct item item;
    bool bad = false;
    while (next_item(&at, end, &item, &bad)) {
        if (item.type == MAX_LENGTH && item.size == 4)
            a->max_pdu = get32(item.value);
        if (item.type == ROLES)
            read_roles(&item, a);
    }
    return bad ? malformed(err) : BV_OK;
}

enum bv_status bv_pdu_read_associate(const uint8_t *body, size_t size, struct bv_arena *arena,
                                     struct bv_associate *out, struct bv_error *err)
{
    if (size < FIXED || (get16(body) & 1) == 0 || !read_title(body + 4, out->called) ||
        !read_title(body + 20, out->calling))
        return malformed(err);
    out->n_contexts = 0;
    out->max_pdu = 0;
    const uint8_t *at = body + FIXED, *end = body + size;
    struct item item;
    bool bad = false;
    while (next_item(&at, end, &item, &bad)) {
        if (item.type == CONTEXT_RQ || item.type == CONTEXT_AC) {
            if (out->n_contexts == BV_MAX_CONTEXTS)
                return bv_fail(err, BV_ERR_LIMIT, "more than %d contexts", BV_MAX_CONTEXTS);
            BV_TRY(read_context(&item, arena, &out->contexts[out->n_contexts++], err));
        } else if (item.type == USER) {
            BV_TRY(read_user(&item, out, err));
        }
    }
    return bad ? malformed(err) : BV_OK;
}

// Writing.

struct writer {
    uint8_t *bytes; // NULL: only counted
    size_t n;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
    if (w->bytes)
        memcpy(w->bytes + w->n, bytes, n);
    w->n += n;
}

static void put_number(struct writer *w, uint32_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        put(w, &(uint8_t){(uint8_t)(value >> (8 * i))}, 1);
}

// Begins an item; its length is set by end_item().
static size_t begin_item(struct writer *w, uint8_t type)
{
    put_number(w, (uint32_t)type << 24, 4);
    return w->n;
}

static void end_item(struct writer *w, size_t begin)
{
    if (w->bytes) {
        w->bytes[begin - 2] = (uint8_t)((w->n - begin) >> 8);
        w->bytes[begin - 1] = (uint8_t)(w->n - begin);
    }
}

static void put_text_item(struct writer *w, uint8_t type, const char *text)
{
    size_t begin = begin_item(w, type);
    put(w, text, strlen(text));
    end_item(w, begin);
}

static void put_title(struct writer *w, const char *title)
{
    char padded[BV_TITLE_ROOM];
    (void)snprintf(padded, sizeof padded, "%-16.16s", title);
    put(w, padded, 16);
}

static void put_context(struct writer *w, const struct bv_context_item *c, bool answer)
{
    size_t begin = begin_item(w, answer ? CONTEXT_AC : CONTEXT_RQ);
    put(w, (uint8_t[]){c->id, 0, answer ? c->result : 0, 0}, 4);
    if (!answer)
        put_text_item(w, ABSTRACT, c->abstract);
    for (size_t i = 0; i < c->n_syntaxes && (!answer || i < 1); i++)
        put_text_item(w, TRANSFER, c->syntaxes[i]);
    end_item(w, begin);
}

static void put_user(struct writer *w, const struct bv_associate *a)
{
    size_t user = begin_item(w, USER), begin = begin_item(w, MAX_LENGTH);
    put_number(w, a->max_pdu, 4);
    end_item(w, begin);
    put_text_item(w, IMPLEMENTATION, implementation);
    for (size_t i = 0; i < a->n_contexts; i++) {
        const struct bv_context_item *c = &a->contexts[i];
        bool said = !c->asks_roles;
        for (size_t j = 0; j < i && !said; j++)
            said = a->contexts[j].asks_roles && strcmp(a->contexts[j].abstract, c->abstract) == 0;
        if (said)
            continue;
        begin = begin_item(w, ROLES);
        put_number(w, (uint32_t)strlen(c->abstract), 2);
        put(w, c->abstract, strlen(c->abstract));
        put(w, (uint8_t[]){c->scu, c->scp}, 2);
        end_item(w, begin);
    }
    put_text_item(w, VERSION, version);
    end_item(w, user);
}

static void put_associate(struct writer *w, enum bv_pdu_type type, const struct bv_associate *a)
{
    static const uint8_t zeros[32];
    put(w, zeros, BV_PDU_HEADER);
    put_number(w, 1 << 16, 4);
    put_title(w, a->called);
    put_title(w, a->calling);
    put(w, zeros, 32);
    put_text_item(w, APPLICATION, application);
    for (size_t i = 0; i < a->n_contexts; i++)
        put_context(w, &a->contexts[i], type == BV_PDU_ASSOCIATE_AC);
    put_user(w, a);
}

enum bv_status bv_pdu_write_associate(enum bv_pdu_type type, const struct bv_associate *associate,
                                      uint8_t **bytes, size_t *size, struct bv_error *err)
{
    struct writer count = {0}, w = {0};
    put_associate(&count, type, associate);
    w.bytes = malloc(count.n);
    if (!w.bytes)
        return bv_fail_nomem(err, "an association");
    put_associate(&w, type, associate);
    bv_pdu_write_header(w.bytes, type, (uint32_t)(w.n - BV_PDU_HEADER));
    *bytes = w.bytes;
    *size = w.n;
    return BV_OK;
}
