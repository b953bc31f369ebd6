// Dense LU with partial pivoting, column-major, blocked for larger sizes.
#pragma once
#include <cstddef>
#include <vector>

namespace manyscale {

class DenseLu {
 public:
  void resize(int n) {
    n_ = n;
    a_.assign(static_cast<size_t>(n) * n, 0.0);
    pivot_.resize(n);
  }
  int size() const { return n_; }
  double* matrix() { return a_.data(); }  // entry (i, j) at [i + j * n]; overwritten by factor()
  // False when a pivot is zero or not finite.
  bool factor();
  void solve(double* b) const;

 private:
  int n_ = 0;
  std::vector<double> a_;
  std::vector<int> pivot_;
};

}  // namespace manyscale
