#include "leap/step_choice.hpp"

#include <algorithm>
#include <cmath>

namespace manyscale {

namespace {

constexpr double kStiff = 100.0;     // ratio of steps from which they are implicit
constexpr double kBalanced = 0.05;   // difference of two directions in partial equilibrium
constexpr double kFewFirings = 0.1;  // change of the firings in a step that is too small to matter, in epsilons
constexpr int kHalvings = 60;
constexpr double kRestore = 6.0;     // relaxation times of explicit steps that bring fluctuations back before an output

// Errors of the schemes are of first or second order in step times relaxation rate.
double accurate_step(LeapScheme scheme, double relaxation, double epsilon) {
  const bool second = scheme == LeapScheme::second_order || scheme == LeapScheme::trapezoidal;
  return (second ? std::sqrt(epsilon) : 2.0 * epsilon) / relaxation;
}

}  // namespace

double steady_time(LeapField& field, double t, const double* counts, const double* rates, LeapScheme scheme,
                   const LeapSettings& settings, double guess, std::vector<double>& later) {
  const bool second = scheme == LeapScheme::second_order || scheme == LeapScheme::trapezoidal;
  const double share = second ? std::sqrt(settings.epsilon) : 2.0 * settings.epsilon;
  const auto steady = [&](double h) {
    field.rates(t + h, counts, later.data());
    double change = 0.0, most = 0.0;
    for (size_t j = 0; j < later.size(); ++j) change += std::abs(later[j] - rates[j]), most += std::max(later[j], rates[j]);
    return change <= share * most || change * h <= kFewFirings * settings.epsilon;
  };
  double h = std::min(settings.longest, guess);
  for (int k = 0; k < kHalvings && !(steady(h) && steady(0.5 * h)); ++k) h *= 0.5;
  return h;
}

StepChoice choose_step(LeapField& field, double t, const double* counts, const double* rates,
                       const std::vector<char>& usable, const LeapSettings& settings, double left, bool watching) {
  const bool automatic = settings.scheme == LeapScheme::automatic;
  StepChoice choice{automatic ? LeapScheme::second_order : settings.scheme, settings.step};
  if (settings.step > 0.0) return choice;
  const double epsilon = settings.epsilon;
  field.find_bounds(t, counts, rates, epsilon, settings.real && !watching ? std::sqrt(epsilon) : epsilon);
  choice.step = std::min(field.step_limit(rates, usable),
                         accurate_step(choice.scheme, field.relaxation(usable), epsilon));
  if (choice.scheme == LeapScheme::explicit_step || (automatic && (watching || left <= kStiff * choice.step)))
    return choice;
  if (choice.scheme == LeapScheme::second_order && !automatic) return choice;
  std::vector<char> slow(usable);
  double slowest = std::numeric_limits<double>::infinity();  // of the pairs in equilibrium
  for (size_t j = 0; j < usable.size(); ++j) {
    if (!usable[j] || !field.balanced(static_cast<int>(j), rates, kBalanced)) continue;
    slow[j] = 0;
    slowest = std::min(slowest, field.pair_relaxation(static_cast<int>(j)));
  }
  if (!std::isfinite(slowest)) return choice;
  double longer = std::min(field.step_limit(rates, slow),
                           accurate_step(LeapScheme::implicit_step, field.relaxation(slow), epsilon));
  if (!automatic) {
    choice.step = longer;
    return choice;
  }
  longer = std::min(longer, left - kRestore / slowest);
  return longer > kStiff * choice.step ? StepChoice{LeapScheme::implicit_step, longer} : choice;
}

}  // namespace manyscale
