// biovl classify: zero-shot scores.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "biovl/explain.h"
#include "biovl/pacs.h"
#include "fused.h"
#include "pictures.h"

struct classify {
    const char *report, *regions; // for models with a diagnosis head
    struct model_options model;
    const char *labels, *templates, *prior, *frame, *sr, *capture, *explain;
    struct strings ensemble; // further model files
    bool json, csv, no_cache;
};

static void print_table(const struct bv_zero_shot *z, const struct bv_result *r, const char *path)
{
    printf("%s  (%s)\n", path, bv_result_kind(r));
    bool bars = isatty(STDOUT_FILENO);
    for (size_t i = 0; i < bv_zero_shot_count(z); i++) {
        double score = bv_result_score(r, i);
        printf("  %-32s %10.6f", bv_zero_shot_label(z, i), score);
        for (int k = 0; bars && score <= 1 && k < (int)(score * 30); k++)
            (void)fputs(k ? "█" : "  █", stdout);
        (void)putchar('\n');
    }
}

static void print_csv(const struct bv_zero_shot *z, const struct bv_result *r, const char *path)
{
    for (size_t i = 0; i < bv_zero_shot_count(z); i++) {
        print_csv_field(path);
        (void)putchar(',');
        print_csv_field(bv_zero_shot_label(z, i));
        printf(",%.9g,%s\n", bv_result_score(r, i), bv_result_kind(r));
    }
}

static enum bv_status print_result(const struct classify *c, const struct bv_zero_shot *z,
                                   const struct bv_result *r, const char *path)
{
    clear_progress();
    if (c->csv)
        print_csv(z, r, path);
    else if (!c->json)
        print_table(z, r, path);
    for (size_t i = 0; !c->json && i < bv_result_warning_count(r); i++)
        (void)fprintf(stderr, "biovl: %s: warning: %s (%s)\n", path, bv_result_warning_text(r, i),
                      bv_reason_name(bv_result_warning_reason(r, i)));
    char *json = NULL;
    if (c->json) {
        enum bv_status status = bv_result_json(r, &json);
        if (status != BV_OK)
            return status;
        printf("%s\n", json);
        bv_free(json);
    }
    return BV_OK;
}

// out is the file for one image, else a folder that gets one numbered file per image.
static enum bv_status
write_dicom(const char *out, const struct opened *o, const struct bv_result *result,
            const struct pictures *images, size_t i,
            enum bv_status (*write)(struct bv_context *, const struct bv_result *, const char *,
                                    const char *))
{
    char path[4096];
    size_t n = out ? strlen(out) : 0;
    if (!out)
        return BV_OK;
    if (images->n == 1 && n > 4 && strcmp(out + n - 4, ".dcm") == 0)
        return write(o->context, result, images->items[i].path, out);
    (void)mkdir(out, 0777); // when it cannot be made, writing into it says why
    (void)snprintf(path, sizeof path, "%s/%06zu.dcm", out, i + 1);
    return write(o->context, result, images->items[i].path, path);
}

// The map of the label that scored highest, as a picture: a .png file for one image, else a folder
// that gets one numbered file per image.
static enum bv_status write_explanation(const struct classify *c, const struct bv_zero_shot *z,
                                        const struct bv_image *image,
                                        const struct bv_result *result, size_t n_images, size_t i)
{
    char path[4096];
    size_t best = 0, n = c->explain ? strlen(c->explain) : 0;
    struct bv_explained *e = NULL;
    if (!c->explain)
        return BV_OK;
    (void)snprintf(path, sizeof path, "%s", c->explain);
    if (n_images > 1 || n < 4 || strcmp(c->explain + n - 4, ".png") != 0) {
        (void)mkdir(c->explain, 0777); // when it cannot be made, writing into it says why
        (void)snprintf(path, sizeof path, "%s/%06zu.png", c->explain, i + 1);
    }
    for (size_t k = 0; k < bv_result_count(result); k++)
        best = bv_result_score(result, k) > bv_result_score(result, best) ? k : best;
    enum bv_status status = bv_explain_labels(z, image, NULL, &e);
    if (status == BV_OK)
        status = bv_explained_write_png(e, best, path);
    bv_explained_free(&e);
    return status;
}

static int classify_all(const struct classify *c, const struct opened *o, struct bv_zero_shot *z,
                        const struct pictures *images)
{
    size_t n_failed = 0;
    enum bv_status last = BV_OK;
    struct bv_image *prior = NULL;
    if (c->prior && (last = bv_image_open(o->context, c->prior, NULL, &prior)) != BV_OK)
        return (int)report_failure(o->context, last);
    if (c->csv)
        printf("path,label,score,kind\n");
    for (size_t i = 0; i < images->n; i++) {
        struct bv_result *result = NULL;
        show_progress("image", i + 1, images->n);
        struct bv_image *image = NULL;
        enum bv_status status = open_picture(o->context, &images->items[i], prior, &image);
        if (status == BV_OK)
            status = bv_zero_shot_classify(z, image, &result);
        if (status == BV_OK)
            status = write_explanation(c, z, image, result, images->n, i);
        bv_image_close(&image);
        if (status == BV_OK)
            status = print_result(c, z, result, picture_name(&images->items[i]));
        if (status == BV_OK)
            status = write_dicom(c->sr, o, result, images, i, bv_result_write_sr);
        if (status == BV_OK)
            status = write_dicom(c->capture, o, result, images, i, bv_result_write_capture);
        bv_result_free(&result);
        if (status != BV_OK) {
            (void)report_failure(o->context, status);
            last = status;
            n_failed++;
        }
    }
    bv_image_close(&prior);
    clear_progress();
    return (int)exit_code_of_batch(images->n, n_failed, last);
}

// What one classifier needs; the texts of labels and templates are shared by an ensemble.
struct classifier {
    struct opened o;
    struct bv_zero_shot *z;
};

struct prompt_texts {
    char *labels, *templates;
    size_t labels_size;
};

static int open_classifier(struct classifier *k, const struct classify *c, const char *model,
                           const struct prompt_texts *texts)
{
    struct model_options options = c->model;
    options.model = model;
    enum bv_status status = open_model(&k->o, &options, true);
    if (status != BV_OK)
        return (int)exit_code_of(status);
    const struct bv_zero_shot_options labels = {.size = sizeof labels,
                                                .labels = texts->labels,
                                                .n_label_bytes = texts->labels_size,
                                                .name = c->labels,
                                                .templates = texts->templates,
                                                .cache = may_cache(c->no_cache)};
    status = bv_zero_shot_open(k->o.engine, &labels, &k->z);
    if (status != BV_OK)
        return (int)report_failure(k->o.context, status);
    bv_engine_trim(k->o.engine);
    return EXIT_OK;
}

static void close_classifier(struct classifier *k)
{
    bv_zero_shot_close(&k->z);
    close_model(&k->o);
}

static void print_notes(const struct classifier *k)
{
    print_research_notice(&k->o);
    if (bv_zero_shot_warning(k->z))
        (void)fprintf(stderr, "biovl: warning: %s\n", bv_zero_shot_warning(k->z));
    if (bv_zero_shot_truncated(k->z) > 0)
        (void)fprintf(stderr, "biovl: warning: %zu prompts were cut to the model's maximum\n",
                      bv_zero_shot_truncated(k->z));
}

// The first classifier, joined by one for each further model.
static int classify_with(const struct classify *c, const struct prompt_texts *texts,
                         const struct strings *images)
{
    size_t n = c->ensemble.n + 1, opened = 0;
    struct classifier *all = calloc(n, sizeof *all);
    int code = all ? EXIT_OK : EXIT_DEVICE;
    for (; code == EXIT_OK && opened < n; opened++) {
        const char *model = opened ? c->ensemble.items[opened - 1] : c->model.model;
        code = open_classifier(&all[opened], c, model, texts);
        enum bv_status status = BV_OK;
        if (code == EXIT_OK && opened > 0)
            status = bv_zero_shot_join(all[0].z, all[opened].z);
        if (status != BV_OK)
            code = (int)report_failure(all[0].o.context, status);
    }
    if (code == EXIT_OK) {
        struct pictures pictures = {0};
        print_notes(&all[0]);
        code = EXIT_USAGE;
        if (list_pictures(all[0].o.context, images, c->frame, &pictures))
            code = classify_all(c, &all[0].o, all[0].z, &pictures);
        close_pictures(&pictures);
    }
    for (size_t i = 0; i < opened; i++)
        close_classifier(&all[i]);
    free(all);
    return code;
}

static int run(const struct classify *c, const struct strings *images)
{
    struct prompt_texts texts = {0};
    texts.labels = read_text(c->labels, &texts.labels_size);
    int code = EXIT_INPUT;
    if (texts.labels && c->templates)
        texts.templates = read_templates(c->templates);
    if (texts.labels && (!c->templates || texts.templates))
        code = classify_with(c, &texts, images);
    free(texts.templates);
    free(texts.labels);
    return code;
}

// Whether something would be written over what is read.
static bool overwrites(const struct classify *c, const struct strings *images)
{
    const char *outputs[] = {c->sr, c->capture, c->explain};
    const char *read[] = {c->labels, c->templates, c->prior, model_path(c->model.model)};
    for (size_t i = 0; i < 3; i++)
        if (is_input(outputs[i], images) || is_read(outputs[i], read, 4))
            return true;
    return is_output_twice(outputs, 3);
}

int run_classify(int argc, char **argv)
{
    struct classify c = {.labels = NULL};
    const struct option options[] = {
        {"--labels|-l", OPTION_STRING, &c.labels, "FILE",
         "one label per line; label = prompt | prompt; # comments"},
        {"--templates", OPTION_STRING, &c.templates, "SET",
         "prompt set instead of the model's own: a name of biovl info --prompts, or a JSON file"},
        {"--prior", OPTION_STRING, &c.prior, "IMAGE",
         "an earlier image of the same patient, for models that take one (BioViL-T)"},
        FRAME_OPTION(&c.frame),
        {"--ensemble", OPTION_LIST, &c.ensemble, "MODEL...",
         "further models of the same kind: scores are the mean"},
        MODEL_OPTIONS(&c.model),
        NO_CACHE_OPTION(&c.no_cache),
        {"--dicom-sr", OPTION_STRING, &c.sr, "OUT",
         "structured reports (TID 1500) of DICOM images: a .dcm file, or a folder for several"},
        {"--dicom-sc", OPTION_STRING, &c.capture, "OUT",
         "Secondary Captures of DICOM images with their scores and a heat map where there is one"},
        {"--explain", OPTION_STRING, &c.explain, "OUT",
         "pictures of where the label that scored highest is (biovl explain): a .png file, or a "
         "folder for several"},
        {"--report", OPTION_STRING, &c.report, "TEXT",
         "instead of labels: the report that a fusion model diagnoses together with the image"},
        {"--regions", OPTION_STRING, &c.regions, "FILE",
         "with --report: visual features for models that read them (.npz, .safetensors)"},
        {"--json", OPTION_FLAG, &c.json, NULL, "one JSON object per image"},
        {"--csv", OPTION_FLAG, &c.csv, NULL, "path,label,score,kind"},
    };
    const struct usage usage = {
        "classify", "IMAGE... --labels FILE [options]",
        "Scores images (DICOM, PNG, JPEG, JPEG 2000, by content) against labels, without training.",
        options, sizeof options / sizeof *options};
    struct strings images = {0};
    enum parse_result parsed = parse_arguments(&usage, argc, argv, &images);
    int code = parsed == PARSE_HELP ? EXIT_OK : EXIT_USAGE;
    if (parsed == PARSE_OK) {
        const struct fused_options fused = {c.model, c.regions, c.frame, c.json};
        if (c.report && !c.labels && images.n + (c.regions != NULL) == 1)
            code = run_diagnosis(&fused, images.n ? images.items[0] : c.regions, c.report, c.csv);
        else if (images.n == 0 || !c.labels || c.report || (c.json && c.csv) ||
                 (c.frame && (c.sr || c.capture)))
            (void)fprintf(stderr, "usage: biovl classify %s\n", usage.synopsis);
        else if (!overwrites(&c, &images))
            code = run(&c, &images);
    }
    free_strings(&images);
    free_strings(&c.ensemble);
    return code;
}
