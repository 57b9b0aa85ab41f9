// Both variants of MoHD's loops, and the choice between them.
#include "subdimensions.h"

#include <math.h>
#include <string.h>

#include "elementwise.h"

// Integers in the order of the floats: −0 as 0, NaN (without a sign) above infinity.
static inline int32_t ordered(float value) {
  union { float value; int32_t bits; } u = {value + 0.0f};
  return u.bits >= 0 ? u.bits : u.bits ^ 0x7fffffff;
}

#define TABLE(prefix)                                                              \
  {prefix##_gather, prefix##_scatter, prefix##_weigh,        prefix##_weigh_runs,  \
   prefix##_energy, prefix##_softmax, prefix##_monarch_left, prefix##_add_squares, \
   prefix##_choose}

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
