#pragma once
#include <stdbool.h>
#include <stddef.h>

// Widening of stored weights to Float32, one function over all storage types.
//
// The numbers are those of the `gguf` Python package 0.19 (numpy): scales go from binary16 to
// Float32 exactly, every multiplication and addition rounds on its own, nothing is fused.

enum {
  MOHD_FLOAT32 = 0,
  MOHD_FLOAT16 = 1,
  MOHD_BFLOAT16 = 2,
  MOHD_Q4_0 = 3,
  MOHD_Q4_1 = 4,
  MOHD_Q5_0 = 5,
  MOHD_Q5_1 = 6,
  MOHD_Q8_0 = 7,
  MOHD_Q4_K = 8,
  MOHD_Q5_K = 9,
  MOHD_Q6_K = 10
};

/// Widens `block_count` blocks (elements, for the plain types) at `source`, which need not be
/// aligned, into `destination`. An unknown type writes nothing.
///
/// `base_only` keeps to the variant for any processor; both give the same bits.
void mohd_widen(
    int type, const void *source, float *destination, size_t block_count, bool base_only);
