// Sums of terms c * k * product of states, by table: no code is generated for mass action, whatever the number of
// reactions. A reversible reaction is two terms.
#pragma once
#include <cstdint>
#include <vector>

#include "problem.hpp"

namespace manyscale {

struct MassAction {
  // Terms in groups of equal order; factor f of term e of a group is factors[f * size + e].
  struct Group {
    int order = 0, first = 0, size = 0;  // first: number of the first term; partials of the group follow each other
    int first_partial = 0;
    std::vector<int32_t> constant;  // slot of k
    std::vector<int32_t> factors;   // state numbers, with repetition
  };
  std::vector<Group> groups;
  int terms = 0, partials = 0;
  // dy/dt[i] += row factor * sum of weight * term.
  std::vector<int32_t> rows, row_start, row_term, row_factor;  // rows that some term changes; slots of their factors
  std::vector<double> row_weight;
  // df/dy values[entry] += row factor * sum of weight * partial.
  std::vector<int32_t> entries, entry_start, entry_partial, entry_factor;
  std::vector<double> entry_weight;
  bool empty() const { return terms == 0; }
};

// One term as given: k slot, its state factors, what it changes.
struct MassActionTerm {
  int32_t constant;
  std::vector<int32_t> factors;
  std::vector<int32_t> rows;
  std::vector<double> weights;
};

// (row, column) of every entry of df/dy that the terms touch.
std::vector<std::pair<int32_t, int32_t>> touched_entries(const std::vector<MassActionTerm>& terms);
// `row_factor[i]`: slot of the factor of state i. `pattern` contains all touched entries.
MassAction make_mass_action(const std::vector<MassActionTerm>& terms, const std::vector<int32_t>& row_factor,
                            const SparsePattern& pattern);

// slots, y: L numbers side by side. scratch: at least L * max(terms, partials) numbers.
template <int L>
void add_rhs(const MassAction& table, const double* slots, const double* y, double* scratch, double* dydt);
template <int L>
void add_jacobian(const MassAction& table, const double* slots, const double* y, double* scratch, double* values);

}  // namespace manyscale
