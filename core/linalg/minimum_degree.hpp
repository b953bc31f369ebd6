// An elimination order that keeps fill low.
#pragma once
#include <vector>

#include "problem.hpp"

namespace manyscale {

// order[k] = the k-th unknown to eliminate, for the graph of A + A^T of a square pattern.
// Approximate minimum degree on the quotient graph: Amestoy, Davis & Duff, SIAM J. Matrix Anal. Appl. 17:886 (1996).
std::vector<int> minimum_degree(const SparsePattern& pattern);

// Rows below the diagonal of each column of the factor of A + A^T eliminated in the given order (indices in that
// order, ascending).
std::vector<std::vector<int>> symbolic_factor(const SparsePattern& pattern, const std::vector<int>& order);

}  // namespace manyscale
