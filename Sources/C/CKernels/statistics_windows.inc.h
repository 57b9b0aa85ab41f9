// Intersections of consecutive sets: a part of statistics.inc.h.

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

#if STATISTICS_AVX512
// Four steps at once, with rows loaded and stored once: rows[i] &= other[i], and so on with the three
// rows that follow; the bits left after each step are added to counts[0…3].
static void VARIANT(intersect_four)(
    uint64_t *rows, const uint64_t *other, long words, long count, int64_t *counts) {
  __m512i left[4];
  for (int j = 0; j < 4; j++) left[j] = _mm512_setzero_si512();
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    __m512i bits = _mm512_loadu_si512(rows + i);
    for (int j = 0; j < 4; j++) {
      bits = _mm512_and_si512(bits, _mm512_loadu_si512(other + j * words + i));
      left[j] = _mm512_add_epi64(left[j], _mm512_popcnt_epi64(bits));
    }
    _mm512_storeu_si512(rows + i, bits);
  }
  for (; i < count; i++) {
    for (int j = 0; j < 4; j++) {
      rows[i] &= other[j * words + i];
      counts[j] += __builtin_popcountll(rows[i]);
    }
  }
  for (int j = 0; j < 4; j++) counts[j] += _mm512_reduce_add_epi64(left[j]);
}
#endif

static void VARIANT(windows)(
    const uint64_t *bits, long n, long words, long longest, uint64_t *scratch, int64_t *counts) {
  // Tiles of rows whose bits stay in the first-level cache while windows grow.
  long tile = 16384 / (words * 8);
  if (tile < 32) tile = 32;
  for (long start = 0; start < n; start += tile) {
    long rows = n - start < tile ? n - start : tile;
    memcpy(scratch, bits + start * words, sizeof(uint64_t) * (size_t)(rows * words));
    counts[1] += VARIANT(intersect)(scratch, scratch, rows * words);
    long w = 2;
#if STATISTICS_AVX512
    // As long as no window reaches beyond the end.
    for (; w + 3 <= longest && start + rows + w + 2 <= n; w += 4) {
      int64_t before = counts[w + 3];
      VARIANT(intersect_four)(
          scratch, bits + (start + w - 1) * words, words, rows * words, counts + w);
      if (counts[w + 3] == before) break;
    }
    // Nothing is left of any window.
    if (w + 3 <= longest && start + rows + w + 2 <= n) continue;
#endif
    for (; w <= longest; w++) {
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
