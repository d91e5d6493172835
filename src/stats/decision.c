#include "stats/calibration.h"

#include <math.h>

double bv_net_benefit(uint64_t tp, uint64_t fp, uint64_t n, double threshold)
{
    if (!n || !(threshold >= 0) || !(threshold < 1))
        return NAN;
    double N = (double)n;
    return (double)tp / N - (double)fp / N * threshold / (1 - threshold);
}

double bv_interventions_avoided(double benefit, double benefit_of_all, double threshold)
{
    return threshold > 0 ? (benefit - benefit_of_all) / (threshold / (1 - threshold)) : NAN;
}
