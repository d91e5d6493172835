// Text-to-image pipelines against diffusers: ids, text states, network, every step of each
// scheduler, pictures.   test_conformance_diffusion VARIANT [DEVICE PRECISION]
//
// VARIANT: networks, vae, ddim, pndm, dpm, euler, bert. Arrays of PyTorch have channels first.
#define _XOPEN_SOURCE 700 // realpath
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diffusion/pipeline_folder.h"
#include "diffusion/sampler.h"
#include "support/check.h"
#include "support/npz.h"
#include "support/reference.h"
#include "vulkan/vulkan.h"

static struct {
    char root[512], temporary[64];
    const char *variant, *device, *precision;
    json_t *golden;
    const json_t *meta;
    struct npz arrays;
    struct bv_diffusion_model *model;
    struct bv_sampler *sampler;
    struct bv_pool *pool;
    struct bv_error err;
} b;

static bool is_f32(void)
{
    return strcmp(b.precision, "f32") == 0;
}

static const struct npy *array(const char *name)
{
    const struct npy *a = npz_find(&b.arrays, name);
    if (!a)
        fail_msg("the golden file has no %s", name);
    return a;
}

// Values [H,W,C] against PyTorch's [C,H,W]: cosine, and difference relative to the golden's range.
static void compare(const char *what, const float *ours, const float *theirs, int64_t C,
                    int64_t positions)
{
    double dot = 0, xx = 0, yy = 0, worst = 0, low = INFINITY, high = -INFINITY;
    for (int64_t c = 0; c < C; c++)
        for (int64_t i = 0; i < positions; i++) {
            double x = (double)ours[i * C + c], y = (double)theirs[c * positions + i];
            dot += x * y;
            xx += x * x;
            yy += y * y;
            worst = fmax(worst, fabs(x - y));
            low = fmin(low, y);
            high = fmax(high, y);
        }
    double cosine = dot / sqrt(xx * yy), relative = worst / (high - low);
    (void)printf("%s: 1 - cosine %.1e, difference %.1e of the range\n", what, 1 - cosine, relative);
    // f32: measured 1e-10 and 7e-6 at worst (after the last step of a scheduler). f16: 1e-5, 2e-2.
    if (!(cosine >= (is_f32() ? 0.999999 : 0.999)) || !(relative <= (is_f32() ? 1e-3 : 5e-2)))
        fail_msg("%s: cosine %.9f, difference %.2e of the range", what, cosine, relative);
}

static void channels_last(const float *in, int64_t C, int64_t positions, float *out)
{
    for (int64_t i = 0; i < positions; i++)
        for (int64_t c = 0; c < C; c++)
            out[i * C + c] = in[c * positions + i];
}

static void check_noise(const char *seed)
{
    static const char *const shapes[] = {"1x4x8x8", "1x3x5x7", "3x5"};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        char name[64];
        (void)snprintf(name, sizeof name, "randn/%s/%s", seed, shapes[k]);
        const struct npy *a = array(name);
        struct bv_noise noise;
        float *x = malloc(a->n * sizeof *x);
        bv_noise_seed(&noise, strtoull(seed, NULL, 10));
        bv_noise_normal(&noise, x, a->n);
        for (size_t i = 0; i < a->n; i++) // torch's vectorised logarithm: measured 4.8e-7
            if (fabsf(x[i] - npy_f32(a)[i]) > 1e-6f)
                fail_msg("%s[%zu]: %.9g, torch %.9g", name, i, (double)x[i], (double)npy_f32(a)[i]);
        free(x);
    }
}

static void check_ids_and_states(void)
{
    const struct npy *ids = array("input_ids"), *states = array("text/last_hidden_state");
    const json_t *texts = json_object_get(b.meta, "texts");
    for (size_t i = 0; i < json_array_size(texts); i++) {
        int32_t ours[BV_PROMPT_TOKENS];
        bool truncated = false;
        const char *text = json_string_value(json_array_get(texts, i));
        assert_ok(bv_diffusion_tokenize(b.model, text, ours, &truncated, &b.err), b.err);
        for (size_t t = 0; t < BV_PROMPT_TOKENS; t++)
            if (ours[t] != npy_i64(ids)[i * BV_PROMPT_TOKENS + t])
                fail_msg("text %zu, token %zu: %d, not %lld", i, t, ours[t],
                         (long long)npy_i64(ids)[i * BV_PROMPT_TOKENS + t]);
        float *out = NULL;
        int64_t C = 0;
        assert_ok(bv_sampler_states(b.sampler, ours, 1, &out, &C, &b.err), b.err);
        assert_int_equal((int)C, (int)states->shape[2]);
        compare("text states", out, npy_f32(states) + i * BV_PROMPT_TOKENS * (size_t)C, 1,
                BV_PROMPT_TOKENS * C);
        free(out);
    }
}

static void check_unet(const char *latents, const char *expected, const char *text, float timestep)
{
    const struct npy *x = array(latents), *y = array(expected);
    int64_t H = (int64_t)x->shape[2], W = (int64_t)x->shape[3], C = 0;
    int32_t ids[BV_PROMPT_TOKENS];
    bool truncated = false;
    float *states = NULL, *in = malloc(x->n * sizeof *in), *out = malloc(x->n * sizeof *out);
    assert_ok(bv_diffusion_tokenize(b.model, text, ids, &truncated, &b.err), b.err);
    assert_ok(bv_sampler_states(b.sampler, ids, 1, &states, &C, &b.err), b.err);
    channels_last(npy_f32(x), 4, H * W, in);
    const struct bv_noisy noisy = {1, H, W, in, states, timestep};
    assert_ok(bv_sampler_predict(b.sampler, &noisy, out, &b.err), b.err);
    compare(expected, out, npy_f32(y), 4, H * W);
    free(states);
    free(in);
    free(out);
}

static const char *prompt_text(size_t i)
{
    return json_string_value(json_array_get(json_object_get(b.meta, "prompts"), i));
}

static void networks(void **state)
{
    (void)state;
    check_noise("0");
    check_noise("42");
    check_noise("1234");
    check_ids_and_states();
    float t = (float)json_integer_value(json_object_get(b.meta, "unet_timestep"));
    check_unet("latents/0", "unet/out_cond", prompt_text(0), t);
    check_unet("latents/0", "unet/out_uncond", "", t);
    check_unet("latents/0", "unet/out_t1", prompt_text(0), 1);
    check_unet("latents/odd_12x20", "unet/out_odd_12x20", prompt_text(0), t);
}

static void vae(void **state)
{
    (void)state;
    const struct npy *z = array("vae/z_4x6"), *y = array("vae/decoded_4x6");
    float *in = malloc(z->n * sizeof *in), *out = malloc(y->n * sizeof *out);
    int64_t H = (int64_t)z->shape[2], W = (int64_t)z->shape[3];
    channels_last(npy_f32(z), 4, H * W, in);
    float scaling = bv_diffusion_scaling(b.model->card);
    for (size_t i = 0; i < z->n; i++)
        in[i] /= scaling;
    assert_ok(bv_sampler_decode(b.sampler, H, W, in, out, &b.err), b.err);
    compare("vae/decoded_4x6", out, npy_f32(y), 3, 64 * H * W);
    free(in);
    free(out);
}

static void see(void *arg, int call, const float *latents)
{
    const struct npy *steps = arg;
    size_t n = steps->shape[1] * steps->shape[2] * steps->shape[3];
    assert_true((size_t)call < steps->shape[0]);
    char what[32];
    (void)snprintf(what, sizeof what, "step %d", call);
    compare(what, latents, npy_f32(steps) + (size_t)call * n, 4, (int64_t)(n / 4));
}

// 8-bit pictures: on the CPU in f32 within one level but for one pixel in a thousand, else 40 dB.
static void compare_bytes(const char *what, const uint8_t *ours, const uint8_t *theirs, size_t n)
{
    size_t beyond = 0;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        int d = abs((int)ours[i] - (int)theirs[i]);
        beyond += d > 1;
        squares += d * d;
    }
    double psnr = squares > 0 ? 10 * log10(255.0 * 255 * (double)n / squares) : INFINITY;
    (void)printf("%s: %zu of %zu beyond one level, PSNR %.1f dB\n", what, beyond, n, psnr);
    if (is_f32() ? beyond * 1000 > n : psnr < 40)
        fail_msg("%s: %zu of %zu beyond one level, PSNR %.1f dB", what, beyond, n, psnr);
}

// Runs that diffusers made with the arrays NAME/steps and, in some, NAME/image_u8.
static void check_run(const char *method, const char *run, struct bv_prompt *p)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s/%s/steps", method, run);
    const struct npy *steps = npz_find(&b.arrays, name);
    if (!steps)
        return;
    (void)printf("%s\n", name);
    p->height = 8 * (int)steps->shape[2];
    p->width = 8 * (int)steps->shape[3];
    p->steps = 5;
    size_t n = (size_t)p->height * (size_t)p->width * 3;
    float *image = malloc(n * sizeof *image);
    uint8_t *bytes = malloc(n);
    assert_ok(bv_sample(b.sampler, p, NULL, see, (void *)(uintptr_t)steps, image, NULL, &b.err),
              b.err);
    (void)snprintf(name, sizeof name, "%s/%s/image_u8", method, run);
    const struct npy *expected = npz_find(&b.arrays, name);
    bv_image_to_bytes(image, bytes, n);
    if (expected)
        compare_bytes(name, bytes, npy_u8(expected), n);
    free(image);
    free(bytes);
}

static void scheduler(void **state)
{
    (void)state;
    static const struct {
        const char *variant, *method;
        enum bv_scheduler_kind kind;
    } methods[] = {{"ddim", "ddim", BV_SCHEDULER_DDIM},
                   {"pndm", "pndm", BV_SCHEDULER_PNDM},
                   {"dpm", "dpm++2m", BV_SCHEDULER_DPM},
                   {"euler", "euler", BV_SCHEDULER_EULER},
                   {"bert", "ddim", BV_SCHEDULER_DDIM}};
    size_t k = 0;
    while (strcmp(methods[k].variant, b.variant) != 0)
        k++;
    const json_t *seeds = json_object_get(b.meta, "latent_seeds"), *texts;
    uint64_t seed[2] = {(uint64_t)json_integer_value(json_array_get(seeds, 0)),
                        (uint64_t)json_integer_value(json_array_get(seeds, 1))};
    texts = json_object_get(b.meta, "texts");
    const char *first = prompt_text(0), *second = prompt_text(1);
    if (!seeds) // the fixture of a BERT text encoder
        seed[0] = (uint64_t)json_integer_value(json_object_get(b.meta, "latent_seed"));
    if (!first)
        first = json_string_value(json_array_get(texts, 0));
    const char *negative = json_string_value(json_object_get(b.meta, "negative_prompt"));
    double guidance = json_number_value(json_object_get(b.meta, "guidance_scale"));
    struct bv_prompt p = {
        .text = first, .guidance = guidance, .seed = seed[0], .scheduler = methods[k].kind};
    check_run(methods[k].method, "cfg4/0", &p);
    p.guidance = 1;
    check_run(methods[k].method, "nocfg/0", &p);
    p.guidance = guidance;
    p.text = second;
    if (second)
        check_run(methods[k].method, "cfg4/wide", &p);
    p.seed = seed[1];
    if (second)
        check_run(methods[k].method, "cfg4/1", &p);
    p.negative = negative;
    if (second && negative)
        check_run(methods[k].method, "cfg4/1_negative", &p);
}

static void bert(void **state)
{
    check_ids_and_states();
    float t = 601;
    check_unet("latents/0", "unet/out_cond",
               json_string_value(json_array_get(json_object_get(b.meta, "texts"), 0)), t);
    scheduler(state);
}

// The BERT fixture holds text encoder and tokenizer only: a folder of links joins it to the rest.
static void join_folders(char folder[600])
{
    static const char *const parts[][2] = {{"model_index.json", "small-roentgen-bert"},
                                           {"text_encoder", "small-roentgen-bert"},
                                           {"tokenizer", "small-roentgen-bert"},
                                           {"unet", "small-roentgen"},
                                           {"vae", "small-roentgen"},
                                           {"scheduler", "small-roentgen"}};
    (void)snprintf(folder, 600, "%s/folder", b.temporary);
    assert_int_equal(mkdir(folder, 0700), 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char from[1200], to[700];
        (void)snprintf(from, sizeof from, "%s/roentgen/%s/%s", b.root, parts[i][1], parts[i][0]);
        (void)snprintf(to, sizeof to, "%s/%s", folder, parts[i][0]);
        assert_int_equal(symlink(from, to), 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    char folder[600], path[128];
    bool is_bert = strcmp(b.variant, "bert") == 0;
    struct bv_pipeline_options options = {.keep_dtype = true};
    struct bv_pipeline_report report;
    (void)snprintf(b.temporary, sizeof b.temporary, "/tmp/biovl-diffusion-XXXXXX");
    assert_non_null(mkdtemp(b.temporary));
    (void)snprintf(folder, sizeof folder, "%s/roentgen/small-roentgen", b.root);
    if (is_bert)
        join_folders(folder);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", b.temporary);
    assert_ok(bv_pipeline_convert(folder, path, &options, &report, &b.err), b.err);
    assert_ok(bv_diffusion_model_open(&b.model, path, &b.err), b.err);
    assert_string_equal(report.digest, b.model->digest);
    assert_ok(bv_pool_create(&b.pool, 0, &b.err), b.err);
    struct bv_sampler_options at = {b.device, b.precision, b.pool};
    assert_ok(bv_sampler_open(&b.sampler, b.model, &at, &b.err), b.err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[160];
    bv_sampler_close(&b.sampler);
    bv_pool_destroy(&b.pool);
    bv_diffusion_model_close(&b.model);
    npz_close(&b.arrays);
    json_decref(b.golden);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", b.temporary);
    return system(command) == 0 ? 0 : -1; // a folder of links: rm knows them
}

static bool open_golden(void)
{
    char path[600];
    const char *root = conformance_dir();
    if (!root)
        return false;
    if (!realpath(root, b.root))
        return false;
    const char *name = strcmp(b.variant, "bert") == 0 ? "golden_small_bert" : "golden_small";
    (void)snprintf(path, sizeof path, "%s/roentgen/%s.json", b.root, name);
    json_error_t error;
    b.golden = json_load_file(path, 0, &error);
    b.meta = json_object_get(b.golden, "meta");
    (void)snprintf(path, sizeof path, "%s/roentgen/%s.npz", b.root, name);
    return b.golden && npz_open(&b.arrays, path) == 0;
}

int main(int argc, char **argv)
{
    b.variant = argc > 1 ? argv[1] : "networks";
    b.device = argc > 2 ? argv[2] : "cpu";
    b.precision = argc > 3 ? argv[3] : "f32";
    if (!open_golden())
        return 77;
    CMUnitTestFunction run = strcmp(b.variant, "networks") == 0 ? networks
                             : strcmp(b.variant, "vae") == 0    ? vae
                             : strcmp(b.variant, "bert") == 0   ? bert
                                                                : scheduler;
    const struct CMUnitTest tests[] = {
        {b.variant, run, set_up, tear_down, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
