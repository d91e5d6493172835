// Threshold and calibration files of any bytes: what is accepted makes probabilities of every
// score.
#include "target.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "eval/report/results.h"
#include "memory_file.h"

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void apply(const json_t *fitted, const json_t *setup)
{
    static const double scores[] = {-1e300, -1, 0, 1e-300, 0.25, 0.5, 1, 2, 1e300};
    struct bv_calibration *calibrations = NULL;
    struct bv_error err = {0};
    if (bv_calibration_values(fitted, setup, &calibrations, &err) != BV_OK)
        return;
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
            double p = bv_calibration_apply(&calibrations[l], scores[i]);
            expect(p >= 0 && p <= 1);
        }
        bv_calibration_free(&calibrations[l]);
    }
    free(calibrations);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"biovl.thresholds", "biovl.calibration"};
    char path[64];
    double values[2];
    struct bv_error err = {0};
    json_t *setup = json_pack("{s:{s:s}, s:[s, s], s:{s:s}}", "data", "sha256", "0", "labels",
                              "Edema", "Mass", "model", "score_kind", "pair_softmax");
    expect(setup != NULL);
    int file = memory_file(data, size, path);
    for (int k = 0; k < 2; k++) {
        json_t *fitted = NULL;
        if (bv_fitted_load(&fitted, path, kinds[k], setup, false, &err) != BV_OK)
            continue;
        bv_thresholds_values(fitted, setup, BV_UNIT_PATIENT, values);
        expect(!isinf(values[0]) && !isinf(values[1]));
        apply(fitted, setup);
        json_decref(fitted);
    }
    json_decref(setup);
    (void)close(file);
    return 0;
}
