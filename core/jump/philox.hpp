// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, SC'11, doi:10.1145/2063384.2063405).
// A stream is a function of (seed, stream, position): results depend neither on threads nor on order.
#pragma once
#include <array>
#include <cstdint>

namespace manyscale {

class Philox {
 public:
  Philox(uint64_t seed, uint64_t stream)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        stream_{static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)} {}
  uint64_t next() {
    if (left_ == 0) refill();
    --left_;
    return (static_cast<uint64_t>(block_[2 * left_ + 1]) << 32) | block_[2 * left_];
  }
  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  // In (0, 1].
  double positive() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }

  static std::array<uint32_t, 4> block(std::array<uint32_t, 4> x, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = static_cast<uint64_t>(0xD2511F53u) * x[0], b = static_cast<uint64_t>(0xCD9E8D57u) * x[2];
      x = {static_cast<uint32_t>(b >> 32) ^ x[1] ^ key[0], static_cast<uint32_t>(b),
           static_cast<uint32_t>(a >> 32) ^ x[3] ^ key[1], static_cast<uint32_t>(a)};
      key[0] += 0x9E3779B9u, key[1] += 0xBB67AE85u;
    }
    return x;
  }

 private:
  void refill() {
    block_ = block({static_cast<uint32_t>(position_), static_cast<uint32_t>(position_ >> 32), stream_[0], stream_[1]},
                   key_);
    ++position_;
    left_ = 2;
  }
  std::array<uint32_t, 2> key_, stream_;
  std::array<uint32_t, 4> block_{};
  uint64_t position_ = 0;
  int left_ = 0;
};

}  // namespace manyscale
