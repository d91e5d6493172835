// conformance.explain.<system>: heat maps of an encoder against those of their methods' authors'
// code, in double where the fixtures have that.
//
//     test_conformance_explain SYSTEM [DEVICE [PRECISION]]        (default: cpu f32)
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/case.h"
#include "explain/faithfulness.h"
#include "explain/sweep.h"
#include "support/check.h"
#include "support/reference.h"

// One array of a fixture and the method that makes it.
struct expected {
    const char *system;
    const char *file; // below explain/, without .npz
    const char *array;
    const char *method;
    int layers;
    const char *common; // array with the embedding of an empty text
};

static const struct expected expected[] = {
#define CAM(system, file)                                                                          \
    {system, file, "f64/gradcam/raw", "gradcam", 0, NULL},                                         \
        {system, file, "f64/hirescam/raw", "hirescam", 0, NULL},                                   \
        {system, file, "f64/layercam/raw", "layercam", 0, NULL},                                   \
    {                                                                                              \
        system, file, "f64/eigencam/signed", "eigencam", 0, NULL                                   \
    }
    CAM("medclip.resnet", "medclip/golden_gradcam_medclip-resnet_layer4"),
    CAM("medclip.vit", "medclip/golden_gradcam_medclip-vit_last_norm2"),
    CAM("gloria", "gloria/golden_gradcam_gloria_layer4"),
    CAM("biovil", "biovil/golden_gradcam_biovil_layer4"),
    CAM("densenet121", "densenet121/golden_gradcam_densenet121_features"),
    CAM("chexzero", "chexzero/golden_gradcam_chexzero_last_ln_1"),
    CAM("biomedclip", "biomedclip/golden_gradcam_biomedclip_last_norm1"),
    CAM("siglip", "siglip/golden_gradcam_siglip_last_layer_norm1"),
    CAM("medsiglip", "siglip/golden_gradcam_medsiglip_last_layer_norm1"),
#undef CAM
    {"chexzero", "chexzero/golden_legrad_chexzero", "f64/last2/sum", "legrad", 0, NULL},
    {"chexzero", "chexzero/golden_legrad_chexzero", "f64/last1/sum", "legrad", 1, NULL},
    {"biomedclip", "biomedclip/golden_legrad_biomedclip", "f64/last2/sum", "legrad", 0, NULL},
    {"biomedclip", "biomedclip/golden_legrad_biomedclip", "f64/all/sum", "legrad", -1, NULL},
    {"siglip", "siglip/golden_legrad_siglip", "f64/last2/sum", "legrad", 0, NULL},
    {"siglip", "siglip/golden_legrad_siglip", "f64/last1/sum", "legrad", 1, NULL},
    {"medsiglip", "siglip/golden_legrad_medsiglip", "f64/last2/sum", "legrad", 0, NULL},
#define SURGERY(system, file)                                                                      \
    {system, file, "f64/depth1/set", "surgery", 1, NULL},                                          \
    {                                                                                              \
        system, file, "f64/depth2/set", "surgery", 2, NULL                                         \
    }
    SURGERY("chexzero", "chexzero/golden_surgery_chexzero"),
    SURGERY("biomedclip", "biomedclip/golden_surgery_biomedclip"),
#undef SURGERY
    {"biomedclip", "biomedclip/golden_surgery_biomedclip", "f64/depth3/set", "surgery", 0, NULL},
    {"chexzero", "chexzero/golden_surgery_chexzero", "f64/depth2/single", "surgery", 0,
     "empty_text_embedding"},
#define ECLIP(system, file)                                                                        \
    {system, file, "f64/heads_true/n1/eclip", "gradeclip", 0, NULL},                               \
    {                                                                                              \
        system, file, "f64/heads_true/n1/maskclip", "maskclip", 0, NULL                            \
    }
    ECLIP("chexzero", "chexzero/golden_gradeclip_chexzero"),
    ECLIP("biomedclip", "biomedclip/golden_gradeclip_biomedclip"),
#undef ECLIP
#define SWEEP(system, file)                                                                        \
    {                                                                                              \
        system, file, "f64/occlusion/difference", "occlusion", 0, NULL                             \
    }
    SWEEP("chexzero", "chexzero/golden_rise_occlusion_chexzero"),
    SWEEP("biomedclip", "biomedclip/golden_rise_occlusion_biomedclip"),
    SWEEP("medclip.resnet", "medclip/golden_rise_occlusion_medclip-resnet"),
    SWEEP("medclip.vit", "medclip/golden_rise_occlusion_medclip-vit"),
    SWEEP("siglip", "siglip/golden_rise_occlusion_siglip"),
#undef SWEEP
    {"chexzero", "chexzero/golden_rollout_chexzero", "f64/rollout", "rollout", 0, NULL},
    {"biomedclip", "biomedclip/golden_rollout_biomedclip", "f64/rollout", "rollout", 0, NULL},
};

// Largest difference of a map, relative to the largest of the reference, per precision. Measured in
// f32: at most 4.1e-6; gloria 1.6e-5 (its authors' code in f32 differs from itself in double by
// 1.6e-5), biovil 1.3e-5 (1.1e-5). In f16, on Vulkan: chexzero 7.5e-4.
//
// Occlusion subtracts nearly equal cosines: its authors' code in f32 differs from itself in double
// by 2.1e-5, this by 2.4e-5; in f16 nothing is left of it.
static double limit_of(const struct bench *b, const char *method)
{
    const bool sweep = strcmp(method, "occlusion") == 0;
    if (strcmp(b->precision, "f32") != 0)
        return sweep ? 5e-2 : 1e-3;
    if (sweep)
        return 5e-5;
    return strcmp(b->system, "gloria") == 0 || strcmp(b->system, "biovil") == 0 ? 2e-5 : 1e-5;
}

// ---- Models ----

static bool open_with(struct bench *b, const char *checkpoint, const char *vocab, int text_heads,
                      int image_heads)
{
    char text[2][64];
    const char *items[2] = {text[0], text[1]};
    size_t n = 0;
    if (text_heads)
        (void)snprintf(text[n++], sizeof text[0], "text.heads=%d", text_heads);
    if (image_heads)
        (void)snprintf(text[n++], sizeof text[0], "image.heads=%d", image_heads);
    return bench_model(b, checkpoint, vocab, NULL, items, n);
}

static bool open_chexzero(struct bench *b)
{
    char path[512];
    (void)snprintf(path, sizeof path, "chexzero/%s", bench_string(b, "checkpoint"));
    return open_with(b, path, "tokenizers/clip-merges.txt",
                     bench_integer(b, "params.transformer_heads"),
                     bench_integer(b, "params.vision_width") / 64);
}

static bool open_bert(struct bench *b)
{
    const int heads = bench_integer(b, "bert_config.num_attention_heads");
    const bool vit = strcmp(b->system, "biomedclip") == 0; // its image encoder has as many
    const char *checkpoint = bench_member(b, "checkpoint") ? "checkpoint" : "text_checkpoint";
    return open_with(b, bench_string(b, checkpoint), bench_string(b, "vocab"), heads,
                     vit ? heads : 0);
}

static bool open_densenet(struct bench *b)
{
    return open_with(b, bench_string(b, "checkpoint"), NULL, 0, 0);
}

static bool open_folder_set(struct bench *b, const char *const *set, size_t n)
{
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s", bench_string(b, "checkpoint"));
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    return bench_model(b, folder, NULL, NULL, set, n);
}

static bool open_folder(struct bench *b)
{
    return open_folder_set(b, NULL, 0);
}

// The pixels of the fixtures are those of the published processor.
static bool open_processor(struct bench *b)
{
    const char *const set[] = {"preprocess=medsiglip-processor"};
    return open_folder_set(b, set, 1);
}

// ---- Comparison ----

static const double *doubles(const struct npy *a, double **copy)
{
    *copy = NULL;
    if (npy_f64(a))
        return npy_f64(a);
    *copy = malloc(a->n * sizeof **copy);
    assert_non_null(*copy);
    for (size_t i = 0; i < a->n; i++)
        (*copy)[i] = npy_f32(a)[i];
    return *copy;
}

static const struct npy *find(const struct npz *z, const char *name)
{
    const struct npy *a = npz_find(z, name);
    if (!a)
        fail_msg("the fixture has no array \"%s\"", name);
    return a;
}

// Texts of unit length, in f32.
static float *directions(const struct npy *a)
{
    double *copy = NULL;
    const double *x = doubles(a, &copy);
    float *out = malloc(a->n * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < a->n; i++)
        out[i] = (float)x[i];
    free(copy);
    return out;
}

// A one for each of n numbers of an output.
static float *identity(size_t n)
{
    float *out = calloc(n * n, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++)
        out[i * n + i] = 1;
    return out;
}

// The worst difference of one image's maps from the reference, relative to the reference's largest.
static double worst_difference(const struct bv_maps *maps, const double *theirs, size_t n)
{
    double worst = 0, largest = 0;
    for (size_t k = 0; k < n; k++) {
        worst = fmax(worst, fabs(maps->values[k] - theirs[k]));
        largest = fmax(largest, fabs(theirs[k]));
        if (!isfinite(maps->values[k]))
            worst = INFINITY;
    }
    return largest > 0 ? worst / largest : worst;
}

struct fixture {
    struct npz arrays;
    json_t *json;
};

static void check_one(struct bench *b, const struct expected *e, const struct fixture *f)
{
    struct bv_error err = {0};
    const struct bv_map_method *method = bv_method_find(e->method);
    const struct npy *golden = find(&f->arrays, e->array), *text = npz_find(&f->arrays, "f64/text");
    if (!text)
        text = npz_find(&f->arrays, "text");
    const json_t *images = json_object_get(json_object_get(f->json, "meta"), "images");
    const size_t grid = golden->shape[golden->n_dims - 1] * golden->shape[golden->n_dims - 2];
    const size_t n_maps = golden->n_dims == 4 ? golden->shape[1] : 1;
    const bool logits = !text && golden->n_dims == 4;
    struct bv_goal goal = {.output = logits ? "logits" : "global", .linear = logits, .n = n_maps};
    float *direction = NULL, *common = NULL;
    double *copy = NULL, worst = 0;
    const double *theirs = doubles(golden, &copy);
    struct bv_output_shape shape = {0};
    free(bench_image(b, json_string_value(json_array_get(images, 0)), goal.output, &shape));
    goal.D = (size_t)shape.dim[0];
    if (text)
        direction = directions(text);
    else
        direction = identity(goal.D);
    goal.direction = direction;
    if (e->common)
        goal.common = common = directions(find(&f->arrays, e->common));
    for (size_t i = 0; i < golden->shape[0]; i++) {
        struct bv_maps maps = {0};
        struct bv_pixels pixels = bench_pixels(b, json_string_value(json_array_get(images, i)));
        assert_non_null(method);
        const struct bv_probe_request request = {
            .method = method, .layers = e->layers, .pixels = &pixels, .goal = &goal};
        assert_ok(bv_probe_maps(b->session, &request, &maps, &err), err);
        assert_int_equal(maps.h * maps.w, grid);
        worst = fmax(worst, worst_difference(&maps, theirs + i * n_maps * grid, n_maps * grid));
        bv_maps_free(&maps);
        bv_pixels_free(&pixels);
    }
    (void)printf("%-14s %-28s %.2e\n", b->system, e->array, worst);
    b->n_compared++;
    b->n_failed += !(worst <= limit_of(b, e->method));
    free(direction);
    free(common);
    free(copy);
}

// ---- RISE: its authors' masks, their scores, and the saliency made of both ----

struct given_masks {
    const struct npy *cells, *shifts;
};

static struct bv_rise_mask mask_of(const struct given_masks *m, size_t i)
{
    const int64_t *shift = npy_i64(m->shifts) + 2 * i;
    return (struct bv_rise_mask){npy_u8(m->cells) + 64 * i, 8, (int)shift[0], (int)shift[1]};
}

static void show_masked(const void *arg, size_t i, const struct bv_pixels *from, float *to)
{
    const struct bv_rise_mask mask = mask_of(arg, i);
    const size_t n = (size_t)from->width * (size_t)from->height, C = (size_t)from->channels;
    float *shown = malloc(n * sizeof *shown);
    assert_non_null(shown);
    bv_rise_mask_fill(&mask, from->height, from->width, shown);
    for (size_t k = 0; k < n * C; k++)
        to[k] = shown[k / C] * ((const float *)from->data)[k];
    free(shown);
}

static double worst_of(const double *ours, const double *theirs, size_t n)
{
    double worst = 0, largest = 0;
    for (size_t k = 0; k < n; k++) {
        worst = fmax(worst, fabs(ours[k] - theirs[k]));
        largest = fmax(largest, fabs(theirs[k]));
    }
    return worst / largest;
}

// saliency_t = Σ score_t mask / (N p), every fourth row and column of text 1.
static void saliency(const struct given_masks *masks, const double *scores, size_t n_texts,
                     const struct bv_pixels *p, double *out)
{
    float *shown = malloc((size_t)p->width * (size_t)p->height * sizeof *shown);
    size_t N = masks->cells->shape[0];
    assert_non_null(shown);
    for (size_t i = 0; i < N; i++) {
        const struct bv_rise_mask mask = mask_of(masks, i);
        double *to = out;
        bv_rise_mask_fill(&mask, p->height, p->width, shown);
        for (int y = 0; y < p->height; y += 4)
            for (int x = 0; x < p->width; x += 4)
                *to++ += scores[i * n_texts + 1] * shown[y * p->width + x] / ((double)N * 0.5);
    }
    free(shown);
}

static void check_rise(struct bench *b, const struct fixture *f)
{
    struct bv_error err = {0};
    const struct npy *golden = find(&f->arrays, "f64/rise/scores");
    const struct npy *map = find(&f->arrays, "f64/rise/saliency_img0_t1_every4");
    const struct npy *text = find(&f->arrays, "text");
    const struct given_masks masks = {find(&f->arrays, "grid"), find(&f->arrays, "shift_row_col")};
    const json_t *images = json_object_get(json_object_get(f->json, "meta"), "images");
    float *direction = directions(text);
    const struct bv_goal goal = {
        .output = "global", .direction = direction, .n = text->shape[0], .D = text->shape[1]};
    const size_t N = masks.cells->shape[0], each = N * goal.n;
    double *scores = calloc(each, sizeof *scores), worst = 0;
    double *made = calloc(map->n, sizeof *made);
    assert_non_null(scores);
    assert_non_null(made);
    for (size_t i = 0; i < golden->shape[0]; i++) {
        struct bv_pixels pixels = bench_pixels(b, json_string_value(json_array_get(images, i)));
        assert_ok(
            bv_sweep_scores(b->session, &pixels, &goal, show_masked, &masks, 0, N, scores, &err),
            err);
        worst = fmax(worst, worst_of(scores, npy_f64(golden) + i * each, each));
        if (i == 0)
            saliency(&masks, scores, goal.n, &pixels, made);
        bv_pixels_free(&pixels);
    }
    const double of_map = worst_of(made, npy_f64(map), map->n);
    (void)printf("%-14s rise: scores %.2e, saliency %.2e\n", b->system, worst, of_map);
    const double limit = strcmp(b->precision, "f32") == 0 ? 1e-5 : 2e-3;
    b->n_compared += 2;
    b->n_failed += !(worst <= limit) + !(of_map <= limit);
    free(direction);
    free(scores);
    free(made);
}

// ---- Deletion and insertion: RISE's evaluation of given maps ----

struct place {
    double value;
    uint32_t pixel;
};

static int highest_first(const void *a, const void *b)
{
    const double x = ((const struct place *)a)->value, y = ((const struct place *)b)->value;
    return (x < y) - (x > y);
}

// The pixels by the fixture's map, which has no ties.
static uint32_t *order_of(const struct npy *grid, size_t H, size_t W)
{
    const size_t h = grid->shape[0], w = grid->shape[1];
    const double *g = npy_f64(grid);
    double largest = 0;
    struct place *all = malloc(H * W * sizeof *all);
    uint32_t *order = malloc(H * W * sizeof *order);
    assert_non_null(all);
    assert_non_null(order);
    for (size_t k = 0; k < h * w; k++)
        largest = fmax(largest, fabs(g[k]));
    for (size_t k = 0; k < H * W; k++) {
        const double y = fmax(((double)(k / W) + 0.5) * (double)h / (double)H - 0.5, 0);
        const double x = fmax(((double)(k % W) + 0.5) * (double)w / (double)W - 0.5, 0);
        const size_t r0 = (size_t)y, c0 = (size_t)x;
        const size_t r1 = r0 + 1 < h ? r0 + 1 : r0, c1 = c0 + 1 < w ? c0 + 1 : c0;
        const double fr = y - (double)r0, fc = x - (double)c0;
        all[k].value = (1 - fr) * ((1 - fc) * g[r0 * w + c0] + fc * g[r0 * w + c1]) +
                       fr * ((1 - fc) * g[r1 * w + c0] + fc * g[r1 * w + c1]) +
                       1e-9 * largest * (double)k / (double)(H * W);
        all[k].pixel = (uint32_t)k;
    }
    qsort(all, H * W, sizeof *all, highest_first);
    for (size_t k = 0; k < H * W; k++)
        order[k] = all[k].pixel;
    free(all);
    return order;
}

static void check_deletion(struct bench *b)
{
    static const struct {
        const char *name;
        size_t image, text;
    } runs[] = {{"img0_t1", 0, 1}}; // img1_t3 as well: 3.8e-8, 2.3e-8
    static const char stem[] = "explain/chexzero/golden_deletion_insertion_chexzero";
    struct bv_error err = {0};
    struct npz arrays, texts;
    char path[600], key[64];
    json_error_t why;
    (void)snprintf(path, sizeof path, "%s", path_in(b->root, "%s.npz", stem));
    assert_int_equal(npz_open(&arrays, path), 0);
    (void)snprintf(path, sizeof path, "%s",
                   path_in(b->root, "explain/chexzero/golden_rise_occlusion_chexzero.npz"));
    assert_int_equal(npz_open(&texts, path), 0);
    json_t *json = json_load_file(path_in(b->root, "%s.json", stem), 0, &why);
    const json_t *meta = json_object_get(json, "meta");
    const struct npy *text = find(&texts, "text");
    float *direction = directions(text);
    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++) {
        struct bv_pixels pixels = bench_pixels(
            b, json_string_value(json_array_get(json_object_get(meta, "images"), runs[r].image)));
        const size_t D = text->shape[1];
        const struct bv_goal goal = {
            .output = "global", .direction = direction + runs[r].text * D, .n = 1, .D = D};
        struct bv_faithfulness made = {0};
        (void)snprintf(key, sizeof key, "%s/raw_grid", runs[r].name);
        uint32_t *order = order_of(find(&arrays, key), (size_t)pixels.height, (size_t)pixels.width);
        assert_ok(bv_faithfulness_measure(b->session, &pixels, &goal, order, &made, &err), err);
        (void)snprintf(key, sizeof key, "f64/%s_del_auc", runs[r].name);
        const double deletion = json_number_value(json_object_get(meta, key)) - made.deletion;
        (void)snprintf(key, sizeof key, "f64/%s_ins_auc", runs[r].name);
        const double insertion = json_number_value(json_object_get(meta, key)) - made.insertion;
        (void)printf("%-14s %s: deletion %.2e, insertion %.2e\n", b->system, runs[r].name, deletion,
                     insertion);
        const double limit = 1e-6; // of a cosine; measured: 2.9e-8
        b->n_compared += 2;
        b->n_failed += !(fabs(deletion) <= limit) + !(fabs(insertion) <= limit);
        free(order);
        bv_pixels_free(&pixels);
    }
    free(direction);
    json_decref(json);
    npz_close(&arrays);
    npz_close(&texts);
}

static void check_system(struct bench *b)
{
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct expected *e = &expected[i];
        struct fixture f = {.json = NULL};
        char path[1024];
        json_error_t why;
        if (strcmp(e->system, b->system) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s", path_in(b->root, "explain/%s.npz", e->file));
        assert_int_equal(npz_open(&f.arrays, path), 0);
        f.json = json_load_file(path_in(b->root, "explain/%s.json", e->file), 0, &why);
        assert_non_null(f.json);
        check_one(b, e, &f);
        if (strcmp(e->method, "occlusion") == 0)
            check_rise(b, &f);
        json_decref(f.json);
        npz_close(&f.arrays);
    }
    if (strcmp(b->system, "chexzero") == 0 && strcmp(b->device, "cpu") == 0)
        check_deletion(b);
}

static const struct conformance_case cases[] = {
    {"chexzero", "chexzero/golden_small", open_chexzero, check_system},
    {"medclip.resnet", "medclip/golden_small_resnet", open_bert, check_system},
    {"medclip.vit", "medclip/golden_small_vit", open_bert, check_system},
    {"gloria", "gloria/golden_small", open_bert, check_system},
    {"biovil", "biovil/golden_small_biovil", open_bert, check_system},
    {"biomedclip", "biomedclip/golden_small", open_bert, check_system},
    {"densenet121", "densenet121/golden_small", open_densenet, check_system},
    {"siglip", "siglip/golden_small_siglip", open_folder, check_system},
    {"medsiglip", "siglip/golden_small_medsiglip", open_processor, check_system},
};

int main(int argc, char **argv)
{
    return conformance_main(argc, argv, cases, sizeof cases / sizeof *cases);
}
