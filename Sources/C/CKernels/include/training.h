#pragma once
#include <stdint.h>

// What training needs beside gradients.h: sums over tokens, derivatives of MoHD's own steps, the
// loss and AdamW. Strides are in elements, from the start of one row to the start of the next; d_y is
// the loss's derivative by y.
struct mohd_training {
  // d_x[r] += the derivative by x of gain · x / sqrt(mean(x²) + epsilon), d_gain += that by the gain.
  // x, d_y, d_x: [rows, width]; gain, d_gain: [width]
  void (*rms_norm)(const float *x, long x_stride, const float *gain, float epsilon,
                   const float *d_y, long d_y_stride, float *d_x, long d_x_stride, float *d_gain,
                   long rows, long width);
  // y = silu(gate) · up once more, and the derivatives by gate and up.    all: [rows, width]
  void (*swiglu)(const float *gate, long gate_stride, const float *up, long up_stride,
                 const float *d_y, long d_y_stride, float *y, long y_stride, float *d_gate,
                 long d_gate_stride, float *d_up, long d_up_stride, long rows, long width);
  // row becomes weight · softmax(row), log_sum being its log Σ exp.      row: [count]
  void (*weighed_softmax)(float *row, double log_sum, float weight, long count);
  // sums += Σ over rows.                                 x: [rows, width], sums: [width]
  void (*add_rows)(const float *x, long x_stride, float *sums, long rows, long width);
  // sums[r, i] += Σ over the entries j of i of x[r, j] · y[r, j]; order lists the entries of
  // sub-dimension 0, then of 1, …; it may be absent.
  // x, y: [rows, count · size], order: [count · size], sums: [rows, count]
  void (*add_products)(const float *x, long x_stride, const float *y, long y_stride,
                       const int32_t *order, float *sums, long sums_stride, long rows, long count,
                       long size);
  // y += x · weights[member].   x, y: [rows, width], member: [width], weights: [rows, N]
  void (*add_weighed)(const float *x, long x_stride, const int32_t *member, const float *weights,
                      long weights_stride, float *y, long y_stride, long rows, long width);
  // Backward through y[r, h·b + p] = Σ_g left[h·blocks + g, p] x[r, g·b + p]: d_x is overwritten,
  // d_left added to.     x, d_y, d_x: [rows, blocks · size]; left, d_left: [blocks · blocks, size]
  void (*monarch_left)(const float *x, long x_stride, const float *left, const float *d_y,
                       long d_y_stride, float *d_x, long d_x_stride, float *d_left, long rows,
                       long blocks, long size);
  // Backward through the weights α g of Eq. 10 and the balance loss, with gates that are scores. In:
  // d[r, i], the derivative by α g_i. Out: that by g_i, 0 where inactive. G = Σ g; α is constant
  // (power 0), factor · G (power 1) or factor / G (power -1), and 1 where G = 0. The balance loss adds
  // balance · (shares_i - Σ_j shares_j g_j / G) / G on active i.
  // gates, active, d: [rows, N]; alpha: [rows]; shares: [N]
  void (*gates)(const float *gates, const float *active, const float *alpha, float *d, long rows,
                long count, long power, float factor, const float *shares, float balance);
  // d[r] becomes s · (d - Σ s d), the derivative by l of s = softmax(l).   s, d: [rows, width]
  void (*softmax)(const float *s, long s_stride, float *d, long d_stride, long rows, long width);
  // AdamW: g is multiplied by factor, m += (1 - beta_1)(g - m), v += (1 - beta_2)(g² - v),
  // w = keep · w - rate · m / (sqrt(v · debias) + epsilon).                all: [count]
  void (*adamw)(float *w, float *m, float *v, const float *g, long count, float factor, float rate,
                float keep, float beta_1, float beta_2, float debias, float epsilon);
};

// The fastest variant that this processor runs, and the one that every processor does.
const struct mohd_training *mohd_training(void);
const struct mohd_training *mohd_training_baseline(void);
