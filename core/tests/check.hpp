// A few lines of testing: claims are named, counted and reported; the program fails when one of them does.
#pragma once
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace manyscale::check {

struct Case {
  const char* claim;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

struct Register {
  Register(const char* claim, void (*run)()) { cases().push_back({claim, run}); }
};

inline void expect(bool truth, const char* what, const char* file, int line) {
  if (truth) return;
  ++failures();
  std::printf("    %s:%d: not so: %s\n", file, line, what);
}

inline void expect_less(double a, double b, const char* what, const char* file, int line) {
  if (a < b) return;
  ++failures();
  std::printf("    %s:%d: %s: %.6g is not below %.6g\n", file, line, what, a, b);
}

// Runs the cases whose claim contains `part`; the number of failures.
inline int run_all(const std::string& part) {
  for (const Case& c : cases()) {
    if (std::string(c.claim).find(part) == std::string::npos) continue;
    const int before = failures();
    c.run();
    std::printf("%s %s\n", failures() == before ? "ok  " : "FAIL", c.claim);
    std::fflush(stdout);
  }
  return failures();
}

}  // namespace manyscale::check

#define MS_JOIN2(a, b) a##b
#define MS_JOIN(a, b) MS_JOIN2(a, b)
#define CLAIM(words)                                                                       \
  static void MS_JOIN(claim_, __LINE__)();                                                 \
  static manyscale::check::Register MS_JOIN(register_, __LINE__)(words, MS_JOIN(claim_, __LINE__)); \
  static void MS_JOIN(claim_, __LINE__)()
#define EXPECT(truth) manyscale::check::expect((truth), #truth, __FILE__, __LINE__)
#define EXPECT_LESS(a, b) manyscale::check::expect_less((a), (b), #a " < " #b, __FILE__, __LINE__)
