#pragma once
#include <stdbool.h>
#include <stdint.h>

// Strides are in elements, from the start of one row to the start of the next.
struct mohd_elementwise {
  // y[r] = gain · x[r] / sqrt(mean(x[r]²) + epsilon)             x, y: [rows, width]; gain: [width]
  void (*rms_norm)(const float *x, long x_stride, const float *gain, float epsilon, float *y,
                   long y_stride, long rows, long width);
  // y[r] = silu(gate[r]) · up[r], silu(g) = g / (1 + exp(-g))     all: [rows, width]
  void (*swiglu)(const float *gate, long gate_stride, const float *up, long up_stride, float *y,
                 long y_stride, long rows, long width);
  // Softmax of scale · s over the columns that row r may see, in place: max(0, first + r - window +
  // 1) … first + r. The other columns of 0 … width - 1 become 0.          s: [rows, width]
  void (*causal_softmax)(float *s, long stride, long rows, long width, long first, long window,
                         float scale);
  // Rotary embedding of one head, halves split as Hugging Face stores them: (a, b) becomes
  // (a·cos - b·sin, b·cos + a·sin).   x, y: [rows, 2·half]; cosine, sine: [rows, half]
  void (*rotary)(const float *x, long x_stride, const float *cosine, const float *sine, float *y,
                 long y_stride, long rows, long half);
  // y[r] += x[r]                                                  x, y: [rows, width]
  void (*add)(const float *x, long x_stride, float *y, long y_stride, long rows, long width);
  // y[r] += bias                                                  y: [rows, width]; bias: [width]
  void (*add_bias)(const float *bias, float *y, long y_stride, long rows, long width);
  // IEEE half precision, round to nearest even. Returns how many results are not finite.
  long (*to_float16)(const float *x, uint16_t *y, long count);
  void (*from_float16)(const uint16_t *x, float *y, long count);
  // log Σ exp(x), summed in double precision.                     x: [count], count ≥ 1
  double (*log_sum_exp)(const float *x, long count);
  // How many numbers are infinite or not a number.
  long (*count_nonfinite)(const float *x, long count);
  // results: log Σ exp(a), log Σ exp(b), Σ softmax(a)·(a - b).     a, b: [count], count ≥ 1
  void (*divergence)(const float *a, const float *b, long count, double *results);
  // The first index of the largest value.                         x: [count], count ≥ 1
  long (*index_of_largest)(const float *x, long count);
};

// The fastest variant that this processor runs: 0 any of its architecture, 1 AVX2, 2 AVX-512.
int mohd_elementwise_best_variant(void);
// A variant's table. The processor must be able to run it.
const struct mohd_elementwise *mohd_elementwise_variant(int variant);
