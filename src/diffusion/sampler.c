#include "diffusion/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/networks.h"
#include "model/session.h"

enum network { NETWORK_TEXT, NETWORK_UNET, NETWORK_DECODER, NETWORK_ENCODER, NETWORKS };

struct compiled {
    struct bv_program *program;
    int64_t N, H, W;
};

struct bv_sampler {
    const struct bv_diffusion_model *model;
    struct bv_backend *backend;
    const char *precision;
    struct bv_error fallback;
    struct compiled compiled[NETWORKS];
};

// The memory of one picture being made.
struct picture {
    struct bv_sampler *s;
    const struct bv_prompt *prompt;
    int64_t H, W, C; // of latents; width of text states
    size_t n;        // elements of latents
    float *states;   // [2,77,C] or [1,77,C]
    float *latents, *input,
        *prediction; // [4,H,W] noise order, then [H,W,4]; input and prediction ×2
    struct bv_scheduler *scheduler;
};

enum bv_status bv_sampler_open(struct bv_sampler **out, const struct bv_diffusion_model *model,
                               const struct bv_sampler_options *options, struct bv_error *err)
{
    struct bv_sampler *s = calloc(1, sizeof *s);
    if (!s)
        return bv_fail_nomem(err, "a sampler");
    s->model = model;
    s->precision = options->precision ? options->precision : "auto";
    bv_weights_hold(model->weights);
    enum bv_status status =
        bv_device_open(&s->backend, model->weights, options->device ? options->device : "auto",
                       &s->precision, options->pool, &s->fallback, err);
    if (status == BV_OK)
        *out = s;
    else
        bv_sampler_close(&s);
    return status;
}

void bv_sampler_close(struct bv_sampler **sampler)
{
    struct bv_sampler *s = *sampler;
    if (!s)
        return;
    for (int i = 0; i < NETWORKS; i++)
        bv_program_destroy(&s->compiled[i].program);
    bv_backend_destroy(&s->backend);
    bv_weights_unhold(s->model->weights);
    free(s);
    *sampler = NULL;
}

const char *bv_sampler_device(const struct bv_sampler *s)
{
    return s->backend->ops->describe(s->backend);
}

const char *bv_sampler_precision(const struct bv_sampler *s)
{
    return s->precision;
}

const char *bv_sampler_fallback(const struct bv_sampler *s)
{
    return s->fallback.text[0] ? s->fallback.text : NULL;
}

bool bv_sampler_scheduler(const struct bv_diffusion_model *model, enum bv_scheduler_kind *kind)
{
    const json_t *config = json_object_get(json_object_get(model->card, "diffusion"), "scheduler");
    return bv_scheduler_find(bv_json_string(config, "_class_name", ""), kind);
}

static enum bv_status build(const struct bv_sampler *s, enum network network, int64_t N, int64_t H,
                            int64_t W, struct bv_graph **graph, struct bv_error *err)
{
    struct bv_weights *weights = s->model->weights;
    const json_t *card = s->model->card;
    switch (network) {
    case NETWORK_TEXT:
        return bv_diffusion_text_graph(weights, card, N, graph, err);
    case NETWORK_UNET:
        return bv_diffusion_unet_graph(weights, card, N, H, W, graph, err);
    case NETWORK_DECODER:
        return bv_diffusion_decoder_graph(weights, card, H, W, graph, err);
    default:
        return bv_diffusion_encoder_graph(weights, card, H, W, graph, err);
    }
}

// The program of a network for a size. Only one network keeps its memory at a time: the U-Net runs
// for most of the time, the others once.
static enum bv_status program_for(struct bv_sampler *s, enum network network, int64_t N, int64_t H,
                                  int64_t W, struct bv_program **program, struct bv_error *err)
{
    struct compiled *c = &s->compiled[network];
    if (!c->program || c->N != N || c->H != H || c->W != W) {
        for (int i = 0; i < NETWORKS; i++)
            bv_program_destroy(&s->compiled[i].program);
        struct bv_graph *graph = NULL;
        enum bv_status status = build(s, network, N, H, W, &graph, err);
        if (status != BV_OK) {
            bv_graph_destroy(&graph);
            return status;
        }
        BV_TRY(bv_program_compile(s->backend, &graph, &c->program, err));
        c->N = N;
        c->H = H;
        c->W = W;
    }
    *program = c->program;
    return BV_OK;
}

enum bv_status bv_sampler_states(struct bv_sampler *s, const int32_t *ids, int64_t B,
                                 float **states, int64_t *width, struct bv_error *err)
{
    struct bv_program *p = NULL;
    BV_TRY(program_for(s, NETWORK_TEXT, B, 0, 0, &p, err));
    const struct bv_tensor *t = p->graph->outputs[0];
    float *out = malloc((size_t)bv_elements(t) * sizeof *out);
    if (!out)
        return bv_fail_nomem(err, "the states of a text");
    const void *inputs[] = {ids};
    enum bv_status status = bv_program_run(p, inputs, &out, err);
    *width = bv_last_dim(t);
    if (status == BV_OK)
        *states = out;
    else
        free(out);
    return status;
}

enum bv_status bv_sampler_predict(struct bv_sampler *s, const struct bv_noisy *noisy, float *out,
                                  struct bv_error *err)
{
    struct bv_program *p = NULL;
    const json_t *config = json_object_get(json_object_get(s->model->card, "diffusion"), "unet");
    float *time = malloc((size_t)bv_unet_time_width(config) * sizeof *time);
    if (!time)
        return bv_fail_nomem(err, "a timestep");
    bv_timestep_features(config, noisy->timestep, time);
    enum bv_status status = program_for(s, NETWORK_UNET, noisy->N, noisy->H, noisy->W, &p, err);
    const void *inputs[] = {noisy->latents, time, noisy->states};
    if (status == BV_OK)
        status = bv_program_run(p, inputs, &out, err);
    free(time);
    return status;
}

enum bv_status bv_sampler_decode(struct bv_sampler *s, int64_t H, int64_t W, const float *latents,
                                 float *image, struct bv_error *err)
{
    struct bv_program *p = NULL;
    BV_TRY(program_for(s, NETWORK_DECODER, 1, H, W, &p, err));
    const void *inputs[] = {latents};
    return bv_program_run(p, inputs, &image, err);
}

// torch draws noise as [4,H,W]; the networks read [H,W,4].
static void channels_last(const float *in, int64_t positions, float *out)
{
    for (int64_t i = 0; i < positions; i++)
        for (int64_t c = 0; c < BV_LATENT_DEPTH; c++)
            out[i * BV_LATENT_DEPTH + c] = in[c * positions + i];
}

static void draw(struct picture *p, struct bv_noise *noise, float *out)
{
    bv_noise_normal(noise, p->prediction, p->n);
    channels_last(p->prediction, p->H * p->W, out);
}

// Latents of the picture to start from: a sample of what the encoder says, scaled.
static enum bv_status encode_image(struct picture *p, struct bv_noise *noise, float *out,
                                   struct bv_error *err)
{
    struct bv_program *program = NULL;
    if (!bv_diffusion_has_encoder(p->s->model->weights))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" holds no encoder for images",
                       p->s->model->name);
    BV_TRY(program_for(p->s, NETWORK_ENCODER, 1, p->H, p->W, &program, err));
    float *moments = p->input; // twice the size of latents
    const void *inputs[] = {p->prompt->image};
    BV_TRY(bv_program_run(program, inputs, &moments, err));
    draw(p, noise, out);
    float scaling = bv_diffusion_scaling(p->s->model->card);
    for (size_t i = 0; i < p->n; i++) {
        const float *m = moments + i / BV_LATENT_DEPTH * 2 * BV_LATENT_DEPTH + i % BV_LATENT_DEPTH;
        float log_variance = fminf(fmaxf(m[BV_LATENT_DEPTH], -30), 20);
        out[i] = (m[0] + expf(0.5f * log_variance) * out[i]) * scaling;
    }
    return BV_OK;
}

static enum bv_status check_prompt(const struct bv_prompt *p, struct bv_error *err)
{
    if (!p->text)
        return bv_fail(err, BV_ERR_ARG, "no text");
    if (p->width < BV_LATENT_STEP || p->height < BV_LATENT_STEP || p->width > BV_PICTURE_SIDE ||
        p->height > BV_PICTURE_SIDE || p->width % BV_LATENT_STEP || p->height % BV_LATENT_STEP)
        return bv_fail(err, BV_ERR_ARG, "%d × %d pixels: sides are multiples of %d, 8 to %d",
                       p->width, p->height, BV_LATENT_STEP, BV_PICTURE_SIDE);
    if (!isfinite(p->guidance) || p->guidance < 0 || p->guidance > 100)
        return bv_fail(err, BV_ERR_ARG, "a guidance of %g; 0 to 100 are possible", p->guidance);
    if (p->image && !(p->strength >= 0 && p->strength <= 1))
        return bv_fail(err, BV_ERR_ARG, "a strength of %g; 0 to 1 are possible", p->strength);
    return BV_OK;
}

static enum bv_status read_texts(struct picture *p, bool *truncated, struct bv_error *err)
{
    int32_t ids[2 * BV_PROMPT_TOKENS];
    const struct bv_prompt *prompt = p->prompt;
    const struct bv_diffusion_model *m = p->s->model;
    bool guided = prompt->guidance > 1, cut[2] = {false, false};
    const char *negative = prompt->negative ? prompt->negative : "";
    if (guided)
        BV_TRY(bv_diffusion_tokenize(m, negative, ids, &cut[1], err));
    BV_TRY(bv_diffusion_tokenize(m, prompt->text, ids + (guided ? BV_PROMPT_TOKENS : 0), &cut[0],
                                 err));
    if (truncated)
        *truncated = cut[0] || cut[1];
    return bv_sampler_states(p->s, ids, guided ? 2 : 1, &p->states, &p->C, err);
}

// One call of the network, with and without the text where guidance asks for both.
static enum bv_status predict(struct picture *p, int call, struct bv_error *err)
{
    bool guided = p->prompt->guidance > 1;
    bv_scheduler_scale(p->scheduler, call, p->latents, p->input);
    if (guided)
        memcpy(p->input + p->n, p->input, p->n * sizeof *p->input);
    const struct bv_noisy noisy = {
        guided ? 2 : 1, p->H, p->W, p->input, p->states, bv_scheduler_timestep(p->scheduler, call)};
    BV_TRY(bv_sampler_predict(p->s, &noisy, p->prediction, err));
    float scale = (float)p->prompt->guidance;
    float *plain = p->prediction, *with_text = p->prediction + p->n;
    for (size_t i = 0; guided && i < p->n; i++)
        plain[i] = plain[i] + scale * (with_text[i] - plain[i]);
    for (size_t i = 0; i < p->n; i++)
        if (!isfinite(plain[i]))
            return bv_fail(err, BV_ERR_LIMIT, "step %d of %d: values are no numbers any more",
                           call + 1, bv_scheduler_calls(p->scheduler));
    return BV_OK;
}

static enum bv_status begin(struct picture *p, int *first, struct bv_error *err)
{
    struct bv_noise noise;
    const struct bv_prompt *prompt = p->prompt;
    bv_noise_seed(&noise, prompt->seed);
    float *clean = p->input + p->n, *start = p->input;
    *first = 0;
    if (prompt->image) {
        int kept = (int)((double)prompt->steps * prompt->strength);
        *first = prompt->steps - (kept < prompt->steps ? kept : prompt->steps);
        BV_TRY(encode_image(p, &noise, p->latents, err));
        memcpy(clean, p->latents, p->n * sizeof *clean);
    }
    draw(p, &noise, start);
    if (prompt->image && *first >= prompt->steps)
        return BV_OK; // strength 0: the picture as the autoencoder sees it
    bv_scheduler_begin(p->scheduler, *first, prompt->image ? clean : NULL, start, p->latents);
    return BV_OK;
}

static enum bv_status denoise(struct picture *p, const struct bv_observer *observer,
                              bv_step_seen *seen, void *arg, struct bv_error *err)
{
    int first = 0, calls = bv_scheduler_calls(p->scheduler);
    BV_TRY(begin(p, &first, err));
    if (p->prompt->image && first >= p->prompt->steps)
        return BV_OK;
    for (int i = first; i < calls; i++) {
        BV_TRY(bv_observe_progress(observer, (size_t)(i - first), (size_t)(calls - first), err));
        BV_TRY(predict(p, i, err));
        bv_scheduler_step(p->scheduler, i, p->prediction, p->latents);
        if (seen)
            seen(arg, i, p->latents);
    }
    return bv_observe_progress(observer, (size_t)(calls - first), (size_t)(calls - first), err);
}

static enum bv_status make_picture(struct picture *p, const struct bv_observer *observer,
                                   bv_step_seen *seen, void *arg, float *image, bool *truncated,
                                   struct bv_error *err)
{
    const struct bv_prompt *prompt = p->prompt;
    const json_t *config =
        json_object_get(json_object_get(p->s->model->card, "diffusion"), "scheduler");
    p->latents = calloc(5 * p->n, sizeof *p->latents);
    if (!p->latents)
        return bv_fail_nomem(err, "latents");
    p->input = p->latents + p->n;
    p->prediction = p->input + 2 * p->n;
    BV_TRY(bv_scheduler_create(&p->scheduler, config, prompt->scheduler, prompt->steps, p->n, err));
    BV_TRY(read_texts(p, truncated, err));
    BV_TRY(denoise(p, observer, seen, arg, err));
    float scaling = bv_diffusion_scaling(p->s->model->card);
    for (size_t i = 0; i < p->n; i++)
        p->latents[i] /= scaling;
    BV_TRY(bv_sampler_decode(p->s, p->H, p->W, p->latents, image, err));
    for (size_t i = 0; i < (size_t)prompt->width * (size_t)prompt->height * 3; i++)
        if (!isfinite(image[i]))
            return bv_fail(err, BV_ERR_LIMIT, "decoding: values are no numbers any more");
    return BV_OK;
}

enum bv_status bv_sample(struct bv_sampler *sampler, const struct bv_prompt *prompt,
                         const struct bv_observer *observer, bv_step_seen *seen, void *arg,
                         float *image, bool *truncated, struct bv_error *err)
{
    BV_TRY(check_prompt(prompt, err));
    struct picture p = {.s = sampler, .prompt = prompt};
    p.H = prompt->height / BV_LATENT_STEP;
    p.W = prompt->width / BV_LATENT_STEP;
    p.n = (size_t)(p.H * p.W * BV_LATENT_DEPTH);
    enum bv_status status = make_picture(&p, observer, seen, arg, image, truncated, err);
    bv_scheduler_destroy(&p.scheduler);
    free(p.states);
    free(p.latents);
    return status;
}

void bv_image_to_bytes(const float *image, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = image[i] / 2 + 0.5f;
        x = x < 0 ? 0 : x > 1 ? 1 : x;
        out[i] = (uint8_t)rintf(x * 255);
    }
}
