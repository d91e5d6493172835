#include "eval/run/pipeline.h"

#include <stdio.h>
#include <string.h>

const char *bv_device_moved(const struct bv_session *session, char text[BV_MOVED_CHARS])
{
    const char *why = bv_session_fallback(session);
    if (!why)
        return NULL;
    (void)snprintf(text, BV_MOVED_CHARS, "%.100s|%.20s|%s", bv_session_device(session),
                   bv_session_precision(session), why);
    return text;
}

enum bv_status bv_devices_add(struct bv_devices *d, const char *moved, struct bv_error *err)
{
    if (!moved) {
        d->n_own++;
        return BV_OK;
    }
    if (!d->moved)
        d->moved = json_object();
    json_int_t n = json_integer_value(json_object_get(d->moved, moved));
    if (json_object_set_new(d->moved, moved, json_integer(n + 1)) != 0)
        return bv_fail_nomem(err, "the devices");
    return BV_OK;
}

void bv_devices_free(struct bv_devices *d)
{
    json_decref(d->moved);
    *d = (struct bv_devices){0};
}

static json_t *device_json(const char *device, size_t n_device, const char *precision,
                           size_t n_precision, uint64_t images)
{
    return json_pack("{s:s#, s:s#, s:I}", "device", device, (int)n_device, "precision", precision,
                     (int)n_precision, "images", (json_int_t)images);
}

json_t *bv_devices_json(const struct bv_devices *d, const json_t *model)
{
    json_t *list = json_array(), *count = NULL;
    const char *moved = NULL;
    if (d->n_own || !d->moved) {
        const char *device = bv_json_string(model, "device", "");
        const char *precision = bv_json_string(model, "precision", "");
        (void)json_array_append_new(
            list, device_json(device, strlen(device), precision, strlen(precision), d->n_own));
    }
    json_object_foreach(d->moved, moved, count)
    {
        size_t n = strcspn(moved, "|");
        const char *precision = moved + n + (moved[n] == '|');
        size_t m = strcspn(precision, "|");
        json_t *one = device_json(moved, n, precision, m, (uint64_t)json_integer_value(count));
        (void)json_object_set_new(one, "fallback",
                                  json_string(precision + m + (precision[m] == '|')));
        (void)json_array_append_new(list, one);
    }
    return list;
}
