// How far to step, and by which scheme.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include "leap/field.hpp"

namespace manyscale {

enum class LeapScheme { automatic, explicit_step, implicit_step, trapezoidal, second_order, exact };

struct LeapSettings {
  LeapScheme scheme = LeapScheme::automatic;
  double epsilon = 0.03;
  double step = 0.0;  // a fixed one; 0: chosen by epsilon
  int parts = 1;      // normal numbers that make up one increment of noise: the same noise at different steps
  int64_t most_steps = 0;
  bool real = false;  // real-valued paths
  double longest = 0.0;  // step up to which changes of rates by time itself are looked for; 0: there are none
  double look = 0.0;     // real-valued paths: longest step while a condition is watched for
};

struct StepChoice {
  LeapScheme scheme;
  double step;
};

// For the reactions `usable`, over the time `left` until the next output. `watching`: no long implicit steps, which
// could step over what is watched for. Bounds of the field are found on the way.
StepChoice choose_step(LeapField& field, double t, const double* counts, const double* rates,
                       const std::vector<char>& usable, const LeapSettings& settings, double left, bool watching);

// Time over which the rates change by a small share only by the passage of time alone; `guess` is where to begin.
double steady_time(LeapField& field, double t, const double* counts, const double* rates, LeapScheme scheme,
                   const LeapSettings& settings, double guess, std::vector<double>& later);

}  // namespace manyscale
