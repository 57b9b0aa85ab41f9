#pragma once
#include <stdint.h>

// The loops of MoHD that a linear-algebra library does not have. Strides are in elements, from the
// start of one row to the start of the next; index lists hold each index at most once; a null list
// is 0, 1, 2, …
struct mohd_subdimensions {
  // y[r][c] = x[rows[r]][columns[c]]
  void (*gather)(const float *x, long x_stride, const int32_t *rows, const int32_t *columns,
                 float *y, long y_stride, long row_count, long width);
  // y[rows[r]][columns[c]] = x[r][c]
  void (*scatter)(const float *x, long x_stride, const int32_t *rows, const int32_t *columns,
                  float *y, long y_stride, long row_count, long width);
  // y[r][c] = x[r][c] · weights[r][member[c]]
  void (*weigh)(const float *x, long x_stride, const int32_t *member, const float *weights,
                long weights_stride, float *y, long y_stride, long row_count, long width);
  // y[r][i·size + j] = y[r][i·size + j] · weights[r][i], and 0 where the weight is 0, whatever y
  // holds
  void (*weigh_runs)(float *y, long y_stride, const float *weights, long weights_stride,
                     long row_count, long count, long size);
  // scores[r][i] = Σ_j norms[order[i·size + j]] · z[r][order[i·size + j]]²
  void (*energy)(const float *z, long z_stride, const float *norms, const int32_t *order,
                 float *scores, long scores_stride, long row_count, long count, long size);
  // Softmax of scores[r] + bias, in place; a null bias is 0.
  void (*softmax)(float *scores, long stride, const float *bias, long row_count, long width);
  // y[r][h·size + p] = Σ_g left[h][g][p] · x[r][g·size + p], h and g in 0 … blocks - 1
  void (*monarch_left)(const float *x, long x_stride, const float *left, float *y, long y_stride,
                       long row_count, long blocks, long size);
  // sums[c] += Σ_r x[r][c]²
  void (*add_squares)(const float *x, long stride, float *sums, long row_count, long width);
  // active[r][i] = 1 for i < shared and for the `chosen` largest of the other scores, else 0; of
  // equal scores the lower index. NaN counts as largest. `scratch` holds `width` numbers.
  void (*choose)(const float *scores, long scores_stride, float *active, long active_stride,
                 long row_count, long width, long shared, long chosen, int32_t *scratch);
};

// The table for this processor.
const struct mohd_subdimensions *mohd_subdimensions(void);
// The table that any processor of this architecture can run: what tests compare with.
const struct mohd_subdimensions *mohd_subdimensions_baseline(void);
