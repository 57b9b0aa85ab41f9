// Included twice by dequantise.c, once for each processor variant; no include guard.
//
// Blocks are read with memcpy or byte by byte: they lie at any address. Formulas and layouts are
// those of the gguf package's numpy dequantisers (gguf/quants.py, 0.19).

// binary16 → Float32, exactly; a signalling NaN becomes quiet, as the hardware does it.
static inline float VARIANT(half)(const uint8_t *bytes) {
  uint16_t bits;
  memcpy(&bits, bytes, 2);
#if defined(MOHD_HAVE_F16C)
  // Through a general register: clang would insert the two bytes into the old vector register, and
  // each block would wait for the one before (measured: twice as slow for Q8_0).
  uint32_t wide = bits;
  __asm__("" : "+r"(wide));
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128((int)wide)));
#else
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
  uint32_t magnitude = bits & 0x7fff;
  uint32_t result;
  float value;
  if (magnitude >= 0x7c00) {
    uint32_t fraction = magnitude & 0x3ff;
    result = sign | 0x7f800000 | (fraction << 13) | (fraction != 0 ? 0x400000 : 0);
  } else if (magnitude >= 0x0400) {
    result = sign | ((magnitude << 13) + (112u << 23));
  } else {
    // A subnormal is a small integer times 2^-24, which Float32 holds exactly.
    float subnormal = (float)(int32_t)magnitude * 0x1p-24f;
    memcpy(&result, &subnormal, 4);
    result |= sign;
  }
  memcpy(&value, &result, 4);
  return value;
#endif
}

static void VARIANT(widen_f16)(
    const uint8_t *restrict source, float *restrict destination, size_t count) {
  size_t i = 0;
#if defined(MOHD_HAVE_F16C)
  for (; i + 8 <= count; i += 8) {
    __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(source + 2 * i));
    _mm256_storeu_ps(destination + i, _mm256_cvtph_ps(halves));
  }
#endif
  for (; i < count; i++) destination[i] = VARIANT(half)(source + 2 * i);
}

static void VARIANT(widen_bf16)(
    const uint8_t *restrict source, float *restrict destination, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint16_t bits;
    memcpy(&bits, source + 2 * i, 2);
    uint32_t wide = (uint32_t)bits << 16;
    memcpy(destination + i, &wide, 4);
  }
}

// x = d (q − 8)
static void VARIANT(widen_q4_0)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 18, x += 32) {
    const float d = VARIANT(half)(block);
    const uint8_t *q = block + 2;
    int8_t n[32];
    for (int i = 0; i < 16; i++) n[i] = (int8_t)((q[i] & 15) - 8);
    for (int i = 0; i < 16; i++) n[i + 16] = (int8_t)((q[i] >> 4) - 8);
    WIDE for (int i = 0; i < 32; i++) x[i] = d * (float)n[i];
  }
}

// x = d q + m
static void VARIANT(widen_q4_1)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 20, x += 32) {
    const float d = VARIANT(half)(block);
    const float m = VARIANT(half)(block + 2);
    const uint8_t *q = block + 4;
    uint8_t n[32];
    for (int i = 0; i < 16; i++) n[i] = q[i] & 15;
    for (int i = 0; i < 16; i++) n[i + 16] = q[i] >> 4;
    WIDE for (int i = 0; i < 32; i++) x[i] = d * (float)n[i] + m;
  }
}

// x = d (q − 16), the fifth bit of q in a word of 32
static void VARIANT(widen_q5_0)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 22, x += 32) {
    const float d = VARIANT(half)(block);
    uint32_t high;
    memcpy(&high, block + 2, 4);
    const uint8_t *q = block + 6;
    uint8_t n[32];
    for (int i = 0; i < 16; i++) n[i] = q[i] & 15;
    for (int i = 0; i < 16; i++) n[i + 16] = q[i] >> 4;
    WIDE for (int i = 0; i < 32; i++) {
      x[i] = d * (float)((int32_t)(n[i] | (high >> i & 1) << 4) - 16);
    }
  }
}

// x = d q + m, the fifth bit of q in a word of 32
static void VARIANT(widen_q5_1)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 24, x += 32) {
    const float d = VARIANT(half)(block);
    const float m = VARIANT(half)(block + 2);
    uint32_t high;
    memcpy(&high, block + 4, 4);
    const uint8_t *q = block + 8;
    uint8_t n[32];
    for (int i = 0; i < 16; i++) n[i] = q[i] & 15;
    for (int i = 0; i < 16; i++) n[i + 16] = q[i] >> 4;
    WIDE for (int i = 0; i < 32; i++) {
      x[i] = d * (float)(int32_t)(n[i] | (high >> i & 1) << 4) + m;
    }
  }
}

// x = q d
static void VARIANT(widen_q8_0)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 34, x += 32) {
    const float d = VARIANT(half)(block);
    int8_t q[32];
    memcpy(q, block + 2, 32);
    WIDE for (int i = 0; i < 32; i++) x[i] = (float)q[i] * d;
  }
}

// The eight 6-bit scales and minima that Q4_K and Q5_K pack into twelve bytes.
static inline void VARIANT(unpack_scales)(const uint8_t *packed, uint8_t *scale, uint8_t *min) {
  for (int i = 0; i < 4; i++) {
    scale[i] = packed[i] & 63;
    min[i] = packed[i + 4] & 63;
    scale[i + 4] = (packed[i + 8] & 15) | (packed[i] >> 2 & 48);
    min[i + 4] = (packed[i + 8] >> 4) | (packed[i + 4] >> 2 & 48);
  }
}

// x = (d s) q − (dmin m), for eight groups of 32
static void VARIANT(widen_q4_k)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 144) {
    const float d = VARIANT(half)(block);
    const float dmin = VARIANT(half)(block + 2);
    uint8_t scale[8], min[8];
    VARIANT(unpack_scales)(block + 4, scale, min);
    const uint8_t *q = block + 16;
    for (int g = 0; g < 8; g += 2, q += 32, x += 64) {
      const float d0 = d * (float)scale[g], m0 = dmin * (float)min[g];
      const float d1 = d * (float)scale[g + 1], m1 = dmin * (float)min[g + 1];
      WIDE for (int i = 0; i < 32; i++) x[i] = d0 * (float)(int32_t)(q[i] & 15) - m0;
      WIDE for (int i = 0; i < 32; i++) x[i + 32] = d1 * (float)(int32_t)(q[i] >> 4) - m1;
    }
  }
}

// x = (d s) q − (dmin m), for eight groups of 32, the fifth bits in 32 bytes of eight groups each
static void VARIANT(widen_q5_k)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 176) {
    const float d = VARIANT(half)(block);
    const float dmin = VARIANT(half)(block + 2);
    uint8_t scale[8], min[8];
    VARIANT(unpack_scales)(block + 4, scale, min);
    const uint8_t *high = block + 16;
    const uint8_t *q = block + 48;
    for (int g = 0; g < 8; g += 2, q += 32, x += 64) {
      const float d0 = d * (float)scale[g], m0 = dmin * (float)min[g];
      const float d1 = d * (float)scale[g + 1], m1 = dmin * (float)min[g + 1];
      WIDE for (int i = 0; i < 32; i++) {
        x[i] = d0 * (float)(int32_t)((q[i] & 15) | ((high[i] >> g & 1) << 4)) - m0;
      }
      WIDE for (int i = 0; i < 32; i++) {
        x[i + 32] = d1 * (float)(int32_t)((q[i] >> 4) | ((high[i] >> (g + 1) & 1) << 4)) - m1;
      }
    }
  }
}

// x = (d s) (q − 32), for sixteen groups of 16: halves of 128 with four planes of 32 each
static void VARIANT(widen_q6_k)(
    const uint8_t *restrict block, float *restrict x, size_t count) {
  for (size_t b = 0; b < count; b++, block += 210) {
    const float d = VARIANT(half)(block + 208);
    const int8_t *scale = (const int8_t *)(block + 192);
    for (int half = 0; half < 2; half++, scale += 8, x += 128) {
      const uint8_t *low = block + 64 * half;
      const uint8_t *high = block + 128 + 32 * half;
      for (int plane = 0; plane < 4; plane++) {
        const uint8_t *q = low + 32 * (plane & 1);
        const int shift = 4 * (plane >> 1);
        for (int part = 0; part < 2; part++) {
          const float ds = d * (float)scale[2 * plane + part];
          float *y = x + 32 * plane + 16 * part;
          const uint8_t *ql = q + 16 * part, *qh = high + 16 * part;
          WIDE for (int i = 0; i < 16; i++) {
            int32_t bits = (ql[i] >> shift & 15) | ((qh[i] >> (2 * plane) & 3) << 4);
            y[i] = ds * (float)(bits - 32);
          }
        }
      }
    }
  }
}

static void VARIANT(widen)(int type, const uint8_t *source, float *destination, size_t count) {
  switch (type) {
    case MOHD_FLOAT32: memcpy(destination, source, 4 * count); break;
    case MOHD_FLOAT16: VARIANT(widen_f16)(source, destination, count); break;
    case MOHD_BFLOAT16: VARIANT(widen_bf16)(source, destination, count); break;
    case MOHD_Q4_0: VARIANT(widen_q4_0)(source, destination, count); break;
    case MOHD_Q4_1: VARIANT(widen_q4_1)(source, destination, count); break;
    case MOHD_Q5_0: VARIANT(widen_q5_0)(source, destination, count); break;
    case MOHD_Q5_1: VARIANT(widen_q5_1)(source, destination, count); break;
    case MOHD_Q8_0: VARIANT(widen_q8_0)(source, destination, count); break;
    case MOHD_Q4_K: VARIANT(widen_q4_k)(source, destination, count); break;
    case MOHD_Q5_K: VARIANT(widen_q5_k)(source, destination, count); break;
    case MOHD_Q6_K: VARIANT(widen_q6_k)(source, destination, count); break;
    default: break;
  }
}
