// Where switching functions change sign within a step.
#pragma once
#include <vector>

#include "integrators/stepper.hpp"

namespace manyscale {

class RootFinder {
 public:
  explicit RootFinder(Problem& problem)
      : problem_(problem), count_(problem.root_count()), sign_(count_), sign_high_(count_), sign_probe_(count_),
        sign_before_(count_), fired_(count_), low_(count_), high_(count_), g_(count_), y_(problem.size()),
        samples_(kSamples + 1, std::vector<double>(count_)) {}
  int count() const { return count_; }
  // Takes the signs at (t, y) as those to be left.
  void look(double t, const double* y) {
    problem_.roots(t, y, low_.data());
    signs(low_, sign_);
  }
  // First change of a sign in (from, to] of the last step; `t` is then just past it (or on it, where a function is zero
  // there), and the signs there are those to be left next. Crossings in pairs between samples are found where the
  // samples show that the function turns back; narrower ones are missed.
  // `before`: the last time found before the change.
  bool find(Stepper& stepper, double from, double to, double& t, double& before);
  // Forgets the change found last and goes back to (t, y): the signs to be left are those before it.
  void undo(double t, const double* y) {
    sign_ = sign_before_;
    problem_.roots(t, y, low_.data());
  }
  // Whether signs at (t, y) are other than those to be left.
  bool changed(double t, const double* y) {
    problem_.roots(t, y, g_.data());
    signs(g_, sign_probe_);
    for (int k = 0; k < count_; ++k) fired_[k] = (sign_probe_[k] > sign_[k]) - (sign_probe_[k] < sign_[k]);
    return sign_probe_ != sign_;
  }
  // +1 rising, -1 falling, 0 unchanged, at the last change found.
  const std::vector<int>& fired() const { return fired_; }

 private:
  void evaluate(Stepper& stepper, double t, std::vector<double>& g);
  static void signs(const std::vector<double>& g, std::vector<int>& sign) {
    for (size_t k = 0; k < g.size(); ++k) sign[k] = g[k] > 0.0 ? 1 : g[k] < 0.0 ? -1 : 0;
  }
  double guess(double a, double b, const std::vector<double>& weight) const;
  bool dips(Stepper& stepper, int s, double a, double width, double& b);
  double close_in(Stepper& stepper, double& a, double b);
  static constexpr int kSamples = 4;
  Problem& problem_;
  int count_;
  std::vector<int> sign_, sign_high_, sign_probe_, sign_before_, fired_;
  std::vector<double> low_, high_, g_, y_;  // values at both ends of the bracket, and between
  std::vector<std::vector<double>> samples_;
};

}  // namespace manyscale
