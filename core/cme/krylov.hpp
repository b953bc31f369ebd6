// Krylov bases of large sparse matrices, on several threads.
#pragma once
#include <cstdint>

namespace manyscale {

struct SparseRows {
  int64_t size;
  const int64_t* start;   // (size + 1)
  const int32_t* column;  // by rows
  const double* value;
};

void multiply(const SparseRows& a, const double* x, double* y, int threads);

// The Arnoldi relation A V_m = V_{m+1} H with each new vector made orthogonal to the last `window` ones only (Gaudreault,
// Rainwater & Tokman, J. Comput. Phys. 372:236, 2018); the relation holds exactly whatever the window. v: (most + 1, size),
// its first row given, of norm 1. h: (most + 1, most), zeroed. Returns how many columns were made: fewer than `most` where
// the space is exhausted.
int arnoldi(const SparseRows& a, int most, int window, int threads, double* v, double* h);

}  // namespace manyscale
