// The equations an integrator solves: M y' = f(t, y), with M constant (identity unless stated).
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace manyscale {

// Compressed sparse columns; row indices ascend within a column.
struct SparsePattern {
  int rows = 0, columns = 0;
  std::vector<int32_t> column_start;  // columns + 1
  std::vector<int32_t> row;           // nonzeros
  int nonzeros() const { return static_cast<int>(row.size()); }
};

struct MatrixPlan;

// What copies of one problem find out about their matrices once.
struct SharedPlan {
  std::mutex lock;
  std::shared_ptr<const MatrixPlan> plan;
};

class Problem {
 public:
  virtual ~Problem() = default;
  virtual int size() const = 0;
  virtual void rhs(double t, const double* y, double* dydt) = 0;
  // Values of df/dy on pattern(), which never changes. The pattern contains the whole diagonal.
  virtual const SparsePattern& pattern() const = 0;
  virtual void jacobian(double t, const double* y, double* values) = 0;
  // df/dt at fixed y; zero for autonomous systems (then is_autonomous() is true and this is not called).
  virtual bool is_autonomous() const { return true; }
  virtual void time_derivative(double, const double*, double* dfdt) {
    for (int i = 0; i < size(); ++i) dfdt[i] = 0.0;
  }
  // Mass matrix: nullptr pattern means the identity. A zero row is an algebraic equation (index 1).
  virtual const SparsePattern* mass_pattern() const { return nullptr; }
  virtual const double* mass_values() const { return nullptr; }
  // Where copies of the problem share the plan of their matrices; nullptr: each makes its own.
  virtual SharedPlan* shared_plan() const { return nullptr; }
  // Switching functions: a sign change (also to or from zero) stops the integration there.
  virtual int root_count() const { return 0; }
  virtual void roots(double, const double*, double*) {}
  // Numbers to keep in the history beside y (delayed values).
  virtual int extra() const { return 0; }
  virtual void remember(double, const double*, double*) {}
};

}  // namespace manyscale
