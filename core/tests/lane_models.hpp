// The same problems for kLanes members at once; each member scales one constant.
#pragma once
#include "integrators/lanes.hpp"
#include "linalg/clones.hpp"
#include "tests/models.hpp"

namespace manyscale::models {

// Any scalar code for one lane, lane by lane; written to be turned into vector code.
class LaneScaled : public LaneProblem {
 public:
  LaneScaled(int n, SparsePattern pattern, std::vector<double> scale)
      : n_(n), pattern_(std::move(pattern)), scale_(std::move(scale)) {}
  int size() const override { return n_; }
  void load(int lane, int64_t member) override { s_[lane] = scale_[member]; }
  const SparsePattern& pattern() const override { return pattern_; }

 protected:
  int n_;
  SparsePattern pattern_;
  std::vector<double> scale_;
  double s_[kLanes] = {};
};

inline void mapk_lanes(const double* s, const double* y, double* f) {
  constexpr int L = kLanes;
  for (int l = 0; l < L; ++l) {
    const double y0 = y[l], y1 = y[L + l], y2 = y[2 * L + l], y3 = y[3 * L + l], y4 = y[4 * L + l], y5 = y[5 * L + l];
    const double y6 = y[6 * L + l], y7 = y[7 * L + l];
    const double v1 = s[l] * 2.5 * y0 / ((1 + y7 / 9.0) * (10 + y0)), v2 = 0.25 * y1 / (8 + y1);
    const double v3 = 0.025 * y1 * y2 / (15 + y2), v4 = 0.025 * y1 * y3 / (15 + y3);
    const double v5 = 0.75 * y4 / (15 + y4), v6 = 0.75 * y3 / (15 + y3);
    const double v7 = 0.025 * y4 * y5 / (15 + y5), v8 = 0.025 * y4 * y6 / (15 + y6);
    const double v9 = 0.5 * y7 / (15 + y7), v10 = 0.5 * y6 / (15 + y6);
    f[l] = v2 - v1, f[L + l] = v1 - v2, f[2 * L + l] = v6 - v3, f[3 * L + l] = v3 + v5 - v4 - v6;
    f[4 * L + l] = v4 - v5, f[5 * L + l] = v10 - v7, f[6 * L + l] = v7 + v9 - v8 - v10, f[7 * L + l] = v8 - v9;
  }
}

class LaneMapk : public LaneScaled {
 public:
  explicit LaneMapk(std::vector<double> scale)
      : LaneScaled(8, Mapk().pattern(), std::move(scale)), one_(pattern_.nonzeros()) {}
  void rhs(const double*, const double* y, double* f) override { mapk_lanes(s_, y, f); }
  void jacobian(const double* t, const double* y, double* values) override {
    double own[8];
    for (int l = 0; l < kLanes; ++l) {
      for (int i = 0; i < 8; ++i) own[i] = y[i * kLanes + l];
      scalar_.jacobian(t[l], own, one_.data());
      // Only the first reaction is scaled: it fills columns 0 and 7 of rows 0 and 1, where column 0 holds nothing else.
      for (int e = 0; e < pattern_.nonzeros(); ++e) values[e * kLanes + l] = one_[e];
      for (int c : {0, 7})
        for (int e = pattern_.column_start[c]; e < pattern_.column_start[c + 1]; ++e)
          if (pattern_.row[e] < 2) values[e * kLanes + l] *= s_[l];
    }
  }

 private:
  Mapk scalar_;
  std::vector<double> one_;
};

class LaneRobertson : public LaneScaled {
 public:
  explicit LaneRobertson(std::vector<double> scale) : LaneScaled(3, full_pattern(3), std::move(scale)) {}
  void rhs(const double*, const double* y, double* f) override {
    constexpr int L = kLanes;
    for (int l = 0; l < L; ++l) {
      const double a = -0.04 * y[l] + 1e4 * y[L + l] * y[2 * L + l], b = s_[l] * 3e7 * y[L + l] * y[L + l];
      f[l] = a, f[L + l] = -a - b, f[2 * L + l] = b;
    }
  }
  void jacobian(const double*, const double* y, double* j) override {
    constexpr int L = kLanes;
    for (int l = 0; l < L; ++l) {
      const double k = s_[l] * 6e7 * y[L + l], y1 = y[L + l], y2 = y[2 * L + l];
      const double values[9] = {-0.04, 0.04, 0.0, 1e4 * y2, -1e4 * y2 - k, k, 1e4 * y1, -1e4 * y1, 0.0};
      for (int e = 0; e < 9; ++e) j[e * L + l] = values[e];
    }
  }
};

class LaneSquare : public LaneScaled {
 public:
  explicit LaneSquare(std::vector<double> scale) : LaneScaled(1, full_pattern(1), std::move(scale)) {}
  void rhs(const double*, const double* y, double* f) override {
    for (int l = 0; l < kLanes; ++l) f[l] = s_[l] * y[l] * y[l];
  }
  void jacobian(const double*, const double* y, double* j) override {
    for (int l = 0; l < kLanes; ++l) j[l] = 2 * s_[l] * y[l];
  }
};

}  // namespace manyscale::models
