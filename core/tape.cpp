#include "tape.hpp"

#include <cmath>
#include <limits>

#include "lane_math.hpp"

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define MANYSCALE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MANYSCALE_CLONES
#endif

namespace manyscale {

namespace {
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
}

static double whole_power(double x, int n) {
  double result = 1.0, square = x;
  for (unsigned k = n < 0 ? -n : n; k; k >>= 1) {
    if (k & 1) result *= square;
    square *= square;
  }
  return n < 0 ? 1.0 / result : result;
}

double power(double x, double n) {
  if (n >= -32.0 && n <= 32.0) {
    const int k = static_cast<int>(n);
    if (k == n) return whole_power(x, k);
  }
  return std::pow(x, n);
}

double power_slope(double x, double n, double f) {
  if (n == 0.0) return 0.0;
  if (x > 0.0 && f > 0.0 && f < std::numeric_limits<double>::infinity()) return n * f / x;
  return n * power(x, n - 1.0);
}

static double power_by_exponent(double x, double, double f) { return f == 0.0 ? 0.0 : f * std::log(x); }

double factorial(double x) {
  if (!(x >= 0.0) || x != std::floor(x)) return kNaN;
  if (x > 170.0) return std::numeric_limits<double>::infinity();
  double result = 1.0;
  for (int k = 2; k <= static_cast<int>(x); ++k) result *= k;
  return result;
}

static double sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x; }
static double least(double a, double b) { return a < b || std::isnan(a) ? a : b; }
static double greatest(double a, double b) { return a > b || std::isnan(a) ? a : b; }

template <int L>
static MANYSCALE_INLINE void exp_lanes(const double* a, double* d) {
  if constexpr (L == 1) {
    *d = std::exp(*a);
  } else {
    double r[L];
    for (int l = 0; l < L; ++l) r[l] = lane::exp(a[l]);
    for (int l = 0; l < L; ++l) d[l] = r[l];
  }
}

template <int L>
static MANYSCALE_INLINE void log_lanes(const double* a, double* d) {
  if constexpr (L == 1) {
    *d = std::log(*a);
  } else {
    double r[L];
    for (int l = 0; l < L; ++l) r[l] = lane::log(a[l]);
    for (int l = 0; l < L; ++l) d[l] = r[l];
  }
}

template <int L>
static MANYSCALE_INLINE void power_lanes(const double* a, const double* n, double* d) {
  if constexpr (L > 1) {
    bool positive = true, whole = n[0] >= -32.0 && n[0] <= 32.0 && n[0] == std::floor(n[0]);
    for (int l = 0; l < L; ++l) {
      positive &= a[l] > 0.0 && a[l] < lane::kInfinity && std::fabs(n[l]) < lane::kInfinity;
      whole &= n[l] == n[0];
    }
    double r[L];
    if (whole) {  // the usual case: one Hill coefficient for all lanes
      double square[L];
      for (int l = 0; l < L; ++l) r[l] = 1.0, square[l] = a[l];
      const int exponent = static_cast<int>(n[0]);
      for (unsigned k = exponent < 0 ? -exponent : exponent; k; k >>= 1) {
        if (k & 1)
          for (int l = 0; l < L; ++l) r[l] *= square[l];
        for (int l = 0; l < L; ++l) square[l] *= square[l];
      }
      for (int l = 0; l < L; ++l) d[l] = exponent < 0 ? 1.0 / r[l] : r[l];
      return;
    }
    if (positive) {
      for (int l = 0; l < L; ++l) r[l] = lane::power_of_positive(a[l], n[l]);
      for (int l = 0; l < L; ++l) d[l] = r[l];
      return;
    }
  }
  for (int l = 0; l < L; ++l) d[l] = power(a[l], n[l]);
}

template <int L>
static MANYSCALE_INLINE void power_slope_lanes(const double* a, const double* n, const double* f, double* d) {
  if constexpr (L > 1) {
    bool plain = true;
    for (int l = 0; l < L; ++l) plain &= a[l] > 0.0 && f[l] > 0.0 && f[l] < lane::kInfinity && n[l] != 0.0;
    if (plain) {
      double r[L];
      for (int l = 0; l < L; ++l) r[l] = n[l] * f[l] / a[l];
      for (int l = 0; l < L; ++l) d[l] = r[l];
      return;
    }
  }
  for (int l = 0; l < L; ++l) d[l] = power_slope(a[l], n[l], f[l]);
}

template <int L>
static MANYSCALE_INLINE void run(const Instruction* code, size_t count, double* slots) {
#define MS_LOOP(expression)            \
  {                                    \
    double r[L];                       \
    for (int l = 0; l < L; ++l) r[l] = (expression); \
    for (int l = 0; l < L; ++l) d[l] = r[l];         \
    break;                             \
  }
#define MS_CASE(name, expression) \
  case Op::name:                  \
    MS_LOOP(expression)
  for (const Instruction* i = code; i != code + count; ++i) {
    double* d = slots + static_cast<size_t>(i->target) * L;
    const double* a = slots + static_cast<size_t>(i->a) * L;
    const double* b = slots + static_cast<size_t>(i->b) * L;
    const double* c = slots + static_cast<size_t>(i->c) * L;
    switch (static_cast<Op>(i->op)) {
      MS_CASE(add, a[l] + b[l])
      MS_CASE(sub, a[l] - b[l])
      MS_CASE(mul, a[l] * b[l])
      MS_CASE(div, a[l] / b[l])
      MS_CASE(neg, -a[l])
      MS_CASE(sqrt, std::sqrt(a[l]))
      case Op::exp:
        exp_lanes<L>(a, d);
        break;
      case Op::log:
        log_lanes<L>(a, d);
        break;
      case Op::pow:
        power_lanes<L>(a, b, d);
        break;
      case Op::dpow:
        power_slope_lanes<L>(a, b, c, d);
        break;
      MS_CASE(log10, std::log10(a[l]))
      MS_CASE(dpown, power_by_exponent(a[l], b[l], c[l]))
      MS_CASE(abs, std::fabs(a[l]))
      MS_CASE(sign, sign(a[l]))
      MS_CASE(floor, std::floor(a[l]))
      MS_CASE(ceil, std::ceil(a[l]))
      MS_CASE(trunc, std::trunc(a[l]))
      MS_CASE(factorial, factorial(a[l]))
      MS_CASE(sin, std::sin(a[l]))
      MS_CASE(cos, std::cos(a[l]))
      MS_CASE(tan, std::tan(a[l]))
      MS_CASE(sinh, std::sinh(a[l]))
      MS_CASE(cosh, std::cosh(a[l]))
      MS_CASE(tanh, std::tanh(a[l]))
      MS_CASE(asin, std::asin(a[l]))
      MS_CASE(acos, std::acos(a[l]))
      MS_CASE(atan, std::atan(a[l]))
      MS_CASE(asinh, std::asinh(a[l]))
      MS_CASE(acosh, std::acosh(a[l]))
      MS_CASE(atanh, std::atanh(a[l]))
      MS_CASE(lt, a[l] < b[l] ? 1.0 : 0.0)
      MS_CASE(le, a[l] <= b[l] ? 1.0 : 0.0)
      MS_CASE(eq, a[l] == b[l] ? 1.0 : 0.0)
      MS_CASE(ne, a[l] != b[l] ? 1.0 : 0.0)
      MS_CASE(and_, a[l] != 0.0 && b[l] != 0.0 ? 1.0 : 0.0)
      MS_CASE(or_, a[l] != 0.0 || b[l] != 0.0 ? 1.0 : 0.0)
      MS_CASE(xor_, (a[l] != 0.0) != (b[l] != 0.0) ? 1.0 : 0.0)
      MS_CASE(not_, a[l] != 0.0 ? 0.0 : 1.0)
      MS_CASE(select, a[l] != 0.0 ? b[l] : c[l])
      MS_CASE(min, least(a[l], b[l]))
      MS_CASE(max, greatest(a[l], b[l]))
      MS_CASE(fmod, std::fmod(a[l], b[l]))
      MS_CASE(copy, a[l])
      MS_CASE(muladd, a[l] * b[l] + c[l])
      case Op::count:
        break;
    }
  }
#undef MS_CASE
#undef MS_LOOP
}

void run_scalar(const Instruction* code, size_t count, double* slots) { run<1>(code, count, slots); }

MANYSCALE_CLONES void run_lanes(const Instruction* code, size_t count, double* slots) {
  run<kLanes>(code, count, slots);
}

void lane_operation(int32_t op, double* slots) {
  const Instruction one{op, 0, 1, 2, 3};
  run_lanes(&one, 1, slots);
}

const std::vector<NamedAddress>& function_addresses() {
  using F1 = double (*)(double);
  using F2 = double (*)(double, double);
  static const auto address = [](auto f) { return reinterpret_cast<const void*>(f); };
  static const std::vector<NamedAddress> table = {
      {"lane_operation", address(lane_operation)},
      {"exp", address(static_cast<F1>(std::exp))},     {"log", address(static_cast<F1>(std::log))},
      {"log10", address(static_cast<F1>(std::log10))}, {"sin", address(static_cast<F1>(std::sin))},
      {"cos", address(static_cast<F1>(std::cos))},     {"tan", address(static_cast<F1>(std::tan))},
      {"sinh", address(static_cast<F1>(std::sinh))},   {"cosh", address(static_cast<F1>(std::cosh))},
      {"tanh", address(static_cast<F1>(std::tanh))},   {"asin", address(static_cast<F1>(std::asin))},
      {"acos", address(static_cast<F1>(std::acos))},   {"atan", address(static_cast<F1>(std::atan))},
      {"asinh", address(static_cast<F1>(std::asinh))}, {"acosh", address(static_cast<F1>(std::acosh))},
      {"atanh", address(static_cast<F1>(std::atanh))}, {"fmod", address(static_cast<F2>(std::fmod))},
      {"pow", address(&power)},                        {"dpow", address(&power_slope)},
      {"dpown", address(&power_by_exponent)},          {"factorial", address(&factorial)},
      {"floor", address(static_cast<F1>(std::floor))}, {"ceil", address(static_cast<F1>(std::ceil))},
      {"trunc", address(static_cast<F1>(std::trunc))},
  };
  return table;
}

}  // namespace manyscale
