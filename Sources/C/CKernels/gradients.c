// Both variants of the gradients' loops, and the choice between them.
#include "gradients.h"

#include <math.h>
#include <stdint.h>

#include "elementwise.h"

#define TABLE(prefix)                                                             \
  {prefix##_d_rms_norm,   prefix##_d_swiglu,       prefix##_d_softmax,            \
   prefix##_d_divergence, prefix##_sum_of_squares, prefix##_adam}

#define NAME(x) base_##x
#include "gradients.inc.h"
#undef NAME

static const struct mohd_gradients baseline = TABLE(base);

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define NAME(x) avx2_##x
#include "gradients.inc.h"
#undef NAME
#pragma clang attribute pop
static const struct mohd_gradients accelerated = TABLE(avx2);
#else
static const struct mohd_gradients accelerated = TABLE(base);
#endif

const struct mohd_gradients *mohd_gradients_baseline(void) { return &baseline; }
const struct mohd_gradients *mohd_gradients(void) {
  return mohd_elementwise_best_variant() > 0 ? &accelerated : &baseline;
}
