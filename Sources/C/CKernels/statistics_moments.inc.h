// Sums of powers: a part of statistics.inc.h.

static void VARIANT(non_finite)(
    const float *x, long stride, long n, long width, int32_t *counts) {
  for (long t = 0; t < n; t++) {
    const float *row = x + t * stride;
    int32_t count = 0;
    for (long i = 0; i < width; i++) count += magnitude_of(row[i]) >= 0x7f800000;
    counts[t] = count;
  }
}

static inline Doubles4 VARIANT(four)(const float *x) {
  return __builtin_convertvector(*(const Floats4 *)x, Doubles4);
}

static inline Doubles4 VARIANT(magnitudes)(Doubles4 x) {
  return (Doubles4)((Integers4)x & 0x7fffffffffffffff);
}

#if STATISTICS_AVX512
typedef float Floats8 __attribute__((vector_size(32), aligned(4)));
typedef double Doubles8 __attribute__((vector_size(64), aligned(8)));
typedef int64_t Integers8 __attribute__((vector_size(64), aligned(8)));
static inline Doubles8 VARIANT(eight)(const float *x) {
  return __builtin_convertvector(*(const Floats8 *)x, Doubles8);
}
static inline Doubles8 VARIANT(magnitudes8)(Doubles8 x) {
  return (Doubles8)((Integers8)x & 0x7fffffffffffffff);
}
#endif

static void VARIANT(moments)(
    const float *x, long stride, long n, long width, double *sum, double *magnitude,
    double *square, double *powers) {
  // Four partial sums each, in an order that does not depend on the variant's vector length.
  Doubles4 cubes = {0}, fourths = {0};
  long t = 0;
#if STATISTICS_AVX512
  // Rows come from memory here for the first time. Short ones end before the processor has guessed
  // where they go on, so those two groups ahead are asked for; asking beyond the end does no harm.
  const long ahead = stride <= 1024 ? 8 * stride : 1024;
#endif
  for (; t + 4 <= n; t += 4) {
    const float *a = x + t * stride, *b = a + stride, *c = b + stride, *d = c + stride;
    long i = 0;
#if STATISTICS_AVX512
    for (; i + 8 <= width; i += 8) {
      if ((i & 8) == 0) {
        __builtin_prefetch(a + ahead + i);
        __builtin_prefetch(b + ahead + i);
        __builtin_prefetch(c + ahead + i);
        __builtin_prefetch(d + ahead + i);
      }
      Doubles8 p = VARIANT(eight)(a + i), q = VARIANT(eight)(b + i);
      Doubles8 r = VARIANT(eight)(c + i), s = VARIANT(eight)(d + i);
      Doubles8 p2 = p * p, q2 = q * q, r2 = r * r, s2 = s * s;
      *(Doubles8 *)(sum + i) += (p + q) + (r + s);
      *(Doubles8 *)(magnitude + i) += (VARIANT(magnitudes8)(p) + VARIANT(magnitudes8)(q)) +
                                      (VARIANT(magnitudes8)(r) + VARIANT(magnitudes8)(s));
      *(Doubles8 *)(square + i) += (p2 + q2) + (r2 + s2);
      Doubles8 third = (p2 * p + q2 * q) + (r2 * r + s2 * s);
      Doubles8 fourth = (p2 * p2 + q2 * q2) + (r2 * r2 + s2 * s2);
      cubes += __builtin_shufflevector(third, third, 0, 1, 2, 3);
      cubes += __builtin_shufflevector(third, third, 4, 5, 6, 7);
      fourths += __builtin_shufflevector(fourth, fourth, 0, 1, 2, 3);
      fourths += __builtin_shufflevector(fourth, fourth, 4, 5, 6, 7);
    }
#endif
    for (; i + 4 <= width; i += 4) {
      Doubles4 p = VARIANT(four)(a + i), q = VARIANT(four)(b + i);
      Doubles4 r = VARIANT(four)(c + i), s = VARIANT(four)(d + i);
      Doubles4 p2 = p * p, q2 = q * q, r2 = r * r, s2 = s * s;
      *(Doubles4 *)(sum + i) += (p + q) + (r + s);
      *(Doubles4 *)(magnitude + i) += (VARIANT(magnitudes)(p) + VARIANT(magnitudes)(q)) +
                                      (VARIANT(magnitudes)(r) + VARIANT(magnitudes)(s));
      *(Doubles4 *)(square + i) += (p2 + q2) + (r2 + s2);
      cubes += (p2 * p + q2 * q) + (r2 * r + s2 * s);
      fourths += (p2 * p2 + q2 * q2) + (r2 * r2 + s2 * s2);
    }
    for (; i < width; i++) {
      double p = a[i], q = b[i], r = c[i], s = d[i];
      double p2 = p * p, q2 = q * q, r2 = r * r, s2 = s * s;
      sum[i] += (p + q) + (r + s);
      magnitude[i] += (fabs(p) + fabs(q)) + (fabs(r) + fabs(s));
      square[i] += (p2 + q2) + (r2 + s2);
      cubes[0] += (p2 * p + q2 * q) + (r2 * r + s2 * s);
      fourths[0] += (p2 * p2 + q2 * q2) + (r2 * r2 + s2 * s2);
    }
  }
  for (; t < n; t++) {
    const float *a = x + t * stride;
    for (long i = 0; i < width; i++) {
      double p = a[i], p2 = p * p;
      sum[i] += p;
      magnitude[i] += fabs(p);
      square[i] += p2;
      cubes[0] += p2 * p;
      fourths[0] += p2 * p2;
    }
  }
  for (long l = 0; l < 4; l++) {
    powers[0] += cubes[l];
    powers[1] += fourths[l];
  }
}

static void VARIANT(count_above_by_dimension)(
    const float *x, long stride, long n, long width, int32_t limit, int64_t *counts) {
  for (long t = 0; t < n; t++) {
    const float *row = x + t * stride;
    for (long i = 0; i < width; i++) counts[i] += magnitude_of(row[i]) > limit;
  }
}
