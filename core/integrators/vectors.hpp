// The loops over states that integrators share.
#pragma once
#include <cstddef>

namespace manyscale {

// out = base + sum of weight[s] * k[s], where stage s begins at k + s * n. `base` may be null (zero) or `out`.
void combine(int count, int n, const double* base, const double* k, const double* weight, double* out);

// Root-mean-square of x_i / (atol_i + rtol * max(|a_i|, |b_i|)).
double scaled_norm(int n, const double* x, const double* a, const double* b, double rtol, const double* atol);

}  // namespace manyscale
