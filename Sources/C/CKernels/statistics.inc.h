// Loops of statistics.c, included once for each variant. See include/statistics.h.

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

// One key in each lane; doubles for half of the lanes.
typedef int32_t VARIANT(Keys) __attribute__((vector_size(4 * LANES), aligned(4 * LANES)));
typedef float VARIANT(Floats) __attribute__((vector_size(2 * LANES), aligned(4)));
typedef double VARIANT(Doubles) __attribute__((vector_size(4 * LANES), aligned(8)));

// The smaller of each lane to a, the larger to b.
#undef EXCHANGE
#define EXCHANGE(a, b) \
  do { \
    VARIANT(Keys) lower = __builtin_elementwise_min(a, b); \
    b = __builtin_elementwise_max(a, b); \
    a = lower; \
  } while (0)

// Sorts eight keys in each lane, in registers.
static inline void VARIANT(sort_eight)(VARIANT(Keys) *k) {
  VARIANT(Keys) a = k[0], b = k[1], c = k[2], d = k[3], e = k[4], f = k[5], g = k[6], h = k[7];
  EXCHANGE(a, b); EXCHANGE(c, d); EXCHANGE(e, f); EXCHANGE(g, h);
  EXCHANGE(a, c); EXCHANGE(b, d); EXCHANGE(e, g); EXCHANGE(f, h);
  EXCHANGE(b, c); EXCHANGE(f, g); EXCHANGE(a, e); EXCHANGE(d, h);
  EXCHANGE(b, f); EXCHANGE(c, g);
  EXCHANGE(b, e); EXCHANGE(d, g);
  EXCHANGE(c, e); EXCHANGE(d, f);
  EXCHANGE(d, e);
  k[0] = a, k[1] = b, k[2] = c, k[3] = d, k[4] = e, k[5] = f, k[6] = g, k[7] = h;
}

// The last three rounds of a merge (distances 4, 2 and 1) over a block of a multiple of 8 keys in
// one sweep: each key is loaded and stored once.
static inline void VARIANT(merge_tail)(VARIANT(Keys) *k, long count) {
  VARIANT(Keys) before = k[1], c = k[2], d = k[3];
  long i = 4;
  for (; i + 8 <= count; i += 8) {
    VARIANT(Keys) a0 = k[i], a1 = k[i + 1], a2 = k[i + 2], a3 = k[i + 3];
    VARIANT(Keys) a4 = k[i + 4], a5 = k[i + 5], a6 = k[i + 6], a7 = k[i + 7];
    EXCHANGE(a0, a4); EXCHANGE(a1, a5); EXCHANGE(a2, a6); EXCHANGE(a3, a7);
    EXCHANGE(c, a0); EXCHANGE(d, a1); EXCHANGE(a2, a4); EXCHANGE(a3, a5);
    EXCHANGE(before, c); EXCHANGE(d, a0); EXCHANGE(a1, a2); EXCHANGE(a3, a4);
    k[i - 3] = before, k[i - 2] = c, k[i - 1] = d, k[i] = a0;
    k[i + 1] = a1, k[i + 2] = a2, k[i + 3] = a3, k[i + 4] = a4;
    before = a5, c = a6, d = a7;
  }
  VARIANT(Keys) a0 = k[i], a1 = k[i + 1], a2 = k[i + 2];
  EXCHANGE(c, a0); EXCHANGE(d, a1);
  EXCHANGE(before, c); EXCHANGE(d, a0); EXCHANGE(a1, a2);
  k[i - 3] = before, k[i - 2] = c, k[i - 1] = d, k[i] = a0, k[i + 1] = a1, k[i + 2] = a2;
}

// Two rounds of a merge (distances k = 2h and h, k < p) over a whole block of `count` keys.
static inline void VARIANT(merge_pair)(VARIANT(Keys) *keys, long count, long h) {
  for (long r = 0; r < h; r++) {
    VARIANT(Keys) *k = keys + r;
    VARIANT(Keys) before = k[h];
    long i = 2 * h;
    for (; i + 4 * h <= count; i += 4 * h) {
      VARIANT(Keys) a = k[i], b = k[i + h], c = k[i + 2 * h], d = k[i + 3 * h];
      EXCHANGE(a, c); EXCHANGE(b, d);
      EXCHANGE(before, a); EXCHANGE(b, c);
      k[i - h] = before, k[i] = a, k[i + h] = b, k[i + 2 * h] = c;
      before = d;
    }
    VARIANT(Keys) a = k[i];
    EXCHANGE(before, a);
    k[i - h] = before, k[i] = a;
  }
}

// The first two rounds of a merge (distances p and p/2 = h) over a whole block of 4h keys.
static inline void VARIANT(merge_head)(VARIANT(Keys) *k, long h) {
  for (long i = 0; i < h; i++) {
    VARIANT(Keys) a = k[i], b = k[i + h], c = k[i + 2 * h], d = k[i + 3 * h];
    EXCHANGE(a, c); EXCHANGE(b, d);
    EXCHANGE(b, c);
    k[i] = a, k[i + h] = b, k[i + 2 * h] = c, k[i + 3 * h] = d;
  }
}

// One round over a block of `count` keys, which may be shorter than 2p.
static inline void VARIANT(merge_round)(VARIANT(Keys) *keys, long count, long p, long k) {
  for (long j = k == p ? 0 : k; j + k < count; j += 2 * k) {
    long length = k < count - j - k ? k : count - j - k;
    for (long i = j; i < j + length; i++) {
      VARIANT(Keys) a = keys[i], b = keys[i + k];
      EXCHANGE(a, b);
      keys[i] = a, keys[i + k] = b;
    }
  }
}

// Batcher's merge exchange on `count` keys in each lane, ascending; `count` is a multiple of 8.
// Whole blocks take two rounds at a time, so that keys are loaded and stored half as often.
static void VARIANT(sort_lanes)(VARIANT(Keys) *keys, long count) {
  for (long i = 0; i < count; i += 8) VARIANT(sort_eight)(keys + i);
  for (long p = 8; p < count; p *= 2) {
    for (long start = 0; start + p < count; start += 2 * p) {
      VARIANT(Keys) *block = keys + start;
      long length = 2 * p < count - start ? 2 * p : count - start;
      long k = p;
      if (length == 2 * p && p >= 16) {
        VARIANT(merge_head)(block, p / 2);
        k = p / 4;
        for (; k >= 16; k /= 4) VARIANT(merge_pair)(block, length, k / 2);
      }
      for (; k >= 8; k /= 2) VARIANT(merge_round)(block, length, p, k);
      VARIANT(merge_tail)(block, length);
    }
  }
}

// Rows of magnitudes, one in each lane; lanes without a row hold zeros, keys beyond the width the
// largest integer, which the sort leaves at the end.
static void VARIANT(load_lanes)(
    const float *x, long stride, long rows, long width, int32_t *keys) {
  long i = 0;
#if STATISTICS_AVX2
  if (rows == LANES) {
    const __m256i positive = _mm256_set1_epi32(0x7fffffff);
    for (; i + 8 <= width; i += 8) {
      for (int first = 0; first < LANES; first += 8) {
        __m256i r[8], p[8], q[8];
        for (int l = 0; l < 8; l++) {
          r[l] = _mm256_and_si256(
              _mm256_loadu_si256((const __m256i *)(x + (first + l) * stride + i)), positive);
        }
        for (int l = 0; l < 8; l += 2) {
          p[l] = _mm256_unpacklo_epi32(r[l], r[l + 1]);
          p[l + 1] = _mm256_unpackhi_epi32(r[l], r[l + 1]);
        }
        for (int l = 0; l < 8; l += 4) {
          q[l] = _mm256_unpacklo_epi64(p[l], p[l + 2]);
          q[l + 1] = _mm256_unpackhi_epi64(p[l], p[l + 2]);
          q[l + 2] = _mm256_unpacklo_epi64(p[l + 1], p[l + 3]);
          q[l + 3] = _mm256_unpackhi_epi64(p[l + 1], p[l + 3]);
        }
        for (int l = 0; l < 4; l++) {
          _mm256_storeu_si256(
              (__m256i *)(keys + (i + l) * LANES + first),
              _mm256_permute2x128_si256(q[l], q[l + 4], 0x20));
          _mm256_storeu_si256(
              (__m256i *)(keys + (i + l + 4) * LANES + first),
              _mm256_permute2x128_si256(q[l], q[l + 4], 0x31));
        }
      }
    }
  }
#endif
  for (long l = 0; l < LANES; l++) {
    for (long c = i; c < width; c++) {
      keys[c * LANES + l] = l < rows ? magnitude_of(x[l * stride + c]) : 0;
    }
  }
  for (long c = width * LANES; c < (width + 7) / 8 * 8 * LANES; c++) keys[c] = 0x7fffffff;
}

// The values of half of the lanes.
static inline VARIANT(Doubles) VARIANT(widened)(const float *keys) {
  return __builtin_convertvector(*(const VARIANT(Floats) *)keys, VARIANT(Doubles));
}

#if STATISTICS_AVX2
// How many keys of the eight lanes from `keys` lie below the limit: eight binary searches at once.
static inline int64_t VARIANT(keys_below)(const int32_t *keys, long width, int32_t limit) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i limits = _mm256_set1_epi32(limit);
  __m256i low = _mm256_setzero_si256();
  int32_t length = (int32_t)width;
  while (length > 1) {
    int32_t half = length / 2;
    // low + half where the key before it is below the limit.
    __m256i middle = _mm256_add_epi32(low, _mm256_set1_epi32(half));
    __m256i place = _mm256_add_epi32(
        _mm256_slli_epi32(_mm256_sub_epi32(middle, _mm256_set1_epi32(1)), LANES_SHIFT), lane);
    __m256i is_below = _mm256_cmpgt_epi32(limits, _mm256_i32gather_epi32(keys, place, 4));
    low = _mm256_blendv_epi8(low, middle, is_below);
    length -= half;
  }
  __m256i place = _mm256_add_epi32(_mm256_slli_epi32(low, LANES_SHIFT), lane);
  __m256i last = _mm256_cmpgt_epi32(limits, _mm256_i32gather_epi32(keys, place, 4));
  low = _mm256_sub_epi32(low, last);
  int32_t counts[8];
  _mm256_storeu_si256((__m256i *)counts, low);
  int64_t total = 0;
  for (int l = 0; l < 8; l++) total += counts[l];
  return total;
}
#endif

static void VARIANT(order)(
    const float *x, long stride, long n, long width, const StatisticsOrderPlan *plan,
    double *squared, double *absolute, double *hoyer, int64_t *zero_tokens, int64_t *below,
    int32_t *maximum, int32_t *thresholds, int32_t *ties, void *scratch) {
  const long lanes = LANES, half = LANES / 2;
  uintptr_t aligned = ((uintptr_t)scratch + 63) & ~(uintptr_t)63;
  int32_t *keys = (int32_t *)aligned;
  // Sums of the 8, 16, 24 … largest squares of each lane, and of squares and magnitudes at the
  // points of the curve.
  double *eighths = (double *)(keys + (width + 7) / 8 * 8 * lanes);
  double *top_squares = eighths + (width / 8 + 1) * lanes;
  double *top_magnitudes = top_squares + plan->curve_count * lanes;
  double root = sqrt((double)width);
  for (long start = 0; start < n; start += lanes) {
    long count = n - start < lanes ? n - start : lanes;
    VARIANT(load_lanes)(x + start * stride, stride, count, width, keys);
    VARIANT(sort_lanes)((VARIANT(Keys) *)keys, (width + 7) / 8 * 8);
    VARIANT(Doubles) s = {0}, t = {0}, m = {0}, u = {0};
    for (long k = 0, c = 0; k < width; k++) {
      const float *row = (const float *)(keys + (width - 1 - k) * lanes);
      VARIANT(Doubles) low = VARIANT(widened)(row), high = VARIANT(widened)(row + half);
      s += low * low;
      t += high * high;
      m += low;
      u += high;
      if ((k & 7) == 7) {
        *(VARIANT(Doubles) *)(eighths + k / 8 * lanes) = s;
        *(VARIANT(Doubles) *)(eighths + k / 8 * lanes + half) = t;
      }
      for (; c < plan->curve_count && plan->curve[c] == k + 1; c++) {
        *(VARIANT(Doubles) *)(top_squares + c * lanes) = s;
        *(VARIANT(Doubles) *)(top_squares + c * lanes + half) = t;
        *(VARIANT(Doubles) *)(top_magnitudes + c * lanes) = m;
        *(VARIANT(Doubles) *)(top_magnitudes + c * lanes + half) = u;
      }
    }
    double all_squares[LANES], all_magnitudes[LANES];
    *(VARIANT(Doubles) *)all_squares = s;
    *(VARIANT(Doubles) *)(all_squares + half) = t;
    *(VARIANT(Doubles) *)all_magnitudes = m;
    *(VARIANT(Doubles) *)(all_magnitudes + half) = u;
    for (long l = 0; l < count; l++) {
      if (all_magnitudes[l] == 0) {
        *zero_tokens += 1;
      } else if (width > 1) {
        *hoyer += (root - all_magnitudes[l] / sqrt(all_squares[l])) / (root - 1);
      }
      int32_t top = keys[(width - 1) * lanes + l];
      *maximum = top > *maximum ? top : *maximum;
    }
    for (long c = 0; c < plan->curve_count; c++) {
      const double *own_squares = top_squares + c * lanes;
      const double *own_magnitudes = top_magnitudes + c * lanes;
      double shares[2 * LANES];
      *(VARIANT(Doubles) *)shares = *(const VARIANT(Doubles) *)own_squares / s;
      *(VARIANT(Doubles) *)(shares + half) = *(const VARIANT(Doubles) *)(own_squares + half) / t;
      *(VARIANT(Doubles) *)(shares + lanes) = *(const VARIANT(Doubles) *)own_magnitudes / m;
      *(VARIANT(Doubles) *)(shares + lanes + half) =
          *(const VARIANT(Doubles) *)(own_magnitudes + half) / u;
      double squared_sum = squared[c], absolute_sum = absolute[c];
      for (long l = 0; l < count; l++) {
        if (all_magnitudes[l] == 0) continue;
        squared_sum += shares[l];
        absolute_sum += shares[lanes + l];
      }
      squared[c] = squared_sum;
      absolute[c] = absolute_sum;
    }
    for (long j = 0; j < plan->limit_count; j++) {
#if STATISTICS_AVX2
      if (count == lanes) {
        for (long l = 0; l < lanes; l += 8) {
          below[j] += VARIANT(keys_below)(keys + l, width, plan->limits[j]);
        }
        continue;
      }
#endif
      for (long l = 0; l < count; l++) {
        // How many keys of the lane lie below the limit: the keys ascend.
        long low = 0;
        for (long length = width; length > 0;) {
          long half = length / 2;
          int is_below = keys[(low + half) * lanes + l] < plan->limits[j];
          low = is_below ? low + half + 1 : low;
          length = is_below ? length - half - 1 : half;
        }
        below[j] += low;
      }
    }
    for (long s = 0; s < plan->top_count + plan->share_count; s++) {
      for (long l = 0; l < count; l++) {
        long size;
        if (s < plan->top_count) {
          size = plan->top[s];
        } else {
          // The first prefix that reaches the share: at least one dimension, unless all are zero.
          double wanted = plan->shares[s - plan->top_count] * all_squares[l];
          long low = 0, high = width / 8;
          while (low < high) {
            long middle = (low + high) / 2;
            int is_short = eighths[middle * lanes + l] < wanted;
            low = is_short ? middle + 1 : low;
            high = is_short ? high : middle;
          }
          // Within the eight, the same sum again, one by one.
          double sum = low > 0 ? eighths[(low - 1) * lanes + l] : 0;
          for (low = low * 8; low < width - 1; low++) {
            double value = value_of(keys[(width - 1 - low) * lanes + l]);
            sum += value * value;
            if (sum >= wanted) break;
          }
          low = low < width ? low : width - 1;
          size = wanted > 0 ? low + 1 : 0;
        }
        long place = s * n + start + l;
        if (size == 0) {
          thresholds[place] = 0x7fffffff;
          ties[place] = 0;
          continue;
        }
        int32_t smallest = keys[(width - size) * lanes + l];
        thresholds[place] = smallest - 1;
        ties[place] =
            size < width && keys[(width - size - 1) * lanes + l] == smallest ? (int32_t)size : 0;
      }
    }
    for (long f = 0; f < plan->maximum_count; f++) {
      for (long l = 0; l < count; l++) {
        long place = (plan->top_count + plan->share_count + f) * n + start + l;
        double limit = plan->maximum_fractions[f] * (double)value_of(keys[(width - 1) * lanes + l]);
        // The smallest magnitude at or above the limit; the conversion rounds to the nearest.
        int32_t magnitude = magnitude_of((float)limit);
        if ((double)value_of(magnitude) < limit) magnitude += 1;
        thresholds[place] = magnitude - 1;
        ties[place] = 0;
      }
    }
  }
}

static void VARIANT(count_above_by_dimension)(
    const float *x, long stride, long n, long width, int32_t limit, int64_t *counts) {
  for (long t = 0; t < n; t++) {
    const float *row = x + t * stride;
    for (long i = 0; i < width; i++) counts[i] += magnitude_of(row[i]) > limit;
  }
}

static void VARIANT(histogram)(
    const float *x, long stride, long n, long width, uint64_t *bins) {
  for (long t = 0; t < n; t++) {
    const float *row = x + t * stride;
    for (long i = 0; i < width; i++) bins[magnitude_of(row[i]) >> 16] += 1;
  }
}

// How many of `count` numbers lie below the limit, and how many equal it.
__attribute__((always_inline)) static inline int32_t VARIANT(count_less)(
    const int32_t *x, long count, int32_t limit) {
  int32_t result = 0;
  long i = 0;
#if STATISTICS_AVX512
  const __m512i limits = _mm512_set1_epi32(limit);
  int64_t bits = 0;
  for (; i + 64 <= count; i += 64) {
    __mmask16 a = _mm512_cmpgt_epi32_mask(limits, _mm512_loadu_si512(x + i));
    __mmask16 b = _mm512_cmpgt_epi32_mask(limits, _mm512_loadu_si512(x + i + 16));
    __mmask16 c = _mm512_cmpgt_epi32_mask(limits, _mm512_loadu_si512(x + i + 32));
    __mmask16 d = _mm512_cmpgt_epi32_mask(limits, _mm512_loadu_si512(x + i + 48));
    bits += __builtin_popcountll(
        _mm512_kunpackd(_mm512_kunpackw(a, b), _mm512_kunpackw(c, d)));
  }
  result = (int32_t)bits;
#endif
  for (; i < count; i++) result += x[i] < limit;
  return result;
}

__attribute__((always_inline)) static inline int32_t VARIANT(count_equal)(
    const int32_t *x, long count, int32_t value) {
  int32_t result = 0;
  for (long i = 0; i < count; i++) result += x[i] == value;
  return result;
}

static void VARIANT(count_brackets)(
    const float *x, long stride, long n, long width, const int32_t *limits, long limit_count,
    int64_t *below, long bracket_count, uint64_t *fine) {
  enum { block = 1024 };
  // Magnitudes, and which stretch of 2048 they lie in, counted from 0 and from 1024.
  int32_t magnitudes[block], stretches[2][block];
  for (long t = 0; t < n; t++) {
    for (long start = 0; start < width; start += block) {
      const float *row = x + t * stride + start;
      long count = width - start < block ? width - start : block;
      for (long i = 0; i < count; i++) {
        int32_t magnitude = magnitude_of(row[i]);
        magnitudes[i] = magnitude;
        stretches[0][i] = magnitude >> 11;
        stretches[1][i] = (magnitude + 1024) >> 11;
      }
      for (long c = 0; c < limit_count; c++) {
        below[c] += VARIANT(count_less)(magnitudes, count, limits[c]);
      }
      for (long c = 0; c < bracket_count; c++) {
        long shift = (limits[c] >> 10) & 1;
        const int32_t *own = stretches[shift];
        int32_t stretch = (limits[c] + 1024 * (int32_t)shift) >> 11;
        int32_t inside = VARIANT(count_equal)(own, count, stretch);
        // Rare: few values lie in so short a bracket.
        for (long first = 0; inside > 0; first += 32) {
          long last = first + 32 < count ? first + 32 : count;
          int32_t here = VARIANT(count_equal)(own + first, last - first, stretch);
          if (here == 0) continue;
          for (long i = first; i < last; i++) {
            if (own[i] == stretch) fine[c * 2048 + magnitudes[i] - limits[c]] += 1;
          }
          inside -= here;
        }
      }
    }
  }
}

static inline void VARIANT(look_into)(
    int32_t magnitude, const int16_t *uppers, const int32_t *starts, long bracket_count,
    uint64_t *coarse, uint8_t *single, uint64_t *fine) {
  int32_t upper = magnitude >> 16, lower = magnitude & 0xffff;
  for (long c = 0; c < bracket_count && uppers[c] <= upper; c++) {
    if (uppers[c] != upper) continue;
    long bin = c * 2048 + (lower >> 5);
    uint8_t low = (uint8_t)((lower & 31) + 1);
    coarse[bin] += 1;
    single[bin] = single[bin] == 0 || single[bin] == low ? low : 255;
    if ((uint32_t)(lower - starts[c]) < 2048) fine[c * 2048 + lower - starts[c]] += 1;
  }
}

static void VARIANT(histogram_lower)(
    const float *x, long stride, long n, long width, const int16_t *uppers,
    const int32_t *starts, long bracket_count, uint64_t *coarse, uint8_t *single,
    uint64_t *fine) {
  for (long t = 0; t < n; t++) {
    const float *row = x + t * stride;
    long i = 0;
#if STATISTICS_AVX2
    const __m256i upper_half = _mm256_set1_epi32(0x7fff);
    for (; i + 16 <= width; i += 16) {
      __m256i a = _mm256_loadu_si256((const __m256i *)(row + i));
      __m256i b = _mm256_loadu_si256((const __m256i *)(row + i + 8));
      a = _mm256_and_si256(_mm256_srli_epi32(a, 16), upper_half);
      b = _mm256_and_si256(_mm256_srli_epi32(b, 16), upper_half);
      // In each half of the vector: four of a, then four of b.
      __m256i both = _mm256_packs_epi32(a, b);
      __m256i found = _mm256_setzero_si256();
      for (long c = 0; c < bracket_count; c++) {
        found = _mm256_or_si256(found, _mm256_cmpeq_epi16(both, _mm256_set1_epi16(uppers[c])));
      }
      uint32_t mask = (uint32_t)_mm256_movemask_epi8(found) & 0x55555555;
      while (mask != 0) {
        long place = __builtin_ctz(mask) / 2;
        mask &= mask - 1;
        long column = (place & 3) | (place & 4) << 1 | (place & 8) >> 1;
        VARIANT(look_into)(
            magnitude_of(row[i + column]), uppers, starts, bracket_count, coarse, single, fine);
      }
    }
#endif
    for (; i < width; i++) {
      VARIANT(look_into)(
          magnitude_of(row[i]), uppers, starts, bracket_count, coarse, single, fine);
    }
  }
}

// `set_stride` words and `threshold_stride` numbers lie between the sets.
static void VARIANT(member_bits_of)(
    const float *x, long stride, long n, long width, const int32_t *thresholds,
    const int32_t *ties, long set_count, long threshold_stride, uint64_t *bits,
    long set_stride) {
  long words = (width + 63) / 64;
  for (long t = 0; t < n; t++) {
    const float *row = x + t * stride;
    for (long w = 0; w < words; w++) {
      long columns = width - w * 64 < 64 ? width - w * 64 : 64;
#if STATISTICS_AVX2
      if (columns == 64) {
        // 32 columns in an order that two rounds of packing put right.
        const __m256i positive = _mm256_set1_epi32(0x7fffffff);
        __m256i m[8];
        for (int h = 0; h < 8; h++) {
          const __m128i *p = (const __m128i *)(row + w * 64 + h / 4 * 32 + h % 4 * 4);
          m[h] = _mm256_and_si256(
              _mm256_inserti128_si256(
                  _mm256_castsi128_si256(_mm_loadu_si128(p)), _mm_loadu_si128(p + 4), 1),
              positive);
        }
        for (long s = 0; s < set_count; s++) {
          __m256i limit = _mm256_set1_epi32(thresholds[s * threshold_stride + t]);
          __m256i low = _mm256_packs_epi16(
              _mm256_packs_epi32(_mm256_cmpgt_epi32(m[0], limit), _mm256_cmpgt_epi32(m[1], limit)),
              _mm256_packs_epi32(_mm256_cmpgt_epi32(m[2], limit), _mm256_cmpgt_epi32(m[3], limit)));
          __m256i high = _mm256_packs_epi16(
              _mm256_packs_epi32(_mm256_cmpgt_epi32(m[4], limit), _mm256_cmpgt_epi32(m[5], limit)),
              _mm256_packs_epi32(_mm256_cmpgt_epi32(m[6], limit), _mm256_cmpgt_epi32(m[7], limit)));
          bits[s * set_stride + t * words + w] = (uint64_t)(uint32_t)_mm256_movemask_epi8(low) |
                                          (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
        }
        continue;
      }
#endif
      for (long s = 0; s < set_count; s++) {
        int32_t limit = thresholds[s * threshold_stride + t];
        uint64_t word = 0;
        for (long i = 0; i < columns; i++) {
          word |= (uint64_t)(magnitude_of(row[w * 64 + i]) > limit) << i;
        }
        bits[s * set_stride + t * words + w] = word;
      }
    }
    for (long s = 0; s < set_count; s++) {
      long size = ties[s * threshold_stride + t];
      if (size == 0) continue;
      // Of the equal ones only the first stay: drop from the end until the size is right.
      uint64_t *out = bits + s * set_stride + t * words;
      int32_t equal = thresholds[s * threshold_stride + t] + 1;
      long count = 0;
      for (long w = 0; w < words; w++) count += __builtin_popcountll(out[w]);
      for (long j = width - 1; count > size; j--) {
        if (magnitude_of(row[j]) == equal) {
          out[j / 64] &= ~((uint64_t)1 << (j % 64));
          count--;
        }
      }
    }
  }
}

static void VARIANT(member_bits)(
    const float *x, long stride, long n, long width, const int32_t *thresholds,
    const int32_t *ties, long set_count, uint64_t *bits) {
  // A few tokens of all sets fit the first-level cache; written one by one, the sets would lie far
  // apart and every store would wait for its line.
  enum { tile_words = 3072 };
  uint64_t tile[tile_words];
  long words = (width + 63) / 64;
  long rows = set_count > 0 ? tile_words / (set_count * words) : n;
  if (rows == 0) {
    VARIANT(member_bits_of)(
        x, stride, n, width, thresholds, ties, set_count, n, bits, n * words);
    return;
  }
  for (long t = 0; t < n; t += rows) {
    long count = n - t < rows ? n - t : rows;
    VARIANT(member_bits_of)(
        x + t * stride, stride, count, width, thresholds + t, ties + t, set_count, n, tile,
        count * words);
    for (long s = 0; s < set_count; s++) {
      memcpy(
          bits + (s * n + t) * words, tile + s * count * words,
          sizeof(uint64_t) * (size_t)(count * words));
    }
  }
}

#if STATISTICS_AVX2 && !STATISTICS_AVX512
static inline __m256i VARIANT(bytes_of)(__m256i v) {
  const __m256i table = _mm256_setr_epi8(
      0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3,
      4);
  const __m256i low = _mm256_set1_epi8(15);
  __m256i a = _mm256_shuffle_epi8(table, _mm256_and_si256(v, low));
  __m256i b =
      _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low));
  return _mm256_add_epi8(a, b);
}

static inline int64_t VARIANT(total)(__m256i v) {
  return _mm256_extract_epi64(v, 0) + _mm256_extract_epi64(v, 1) + _mm256_extract_epi64(v, 2) +
         _mm256_extract_epi64(v, 3);
}

#undef ADD3
#define ADD3(high, low, a, b, c) \
  do { \
    __m256i half = _mm256_xor_si256(a, b); \
    high = _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(half, c)); \
    low = _mm256_xor_si256(half, c); \
  } while (0)
#endif

// rows[i] &= other[i] over `count` words, and the number of bits left (Harley and Seal's tree of
// adders, which counts the bits of eight vectors at once).
static int64_t VARIANT(intersect)(uint64_t *rows, const uint64_t *other, long count) {
  long i = 0;
  int64_t result = 0;
#if STATISTICS_AVX512
  __m512i first = _mm512_setzero_si512(), second = first;
  for (; i + 16 <= count; i += 16) {
    __m512i a = _mm512_and_si512(_mm512_loadu_si512(rows + i), _mm512_loadu_si512(other + i));
    __m512i b =
        _mm512_and_si512(_mm512_loadu_si512(rows + i + 8), _mm512_loadu_si512(other + i + 8));
    _mm512_storeu_si512(rows + i, a);
    _mm512_storeu_si512(rows + i + 8, b);
    first = _mm512_add_epi64(first, _mm512_popcnt_epi64(a));
    second = _mm512_add_epi64(second, _mm512_popcnt_epi64(b));
  }
  result = _mm512_reduce_add_epi64(_mm512_add_epi64(first, second));
#elif STATISTICS_AVX2
  __m256i total8 = _mm256_setzero_si256(), zero = total8;
  __m256i ones = zero, twos = zero, fours = zero;
  for (; i + 32 <= count; i += 32) {
    __m256i v[8];
    for (int j = 0; j < 8; j++) {
      __m256i *place = (__m256i *)(rows + i + 4 * j);
      v[j] = _mm256_and_si256(
          _mm256_loadu_si256(place), _mm256_loadu_si256((const __m256i *)(other + i + 4 * j)));
      _mm256_storeu_si256(place, v[j]);
    }
    __m256i twos_a, twos_b, fours_a, fours_b, eights;
    ADD3(twos_a, ones, ones, v[0], v[1]);
    ADD3(twos_b, ones, ones, v[2], v[3]);
    ADD3(fours_a, twos, twos, twos_a, twos_b);
    ADD3(twos_a, ones, ones, v[4], v[5]);
    ADD3(twos_b, ones, ones, v[6], v[7]);
    ADD3(fours_b, twos, twos, twos_a, twos_b);
    ADD3(eights, fours, fours, fours_a, fours_b);
    total8 = _mm256_add_epi64(total8, _mm256_sad_epu8(VARIANT(bytes_of)(eights), zero));
  }
  result = 8 * VARIANT(total)(total8) +
           4 * VARIANT(total)(_mm256_sad_epu8(VARIANT(bytes_of)(fours), zero)) +
           2 * VARIANT(total)(_mm256_sad_epu8(VARIANT(bytes_of)(twos), zero)) +
           VARIANT(total)(_mm256_sad_epu8(VARIANT(bytes_of)(ones), zero));
#endif
  for (; i < count; i++) {
    rows[i] &= other[i];
    result += __builtin_popcountll(rows[i]);
  }
  return result;
}

static void VARIANT(windows)(
    const uint64_t *bits, long n, long words, long longest, uint64_t *scratch, int64_t *counts) {
  // Tiles of rows whose bits stay in the first-level cache while windows grow.
  long tile = 16384 / (words * 8);
  if (tile < 32) tile = 32;
  for (long start = 0; start < n; start += tile) {
    long rows = n - start < tile ? n - start : tile;
    memcpy(scratch, bits + start * words, sizeof(uint64_t) * (size_t)(rows * words));
    counts[1] += VARIANT(intersect)(scratch, scratch, rows * words);
    for (long w = 2; w <= longest; w++) {
      long whole = n - start - w + 1;
      if (whole > rows) whole = rows;
      if (whole <= 0) break;
      int64_t count =
          VARIANT(intersect)(scratch, bits + (start + w - 1) * words, whole * words);
      counts[w] += count;
      if (count == 0) break;
    }
  }
}

// Eight bits to the lowest bits of eight bytes.
static inline uint64_t VARIANT(spread)(uint64_t eight) {
#if STATISTICS_AVX2
  return _pdep_u64(eight, 0x0101010101010101);
#else
  // Copies of the byte, one bit of each, and that bit moved to the bottom.
  uint64_t chosen = (eight * 0x0101010101010101) & 0x8040201008040201;
  return ((chosen + 0x7f7f7f7f7f7f7f7f) | chosen) >> 7 & 0x0101010101010101;
#endif
}

typedef uint64_t VARIANT(Words4) __attribute__((vector_size(32), aligned(8)));

// A full adder for each bit: *low + b + c, sum to *low, carry returned.
static inline VARIANT(Words4) VARIANT(add_bits)(
    VARIANT(Words4) *low, VARIANT(Words4) b, VARIANT(Words4) c) {
  VARIANT(Words4) half = *low ^ b;
  VARIANT(Words4) carry = (*low & b) | (half & c);
  *low = half ^ c;
  return carry;
}

static void VARIANT(bit_counts)(const uint64_t *bits, long n, long words, int64_t *counts) {
  // Counters of eight bits, one bit of each in each plane, emptied before they overflow. Eight
  // rows at a time go through a tree of adders.
  enum { group = 4, planes = 8, most = 248 };
  for (long first = 0; first < words; first += group) {
    long used = words - first < group ? words - first : group;
    for (long start = 0; start < n; start += most) {
      long end = start + most < n ? start + most : n;
      VARIANT(Words4) plane[planes] = {{0}};
      for (long t = start; t < end; t += 8) {
        VARIANT(Words4) r[8] = {{0}};
        long rows = end - t < 8 ? end - t : 8;
        for (long j = 0; j < rows; j++) {
          const uint64_t *row = bits + (t + j) * words + first;
          if (used == group) {
            r[j] = *(const VARIANT(Words4) *)row;
          } else {
            for (long w = 0; w < used; w++) r[j][w] = row[w];
          }
        }
        VARIANT(Words4) twos_a = VARIANT(add_bits)(&plane[0], r[0], r[1]);
        VARIANT(Words4) twos_b = VARIANT(add_bits)(&plane[0], r[2], r[3]);
        VARIANT(Words4) fours_a = VARIANT(add_bits)(&plane[1], twos_a, twos_b);
        twos_a = VARIANT(add_bits)(&plane[0], r[4], r[5]);
        twos_b = VARIANT(add_bits)(&plane[0], r[6], r[7]);
        VARIANT(Words4) fours_b = VARIANT(add_bits)(&plane[1], twos_a, twos_b);
        VARIANT(Words4) carry = VARIANT(add_bits)(&plane[2], fours_a, fours_b);
        for (long p = 3; p < planes; p++) {
          VARIANT(Words4) next = plane[p] & carry;
          plane[p] ^= carry;
          carry = next;
        }
      }
      for (long w = 0; w < used; w++) {
        int64_t *out = counts + (first + w) * 64;
        for (long b = 0; b < 64; b += 8) {
          // Eight counters at once, one in each byte.
          uint64_t packed = 0;
          for (long p = 0; p < planes; p++) {
            packed |= VARIANT(spread)((plane[p][w] >> b) & 0xff) << p;
          }
          for (long j = 0; j < 8; j++) out[b + j] += (int64_t)((packed >> (8 * j)) & 0xff);
        }
      }
    }
  }
}

static void VARIANT(five)(const uint64_t *bits, long n, long words, int64_t *counts) {
  for (long t = 0; t + 5 <= n; t++) {
    const uint64_t *a = bits + t * words, *b = a + words, *c = b + words, *d = c + words,
                   *e = d + words;
    int64_t one = 0, two = 0, three = 0, four = 0, five = 0;
    for (long w = 0; w < words; w++) {
      uint64_t half = a[w] ^ b[w];
      uint64_t carry = (a[w] & b[w]) | (half & c[w]);
      uint64_t odd = half ^ c[w];
      uint64_t second_half = odd ^ d[w];
      uint64_t second_carry = (odd & d[w]) | (second_half & e[w]);
      odd = second_half ^ e[w];
      uint64_t twos = carry ^ second_carry, fours = carry & second_carry;
      one += __builtin_popcountll(odd & ~twos & ~fours);
      two += __builtin_popcountll(~odd & twos);
      three += __builtin_popcountll(odd & twos);
      four += __builtin_popcountll(~odd & fours);
      five += __builtin_popcountll(odd & fours);
    }
    counts[1] += one;
    counts[2] += two;
    counts[3] += three;
    counts[4] += four;
    counts[5] += five;
  }
}
