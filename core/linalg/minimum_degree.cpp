#include "linalg/minimum_degree.hpp"

#include <algorithm>

namespace manyscale {

namespace {

std::vector<std::vector<int>> neighbours(const SparsePattern& pattern) {
  std::vector<std::vector<int>> graph(pattern.columns);
  for (int j = 0; j < pattern.columns; ++j)
    for (int e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e) {
      const int i = pattern.row[e];
      if (i != j) graph[i].push_back(j), graph[j].push_back(i);
    }
  for (auto& list : graph) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return graph;
}

// Unknowns by degree, as doubly linked lists.
class Buckets {
 public:
  explicit Buckets(int n) : head_(n + 1, -1), next_(n, -1), before_(n, -1), degree_(n, 0) {}
  int degree(int i) const { return degree_[i]; }
  void insert(int i, int degree) {
    degree_[i] = degree;
    next_[i] = head_[degree], before_[i] = -1;
    if (head_[degree] >= 0) before_[head_[degree]] = i;
    head_[degree] = i;
    lowest_ = std::min(lowest_, degree);
  }
  void remove(int i) {
    if (before_[i] >= 0) next_[before_[i]] = next_[i];
    else head_[degree_[i]] = next_[i];
    if (next_[i] >= 0) before_[next_[i]] = before_[i];
  }
  int smallest() {
    while (head_[lowest_] < 0) ++lowest_;
    return head_[lowest_];
  }

 private:
  std::vector<int> head_, next_, before_, degree_;
  int lowest_ = 0;
};

// The quotient graph: unknowns not yet eliminated, and elements (cliques that eliminations left).
struct QuotientGraph {
  std::vector<std::vector<int>> unknowns, elements;  // of each unknown
  std::vector<std::vector<int>> members;             // of each element, named after its pivot
  std::vector<char> eliminated, absorbed;
  std::vector<int> stamp, outside, outside_stamp;
  int now = 0;

  explicit QuotientGraph(const SparsePattern& pattern)
      : unknowns(neighbours(pattern)), elements(pattern.columns), members(pattern.columns),
        eliminated(pattern.columns, 0), absorbed(pattern.columns, 0), stamp(pattern.columns, 0),
        outside(pattern.columns, 0), outside_stamp(pattern.columns, 0) {}

  // Eliminates p: its neighbours become the members of element p, older elements within are absorbed.
  void eliminate(int p) {
    ++now;
    eliminated[p] = 1;
    stamp[p] = now;
    auto& clique = members[p];
    auto take = [&](int i) {
      if (!eliminated[i] && stamp[i] != now) stamp[i] = now, clique.push_back(i);
    };
    for (int i : unknowns[p]) take(i);
    for (int e : elements[p]) {
      if (absorbed[e]) continue;
      for (int i : members[e]) take(i);
      absorbed[e] = 1;
      std::vector<int>().swap(members[e]);
    }
    for (int i : clique) {
      std::erase_if(unknowns[i], [&](int j) { return eliminated[j] || stamp[j] == now; });
      std::erase_if(elements[i], [&](int e) { return absorbed[e]; });
    }
    for (int i : clique)
      for (int e : elements[i]) {
        if (outside_stamp[e] != now) outside_stamp[e] = now, outside[e] = static_cast<int>(members[e].size());
        --outside[e];
      }
    for (int i : clique) {
      std::erase_if(elements[i], [&](int e) {
        if (outside[e] == 0 && !absorbed[e]) absorbed[e] = 1, std::vector<int>().swap(members[e]);
        return absorbed[e] != 0;
      });
      elements[i].push_back(p);
    }
  }

  // An upper bound of the degree of member i of the newest element p.
  int degree(int i, int p) const {
    int sum = static_cast<int>(unknowns[i].size() + members[p].size()) - 1;
    for (int e : elements[i])
      if (e != p) sum += outside[e];
    return sum;
  }
};

}  // namespace

std::vector<int> minimum_degree(const SparsePattern& pattern) {
  const int n = pattern.columns;
  QuotientGraph graph(pattern);
  Buckets buckets(n);
  for (int i = n - 1; i >= 0; --i) buckets.insert(i, static_cast<int>(graph.unknowns[i].size()));
  std::vector<int> order;
  order.reserve(n);
  while (static_cast<int>(order.size()) < n) {
    const int p = buckets.smallest();
    buckets.remove(p);
    order.push_back(p);
    graph.eliminate(p);
    auto& clique = graph.members[p];
    std::vector<int> together;  // nothing outside the clique touches them: they cost no further fill
    for (int i : clique)
      if (graph.unknowns[i].empty() && graph.elements[i].size() == 1) together.push_back(i);
    for (int i : together) {
      buckets.remove(i);
      order.push_back(i);
      graph.eliminated[i] = 1;
    }
    if (!together.empty()) std::erase_if(clique, [&](int i) { return graph.eliminated[i] != 0; });
    const int left = n - static_cast<int>(order.size());
    for (int i : clique) {
      buckets.remove(i);
      buckets.insert(i, std::clamp(graph.degree(i, p), 0, std::max(0, left - 1)));
    }
  }
  return order;
}

std::vector<std::vector<int>> symbolic_factor(const SparsePattern& pattern, const std::vector<int>& order) {
  const int n = pattern.columns;
  std::vector<int> place(n);
  for (int k = 0; k < n; ++k) place[order[k]] = k;
  std::vector<std::vector<int>> later(n), children(n);
  const auto graph = neighbours(pattern);
  std::vector<int> stamp(n, -1);
  for (int k = 0; k < n; ++k) {
    auto& rows = later[k];
    auto take = [&](int i) {
      if (i > k && stamp[i] != k) stamp[i] = k, rows.push_back(i);
    };
    for (int j : graph[order[k]]) take(place[j]);
    for (int c : children[k])
      for (int i : later[c]) take(i);
    std::sort(rows.begin(), rows.end());
    if (!rows.empty()) children[rows[0]].push_back(k);
  }
  return later;
}

}  // namespace manyscale
