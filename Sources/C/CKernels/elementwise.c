// The variants of the elementwise kernels, and the choice between them.
#include "elementwise.h"

#include <math.h>

// One number, in integer arithmetic: for processors without F16C, and for the ends of rows.
static inline uint16_t half_from_float(float value) {
  union { float value; uint32_t bits; } u = {value};
  uint32_t sign = (u.bits >> 16) & 0x8000u;
  uint32_t magnitude = u.bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));  // not a number, quiet
  }
  if (magnitude >= 0x47800000u) return (uint16_t)(sign | 0x7c00u);  // 2¹⁶ and more: infinite
  if (magnitude < 0x38800000u) {  // below 2⁻¹⁴: subnormal, a multiple of 2⁻²⁴
    union { uint32_t bits; float value; } magic = {0x3f000000u}, small = {magnitude};
    small.value += magic.value;  // adding 0.5 leaves exactly those bits, rounded to even
    return (uint16_t)(sign | (small.bits - magic.bits));
  }
  uint32_t odd = (magnitude >> 13) & 1u;
  return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

static inline float float_from_half(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 31u, fraction = half & 0x3ffu;
  union { uint32_t bits; float value; } u;
  if (exponent == 31) {
    u.bits = sign | 0x7f800000u | (fraction << 13);
    if (fraction) u.bits |= 0x400000u;  // as the processor does: a signalling NaN becomes quiet
  } else if (exponent == 0) {
    u.value = (float)fraction * 5.9604645e-8f;  // 2⁻²⁴, exact
    u.bits |= sign;
  } else {
    u.bits = sign | ((exponent + 112u) << 23) | (fraction << 13);
  }
  return u.value;
}

static inline bool is_nonfinite_half(uint16_t half) { return (half & 0x7c00u) == 0x7c00u; }

#define NAME(x) base_##x
#include "elementwise.inc.h"
#undef NAME

static long base_to_float16(const float *x, uint16_t *y, long count) {
  long found = 0;
  for (long i = 0; i < count; i++) {
    y[i] = half_from_float(x[i]);
    found += is_nonfinite_half(y[i]);
  }
  return found;
}

static void base_from_float16(const uint16_t *x, float *y, long count) {
  for (long i = 0; i < count; i++) y[i] = float_from_half(x[i]);
}

#define TABLE(prefix)                                                                       \
  {prefix##_rms_norm, prefix##_swiglu,     prefix##_causal_softmax, prefix##_rotary,        \
   prefix##_add,      prefix##_add_bias,   prefix##_to_float16,     prefix##_from_float16,  \
   prefix##_log_sum_exp, prefix##_count_nonfinite, prefix##_divergence,                   \
   prefix##_index_of_largest}

static const struct mohd_elementwise baseline = TABLE(base);

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define NAME(x) avx2_##x
#include "elementwise.inc.h"
#undef NAME

static long avx2_to_float16(const float *x, uint16_t *y, long count) {
  long found = 0, i = 0;
  const __m128i mask = _mm_set1_epi16(0x7c00);
  for (; i + 8 <= count; i += 8) {
    __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128((__m128i *)(y + i), h);
    __m128i full = _mm_cmpeq_epi16(_mm_and_si128(h, mask), mask);
    found += __builtin_popcount((unsigned)_mm_movemask_epi8(full)) / 2;
  }
  for (; i < count; i++) {
    y[i] = half_from_float(x[i]);
    found += is_nonfinite_half(y[i]);
  }
  return found;
}

static void avx2_from_float16(const uint16_t *x, float *y, long count) {
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
  }
  for (; i < count; i++) y[i] = float_from_half(x[i]);
}
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define NAME(x) avx512_##x
#include "elementwise.inc.h"
#undef NAME
#pragma clang attribute pop
// Conversion to half precision waits for memory, not for arithmetic: one form is enough.
#define avx512_to_float16 avx2_to_float16
#define avx512_from_float16 avx2_from_float16

static const struct mohd_elementwise avx2 = TABLE(avx2);
static const struct mohd_elementwise avx512 = TABLE(avx512);

int mohd_elementwise_best_variant(void) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("f16c")) {
    return 0;
  }
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") ? 2 : 1;
}

const struct mohd_elementwise *mohd_elementwise_variant(int variant) {
  return variant == 2 ? &avx512 : variant == 1 ? &avx2 : &baseline;
}
#else
int mohd_elementwise_best_variant(void) { return 0; }
const struct mohd_elementwise *mohd_elementwise_variant(int variant) { return &baseline; }
#endif
