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
};

struct StepChoice {
  LeapScheme scheme;
  double step;
};

// For the reactions `usable`, over the time `left` until the next output. `watching`: no long implicit steps, which
// could step over what is watched for. Bounds of the field are found on the way.
StepChoice choose_step(LeapField& field, double t, const double* counts, const double* rates,
                       const std::vector<char>& usable, const LeapSettings& settings, double left, bool watching);

}  // namespace manyscale
