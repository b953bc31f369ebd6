// A unit Poisson process of which some of the future may be known already: what a rejected leap has drawn stays, so that
// rejections bias nothing (Anderson, J. Chem. Phys. 128:054103, 2008).
#pragma once
#include <vector>

#include "leap/variates.hpp"

namespace manyscale {

class Clock {
 public:
  bool knows() const { return !points_.empty(); }

  // Firings within (0, d], of which `base` within (0, from] are known to the caller.
  double draw(double d, Philox& random, double from = 0.0, double base = 0.0) const {
    for (const Point& point : points_) {
      if (point.at <= from) continue;
      if (point.at > d) return base + binomial(point.before - base, (d - from) / (point.at - from), random);
      from = point.at, base = point.upto;
    }
    return base + poisson(d - from, random);
  }

  // Distance to the next firing, which is known from then on.
  double next(Philox& random) {
    double from = 0.0;
    for (size_t k = 0; k < points_.size(); ++k) {
      const Point point = points_[k];
      if (point.before > 0.0) {  // the first of so many at random places
        const double at = point.at - (point.at - from) * std::pow(random.positive(), 1.0 / point.before);
        learn(at, 0.0, 1.0);
        return at;
      }
      if (point.upto > 0.0) return point.at;
      from = point.at;
    }
    const double at = from + exponential(random);
    learn(at, 0.0, 1.0);
    return at;
  }

  // Firings within (0, at) and (0, at].
  void learn(double at, double before, double upto) {
    size_t k = 0;
    while (k < points_.size() && points_[k].at < at) ++k;
    if (k < points_.size() && points_[k].at == at) return;
    points_.insert(points_.begin() + static_cast<std::ptrdiff_t>(k), Point{at, before, upto});
  }

  // Time goes on by d, with so many firings.
  void pass(double d, double fired) {
    size_t gone = 0;
    while (gone < points_.size() && points_[gone].at <= d) ++gone;
    points_.erase(points_.begin(), points_.begin() + static_cast<std::ptrdiff_t>(gone));
    for (Point& point : points_) point.at -= d, point.before -= fired, point.upto -= fired;
  }

 private:
  struct Point {
    double at, before, upto;
  };
  std::vector<Point> points_;
};

}  // namespace manyscale
