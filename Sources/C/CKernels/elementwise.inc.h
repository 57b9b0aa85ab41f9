// The loops, included once for each instruction set. NAME(x) gives the variant's function names.
// No include guard: that is the point.

#include "exponential.inc.h"

static void NAME(rms_norm)(const float *x, long x_stride, const float *gain, float epsilon,
                           float *y, long y_stride, long rows, long width) {
  for (long r = 0; r < rows; r++) {
    const float *row = x + r * x_stride;
    float *out = y + r * y_stride;
    float sum = 0;
    {
#pragma clang fp reassociate(on) contract(fast)
      for (long i = 0; i < width; i++) sum += row[i] * row[i];
    }
    float scale = 1.0f / sqrtf(sum / (float)width + epsilon);
    for (long i = 0; i < width; i++) out[i] = gain[i] * (row[i] * scale);
  }
}

static void NAME(swiglu)(const float *gate, long gate_stride, const float *up, long up_stride,
                         float *y, long y_stride, long rows, long width) {
  for (long r = 0; r < rows; r++) {
    const float *g = gate + r * gate_stride;
    const float *u = up + r * up_stride;
    float *out = y + r * y_stride;
#pragma clang loop vectorize(enable)
    for (long i = 0; i < width; i++) {
#pragma clang fp contract(fast)
      out[i] = g[i] / (1.0f + NAME(exponential)(-g[i])) * u[i];
    }
  }
}

static void NAME(causal_softmax)(float *s, long stride, long rows, long width, long first,
                                 long window, float scale) {
  for (long r = 0; r < rows; r++) {
    float *row = s + r * stride;
    long end = first + r + 1;
    if (end > width) end = width;
    long start = end - window;
    if (start < 0) start = 0;
    // Sixteen running maxima: one alone would be a chain that cannot be vectorised.
    float lanes[16];
    for (int j = 0; j < 16; j++) lanes[j] = -INFINITY;
    long i16 = start;
    for (; i16 + 16 <= end; i16 += 16) {
      for (int j = 0; j < 16; j++) lanes[j] = row[i16 + j] > lanes[j] ? row[i16 + j] : lanes[j];
    }
    float largest = -INFINITY;
    for (; i16 < end; i16++) largest = row[i16] > largest ? row[i16] : largest;
    for (int j = 0; j < 16; j++) largest = lanes[j] > largest ? lanes[j] : largest;
    float sum = 0;
    {
#pragma clang fp reassociate(on) contract(fast)
      for (long i = start; i < end; i++) {
        float e = NAME(exponential)((row[i] - largest) * scale);
        row[i] = e;
        sum += e;
      }
    }
    float inverse = 1.0f / sum;
    for (long i = start; i < end; i++) row[i] *= inverse;
    for (long i = 0; i < start; i++) row[i] = 0;
    for (long i = end; i < width; i++) row[i] = 0;
  }
}

static void NAME(rotary)(const float *x, long x_stride, const float *cosine, const float *sine,
                         float *y, long y_stride, long rows, long half) {
  for (long r = 0; r < rows; r++) {
    const float *a = x + r * x_stride, *b = a + half;
    const float *c = cosine + r * half, *d = sine + r * half;
    float *p = y + r * y_stride, *q = p + half;
    // In place, p and q are a and b: no entry depends on another one's.
#pragma clang loop vectorize(assume_safety)
    for (long i = 0; i < half; i++) {
      float u = a[i], v = b[i];
      p[i] = u * c[i] - v * d[i];
      q[i] = v * c[i] + u * d[i];
    }
  }
}

static void NAME(add)(const float *x, long x_stride, float *y, long y_stride, long rows,
                      long width) {
  for (long r = 0; r < rows; r++) {
    const float *a = x + r * x_stride;
    float *b = y + r * y_stride;
    for (long i = 0; i < width; i++) b[i] += a[i];
  }
}

static void NAME(add_bias)(const float *bias, float *y, long y_stride, long rows, long width) {
  for (long r = 0; r < rows; r++) {
    float *row = y + r * y_stride;
    for (long i = 0; i < width; i++) row[i] += bias[i];
  }
}

static long NAME(count_nonfinite)(const float *x, long count) {
  long found = 0;
  for (long i = 0; i < count; i++) {
    union { float value; uint32_t bits; } u = {x[i]};
    found += (u.bits & 0x7f800000u) == 0x7f800000u;
  }
  return found;
}

static double NAME(log_sum_exp)(const float *x, long count) {
  float largest = -INFINITY;
  for (long i = 0; i < count; i++) largest = x[i] > largest ? x[i] : largest;
  double sum = 0;
  for (long start = 0; start < count; start += 1024) {
    long end = start + 1024 < count ? start + 1024 : count;
    float part = 0;
    {
#pragma clang fp reassociate(on) contract(fast)
      for (long i = start; i < end; i++) part += NAME(exponential)(x[i] - largest);
    }
    sum += part;
  }
  return largest + log(sum);
}

// Two rows of logits in one pass: log Σ exp of each, and the mean of a - b under softmax(a).
//
// The weights are normalised by their own sum, so what the exponential is off by cancels.
static void NAME(divergence)(const float *a, const float *b, long count, double *results) {
  float top_a = -INFINITY, top_b = -INFINITY;
  for (long i = 0; i < count; i++) {
    top_a = a[i] > top_a ? a[i] : top_a;
    top_b = b[i] > top_b ? b[i] : top_b;
  }
  double sum_a = 0, sum_b = 0, weighted = 0;
  for (long start = 0; start < count; start += 1024) {
    long end = start + 1024 < count ? start + 1024 : count;
    float part_a = 0, part_b = 0, part = 0;
    {
#pragma clang fp reassociate(on) contract(fast)
      for (long i = start; i < end; i++) {
        float e = NAME(exponential)(a[i] - top_a);
        part_a += e;
        part_b += NAME(exponential)(b[i] - top_b);
        part += e * (a[i] - b[i]);
      }
    }
    sum_a += part_a;
    sum_b += part_b;
    weighted += part;
  }
  results[0] = top_a + log(sum_a);
  results[1] = top_b + log(sum_b);
  results[2] = weighted / sum_a;
}

// The first index of the largest value; NaN is never the largest.
static long NAME(index_of_largest)(const float *x, long count) {
  float largest = -INFINITY;
  for (long i = 0; i < count; i++) largest = x[i] > largest ? x[i] : largest;
  for (long i = 0; i < count; i++) {
    if (x[i] == largest) return i;
  }
  return 0;
}
