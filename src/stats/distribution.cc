#include "stats/distribution.h"

#include <cmath>
#include <limits>

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

namespace
{

namespace policies = boost::math::policies;

// Nothing throws: what has no answer is NaN or infinite.
using quiet = policies::policy<policies::domain_error<policies::ignore_error>,
                               policies::pole_error<policies::ignore_error>,
                               policies::overflow_error<policies::ignore_error>,
                               policies::evaluation_error<policies::ignore_error>,
                               policies::rounding_error<policies::ignore_error>>;

using boost::math::cdf;
using boost::math::complement;
using boost::math::quantile;

const boost::math::normal_distribution<double, quiet> standard_normal(0, 1);

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_available = std::numeric_limits<double>::quiet_NaN();

bool is_share(double p)
{
    return p >= 0 && p <= 1;
}

} // namespace

double bv_normal_tail(double z)
{
    if (std::isinf(z))
        return z > 0 ? 0 : 1;
    return cdf(complement(standard_normal, z));
}

double bv_normal_quantile(double p)
{
    if (!is_share(p))
        return not_available;
    if (p <= 0 || p >= 1)
        return p <= 0 ? -infinity : infinity;
    return quantile(standard_normal, p);
}

double bv_normal_width(double level)
{
    if (!is_share(level))
        return not_available;
    return level < 1 ? quantile(complement(standard_normal, (1 - level) / 2)) : infinity;
}

double bv_student_tail(double t, double df)
{
    if (!(df > 0) || std::isnan(t))
        return not_available;
    if (std::isinf(t))
        return t > 0 ? 0 : 1;
    return cdf(complement(boost::math::students_t_distribution<double, quiet>(df), t));
}

double bv_chi_squared_tail(double x, double df)
{
    if (!(df > 0) || !(x >= 0))
        return not_available;
    if (std::isinf(x))
        return 0;
    return cdf(complement(boost::math::chi_squared_distribution<double, quiet>(df), x));
}

double bv_beta_quantile(double p, double a, double b)
{
    if (!is_share(p) || !(a > 0) || !(b > 0))
        return not_available;
    return quantile(boost::math::beta_distribution<double, quiet>(a, b), p);
}

double bv_beta_upper_quantile(double tail, double a, double b)
{
    if (!is_share(tail) || !(a > 0) || !(b > 0))
        return not_available;
    return quantile(complement(boost::math::beta_distribution<double, quiet>(a, b), tail));
}

double bv_binomial_half_cdf(uint64_t k, uint64_t n)
{
    if (k >= n)
        return 1;
    return cdf(boost::math::binomial_distribution<double, quiet>(static_cast<double>(n), 0.5),
               static_cast<double>(k));
}

double bv_binomial_half_point(uint64_t k, uint64_t n)
{
    if (k > n)
        return 0;
    return pdf(boost::math::binomial_distribution<double, quiet>(static_cast<double>(n), 0.5),
               static_cast<double>(k));
}
