// biovl embed: embeddings of images or texts, as .npy or JSON lines.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

struct embed {
    struct model_options model;
    struct strings images, texts;
    const char *text_file, *output, *prior;
    bool raw;
};

// What the embeddings are of, in the order of the rows.
struct rows {
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

static void embed_images(const struct embed *e, const struct opened *o, struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        show_progress("image", i + 1, rows->n);
        enum bv_status status =
            bv_engine_embed_image_pair(o->engine, e->images.items[i], e->prior,
                                       e->raw ? BV_EMBED_RAW : 0, rows->data + i * rows->dim);
        if (status != BV_OK) {
            (void)report_failure(o->context, status);
            fail_row(rows, i, status);
        }
    }
    clear_progress();
}

static const size_t texts_per_call = 1024;

// A block of texts; when one of them is bad, each is tried alone, so that it fails alone.
static void embed_text_block(const struct embed *e, const struct opened *o, struct rows *rows,
                             size_t first, size_t n)
{
    unsigned flags = e->raw ? BV_EMBED_RAW : 0;
    float *out = rows->data + first * rows->dim;
    unsigned char truncated[1024] = {0};
    if (bv_engine_embed_texts(o->engine, e->texts.items + first, n, flags, out, truncated) !=
        BV_OK) {
        for (size_t i = 0; i < n; i++) {
            enum bv_status status =
                bv_engine_embed_texts(o->engine, e->texts.items + first + i, 1, flags,
                                      out + i * rows->dim, truncated + i);
            if (status != BV_OK) {
                (void)report_failure(o->context, status);
                fail_row(rows, first + i, status);
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        if (truncated[i])
            (void)fprintf(stderr, "biovl: warning: text %zu was cut to the model's maximum\n",
                          first + i + 1);
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
    struct rows rows = {.n = e->images.n ? e->images.n : e->texts.n};
    enum bv_status status = open_model(&o, &e->model, true);
    int code = (int)exit_code_of(status);
    if (status == BV_OK) {
        rows.dim = e->images.n ? bv_engine_image_dim(o.engine) : bv_engine_text_dim(o.engine);
        rows.data = rows.dim ? calloc(rows.n, rows.dim * sizeof *rows.data) : NULL;
        if (rows.dim == 0)
            code = (int)report_failure(o.context, BV_ERR_MODEL);
        else if (!rows.data)
            code = EXIT_DEVICE;
    }
    if (rows.data) {
        if (e->images.n)
            embed_images(e, &o, &rows);
        for (size_t i = 0; !e->images.n && i < rows.n; i += texts_per_call)
            embed_text_block(e, &o, &rows, i,
                             rows.n - i < texts_per_call ? rows.n - i : texts_per_call);
        code = (int)exit_code_of_batch(rows.n, rows.n_failed, rows.last);
        status = rows.n_failed < rows.n ? print_rows(e, &o, &rows) : BV_OK;
        if (status != BV_OK)
            code = (int)report_failure(o.context, status);
    }
    free(rows.data);
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
        int given = (e.images.n > 0) + (e.texts.n > 0) + (e.text_file != NULL);
        if (rest.n > 0 || given != 1) {
            (void)fprintf(stderr, "usage: biovl embed %s\n", usage.synopsis);
        } else if (!is_input(e.output, &e.images)) {
            code = EXIT_INPUT;
            if (e.text_file)
                text = read_text(e.text_file, &size);
            if (!e.text_file || (text && split_lines(text, size, &e.texts)))
                code = run(&e);
        }
    }
    free(text);
    free_strings(&e.images);
    free_strings(&e.texts);
    free_strings(&rest);
    return code;
}
