#include "tests/check.hpp"

int main(int argc, char** argv) {
  const int failures = manyscale::check::run_all(argc > 1 ? argv[1] : "");
  std::printf("%d failure%s\n", failures, failures == 1 ? "" : "s");
  return failures ? 1 : 0;
}
