// Both variants of MoHD's loops, the choice between them, and the choice of sub-dimensions.
#include "subdimensions.h"

#include <math.h>
#include <string.h>

#include "elementwise.h"

#define TABLE(prefix)                                                              \
  {prefix##_gather,     prefix##_scatter, prefix##_add_scattered, prefix##_weigh,  \
   prefix##_weigh_runs, prefix##_energy,  prefix##_softmax,       prefix##_monarch_left, \
   prefix##_add_squares}

#define NAME(x) base_##x
#include "subdimensions.inc.h"
#undef NAME

static const struct mohd_subdimensions baseline = TABLE(base);

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define NAME(x) avx2_##x
#include "subdimensions.inc.h"
#undef NAME
#pragma clang attribute pop
static const struct mohd_subdimensions accelerated = TABLE(avx2);
#else
static const struct mohd_subdimensions accelerated = TABLE(base);
#endif

const struct mohd_subdimensions *mohd_subdimensions_baseline(void) { return &baseline; }
const struct mohd_subdimensions *mohd_subdimensions(void) {
  return mohd_elementwise_best_variant() > 0 ? &accelerated : &baseline;
}

// Integers in the order of the floats: −0 as 0, NaN (without a sign) above infinity.
static inline int32_t ordered(float value) {
  union { float value; int32_t bits; } u = {value + 0.0f};
  return u.bits >= 0 ? u.bits : u.bits ^ 0x7fffffff;
}

// The k-th largest of n numbers, k in 1…n; reorders them (Hoare's selection).
static int32_t largest(int32_t *values, long n, long k) {
  long low = 0, high = n - 1, target = k - 1;
  while (low < high) {
    int32_t pivot = values[low + (high - low) / 2];
    long i = low, j = high;
    while (i <= j) {
      while (values[i] > pivot) i++;
      while (values[j] < pivot) j--;
      if (i <= j) {
        int32_t swap = values[i];
        values[i++] = values[j];
        values[j--] = swap;
      }
    }
    if (target <= j) {
      high = j;
    } else if (target >= i) {
      low = i;
    } else {
      break;
    }
  }
  return values[target];
}

void mohd_choose(const float *scores, long scores_stride, float *active, long active_stride,
                 long row_count, long width, long shared, long chosen, int32_t *scratch) {
  for (long r = 0; r < row_count; r++) {
    const float *score = scores + r * scores_stride;
    float *member = active + r * active_stride;
    for (long i = 0; i < shared; i++) member[i] = 1;
    if (chosen <= 0) {
      for (long i = shared; i < width; i++) member[i] = 0;
      continue;
    }
    for (long i = shared; i < width; i++) scratch[i - shared] = ordered(score[i]);
    int32_t threshold = largest(scratch, width - shared, chosen);
    long ties = chosen;
    for (long i = shared; i < width; i++) ties -= ordered(score[i]) > threshold;
    for (long i = shared; i < width; i++) {
      int32_t key = ordered(score[i]);
      member[i] = key > threshold || (key == threshold && ties-- > 0);
    }
  }
}
