// fused.h: what match, ask and segment share: an image opened for a fusion encoder, JSON results.
#ifndef BV_TOOLS_FUSED_H
#define BV_TOOLS_FUSED_H

#include <jansson.h>

#include "biovl/fusion.h"
#include "pictures.h"

struct fused_options {
    struct model_options model;
    const char *regions, *frame;
    bool json;
};

// clang-format off
#define FUSED_OPTIONS(o)                                                                           \
    {"--regions", OPTION_STRING, &(o)->regions, "FILE",                                            \
     "detector regions (.npz, .safetensors: features [R,D], boxes [R,4]) for models that read them"}, \
    FRAME_OPTION(&(o)->frame),                                                                     \
    MODEL_OPTIONS(&(o)->model),                                                                    \
    {"--json", OPTION_FLAG, &(o)->json, NULL, "one JSON object per image"}
// clang-format on

// What is done with an image; name is what the results call it. Returns the exit code.
typedef int fused_action(void *arg, const struct opened *opened, struct bv_fused_image *image,
                         const char *name);

// Opens the model, checks that it has the head, opens the image, or each frame of it that is asked
// for, and does the action. Failures are printed, and end it; the exit code.
int with_fused(const struct fused_options *options, const char *path, const char *head,
               fused_action *action, void *arg);

// The object that results are added to; NULL after printing why not.
json_t *fused_json(const struct opened *opened, const struct bv_fused_image *image);

// Prints an object on one line and releases it; the exit code.
int print_fused_json(json_t *object);

// biovl classify for a model with a diagnosis head: its scores for an image (or the regions of
// options) and a report. The exit code.
int run_diagnosis(const struct fused_options *options, const char *path, const char *report,
                  bool csv);

#endif
