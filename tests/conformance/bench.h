// bench.h: one published system on the test bench: its checkpoint converted by the library, and the
// outputs of its authors' code to compare with. Everything comes from the conformance folder.
#ifndef BV_TESTS_CONFORMANCE_BENCH_H
#define BV_TESTS_CONFORMANCE_BENCH_H

#include "model/session.h"
#include "support/npz.h"

// What a comparison may differ by; limits of the current device and precision (bench.c).
enum quantity {
    EMBEDDING, // cosine, and difference after both are scaled to the golden's length
    SCORE, // difference, relative to the larger of 1 and the largest golden value; below f32 also
           // to what cosines are multiplied with
    MAP,   // likewise, local maps
    PIXELS,
};

struct bench {
    const char *root;   // the conformance folder
    const char *system; // as printed
    const char *device; // "cpu", "vulkan", …
    const char *precision;
    json_t *golden;     // the whole json
    const json_t *meta; // its "meta"
    struct npz arrays;
    struct bv_pool *pool;
    char model_path[512];
    struct bv_model *model;
    struct bv_session *session;
    double scale; // of scores that are scaled cosines; else 1
    double worst_cosine, largest_score, largest_map, largest_pixel;
    int n_compared, n_failed;
};

// Opens GOLDEN.json and GOLDEN.npz below the root.
void bench_open(struct bench *b, const char *root, const char *system, const char *golden);
void bench_close(struct bench *b);

// Converts the checkpoint (below the root) with overrides "text.heads=4" and opens a session on the
// bench's device; vocab (below the root) may be NULL. system (a card's name) may be NULL: the
// library recognises it. False when this machine has not the device.
bool bench_model(struct bench *b, const char *checkpoint, const char *vocab, const char *system,
                 const char *const *set, size_t n_set);

// The same of a checkpoint and the parts (paths) that complete it.
bool bench_model_of_parts(struct bench *b, const char *checkpoint, const char *const *parts,
                          size_t n_parts, const char *vocab, const char *const *set, size_t n_set);

// Members of meta, by dotted path; fail the test when absent, save with _or.
const char *bench_string(const struct bench *b, const char *path);
int bench_integer(const struct bench *b, const char *path);
const json_t *bench_member(const struct bench *b, const char *path); // NULL when absent

// An f32 array of the golden file, which must exist.
const struct npy *bench_array(const struct bench *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The images of the arrays PREFIX/name, in their order; returns how many (at most 32).
int bench_images(const struct bench *b, const char *prefix, const char **names);

// The pixels of an image as the model's recipe makes them; the caller frees pixels.data.
struct bv_pixels bench_pixels(struct bench *b, const char *image);

// An image output, raw, malloc'd; shape without the batch dimension.
float *bench_image(struct bench *b, const char *image, const char *output,
                   struct bv_output_shape *shape);
float *bench_image_of(struct bench *b, const struct bv_pixels *pixels, const char *output,
                      struct bv_output_shape *shape);
// A text output of one sentence, raw, malloc'd.
float *bench_text(struct bench *b, const char *sentence, const char *output,
                  struct bv_output_shape *shape);

// Compares n values; what names them in the message.
void bench_compare(struct bench *b, enum quantity quantity, const char *what, const float *ours,
                   const float *theirs, size_t n);
void bench_compare_scores(struct bench *b, const char *what, const double *ours,
                          const float *theirs, size_t n);
// Ids of a sentence with the golden row of `width`, padded with zeros.
void bench_compare_ids(struct bench *b, const char *sentence, const int64_t *row, size_t width);

// Recurring cases. normalize: compare after scaling ours to unit length.
// PREFIX/image [C,H,W] or [H,W], against the recipe's result.
void bench_check_pixels(struct bench *b, const char *prefix);
// Row i of array against the output of image i.
void bench_check_images(struct bench *b, const char *const *images, int n, const char *output,
                        const char *array, bool normalize);
// Row i of array against the output of sentence i of a JSON list; ids may be NULL.
void bench_check_texts(struct bench *b, const json_t *sentences, const char *output,
                       const char *ids, const char *array, bool normalize);

// To unit length.
void bench_normalize(float *x, size_t n);

// Prints the summary; the number of failures.
int bench_summary(const struct bench *b);

#endif
