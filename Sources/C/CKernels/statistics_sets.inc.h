// Sets of dimensions as bits: a part of statistics.inc.h.

// Of the magnitudes that equal the smallest of the set only the first stay: drops from the end until
// the size is right.
static inline void VARIANT(drop_ties)(
    const float *row, long width, int32_t equal, long size, uint64_t *out) {
  long count = 0;
  for (long w = 0; w < (width + 63) / 64; w++) count += __builtin_popcountll(out[w]);
  for (long j = width - 1; count > size; j--) {
    if (magnitude_of(row[j]) == equal) {
      out[j / 64] &= ~((uint64_t)1 << (j % 64));
      count--;
    }
  }
}

#if STATISTICS_AVX512
// One mask for 16 columns: magnitudes of a few tokens stay in the first-level cache while the sets
// are written one after the other.
static void VARIANT(member_bits)(
    const float *x, long stride, long n, long width, const int32_t *thresholds,
    const int32_t *ties, long set_count, uint64_t *bits) {
  enum { tile_size = 4096 };
  int32_t tile[tile_size] __attribute__((aligned(64)));
  const __m512i positive = _mm512_set1_epi32(0x7fffffff), never = _mm512_set1_epi32(INT32_MIN);
  const long words = (width + 63) / 64;
  const long columns = words * 64 < tile_size ? words * 64 : tile_size;
  const long rows = tile_size / columns;
  for (long first = 0; first < n; first += rows) {
    const long count = n - first < rows ? n - first : rows;
    for (long left = 0; left < width; left += columns) {
      for (long t = 0; t < count; t++) {
        const float *row = x + (first + t) * stride;
        for (long i = 0; i < columns; i += 16) {
          // The next tile, while the sets of this one are written.
          __builtin_prefetch(row + left + i + tile_size);
          // Columns beyond the width are in no set.
          const long more = width - left - i;
          const __mmask16 some = more >= 16 ? 0xffff : more > 0 ? (__mmask16)((1 << more) - 1) : 0;
          __m512i values = _mm512_maskz_loadu_epi32(some, more > 0 ? row + left + i : row);
          _mm512_store_si512(
              tile + t * columns + i, _mm512_mask_and_epi32(never, some, values, positive));
        }
      }
      const long own_words = words - left / 64 < columns / 64 ? words - left / 64 : columns / 64;
      for (long s = 0; s < set_count; s++) {
        for (long t = 0; t < count; t++) {
          const __m512i limit = _mm512_set1_epi32(thresholds[s * n + first + t]);
          const int32_t *own = tile + t * columns;
          char *out = (char *)(bits + (s * n + first + t) * words + left / 64);
          for (long i = 0; i < own_words; i++, own += 64) {
            __mmask16 a = _mm512_cmpgt_epi32_mask(_mm512_load_si512(own), limit);
            __mmask16 b = _mm512_cmpgt_epi32_mask(_mm512_load_si512(own + 16), limit);
            __mmask16 c = _mm512_cmpgt_epi32_mask(_mm512_load_si512(own + 32), limit);
            __mmask16 d = _mm512_cmpgt_epi32_mask(_mm512_load_si512(own + 48), limit);
            memcpy(out + i * 8, &a, 2);
            memcpy(out + i * 8 + 2, &b, 2);
            memcpy(out + i * 8 + 4, &c, 2);
            memcpy(out + i * 8 + 6, &d, 2);
          }
        }
      }
    }
    for (long s = 0; s < set_count; s++) {
      for (long t = first; t < first + count; t++) {
        if (ties[s * n + t] == 0) continue;
        VARIANT(drop_ties)(
            x + t * stride, width, thresholds[s * n + t] + 1, ties[s * n + t],
            bits + (s * n + t) * words);
      }
    }
  }
}
#else
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
      VARIANT(drop_ties)(
          row, width, thresholds[s * threshold_stride + t] + 1, size,
          bits + s * set_stride + t * words);
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
#endif

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
  int64_t one = 0, two = 0, three = 0, four = 0, five = 0;
  const uint64_t *a = bits, *b = a + words, *c = b + words, *d = c + words, *e = d + words;
  // Rows follow each other without gaps, and so do the windows' words.
  for (long i = 0; i < (n - 4) * words; i++) {
    uint64_t half = a[i] ^ b[i];
    uint64_t carry = (a[i] & b[i]) | (half & c[i]);
    uint64_t odd = half ^ c[i];
    uint64_t second_half = odd ^ d[i];
    uint64_t second_carry = (odd & d[i]) | (second_half & e[i]);
    odd = second_half ^ e[i];
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
