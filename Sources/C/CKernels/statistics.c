// The loops of statistics.inc.h, compiled for every x86-64, for AVX2, and for AVX-512.
#include "statistics.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The functions that pass vectors are static and inlined: no call crosses the two variants.
#pragma clang diagnostic ignored "-Wpsabi"

// Products and sums round apart from each other, so that both variants give the same bits.
#pragma clang fp contract(off)

static inline int32_t magnitude_of(float value) {
  int32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits & 0x7fffffff;
}

// Four or eight numbers that the compiler keeps in vector registers, whatever their length is.
typedef float Floats4 __attribute__((vector_size(16), aligned(4)));
typedef double Doubles4 __attribute__((vector_size(32), aligned(8)));
typedef int64_t Integers4 __attribute__((vector_size(32), aligned(8)));

static inline float value_of(int32_t magnitude) {
  float value;
  memcpy(&value, &magnitude, sizeof value);
  return value;
}

// Upper halves of magnitudes in 32 slots, each in the one that the top five bits of its product with
// `factor` name; empty slots hold a number that no magnitude has. The factor is 0 if none was found
// that keeps them apart.
typedef struct {
  int16_t factor, uppers[32];
} UpperTable;

static UpperTable upper_table(const int16_t *uppers, long count) {
  UpperTable table;
  for (uint32_t factor = 1; factor < 8192; factor += 2) {
    long placed = 0;
    memset(table.uppers, 0xff, sizeof table.uppers);
    for (; placed < count; placed++) {
      long slot = (uint16_t)((uint32_t)(uint16_t)uppers[placed] * factor) >> 11;
      if (table.uppers[slot] != -1 && table.uppers[slot] != uppers[placed]) break;
      table.uppers[slot] = uppers[placed];
    }
    table.factor = (int16_t)factor;
    if (placed == count) return table;
  }
  table.factor = 0;
  return table;
}

#define STATISTICS_AVX2 0
#define STATISTICS_AVX512 0
#define LANES 8
#define LANES_SHIFT 3
#define VARIANT(name) name##_base
#include "statistics.inc.h"
#undef VARIANT
#undef STATISTICS_AVX2

#if defined(__x86_64__)
#define STATISTICS_AVX2 1
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c,popcnt,bmi,bmi2"))), apply_to = function)
#define VARIANT(name) name##_avx2
#include "statistics.inc.h"
#undef VARIANT
#pragma clang attribute pop
#undef STATISTICS_AVX512

#undef LANES
#undef LANES_SHIFT
#define STATISTICS_AVX512 1
#define LANES 16
#define LANES_SHIFT 4
#pragma clang attribute push( \
    __attribute__((target( \
        "avx2,fma,f16c,popcnt,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq"))), \
    apply_to = function)
#define VARIANT(name) name##_avx512
#include "statistics.inc.h"
#undef VARIANT
#pragma clang attribute pop

int statistics_best_variant(void) {
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi2");
  int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vpopcntdq");
  return avx512 ? 2 : avx2 ? 1 : 0;
}
#define CALL(name, ...) \
  (variant == 2   ? name##_avx512(__VA_ARGS__) \
   : variant == 1 ? name##_avx2(__VA_ARGS__) \
                  : name##_base(__VA_ARGS__))
#else
int statistics_best_variant(void) { return 0; }
#define CALL(name, ...) ((void)variant, name##_base(__VA_ARGS__))
#endif

void statistics_non_finite(
    int variant, const float *x, long stride, long n, long width, int32_t *counts) {
  CALL(non_finite, x, stride, n, width, counts);
}

void statistics_moments(
    int variant, const float *x, long stride, long n, long width, double *sum, double *magnitude,
    double *square, double *powers) {
  CALL(moments, x, stride, n, width, sum, magnitude, square, powers);
}

long statistics_order_scratch(long width, long curve_count) {
  long most_lanes = 16, keys = (width + 7) / 8 * 8, sums = width / 8 + 1 + 2 * curve_count;
  return most_lanes * (keys * (long)sizeof(int32_t) + sums * (long)sizeof(double)) + 64;
}

void statistics_order(
    int variant, const float *x, long stride, long n, long width, const StatisticsOrderPlan *plan,
    double *squared, double *absolute, double *hoyer, int64_t *zero_tokens, int64_t *below,
    int32_t *maximum, int32_t *thresholds, int32_t *ties, void *scratch) {
  CALL(
      order, x, stride, n, width, plan, squared, absolute, hoyer, zero_tokens, below, maximum,
      thresholds, ties, scratch);
}

void statistics_count_above_by_dimension(
    int variant, const float *x, long stride, long n, long width, int32_t limit,
    int64_t *counts) {
  CALL(count_above_by_dimension, x, stride, n, width, limit, counts);
}

void statistics_histogram(
    int variant, const float *x, long stride, long n, long width, uint64_t *bins) {
  CALL(histogram, x, stride, n, width, bins);
}

void statistics_count_brackets(
    int variant, const float *x, long stride, long n, long width, const int16_t *uppers,
    long upper_count, const int32_t *limits, long limit_count, int64_t *below,
    long bracket_count, uint64_t *fine) {
  CALL(
      count_brackets, x, stride, n, width, uppers, upper_count, limits, limit_count, below,
      bracket_count, fine);
}

void statistics_histogram_lower(
    int variant, const float *x, long stride, long n, long width, const int16_t *uppers,
    const int32_t *starts, long bracket_count, uint64_t *coarse, uint8_t *single,
    uint64_t *fine) {
  CALL(
      histogram_lower, x, stride, n, width, uppers, starts, bracket_count, coarse, single, fine);
}

void statistics_member_bits(
    int variant, const float *x, long stride, long n, long width, const int32_t *thresholds,
    const int32_t *ties, long set_count, uint64_t *bits) {
  CALL(member_bits, x, stride, n, width, thresholds, ties, set_count, bits);
}

void statistics_windows(
    int variant, const uint64_t *bits, long n, long words, long longest, uint64_t *scratch,
    int64_t *counts) {
  CALL(windows, bits, n, words, longest, scratch, counts);
}

void statistics_bit_counts(
    int variant, const uint64_t *bits, long n, long words, int64_t *counts) {
  CALL(bit_counts, bits, n, words, counts);
}

void statistics_five(int variant, const uint64_t *bits, long n, long words, int64_t *counts) {
  CALL(five, bits, n, words, counts);
}

void statistics_widen(const float *x, long count, double *y) {
  for (long i = 0; i < count; i++) y[i] = x[i];
}

uint64_t statistics_random(uint64_t state[4]) {
  uint64_t product = state[1] * 5;
  uint64_t result = ((product << 7) | (product >> 57)) * 9;
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = (state[3] << 45) | (state[3] >> 19);
  return result;
}

void statistics_shuffle_rows(float *x, long rows, long columns, uint64_t state[4]) {
  for (long row = 0; row < rows; row++) {
    float *values = x + row * columns;
    for (long i = columns - 1; i > 0; i--) {
      // The upper half of a 32 × 32 bit product: a bias below 2^-20 for any row that fits memory.
      uint64_t draw = statistics_random(state) >> 32;
      long j = (long)((draw * (uint64_t)(i + 1)) >> 32);
      float kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
  }
}

void statistics_gaussian(float *x, long count, uint64_t state[4]) {
  for (long i = 0; i < count; i += 2) {
    // Uniform in (0, 1], so that the logarithm is finite.
    double u = (double)((statistics_random(state) >> 11) + 1) * 0x1p-53;
    double v = (double)(statistics_random(state) >> 11) * 0x1p-53;
    double radius = sqrt(-2 * log(u));
    double angle = 2 * 3.14159265358979323846 * v;
    x[i] = (float)(radius * cos(angle));
    if (i + 1 < count) x[i + 1] = (float)(radius * sin(angle));
  }
}
