// Schedulers against diffusers' (tests/diffusion/reference.py), with a function in the network's
// place: every spacing of timesteps, every kind of prediction, samples that are clipped.
#include "diffusion/sampler.h"

#include <math.h>
#include <string.h>

#include "support/check.h"

enum { N = 4 };

static const float noise[N] = {1.5f, -0.75f, 0.25f, -2};

static const struct reference {
    enum bv_scheduler_kind kind;
    const char *spacing, *prediction;
    int steps;
    bool clip;
    int calls;
    double first, third; // timesteps; the last where there are fewer than three
    double latents[N];
} references[] = {
    // clang-format off
    {BV_SCHEDULER_DDIM, "leading", "epsilon", 1, false, 1, 1, 1, {1.44137359, -0.763666332, 0.264307559, -1.93601644}},
    {BV_SCHEDULER_DDIM, "leading", "epsilon", 6, false, 6, 831, 499, {1.94390237, -2.38027072, 3.45119548, -3.28799891}},
    {BV_SCHEDULER_DDIM, "leading", "epsilon", 13, true, 13, 913, 761, {0.00859553646, -0.780857086, -0.724335432, -0.109894685}},
    {BV_SCHEDULER_DDIM, "leading", "v_prediction", 1, false, 1, 1, 1, {1.4388665, -0.762376189, 0.263869196, -1.93266153}},
    {BV_SCHEDULER_DDIM, "leading", "v_prediction", 6, false, 6, 831, 499, {0.652301013, 0.24563916, 0.930695474, -0.794034183}},
    {BV_SCHEDULER_DDIM, "leading", "v_prediction", 13, true, 13, 913, 761, {0.641343057, -0.666142285, -0.127329051, -0.7340855}},
    {BV_SCHEDULER_DDIM, "leading", "sample", 1, false, 1, 1, 1, {1.45000005, 0.315302312, -0.341146827, -1.58999252}},
    {BV_SCHEDULER_DDIM, "leading", "sample", 6, false, 6, 831, 499, {-0.757409096, -1.30492401, -0.460790336, 0.580629826}},
    {BV_SCHEDULER_DDIM, "leading", "sample", 13, true, 13, 913, 761, {1, 1, 0.0160378516, -1}},
    {BV_SCHEDULER_DDIM, "linspace", "epsilon", 1, false, 1, 0, 0, {1.45834494, -0.759515584, 0.260056704, -1.95447445}},
    {BV_SCHEDULER_DDIM, "linspace", "epsilon", 6, false, 6, 999, 599, {2.43552184, -4.74551821, 5.22697353, -4.69309473}},
    {BV_SCHEDULER_DDIM, "linspace", "epsilon", 13, true, 13, 999, 832, {-0.087242797, -0.924109578, -0.670300722, -0.034620624}},
    {BV_SCHEDULER_DDIM, "linspace", "v_prediction", 1, false, 1, 0, 0, {1.4570874, -0.75887388, 0.259839892, -1.95279336}},
    {BV_SCHEDULER_DDIM, "linspace", "v_prediction", 6, false, 6, 999, 599, {0.777048111, 0.127590761, 0.87899673, -0.968481243}},
    {BV_SCHEDULER_DDIM, "linspace", "v_prediction", 13, true, 13, 999, 832, {0.745487988, -0.663223505, -0.137076199, -0.858582616}},
    {BV_SCHEDULER_DDIM, "linspace", "sample", 1, false, 1, 0, 0, {1.45000005, 0.315302312, -0.341146827, -1.58999252}},
    {BV_SCHEDULER_DDIM, "linspace", "sample", 6, false, 6, 999, 599, {-0.623819947, -1.29311061, -0.427071393, 0.422964573}},
    {BV_SCHEDULER_DDIM, "linspace", "sample", 13, true, 13, 999, 832, {1, 0.958314776, 0.0181137919, -1}},
    {BV_SCHEDULER_DDIM, "trailing", "epsilon", 1, false, 1, 999, 999, {0.781989098, -15.5946474, 8.6479454, -6.06045914}},
    {BV_SCHEDULER_DDIM, "trailing", "epsilon", 6, false, 6, 999, 666, {3.26962662, -5.63159418, 6.67495346, -6.06353521}},
    {BV_SCHEDULER_DDIM, "trailing", "epsilon", 13, true, 13, 999, 845, {-0.363673717, -0.903080225, -0.475755274, 0.263904542}},
    {BV_SCHEDULER_DDIM, "trailing", "v_prediction", 1, false, 1, 999, 999, {-1.34422028, -0.365765452, 0.357417226, 1.44975364}},
    {BV_SCHEDULER_DDIM, "trailing", "v_prediction", 6, false, 6, 999, 666, {0.961249769, 0.403693438, 0.753579259, -1.09752452}},
    {BV_SCHEDULER_DDIM, "trailing", "v_prediction", 13, true, 13, 999, 845, {0.598395467, -0.729765117, -0.0632245541, -0.739298046}},
    {BV_SCHEDULER_DDIM, "trailing", "sample", 1, false, 1, 999, 999, {1.45000005, 0.315302312, -0.341146827, -1.58999252}},
    {BV_SCHEDULER_DDIM, "trailing", "sample", 6, false, 6, 999, 666, {-0.360233992, -1.28138912, -0.408624649, 0.113448799}},
    {BV_SCHEDULER_DDIM, "trailing", "sample", 13, true, 13, 999, 845, {0.961380899, 0.742669106, 0.0677389875, -0.976302683}},
    {BV_SCHEDULER_PNDM, "leading", "epsilon", 1, false, 1, 1, 1, {1.4830358, -0.75414902, 0.254249036, -1.98154986}},
    {BV_SCHEDULER_PNDM, "leading", "epsilon", 6, false, 7, 831, 665, {3.33303976, -0.607674539, 3.21312022, -4.41620588}},
    {BV_SCHEDULER_PNDM, "leading", "epsilon", 13, false, 14, 913, 837, {5.07731342, -1.6329478, 2.88348889, -6.7225852}},
    {BV_SCHEDULER_PNDM, "leading", "v_prediction", 1, false, 1, 1, 1, {1.48229897, -0.753769815, 0.254120201, -1.98056388}},
    {BV_SCHEDULER_PNDM, "leading", "v_prediction", 6, false, 7, 831, 665, {1.21099174, 0.376551926, 0.561057925, -1.38051081}},
    {BV_SCHEDULER_PNDM, "leading", "v_prediction", 13, false, 14, 913, 837, {0.72714144, -0.714908898, 0.00914180744, -1.05491912}},
    {BV_SCHEDULER_PNDM, "linspace", "epsilon", 1, false, 1, 0, 0, {1.5, -0.75, 0.25, -2}},
    {BV_SCHEDULER_PNDM, "linspace", "epsilon", 6, false, 7, 999, 799, {4.18990278, -1.17674136, 4.86441612, -5.7465477}},
    {BV_SCHEDULER_PNDM, "linspace", "epsilon", 13, false, 14, 999, 916, {6.17617178, -1.84115195, 3.86654568, -8.17316055}},
    {BV_SCHEDULER_PNDM, "linspace", "v_prediction", 1, false, 1, 0, 0, {1.5, -0.75, 0.25, -2}},
    {BV_SCHEDULER_PNDM, "linspace", "v_prediction", 6, false, 7, 999, 799, {1.27825141, 0.261884242, 0.558095396, -1.49104249}},
    {BV_SCHEDULER_PNDM, "linspace", "v_prediction", 13, false, 14, 999, 916, {0.806225777, -0.743684411, -0.0232018307, -1.15290427}},
    {BV_SCHEDULER_PNDM, "trailing", "epsilon", 1, false, 1, 999, 999, {0.823932648, -15.5788231, 8.63432217, -6.10424042}},
    {BV_SCHEDULER_PNDM, "trailing", "epsilon", 6, false, 7, 999, 832, {5.50707054, -1.36093807, 6.06200171, -7.46926212}},
    {BV_SCHEDULER_PNDM, "trailing", "epsilon", 13, false, 14, 999, 922, {6.75602293, -1.96686828, 4.49767828, -8.95407867}},
    {BV_SCHEDULER_PNDM, "trailing", "v_prediction", 1, false, 1, 999, 999, {-1.29713249, -0.386796951, 0.363858223, 1.3877964}},
    {BV_SCHEDULER_PNDM, "trailing", "v_prediction", 6, false, 7, 999, 832, {1.41518593, 0.32933256, 0.252707243, -1.60382724}},
    {BV_SCHEDULER_PNDM, "trailing", "v_prediction", 13, false, 14, 999, 922, {0.609158516, -0.676220357, 0.151554972, -0.919218838}},
    {BV_SCHEDULER_DPM, "leading", "epsilon", 1, false, 1, 501, 501, {0.506039143, -1.94215107, 1.03065002, -1.23219895}},
    {BV_SCHEDULER_DPM, "leading", "epsilon", 6, false, 6, 853, 569, {2.83790755, -1.550192, 3.47810555, -4.11722279}},
    {BV_SCHEDULER_DPM, "leading", "epsilon", 13, false, 13, 924, 782, {4.30152321, -2.57480025, 3.06863761, -6.08447409}},
    {BV_SCHEDULER_DPM, "leading", "v_prediction", 1, false, 1, 501, 501, {-0.448026538, -0.661772847, 0.421577096, 0.305024266}},
    {BV_SCHEDULER_DPM, "leading", "v_prediction", 6, false, 6, 853, 569, {1.15898728, 0.389283389, 0.756919146, -1.33505094}},
    {BV_SCHEDULER_DPM, "leading", "v_prediction", 13, false, 13, 924, 782, {0.723492622, -0.818020999, -0.0166570842, -1.07637882}},
    {BV_SCHEDULER_DPM, "leading", "sample", 1, false, 1, 501, 501, {1.45000005, 0.315302312, -0.341146827, -1.58999252}},
    {BV_SCHEDULER_DPM, "leading", "sample", 6, false, 6, 853, 569, {-0.543905258, -1.31001151, -0.388224661, 0.320217848}},
    {BV_SCHEDULER_DPM, "leading", "sample", 13, false, 13, 924, 782, {1.25114894, 0.819690347, 0.00154590607, -1.25083196}},
    {BV_SCHEDULER_DPM, "linspace", "epsilon", 1, false, 1, 999, 999, {0.781990826, -15.5946455, 8.6479454, -6.06046104}},
    {BV_SCHEDULER_DPM, "linspace", "epsilon", 6, false, 6, 999, 666, {3.68464351, -4.05626345, 6.31241322, -6.08458757}},
    {BV_SCHEDULER_DPM, "linspace", "epsilon", 13, false, 13, 999, 845, {5.40804672, -3.46062326, 4.61559916, -7.78596592}},
    {BV_SCHEDULER_DPM, "linspace", "v_prediction", 1, false, 1, 999, 999, {-1.34422016, -0.365765423, 0.357417196, 1.44975352}},
    {BV_SCHEDULER_DPM, "linspace", "v_prediction", 6, false, 6, 999, 666, {1.18085408, 0.483089983, 0.750688255, -1.33446681}},
    {BV_SCHEDULER_DPM, "linspace", "v_prediction", 13, false, 13, 999, 845, {0.706753731, -0.843930304, -0.0506416932, -1.06038725}},
    {BV_SCHEDULER_DPM, "linspace", "sample", 1, false, 1, 999, 999, {1.45000005, 0.315302312, -0.341146827, -1.58999252}},
    {BV_SCHEDULER_DPM, "linspace", "sample", 6, false, 6, 999, 666, {-0.526196718, -1.33117664, -0.388658315, 0.293560654}},
    {BV_SCHEDULER_DPM, "linspace", "sample", 13, false, 13, 999, 845, {1.25802624, 0.819858313, 0.00783385336, -1.25951993}},
    {BV_SCHEDULER_DPM, "trailing", "epsilon", 1, false, 1, 999, 999, {0.781990826, -15.5946455, 8.6479454, -6.06046104}},
    {BV_SCHEDULER_DPM, "trailing", "epsilon", 6, false, 6, 999, 666, {3.68074751, -4.05660057, 6.31618166, -6.08045721}},
    {BV_SCHEDULER_DPM, "trailing", "epsilon", 13, false, 13, 999, 845, {5.40391445, -3.45762396, 4.62242889, -7.78094149}},
    {BV_SCHEDULER_DPM, "trailing", "v_prediction", 1, false, 1, 999, 999, {-1.34422016, -0.365765423, 0.357417196, 1.44975352}},
    {BV_SCHEDULER_DPM, "trailing", "v_prediction", 6, false, 6, 999, 666, {1.17908466, 0.482588589, 0.751669645, -1.33261395}},
    {BV_SCHEDULER_DPM, "trailing", "v_prediction", 13, false, 13, 999, 845, {0.708028555, -0.844600379, -0.0511356965, -1.06202543}},
    {BV_SCHEDULER_DPM, "trailing", "sample", 1, false, 1, 999, 999, {1.45000005, 0.315302312, -0.341146827, -1.58999252}},
    {BV_SCHEDULER_DPM, "trailing", "sample", 6, false, 6, 999, 666, {-0.525513768, -1.33088064, -0.389060915, 0.292876095}},
    {BV_SCHEDULER_DPM, "trailing", "sample", 13, false, 13, 999, 845, {1.25825942, 0.821784377, 0.00775432587, -1.25925827}},
    {BV_SCHEDULER_EULER, "leading", "epsilon", 1, false, 1, 1, 1, {1.44137359, -0.763666332, 0.264307559, -1.93601644}},
    {BV_SCHEDULER_EULER, "leading", "epsilon", 6, false, 6, 831, 499, {1.94390273, -2.38027072, 3.45119548, -3.28799868}},
    {BV_SCHEDULER_EULER, "leading", "epsilon", 13, false, 13, 913, 761, {4.04108, -2.9066782, 3.06749916, -5.86829615}},
    {BV_SCHEDULER_EULER, "leading", "v_prediction", 1, false, 1, 1, 1, {1.4388665, -0.762376189, 0.263869196, -1.93266153}},
    {BV_SCHEDULER_EULER, "leading", "v_prediction", 6, false, 6, 831, 499, {0.652301013, 0.245639205, 0.930695355, -0.794034123}},
    {BV_SCHEDULER_EULER, "leading", "v_prediction", 13, false, 13, 913, 761, {0.886749387, -0.666142225, -0.127329171, -1.21628881}},
    {BV_SCHEDULER_EULER, "leading", "sample", 1, false, 1, 1, 1, {1.45000005, 0.315302253, -0.341146827, -1.58999252}},
    {BV_SCHEDULER_EULER, "leading", "sample", 6, false, 6, 831, 499, {-0.757409096, -1.30492401, -0.460790306, 0.580629826}},
    {BV_SCHEDULER_EULER, "leading", "sample", 13, false, 13, 913, 761, {1.20986223, 0.993708968, 0.0208654404, -1.15625608}},
    {BV_SCHEDULER_EULER, "linspace", "epsilon", 1, false, 1, 0, 0, {0.0142010953, -0.0374436006, 0.0193660837, -0.0289491974}},
    {BV_SCHEDULER_EULER, "linspace", "epsilon", 6, false, 6, 999, 599.400024, {2.58133173, -6.43713665, 6.89552689, -5.49469995}},
    {BV_SCHEDULER_EULER, "linspace", "epsilon", 13, false, 13, 999, 832.5, {5.12222862, -4.34994793, 4.954597, -7.72658968}},
    {BV_SCHEDULER_EULER, "linspace", "v_prediction", 1, false, 1, 0, 0, {0.0141764674, -0.0374183878, 0.0193547495, -0.0289121047}},
    {BV_SCHEDULER_EULER, "linspace", "v_prediction", 6, false, 6, 999, 599.400024, {0.636900723, 0.370535523, 0.955845237, -0.744058847}},
    {BV_SCHEDULER_EULER, "linspace", "v_prediction", 13, false, 13, 999, 832.5, {0.880052447, -0.684221447, -0.183509186, -1.20779634}},
    {BV_SCHEDULER_EULER, "linspace", "sample", 1, false, 1, 0, 0, {1.01311994, 0.533742428, -0.413960218, -1.00748563}},
    {BV_SCHEDULER_EULER, "linspace", "sample", 6, false, 6, 999, 599.400024, {-0.764009595, -1.31633556, -0.463190556, 0.585519016}},
    {BV_SCHEDULER_EULER, "linspace", "sample", 13, false, 13, 999, 832.5, {1.21578312, 1.00761867, 0.0223527551, -1.15956736}},
    {BV_SCHEDULER_EULER, "trailing", "epsilon", 1, false, 1, 999, 999, {0.746072769, -15.5766888, 8.64195919, -6.01256943}},
    {BV_SCHEDULER_EULER, "trailing", "epsilon", 6, false, 6, 999, 666, {3.25302553, -5.59379435, 6.66591883, -6.0326786}},
    {BV_SCHEDULER_EULER, "trailing", "epsilon", 13, false, 13, 999, 845, {5.16183138, -4.2646718, 4.91173601, -7.74564505}},
    {BV_SCHEDULER_EULER, "trailing", "v_prediction", 1, false, 1, 999, 999, {-1.3434124, -0.36616993, 0.357552052, 1.44867516}},
    {BV_SCHEDULER_EULER, "trailing", "v_prediction", 6, false, 6, 999, 666, {0.962089002, 0.4306584, 0.742991924, -1.09006178}},
    {BV_SCHEDULER_EULER, "trailing", "v_prediction", 13, false, 13, 999, 845, {0.698760509, -0.740286529, -0.06143016, -1.02142954}},
    {BV_SCHEDULER_EULER, "trailing", "sample", 1, false, 1, 999, 999, {1.44894981, 0.31582737, -0.341321707, -1.58859253}},
    {BV_SCHEDULER_EULER, "trailing", "sample", 6, false, 6, 999, 666, {-0.463185072, -1.28169155, -0.393009067, 0.233255506}},
    {BV_SCHEDULER_EULER, "trailing", "sample", 13, false, 13, 999, 845, {1.20889425, 0.781138062, 0.0237796903, -1.21377778}},
    // clang-format on
};

static struct bv_scheduler *create(const struct reference *r, struct bv_error *err)
{
    struct bv_scheduler *s = NULL;
    json_t *config = json_pack("{s:f, s:f, s:s, s:i, s:b, s:b, s:s, s:s}", "beta_start", 0.00085,
                               "beta_end", 0.012, "beta_schedule", "scaled_linear", "steps_offset",
                               1, "skip_prk_steps", 1, "clip_sample", r->clip, "timestep_spacing",
                               r->spacing, "prediction_type", r->prediction);
    assert_non_null(config);
    (void)bv_scheduler_create(&s, config, r->kind, r->steps, N, err);
    json_decref(config);
    return s;
}

static void test_references(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof references / sizeof *references; r++) {
        const struct reference *ref = &references[r];
        struct bv_error err = {0};
        struct bv_scheduler *s = create(ref, &err);
        float x[N], input[N], slope[N];
        if (!s)
            fail_msg("reference %zu: %s", r, err.text);
        assert_int_equal(bv_scheduler_calls(s), ref->calls);
        assert_true(fabs((double)bv_scheduler_timestep(s, 0) - ref->first) < 1e-4);
        assert_true(fabs((double)bv_scheduler_timestep(s, ref->calls > 2 ? 2 : ref->calls - 1) -
                         ref->third) < 1e-4);
        bv_scheduler_begin(s, 0, NULL, noise, x);
        for (int call = 0; call < ref->calls; call++) {
            bv_scheduler_scale(s, call, x, input);
            for (int i = 0; i < N; i++)
                slope[i] = 0.3f * input[i] + cosf((float)i + 0.5f * (float)call);
            bv_scheduler_step(s, call, slope, x);
        }
        for (int i = 0; i < N; i++) // measured: none beyond 2e-6
            if (!(fabs((double)x[i] - ref->latents[i]) <= 2e-6 * fmax(1, fabs(ref->latents[i]))))
                fail_msg("reference %zu, latent %d: %.9g, expected %.9g", r, i, (double)x[i],
                         ref->latents[i]);
        bv_scheduler_destroy(&s);
    }
}

// What would be other steps under the same name is refused, by its name.
static void test_refused(void **state)
{
    static const struct {
        const char *config, *kind, *message;
        int steps;
    } cases[] = {
        {"{\"timestep_spacing\": \"log\"}", "ddim", "timestep_spacing \"log\"", 5},
        {"{\"timestep_spacing\": \"leading\"}", "dpm++", "two have timestep 0", 1000},
        {"{\"clip_sample_range\": 0}", "ddim", "clip_sample_range", 5},
        {"{\"interpolation_type\": \"log_linear\"}", "euler", "euler other than", 5},
        {"{\"final_sigmas_type\": \"sigma_min\"}", "euler", "euler other than", 5},
        {"{\"lambda_min_clipped\": -5.1}", "dpm++", "dpm++ other than", 5},
        {"{\"variance_type\": \"learned\"}", "dpm++", "dpm++ other than", 5},
        {"{\"prediction_type\": \"flow\"}", "euler", "prediction_type \"flow\"", 5},
        {"{\"trained_betas\": [0.1]}", "ddim", "trained_betas", 5},
        {"{\"steps_offset\": 300}", "ddim", "reach timestep", 5},
        {"{}", "ddim", "1 to 1000", 1001},
        {"{}", "pndm", "skip_prk_steps", 5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        struct bv_scheduler *s = NULL;
        enum bv_scheduler_kind kind;
        json_t *config = json_loads(cases[i].config, 0, NULL);
        assert_true(bv_scheduler_find(cases[i].kind, &kind));
        assert_true(bv_scheduler_create(&s, config, kind, cases[i].steps, N, &err) != BV_OK);
        if (!strstr(err.text, cases[i].message))
            fail_msg("case %zu: %s", i, err.text);
        json_decref(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
