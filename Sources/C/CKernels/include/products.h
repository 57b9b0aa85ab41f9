#pragma once
#include <stdbool.h>
#include <stdint.h>

// Products of some rows and inputs with weights that were packed once, and their results put where
// they belong: what a matrix library does only with copies before and after.
//
// Weights [outputs, inputs] are packed as tiles of `tile_width` outputs. In a tile the outputs of one
// input follow each other, so that any run of inputs is one run of memory:
//
//     tile[input · tile_width + output]

// Inputs start … start + count - 1, as packed.
struct mohd_run {
  long start, count;
};

struct mohd_product {
  // [any, inputs]: row r of the product is row rows[r] of x and of y. A null list is 0, 1, 2, …
  const float *x;
  long x_stride;
  const int32_t *rows;
  long row_count;
  // Where x lies turned, [any, rows]: input p of the product is row inputs[p] of x (null: p), and
  // `rows` is null.
  bool turned;
  const int32_t *inputs;
  // The packed inputs that are summed over.
  const struct mohd_run *runs;
  long run_count;
  // Tiles start at packed + tile · tile_stride; the product computes those in `tiles`.
  const float *packed;
  long tile_stride;
  const int32_t *tiles;
  long tile_count;
  // Column of y that each packed output goes to, [all tiles · tile_width], -1: nowhere; and for each
  // tile whether its columns are all there and follow each other.
  const int32_t *columns;
  const uint8_t *is_plain;
  // `adding` keeps what y holds.
  float *y;
  long y_stride;
  bool adding;
  // At least `scratch_count` floats.
  float *scratch;
};

struct mohd_products {
  // Outputs in a tile.
  long tile_width;
  // Floats that a product needs beside its arguments.
  long scratch_count;
  // tile[places[p]][c] = w[c][p] for c < height, 0 for the rest of the tile; inputs of negative
  // places are left out; null places are 0, 1, 2, …
  void (*pack)(const float *w, long stride, long height, long width,
               const int32_t *places, float *tile);
  // y[rows[r]][columns[j]] (+)= Σ_p x[rows[r]][p] · w[j][p]
  void (*multiply)(const struct mohd_product *product);
};

// Variant 0 runs on any processor of this architecture, the best one is this processor's fastest.
int mohd_products_best_variant(void);
const struct mohd_products *mohd_products_variant(int variant);
