// Times a fusion encoder on demand: fusion MODEL INPUT TEXTS OUTPUT THREADS, where INPUT is an
// image or a file of detector regions, TEXTS one text a line, and OUTPUT a pooled output of the
// encoder
// ("itm"). It reads commands from stdin, so that a caller can let engines take turns, and answers
// each with the milliseconds that it took, wall and processor time of all threads:
//
//   pair       the image and the first text: all of the model but decoding and tokenizing
//   text       the first text with the image as it was encoded before
//   together   the image and all texts in one call
//   apart      the image and one text, for each text
//   each       one text with the encoded image, for each text
//   logits     all texts in one call; answers with their logits, one text a line, instead
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/fusion_session.h"

enum { MAX_TEXTS = 256 };

struct bench {
    struct bv_pool *pool;
    struct bv_model *model;
    struct bv_session *session;
    struct bv_pixels pixels;
    struct bv_region_file regions;
    struct bv_fusion_image image;
    struct bv_tokens tokens[MAX_TEXTS];
    const struct bv_tokens *texts[MAX_TEXTS];
    size_t n;
    const char *output;
    float *logits;
    int64_t width;
};

// What depends on the image alone.
static enum bv_status encode(struct bench *b, struct bv_error *err)
{
    const struct bv_pixels *p = &b->pixels;
    const struct bv_region_file *r = &b->regions;
    bv_fusion_image_free(&b->image);
    if (p->data)
        return bv_fusion_image_encode(b->session, p->data, p->height, p->width, p->channels,
                                      &b->image, err);
    return bv_fusion_image_regions(b->session, r->features.data, r->features.rows,
                                   r->features.columns, r->boxes.data, r->boxes.columns, &b->image,
                                   err);
}

static enum bv_status fuse(struct bench *b, size_t first, size_t n, struct bv_error *err)
{
    const struct bv_wanted wanted = {b->output, b->logits + (int64_t)first * b->width,
                                     n * (size_t)b->width};
    return bv_session_fuse(b->session, &b->image, b->texts + first, n, &wanted, err);
}

static enum bv_status read_texts(struct bench *b, const char *path, struct bv_error *err)
{
    char line[4096];
    FILE *f = fopen(path, "r");
    if (!f)
        return bv_fail(err, BV_ERR_IO, "%s: cannot be read", path);
    enum bv_status status = BV_OK;
    while (status == BV_OK && b->n < MAX_TEXTS && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        status =
            bv_tokenizer_encode(b->model->tokenizer, line, strlen(line), &b->tokens[b->n], err);
        b->texts[b->n] = &b->tokens[b->n];
        b->n += status == BV_OK;
    }
    (void)fclose(f);
    return status == BV_OK && b->n == 0 ? bv_fail(err, BV_ERR_ARG, "%s: no texts", path) : status;
}

static enum bv_status read_image(struct bench *b, const char *path, struct bv_error *err)
{
    struct bv_image *image = NULL;
    BV_TRY(bv_image_load(path, NULL, &image, err));
    enum bv_status status = bv_fusion_image_make(b->session, image, &b->pixels, &b->image, err);
    bv_image_free(&image);
    return status;
}

static enum bv_status prepare(struct bench *b, char **argv, struct bv_error *err)
{
    struct bv_output_shape shape = {0};
    b->output = argv[4];
    BV_TRY(bv_pool_create(&b->pool, atoi(argv[5]), err));
    BV_TRY(bv_model_load(&b->model, argv[1], err));
    struct bv_session_options options = {.device = "cpu", .precision = "f32", .pool = b->pool};
    BV_TRY(bv_session_open(&b->session, b->model, &options, err));
    BV_TRY(read_texts(b, argv[3], err));
    if (bv_model_fusion_wants(b->model).regions)
        BV_TRY(bv_region_file_read(argv[2], &b->regions, err));
    else
        BV_TRY(read_image(b, argv[2], err));
    BV_TRY(encode(b, err));
    BV_TRY(bv_session_fusion_shape(b->session, &b->image, (int64_t)b->tokens[0].n, NULL, b->output,
                                   &shape, err));
    b->width = shape.dim[0];
    b->logits = malloc(b->n * (size_t)b->width * sizeof *b->logits);
    if (!b->logits)
        return bv_fail_nomem(err, "logits");
    for (size_t i = 0; i < b->n; i++) // every program that a command uses is compiled
        BV_TRY(fuse(b, i, 1, err));
    return fuse(b, 0, b->n, err);
}

static enum bv_status obey(struct bench *b, const char *command, struct bv_error *err)
{
    bool pair = strcmp(command, "pair") == 0, text = strcmp(command, "text") == 0;
    bool together = strcmp(command, "together") == 0, apart = strcmp(command, "apart") == 0;
    if (pair || together)
        BV_TRY(encode(b, err));
    if (pair || text)
        return fuse(b, 0, 1, err);
    if (together || strcmp(command, "logits") == 0)
        return fuse(b, 0, b->n, err);
    for (size_t i = 0; i < b->n; i++) {
        if (apart)
            BV_TRY(encode(b, err));
        BV_TRY(fuse(b, i, 1, err));
    }
    return BV_OK;
}

static double now(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static enum bv_status serve(struct bench *b, struct bv_error *err)
{
    char command[64];
    printf("ready\n");
    (void)fflush(stdout);
    while (fgets(command, sizeof command, stdin)) {
        command[strcspn(command, "\n")] = 0;
        double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        BV_TRY(obey(b, command, err));
        wall = now(CLOCK_MONOTONIC) - wall;
        cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (strcmp(command, "logits") != 0)
            printf("%.3f %.3f\n", wall, cpu);
        else
            for (int64_t i = 0; i < (int64_t)b->n * b->width; i++)
                printf("%.9g%c", (double)b->logits[i], (i + 1) % b->width ? ' ' : '\n');
        (void)fflush(stdout);
    }
    return BV_OK;
}

static void release(struct bench *b)
{
    for (size_t i = 0; i < b->n; i++)
        bv_tokens_free(&b->tokens[i]);
    free(b->logits);
    bv_fusion_image_free(&b->image);
    bv_region_file_free(&b->regions);
    bv_pixels_free(&b->pixels);
    bv_session_close(&b->session);
    bv_model_unload(&b->model);
    bv_pool_destroy(&b->pool);
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct bv_error err = {0};
    if (argc != 6) {
        (void)fprintf(stderr, "usage: fusion MODEL INPUT TEXTS OUTPUT THREADS\n");
        return 2;
    }
    enum bv_status status = prepare(&b, argv, &err);
    if (status == BV_OK)
        status = serve(&b, &err);
    if (status != BV_OK)
        (void)fprintf(stderr, "fusion: %s\n", err.text);
    release(&b);
    return status == BV_OK ? 0 : 1;
}
