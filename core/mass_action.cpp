#include "mass_action.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "tape.hpp"

namespace manyscale {

using Entry = std::pair<int32_t, int32_t>;

std::vector<Entry> touched_entries(const std::vector<MassActionTerm>& terms) {
  std::vector<Entry> found;
  for (const auto& term : terms)
    for (int32_t row : term.rows)
      for (int32_t column : term.factors) found.emplace_back(row, column);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

static int find_entry(const SparsePattern& pattern, int32_t row, int32_t column) {
  const auto begin = pattern.row.begin() + pattern.column_start[column];
  const auto end = pattern.row.begin() + pattern.column_start[column + 1];
  return static_cast<int>(std::lower_bound(begin, end, row) - pattern.row.begin());
}

namespace {
struct Contribution {
  int32_t target, source;
  double weight;
};
}  // namespace

// Compressed lists of contributions by target, in order of the source.
static void compress(std::vector<Contribution>& all, std::vector<int32_t>& targets, std::vector<int32_t>& start,
                     std::vector<int32_t>& source, std::vector<double>& weight) {
  std::sort(all.begin(), all.end(), [](const Contribution& a, const Contribution& b) {
    return std::pair(a.target, a.source) < std::pair(b.target, b.source);
  });
  for (const Contribution& c : all) {
    if (targets.empty() || targets.back() != c.target) {
      targets.push_back(c.target);
      start.push_back(static_cast<int32_t>(source.size()));
    }
    source.push_back(c.source);
    weight.push_back(c.weight);
  }
  start.push_back(static_cast<int32_t>(source.size()));
}

MassAction make_mass_action(const std::vector<MassActionTerm>& terms, const std::vector<int32_t>& row_factor,
                            const SparsePattern& pattern) {
  MassAction table;
  if (terms.empty()) return table;
  std::map<int, std::vector<int>> by_order;
  for (size_t e = 0; e < terms.size(); ++e) by_order[static_cast<int>(terms[e].factors.size())].push_back(int(e));
  std::vector<Contribution> to_rows, to_entries;
  for (const auto& [order, members] : by_order) {
    MassAction::Group group;
    group.order = order;
    group.first = table.terms;
    group.first_partial = table.partials;
    group.size = static_cast<int>(members.size());
    group.factors.resize(static_cast<size_t>(order) * group.size);
    for (int e = 0; e < group.size; ++e) {
      const MassActionTerm& term = terms[members[e]];
      group.constant.push_back(term.constant);
      for (int f = 0; f < order; ++f) group.factors[f * group.size + e] = term.factors[f];
      for (size_t s = 0; s < term.rows.size(); ++s) {
        to_rows.push_back({term.rows[s], group.first + e, term.weights[s]});
        for (int f = 0; f < order; ++f)
          to_entries.push_back({find_entry(pattern, term.rows[s], term.factors[f]),
                                group.first_partial + f * group.size + e, term.weights[s]});
      }
    }
    table.terms += group.size;
    table.partials += order * group.size;
    table.groups.push_back(std::move(group));
  }
  compress(to_rows, table.rows, table.row_start, table.row_term, table.row_weight);
  compress(to_entries, table.entries, table.entry_start, table.entry_partial, table.entry_weight);
  for (int32_t row : table.rows) table.row_factor.push_back(row_factor[row]);
  for (int32_t entry : table.entries) table.entry_factor.push_back(row_factor[pattern.row[entry]]);
  return table;
}

// Four sums at a time, so that additions do not wait for each other.
static inline double weighted_sum(const int32_t* source, const double* weight, int32_t count, const double* values) {
  double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
  int32_t k = 0;
  for (; k + 4 <= count; k += 4) {
    a += weight[k] * values[source[k]];
    b += weight[k + 1] * values[source[k + 1]];
    c += weight[k + 2] * values[source[k + 2]];
    d += weight[k + 3] * values[source[k + 3]];
  }
  for (; k < count; ++k) a += weight[k] * values[source[k]];
  return (a + b) + (c + d);
}

template <int L>
static inline void gather(const std::vector<int32_t>& targets, const std::vector<int32_t>& start,
                          const std::vector<int32_t>& source, const std::vector<double>& weight,
                          const std::vector<int32_t>& factor, const double* slots, const double* values, double* out) {
  if constexpr (L == 1) {
    for (size_t r = 0; r < targets.size(); ++r) {
      const int32_t first = start[r];
      out[targets[r]] += slots[factor[r]] * weighted_sum(&source[first], &weight[first], start[r + 1] - first, values);
    }
    return;
  }
  for (size_t r = 0; r < targets.size(); ++r) {
    double sum[L] = {};
    for (int32_t k = start[r]; k < start[r + 1]; ++k) {
      const double* value = values + static_cast<size_t>(source[k]) * L;
      for (int l = 0; l < L; ++l) sum[l] += weight[k] * value[l];
    }
    const double* scale = slots + static_cast<size_t>(factor[r]) * L;
    double* target = out + static_cast<size_t>(targets[r]) * L;
    for (int l = 0; l < L; ++l) target[l] += scale[l] * sum[l];
  }
}

template <int L>
void add_rhs(const MassAction& table, const double* slots, const double* y, double* scratch, double* dydt) {
  for (const auto& g : table.groups) {
    double* out = scratch + static_cast<size_t>(g.first) * L;
    if (L == 1 && g.order == 2) {
      const int32_t *constant = g.constant.data(), *one = g.factors.data(), *other = one + g.size;
      for (int e = 0; e < g.size; ++e) out[e] = slots[constant[e]] * y[one[e]] * y[other[e]];
      continue;
    }
    for (int e = 0; e < g.size; ++e)
      for (int l = 0; l < L; ++l) out[e * L + l] = slots[static_cast<size_t>(g.constant[e]) * L + l];
    for (int f = 0; f < g.order; ++f) {
      const int32_t* index = g.factors.data() + static_cast<size_t>(f) * g.size;
      for (int e = 0; e < g.size; ++e)
        for (int l = 0; l < L; ++l) out[e * L + l] *= y[static_cast<size_t>(index[e]) * L + l];
    }
  }
  gather<L>(table.rows, table.row_start, table.row_term, table.row_weight, table.row_factor, slots, scratch, dydt);
}

template <int L>
void add_jacobian(const MassAction& table, const double* slots, const double* y, double* scratch, double* values) {
  for (const auto& g : table.groups)
    for (int f = 0; f < g.order; ++f) {
      double* out = scratch + static_cast<size_t>(g.first_partial + f * g.size) * L;
      for (int e = 0; e < g.size; ++e)
        for (int l = 0; l < L; ++l) out[e * L + l] = slots[static_cast<size_t>(g.constant[e]) * L + l];
      for (int other = 0; other < g.order; ++other) {
        if (other == f) continue;
        const int32_t* index = g.factors.data() + static_cast<size_t>(other) * g.size;
        for (int e = 0; e < g.size; ++e)
          for (int l = 0; l < L; ++l) out[e * L + l] *= y[static_cast<size_t>(index[e]) * L + l];
      }
    }
  gather<L>(table.entries, table.entry_start, table.entry_partial, table.entry_weight, table.entry_factor, slots,
            scratch, values);
}

template void add_rhs<1>(const MassAction&, const double*, const double*, double*, double*);
template void add_rhs<kLanes>(const MassAction&, const double*, const double*, double*, double*);
template void add_jacobian<1>(const MassAction&, const double*, const double*, double*, double*);
template void add_jacobian<kLanes>(const MassAction&, const double*, const double*, double*, double*);

}  // namespace manyscale
