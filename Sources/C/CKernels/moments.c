#include "include/moments.h"

void moments_add_widened(const float *x, long count, double *sums) {
  for (long i = 0; i < count; i++) sums[i] += x[i];
}
