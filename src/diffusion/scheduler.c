#include "diffusion/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum prediction { PREDICTS_NOISE, PREDICTS_VELOCITY, PREDICTS_SAMPLE };
enum spacing { LEADING, LINSPACE, TRAILING }; // how timesteps lie in the training range
enum { history = 4 }; // predictions that PNDM's formula of fourth order looks back to

struct bv_scheduler {
    enum bv_scheduler_kind kind;
    enum prediction prediction;
    enum spacing spacing;
    float clip; // ddim: bound of a clean sample; infinite without one
    int n_train, steps, n_calls, first;
    size_t n;
    float alpha[BV_DIFFUSION_MAX_STEPS]; // cumulative products
    float last_alpha;                    // before the first timestep
    float timestep[BV_DIFFUSION_MAX_STEPS + 1];
    float sigma[BV_DIFFUSION_MAX_STEPS + 1]; // dpm++ and euler; 0 at the end
    int counter, n_kept;                     // pndm: calls so far, predictions kept
    float *kept[history];                    // pndm: newest first; dpm++: the last sample
    float *start;                            // pndm: latents before the repeated step
    float *work;                             // [n]
    float memory[];
};

static const struct {
    const char *name, *class_name;
} names[] = {
    [BV_SCHEDULER_DDIM] = {"ddim", "DDIMScheduler"},
    [BV_SCHEDULER_PNDM] = {"pndm", "PNDMScheduler"},
    [BV_SCHEDULER_DPM] = {"dpm++", "DPMSolverMultistepScheduler"},
    [BV_SCHEDULER_EULER] = {"euler", "EulerDiscreteScheduler"},
};

bool bv_scheduler_find(const char *name, enum bv_scheduler_kind *kind)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0 || strcmp(name, names[i].class_name) == 0) {
            *kind = (enum bv_scheduler_kind)i;
            return true;
        }
    return false;
}

const char *bv_scheduler_name(enum bv_scheduler_kind kind)
{
    return names[kind].name;
}

// torch.linspace in f32: from both ends towards the middle.
static float linspace(float from, float to, int n, int i)
{
    float step = n > 1 ? (to - from) / (float)(n - 1) : 0;
    return i < n / 2 ? from + step * (float)i : to - step * (float)(n - 1 - i);
}

static enum bv_status make_alphas(struct bv_scheduler *s, const json_t *config,
                                  struct bv_error *err)
{
    const char *schedule = bv_json_string(config, "beta_schedule", "linear");
    bool scaled = strcmp(schedule, "scaled_linear") == 0;
    float from = (float)bv_json_number(config, "beta_start", 0.0001);
    float to = (float)bv_json_number(config, "beta_end", 0.02);
    if (!scaled && strcmp(schedule, "linear") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "beta_schedule \"%.40s\"", schedule);
    if (!(from > 0) || !(to < 1) || from > to)
        return bv_fail(err, BV_ERR_FORMAT, "betas from %g to %g", (double)from, (double)to);
    double product = 1; // torch.cumprod adds up in double
    for (int i = 0; i < s->n_train; i++) {
        float beta =
            scaled ? linspace((float)sqrt((double)from), (float)sqrt((double)to), s->n_train, i)
                   : linspace(from, to, s->n_train, i);
        product *= (double)(1 - (scaled ? beta * beta : beta));
        s->alpha[i] = (float)product;
    }
    bool to_one =
        bv_json_boolean(config, "set_alpha_to_one", s->kind != BV_SCHEDULER_PNDM); // diffusers'
    s->last_alpha = to_one ? 1 : s->alpha[0];
    return BV_OK;
}

static enum bv_status read_prediction(struct bv_scheduler *s, const json_t *config,
                                      struct bv_error *err)
{
    const char *type = bv_json_string(config, "prediction_type", "epsilon");
    if (strcmp(type, "epsilon") == 0)
        s->prediction = PREDICTS_NOISE;
    else if (strcmp(type, "v_prediction") == 0)
        s->prediction = PREDICTS_VELOCITY;
    else if (strcmp(type, "sample") == 0 && s->kind != BV_SCHEDULER_PNDM)
        s->prediction = PREDICTS_SAMPLE;
    else
        return bv_fail(err, BV_ERR_UNSUPPORTED, "prediction_type \"%.40s\" with %s", type,
                       bv_scheduler_name(s->kind));
    return BV_OK;
}

// Whether a member is there with another value than the one that is implemented.
static bool differs(const json_t *config, const char *name, const char *implemented)
{
    const json_t *value = json_object_get(config, name);
    return value && !json_is_null(value) &&
           (!json_is_string(value) || strcmp(json_string_value(value), implemented) != 0);
}

static bool is_set(const json_t *config, const char *name)
{
    const json_t *value = json_object_get(config, name);
    return value && !json_is_null(value) && !json_is_false(value);
}

// Members that would make other steps of the same names: refused, not passed over.
static enum bv_status check_members(const struct bv_scheduler *s, const json_t *config,
                                    struct bv_error *err)
{
    static const char *const unset[] = {
        "trained_betas",          "rescale_betas_zero_snr", "thresholding",   "use_karras_sigmas",
        "use_exponential_sigmas", "use_beta_sigmas",        "use_lu_lambdas", "use_flow_sigmas"};
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        if (is_set(config, unset[i]))
            return bv_fail(err, BV_ERR_UNSUPPORTED, "scheduler: %s", unset[i]);
    if (s->kind == BV_SCHEDULER_DPM &&
        (differs(config, "algorithm_type", "dpmsolver++") ||
         differs(config, "solver_type", "midpoint") ||
         differs(config, "final_sigmas_type", "zero") ||
         bv_json_integer(config, "solver_order", 2) != 2 || is_set(config, "euler_at_final") ||
         differs(config, "lambda_min_clipped", "-Infinity") || is_set(config, "variance_type") ||
         !bv_json_boolean(config, "lower_order_final", true)))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "scheduler: dpm++ other than dpmsolver++, midpoint, of second order");
    if (s->kind == BV_SCHEDULER_EULER && (differs(config, "interpolation_type", "linear") ||
                                          differs(config, "timestep_type", "discrete") ||
                                          differs(config, "final_sigmas_type", "zero")))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "scheduler: euler other than linear, discrete, to zero");
    return BV_OK;
}

// diffusers' DDIM clips unless it is told not to.
static enum bv_status read_clip(struct bv_scheduler *s, const json_t *config, struct bv_error *err)
{
    bool clips = s->kind == BV_SCHEDULER_DDIM && bv_json_boolean(config, "clip_sample", true);
    s->clip = clips ? (float)bv_json_number(config, "clip_sample_range", 1) : INFINITY;
    if (!(s->clip > 0))
        return bv_fail(err, BV_ERR_FORMAT, "scheduler: clip_sample_range is not a positive number");
    return BV_OK;
}

static enum bv_status read_spacing(struct bv_scheduler *s, const json_t *config,
                                   struct bv_error *err)
{
    static const char *const spacings[] = {
        [LEADING] = "leading", [LINSPACE] = "linspace", [TRAILING] = "trailing"};
    bool leading = s->kind == BV_SCHEDULER_DDIM || s->kind == BV_SCHEDULER_PNDM;
    const char *name =
        bv_json_string(config, "timestep_spacing", spacings[leading ? LEADING : LINSPACE]);
    for (size_t i = 0; i < sizeof spacings / sizeof *spacings; i++)
        if (strcmp(name, spacings[i]) == 0) {
            s->spacing = (enum spacing)i;
            return BV_OK;
        }
    return bv_fail(err, BV_ERR_UNSUPPORTED, "scheduler: timestep_spacing \"%.40s\"", name);
}

// The training timestep of step i, counted from the noisy end. DPM-Solver++ divides the range into
// steps + 1 points and leaves out the last of them.
static double spaced_timestep(const struct bv_scheduler *s, int64_t offset, int i)
{
    int points = s->kind == BV_SCHEDULER_DPM ? s->steps + 1 : s->steps, from_end = points - 1 - i;
    double n = s->n_train, back = -(n / (double)s->steps), at = 0;
    switch (s->spacing) {
    case LEADING:
        return (double)from_end * (double)(s->n_train / points) + (double)offset;
    case LINSPACE:
        at = points > 1 ? (double)from_end * ((n - 1) / (double)(points - 1)) : 0;
        return s->kind == BV_SCHEDULER_EULER ? at : rint(at);
    case TRAILING:
        break;
    }
    return rint(n + i * ((n + back) - n)) - 1; // as numpy.arange() adds up
}

// PNDM calls the network a second time after its first step, to find that step's slope.
static void repeat_second(struct bv_scheduler *s)
{
    if (s->steps < 2)
        return; // no step that a second one would be part of
    for (int i = s->steps; i > 1; i--)
        s->timestep[i] = s->timestep[i - 1];
    s->timestep[2] = s->timestep[1];
    s->n_calls = s->steps + 1;
}

// The noise levels at the timesteps; between training timesteps they are interpolated.
static void make_sigmas(struct bv_scheduler *s)
{
    for (int i = 0; i < s->steps; i++) {
        double at = (double)s->timestep[i];
        int below = (int)floor(at), above = below + 1 < s->n_train ? below + 1 : below;
        double low = sqrt((1 - (double)s->alpha[below]) / (double)s->alpha[below]);
        double high = sqrt((1 - (double)s->alpha[above]) / (double)s->alpha[above]);
        s->sigma[i] = (float)(low + (high - low) * (at - below));
    }
    s->sigma[s->steps] = 0;
}

static enum bv_status make_timesteps(struct bv_scheduler *s, const json_t *config,
                                     struct bv_error *err)
{
    int64_t offset = bv_json_integer(config, "steps_offset", 0);
    BV_TRY(read_spacing(s, config, err));
    if (s->kind == BV_SCHEDULER_PNDM && !bv_json_boolean(config, "skip_prk_steps", false))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "pndm without skip_prk_steps");
    for (int i = 0; i < s->steps; i++) {
        double t = spaced_timestep(s, offset, i);
        if (!(t >= 0 && t <= s->n_train - 1))
            return bv_fail(err, BV_ERR_ARG, "%d steps reach timestep %g of %d", s->steps, t,
                           s->n_train);
        s->timestep[i] = (float)t;
        if (s->kind == BV_SCHEDULER_DPM && i > 0 && s->timestep[i] >= s->timestep[i - 1])
            return bv_fail(err, BV_ERR_ARG, "%d steps are too many for dpm++: two have timestep %g",
                           s->steps, t);
    }
    make_sigmas(s);
    s->n_calls = s->steps;
    if (s->kind == BV_SCHEDULER_PNDM)
        repeat_second(s);
    return BV_OK;
}

enum bv_status bv_scheduler_create(struct bv_scheduler **out, const json_t *config,
                                   enum bv_scheduler_kind kind, int steps, size_t n,
                                   struct bv_error *err)
{
    int64_t n_train = bv_json_integer(config, "num_train_timesteps", 1000);
    if (n_train < 2 || n_train > BV_DIFFUSION_MAX_STEPS)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "num_train_timesteps %lld", (long long)n_train);
    if (steps < 1 || steps > n_train)
        return bv_fail(err, BV_ERR_ARG, "%d steps; 1 to %lld are possible", steps,
                       (long long)n_train);
    struct bv_scheduler *s = calloc(1, sizeof *s + (history + 2) * n * sizeof *s->memory);
    if (!s)
        return bv_fail_nomem(err, "a scheduler");
    s->kind = kind;
    s->n_train = (int)n_train;
    s->steps = steps;
    s->n = n;
    for (size_t i = 0; i < history; i++)
        s->kept[i] = s->memory + i * n;
    s->start = s->memory + history * n;
    s->work = s->start + n;
    enum bv_status status = check_members(s, config, err);
    if (status == BV_OK)
        status = make_alphas(s, config, err);
    if (status == BV_OK)
        status = read_prediction(s, config, err);
    if (status == BV_OK)
        status = read_clip(s, config, err);
    if (status == BV_OK)
        status = make_timesteps(s, config, err);
    if (status == BV_OK)
        *out = s;
    else
        free(s);
    return status;
}

void bv_scheduler_destroy(struct bv_scheduler **s)
{
    free(*s);
    *s = NULL;
}

int bv_scheduler_calls(const struct bv_scheduler *s)
{
    return s->n_calls;
}

float bv_scheduler_timestep(const struct bv_scheduler *s, int i)
{
    return s->timestep[i];
}

void bv_scheduler_begin(struct bv_scheduler *s, int first, const float *x, const float *noise,
                        float *latents)
{
    float keep = 1, add = 1;
    if (s->kind == BV_SCHEDULER_EULER)
        add = s->spacing == LEADING ? sqrtf(s->sigma[0] * s->sigma[0] + 1) : s->sigma[0];
    s->first = first;
    s->counter = s->n_kept = 0;
    if (x && s->kind == BV_SCHEDULER_EULER) {
        add = s->sigma[first];
    } else if (x && s->kind == BV_SCHEDULER_DPM) {
        keep = 1 / sqrtf(s->sigma[first] * s->sigma[first] + 1);
        add = s->sigma[first] * keep;
    } else if (x) {
        float alpha = s->alpha[(int)s->timestep[first]];
        keep = sqrtf(alpha);
        add = sqrtf(1 - alpha);
    }
    for (size_t i = 0; i < s->n; i++)
        latents[i] = x ? keep * x[i] + add * noise[i] : add * noise[i];
}

void bv_scheduler_scale(const struct bv_scheduler *s, int call, const float *latents, float *input)
{
    float sigma = s->sigma[call];
    float divisor = s->kind == BV_SCHEDULER_EULER ? sqrtf(sigma * sigma + 1) : 1;
    for (size_t i = 0; i < s->n; i++)
        input[i] = latents[i] / divisor;
}

static float alpha_at(const struct bv_scheduler *s, int t)
{
    return t >= 0 ? s->alpha[t] : s->last_alpha;
}

static void step_ddim(struct bv_scheduler *s, int call, const float *p, float *x)
{
    int t = (int)s->timestep[call];
    float a = s->alpha[t], a_next = alpha_at(s, t - s->n_train / s->steps);
    float root_a = sqrtf(a), root_b = sqrtf(1 - a);
    float root_next = sqrtf(a_next), direction = sqrtf(1 - a_next);
    for (size_t i = 0; i < s->n; i++) {
        float sample = (x[i] - root_b * p[i]) / root_a, noise = p[i];
        if (s->prediction == PREDICTS_VELOCITY) {
            sample = root_a * x[i] - root_b * p[i];
            noise = root_a * p[i] + root_b * x[i];
        } else if (s->prediction == PREDICTS_SAMPLE) {
            sample = p[i];
            noise = (x[i] - root_a * sample) / root_b;
        }
        if (fabsf(sample) > s->clip) // not for NaN, which is told elsewhere
            sample = copysignf(s->clip, sample);
        x[i] = root_next * sample + direction * noise;
    }
}

// Formula (9) of Liu et al.: from timestep t to `next` with the slope e.
static void transfer(const struct bv_scheduler *s, int t, int next, const float *e, const float *x,
                     float *out)
{
    float a = s->alpha[t], b = alpha_at(s, next), root_a = sqrtf(a), root_b = sqrtf(1 - a);
    float factor = sqrtf(b / a);
    float divisor = a * sqrtf(1 - b) + sqrtf(a * (1 - a) * b);
    for (size_t i = 0; i < s->n; i++) {
        float slope = s->prediction == PREDICTS_VELOCITY ? root_a * e[i] + root_b * x[i] : e[i];
        out[i] = factor * x[i] - (b - a) * slope / divisor;
    }
}

// The newest prediction comes first; the oldest falls off.
static void keep(struct bv_scheduler *s, const float *p)
{
    float *last = s->kept[history - 1];
    memmove(s->kept + 1, s->kept, (history - 1) * sizeof *s->kept);
    s->kept[0] = last;
    memcpy(last, p, s->n * sizeof *p);
    s->n_kept = s->n_kept < history ? s->n_kept + 1 : history;
}

// Adams and Bashforth's combination of the predictions so far.
static void combine(struct bv_scheduler *s, float *e)
{
    float *const *k = s->kept;
    for (size_t i = 0; i < s->n; i++)
        if (s->n_kept == 1)
            e[i] = k[0][i];
        else if (s->n_kept == 2)
            e[i] = (3 * k[0][i] - k[1][i]) / 2;
        else if (s->n_kept == 3)
            e[i] = (23 * k[0][i] - 16 * k[1][i] + 5 * k[2][i]) / 12;
        else
            e[i] = (float)(1.0 / 24) * (55 * k[0][i] - 59 * k[1][i] + 37 * k[2][i] - 9 * k[3][i]);
}

static void step_pndm(struct bv_scheduler *s, int call, const float *p, float *x)
{
    int t = (int)s->timestep[call], ratio = s->n_train / s->steps, next = t - ratio;
    if (s->counter++ == 1 && s->steps > 1) { // the first step again, with the mean of both slopes
        for (size_t i = 0; i < s->n; i++)
            s->work[i] = (p[i] + s->kept[0][i]) / 2;
        next = t;
        transfer(s, t + ratio, next, s->work, s->start, x);
        return;
    }
    keep(s, p);
    if (s->counter == 1)
        memcpy(s->start, x, s->n * sizeof *x);
    combine(s, s->work);
    transfer(s, t, next, s->work, x, x);
}

// The clean sample that a prediction at noise level sigma stands for (in dpm++'s scaling).
static float dpm_sample(const struct bv_scheduler *s, float alpha, float sigma, float x, float p)
{
    if (s->prediction == PREDICTS_NOISE)
        return (x - sigma * p) / alpha;
    return s->prediction == PREDICTS_VELOCITY ? alpha * x - sigma * p : p;
}

static void split_sigma(float sigma, float *alpha, float *scaled)
{
    *alpha = 1 / sqrtf(sigma * sigma + 1);
    *scaled = sigma * *alpha;
}

static void step_dpm(struct bv_scheduler *s, int call, const float *p, float *x)
{
    float alpha, sigma, alpha_next, sigma_next;
    split_sigma(s->sigma[call], &alpha, &sigma);
    split_sigma(s->sigma[call + 1], &alpha_next, &sigma_next);
    for (size_t i = 0; i < s->n; i++)
        s->work[i] = dpm_sample(s, alpha, sigma, x[i], p[i]);
    float lambda = logf(alpha) - logf(sigma);
    float h = logf(alpha_next) - logf(sigma_next) - lambda; // infinite at the end: exp(-h) is 0
    float shrink = sigma_next / sigma, gain = alpha_next * (expf(-h) - 1);
    bool second = s->n_kept > 0 && call + 1 < s->steps;
    float ratio = 0;
    if (second) {
        float alpha_last, sigma_last;
        split_sigma(s->sigma[call - 1], &alpha_last, &sigma_last);
        ratio = (lambda - (logf(alpha_last) - logf(sigma_last))) / h;
    }
    for (size_t i = 0; i < s->n; i++) {
        float d = second ? 1 / ratio * (s->work[i] - s->kept[0][i]) : 0;
        x[i] = shrink * x[i] - gain * s->work[i] - (second ? 0.5f * gain * d : 0);
    }
    keep(s, s->work);
}

static void step_euler(struct bv_scheduler *s, int call, const float *p, float *x)
{
    float sigma = s->sigma[call], dt = s->sigma[call + 1] - sigma;
    for (size_t i = 0; i < s->n; i++) {
        float sample = p[i];
        if (s->prediction == PREDICTS_NOISE)
            sample = x[i] - sigma * p[i];
        else if (s->prediction == PREDICTS_VELOCITY)
            sample = p[i] * (-sigma / sqrtf(sigma * sigma + 1)) + x[i] / (sigma * sigma + 1);
        x[i] = x[i] + (x[i] - sample) / sigma * dt;
    }
}

void bv_scheduler_step(struct bv_scheduler *s, int call, const float *prediction, float *latents)
{
    switch (s->kind) {
    case BV_SCHEDULER_DDIM:
        step_ddim(s, call, prediction, latents);
        break;
    case BV_SCHEDULER_PNDM:
        step_pndm(s, call, prediction, latents);
        break;
    case BV_SCHEDULER_DPM:
        step_dpm(s, call, prediction, latents);
        break;
    case BV_SCHEDULER_EULER:
        step_euler(s, call, prediction, latents);
        break;
    }
}
