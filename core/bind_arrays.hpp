// Arrays at the border to Python, for the bind_*.cpp files.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ragged.hpp"

namespace manyscale {

namespace nb = nanobind;

using Reals = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Ints = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;
using Writable = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<uint8_t, nb::c_contig, nb::device::cpu>;
using RealOut = nb::ndarray<double, nb::numpy>;

inline std::vector<int32_t> ints(const Ints& a) { return {a.data(), a.data() + a.size()}; }
inline Ragged ragged(const Ints& start, const Ints& item) { return {ints(start), ints(item)}; }
inline std::vector<double> reals(const Reals& a) { return {a.data(), a.data() + a.size()}; }

// A NumPy array of this shape that owns its memory; not initialised.
inline RealOut new_array(std::vector<size_t> shape) {
  size_t size = 1;
  for (size_t s : shape) size *= s;
  double* data = new double[size ? size : 1];
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<double*>(p); });
  return RealOut(data, shape.size(), shape.data(), owner);
}

// A copy.
inline RealOut array_of(const double* data, size_t size) {
  RealOut result = new_array({size});
  std::copy_n(data, size, result.data());
  return result;
}

}  // namespace manyscale
