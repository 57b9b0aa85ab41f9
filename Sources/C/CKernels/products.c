// The variants of the products, and the choice between them.
#include "products.h"

#include <string.h>

#include "elementwise.h"

// Inputs summed over at once: a strip of x and a tile of weights stay in the near caches.
enum { BLOCK_INPUTS = 576 };
// Rows at once: their inputs stay in the second-level cache. A multiple of every STRIP.
enum { BLOCK_ROWS = 168 };
// Tiles at once where there are several blocks of inputs: sums wait in the second-level cache.
enum { BLOCK_OUTPUTS = 768 };
// A block of x, one of sums, a tile of sums, and what transposing writes beyond the end.
enum { SCRATCH = BLOCK_ROWS * BLOCK_INPUTS + BLOCK_ROWS * BLOCK_OUTPUTS + 1024 };

#define TABLE(prefix) {prefix##_tile_width, SCRATCH, prefix##_pack, prefix##_multiply}

#define NAME(x) base_##x
#define LANES 4
#define STRIP 4
#include "products.inc.h"
#undef NAME
#undef LANES
#undef STRIP
static const struct mohd_products baseline = TABLE(base);

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define NAME(x) avx2_##x
#define LANES 8
#define STRIP 6
#include "products.inc.h"
#undef NAME
#undef LANES
#undef STRIP
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define NAME(x) avx512_##x
#define LANES 16
#define STRIP 14
#include "products.inc.h"
#undef NAME
#undef LANES
#undef STRIP
#pragma clang attribute pop

static const struct mohd_products avx2 = TABLE(avx2), avx512 = TABLE(avx512);

int mohd_products_best_variant(void) { return mohd_elementwise_best_variant(); }
const struct mohd_products *mohd_products_variant(int variant) {
  return variant == 2 ? &avx512 : variant == 1 ? &avx2 : &baseline;
}
#else
int mohd_products_best_variant(void) { return 0; }
const struct mohd_products *mohd_products_variant(int variant) { return &baseline; }
#endif
