#include "pacs/server.h"

#include <stdlib.h>

#include "pacs/elements.h"

enum { MAX_OBJECTS = 100000, NO_SUCH_OBJECT = 0x0112 };

static const uint32_t transaction = 0x00081195, references = 0x00081199, failures = 0x00081198,
                      referenced_class = 0x00081150, referenced_sop = 0x00081155,
                      failure_reason = 0x00081197;

struct asked {
    char sop_class[BV_UID_SIZE], sop[BV_UID_SIZE];
    bool held;
};

static void write_list(struct bv_element_writer *w, const struct asked *list, size_t n, bool held)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (list[i].held != held)
            continue;
        if (!any)
            bv_element_begin(w, held ? references : failures);
        any = true;
        bv_element_begin_item(w);
        bv_element_write(w, referenced_class, "UI", list[i].sop_class);
        bv_element_write(w, referenced_sop, "UI", list[i].sop);
        if (!held)
            bv_element_write_number(w, failure_reason, NO_SUCH_OBJECT);
        bv_element_end_item(w);
    }
    if (any)
        bv_element_end(w);
}

// Reads the list of what is asked for; the caller frees *list.
static enum bv_status read_list(struct bv_elements elements, struct asked **list, size_t *n,
                                struct bv_error *err)
{
    struct bv_element sequence, item;
    size_t room = 0;
    if (!bv_elements_find(elements, references, &sequence))
        return bv_fail(err, BV_ERR_FORMAT, "a request without objects");
    struct bv_elements items = bv_elements_of(sequence.value, sequence.size, elements.implicit);
    while (bv_elements_next(&items, &item)) {
        if (*n == MAX_OBJECTS)
            return bv_fail(err, BV_ERR_LIMIT, "a request of too many objects");
        if (*n == room) {
            room = room ? 2 * room : 64;
            struct asked *more = realloc(*list, room * sizeof *more);
            if (!more)
                return bv_fail_nomem(err, "a request");
            *list = more;
        }
        struct asked *one = &(*list)[*n];
        struct bv_elements inside = bv_elements_of(item.value, item.size, elements.implicit);
        bv_elements_text(inside, referenced_class, false, one->sop_class, sizeof one->sop_class);
        bv_elements_text(inside, referenced_sop, false, one->sop, sizeof one->sop);
        if (!bv_uid_valid(one->sop))
            return bv_fail(err, BV_ERR_FORMAT, "a request with an object without identifier");
        ++*n;
    }
    return *n > 0 ? BV_OK : bv_fail(err, BV_ERR_FORMAT, "a request without objects");
}

enum bv_status bv_commitment_make(struct bv_commitment *c, const uint8_t *request, size_t size,
                                  bool implicit, bool (*holds)(void *arg, const char *sop),
                                  void *arg, struct bv_error *err)
{
    struct bv_elements elements = bv_elements_of(request, size, implicit);
    struct bv_element_writer w = {.implicit = implicit};
    struct asked *list = NULL;
    char uid[BV_UID_SIZE];
    size_t n = 0;
    bv_elements_text(elements, transaction, false, uid, sizeof uid);
    enum bv_status status = bv_uid_valid(uid)
                                ? read_list(elements, &list, &n, err)
                                : bv_fail(err, BV_ERR_FORMAT, "a request without transaction");
    *c = (struct bv_commitment){.report = NULL};
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        list[i].held = holds(arg, list[i].sop);
        c->n_held += list[i].held;
        c->n_failed += !list[i].held;
    }
    if (status == BV_OK) {
        bv_element_write(&w, transaction, "UI", uid);
        write_list(&w, list, n, false);
        write_list(&w, list, n, true);
        status = w.failed ? bv_fail_nomem(err, "a report") : BV_OK;
    }
    free(list);
    if (status == BV_OK) {
        c->report = w.bytes;
        c->size = w.n;
    } else {
        free(w.bytes);
    }
    return status;
}

void bv_commitment_free(struct bv_commitment *c)
{
    free(c->report);
    *c = (struct bv_commitment){.report = NULL};
}
