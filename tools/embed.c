// biovl embed: embeddings of images or texts, as .npy or JSON lines.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pictures.h"

struct embed {
    struct model_options model;
    struct strings images, texts;
    const char *text_file, *output, *prior, *frame;
    bool raw;
};

// What the embeddings are of, in the order of the rows.
struct rows {
    struct pictures pictures; // or texts
    float *data;
    size_t n, dim, n_failed;
    enum bv_status last;
};

static void fail_row(struct rows *rows, size_t i, enum bv_status status)
{
    for (size_t d = 0; d < rows->dim; d++)
        rows->data[i * rows->dim + d] = NAN; // a row of its own, so that the others keep theirs
    rows->n_failed++;
    rows->last = status;
}

enum { IMAGES_AT_ONCE = 16, TEXTS_AT_ONCE = 1024 };

// Opens a block of images; those that cannot be opened fail their rows. Returns how many there are,
// and their rows.
static size_t open_block(const struct opened *o, struct rows *rows, size_t first,
                         struct bv_image *prior, struct bv_image **images, size_t *places)
{
    size_t n = 0;
    for (size_t i = first; i < rows->n && i < first + IMAGES_AT_ONCE; i++) {
        enum bv_status status =
            open_picture(o->context, &rows->pictures.items[i], prior, &images[n]);
        if (status == BV_OK) {
            places[n++] = i;
        } else {
            (void)report_failure(o->context, status);
            fail_row(rows, i, status);
        }
    }
    return n;
}

static enum bv_status embed_block(const struct embed *e, const struct opened *o, struct rows *rows,
                                  size_t first, struct bv_image *prior)
{
    struct bv_image *images[IMAGES_AT_ONCE] = {NULL};
    size_t places[IMAGES_AT_ONCE];
    enum bv_status statuses[IMAGES_AT_ONCE];
    size_t n = open_block(o, rows, first, prior, images, places);
    float *out = calloc(n + 1, rows->dim * sizeof *out);
    enum bv_status status = BV_ERR_NOMEM;
    if (out)
        status = bv_engine_embed_images(o->engine, (const struct bv_image *const *)images, n,
                                        e->raw ? BV_EMBED_RAW : 0, out, n * rows->dim, statuses);
    for (size_t i = 0; i < n; i++) {
        bv_image_close(&images[i]);
        if (status == BV_OK && statuses[i] == BV_OK)
            memcpy(rows->data + places[i] * rows->dim, out + i * rows->dim,
                   rows->dim * sizeof *out);
        else if (status == BV_OK)
            fail_row(rows, places[i], statuses[i]);
    }
    free(out);
    return status;
}

static enum bv_status embed_images(const struct embed *e, const struct opened *o, struct rows *rows)
{
    struct bv_image *prior = NULL;
    enum bv_status status = BV_OK;
    if (e->prior)
        status = bv_image_open(o->context, e->prior, NULL, &prior);
    for (size_t i = 0; i < rows->n && status == BV_OK; i += IMAGES_AT_ONCE) {
        show_progress("image", i + 1, rows->n);
        status = embed_block(e, o, rows, i, prior);
    }
    bv_image_close(&prior);
    clear_progress();
    return status;
}

static enum bv_status embed_texts(const struct embed *e, const struct opened *o, struct rows *rows)
{
    unsigned char truncated[TEXTS_AT_ONCE] = {0};
    enum bv_status statuses[TEXTS_AT_ONCE], status = BV_OK;
    for (size_t first = 0, n; first < rows->n && status == BV_OK; first += n) {
        n = rows->n - first < TEXTS_AT_ONCE ? rows->n - first : TEXTS_AT_ONCE;
        status = bv_engine_embed_texts(o->engine, e->texts.items + first, n,
                                       e->raw ? BV_EMBED_RAW : 0, rows->data + first * rows->dim,
                                       n * rows->dim, truncated, statuses);
        for (size_t i = 0; i < n && status == BV_OK; i++) {
            if (statuses[i] != BV_OK)
                fail_row(rows, first + i, statuses[i]);
            if (truncated[i])
                (void)fprintf(stderr, "biovl: warning: text %zu was cut to the model's maximum\n",
                              first + i + 1);
        }
    }
    return status;
}

static enum bv_status print_rows(const struct embed *e, const struct opened *o,
                                 const struct rows *rows)
{
    if (e->output)
        return bv_write_npy(o->context, e->output, rows->data, 2,
                            (int64_t[]){(int64_t)rows->n, (int64_t)rows->dim});
    for (size_t i = 0; i < rows->n; i++) {
        const float *x = rows->data + i * rows->dim;
        if (isnan(x[0])) {
            printf("null\n");
            continue;
        }
        for (size_t d = 0; d < rows->dim; d++)
            printf("%s%.9g", d ? "," : "[", (double)x[d]);
        printf("]\n");
    }
    return BV_OK;
}

static int run(const struct embed *e)
{
    struct opened o = {0};
    struct rows rows = {0};
    enum bv_status status = open_model(&o, &e->model, true);
    int code = (int)exit_code_of(status);
    if (status == BV_OK && !list_pictures(o.context, &e->images, e->frame, &rows.pictures)) {
        code = EXIT_USAGE;
    } else if (status == BV_OK) {
        rows.n = e->images.n ? rows.pictures.n : e->texts.n;
        rows.dim = e->images.n ? bv_engine_image_dim(o.engine) : bv_engine_text_dim(o.engine);
        rows.data = rows.dim ? calloc(rows.n, rows.dim * sizeof *rows.data) : NULL;
        if (rows.dim == 0)
            code = (int)report_failure(o.context, BV_ERR_MODEL);
        else if (!rows.data)
            code = EXIT_DEVICE;
    }
    if (rows.data) {
        status = watch(o.context, "item", NULL);
        if (status == BV_OK)
            status = e->images.n ? embed_images(e, &o, &rows) : embed_texts(e, &o, &rows);
    }
    if (rows.data && status == BV_OK) {
        code = (int)exit_code_of_batch(rows.n, rows.n_failed, rows.last);
        status = rows.n_failed < rows.n ? print_rows(e, &o, &rows) : BV_OK;
    }
    if (rows.data && status != BV_OK)
        code = (int)report_failure(o.context, status);
    free(rows.data);
    close_pictures(&rows.pictures);
    close_model(&o);
    return code;
}

int run_embed(int argc, char **argv)
{
    struct embed e = {.output = NULL};
    struct strings rest = {0};
    const struct option options[] = {
        {"--image|-i", OPTION_LIST, &e.images, "IMAGE...", "images (DICOM, PNG, JPEG, JPEG 2000)"},
        {"--prior", OPTION_STRING, &e.prior, "IMAGE",
         "an earlier image of the same patient, for models that take one (BioViL-T)"},
        FRAME_OPTION(&e.frame),
        {"--text|-t", OPTION_LIST, &e.texts, "TEXT...", "texts"},
        {"--text-file", OPTION_STRING, &e.text_file, "FILE", "one text per line, - is stdin"},
        {"--output|-o", OPTION_STRING, &e.output, "OUT.npy",
         "float32 [N,D] (default: JSON lines); rows of failed inputs are NaN"},
        {"--raw", OPTION_FLAG, &e.raw, NULL, "do not normalise to unit length"},
        MODEL_OPTIONS(&e.model),
    };
    const struct usage usage = {
        "embed", "(--image IMAGE... | --text TEXT... | --text-file FILE) [-o OUT.npy] [options]",
        "Writes one embedding per input, in order, L2-normalised.", options,
        sizeof options / sizeof *options};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &rest);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    char *text = NULL;
    size_t size = 0;
    if (parsed == PARSE_OK) {
        const char *read[] = {e.text_file, e.prior, model_path(e.model.model)};
        int given = (e.images.n > 0) + (e.texts.n > 0) + (e.text_file != NULL);
        if (rest.n > 0 || given != 1) {
            (void)fprintf(stderr, "usage: biovl embed %s\n", usage.synopsis);
        } else if (!is_input(e.output, &e.images) && !is_read(e.output, read, 3)) {
            code = EXIT_INPUT;
            if (e.text_file)
                text = read_text(e.text_file, &size);
            if (!e.text_file || (text && split_lines(text, size, true, &e.texts)))
                code = run(&e);
        }
    }
    free(text);
    free_strings(&e.images);
    free_strings(&e.texts);
    free_strings(&rest);
    return code;
}
