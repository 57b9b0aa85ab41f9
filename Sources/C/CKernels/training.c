// Both variants of training's loops, and the choice between them.
#include "training.h"

#include <math.h>

#include "elementwise.h"

#define TABLE(prefix)                                                                 \
  {prefix##_t_rms_norm,     prefix##_t_swiglu,       prefix##_t_weighed_softmax,      \
   prefix##_t_add_rows,     prefix##_t_add_products, prefix##_t_add_weighed,          \
   prefix##_t_monarch_left, prefix##_t_gates,        prefix##_t_softmax,              \
   prefix##_t_adamw}

#define NAME(x) base_##x
#include "training.inc.h"
#undef NAME

static const struct mohd_training baseline = TABLE(base);

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define NAME(x) avx2_##x
#include "training.inc.h"
#undef NAME
#pragma clang attribute pop
static const struct mohd_training accelerated = TABLE(avx2);
#else
static const struct mohd_training accelerated = TABLE(base);
#endif

const struct mohd_training *mohd_training_baseline(void) { return &baseline; }
const struct mohd_training *mohd_training(void) {
  return mohd_elementwise_best_variant() > 0 ? &accelerated : &baseline;
}
