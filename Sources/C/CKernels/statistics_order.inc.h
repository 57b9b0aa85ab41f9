// Order within a token: a part of statistics.inc.h.

// The values of half of the lanes.
static inline VARIANT(Doubles) VARIANT(widened)(const float *keys) {
  return __builtin_convertvector(*(const VARIANT(Floats) *)keys, VARIANT(Doubles));
}

// The smallest magnitudes at or above limits, none of them negative.
static inline void VARIANT(smallest_from)(VARIANT(Doubles) limits, int32_t *magnitudes) {
  // The conversion rounds to the nearest.
  VARIANT(Floats) nearest = __builtin_convertvector(limits, VARIANT(Floats));
  VARIANT(Longs) is_less = __builtin_convertvector(nearest, VARIANT(Doubles)) < limits;
  *(VARIANT(Integers) *)magnitudes =
      (VARIANT(Integers))nearest - __builtin_convertvector(is_less, VARIANT(Integers));
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
    // Squares and magnitudes of the first and of the second half of the lanes.
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
    for (long s = 0; s < plan->top_count; s++) {
      long size = plan->top[s];
      const int32_t *smallest = keys + (width - size) * lanes;
      // The largest that is not in the set; where all are, none equals the smallest.
      const int32_t *outside = size < width ? smallest - lanes : keys + width * lanes;
      int32_t *own_thresholds = thresholds + s * n + start, *own_ties = ties + s * n + start;
      for (long l = 0; l < count; l++) {
        own_thresholds[l] = smallest[l] - 1;
        own_ties[l] = size < width && outside[l] == smallest[l] ? (int32_t)size : 0;
      }
    }
    for (long e = 0; e < plan->share_count; e++) {
      VARIANT(Doubles) wanted_low = plan->shares[e] * s, wanted_high = plan->shares[e] * t;
      VARIANT(Longs) short_low = {0}, short_high = {0};
      for (long i = 0; i < width / 8; i++) {
        short_low -= *(const VARIANT(Doubles) *)(eighths + i * lanes) < wanted_low;
        short_high -= *(const VARIANT(Doubles) *)(eighths + i * lanes + half) < wanted_high;
      }
      int64_t below_share[LANES];
      *(VARIANT(Longs) *)below_share = short_low;
      *(VARIANT(Longs) *)(below_share + half) = short_high;
      int32_t *own_thresholds = thresholds + (plan->top_count + e) * n + start;
      int32_t *own_ties = ties + (plan->top_count + e) * n + start;
      for (long l = 0; l < count; l++) {
        double wanted = plan->shares[e] * all_squares[l];
        if (!(wanted > 0)) {
          own_thresholds[l] = 0x7fffffff;
          own_ties[l] = 0;
          continue;
        }
        // The first prefix that reaches the share: within the eight, the same sum again.
        long low = below_share[l];
        double sum = low > 0 ? eighths[(low - 1) * lanes + l] : 0;
        const int32_t *key = keys + (width - 1 - low * 8) * lanes + l;
        long size = low * 8 + 1, rest = low < width / 8 ? 7 : width - size;
        for (long j = 0; j < rest; j++, key -= lanes) {
          double value = value_of(*key);
          sum += value * value;
          size += sum < wanted;
        }
        int32_t smallest = keys[(width - size) * lanes + l];
        own_thresholds[l] = smallest - 1;
        own_ties[l] =
            size < width && keys[(width - size - 1) * lanes + l] == smallest ? (int32_t)size : 0;
      }
    }
    const int32_t *largest = keys + (width - 1) * lanes;
    VARIANT(Doubles) top_low = VARIANT(widened)((const float *)largest);
    VARIANT(Doubles) top_high = VARIANT(widened)((const float *)largest + half);
    for (long f = 0; f < plan->maximum_count; f++) {
      long place = (plan->top_count + plan->share_count + f) * n + start;
      int32_t own[LANES];
      VARIANT(smallest_from)(plan->maximum_fractions[f] * top_low, own);
      VARIANT(smallest_from)(plan->maximum_fractions[f] * top_high, own + half);
      for (long l = 0; l < count; l++) {
        thresholds[place + l] = own[l] - 1;
        ties[place + l] = 0;
      }
    }
  }
}
