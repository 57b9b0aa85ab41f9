// The loops, included once for each instruction set. NAME(x) gives the variant's function names.
// No include guard: that is the point.
#include "exponential.inc.h"

static void NAME(d_rms_norm)(const float *x, long x_stride, const float *gain, float epsilon,
                             const float *d_y, long d_y_stride, float *d_x, long d_x_stride,
                             long rows, long width) {
#pragma clang fp reassociate(on) contract(fast)
  for (long r = 0; r < rows; r++) {
    const float *a = x + r * x_stride, *d = d_y + r * d_y_stride;
    float *out = d_x + r * d_x_stride;
    float square = 0, dot = 0;
    for (long i = 0; i < width; i++) {
      square += a[i] * a[i];
      dot += gain[i] * d[i] * a[i];
    }
    float scale = 1.0f / sqrtf(square / (float)width + epsilon);
    float along = dot * scale * scale * scale / (float)width;
    for (long i = 0; i < width; i++) out[i] += gain[i] * d[i] * scale - a[i] * along;
  }
}

static void NAME(d_swiglu)(const float *gate, long gate_stride, const float *up, long up_stride,
                           const float *d_y, long d_y_stride, float *d_gate, long d_gate_stride,
                           float *d_up, long d_up_stride, long rows, long width) {
#pragma clang fp contract(fast)
  for (long r = 0; r < rows; r++) {
    const float *g = gate + r * gate_stride, *u = up + r * up_stride, *d = d_y + r * d_y_stride;
    float *to_gate = d_gate + r * d_gate_stride, *to_up = d_up + r * d_up_stride;
#pragma clang loop vectorize(assume_safety)
    for (long i = 0; i < width; i++) {
      float sigmoid = 1.0f / (1.0f + NAME(exponential)(-g[i]));
      to_gate[i] = d[i] * u[i] * sigmoid * (1.0f + g[i] * (1.0f - sigmoid));
      to_up[i] = d[i] * g[i] * sigmoid;
    }
  }
}

static void NAME(d_softmax)(const float *p, long p_stride, float *d, long d_stride, long rows,
                            long width, float scale) {
#pragma clang fp reassociate(on) contract(fast)
  for (long r = 0; r < rows; r++) {
    const float *a = p + r * p_stride;
    float *b = d + r * d_stride;
    float dot = 0;
    for (long i = 0; i < width; i++) dot += a[i] * b[i];
    for (long i = 0; i < width; i++) b[i] = scale * a[i] * (b[i] - dot);
  }
}

static void NAME(d_divergence)(const float *a, double log_sum_a, float *b, double log_sum_b,
                               float weight, long count) {
#pragma clang fp contract(fast)
  float top_a = (float)log_sum_a, top_b = (float)log_sum_b;
#pragma clang loop vectorize(assume_safety)
  for (long i = 0; i < count; i++) {
    b[i] = weight * (NAME(exponential)(b[i] - top_b) - NAME(exponential)(a[i] - top_a));
  }
}

static double NAME(sum_of_squares)(const float *x, long count) {
  double sum = 0;
  for (long start = 0; start < count; start += 1024) {
    long end = start + 1024 < count ? start + 1024 : count;
    float part = 0;
    {
#pragma clang fp reassociate(on) contract(fast)
      for (long i = start; i < end; i++) part += x[i] * x[i];
    }
    sum += part;
  }
  return sum;
}

static void NAME(adam)(float *w, float *m, float *v, const float *g, const float *scales,
                       long count, float factor, float rate, float beta_1, float beta_2,
                       float debias, float epsilon) {
#pragma clang fp contract(fast)
#pragma clang loop vectorize(assume_safety)
  for (long i = 0; i < count; i++) {
    float d = g[i] * factor;
    m[i] += (1.0f - beta_1) * (d - m[i]);
    v[i] += (1.0f - beta_2) * (d * d - v[i]);
    float step = scales ? rate * scales[i] : rate;
    // Not sqrtf: that may set errno, which keeps the loop from being vectorised.
    w[i] -= step * m[i] / (__builtin_elementwise_sqrt(v[i] * debias) + epsilon);
  }
}
