#include "integrators/root_finder.hpp"

#include <algorithm>

namespace manyscale {

void RootFinder::evaluate(Stepper& stepper, double t, std::vector<double>& g) {
  if (t == stepper.t) {
    problem_.roots(t, stepper.y.data(), g.data());
    return;
  }
  stepper.interpolate(t, y_.data());
  problem_.roots(t, y_.data(), g.data());
}

bool RootFinder::find(Stepper& stepper, double from, double to, double& t, double& before) {
  constexpr int kSamples = 4;
  double low = from;
  for (int s = 1; s <= kSamples; ++s) {
    const double high = s == kSamples ? to : from + (to - from) * s / kSamples;
    if (!(high > low)) continue;
    evaluate(stepper, high, high_);
    signs(high_, sign_high_);
    if (sign_high_ != sign_) {
      before = low;
      t = close_in(stepper, before, high);
      for (int k = 0; k < count_; ++k) fired_[k] = (sign_high_[k] > sign_[k]) - (sign_high_[k] < sign_[k]);
      sign_before_ = sign_;
      sign_ = sign_high_;
      low_ = high_;
      return true;
    }
    low = high;
    low_.swap(high_);
  }
  return false;
}

// Earliest crossing by straight lines; values at the ends carry Illinois weights. The middle where a line says nothing.
double RootFinder::guess(double a, double b, const std::vector<double>& weight) const {
  double share = 2.0;
  for (int k = 0; k < count_; ++k) {
    if (sign_high_[k] == sign_[k]) continue;
    if (sign_[k] == 0 || sign_high_[k] == 0) return 0.5 * (a + b);
    const double p = weight[0] * std::fabs(low_[k]), q = weight[1] * std::fabs(high_[k]);
    share = std::min(share, p / (p + q));
  }
  return share > 0.0 && share < 1.0 ? a + share * (b - a) : 0.5 * (a + b);
}

// Shrinks (a, b], at whose ends the signs differ, to neighbouring numbers or nearly so: Illinois iteration (Dowell &
// Jarratt, BIT 11:168, 1971), with the middle whenever three steps have not halved the bracket twice.
double RootFinder::close_in(Stepper& stepper, double& a, double b) {
  std::vector<double> weight{1.0, 1.0};
  int side = 0, slow = 0;
  double checked = b - a;
  for (int k = 0; k < 200; ++k) {
    const double tolerance = 4e-16 * std::max(std::fabs(a), std::fabs(b));
    if (b - a <= tolerance) break;
    double m = slow >= 3 ? 0.5 * (a + b) : guess(a, b, weight);
    if (slow < 3) m = std::clamp(m, a + 0.5 * tolerance, b - 0.5 * tolerance);
    if (!(m > a && m < b)) m = 0.5 * (a + b);
    if (!(m > a && m < b)) break;
    if (++slow >= 3 && b - a <= 0.25 * checked) slow = 0, checked = b - a;
    evaluate(stepper, m, g_);
    signs(g_, sign_probe_);
    if (sign_probe_ == sign_) {
      a = m, low_.swap(g_);
      weight = {1.0, side == -1 ? 0.5 * weight[1] : 1.0};
      side = -1;
    } else {
      b = m, high_.swap(g_), sign_high_ = sign_probe_;
      weight = {side == 1 ? 0.5 * weight[0] : 1.0, 1.0};
      side = 1;
    }
  }
  return b;
}

}  // namespace manyscale
