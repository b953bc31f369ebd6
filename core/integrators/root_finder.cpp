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

// Samples the step, then walks through the parts between samples in order of time: a sign that differs at the next
// sample, or at a point between where some function seems to turn back before it reaches zero.
bool RootFinder::find(Stepper& stepper, double from, double to, double& t, double& before) {
  if (!(to > from)) return false;
  samples_[0].swap(low_);
  const double width = (to - from) / kSamples;
  for (int s = 1; s <= kSamples; ++s) evaluate(stepper, s == kSamples ? to : from + width * s, samples_[s]);
  for (int s = 0; s < kSamples; ++s) {
    const double a = from + width * s;
    double b = s + 1 == kSamples ? to : from + width * (s + 1);
    high_ = samples_[s + 1];
    signs(high_, sign_high_);
    if (sign_high_ == sign_ && !dips(stepper, s, a, width, b)) continue;
    low_ = samples_[s];
    before = a;
    t = close_in(stepper, before, b);
    for (int k = 0; k < count_; ++k) fired_[k] = (sign_high_[k] > sign_[k]) - (sign_high_[k] < sign_[k]);
    sign_before_ = sign_;
    sign_ = sign_high_;
    low_ = high_;
    return true;
  }
  low_ = samples_[kSamples];
  return false;
}

// Whether a function that approaches zero at sample s and moves away from it at s + 1 changes sign in between; then
// `b` is a time at which it has, and high_ the values there.
bool RootFinder::dips(Stepper& stepper, int s, double a, double width, double& b) {
  auto slope = [&](int at, int k) {  // times the distance of samples
    if (at == 0) return 0.5 * (-3.0 * samples_[0][k] + 4.0 * samples_[1][k] - samples_[2][k]);
    if (at == kSamples)
      return 0.5 * (3.0 * samples_[at][k] - 4.0 * samples_[at - 1][k] + samples_[at - 2][k]);
    return 0.5 * (samples_[at + 1][k] - samples_[at - 1][k]);
  };
  for (int k = 0; k < count_; ++k) {
    if (sign_[k] == 0) continue;
    const double toward = -sign_[k] * slope(s, k), away = sign_[k] * slope(s + 1, k);
    if (!(toward > 0.0) || !(away > 0.0)) continue;
    const double share = toward / (toward + away);
    if (std::fabs(samples_[s][k]) > 2.0 * toward * share) continue;  // stays well away from zero
    const double middle = a + share * width;
    if (!(middle > a && middle < b)) continue;
    evaluate(stepper, middle, g_);
    signs(g_, sign_probe_);
    if (sign_probe_ == sign_) continue;
    b = middle;
    high_ = g_;
    sign_high_ = sign_probe_;
    return true;
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
