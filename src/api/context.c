#include "api/context.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

const char *bv_version(void)
{
    return BIOVL_VERSION;
}

void bv_remove_unfinished(void)
{
    bv_unfinished_remove();
}

int bv_abi_version(void)
{
    return BV_ABI_VERSION;
}

enum bv_status bv_read_text(struct bv_context *context, const char *path, char **text, size_t *size)
{
    assert(context && text && path && size);
    static const size_t most = (size_t)256 << 20;
    return bv_text_read(path, most, text, size, bv_begin(context));
}

void bv_free(void *memory)
{
    free(memory);
}

// Of bv_context_open(), which has no context to keep it in.
static _Thread_local struct bv_error not_opened;

enum bv_status bv_context_open(struct bv_context **out, int n_threads)
{
    assert(out);
    struct bv_context *context = calloc(1, sizeof *context);
    if (!context)
        return bv_fail_nomem(&not_opened, "a context");
    enum bv_status status = bv_pool_create(&context->pool, n_threads, &not_opened);
    if (status != BV_OK)
        bv_context_close(&context);
    else
        *out = context;
    return status;
}

void bv_context_close(struct bv_context **context)
{
    assert(context);
    if (!*context)
        return;
    bv_pool_destroy(&(*context)->pool);
    free(*context);
    *context = NULL;
}

const char *bv_last_error(const struct bv_context *context)
{
    return context ? context->error.text : not_opened.text;
}

enum bv_status bv_context_observe(struct bv_context *context, const struct bv_observer *observer)
{
    assert(context);
    struct bv_error *err = bv_begin(context);
    struct bv_observer mine;
    BV_TRY(bv_options_read(&mine, sizeof mine, observer, "bv_observer", err));
    context->observer = mine;
    return BV_OK;
}

struct bv_error *bv_begin(struct bv_context *context)
{
    assert(context);
    context->error.status = BV_OK;
    context->error.text[0] = 0;
    return &context->error;
}

enum bv_status bv_json_text(json_t *value, char **text, struct bv_error *err)
{
    char *dump = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(value);
    if (!dump)
        return bv_fail_nomem(err, "a JSON text");
    *text = dump;
    return BV_OK;
}
