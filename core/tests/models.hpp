// Problems with known behaviour, written by hand: what the integrators are tested and timed on.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "problem.hpp"

namespace manyscale::models {

inline SparsePattern pattern_of(int n, std::vector<std::pair<int, int>> entries) {  // (row, column)
  for (int i = 0; i < n; ++i) entries.push_back({i, i});
  for (auto& e : entries) std::swap(e.first, e.second);
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  SparsePattern p;
  p.rows = p.columns = n;
  p.column_start.assign(n + 1, 0);
  for (auto [column, row] : entries) p.row.push_back(row), ++p.column_start[column + 1];
  for (int j = 0; j < n; ++j) p.column_start[j + 1] += p.column_start[j];
  return p;
}

inline SparsePattern full_pattern(int n) {
  std::vector<std::pair<int, int>> all;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) all.push_back({i, j});
  return pattern_of(n, all);
}

// A problem from plain functions, with a full Jacobian (column-major n x n).
class Plain : public Problem {
 public:
  using Rhs = std::function<void(double, const double*, double*)>;
  Plain(int n, Rhs f, Rhs jacobian)
      : n_(n), f_(std::move(f)), jacobian_(std::move(jacobian)), pattern_(full_pattern(n)) {}
  int size() const override { return n_; }
  void rhs(double t, const double* y, double* out) override { f_(t, y, out); }
  const SparsePattern& pattern() const override { return pattern_; }
  void jacobian(double t, const double* y, double* out) override {
    std::fill_n(out, static_cast<size_t>(n_) * n_, 0.0);
    jacobian_(t, y, out);
  }
  bool is_autonomous() const override { return !time_; }
  void time_derivative(double t, const double* y, double* out) override { time_(t, y, out); }
  const SparsePattern* mass_pattern() const override { return has_mass_ ? &mass_ : nullptr; }
  const double* mass_values() const override { return has_mass_ ? mass_values_.data() : nullptr; }
  int root_count() const override { return roots_; }
  void roots(double t, const double* y, double* g) override { g_(t, y, g); }
  Plain& time_slope(Rhs f) { return time_ = std::move(f), *this; }
  Plain& switching(int count, Rhs g) { return roots_ = count, g_ = std::move(g), *this; }
  Plain& diagonal_mass(std::vector<double> m) {
    has_mass_ = true;
    mass_ = pattern_of(n_, {});
    mass_values_ = std::move(m);
    return *this;
  }

 private:
  int n_, roots_ = 0;
  Rhs f_, jacobian_, time_, g_;
  SparsePattern pattern_, mass_;
  std::vector<double> mass_values_;
  bool has_mass_ = false;
};

inline Plain robertson() {
  return Plain(
      3,
      [](double, const double* y, double* f) {
        f[0] = -0.04 * y[0] + 1e4 * y[1] * y[2];
        f[2] = 3e7 * y[1] * y[1];
        f[1] = -f[0] - f[2];
      },
      [](double, const double* y, double* j) {
        j[0] = -0.04, j[1] = 0.04, j[2] = 0.0;
        j[3] = 1e4 * y[2], j[4] = -1e4 * y[2] - 6e7 * y[1], j[5] = 6e7 * y[1];
        j[6] = 1e4 * y[1], j[7] = -1e4 * y[1], j[8] = 0.0;
      });
}

inline Plain van_der_pol(double mu) {
  return Plain(
      2,
      [mu](double, const double* y, double* f) { f[0] = y[1], f[1] = mu * (1 - y[0] * y[0]) * y[1] - y[0]; },
      [mu](double, const double* y, double* j) {
        j[0] = 0, j[1] = -2 * mu * y[0] * y[1] - 1, j[2] = 1, j[3] = mu * (1 - y[0] * y[0]);
      });
}

// Field & Noyes; Hairer & Wanner, Solving ODEs II, section IV.10.
inline Plain oregonator() {
  constexpr double s = 77.27, w = 0.161, q = 8.375e-6;
  return Plain(
      3,
      [=](double, const double* y, double* f) {
        f[0] = s * (y[1] + y[0] * (1 - q * y[0] - y[1]));
        f[1] = (y[2] - (1 + y[0]) * y[1]) / s;
        f[2] = w * (y[0] - y[2]);
      },
      [=](double, const double* y, double* j) {
        j[0] = s * (1 - 2 * q * y[0] - y[1]), j[1] = -y[1] / s, j[2] = w;
        j[3] = s * (1 - y[0]), j[4] = -(1 + y[0]) / s, j[5] = 0;
        j[6] = 0, j[7] = 1 / s, j[8] = -w;
      });
}

// The oscillating MAPK cascade of Kholodenko, Eur. J. Biochem. 267:1583 (2000); nM and seconds.
class Mapk : public Problem {
 public:
  Mapk() {
    pattern_ = pattern_of(8, {{0, 1}, {0, 7}, {1, 0}, {1, 7}, {2, 1}, {2, 3}, {3, 2}, {3, 1}, {3, 4}, {4, 3}, {4, 1},
                              {5, 4}, {5, 6}, {6, 5}, {6, 4}, {6, 7}, {7, 6}, {7, 4}});
    for (size_t k = 0; k < 64; ++k) place_[k] = -1;
    for (int c = 0; c < 8; ++c)
      for (int e = pattern_.column_start[c]; e < pattern_.column_start[c + 1]; ++e) place_[pattern_.row[e] + 8 * c] = e;
  }
  static std::vector<double> start() { return {90, 10, 280, 10, 10, 280, 10, 10}; }
  int size() const override { return 8; }
  const SparsePattern& pattern() const override { return pattern_; }
  void rhs(double, const double* y, double* f) override {
    const double feedback = 1 + y[7] / 9.0;
    const double v1 = 2.5 * y[0] / (feedback * (10 + y[0])), v2 = 0.25 * y[1] / (8 + y[1]);
    const double v3 = 0.025 * y[1] * y[2] / (15 + y[2]), v4 = 0.025 * y[1] * y[3] / (15 + y[3]);
    const double v5 = 0.75 * y[4] / (15 + y[4]), v6 = 0.75 * y[3] / (15 + y[3]);
    const double v7 = 0.025 * y[4] * y[5] / (15 + y[5]), v8 = 0.025 * y[4] * y[6] / (15 + y[6]);
    const double v9 = 0.5 * y[7] / (15 + y[7]), v10 = 0.5 * y[6] / (15 + y[6]);
    f[0] = v2 - v1, f[1] = v1 - v2, f[2] = v6 - v3, f[3] = v3 + v5 - v4 - v6, f[4] = v4 - v5;
    f[5] = v10 - v7, f[6] = v7 + v9 - v8 - v10, f[7] = v8 - v9;
  }
  void jacobian(double, const double* y, double* j) override {
    std::fill_n(j, pattern_.nonzeros(), 0.0);
    auto add = [&](int row, int column, double x) { j[place_[row + 8 * column]] += x; };
    auto flow = [&](int from, int to, int with, double v, double k) {  // v * y[with] * y[from] / (k + y[from])
      const double s = y[from], d = k + s, e = with < 0 ? 1.0 : y[with];
      const double slope = v * e * k / (d * d);
      add(from, from, -slope), add(to, from, slope);
      if (with >= 0) add(from, with, -v * s / d), add(to, with, v * s / d);
    };
    const double feedback = 1 + y[7] / 9.0, d = 10 + y[0];
    const double slope = 2.5 * 10 / (feedback * d * d), brake = -2.5 * y[0] / d / (feedback * feedback) / 9.0;
    add(0, 0, -slope), add(1, 0, slope), add(0, 7, -brake), add(1, 7, brake);
    flow(1, 0, -1, 0.25, 8), flow(2, 3, 1, 0.025, 15), flow(3, 4, 1, 0.025, 15), flow(4, 3, -1, 0.75, 15);
    flow(3, 2, -1, 0.75, 15), flow(5, 6, 4, 0.025, 15), flow(6, 7, 4, 0.025, 15), flow(7, 6, -1, 0.5, 15);
    flow(6, 5, -1, 0.5, 15);
  }

 private:
  SparsePattern pattern_;
  int place_[64];
};

// Mass action from a BioNetGen .net file (numbers and parameter names; unit rate laws only), or made by hand.
class Network : public Problem {
 public:
  struct Reaction {
    std::vector<int> from, to;
    double k;
  };
  Network(int n, std::vector<Reaction> reactions) : n_(n), reactions_(std::move(reactions)) {
    std::vector<std::pair<int, int>> entries;
    for (auto& r : reactions_)
      for (int j : r.from) {
        for (int i : r.from) entries.push_back({i, j});
        for (int i : r.to) entries.push_back({i, j});
      }
    pattern_ = pattern_of(n, entries);
    for (auto& r : reactions_)
      for (int j : r.from) {
        auto find = [&](int i) {
          auto first = pattern_.row.begin() + pattern_.column_start[j],
               last = pattern_.row.begin() + pattern_.column_start[j + 1];
          return static_cast<int>(std::lower_bound(first, last, i) - pattern_.row.begin());
        };
        for (int i : r.from) places_.push_back(find(i));
        for (int i : r.to) places_.push_back(find(i));
      }
  }
  int size() const override { return n_; }
  const SparsePattern& pattern() const override { return pattern_; }
  void rhs(double, const double* y, double* f) override {
    std::fill_n(f, n_, 0.0);
    for (auto& r : reactions_) {
      double v = r.k;
      for (int i : r.from) v *= y[i];
      for (int i : r.from) f[i] -= v;
      for (int i : r.to) f[i] += v;
    }
  }
  void jacobian(double, const double* y, double* j) override {
    std::fill_n(j, pattern_.nonzeros(), 0.0);
    const int* place = places_.data();
    for (auto& r : reactions_)
      for (size_t q = 0; q < r.from.size(); ++q) {
        double v = r.k;
        for (size_t s = 0; s < r.from.size(); ++s)
          if (s != q) v *= y[r.from[s]];
        for (size_t s = 0; s < r.from.size(); ++s) j[*place++] -= v;
        for (size_t s = 0; s < r.to.size(); ++s) j[*place++] += v;
      }
  }
  static Network read(const std::string& path, std::vector<double>& start) {
    std::ifstream file(path);
    std::string line, block;
    std::map<std::string, double> value;
    std::vector<Reaction> reactions;
    auto number = [&](const std::string& word) {
      double product = 1;
      std::stringstream factors(word);
      for (std::string f; std::getline(factors, f, '*');) product *= value.count(f) ? value[f] : std::stod(f);
      return product;
    };
    while (std::getline(file, line)) {
      line = line.substr(0, line.find('#'));
      std::stringstream words(line);
      std::string a, b, c, d;
      if (!(words >> a >> b)) continue;
      if (a == "begin" || a == "end") {
        block = a == "begin" ? b : "";
      } else if (block == "parameters") {
        words >> c;
        value[b] = number(c);
      } else if (block == "species") {
        words >> c;
        start.push_back(number(c));
      } else if (block == "reactions") {
        words >> c >> d;
        Reaction r{{}, {}, number(d)};
        auto list = [](const std::string& text, std::vector<int>& out) {
          std::stringstream items(text);
          for (std::string s; std::getline(items, s, ',');)
            if (std::stoi(s) > 0) out.push_back(std::stoi(s) - 1);
        };
        list(b, r.from), list(c, r.to);
        reactions.push_back(r);
      }
    }
    return Network(static_cast<int>(start.size()), std::move(reactions));
  }

 private:
  int n_;
  std::vector<Reaction> reactions_;
  SparsePattern pattern_;
  std::vector<int> places_;
};

}  // namespace manyscale::models
