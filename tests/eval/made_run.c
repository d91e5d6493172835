#include "made_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "support/check.h"

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// The scores travel as the bytes of the pixels.
static enum bv_status preprocess(void *arg, const char *path, struct bv_preprocessed *image,
                                 struct bv_error *err)
{
    const struct made_run *made = arg;
    const size_t n = made->data.n_labels; // a few
    struct bv_pixels pixels = {0};
    BV_TRY(bv_pixels_create(&pixels, 1, 1, (int)(2 * n), BV_SAMPLE_F32, err));
    for (size_t l = 0; l < n; l++) {
        double score = made->score(made->arg, last_part(path), l);
        if (isnan(score)) {
            bv_pixels_free(&pixels);
            return bv_fail(err, BV_ERR_FORMAT, "%s: not an image", path);
        }
        memcpy((char *)pixels.data + l * sizeof score, &score, sizeof score);
    }
    return bv_classifier_input_of(&pixels, &image->input, err);
}

static enum bv_status score(void *arg, const struct bv_classifier_input *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    const struct made_run *made = arg;
    (void)err;
    for (size_t i = 0; i < n; i++)
        memcpy(scores + i * made->data.n_labels, images[i]->parts[0].pixels.data,
               made->data.n_labels * sizeof *scores);
    return BV_OK;
}

void make_journal(const struct made_run *made)
{
    struct made_run copy = *made;
    struct bv_scorer scorer = {&copy, made->data.n_labels, preprocess, score, NULL};
    json_t *model = json_pack("{s:s, s:s, s:s, s:s}", "name", made->model ? made->model : "made",
                              "score_kind", "pair_softmax", "device", "cpu", "precision", "f32");
    struct bv_evaluation_run run = {.data = made->data,
                                    .folder = made->folder,
                                    .model = model,
                                    .n_shards = 1,
                                    .block = 16,
                                    .n_workers = 1};
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    assert_ok(bv_evaluation_run(&run, &scorer, &counts, &err), err);
    json_decref(model);
}

void make_run(const struct made_run *made)
{
    make_journal(made);
    struct bv_evaluation_finish finish = {
        .folder = made->folder, .n_bootstrap = made->n_bootstrap, .thresholds = made->thresholds};
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    assert_ok(bv_evaluation_finish(&finish, &counts, &err), err);
}

double made_number(const char *image, unsigned salt)
{
    unsigned hash = 2166136261u + salt;
    for (; *image; image++)
        hash = (hash ^ (unsigned char)*image) * 16777619u;
    hash ^= hash >> 15;
    return (double)(hash * 2246822519u >> 8) / (1 << 24);
}

json_t *load_result(const char *folder, const char *name)
{
    char path[512];
    json_t *value = NULL;
    struct bv_error err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(bv_json_load(&value, path, 1u << 26, &err), err);
    return value;
}
