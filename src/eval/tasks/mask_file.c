#include "eval/tasks/localization.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 29, MAX_LISTED = 1 << 24 };

static enum bv_status read_size(const json_t *mask, int size[2], struct bv_error *err)
{
    const json_t *sides = json_object_get(mask, "size");
    for (size_t i = 0; i < 2; i++) {
        const json_int_t side = json_integer_value(json_array_get(sides, i));
        if (json_array_size(sides) != 2 || side < 1 || side > BV_MASK_MAX_SIDE)
            return bv_fail(err, BV_ERR_FORMAT, "a mask's size is [height, width]");
        size[i] = (int)side;
    }
    return BV_OK;
}

// A list of lengths becomes runs.
static enum bv_status read_list(const json_t *list, const int size[2], struct bv_mask_runs *runs,
                                struct bv_error *err)
{
    const size_t n = json_array_size(list);
    json_int_t left = (json_int_t)size[0] * size[1];
    if (n > MAX_LISTED || left > (json_int_t)BV_MASK_MAX_PIXELS)
        return bv_fail(err, BV_ERR_LIMIT, "a mask of %d × %d pixels", size[1], size[0]);
    *runs = (struct bv_mask_runs){size[0], size[1], malloc((n + 1) * sizeof *runs->lengths), n};
    if (!runs->lengths)
        return bv_fail_nomem(err, "a mask");
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        const json_int_t length = json_integer_value(one);
        if (!json_is_integer(one) || length < 0 || length > left)
            break;
        runs->lengths[i] = (uint32_t)length;
        left -= length;
        if (i + 1 == n && left == 0)
            return BV_OK;
    }
    bv_mask_runs_free(runs);
    return bv_fail(err, BV_ERR_FORMAT, "runs that do not make %d × %d pixels", size[1], size[0]);
}

static enum bv_status read_mask(const json_t *mask, struct bv_mask_runs *runs, struct bv_error *err)
{
    const json_t *counts = json_object_get(mask, "counts");
    int size[2] = {0};
    BV_TRY(read_size(mask, size, err));
    if (json_is_array(counts))
        return read_list(counts, size, runs, err);
    const char *text = json_string_value(counts);
    if (!text || strlen(text) != json_string_length(counts)) // a zero within ends it early
        return bv_fail(err, BV_ERR_FORMAT, "a mask has \"size\" and \"counts\"");
    return bv_mask_runs_parse(runs, text, size[0], size[1], err);
}

static enum bv_status check(const json_t *masks, struct bv_error *err)
{
    const char *image = NULL, *task = NULL;
    json_t *tasks = NULL, *mask = NULL;
    json_object_foreach((json_t *)(uintptr_t)masks, image, tasks)
    {
        if (!json_is_object(tasks))
            return bv_fail(err, BV_ERR_FORMAT, "masks are {image: {task: mask}}");
        json_object_foreach(tasks, task, mask)
        {
            struct bv_mask_runs runs = {0};
            BV_TRY(read_mask(mask, &runs, err));
            bv_mask_runs_free(&runs);
        }
    }
    return json_object_size(masks) ? BV_OK : bv_fail(err, BV_ERR_FORMAT, "no masks");
}

enum bv_status bv_mask_file_load(json_t **masks, const char *path, struct bv_error *err)
{
    json_t *made = NULL;
    BV_TRY(bv_json_load(&made, path, MAX_BYTES, err));
    const enum bv_status status = check(made, err);
    if (status == BV_OK)
        *masks = made;
    else
        json_decref(made);
    return status == BV_OK ? status : bv_fail_prefix(err, "%s", path);
}

enum bv_status bv_mask_file_get(const json_t *masks, const char *image, const char *task,
                                struct bv_mask_runs *runs, bool *found, struct bv_error *err)
{
    const json_t *mask = json_object_get(json_object_get(masks, image), task);
    *found = mask != NULL;
    return mask ? read_mask(mask, runs, err) : BV_OK;
}

enum bv_status bv_mask_file_put(json_t *masks, const char *image, const char *task,
                                const struct bv_mask_runs *runs, struct bv_error *err)
{
    char *text = bv_mask_runs_format(runs);
    json_t *tasks = json_object_get(masks, image);
    json_t *mask =
        text ? json_pack("{s:[i, i], s:s}", "size", runs->height, runs->width, "counts", text)
             : NULL;
    free(text);
    if (!tasks) {
        tasks = json_object();
        if (json_object_set_new(masks, image, tasks) != 0)
            tasks = NULL;
    }
    if (!mask || json_object_set_new(tasks, task, mask) != 0)
        return bv_fail_nomem(err, "a mask");
    return BV_OK;
}
