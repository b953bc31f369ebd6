#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "linalg/dense_lu.hpp"
#include "linalg/iteration_matrix.hpp"
#include "linalg/minimum_degree.hpp"
#include "linalg/sparse_lu.hpp"
#include "tests/check.hpp"
#include "tests/models.hpp"

namespace manyscale {
namespace {

std::mt19937& dice() {
  static std::mt19937 generator(7);
  return generator;
}
double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(dice()); }

// Norm of b - A x relative to |A| |x| + |b|: the backward error.
double residual(const SparsePattern& p, const std::vector<double>& v, const std::vector<double>& x,
                const std::vector<double>& b) {
  std::vector<double> r = b, row(b.size(), 0.0);
  for (int j = 0; j < p.columns; ++j)
    for (int e = p.column_start[j]; e < p.column_start[j + 1]; ++e) {
      r[p.row[e]] -= v[e] * x[j];
      row[p.row[e]] += std::fabs(v[e]);
    }
  double worst = 0.0, size_a = 0.0, size_x = 0.0, size_b = 0.0;
  for (size_t i = 0; i < b.size(); ++i) {
    worst = std::max(worst, std::fabs(r[i])), size_a = std::max(size_a, row[i]);
    size_x = std::max(size_x, std::fabs(x[i])), size_b = std::max(size_b, std::fabs(b[i]));
  }
  return worst / (size_a * size_x + size_b);
}

SparsePattern random_pattern(int n, double per_row, bool dense_row) {
  std::vector<std::pair<int, int>> entries;
  const int count = static_cast<int>(per_row * n);
  for (int k = 0; k < count; ++k) entries.push_back({static_cast<int>(dice()() % n), static_cast<int>(dice()() % n)});
  if (dense_row)
    for (int j = 0; j < n; ++j) entries.push_back({n / 3, j}), entries.push_back({j, n / 2});
  return models::pattern_of(n, entries);
}

double sparse_error(SparseLu& lu, const SparsePattern& p, const std::vector<double>& v) {
  if (!lu.factor(v.data())) return 1e300;
  std::vector<double> b(p.columns);
  for (double& x : b) x = uniform(-1, 1);
  std::vector<double> x = b;
  lu.solve(x.data());
  return residual(p, v, x, b);
}

}  // namespace

CLAIM("dense LU solves random systems of every small size and some large ones") {
  for (int n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 31, 32, 33, 40, 41, 47, 64, 100, 131, 257}) {
    DenseLu lu;
    lu.resize(n);
    const SparsePattern p = models::full_pattern(n);
    std::vector<double> a(static_cast<size_t>(n) * n), b(n);
    for (double& x : a) x = uniform(-1, 1);
    for (double& x : b) x = uniform(-1, 1);
    std::copy(a.begin(), a.end(), lu.matrix());
    EXPECT(lu.factor());
    std::vector<double> x = b;
    lu.solve(x.data());
    EXPECT_LESS(residual(p, a, x, b), 1e-11);
  }
}

CLAIM("dense LU reports singular matrices and numbers that are not finite") {
  for (int n : {2, 5, 12, 60}) {
    DenseLu lu;
    lu.resize(n);
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i)
        lu.matrix()[i + j * n] = j == n - 1 && i != 0 ? 0.0 : j == n - 1 ? 1.0 : uniform(-1, 1);
    for (int j = 0; j < n; ++j) lu.matrix()[j * n] = 0.0;
    EXPECT(!lu.factor());
    lu.resize(n);
    for (int j = 0; j < n; ++j) lu.matrix()[j + j * n] = 1.0;
    lu.matrix()[(n - 1) * (n + 1)] = std::numeric_limits<double>::quiet_NaN();
    EXPECT(!lu.factor());
  }
}

CLAIM("minimum degree gives a permutation, and no fill on trees and arrows") {
  for (int trial = 0; trial < 30; ++trial) {
    const int n = 1 + static_cast<int>(dice()() % 80);
    const SparsePattern p = random_pattern(n, uniform(0, 4), trial % 3 == 0);
    auto order = minimum_degree(p);
    std::set<int> distinct(order.begin(), order.end());
    EXPECT(static_cast<int>(order.size()) == n && static_cast<int>(distinct.size()) == n);
  }
  std::vector<std::pair<int, int>> arrow, tree;
  for (int i = 1; i < 50; ++i) arrow.push_back({0, i}), arrow.push_back({i, 0}), tree.push_back({i, (i - 1) / 2});
  for (const auto& entries : {arrow, tree}) {
    const SparsePattern p = models::pattern_of(50, entries);
    size_t fill = 0;
    for (auto& rows : symbolic_factor(p, minimum_degree(p))) fill += rows.size();
    EXPECT(fill == 49);
  }
}

CLAIM("sparse LU agrees with the matrix on random patterns, dominant diagonal or not") {
  for (int trial = 0; trial < 120; ++trial) {
    const int n = 1 + static_cast<int>(dice()() % 120);
    const SparsePattern p = random_pattern(n, uniform(0.5, 5), trial % 4 == 0);
    SparseLu lu;
    lu.analyse(p);
    for (int again = 0; again < 4; ++again) {
      std::vector<double> v(p.nonzeros());
      for (double& x : v) x = uniform(-1, 1);
      for (int j = 0; j < n; ++j)  // diagonal large, ordinary, or tiny: the last needs pivots elsewhere
        for (int e = p.column_start[j]; e < p.column_start[j + 1]; ++e)
          if (p.row[e] == j)
            v[e] = again == 0 ? 10.0 : again == 1 ? v[e] : again == 2 && trial % 2 ? 1e-9 * v[e] : 3.0 + v[e];
      const double error = sparse_error(lu, p, v);
      if (error < 1e299) EXPECT_LESS(error, again == 1 || again == 2 ? 1e-10 : 1e-11);
      else EXPECT(again == 1 || again == 2);  // a random pattern may be structurally near singular
    }
  }
}

CLAIM("sparse LU finds pivots off a zero diagonal, and keeps them while they serve") {
  const int n = 30;
  std::vector<std::pair<int, int>> entries;  // pairs coupled only across the diagonal
  for (int i = 0; i + 1 < n; i += 2) entries.push_back({i, i + 1}), entries.push_back({i + 1, i});
  for (int i = 0; i + 2 < n; ++i) entries.push_back({i, i + 2});
  const SparsePattern p = models::pattern_of(n, entries);
  SparseLu lu;
  lu.analyse(p);
  std::vector<double> v(p.nonzeros());
  for (int j = 0; j < n; ++j)
    for (int e = p.column_start[j]; e < p.column_start[j + 1]; ++e)
      v[e] = p.row[e] == j ? 0.0 : (p.row[e] ^ 1) == j ? 2.0 : 0.3;
  EXPECT_LESS(sparse_error(lu, p, v), 1e-12);
  EXPECT(lu.pivoted() == 1);
  for (double& x : v) x *= 1.5;
  EXPECT_LESS(sparse_error(lu, p, v), 1e-12);
  EXPECT(lu.pivoted() == 1);
  for (int j = 0; j < n; ++j)  // now the diagonal carries everything
    for (int e = p.column_start[j]; e < p.column_start[j + 1]; ++e) v[e] = p.row[e] == j ? 1.0 : 1e-9;
  EXPECT_LESS(sparse_error(lu, p, v), 1e-12);
}

CLAIM("sparse LU reports singular matrices and recovers afterwards") {
  const SparsePattern p = random_pattern(40, 3, false);
  SparseLu lu;
  lu.analyse(p);
  std::vector<double> v(p.nonzeros(), 0.0);
  EXPECT(!lu.factor(v.data()));
  v[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT(!lu.factor(v.data()));
  for (int j = 0; j < 40; ++j)
    for (int e = p.column_start[j]; e < p.column_start[j + 1]; ++e) v[e] = p.row[e] == j ? 5.0 : uniform(-1, 1);
  EXPECT_LESS(sparse_error(lu, p, v), 1e-13);
}

CLAIM("a banded and a two-dimensional pattern factor with little fill") {
  const int m = 40, n = m * m;
  std::vector<std::pair<int, int>> entries;
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < m; ++j) {
      const int k = i * m + j;
      if (i) entries.push_back({k, k - m}), entries.push_back({k - m, k});
      if (j) entries.push_back({k, k - 1}), entries.push_back({k - 1, k});
    }
  const SparsePattern p = models::pattern_of(n, entries);
  SparseLu lu;
  lu.analyse(p);
  EXPECT_LESS(static_cast<double>(lu.fill()), 60.0 * n);  // a band solver would need 80 n
  std::vector<double> v(p.nonzeros());
  for (int j = 0; j < n; ++j)
    for (int e = p.column_start[j]; e < p.column_start[j + 1]; ++e) v[e] = p.row[e] == j ? 4.1 : -1.0;
  EXPECT_LESS(sparse_error(lu, p, v), 1e-12);
}

CLAIM("the iteration matrix is a M - J, dense and sparse alike, with and without mass") {
  for (int n : {6, 60}) {
    std::vector<models::Network::Reaction> chain;
    for (int i = 0; i + 1 < n; ++i) chain.push_back({{i}, {i + 1}, 1.0 + i}), chain.push_back({{i + 1}, {i}, 0.5});
    models::Network net(n, chain);
    IterationMatrix matrix(net);
    EXPECT(matrix.is_sparse() == (n > 16));
    std::vector<double> y(n, 1.0), j(net.pattern().nonzeros()), b(n, 1.0);
    net.jacobian(0.0, y.data(), j.data());
    EXPECT(matrix.factor(3.0, j.data(), y.data()));
    std::vector<double> x = b;
    matrix.solve(x.data());
    std::vector<double> v = j;
    for (int c = 0; c < n; ++c)
      for (int e = net.pattern().column_start[c]; e < net.pattern().column_start[c + 1]; ++e)
        v[e] = (net.pattern().row[e] == c ? 3.0 : 0.0) - j[e];
    EXPECT_LESS(residual(net.pattern(), v, x, b), 1e-13);
  }
}

// D (a - J) D^-1 x = D b has the solution D z with (a - J) z = b: the same equations with states in other units.
CLAIM("the iteration matrix is as accurate for states sixty orders apart as for states of one size") {
  for (int n : {4, 60}) {
    std::vector<models::Network::Reaction> chain;
    for (int i = 0; i + 1 < n; ++i) chain.push_back({{i}, {i + 1}, 1.0}), chain.push_back({{i + 1}, {i}, 1.0});
    models::Network net(n, chain);
    const SparsePattern& p = net.pattern();
    const double a = 1.0;
    std::vector<double> one(n, 1.0), size(n), j(p.nonzeros()), scaled(p.nonzeros()), b(n), z, x(n);
    for (int i = 0; i < n; ++i) size[i] = std::ldexp(1.0, i % 2 ? -100 : 100), b[i] = 1.0 + 0.1 * i;
    for (int c = 0; c < n; ++c)
      for (int e = p.column_start[c]; e < p.column_start[c + 1]; ++e) {
        const int r = p.row[e];
        j[e] = r == c ? a - (r % 2 ? 1.0 : 1e-13) : 1.0 + 0.01 * r;  // every other pivot on the diagonal is useless
        scaled[e] = j[e] * (size[r] / size[c]);
      }
    IterationMatrix matrix(net);
    EXPECT(matrix.is_sparse() == (n > 16));
    EXPECT(matrix.factor(a, j.data(), one.data()));
    z = b;
    matrix.solve(z.data());
    EXPECT(matrix.factor(a, scaled.data(), size.data()));
    for (int i = 0; i < n; ++i) x[i] = size[i] * b[i];
    matrix.solve(x.data());
    for (int i = 0; i < n; ++i) EXPECT_LESS(std::fabs(x[i] / size[i] - z[i]), 1e-11 * (1.0 + std::fabs(z[i])));
  }
}

}  // namespace manyscale
