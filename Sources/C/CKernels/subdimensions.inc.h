// The loops, included once for each instruction set. NAME(x) gives the variant's function names.
// No include guard: that is the point.

static void NAME(gather)(const float *x, long x_stride, const int32_t *rows,
                         const int32_t *columns, float *y, long y_stride, long row_count,
                         long width) {
  for (long r = 0; r < row_count; r++) {
    const float *from = x + (rows ? rows[r] : r) * x_stride;
    float *to = y + r * y_stride;
    if (columns) {
      for (long c = 0; c < width; c++) to[c] = from[columns[c]];
    } else {
      memcpy(to, from, (size_t)width * sizeof(float));
    }
  }
}

static void NAME(scatter)(const float *x, long x_stride, const int32_t *rows,
                          const int32_t *columns, float *y, long y_stride, long row_count,
                          long width) {
  for (long r = 0; r < row_count; r++) {
    const float *from = x + r * x_stride;
    float *to = y + (rows ? rows[r] : r) * y_stride;
    if (columns) {
      for (long c = 0; c < width; c++) to[columns[c]] = from[c];
    } else {
      memcpy(to, from, (size_t)width * sizeof(float));
    }
  }
}

static void NAME(add_scattered)(const float *x, long x_stride, const int32_t *rows, float *y,
                                long y_stride, long row_count, long width) {
  for (long r = 0; r < row_count; r++) {
    const float *from = x + r * x_stride;
    float *to = y + (rows ? rows[r] : r) * y_stride;
    for (long c = 0; c < width; c++) to[c] += from[c];
  }
}

static void NAME(weigh)(const float *x, long x_stride, const int32_t *member,
                        const float *weights, long weights_stride, float *y, long y_stride,
                        long row_count, long width) {
  for (long r = 0; r < row_count; r++) {
    const float *from = x + r * x_stride, *weight = weights + r * weights_stride;
    float *to = y + r * y_stride;
    for (long c = 0; c < width; c++) to[c] = from[c] * weight[member[c]];
  }
}

static void NAME(weigh_runs)(float *y, long y_stride, const float *bias, const int32_t *rows,
                             const float *weights, long weights_stride, long row_count,
                             long count, long size) {
  for (long r = 0; r < row_count; r++) {
    const float *weight = weights + (rows ? rows[r] : r) * weights_stride;
    for (long i = 0; i < count; i++) {
      float *run = y + r * y_stride + i * size;
      float w = weight[i];
      if (w == 0) {
        memset(run, 0, (size_t)size * sizeof(float));
      } else if (bias) {
        for (long j = 0; j < size; j++) run[j] = (run[j] + bias[i * size + j]) * w;
      } else if (w != 1) {
        for (long j = 0; j < size; j++) run[j] *= w;
      }
    }
  }
}

static void NAME(energy)(const float *z, long z_stride, const float *norms, const int32_t *order,
                         float *scores, long scores_stride, long row_count, long count,
                         long size) {
  for (long r = 0; r < row_count; r++) {
    const float *row = z + r * z_stride;
    for (long i = 0; i < count; i++) {
#pragma clang fp reassociate(on) contract(fast)
      float sum = 0;
      if (order) {
        for (long j = i * size; j < (i + 1) * size; j++) {
          sum += norms[order[j]] * (row[order[j]] * row[order[j]]);
        }
      } else {
        for (long j = i * size; j < (i + 1) * size; j++) sum += norms[j] * (row[j] * row[j]);
      }
      scores[r * scores_stride + i] = sum;
    }
  }
}

static void NAME(softmax)(float *scores, long stride, const float *bias, long row_count,
                          long width) {
  for (long r = 0; r < row_count; r++) {
    float *row = scores + r * stride;
    float largest = -INFINITY, sum = 0;
    for (long i = 0; i < width; i++) {
      if (bias) row[i] += bias[i];
      largest = row[i] > largest ? row[i] : largest;
    }
    for (long i = 0; i < width; i++) {
      row[i] = expf(row[i] - largest);
      sum += row[i];
    }
    float inverse = 1.0f / sum;
    for (long i = 0; i < width; i++) row[i] *= inverse;
  }
}

static void NAME(monarch_left)(const float *x, long x_stride, const float *left, float *y,
                               long y_stride, long row_count, long blocks, long size) {
  for (long r = 0; r < row_count; r++) {
    const float *from = x + r * x_stride;
    for (long h = 0; h < blocks; h++) {
      float *to = y + r * y_stride + h * size;
      for (long p = 0; p < size; p++) to[p] = left[h * blocks * size + p] * from[p];
      for (long g = 1; g < blocks; g++) {
#pragma clang fp contract(fast)
        const float *factor = left + (h * blocks + g) * size, *block = from + g * size;
        for (long p = 0; p < size; p++) to[p] += factor[p] * block[p];
      }
    }
  }
}

static void NAME(add_squares)(const float *x, long stride, float *sums, long row_count,
                              long width) {
  for (long r = 0; r < row_count; r++) {
#pragma clang fp contract(fast)
    const float *row = x + r * stride;
    for (long c = 0; c < width; c++) sums[c] += row[c] * row[c];
  }
}
