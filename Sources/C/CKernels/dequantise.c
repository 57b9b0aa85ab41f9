#include "dequantise.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "checkpoints are little-endian, and so must the machine be"
#endif

// The loops stand in one file that is compiled twice: for any processor, and for AVX2 with F16C.
// FMA stays off in the second variant: a fused multiply-add rounds once where the reference
// rounds twice.
#pragma STDC FP_CONTRACT OFF

#define WIDE

#define VARIANT(name) name##_base
#include "dequantise.loops.h"
#undef VARIANT

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)
#define VARIANT(name) name##_avx2
#define MOHD_HAVE_F16C 1
// Tells the compiler to vectorise a loop of fixed length before it unrolls it; left alone, it
// unrolls first and then finds only scraps to vectorise (measured: up to four times slower).
#undef WIDE
#define WIDE _Pragma("clang loop vectorize(enable) vectorize_width(8) interleave_count(1)")
#include "dequantise.loops.h"
#undef MOHD_HAVE_F16C
#undef VARIANT
#pragma clang attribute pop
#endif

void mohd_widen(
    int type, const void *source, float *destination, size_t block_count, bool base_only) {
#if defined(__x86_64__)
  if (!base_only && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c")) {
    widen_avx2(type, source, destination, block_count);
    return;
  }
#endif
  (void)base_only;
  widen_base(type, source, destination, block_count);
}
