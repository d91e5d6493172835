// phrase_maps.h: a dual encoder's maps of phrases over the images of an evaluation's rows.
#ifndef BV_EVAL_TASKS_PHRASE_MAPS_H
#define BV_EVAL_TASKS_PHRASE_MAPS_H

#include "eval/run/task_run.h"
#include "eval/tasks/retrieval_table.h"
#include "explain/faithfulness.h"

struct bv_phrase_map_options {
    bool smooth; // maps are brought to the image's size bilinearly, not by the nearest cell
    // NULL: the similarity map that the model's card describes. Else a method of src/explain, for
    // any dual encoder ("auto": the model's default), whose maps are bilinear.
    const char *method;
    int layers;        // as in struct bv_probe_request
    bool faithfulness; // of maps of a method: how the score follows their order of pixels
};

// Zero-initialise; free in any state.
struct bv_phrase_maps {
    struct bv_session *session;
    const struct bv_text_encoder *texts;
    struct bv_phrase_map_options options;
    const struct bv_map_method *method; // or NULL: the map's making, from the card
    float *common;                      // of a method: the embedding of an empty text
    const char *output;
    double sigma;
    int shorter;
    // The current image.
    struct bv_preprocessed image;        // of a method with its pixels
    struct bv_faithfulness faithfulness; // of the last map
    int crop;
    float *patches; // [h,w,D]
    size_t h, w, D;
};

// session and texts are borrowed. BV_ERR_MODEL, BV_ERR_UNSUPPORTED or BV_ERR_ARG where the model
// has no such map.
enum bv_status bv_phrase_maps_open(struct bv_phrase_maps *maps, struct bv_session *session,
                                   const struct bv_text_encoder *texts,
                                   const struct bv_phrase_map_options *options,
                                   struct bv_error *err);
void bv_phrase_maps_free(struct bv_phrase_maps *maps);

// The image of a row, decoded and encoded unless it is that of the row before. One that cannot be
// read is no error: task->failure has the reason.
enum bv_status bv_phrase_maps_take(struct bv_phrase_maps *maps, struct bv_task *task, uint64_t line,
                                   const char *path, struct bv_error *err);

// The phrase's map over that image, [image.height,image.width], NaN where the encoder saw nothing.
// The caller frees *map.
enum bv_status bv_phrase_maps_make(struct bv_phrase_maps *maps, const char *text, float **map,
                                   struct bv_error *err);

#endif
