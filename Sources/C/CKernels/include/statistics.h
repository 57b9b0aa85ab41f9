// Inner loops of the statistics: order within a token, sets of dimensions, sums and counts.
//
// A run is `n` rows of `width` floats, `stride` floats apart, all finite. A magnitude is the bit
// pattern of |x| as an int32: for floats of one sign, order of patterns is order of values.
// `variant` is 0 for portable code, 1 for AVX2, 2 for AVX-512. Every integer result is the same for
// all variants.
#pragma once
#include <stdint.h>

// The highest variant that this processor can run.
int statistics_best_variant(void);

// Values that are NaN or infinite, for each row.
void statistics_non_finite(
    int variant, const float *x, long stride, long n, long width, int32_t *counts);

// Adds x, |x| and x² to one sum for each dimension; x³ and x⁴ of all to `powers`.
void statistics_moments(
    int variant, const float *x, long stride, long n, long width, double *sum, double *magnitude,
    double *square, double *powers);

// What the order of magnitudes within each token tells.
typedef struct {
  long curve_count;           // points of the curve of top-k shares
  const int64_t *curve;       // k of each point, 1…width
  long top_count;             // sets of the k largest
  const int64_t *top;         // k of each
  long share_count;           // smallest sets that hold a share of Σx²
  const double *shares;       // shares in 0…1
  long maximum_count;         // sets at or above a fraction of the maximum
  const double *maximum_fractions;
  long limit_count;           // magnitudes below limits are counted
  const int32_t *limits;
} StatisticsOrderPlan;

// Sorts each token's magnitudes and adds, over the run's tokens in order:
// - squared, absolute [curve_count]: the share of Σx² and Σ|x| in the k largest;
// - hoyer [1]: (√D − Σ|x|/√Σx²) / (√D − 1);
// - zero_tokens [1]: tokens of zeros only, which add nothing to the sums above;
// - below [limit_count]: magnitudes below each limit.
// Raises maximum [1] to the largest magnitude.
// And writes for each set of `top`, `shares`, `maximum_fractions` in that order:
// - thresholds [sets][n]: the set is the magnitudes strictly above this …
// - ties [sets][n]: … and if not 0, of those equal to it + 1 only the first ones, up to this size.
// `scratch` holds at least `statistics_order_scratch(width, curve_count)` bytes, 64-byte aligned.
long statistics_order_scratch(long width, long curve_count);
void statistics_order(
    int variant, const float *x, long stride, long n, long width, const StatisticsOrderPlan *plan,
    double *squared, double *absolute, double *hoyer, int64_t *zero_tokens, int64_t *below,
    int32_t *maximum, int32_t *thresholds, int32_t *ties, void *scratch);

// Adds to counts[i] the rows in which dimension i is above `limit`.
void statistics_count_above_by_dimension(
    int variant, const float *x, long stride, long n, long width, int32_t limit, int64_t *counts);

// Adds one to bins[magnitude >> 16] for each magnitude: 32768 bins.
void statistics_histogram(
    int variant, const float *x, long stride, long n, long width, uint64_t *bins);

// Of the magnitudes whose upper half (magnitude >> 16) is one of `uppers`, adds to below[c] those
// below limits[c]. The first `bracket_count` limits are multiples of 1024 and begin brackets of
// 2048: adds one to fine[c · 2048 + magnitude − limits[c]] for each magnitude within.
void statistics_count_brackets(
    int variant, const float *x, long stride, long n, long width, const int16_t *uppers,
    long upper_count, const int32_t *limits, long limit_count, int64_t *below,
    long bracket_count, uint64_t *fine);

// Looks into some whole bins of the histogram, for data that brackets miss. Bracket c is the upper
// half uppers[c], ascending, repeated if need be, with the 2048 lower halves from starts[c]. Of the
// magnitudes with that upper half:
// - coarse[c][lower half >> 5] counts them, [brackets][2048];
// - single[c][lower half >> 5] is 1 + the low five bits where all have the same, 255 where not;
// - fine[c][lower half − start] counts those within the bracket, [brackets][2048].
void statistics_histogram_lower(
    int variant, const float *x, long stride, long n, long width, const int16_t *uppers,
    const int32_t *starts, long bracket_count, uint64_t *coarse, uint8_t *single,
    uint64_t *fine);

// y[i] = x[i], widened: `count` numbers.
void statistics_widen(const float *x, long count, double *y);

// bits[s][t][words]: membership of each dimension in set s of token t; see `statistics_order`.
// words = ⌈width / 64⌉; bits beyond the width are 0.
void statistics_member_bits(
    int variant, const float *x, long stride, long n, long width, const int32_t *thresholds,
    const int32_t *ties, long set_count, uint64_t *bits);

// Adds to counts[w] for w = 1…longest the sizes of the intersections of w consecutive rows of bits.
// `scratch` holds n · words.
void statistics_windows(
    int variant, const uint64_t *bits, long n, long words, long longest, uint64_t *scratch,
    int64_t *counts);

// Adds to counts[i] the rows of bits that have bit i: words · 64 counts.
void statistics_bit_counts(
    int variant, const uint64_t *bits, long n, long words, int64_t *counts);

// Adds to counts[c] for c = 1…5 the bits that stand in exactly c rows of each 5 consecutive ones.
void statistics_five(int variant, const uint64_t *bits, long n, long words, int64_t *counts);

// The next number of a xoshiro256** generator; `state` must not be all zero.
uint64_t statistics_random(uint64_t state[4]);

// Shuffles each row of [rows, columns] by its own order of the generator (Fisher and Yates).
void statistics_shuffle_rows(float *x, long rows, long columns, uint64_t state[4]);

// Fills with independent standard Gaussian numbers (Box and Muller).
void statistics_gaussian(float *x, long count, uint64_t state[4]);
