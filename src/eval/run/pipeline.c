// Blocks over time, three in a ring:
//
//     workers   fill A | fill B | fill C | (wait) fill A | …
//     caller             score A | score B | score C | …
//
// A row's place is decided when a worker takes it, under the lock: the next slot of the block being
// filled. So a block always holds the same rows in the same order, however long each image takes
// and however many workers there are, and the journal is the same in every run. A block is closed
// when it has all its rows, and ready once every slot is preprocessed or has failed; workers go on
// to the next block meanwhile. They wait (room) when all three are closed and not yet emptied,
// which bounds memory; the caller waits (ready) for the oldest. Images of one size are scored as
// one batch within a block, never across blocks. Memory that is out ends the run without a word on
// the image, since the run can be resumed.
#include "eval/run/pipeline.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// One block is scored while the workers fill the others.
enum { BLOCKS = 3 };

struct slot {
    uint64_t index;
    char *path;
    struct bv_preprocessed image;
    const char *reason; // NULL: pixels are there
    char message[512];
    bool scored;       // in the current block
    const char *moved; // the device that scored it, where that is not the first
};

struct block {
    struct slot *slots; // [pipeline.block]
    size_t n_filled, n_prepared;
    bool closed; // gets no more rows
};

struct run {
    const struct bv_pipeline *pipeline;
    pthread_mutex_t mutex;
    pthread_cond_t room,
        ready; // a block was emptied; a block is closed and preprocessed, or the end
    struct block blocks[BLOCKS];
    size_t filling, emptied; // numbers of blocks since the beginning
    uint64_t n_taken;        // rows of this shard
    bool at_end, stopping;
    bool out_of_memory;    // nothing more is handed on
    enum bv_status status; // of reading the data set
    struct bv_error err;
    double *scores;                            // [block][n_labels]
    const struct bv_classifier_input **images; // [block]
    struct slot **scored;                      // [block]
};

static void fail_slot(struct slot *slot, enum bv_status status, const char *reason,
                      const char *message)
{
    slot->reason = reason ? reason : bv_status_name(status);
    (void)snprintf(slot->message, sizeof slot->message, "%.500s", message);
    bv_classifier_input_free(&slot->image.input);
}

// The next row of this shard that is not done yet; *row is NULL at the end.
static enum bv_status next_row(struct run *run, const struct bv_labelled_row **row)
{
    const struct bv_pipeline *p = run->pipeline;
    for (;;) {
        BV_TRY(bv_labelled_next(p->dataset, row, &run->err));
        if (!*row || ((*row)->index % p->n_shards == p->shard && run->n_taken++ >= p->skip))
            return BV_OK;
    }
}

static void close_block(struct run *run)
{
    struct block *block = &run->blocks[run->filling % BLOCKS];
    block->closed = true;
    run->filling++;
    if (block->n_prepared == block->n_filled)
        (void)pthread_cond_signal(&run->ready);
}

static void end_rows(struct run *run, enum bv_status status)
{
    run->status = status;
    run->at_end = true;
    if (run->blocks[run->filling % BLOCKS].n_filled)
        close_block(run);
    (void)pthread_cond_broadcast(&run->room);
    (void)pthread_cond_signal(&run->ready);
}

// Memory that is out says nothing of the current image: the run ends, and can be resumed.
static void give_up(struct run *run, const struct bv_error *err)
{
    run->err = *err;
    run->status = BV_ERR_NOMEM;
    run->at_end = run->out_of_memory = true;
    (void)pthread_cond_broadcast(&run->room);
    (void)pthread_cond_signal(&run->ready);
}

// Takes a row into the block being filled, under the lock. NULL at the end.
static struct slot *take_slot(struct run *run, struct block **block)
{
    const struct bv_labelled_row *row = NULL;
    char *path = NULL;
    while (!run->stopping && !run->at_end && run->filling - run->emptied >= BLOCKS)
        (void)pthread_cond_wait(&run->room, &run->mutex);
    if (run->stopping || run->at_end)
        return NULL;
    enum bv_status status = next_row(run, &row);
    if (status == BV_OK && row && !(path = strdup(row->path)))
        status = bv_fail_nomem(&run->err, "a path");
    if (status != BV_OK || !row) {
        end_rows(run, status);
        return NULL;
    }
    *block = &run->blocks[run->filling % BLOCKS];
    struct slot *slot = &(*block)->slots[(*block)->n_filled++];
    *slot = (struct slot){.index = row->index, .path = path};
    if (row->reason)
        fail_slot(slot, BV_OK, row->reason, row->message);
    if ((*block)->n_filled == run->pipeline->block)
        close_block(run);
    return slot;
}

// Finds and prepares the image of a slot, outside the lock. BV_ERR_NOMEM, or the slot tells.
static enum bv_status preprocess(const struct bv_pipeline *p, struct slot *slot,
                                 struct bv_error *err)
{
    char *file = NULL;
    BV_TRY(bv_labelled_resolve(p->dataset, slot->path, &file, err));
    enum bv_status status = p->scorer->preprocess(p->scorer->arg, file, &slot->image, err);
    free(file);
    if (status != BV_OK)
        fail_slot(slot, status, NULL, err->text);
    return status == BV_ERR_NOMEM ? status : BV_OK;
}

static void *work(void *arg)
{
    struct run *run = arg;
    struct block *block = NULL;
    (void)pthread_mutex_lock(&run->mutex);
    for (struct slot *slot; (slot = take_slot(run, &block)) != NULL;) {
        if (!slot->reason) {
            struct bv_error err = {0};
            (void)pthread_mutex_unlock(&run->mutex);
            enum bv_status status = preprocess(run->pipeline, slot, &err);
            (void)pthread_mutex_lock(&run->mutex);
            if (status != BV_OK)
                give_up(run, &err);
        }
        block->n_prepared++;
        if (block->closed && block->n_prepared == block->n_filled)
            (void)pthread_cond_signal(&run->ready);
    }
    (void)pthread_mutex_unlock(&run->mutex);
    return NULL;
}

// The oldest block once it is closed and preprocessed; NULL when there is none left.
static struct block *wait_block(struct run *run)
{
    struct block *block = &run->blocks[run->emptied % BLOCKS];
    (void)pthread_mutex_lock(&run->mutex);
    while (!run->out_of_memory && !(run->at_end && run->filling == run->emptied) &&
           !(block->closed && block->n_prepared == block->n_filled))
        (void)pthread_cond_wait(&run->ready, &run->mutex);
    if (!block->closed || run->out_of_memory)
        block = NULL;
    (void)pthread_mutex_unlock(&run->mutex);
    return block;
}

static void free_images(struct block *block)
{
    for (size_t i = 0; i < block->n_filled; i++) {
        free(block->slots[i].path);
        bv_classifier_input_free(&block->slots[i].image.input);
    }
}

// By every recipe that is needed.
static bool same_size(const struct bv_classifier_input *a, const struct bv_classifier_input *b)
{
    for (size_t i = 0; i < a->n_parts; i++) {
        const struct bv_pixels *x = &a->parts[i].pixels, *y = &b->parts[i].pixels;
        if (x->width != y->width || x->height != y->height || x->channels != y->channels)
            return false;
    }
    return true;
}

// Scores all images of first's size from first on; they land in rows of run->scores by slot number.
static enum bv_status score_alike(struct run *run, struct block *block, size_t first, double *batch,
                                  struct bv_error *err)
{
    const struct bv_scorer *scorer = run->pipeline->scorer;
    size_t n = 0, L = scorer->n_labels;
    for (size_t i = first; i < block->n_filled; i++) {
        struct slot *slot = &block->slots[i];
        if (slot->reason || slot->scored ||
            !same_size(&slot->image.input, &block->slots[first].image.input))
            continue;
        slot->scored = true;
        run->images[n] = &slot->image.input;
        run->scored[n++] = slot;
    }
    BV_TRY(scorer->score(scorer->arg, run->images, n, batch, err));
    const char *moved = scorer->moved ? scorer->moved(scorer->arg) : NULL;
    for (size_t i = 0; i < n; i++) {
        run->scored[i]->moved = moved;
        double *to = run->scores + (size_t)(run->scored[i] - block->slots) * L;
        memcpy(to, batch + i * L, L * sizeof *to);
        for (size_t l = 0; l < L; l++)
            if (!isfinite(to[l]) && !run->scored[i]->reason)
                fail_slot(run->scored[i], BV_OK, "not_finite",
                          "the model gave a score that is not a number");
    }
    return BV_OK;
}

static enum bv_status score_block(struct run *run, struct block *block, double *batch,
                                  struct bv_error *err)
{
    const struct bv_pipeline *p = run->pipeline;
    for (size_t i = 0; i < block->n_filled; i++)
        if (!block->slots[i].reason && !block->slots[i].scored)
            BV_TRY(score_alike(run, block, i, batch, err));
    for (size_t i = 0; i < block->n_filled; i++) {
        const struct slot *slot = &block->slots[i];
        struct bv_journal_record record = {.index = slot->index,
                                           .reason = slot->reason,
                                           .message = slot->message,
                                           .scores = run->scores + i * p->scorer->n_labels,
                                           .warnings = slot->image.warnings,
                                           .moved = slot->moved};
        BV_TRY(p->row(p->arg, &record, err));
    }
    return p->block_end(p->arg, err);
}

static enum bv_status consume(struct run *run, struct bv_error *err)
{
    struct block *block = NULL;
    enum bv_status status = BV_OK;
    double *batch =
        calloc(run->pipeline->block * run->pipeline->scorer->n_labels + 1, sizeof *batch);
    if (!batch)
        return bv_fail_nomem(err, "a batch of scores");
    while (status == BV_OK && (block = wait_block(run)) != NULL) {
        status = score_block(run, block, batch, err);
        free_images(block); // the block is this thread's until it counts as emptied
        (void)pthread_mutex_lock(&run->mutex);
        block->n_filled = block->n_prepared = 0;
        block->closed = false;
        run->emptied++;
        (void)pthread_cond_broadcast(&run->room);
        (void)pthread_mutex_unlock(&run->mutex);
    }
    free(batch);
    return status;
}

static enum bv_status allocate(struct run *run, struct bv_error *err)
{
    size_t n = run->pipeline->block, L = run->pipeline->scorer->n_labels;
    bool ok = true;
    for (int i = 0; i < BLOCKS; i++) {
        run->blocks[i].slots = calloc(n, sizeof *run->blocks[i].slots);
        ok = ok && run->blocks[i].slots;
    }
    run->scores = calloc(n * L + 1, sizeof *run->scores);
    run->images = calloc(n, sizeof *run->images);
    run->scored = calloc(n, sizeof *run->scored);
    return ok && run->scores && run->images && run->scored ? BV_OK
                                                           : bv_fail_nomem(err, "the pipeline");
}

static void release(struct run *run)
{
    for (int i = 0; i < BLOCKS; i++) {
        if (run->blocks[i].slots)
            free_images(&run->blocks[i]);
        free(run->blocks[i].slots);
    }
    free(run->scores);
    free(run->images);
    free(run->scored);
    (void)pthread_cond_destroy(&run->ready);
    (void)pthread_cond_destroy(&run->room);
    (void)pthread_mutex_destroy(&run->mutex);
}

// Workers that could not be started are done without, the first one not.
static enum bv_status run_workers(struct run *run, pthread_t *workers, struct bv_error *err)
{
    int n = 0;
    while (n < run->pipeline->n_workers && pthread_create(&workers[n], NULL, work, run) == 0)
        n++;
    enum bv_status status =
        n ? consume(run, err) : bv_fail(err, BV_ERR_NOMEM, "cannot start a thread");
    (void)pthread_mutex_lock(&run->mutex);
    run->stopping = true;
    (void)pthread_cond_broadcast(&run->room);
    (void)pthread_mutex_unlock(&run->mutex);
    for (int i = 0; i < n; i++)
        (void)pthread_join(workers[i], NULL);
    if (status == BV_OK && run->status != BV_OK) {
        if (err)
            *err = run->err;
        status = run->status;
    }
    return status;
}

enum bv_status bv_pipeline_run(const struct bv_pipeline *pipeline, struct bv_error *err)
{
    struct run *run = calloc(1, sizeof *run);
    pthread_t *workers = calloc((size_t)pipeline->n_workers, sizeof *workers);
    enum bv_status status = BV_OK;
    if (!run || !workers) {
        free(run);
        free(workers);
        return bv_fail_nomem(err, "the pipeline");
    }
    run->pipeline = pipeline;
    (void)pthread_mutex_init(&run->mutex, NULL);
    (void)pthread_cond_init(&run->room, NULL);
    (void)pthread_cond_init(&run->ready, NULL);
    status = allocate(run, err);
    if (status == BV_OK)
        status = run_workers(run, workers, err);
    release(run);
    free(run);
    free(workers);
    return status;
}
