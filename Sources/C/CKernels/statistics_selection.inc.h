// Counts towards exact quantiles: a part of statistics.inc.h.

static void VARIANT(histogram)(
    const float *x, long stride, long n, long width, uint64_t *bins) {
  for (long t = 0; t < n; t++) {
    const float *row = x + t * stride;
    long i = 0;
    for (; i + 4 <= width; i += 4) {
      uint64_t two, more;
      memcpy(&two, row + i, sizeof two);
      memcpy(&more, row + i + 2, sizeof more);
      bins[two >> 16 & 0x7fff] += 1;
      bins[two >> 48 & 0x7fff] += 1;
      bins[more >> 16 & 0x7fff] += 1;
      bins[more >> 48 & 0x7fff] += 1;
    }
    for (; i < width; i++) bins[magnitude_of(row[i]) >> 16] += 1;
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

// Appends the magnitudes whose upper half is one of `uppers` to `out`, in any order; `out` has room
// for `count` + 16. Returns how many.
static inline long VARIANT(filter_uppers)(
    const float *x, long count, const int16_t *uppers, long upper_count, UpperTable table,
    int32_t *out) {
  long found = 0, i = 0;
#if STATISTICS_AVX512
  const __m512i positive = _mm512_set1_epi32(0x7fffffff);
  const __m512i factors = _mm512_set1_epi16(table.factor);
  const __m512i slots = _mm512_loadu_si512(table.uppers);
  for (; i + 32 <= count; i += 32) {
    // Rows come from memory again.
    __builtin_prefetch(x + i + 2048);
    __builtin_prefetch(x + i + 2064);
    __m512i a = _mm512_and_si512(_mm512_loadu_si512(x + i), positive);
    __m512i b = _mm512_and_si512(_mm512_loadu_si512(x + i + 16), positive);
    // Upper halves: of a in the odd places, of b in the even ones.
    __m512i both = _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(b, 16), a);
    uint32_t mask;
    if (table.factor != 0) {
      __m512i slot = _mm512_srli_epi16(_mm512_mullo_epi16(both, factors), 11);
      mask = _mm512_cmpeq_epi16_mask(_mm512_permutexvar_epi16(slot, slots), both);
    } else {
      // Zero where one of the differences is.
      __m512i least = _mm512_set1_epi16(-1);
      for (long c = 0; c < upper_count; c++) {
        least = _mm512_min_epu16(least, _mm512_xor_si512(both, _mm512_set1_epi16(uppers[c])));
      }
      mask = _mm512_testn_epi16_mask(least, least);
    }
    __mmask16 of_a = (__mmask16)_pext_u32(mask, 0xaaaaaaaa);
    __mmask16 of_b = (__mmask16)_pext_u32(mask, 0x55555555);
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(of_a, a));
    found += __builtin_popcount(of_a);
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(of_b, b));
    found += __builtin_popcount(of_b);
  }
#elif STATISTICS_AVX2
  const __m256i upper_half = _mm256_set1_epi32(0x7fff);
  for (; i + 16 <= count; i += 16) {
    __m256i a = _mm256_loadu_si256((const __m256i *)(x + i));
    __m256i b = _mm256_loadu_si256((const __m256i *)(x + i + 8));
    a = _mm256_and_si256(_mm256_srli_epi32(a, 16), upper_half);
    b = _mm256_and_si256(_mm256_srli_epi32(b, 16), upper_half);
    // In each half of the vector: four of a, then four of b.
    __m256i both = _mm256_packs_epi32(a, b);
    __m256i any = _mm256_setzero_si256();
    for (long c = 0; c < upper_count; c++) {
      any = _mm256_or_si256(any, _mm256_cmpeq_epi16(both, _mm256_set1_epi16(uppers[c])));
    }
    uint32_t mask = (uint32_t)_mm256_movemask_epi8(any) & 0x55555555;
    while (mask != 0) {
      long place = __builtin_ctz(mask) / 2;
      mask &= mask - 1;
      out[found++] = magnitude_of(x[i + ((place & 3) | (place & 4) << 1 | (place & 8) >> 1)]);
    }
  }
#endif
  for (; i < count; i++) {
    int32_t magnitude = magnitude_of(x[i]), is_one = 0;
    for (long c = 0; c < upper_count; c++) is_one |= magnitude >> 16 == uppers[c];
    out[found] = magnitude;
    found += is_one;
  }
  return found;
}

static void VARIANT(count_brackets)(
    const float *x, long stride, long n, long width, const int16_t *uppers, long upper_count,
    const int32_t *limits, long limit_count, int64_t *below, long bracket_count,
    uint64_t *fine) {
  enum { block = 1024 };
  // Magnitudes, and which stretch of 2048 they lie in, counted from 0 and from 1024.
  int32_t magnitudes[block + 16], stretches[2][block + 16];
  const UpperTable table = upper_table(uppers, upper_count);
  long count = 0;
  for (long t = 0; t < n; t++) {
    for (long start = 0; start < width || (t == n - 1 && count > 0);) {
      if (start < width) {
        long room = block - count, more = width - start < room ? width - start : room;
        count += VARIANT(filter_uppers)(
            x + t * stride + start, more, uppers, upper_count, table, magnitudes + count);
        start += more;
        // Gathers until there is little room, or nothing more.
        if (block - count >= 64 && (t < n - 1 || start < width)) continue;
      }
      for (long i = 0; i < count; i++) {
        stretches[0][i] = magnitudes[i] >> 11;
        stretches[1][i] = (magnitudes[i] + 1024) >> 11;
      }
      for (long c = 0; c < limit_count; c++) {
        below[c] += VARIANT(count_less)(magnitudes, count, limits[c]);
      }
      for (long c = 0; c < bracket_count; c++) {
        long shift = (limits[c] >> 10) & 1;
        const int32_t *own = stretches[shift];
        int32_t stretch = (limits[c] + 1024 * (int32_t)shift) >> 11;
#if STATISTICS_AVX512
        const __m512i wanted = _mm512_set1_epi32(stretch);
        for (long i = 0; i < count; i += 16) {
          uint32_t mask = _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(own + i), wanted);
          if (count - i < 16) mask &= (1u << (count - i)) - 1;
          for (; mask != 0; mask &= mask - 1) {
            fine[c * 2048 + magnitudes[i + __builtin_ctz(mask)] - limits[c]] += 1;
          }
        }
#else
        if (VARIANT(count_equal)(own, count, stretch) == 0) continue;
        for (long i = 0; i < count; i++) {
          if (own[i] == stretch) fine[c * 2048 + magnitudes[i] - limits[c]] += 1;
        }
#endif
      }
      count = 0;
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
