// Master equations: sparse products and Krylov bases.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <stdexcept>
#include <tuple>

#include "bind_arrays.hpp"
#include "cme/krylov.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

namespace {

using Starts = nb::ndarray<const int64_t, nb::c_contig, nb::device::cpu>;

SparseRows rows(const Starts& start, const Ints& column, const Reals& value) {
  if (start.size() < 1 || column.size() != value.size() || start.data()[start.size() - 1] != static_cast<int64_t>(value.size()))
    throw std::invalid_argument("no sparse matrix by rows");
  return {static_cast<int64_t>(start.size()) - 1, start.data(), column.data(), value.data()};
}

}  // namespace

void bind_cme(nb::module_& m) {
  m.def("sparse_multiply", [](Starts start, Ints column, Reals value, Reals x, int threads) {
    const SparseRows a = rows(start, column, value);
    if (static_cast<int64_t>(x.size()) != a.size) throw std::invalid_argument("x does not fit");
    RealOut y = new_array({x.size()});
    {
      nb::gil_scoped_release release;
      multiply(a, x.data(), y.data(), threads);
    }
    return y;
  });
  // v: (most + 1, size) with its first row given; h: (most + 1, most) zeros. Returns the number of columns made.
  m.def("arnoldi", [](Starts start, Ints column, Reals value, Writable v, Writable h, int window, int threads) {
    const SparseRows a = rows(start, column, value);
    const int most = static_cast<int>(h.ndim() == 2 ? h.shape(1) : 0);
    if (most < 1 || window < 1 || static_cast<int>(h.shape(0)) != most + 1 || v.ndim() != 2 ||
        static_cast<int>(v.shape(0)) != most + 1 || static_cast<int64_t>(v.shape(1)) != a.size)
      throw std::invalid_argument("v is (most + 1, size), h is (most + 1, most)");
    nb::gil_scoped_release release;
    return arnoldi(a, most, window, std::max(threads, 1), v.data(), h.data());
  });
}

}  // namespace manyscale
