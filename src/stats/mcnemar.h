// mcnemar.h: two decisions about the same rows.
#ifndef BV_STATS_MCNEMAR_H
#define BV_STATS_MCNEMAR_H

#include <stdint.h>

struct bv_mcnemar {
    double chi2, p;                     // NaN without a discordant pair
    double chi2_corrected, p_corrected; // continuity correction; likewise. 0 and 1 for equal counts
    double p_exact;                     // binomial
    double p_mid;                       // binomial, with half of the observed case's probability
};

// b rows where only the first is right, c where only the second is.
struct bv_mcnemar bv_mcnemar(uint64_t b, uint64_t c);

#endif
