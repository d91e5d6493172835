// biovl explain: where in an image the encoder looks for a text.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/explain.h"
#include "biovl/pacs.h"
#include "pictures.h"

struct explain {
    struct model_options model;
    struct strings texts;
    const char *labels, *templates, *method, *output, *errors, *overlay, *capture, *report,
        *segmentation, *frame;
    int layers, masks, seed;
    bool boxes, json, list;
};

// ---- Files ----

// "out.png", or "out-2.png" for the second of several.
static void number_path(const char *path, size_t i, size_t n, char *out, size_t size)
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    const int stem = dot && (!slash || dot > slash) ? (int)(dot - path) : (int)strlen(path);
    if (n == 1)
        (void)snprintf(out, size, "%s", path);
    else
        (void)snprintf(out, size, "%.*s-%zu%s", stem, path, i + 1, path + stem);
}

static enum bv_status write_overlays(const struct explain *x, const struct bv_explained *e)
{
    const size_t n = bv_explained_count(e);
    for (size_t i = 0; x->overlay && i < n; i++) {
        char path[4096];
        number_path(x->overlay, i, n, path, sizeof path);
        const enum bv_status status = bv_explained_write_png(e, i, path);
        if (status != BV_OK)
            return status;
    }
    return BV_OK;
}

static enum bv_status write_captures(const struct explain *x, struct bv_context *context,
                                     const struct bv_explained *e, const char *source)
{
    const size_t n = bv_explained_count(e);
    for (size_t i = 0; x->capture && i < n; i++) {
        char path[4096];
        number_path(x->capture, i, n, path, sizeof path);
        const enum bv_status status = bv_explained_write_capture(context, e, i, source, path);
        if (status != BV_OK)
            return status;
    }
    return BV_OK;
}

// All maps over the image, float32 [texts,height,width].
static enum bv_status write_maps(struct bv_context *context, const struct bv_explained *e,
                                 const struct bv_image_facts *image, enum bv_explained_layer layer,
                                 const char *path)
{
    const int64_t shape[3] = {(int64_t)bv_explained_count(e), image->height, image->width};
    const size_t each = (size_t)image->width * (size_t)image->height;
    if (!path)
        return BV_OK;
    float *maps = calloc((size_t)shape[0] * each, sizeof *maps);
    enum bv_status status = maps ? BV_OK : BV_ERR_NOMEM;
    for (size_t i = 0; status == BV_OK && i < (size_t)shape[0]; i++)
        status = bv_explained_pixels(e, i, layer, maps + i * each, each);
    if (status == BV_OK)
        status = bv_write_npy(context, path, maps, 3, shape);
    free(maps);
    return status;
}

// ---- Lines ----

static void print_boxes(const struct bv_explained *e, size_t i, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        struct bv_explained_box box = {.size = sizeof box};
        if (bv_explained_box_at(e, i, k, &box) == BV_OK)
            printf("    box x %.0f y %.0f width %.0f height %.0f  peak %.4g\n", box.x, box.y,
                   box.width, box.height, box.peak);
    }
}

static enum bv_status print_lines(const struct explain *x, const struct bv_explained *e,
                                  const char *path)
{
    int rows = 0, columns = 0;
    enum bv_status status = bv_explained_grid(e, 0, NULL, 0, &rows, &columns);
    printf("%s  (%s, %d x %d cells)\n", path, bv_explained_method(e), columns, rows);
    for (size_t i = 0; status == BV_OK && i < bv_explained_count(e); i++) {
        struct bv_explained_map map = {.size = sizeof map};
        status = bv_explained_facts(e, i, &map);
        if (status != BV_OK)
            break;
        printf("  %-32s score %8.4f  peak %9.4g at %.0f,%.0f", map.text, map.score, map.peak,
               map.peak_x, map.peak_y);
        if (!isnan(map.null_peak))
            printf("  null %.4g  prompt dependence %.2f", map.null_peak, map.prompt_dependence);
        printf("%s%s\n", map.nothing_here ? "  nothing here" : "",
               map.truncated ? "  cut to the model's maximum" : "");
        if (x->boxes)
            print_boxes(e, i, map.n_boxes);
    }
    return status;
}

static enum bv_status print_json(const struct bv_explained *e)
{
    char *json = NULL;
    const enum bv_status status = bv_explained_json(e, &json);
    if (status == BV_OK)
        printf("%s\n", json);
    bv_free(json);
    return status;
}

// ---- Images ----

static enum bv_status explain_image(const struct explain *x, const struct opened *o,
                                    const struct bv_zero_shot *z, const struct picture *picture)
{
    const struct bv_explain_options options = {.size = sizeof options,
                                               .method = x->method,
                                               .layers = x->layers,
                                               .masks = x->masks,
                                               .seed = (uint64_t)x->seed};
    struct bv_image *image = NULL;
    struct bv_image_facts info = {.size = sizeof info};
    struct bv_explained *e = NULL;
    enum bv_status status = open_picture(o->context, picture, NULL, &image);
    if (status == BV_OK)
        status = bv_image_describe(image, &info);
    if (status == BV_OK)
        status = z ? bv_explain_labels(z, image, &options, &e)
                   : bv_explain_texts(o->engine, image, (const char *const *)x->texts.items,
                                      x->texts.n, &options, &e);
    if (status == BV_OK)
        status = write_maps(o->context, e, &info, BV_EXPLAINED_ERRORS, x->errors);
    if (status == BV_OK)
        status = write_maps(o->context, e, &info, BV_EXPLAINED_VALUES, x->output);
    if (status == BV_OK)
        status = write_overlays(x, e);
    if (status == BV_OK)
        status = write_captures(x, o->context, e, picture->path);
    if (status == BV_OK && x->report)
        status = bv_explained_write_sr(o->context, e, picture->path, x->report);
    if (status == BV_OK && x->segmentation)
        status = bv_explained_write_seg(o->context, e, picture->path, x->segmentation);
    if (status == BV_OK)
        status = x->json ? print_json(e) : print_lines(x, e, picture_name(picture));
    bv_explained_free(&e);
    bv_image_close(&image);
    return status;
}

static bool writes(const struct explain *x)
{
    return x->output || x->errors || x->overlay || x->capture || x->report || x->segmentation;
}

static int explain_all(const struct explain *x, const struct opened *o,
                       const struct bv_zero_shot *z, const struct strings *images)
{
    struct pictures pictures = {0};
    size_t n_failed = 0;
    enum bv_status last = BV_OK;
    int code = EXIT_USAGE;
    print_research_notice(o);
    const bool listed = list_pictures(o->context, images, x->frame, &pictures);
    if (listed && pictures.n > 1 && writes(x))
        (void)fprintf(stderr, "biovl: %zu frames: files are written of one (--frame)\n",
                      pictures.n);
    else if (listed) {
        for (size_t i = 0; i < pictures.n; i++) {
            const enum bv_status status = explain_image(x, o, z, &pictures.items[i]);
            if (status == BV_OK)
                continue;
            (void)report_failure(o->context, status);
            last = status;
            n_failed++;
        }
        code = (int)exit_code_of_batch(pictures.n, n_failed, last);
    }
    close_pictures(&pictures);
    return code;
}

static int explain_labels(const struct explain *x, const struct opened *o,
                          const struct strings *images)
{
    struct bv_zero_shot_options labels = {.size = sizeof labels, .name = x->labels};
    struct bv_zero_shot *z = NULL;
    char *text = read_text(x->labels, &labels.n_label_bytes);
    char *templates = text && x->templates ? read_templates(x->templates) : NULL;
    int code = EXIT_INPUT;
    labels.labels = text;
    labels.templates = templates;
    if (text && (templates || !x->templates)) {
        const enum bv_status status = bv_zero_shot_open(o->engine, &labels, &z);
        if (status == BV_OK && bv_zero_shot_truncated(z) > 0)
            (void)fprintf(stderr, "biovl: warning: %zu prompts were cut to the model's maximum\n",
                          bv_zero_shot_truncated(z));
        code = status == BV_OK ? explain_all(x, o, z, images)
                               : (int)report_failure(o->context, status);
    }
    bv_zero_shot_close(&z);
    free(templates);
    free(text);
    return code;
}

static int list_methods(const struct opened *o)
{
    char *json = NULL;
    const enum bv_status status = bv_explain_methods(o->context, o->model, &json);
    if (status != BV_OK)
        return (int)report_failure(o->context, status);
    printf("%s\n", json);
    bv_free(json);
    return EXIT_OK;
}

// Whether something would be written over what is read, also under the numbers that several texts
// get, or twice.
static bool overwrites(const struct explain *x, const struct strings *images)
{
    enum { MOST_TEXTS = 4096 };
    const char *outputs[] = {x->output,  x->errors, x->overlay,
                             x->capture, x->report, x->segmentation};
    const size_t n = sizeof outputs / sizeof *outputs;
    const char *const numbered[] = {x->overlay, x->capture};
    const char *read[] = {x->labels, x->templates, model_path(x->model.model)};
    const size_t n_texts = x->labels ? MOST_TEXTS : x->texts.n;
    for (size_t i = 0; i < n; i++)
        if (is_read(outputs[i], read, 3) || is_input(outputs[i], images))
            return true;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; numbered[k] && i < n_texts; i++) {
            char path[4096];
            number_path(numbered[k], i, n_texts, path, sizeof path);
            if (is_input(path, images))
                return true;
        }
    return is_output_twice(outputs, n);
}

static int run(const struct explain *x, const struct strings *images)
{
    struct opened o = {0};
    const enum bv_status status = open_model(&o, &x->model, !x->list);
    int code = (int)exit_code_of(status);
    if (status == BV_OK && x->list)
        code = list_methods(&o);
    else if (status == BV_OK)
        code = x->labels ? explain_labels(x, &o, images) : explain_all(x, &o, NULL, images);
    close_model(&o);
    return code;
}

static bool is_valid(const struct explain *x, const struct strings *images)
{
    if (x->list)
        return images->n == 0;
    return images->n > 0 && (x->texts.n > 0) != (x->labels != NULL) &&
           (!writes(x) || images->n == 1) &&
           (!(x->capture || x->report || x->segmentation) || !x->frame) &&
           (!x->templates || x->labels) && x->masks >= 0 && x->seed >= 0;
}

int run_explain(int argc, char **argv)
{
    struct explain x = {.labels = NULL};
    const struct option options[] = {
        {"--text|-t", OPTION_LIST, &x.texts, "TEXT...", "what to look for"},
        {"--labels|-l", OPTION_STRING, &x.labels, "FILE",
         "or one label per line; label = prompt | prompt; # comments"},
        {"--templates", OPTION_STRING, &x.templates, "SET",
         "prompt set instead of the model's own: a name of biovl info --prompts, or a JSON file"},
        {"--method", OPTION_STRING, &x.method, "M",
         "auto, similarity, gradcam, hirescam, layercam, eigencam, legrad, gradeclip, surgery, "
         "maskclip, rollout, occlusion, rise; attention of labels that a decoder scores"},
        {"--layers", OPTION_INTEGER, &x.layers, "N",
         "how many of the last layers legrad (2) and surgery (6) read; -1: all"},
        {"--masks", OPTION_INTEGER, &x.masks, "N",
         "of rise (default: doubled until the standard error is below 2 % of the range)"},
        {"--seed", OPTION_INTEGER, &x.seed, "N", "of rise"},
        {"--output|-o", OPTION_STRING, &x.output, "MAP.npy",
         "the maps over the image, float32 [texts,height,width]; NaN: not seen"},
        {"--errors", OPTION_STRING, &x.errors, "FILE.npy", "likewise, standard errors of rise"},
        {"--overlay", OPTION_STRING, &x.overlay, "OUT.png",
         "a picture of each map: OUT-1.png, OUT-2.png, … for several texts"},
        {"--dicom-sr", OPTION_STRING, &x.report, "OUT.dcm",
         "scores and regions as a DICOM report (TID 1500) about the image"},
        {"--dicom-seg", OPTION_STRING, &x.segmentation, "OUT.dcm",
         "the cells of the boxes as a DICOM Segmentation, a segment for each text"},
        {"--dicom-sc", OPTION_STRING, &x.capture, "OUT.dcm",
         "likewise, Secondary Captures of the study of a DICOM image"},
        {"--boxes", OPTION_FLAG, &x.boxes, NULL, "print boxes around what is high"},
        FRAME_OPTION(&x.frame),
        MODEL_OPTIONS(&x.model),
        {"--methods", OPTION_FLAG, &x.list, NULL, "list the methods that the model can have"},
        {"--json", OPTION_FLAG, &x.json, NULL, "one JSON object per image"},
    };
    const struct usage usage = {
        "explain", "IMAGE... --text TEXT... | --labels FILE [options]",
        "Where an encoder looks for a text: maps in raw units, against those of texts that say "
        "nothing.",
        options, sizeof options / sizeof *options};
    struct strings images = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &images);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        if (!is_valid(&x, &images))
            (void)fprintf(stderr, "usage: biovl explain %s\n", usage.synopsis);
        else if (!overwrites(&x, &images))
            code = run(&x, &images);
    }
    free_strings(&images);
    free_strings(&x.texts);
    return code;
}
