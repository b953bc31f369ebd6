#include "cme/krylov.hpp"

#include <algorithm>
#include <barrier>
#include <cmath>
#include <thread>
#include <vector>

namespace manyscale {

namespace {

constexpr int64_t kWorthThreads = 100'000;  // rows
constexpr int64_t kBlock = 4'096;
constexpr double kExhausted = 1e-14;

void rows_times(const SparseRows& a, const double* x, double* y, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; ++i) {
    double sum = 0.0;
    for (int64_t e = a.start[i]; e < a.start[i + 1]; ++e) sum += a.value[e] * x[a.column[e]];
    y[i] = sum;
  }
}

}  // namespace

void multiply(const SparseRows& a, const double* x, double* y, int threads) {
  if (a.size < kWorthThreads || threads < 2) return rows_times(a, x, y, 0, a.size);
  std::vector<std::thread> pool;
  for (int k = 0; k < threads; ++k)
    pool.emplace_back([&, k] { rows_times(a, x, y, a.size * k / threads, a.size * (k + 1) / threads); });
  for (auto& thread : pool) thread.join();
}

int arnoldi(const SparseRows& a, int most, int window, int threads, double* v, double* h) {
  if (a.size < kWorthThreads) threads = 1;
  const int64_t n = a.size;
  std::barrier meet(threads);
  std::vector<double> parts(static_cast<size_t>(threads) * (window + 1), 0.0);
  std::vector<int> made(threads, most);
  std::vector<double> factor(static_cast<size_t>(threads) * (most + 1), 1.0);  // row j times factor j has norm 1
  const auto work = [&](int me) {
    const int64_t from = n * me / threads, to = n * (me + 1) / threads;
    double* own = parts.data() + static_cast<size_t>(me) * (window + 1);
    double* one = factor.data() + static_cast<size_t>(me) * (most + 1);
    std::vector<double> dots(window);
    for (int j = 0; j < most; ++j) {
      double* w = v + (j + 1) * n;
      const int first = std::max(0, j + 1 - window), count = j + 1 - first;
      std::fill_n(own, window, 0.0);
      for (int64_t b = from; b < to; b += kBlock) {  // product and dot products while a block is in the cache
        const int64_t e = std::min(b + kBlock, to);
        rows_times(a, v + j * n, w, b, e);
        for (int k = 0; k < count; ++k) {
          const double* u = v + (first + k) * n;
          double sum = 0.0;
          for (int64_t i = b; i < e; ++i) sum += u[i] * w[i];
          own[k] += sum;
        }
      }
      meet.arrive_and_wait();
      double scale = 0.0;
      for (int k = 0; k < count; ++k) {
        double sum = 0.0;
        for (int t = 0; t < threads; ++t) sum += parts[static_cast<size_t>(t) * (window + 1) + k];
        dots[k] = sum * one[first + k] * one[j];  // entries of H
        scale = std::max(scale, std::abs(dots[k]));
        if (me == 0) h[(first + k) * most + j] = dots[k];
      }
      double square = 0.0;
      for (int64_t b = from; b < to; b += kBlock) {
        const int64_t e = std::min(b + kBlock, to);
        for (int64_t i = b; i < e; ++i) w[i] *= one[j];
        for (int k = 0; k < count; ++k) {
          const double* u = v + (first + k) * n;
          const double less = dots[k] * one[first + k];
          for (int64_t i = b; i < e; ++i) w[i] -= less * u[i];
        }
        for (int64_t i = b; i < e; ++i) square += w[i] * w[i];
      }
      own[window] = square;
      meet.arrive_and_wait();
      double norm = 0.0;
      for (int t = 0; t < threads; ++t) norm += parts[static_cast<size_t>(t) * (window + 1) + window];
      norm = std::sqrt(norm);
      if (me == 0) h[(j + 1) * most + j] = norm;
      if (!(norm > kExhausted * scale)) {  // all threads see the same numbers and leave together
        made[me] = j + 1, one[j + 1] = 1.0;
        break;
      }
      one[j + 1] = 1.0 / norm;
    }
    meet.arrive_and_wait();
    for (int j = 1; j <= made[me]; ++j)
      for (int64_t i = from; i < to; ++i) v[j * n + i] *= one[j];
  };
  std::vector<std::thread> pool;
  for (int k = 1; k < threads; ++k) pool.emplace_back(work, k);
  work(0);
  for (auto& thread : pool) thread.join();
  return made[0];
}

}  // namespace manyscale
