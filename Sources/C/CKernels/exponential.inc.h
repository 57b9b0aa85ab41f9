// Included once for each instruction set. NAME(x) gives the variant's function names.
// No include guard: that is the point.

// exp(x) for |x| below about 87, clamped beyond: x = n·ln 2 + r, a polynomial of degree 6 in r,
// then n goes into the exponent. Largest relative error 2.9e-7 over the range.
static inline float NAME(exponential)(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifter = 12582912.0f;  // 1.5·2²³: adding it rounds to an integer
  float n = x * 1.44269504f + shifter;
  n -= shifter;
  float r = x - n * 0.693145752f - n * 1.42860677e-6f;
  float p = 1.3888889e-3f;
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t exponent = (int32_t)n;
  union { int32_t bits; float value; } power = {(exponent + 127) << 23};
  return p * power.value;
}
