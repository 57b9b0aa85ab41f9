// The loops, included once for each instruction set. NAME(x) gives the variant's function names.
// No include guard: that is the point.
#include "exponential.inc.h"

static void NAME(t_rms_norm)(const float *x, long x_stride, const float *gain, float epsilon,
                             const float *d_y, long d_y_stride, float *d_x, long d_x_stride,
                             float *d_gain, long rows, long width) {
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
#pragma clang loop vectorize(assume_safety)
    for (long i = 0; i < width; i++) {
      out[i] += gain[i] * d[i] * scale - a[i] * along;
      d_gain[i] += d[i] * a[i] * scale;
    }
  }
}

static void NAME(t_swiglu)(const float *gate, long gate_stride, const float *up, long up_stride,
                           const float *d_y, long d_y_stride, float *y, long y_stride,
                           float *d_gate, long d_gate_stride, float *d_up, long d_up_stride,
                           long rows, long width) {
#pragma clang fp contract(fast)
  for (long r = 0; r < rows; r++) {
    const float *g = gate + r * gate_stride, *u = up + r * up_stride, *d = d_y + r * d_y_stride;
    float *to = y + r * y_stride, *to_gate = d_gate + r * d_gate_stride;
    float *to_up = d_up + r * d_up_stride;
#pragma clang loop vectorize(assume_safety)
    for (long i = 0; i < width; i++) {
      float sigmoid = 1.0f / (1.0f + NAME(exponential)(-g[i]));
      float silu = g[i] * sigmoid, up_i = u[i], d_i = d[i];
      to[i] = silu * up_i;
      to_gate[i] = d_i * up_i * sigmoid * (1.0f + g[i] * (1.0f - sigmoid));
      to_up[i] = d_i * silu;
    }
  }
}

static void NAME(t_weighed_softmax)(float *row, double log_sum, float weight, long count) {
#pragma clang fp contract(fast)
  float top = (float)log_sum;
#pragma clang loop vectorize(assume_safety)
  for (long i = 0; i < count; i++) row[i] = weight * NAME(exponential)(row[i] - top);
}

static void NAME(t_add_rows)(const float *x, long x_stride, float *sums, long rows, long width) {
  for (long r = 0; r < rows; r++) {
    const float *a = x + r * x_stride;
#pragma clang loop vectorize(assume_safety)
    for (long i = 0; i < width; i++) sums[i] += a[i];
  }
}

static void NAME(t_add_products)(const float *x, long x_stride, const float *y, long y_stride,
                                 const int32_t *order, float *sums, long sums_stride, long rows,
                                 long count, long size) {
  for (long r = 0; r < rows; r++) {
    const float *a = x + r * x_stride, *b = y + r * y_stride;
    for (long i = 0; i < count; i++) {
#pragma clang fp reassociate(on) contract(fast)
      float sum = 0;
      if (order) {
        for (long j = i * size; j < (i + 1) * size; j++) sum += a[order[j]] * b[order[j]];
      } else {
        for (long j = i * size; j < (i + 1) * size; j++) sum += a[j] * b[j];
      }
      sums[r * sums_stride + i] += sum;
    }
  }
}

static void NAME(t_add_weighed)(const float *x, long x_stride, const int32_t *member,
                                const float *weights, long weights_stride, float *y, long y_stride,
                                long rows, long width) {
#pragma clang fp contract(fast)
  for (long r = 0; r < rows; r++) {
    const float *from = x + r * x_stride, *weight = weights + r * weights_stride;
    float *to = y + r * y_stride;
    for (long c = 0; c < width; c++) to[c] += from[c] * weight[member[c]];
  }
}

static void NAME(t_monarch_left)(const float *x, long x_stride, const float *left,
                                 const float *d_y, long d_y_stride, float *d_x, long d_x_stride,
                                 float *d_left, long rows, long blocks, long size) {
#pragma clang fp contract(fast)
  for (long r = 0; r < rows; r++) {
    const float *from = x + r * x_stride, *d = d_y + r * d_y_stride;
    float *to = d_x + r * d_x_stride;
    for (long g = 0; g < blocks; g++) {
      float *block = to + g * size;
      const float *input = from + g * size;
      for (long p = 0; p < size; p++) block[p] = 0;
      for (long h = 0; h < blocks; h++) {
        const float *factor = left + (h * blocks + g) * size, *d_block = d + h * size;
        float *d_factor = d_left + (h * blocks + g) * size;
#pragma clang loop vectorize(assume_safety)
        for (long p = 0; p < size; p++) {
          block[p] += factor[p] * d_block[p];
          d_factor[p] += d_block[p] * input[p];
        }
      }
    }
  }
}

static void NAME(t_gates)(const float *gates, const float *active, const float *alpha, float *d,
                          long rows, long count, long power, float factor, const float *shares,
                          float balance) {
  for (long r = 0; r < rows; r++) {
    const float *g = gates + r * count, *a = active + r * count;
    float *out = d + r * count;
    float total = 0, d_alpha = 0, mean = 0;
    for (long i = 0; i < count; i++) {
      total += g[i];
      d_alpha += g[i] * out[i];
      mean += shares[i] * g[i];
    }
    float inverse = total == 0 ? 0.0f : 1.0f / total, d_total = 0;
    if (total != 0) {
      if (power > 0) d_total = factor * d_alpha;
      if (power < 0) d_total = -factor * inverse * inverse * d_alpha;
    }
    for (long i = 0; i < count; i++) {
      float by_weight = alpha[r] * out[i] + d_total;
      out[i] = a[i] * (by_weight + balance * inverse * (shares[i] - mean * inverse));
    }
  }
}

static void NAME(t_softmax)(const float *s, long s_stride, float *d, long d_stride, long rows,
                            long width) {
#pragma clang fp reassociate(on) contract(fast)
  for (long r = 0; r < rows; r++) {
    const float *a = s + r * s_stride;
    float *b = d + r * d_stride;
    float dot = 0;
    for (long i = 0; i < width; i++) dot += a[i] * b[i];
    for (long i = 0; i < width; i++) b[i] = a[i] * (b[i] - dot);
  }
}

static void NAME(t_adamw)(float *w, float *m, float *v, const float *g, long count, float factor,
                          float rate, float keep, float beta_1, float beta_2, float debias,
                          float epsilon) {
#pragma clang fp contract(fast)
#pragma clang loop vectorize(assume_safety)
  for (long i = 0; i < count; i++) {
    float d = g[i] * factor;
    m[i] += (1.0f - beta_1) * (d - m[i]);
    v[i] += (1.0f - beta_2) * (d * d - v[i]);
    // Not sqrtf: that may set errno, which keeps the loop from being vectorised.
    w[i] = keep * w[i] - rate * m[i] / (__builtin_elementwise_sqrt(v[i] * debias) + epsilon);
  }
}
