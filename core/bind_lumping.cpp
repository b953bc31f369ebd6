// Row spaces modulo a prime, for exact lumping.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "bind_arrays.hpp"
#include "lumping/row_space.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

namespace {

using Residues = nb::ndarray<const uint64_t, nb::c_contig, nb::device::cpu>;
using Offsets = nb::ndarray<const int64_t, nb::c_contig, nb::device::cpu>;

struct Space {
  RowSpace rows;
  int columns;
};

// A sparse row, sorted, with equal columns added up.
FieldRow row(const Space& space, const Ints& columns, const Residues& values) {
  if (columns.size() != values.size()) throw std::invalid_argument("one value per column");
  FieldRow given;
  for (size_t k = 0; k < columns.size(); ++k) {
    const int32_t column = columns.data()[k];
    if (column < 0 || column >= space.columns || values.data()[k] >= kPrime)
      throw std::invalid_argument("column or value out of range");
    given.push_back({column, values.data()[k]});
  }
  std::sort(given.begin(), given.end(), [](const FieldEntry& a, const FieldEntry& b) { return a.column < b.column; });
  FieldRow result;
  for (const FieldEntry& e : given) {
    if (result.empty() || result.back().column != e.column) result.push_back(e);
    else result.back().value = add_mod(result.back().value, e.value);
  }
  std::erase_if(result, [](const FieldEntry& e) { return e.value == 0; });
  return result;
}

void set_matrices(Space& space, Offsets start, Ints matrix, Ints column, Residues value) {
  const size_t count = column.size();
  if (static_cast<int>(start.size()) != space.columns + 1 || matrix.size() != count || value.size() != count ||
      start.data()[space.columns] != static_cast<int64_t>(count))
    throw std::invalid_argument("matrices do not fit the number of columns");
  FieldMatrices given{{start.data(), start.data() + start.size()}, ints(matrix), ints(column),
                      {value.data(), value.data() + count}};
  for (size_t k = 0; k < count; ++k)
    if (given.column[k] < 0 || given.column[k] >= space.columns || given.value[k] >= kPrime)
      throw std::invalid_argument("column or value out of range");
  for (int k = 0; k < space.columns; ++k)
    if (given.start[k] < 0 || given.start[k] > given.start[k + 1]) throw std::invalid_argument("rows out of order");
  space.rows.set_matrices(std::move(given));
}

std::vector<std::tuple<std::vector<int32_t>, std::vector<uint64_t>>> apart(const std::vector<FieldRow>& rows) {
  std::vector<std::tuple<std::vector<int32_t>, std::vector<uint64_t>>> result;
  for (const FieldRow& r : rows) {
    std::vector<int32_t> columns;
    std::vector<uint64_t> values;
    for (const FieldEntry& e : r) columns.push_back(e.column), values.push_back(e.value);
    result.emplace_back(std::move(columns), std::move(values));
  }
  return result;
}

}  // namespace

void bind_lumping(nb::module_& m) {
  m.attr("FIELD_PRIME") = kPrime;
  nb::class_<Space>(m, "RowSpace")
      .def("__init__", [](Space* self, int columns) {
        if (columns < 0) throw std::invalid_argument("columns");
        new (self) Space{RowSpace(columns), columns};
      })
      .def("set_matrices", &set_matrices, "start"_a, "matrix"_a, "column"_a, "value"_a)
      .def("add", [](Space& s, Ints columns, Residues values) { return s.rows.add(row(s, columns, values)); })
      .def("contains", [](Space& s, Ints columns, Residues values) { return s.rows.contains(row(s, columns, values)); })
      .def("close",
           [](Space& s, int64_t most) {
             nb::gil_scoped_release release;
             return s.rows.close(most);
           })
      .def("rows", [](const Space& s) { return apart(s.rows.rows()); })
      .def("origins", [](const Space& s) { return apart(s.rows.origins()); })
      .def_prop_ro("rank", [](const Space& s) { return s.rows.rank(); });
}

}  // namespace manyscale
