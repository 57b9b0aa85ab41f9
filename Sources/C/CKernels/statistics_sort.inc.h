// Sorting rows in lanes: a part of statistics.inc.h.

// One key in each lane, a magnitude as a float where there are instructions for that: processors
// order two vectors of floats in the time of one of integers. Magnitudes have the same order as both.
#undef LOWER
#undef HIGHER
#if STATISTICS_AVX512
typedef __m512 VARIANT(Keys);
#define LOWER _mm512_min_ps
#define HIGHER _mm512_max_ps
#elif STATISTICS_AVX2
typedef __m256 VARIANT(Keys);
#define LOWER _mm256_min_ps
#define HIGHER _mm256_max_ps
#else
typedef int32_t VARIANT(Keys) __attribute__((vector_size(4 * LANES), aligned(4 * LANES)));
#define LOWER __builtin_elementwise_min
#define HIGHER __builtin_elementwise_max
#endif
// Doubles, and what comparing them gives, for half of the lanes.
typedef float VARIANT(Floats) __attribute__((vector_size(2 * LANES), aligned(4)));
typedef int32_t VARIANT(Integers) __attribute__((vector_size(2 * LANES), aligned(4)));
typedef double VARIANT(Doubles) __attribute__((vector_size(4 * LANES), aligned(8)));
typedef int64_t VARIANT(Longs) __attribute__((vector_size(4 * LANES), aligned(8)));

// The smaller of each lane to a, the larger to b.
#undef EXCHANGE
#define EXCHANGE(a, b) \
  do { \
    VARIANT(Keys) lower = LOWER(a, b); \
    b = HIGHER(a, b); \
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

#if STATISTICS_AVX512
// Sorts sixteen keys in each lane with Green's network of 60 exchanges: 32 registers hold them.
static inline void VARIANT(sort_sixteen)(VARIANT(Keys) *k) {
  VARIANT(Keys) v[16];
  for (int i = 0; i < 16; i++) v[i] = k[i];
#undef AT
#define AT(a, b) EXCHANGE(v[a], v[b])
  AT(0, 1); AT(2, 3); AT(4, 5); AT(6, 7); AT(8, 9); AT(10, 11); AT(12, 13); AT(14, 15);
  AT(0, 2); AT(1, 3); AT(4, 6); AT(5, 7); AT(8, 10); AT(9, 11); AT(12, 14); AT(13, 15);
  AT(0, 4); AT(1, 5); AT(2, 6); AT(3, 7); AT(8, 12); AT(9, 13); AT(10, 14); AT(11, 15);
  AT(0, 8); AT(1, 9); AT(2, 10); AT(3, 11); AT(4, 12); AT(5, 13); AT(6, 14); AT(7, 15);
  AT(5, 10); AT(6, 9); AT(3, 12); AT(13, 14); AT(4, 8); AT(7, 11); AT(1, 2);
  AT(1, 4); AT(7, 13); AT(2, 8); AT(11, 14);
  AT(2, 4); AT(5, 6); AT(9, 10); AT(11, 13); AT(3, 8); AT(7, 12);
  AT(6, 8); AT(10, 12); AT(3, 5); AT(7, 9);
  AT(3, 4); AT(5, 6); AT(7, 8); AT(9, 10); AT(11, 12);
  AT(6, 7); AT(8, 9);
  for (int i = 0; i < 16; i++) k[i] = v[i];
}
#endif

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

// Merges the first p keys in each lane, sorted, with the rest, sorted too and not longer. Whole blocks
// take two rounds at a time, so that keys are loaded and stored half as often.
static void VARIANT(merge_lanes)(VARIANT(Keys) *keys, long count, long p) {
  long k = p;
  if (count == 2 * p && p >= 16) {
    VARIANT(merge_head)(keys, p / 2);
    k = p / 4;
    for (; k >= 16; k /= 4) VARIANT(merge_pair)(keys, count, k / 2);
  }
  for (; k >= 8; k /= 2) VARIANT(merge_round)(keys, count, p, k);
  VARIANT(merge_tail)(keys, count);
}

// Batcher's merge exchange on `count` keys in each lane, ascending; `count` is a multiple of 8. Each
// part is finished before the next one begins: small ones stay in the first-level cache.
static void VARIANT(sort_lanes)(VARIANT(Keys) *keys, long count) {
#if STATISTICS_AVX512
  const long base = 16;
  for (long end = 16; end <= count; end += 16) {
    VARIANT(sort_sixteen)(keys + end - 16);
#else
  const long base = 8;
  for (long end = 8; end <= count; end += 8) {
    VARIANT(sort_eight)(keys + end - 8);
#endif
    // Pairs of whole parts that are complete now, as the carries of counting in such parts.
    for (long p = base; end % (2 * p) == 0; p *= 2) {
      VARIANT(merge_lanes)(keys + end - 2 * p, 2 * p, p);
    }
  }
#if STATISTICS_AVX512
  if (count % 16 != 0) VARIANT(sort_eight)(keys + count - 8);
#endif
  // The parts that found no partner, from the last and smallest.
  long rest = 0;
  for (long p = 8; p <= count; p *= 2) {
    if (count % (2 * p) < p) continue;
    if (rest > 0) VARIANT(merge_lanes)(keys + count - rest - p, rest + p, p);
    rest += p;
  }
}

// Rows of magnitudes, one in each lane; lanes without a row hold zeros, keys beyond the width
// infinity, which the sort leaves at the end.
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
  for (long c = width * LANES; c < (width + 7) / 8 * 8 * LANES; c++) keys[c] = 0x7f800000;
}
