// The smallest row space that contains given rows and is mapped into itself by given sparse matrices, modulo the prime
// 2^61 - 1 (constrained lumping: Ovchinnikov, Perez Verona, Pogudin & Tribastone, Bioinformatics 37:1732, 2021).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace manyscale {

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;

inline uint64_t add_mod(uint64_t a, uint64_t b) {
  const uint64_t sum = a + b;
  return sum >= kPrime ? sum - kPrime : sum;
}
inline uint64_t subtract_mod(uint64_t a, uint64_t b) { return a >= b ? a - b : a + kPrime - b; }
inline uint64_t multiply_mod(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return add_mod(static_cast<uint64_t>(product & kPrime), static_cast<uint64_t>(product >> 61));
}
uint64_t inverse_mod(uint64_t a);

struct FieldEntry {
  int32_t column;
  uint64_t value;
};
using FieldRow = std::vector<FieldEntry>;  // by column, without zeros

// Entries of several matrices, stored by row: entry (row, matrix, column, value); equal places add up.
struct FieldMatrices {
  std::vector<int64_t> start;  // by row
  std::vector<int32_t> matrix, column;
  std::vector<uint64_t> value;
};

class RowSpace {
 public:
  explicit RowSpace(int columns);
  // Rows multiply these from the left from now on; everything is to be multiplied again.
  void set_matrices(FieldMatrices matrices);
  // Whether the row was not in the space; it is now.
  bool add(const FieldRow& row);
  bool contains(const FieldRow& row);
  // Multiplies up to `most` rows and adds what is new; true once the space is mapped into itself.
  bool close(int64_t most);
  int rank() const { return static_cast<int>(basis_.size()); }
  // Reduced row echelon form, by leading column.
  std::vector<FieldRow> rows() const;
  // The independent rows as they came, given ones and products.
  const std::vector<FieldRow>& origins() const { return origins_; }

 private:
  FieldRow remainder(const FieldRow& row);
  void multiply(const FieldRow& row);
  void clear_pivot(FieldRow& row, const FieldRow& pivot_row, int pivot);

  int columns_;
  FieldMatrices matrices_;
  std::vector<FieldRow> basis_;     // each zero at the leading columns of the others
  std::vector<FieldRow> added_;     // what was new of each, for the products
  std::vector<FieldRow> origins_;
  size_t multiplied_ = 0;
  std::vector<int32_t> row_of_;     // leading column -> row, or -1
  std::vector<uint64_t> dense_;     // work space, zero in between
  std::vector<char> touched_;
};

}  // namespace manyscale
