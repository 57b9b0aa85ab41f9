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

static void NAME(weigh)(const float *x, long x_stride, const int32_t *member,
                        const float *weights, long weights_stride, float *y, long y_stride,
                        long row_count, long width) {
  for (long r = 0; r < row_count; r++) {
    const float *from = x + r * x_stride, *weight = weights + r * weights_stride;
    float *to = y + r * y_stride;
    for (long c = 0; c < width; c++) to[c] = from[c] * weight[member[c]];
  }
}

static void NAME(weigh_runs)(float *y, long y_stride, const float *weights, long weights_stride,
                             long row_count, long count, long size) {
  for (long r = 0; r < row_count; r++) {
    const float *weight = weights + r * weights_stride;
    for (long i = 0; i < count; i++) {
      float *run = y + r * y_stride + i * size;
      float w = weight[i];
      if (w == 0) {
        memset(run, 0, (size_t)size * sizeof(float));
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
    if (size == 1) {
      float *score = scores + r * scores_stride;
      if (order) {
        for (long i = 0; i < count; i++) {
          score[i] = norms[order[i]] * (row[order[i]] * row[order[i]]);
        }
      } else {
        for (long i = 0; i < count; i++) score[i] = norms[i] * (row[i] * row[i]);
      }
      continue;
    }
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

// The k-th largest of n integers, k in 1…n, by halving the range of values: counting needs no
// branches, unlike putting them in order.
static int32_t NAME(largest)(const int32_t *values, long n, long k) {
  int32_t least = values[0], greatest = values[0];
  for (long i = 1; i < n; i++) {
    least = values[i] < least ? values[i] : least;
    greatest = values[i] > greatest ? values[i] : greatest;
  }
  // At least k values reach `low`, fewer than k exceed `high`.
  int64_t low = least, high = greatest;
  while (low < high) {
    int32_t middle = (int32_t)(low + (high - low + 1) / 2), count = 0;
    for (long i = 0; i < n; i++) count += values[i] >= middle;
    if (count < k) {
      high = (int64_t)middle - 1;
    } else if (count > k) {
      low = middle;
    } else {
      // The smallest of exactly k.
      for (long i = 0; i < n; i++) {
        int32_t value = values[i] >= middle ? values[i] : INT32_MAX;
        greatest = value < greatest ? value : greatest;
      }
      return greatest;
    }
  }
  return (int32_t)low;
}

static void NAME(choose)(const float *scores, long scores_stride, float *active, long active_stride,
                         long row_count, long width, long shared, long chosen, int32_t *scratch) {
  for (long r = 0; r < row_count; r++) {
    const float *score = scores + r * scores_stride;
    float *member = active + r * active_stride;
    for (long i = 0; i < shared; i++) member[i] = 1;
    if (chosen <= 0) {
      for (long i = shared; i < width; i++) member[i] = 0;
      continue;
    }
    for (long i = shared; i < width; i++) scratch[i - shared] = ordered(score[i]);
    int32_t threshold = NAME(largest)(scratch, width - shared, chosen);
    long above = 0, equal = 0;
    for (long i = shared; i < width; i++) {
      int32_t key = scratch[i - shared];
      above += key > threshold;
      equal += key == threshold;
    }
    if (above + equal == chosen) {
      for (long i = shared; i < width; i++) member[i] = scratch[i - shared] >= threshold;
      continue;
    }
    // Of equal scores the first.
    long ties = chosen - above;
    for (long i = shared; i < width; i++) {
      int32_t key = scratch[i - shared];
      member[i] = key > threshold || (key == threshold && ties-- > 0);
    }
  }
}
