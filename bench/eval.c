// How busy an evaluation keeps the encoder: images per second of decoding alone, of the encoder
// alone, and of both in the pipeline.
//
//   eval MODEL DATA.csv [WORKERS] [THREADS] [DEVICE] [REPEATS]
//
// Decoding has WORKERS threads of its own, the encoder THREADS: together no more than there are
// processors, or one steals from the other. Prints one JSON object per line; the ratio is that of
// the whole to the slower of its parts, busy the share of the whole's time that the encoder ran,
// which tells the same on a machine that does other work meanwhile.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "eval/model_scorer.h"

enum { BATCH = 16 };

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(enum bv_status status, const struct bv_error *err)
{
    if (status == BV_OK)
        return;
    (void)fprintf(stderr, "eval: %s\n", err->text);
    exit(1);
}

// The parts of a scorer, to be run alone.
struct parts {
    struct bv_scorer whole;
    struct bv_prepared sample; // of the data
    size_t n;
    double scoring; // seconds inside the encoder
};

static enum bv_status prepare_copy(void *arg, const char *path, struct bv_prepared *image,
                                   struct bv_error *err)
{
    const struct parts *parts = arg;
    const struct bv_pixels *s = &parts->sample.pixels;
    (void)path;
    BV_TRY(bv_pixels_create(&image->pixels, s->width, s->height, s->channels, s->sample, err));
    memcpy(image->pixels.data, s->data, bv_pixels_samples(s) * sizeof(float));
    return BV_OK;
}

static enum bv_status prepare_whole(void *arg, const char *path, struct bv_prepared *image,
                                    struct bv_error *err)
{
    const struct parts *parts = arg;
    return parts->whole.prepare(parts->whole.arg, path, image, err);
}

static enum bv_status score_nothing(void *arg, const struct bv_pixels *const *images, size_t n,
                                    double *scores, struct bv_error *err)
{
    const struct parts *parts = arg;
    (void)images;
    (void)err;
    memset(scores, 0, n * parts->whole.n_labels * sizeof *scores);
    return BV_OK;
}

static enum bv_status score_whole(void *arg, const struct bv_pixels *const *images, size_t n,
                                  double *scores, struct bv_error *err)
{
    struct parts *parts = arg;
    double began = now();
    enum bv_status status = parts->whole.score(parts->whole.arg, images, n, scores, err);
    parts->scoring += now() - began;
    return status;
}

static enum bv_status count_row(void *arg, const struct bv_journal_record *record,
                                struct bv_error *err)
{
    struct parts *parts = arg;
    parts->n++;
    return record->reason ? bv_fail(err, BV_ERR_FORMAT, "row %llu: %s",
                                    (unsigned long long)record->index, record->message)
                          : BV_OK;
}

static enum bv_status no_block_end(void *arg, struct bv_error *err)
{
    (void)arg;
    (void)err;
    return BV_OK;
}

// Images per second through the pipeline.
static double measure(struct parts *parts, const struct bv_labelled_options *data, int workers,
                      bool decode, bool infer)
{
    struct bv_error err = {0};
    struct bv_scorer scorer = {.arg = parts,
                               .n_labels = parts->whole.n_labels,
                               .prepare = decode ? prepare_whole : prepare_copy,
                               .score = infer ? score_whole : score_nothing};
    struct bv_pipeline pipeline = {.scorer = &scorer,
                                   .n_shards = 1,
                                   .block = BATCH,
                                   .n_workers = workers,
                                   .row = count_row,
                                   .block_end = no_block_end,
                                   .arg = parts};
    must(bv_labelled_open(&pipeline.dataset, data, &err), &err);
    parts->n = 0;
    parts->scoring = 0;
    double began = now();
    must(bv_pipeline_run(&pipeline, &err), &err);
    double seconds = now() - began;
    bv_labelled_close(&pipeline.dataset);
    return (double)parts->n / seconds;
}

// Preprocesses the first image of the data.
static void take_sample(struct parts *parts, const struct bv_labelled_options *data)
{
    struct bv_error err = {0};
    struct bv_labelled *rows = NULL;
    const struct bv_labelled_row *row = NULL;
    char *path = NULL;
    must(bv_labelled_open(&rows, data, &err), &err);
    must(bv_labelled_next(rows, &row, &err), &err);
    if (!row)
        must(bv_fail(&err, BV_ERR_ARG, "no row"), &err);
    must(bv_labelled_resolve(rows, row->path, &path, &err), &err);
    must(parts->whole.prepare(parts->whole.arg, path, &parts->sample, &err), &err);
    free(path);
    bv_labelled_close(&rows);
}

static void run(struct parts *parts, const struct bv_labelled_options *data, int workers,
                int threads, const char *device, int repeats)
{
    take_sample(parts, data);
    (void)measure(parts, data, workers, true, true); // files in the page cache, plans compiled
    for (int i = 0; i < repeats; i++) {
        double decode = measure(parts, data, workers, true, false);
        double infer = measure(parts, data, workers, false, true);
        double both = measure(parts, data, workers, true, true);
        printf("{\"device\":\"%s\",\"workers\":%d,\"threads\":%d,\"images\":%zu,\"decode\":%.1f,"
               "\"inference\":%.1f,\"pipeline\":%.1f,\"ratio\":%.3f,\"busy\":%.3f}\n",
               device, workers, threads, parts->n, decode, infer, both,
               both / (decode < infer ? decode : infer), parts->scoring * both / (double)parts->n);
        (void)fflush(stdout);
    }
    bv_pixels_free(&parts->sample.pixels);
}

int main(int argc, char **argv)
{
    static const char *const label_names[] = {"Edema", "Pneumonia"};
    static const char labels_text[] = "Edema\nPneumonia\n";
    int workers = argc > 3 ? atoi(argv[3]) : 1, threads = argc > 4 ? atoi(argv[4]) : 1;
    const char *device = argc > 5 ? argv[5] : "cpu";
    int repeats = argc > 6 ? atoi(argv[6]) : 3;
    struct bv_error err = {0};
    struct bv_model *model = NULL;
    struct bv_pool *pool = NULL;
    struct bv_session *session = NULL;
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    if (argc < 3 || workers < 1) {
        (void)fprintf(stderr, "usage: %s MODEL DATA.csv [WORKERS] [THREADS] [DEVICE] [REPEATS]\n",
                      argv[0]);
        return 2;
    }
    must(bv_pool_create(&pool, threads, &err), &err);
    must(bv_model_load(&model, argv[1], &err), &err);
    struct bv_session_options options = {device, "auto", pool};
    must(bv_session_open(&session, model, &options, &err), &err);
    must(bv_labels_parse(&labels, labels_text, sizeof labels_text - 1, "labels",
                         json_object_get(model->card, "prompts"), &err),
         &err);
    must(bv_classifier_create(&classifier, session, &labels, &err), &err);
    struct bv_model_scorer scorer = {
        .session = session, .classifier = classifier, .dim = bv_classifier_dim(classifier)};
    struct parts parts = {.n = 0};
    struct bv_labelled_options data = {.path = argv[2], .labels = label_names, .n_labels = 2};
    bv_model_scorer_init(&scorer, &parts.whole);
    run(&parts, &data, workers, threads, bv_session_device(session), repeats);
    bv_model_scorer_free(&scorer);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
    bv_session_close(&session);
    bv_model_unload(&model);
    bv_pool_destroy(&pool);
    return 0;
}
