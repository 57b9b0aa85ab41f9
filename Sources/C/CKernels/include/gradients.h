#pragma once
#include <stdbool.h>

// Backward through the loops of elementwise.h. Strides are in elements, from the start of one row to
// the start of the next; d_y is the loss's derivative by y.
struct mohd_gradients {
  // d_x[r] += the derivative by x of gain · x / sqrt(mean(x²) + epsilon).
  // x, d_y, d_x: [rows, width]; gain: [width]
  void (*rms_norm)(const float *x, long x_stride, const float *gain, float epsilon,
                   const float *d_y, long d_y_stride, float *d_x, long d_x_stride, long rows,
                   long width);
  // The derivatives by gate and by up of silu(gate) · up.          all: [rows, width]
  void (*swiglu)(const float *gate, long gate_stride, const float *up, long up_stride,
                 const float *d_y, long d_y_stride, float *d_gate, long d_gate_stride, float *d_up,
                 long d_up_stride, long rows, long width);
  // d[r] becomes the derivative by s of p = softmax(scale · s), d having been that by p.
  // p, d: [rows, width]
  void (*softmax)(const float *p, long p_stride, float *d, long d_stride, long rows, long width,
                  float scale);
  // b becomes weight · (softmax(b) - softmax(a)), the derivative by b of weight · KL(softmax(a) ‖
  // softmax(b)).      a, b: [count]; log_sum_a, log_sum_b: log Σ exp of either
  void (*divergence)(const float *a, double log_sum_a, float *b, double log_sum_b, float weight,
                     long count);
  // Σ x², summed in double precision.                              x: [count]
  double (*sum_of_squares)(const float *x, long count);
  // Adam: m += (1 - beta_1)(g - m), v += (1 - beta_2)(g² - v), w -= rate · scale · m / (sqrt(v ·
  // debias) + epsilon), with g multiplied by factor first; scales may be absent: 1. all: [count]
  void (*adam)(float *w, float *m, float *v, const float *g, const float *scales, long count,
               float factor, float rate, float beta_1, float beta_2, float debias, float epsilon);
};

// The fastest variant that this processor runs, and the one that every processor does.
const struct mohd_gradients *mohd_gradients(void);
const struct mohd_gradients *mohd_gradients_baseline(void);
