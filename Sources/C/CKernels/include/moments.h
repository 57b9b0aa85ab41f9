// Sums of second moments, for Kernels.DoubleMatrix.
#pragma once

// sums[i] += x[i], widened.
void moments_add_widened(const float *x, long count, double *sums);
