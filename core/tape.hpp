// A straight list of elementary operations on numbered slots: formulas without a compiler.
// One slot holds L numbers side by side (L = 1, or kLanes points at once).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace manyscale {

inline constexpr int kLanes = 8;

// The order is that of OPERATIONS in kernels/graph.py.
enum class Op : int32_t {
  add, sub, mul, div, neg, sqrt, exp, log, log10, pow, dpow, dpown, abs, sign, floor,
  ceil, trunc, factorial, sin, cos, tan, sinh, cosh, tanh, asin, acos, atan, asinh,
  acosh, atanh, lt, le, eq, ne, and_, or_, xor_, not_, select, min, max, fmod, copy,
  muladd, count
};

struct Instruction {
  int32_t op, target, a, b, c;
};

using Code = std::vector<Instruction>;

// Runs over a workspace of slots, one number each.
void run_scalar(const Instruction* code, std::size_t count, double* slots);
// The same over kLanes numbers per slot.
void run_lanes(const Instruction* code, std::size_t count, double* slots);

// One operation over kLanes numbers: slot 0 from slots 1, 2, 3. For machine code, which has no such functions inline.
void lane_operation(int32_t op, double* slots);

// pow(x, n), with whole |n| <= 32 by multiplication (Hill coefficients).
double power(double x, double n);
// n * x**(n-1) given f = x**n.
double power_slope(double x, double n, double f);
// x! for whole x >= 0, NaN elsewhere.
double factorial(double x);

// Addresses of the functions that machine code calls, by name.
struct NamedAddress {
  const char* name;
  const void* address;
};
const std::vector<NamedAddress>& function_addresses();

}  // namespace manyscale
