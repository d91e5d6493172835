// biovl/generate.h: radiographs from text, by latent diffusion (RoentGen, Stable Diffusion).
//
// A generator is a text-to-image model file (bv_convert() of a diffusers folder) at work on one
// device. Pictures are synthetic: they show nobody, and nothing in them is a finding. Whoever
// stores one keeps what it was made of beside it (bv_generated_describe()).
//
//     struct bv_generator *generator = NULL;
//     struct bv_generate_options options;
//     bv_generator_open(context, "roentgen.safetensors", "auto", "auto", &generator);
//     bv_generate_options_init(&options);
//     options.text = "big right-sided pleural effusion";
//     bv_generate(generator, &options, rgb, sizeof rgb, NULL);
//
// Threads: a generator belongs to the thread of its context.
#ifndef BIOVL_GENERATE_H
#define BIOVL_GENERATE_H

#include "biovl/biovl.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_generator;

// Opens a model file. device and precision as bv_engine_open(). BV_ERR_MODEL for a model that
// scores images, BV_ERR_FORMAT, BV_ERR_IO, BV_ERR_DEVICE.
BV_API enum bv_status bv_generator_open(struct bv_context *context, const char *path,
                                        const char *device, const char *precision,
                                        struct bv_generator **generator);
// Accepts a pointer to NULL; sets it to NULL.
BV_API void bv_generator_close(struct bv_generator **generator);

BV_API const char *bv_generator_device(const struct bv_generator *generator);    // "cpu", …
BV_API const char *bv_generator_precision(const struct bv_generator *generator); // "f32", …
BV_API const char *
bv_generator_fallback(const struct bv_generator *generator); // why not a GPU, or NULL
// The method that the model's authors use: "pndm", "ddim", "dpm++" or "euler"; NULL where theirs is
// another, and one of these must be chosen.
BV_API const char *bv_generator_scheduler(const struct bv_generator *generator);

struct bv_generate_options {
    size_t size;           // sizeof (struct bv_generate_options), as the init call sets it
    const char *text;      // UTF-8; longer than 77 tokens is cut, and told
    const char *negative;  // what the picture should not show; NULL: nothing in particular
    int width, height;     // pixels, multiples of 8, 8 to 4096
    int steps;             // 1 to 1000
    double guidance;       // 0 to 100; 1 or less: the text alone, in half the time
    uint64_t seed;         // the lower 32 bits count, as in torch's CPU generator
    const char *scheduler; // "pndm", "ddim", "dpm++", "euler"; NULL: the model's own
    const uint8_t *image;  // to start from, RGB [height][width][3], or NULL
    double strength;       // 0 to 1: how much of that image is replaced
};

// 512 × 512 pixels, 75 steps, guidance 4, seed 0, the model's scheduler, no image, strength 0.8:
// what RoentGen's authors state.
BV_API void bv_generate_options_init(struct bv_generate_options *options);

// Makes one picture into rgb [height][width][3], of `capacity` bytes. The context's observer sees
// the calls of the network as progress and may cancel between them (BV_ERR_CANCELLED; rgb is
// untouched). truncated (may be NULL) receives whether a text was cut. BV_ERR_ARG for options out
// of range or a capacity that is too small; BV_ERR_LIMIT, with the step, when values stop being
// numbers.
BV_API enum bv_status bv_generate(struct bv_generator *generator,
                                  const struct bv_generate_options *options, uint8_t *rgb,
                                  size_t capacity, int *truncated);

// What a picture was made of, as JSON: {"synthetic": true, "text", "negative", "seed", "steps",
// "guidance", "scheduler", "width", "height", "model", "sha256", "settings_sha256", "precision",
// "version"}.
BV_API enum bv_status bv_generated_describe(struct bv_generator *generator,
                                            const struct bv_generate_options *options, char **json);

// Writes a picture as PNG with that description in it, completely or not at all.
BV_API enum bv_status bv_generated_write_png(struct bv_generator *generator,
                                             const struct bv_generate_options *options,
                                             const uint8_t *rgb, const char *path);
// The same as a DICOM Secondary Capture: Image Type DERIVED, "SYNTHETIC" as patient and in the
// series' description, a study of its own.
BV_API enum bv_status bv_generated_write_dicom(struct bv_generator *generator,
                                               const struct bv_generate_options *options,
                                               const uint8_t *rgb, const char *path);

// An image file as a start: decoded, as a viewer would show it, resampled to width × height, gray
// in three equal channels. rgb [height][width][3] of `capacity` bytes. Errors as those of
// bv_preprocess().
BV_API enum bv_status bv_generate_load_image(struct bv_context *context, const char *path,
                                             int width, int height, uint8_t *rgb, size_t capacity);

// Makes a picture for each row of a CSV file with the column "text" and, where they are,
// "negative", "seed" (else options->seed + row) and "name" (else the number of the row):
// FOLDER/NAME.png. FOLDER/images.csv lists all of them with what they were made of, and repeats
// the table's other columns (labels, say). Pictures that are there already stay, so that a run that
// was stopped goes on where it was, also with a longer table; BV_ERR_ARG when those in the folder
// are of other rows, options or of another model. A row that fails is told to the observer, and the
// others go on.
struct bv_generate_counts {
    size_t size; // sizeof (struct bv_generate_counts)
    size_t made, present, failed;
};
BV_API enum bv_status bv_generate_batch(struct bv_generator *generator,
                                        const struct bv_generate_options *options,
                                        const char *prompts, const char *folder,
                                        struct bv_generate_counts *counts);

// Do generated images show what was asked for? folder holds images.csv, as bv_generate_batch()
// writes it: columns path, text and, for labels whose names are columns, 1 (asked for) or 0; of
// other labels the text says it (docs/generation.md). *json receives {"images", "failed", "labels":
// [{"label", "asked_by", "asked", "not_asked", "auroc", "interval"}], "auroc", "diversity",
// "too_small", "distance", "model"}: the classifier's AUROC with DeLong's 95 % interval, the mean
// MS-SSIM of pairs of one prompt, and the Fréchet distance of the encoder's embeddings to those of
// the real images; null where there is none. An image that fails is counted.
struct bv_eval_synthetic_options {
    size_t size; // sizeof (struct bv_eval_synthetic_options)
    const char *folder;
    const char *real; // CSV with a column of real images, or NULL
    size_t batch;     // images per run of the encoder; 0: 16
    int workers;      // decoding threads; 0: 1
};
BV_API enum bv_status bv_eval_synthetic(struct bv_zero_shot *classifier,
                                        const struct bv_eval_synthetic_options *options,
                                        char **json);

#ifdef __cplusplus
}
#endif
#endif
