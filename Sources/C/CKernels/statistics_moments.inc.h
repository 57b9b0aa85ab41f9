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

static void VARIANT(moments)(
    const float *x, long stride, long n, long width, double *sum, double *magnitude,
    double *square, double *powers) {
  // Four partial sums each, in an order that does not depend on the variant's vector length.
  Doubles4 cubes = {0}, fourths = {0};
  long t = 0;
  for (; t + 4 <= n; t += 4) {
    const float *a = x + t * stride, *b = a + stride, *c = b + stride, *d = c + stride;
    long i = 0;
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
