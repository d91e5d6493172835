// How busy an evaluation keeps the encoder: images per second of decoding alone, of the encoder
// alone, and of both in the pipeline.
//
//   eval MODEL DATA.csv [WORKERS] [THREADS] [DEVICE] [ROUNDS]
//
// Decoding has WORKERS threads of its own, the encoder THREADS: together no more than there are
// processors, or one steals from the other. The three are measured in turn, round after round, so
// that other work on the machine meets all of them. One JSON object per round and one of medians:
//
//   ratio      images per second of the whole, of those of its slower part
//   cpu_ratio  the same of processor time per thread: of the slower part alone, of that in the
//              whole. Blind to waiting, but also to what else the machine does
//   busy       the share of the whole's time in which the slower part's threads were at work
//   expected   busy times cpu_ratio: the ratio on processors that nobody else uses
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "eval/run/scorers.h"

enum { BATCH = 16, MAX_ROUNDS = 99 };

// The parts of a scorer, to be run alone.
struct parts {
    struct bv_scorer whole;
    struct bv_preprocessed sample; // of the data
    size_t n;
    double scoring; // seconds inside the encoder
    pthread_mutex_t mutex;
    double decode_cpu, decoding; // seconds of all workers: of processors, of the clock
};

// What one pass over the data took.
struct pass {
    double rate;                   // images per second
    double decode_cpu, encode_cpu; // processor seconds per image
    double decode_busy, encode_busy;
};

static enum bv_status prepare_copy(void *arg, const char *path, struct bv_preprocessed *image,
                                   struct bv_error *err)
{
    const struct parts *parts = arg;
    const struct bv_pixels *s = &parts->sample.input.parts[0].pixels;
    (void)path;
    struct bv_pixels copy = {0};
    BV_TRY(bv_pixels_create(&copy, s->width, s->height, s->channels, s->sample, err));
    memcpy(copy.data, s->data, bv_pixels_samples(s) * sizeof(float));
    return bv_classifier_input_of(&copy, &image->input, err);
}

static enum bv_status prepare_whole(void *arg, const char *path, struct bv_preprocessed *image,
                                    struct bv_error *err)
{
    struct parts *parts = arg;
    double began = bench_now(), cpu = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    enum bv_status status = parts->whole.preprocess(parts->whole.arg, path, image, err);
    cpu = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    double took = bench_now() - began;
    (void)pthread_mutex_lock(&parts->mutex);
    parts->decode_cpu += cpu;
    parts->decoding += took;
    (void)pthread_mutex_unlock(&parts->mutex);
    return status;
}

static enum bv_status score_nothing(void *arg, const struct bv_classifier_input *const *images,
                                    size_t n, double *scores, struct bv_error *err)
{
    const struct parts *parts = arg;
    (void)images;
    (void)err;
    memset(scores, 0, n * parts->whole.n_labels * sizeof *scores);
    return BV_OK;
}

static enum bv_status score_whole(void *arg, const struct bv_classifier_input *const *images,
                                  size_t n, double *scores, struct bv_error *err)
{
    struct parts *parts = arg;
    double began = bench_now();
    enum bv_status status = parts->whole.score(parts->whole.arg, images, n, scores, err);
    parts->scoring += bench_now() - began;
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

static struct pass measure(struct parts *parts, const struct bv_labelled_options *data, int workers,
                           bool decode, bool infer)
{
    struct bv_error err = {0};
    struct bv_scorer scorer = {.arg = parts,
                               .n_labels = parts->whole.n_labels,
                               .preprocess = decode ? prepare_whole : prepare_copy,
                               .score = infer ? score_whole : score_nothing};
    struct bv_pipeline pipeline = {.scorer = &scorer,
                                   .n_shards = 1,
                                   .block = BATCH,
                                   .n_workers = workers,
                                   .row = count_row,
                                   .block_end = no_block_end,
                                   .arg = parts};
    bench_must(bv_labelled_open(&pipeline.dataset, data, &err), &err);
    parts->n = 0;
    parts->scoring = parts->decode_cpu = parts->decoding = 0;
    double cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID), began = bench_now();
    bench_must(bv_pipeline_run(&pipeline, &err), &err);
    double seconds = bench_now() - began;
    cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    bv_labelled_close(&pipeline.dataset);
    double n = (double)parts->n;
    return (struct pass){n / seconds, parts->decode_cpu / n, (cpu - parts->decode_cpu) / n,
                         parts->decoding / workers / seconds, parts->scoring / seconds};
}

// Preprocesses the first image of the data.
static void take_sample(struct parts *parts, const struct bv_labelled_options *data)
{
    struct bv_error err = {0};
    struct bv_labelled *rows = NULL;
    const struct bv_labelled_row *row = NULL;
    char *path = NULL;
    bench_must(bv_labelled_open(&rows, data, &err), &err);
    bench_must(bv_labelled_next(rows, &row, &err), &err);
    if (!row)
        bench_must(bv_fail(&err, BV_ERR_ARG, "no row"), &err);
    bench_must(bv_labelled_resolve(rows, row->path, &path, &err), &err);
    bench_must(parts->whole.preprocess(parts->whole.arg, path, &parts->sample, &err), &err);
    free(path);
    bv_labelled_close(&rows);
}

enum { DECODE, INFERENCE, PIPELINE, RATIO, CPU_RATIO, BUSY, EXPECTED, N_FIGURES };
static const char *const names[N_FIGURES] = {"decode",    "inference", "pipeline", "ratio",
                                             "cpu_ratio", "busy",      "expected"};

static void print(const char *what, const double figures[N_FIGURES])
{
    printf("{%s", what);
    for (int k = 0; k < N_FIGURES; k++)
        printf(",\"%s\":%.*f", names[k], k < RATIO ? 1 : 3, figures[k]);
    printf("}\n");
    (void)fflush(stdout);
}

static void run(struct parts *parts, const struct bv_labelled_options *data, int workers,
                int threads, const char *device, int rounds)
{
    static double figures[N_FIGURES][MAX_ROUNDS];
    double one[N_FIGURES];
    char what[512];
    take_sample(parts, data);
    (void)measure(parts, data, workers, true, true); // files in the page cache, plans compiled
    for (int i = 0; i < rounds; i++) {
        struct pass d = measure(parts, data, workers, true, false);
        struct pass e = measure(parts, data, workers, false, true);
        struct pass both = measure(parts, data, workers, true, true);
        bool decode_slower = d.decode_cpu / workers > e.encode_cpu / threads;
        double cpu_ratio =
            decode_slower ? d.decode_cpu / both.decode_cpu : e.encode_cpu / both.encode_cpu;
        double busy = decode_slower ? both.decode_busy : both.encode_busy;
        const double now[] = {d.rate,    e.rate, both.rate,       both.rate / fmin(d.rate, e.rate),
                              cpu_ratio, busy,   busy * cpu_ratio};
        for (int k = 0; k < N_FIGURES; k++)
            figures[k][i] = now[k];
        (void)snprintf(what, sizeof what, "\"round\":%d", i + 1);
        print(what, now);
    }
    for (int k = 0; k < N_FIGURES; k++)
        one[k] = bench_median(figures[k], (size_t)rounds);
    (void)snprintf(what, sizeof what,
                   "\"median_of\":%d,\"device\":\"%.100s\",\"workers\":%d,\"threads\":%d,"
                   "\"images\":%zu",
                   rounds, device, workers, threads, parts->n);
    print(what, one);
    bv_classifier_input_free(&parts->sample.input);
}

int main(int argc, char **argv)
{
    static const char *const label_names[] = {"Edema", "Pneumonia"};
    static const char labels_text[] = "Edema\nPneumonia\n";
    int workers = argc > 3 ? atoi(argv[3]) : 1, threads = argc > 4 ? atoi(argv[4]) : 1;
    const char *device = argc > 5 ? argv[5] : "cpu";
    int rounds = argc > 6 ? atoi(argv[6]) : 5;
    struct bv_error err = {0};
    struct bv_model *model = NULL;
    struct bv_pool *pool = NULL;
    struct bv_session *session = NULL;
    struct bv_labels labels = {0};
    struct bv_classifier *classifier = NULL;
    if (argc < 3 || workers < 1 || threads < 1 || rounds < 1 || rounds > MAX_ROUNDS) {
        (void)fprintf(stderr, "usage: %s MODEL DATA.csv [WORKERS] [THREADS] [DEVICE] [ROUNDS]\n",
                      argv[0]);
        return 2;
    }
    bench_must(bv_pool_create(&pool, threads, &err), &err);
    bench_must(bv_model_load(&model, argv[1], &err), &err);
    struct bv_session_options options = {device, "auto", pool};
    bench_must(bv_session_open(&session, model, &options, &err), &err);
    bench_must(bv_labels_parse(&labels, labels_text, sizeof labels_text - 1, "labels",
                               json_object_get(model->card, "prompts"), &err),
               &err);
    bench_must(bv_classifier_create(&classifier, session, &labels, &err), &err);
    struct bv_model_scorer scorer = {
        .session = session, .classifier = classifier, .dim = bv_classifier_dim(classifier)};
    struct parts parts = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct bv_labelled_options data = {
        .path = argv[2], .repeats = true, .labels = label_names, .n_labels = 2};
    bv_model_scorer_init(&scorer, &parts.whole);
    run(&parts, &data, workers, threads, bv_session_device(session), rounds);
    bv_classifier_destroy(&classifier);
    bv_labels_free(&labels);
    bv_session_close(&session);
    bv_model_unload(&model);
    bv_pool_destroy(&pool);
    return 0;
}
