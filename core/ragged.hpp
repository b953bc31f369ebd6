// Lists of different lengths, one after the other.
#pragma once
#include <cstdint>
#include <vector>

namespace manyscale {

struct Ragged {
  std::vector<int32_t> start, item;
  int count() const { return static_cast<int>(start.size()) - 1; }
};

}  // namespace manyscale
