// The products, included once for each instruction set. NAME(x) gives the variant's names, LANES the
// floats of one register, STRIP the rows whose sums fit into the registers beside a tile's weights.
// No include guard: that is the point.

typedef float NAME(vector) __attribute__((vector_size(4 * LANES)));
typedef float NAME(unaligned) __attribute__((vector_size(4 * LANES), aligned(4)));
typedef float NAME(eight) __attribute__((vector_size(32), aligned(4)));

enum { NAME(tile_width) = 2 * LANES };

// Transposes 8 × 8 numbers: rows of `from` become columns of `to`.
static inline __attribute__((always_inline)) void NAME(transpose)(
    const float *const from[8], long offset, float *const to[8]) {
  NAME(eight) a[8], b[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) a[i] = *(const NAME(eight) *)(from[i] + offset);
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {
    b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 4) {
    a[i] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    a[i + 1] = __builtin_shufflevector(b[i], b[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    a[i + 2] = __builtin_shufflevector(b[i + 1], b[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    a[i + 3] = __builtin_shufflevector(b[i + 1], b[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    b[i + 4] = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  // In order: `pack_strip` lets one overwrite the end of the one before.
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) *(NAME(eight) *)to[i] = b[i];
}

static void NAME(pack)(const float *w, long stride, long height, long width,
                       const int32_t *places, float *tile) {
  const long tile_width = NAME(tile_width);
  if (height < tile_width) {
    for (long p = 0; p < width; p++) {
      long place = places ? places[p] : p;
      if (place < 0) continue;
      for (long c = 0; c < tile_width; c++) {
        tile[place * tile_width + c] = c < height ? w[c * stride + p] : 0;
      }
    }
    return;
  }
  long p = 0;
  for (; p + 8 <= width; p += 8) {
    for (long c = 0; c < tile_width; c += 8) {
      const float *from[8];
      float nowhere[8], *to[8];
      for (int i = 0; i < 8; i++) {
        long place = places ? places[p + i] : p + i;
        from[i] = w + (c + i) * stride;
        to[i] = place < 0 ? nowhere : tile + place * tile_width + c;
      }
      NAME(transpose)(from, p, to);
    }
  }
  for (; p < width; p++) {
    long place = places ? places[p] : p;
    if (place < 0) continue;
    for (long c = 0; c < tile_width; c++) tile[place * tile_width + c] = w[c * stride + p];
  }
}

// strip[p · STRIP + r] = x[r][p] for the inputs first … first + count - 1.
static void NAME(pack_strip)(const float *const rows[STRIP], long first, long count,
                             float *strip) {
  // Eight rows at a time; where STRIP is no multiple of eight, the last eight overlap those before
  // them, or write into the next input's, which come later.
  long p = 0;
  for (; p + 8 <= count; p += 8) {
    for (int r = 0;;) {
      const float *from[8];
      float *to[8];
      for (int i = 0; i < 8; i++) {
        from[i] = rows[r + i < STRIP ? r + i : STRIP - 1];
        to[i] = strip + (p + i) * STRIP + r;
      }
      NAME(transpose)(from, first + p, to);
      if (r + 8 >= STRIP) break;
      r = r + 16 <= STRIP ? r + 8 : STRIP - 8;
    }
  }
  for (; p < count; p++) {
    for (int r = 0; r < STRIP; r++) strip[p * STRIP + r] = rows[r][first + p];
  }
}

// The same where x lies turned: strip[p · STRIP + r] = x[inputs[p]][column + r], for r < height.
static void NAME(copy_strip)(const float *x, long stride, const int32_t *inputs, long column,
                             long height, long first, long count, float *strip) {
  if (height >= STRIP) {
    for (long p = 0; p < count; p++, strip += STRIP) {
      const long at = inputs ? inputs[first + p] : first + p;
      memcpy(strip, x + at * stride + column, STRIP * sizeof(float));
    }
    return;
  }
  for (long p = 0; p < count; p++, strip += STRIP) {
    const float *from = x + (inputs ? inputs[first + p] : first + p) * stride + column;
    for (long r = 0; r < STRIP; r++) strip[r] = r < height ? from[r] : 0;
  }
}

// out[r] + offset (+)= Σ_p strip[p · STRIP + r] · tile[p], over the runs' inputs of the tile in turn.
//
// Meanwhile the weights of the tile after this one are fetched, the part `part` of `part_count`: a
// large model's come from memory, too late if they are asked for when they are needed.
static void NAME(strip)(const struct mohd_run *runs, long run_count, const float *strip,
                        const float *tile, const float *next, long part, long part_count,
                        float *const out[STRIP], long offset, bool adding) {
#pragma clang fp contract(fast)
  NAME(vector) sums[STRIP][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < STRIP; r++) {
    const float *at = out[r] + offset;
    sums[r][0] = adding ? *(const NAME(unaligned) *)at : (NAME(vector)){0};
    sums[r][1] = adding ? *(const NAME(unaligned) *)(at + LANES) : (NAME(vector)){0};
  }
  for (long run = 0; run < run_count; run++) {
    const float *weights = tile + runs[run].start * NAME(tile_width);
    const long step = (NAME(tile_width) + part_count - 1) / part_count;
    const float *ahead = next + runs[run].start * NAME(tile_width) + part * step * runs[run].count;
    for (long p = 0; p < runs[run].count; p++) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += step;
      const NAME(vector) left = *(const NAME(unaligned) *)weights;
      const NAME(vector) right = *(const NAME(unaligned) *)(weights + LANES);
#pragma clang loop unroll(full)
      for (int r = 0; r < STRIP; r++) {
        sums[r][0] += strip[r] * left;
        sums[r][1] += strip[r] * right;
      }
      strip += STRIP;
      weights += NAME(tile_width);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < STRIP; r++) {
    *(NAME(unaligned) *)(out[r] + offset) = sums[r][0];
    *(NAME(unaligned) *)(out[r] + offset + LANES) = sums[r][1];
  }
}

// The part of some runs that a block of inputs covers: inputs skip … skip + limit - 1, counted over
// all runs. Returns how many inputs that are.
static long NAME(cut)(const struct mohd_product *product, long skip, long limit,
                         struct mohd_run *runs, long capacity, long *run_count) {
  long covered = 0;
  *run_count = 0;
  for (long i = 0; i < product->run_count && covered < limit && *run_count < capacity; i++) {
    struct mohd_run run = product->runs[i];
    long skipped = skip < run.count ? skip : run.count;
    skip -= skipped;
    run.start += skipped;
    run.count -= skipped;
    if (run.count > limit - covered) run.count = limit - covered;
    if (run.count == 0) continue;
    runs[(*run_count)++] = run;
    covered += run.count;
  }
  return covered;
}

// Puts a tile of sums where its columns belong, in the rows that start at y[0], y[1], …
static void NAME(place)(const struct mohd_product *product, long tile, float *const *y,
                        long height, const float *sums) {
  const int32_t *columns = product->columns + tile * NAME(tile_width);
  long count = NAME(tile_width);
  while (count > 0 && columns[count - 1] < 0) count--;
  for (long r = 0; r < height; r++, sums += NAME(tile_width)) {
    float *row = y[r];
    if (product->is_plain[tile]) {
      row += columns[0];
      for (long c = 0; c < count; c++) row[c] = product->adding ? row[c] + sums[c] : sums[c];
    } else if (product->adding) {
      for (long c = 0; c < count; c++) row[columns[c]] += sums[c];
    } else {
      for (long c = 0; c < count; c++) row[columns[c]] = sums[c];
    }
  }
}

enum { NAME(run_capacity) = 64 };

static void NAME(multiply)(const struct mohd_product *product) {
  if (product->row_count <= 0) return;
  const long tile_width = NAME(tile_width);
  float *x = product->scratch, *waiting = x + BLOCK_ROWS * BLOCK_INPUTS + 64;
  float sums[STRIP * NAME(tile_width)], *to_sums[STRIP], *y[BLOCK_ROWS];
  for (int i = 0; i < STRIP; i++) to_sums[i] = sums + i * tile_width;
  struct mohd_run runs[NAME(run_capacity)];
  long run_count;
  const long covered =
      NAME(cut)(product, 0, BLOCK_INPUTS, runs, NAME(run_capacity), &run_count);
  long total = 0;
  for (long i = 0; i < product->run_count; i++) total += product->runs[i].count;
  // With one block of inputs no sum has to wait, and all tiles can follow each other.
  const bool waits = covered < total;
  const long tile_limit = waits ? BLOCK_OUTPUTS / tile_width : product->tile_count;

  // Blocks of rows as even as strips allow: each reads all weights.
  const long block_count = (product->row_count + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const long even = (product->row_count + block_count - 1) / block_count;
  const long height = (even + STRIP - 1) / STRIP * STRIP;
  for (long row = 0; row < product->row_count; row += height) {
    const long block = product->row_count - row < height ? product->row_count - row : height;
    for (long r = 0; r < block; r++) {
      long at = product->rows ? product->rows[row + r] : row + r;
      y[r] = product->y + at * product->y_stride;
    }
    for (long first_tile = 0; first_tile < product->tile_count; first_tile += tile_limit) {
      const long last_tile = first_tile + tile_limit < product->tile_count
                                    ? first_tile + tile_limit : product->tile_count;
      long done = 0;
      do {
        const long count =
            NAME(cut)(product, done, BLOCK_INPUTS, runs, NAME(run_capacity), &run_count);
        const bool isFirst = done == 0, isLast = done + count >= total;
        done += count;
        for (long r = 0; product->turned && r < block; r += STRIP) {
          float *strip = x + r * count;
          for (long i = 0; i < run_count; strip += runs[i].count * STRIP, i++) {
            NAME(copy_strip)(product->x, product->x_stride, product->inputs, row + r, block - r,
                             runs[i].start, runs[i].count, strip);
          }
        }
        for (long r = 0; !product->turned && r < block; r += STRIP) {
          const float *from[STRIP];
          for (int i = 0; i < STRIP; i++) {
            long at = row + (r + i < block ? r + i : block - 1);
            from[i] = product->x + (product->rows ? product->rows[at] : at) * product->x_stride;
          }
          float *strip = x + r * count;
          for (long i = 0; i < run_count; strip += runs[i].count * STRIP, i++) {
            NAME(pack_strip)(from, runs[i].start, runs[i].count, strip);
          }
        }
        const long part_count = (block + STRIP - 1) / STRIP;
        for (long t = first_tile; t < last_tile; t++) {
          const long tile = product->tiles ? product->tiles[t] : t;
          const float *weights = product->packed + tile * product->tile_stride;
          const long after = t + 1 < last_tile ? t + 1 : t;
          const float *next =
              product->packed + (product->tiles ? product->tiles[after] : after) * product->tile_stride;
          const bool isPlain = product->is_plain[tile];
          float *kept = waiting + (t - first_tile) * BLOCK_ROWS * tile_width;
          for (long r = 0, part = 0; r < block; r += STRIP, part++) {
            const long rows = block - r < STRIP ? block - r : STRIP;
            const float *strip = x + r * count;
            // Sums go straight into y where they can; else they pass through memory of our own.
            if (isPlain && !waits && rows == STRIP) {
              NAME(strip)(runs, run_count, strip, weights, next, part, part_count, y + r,
                          product->columns[tile * tile_width], product->adding);
            } else if (!waits) {
              NAME(strip)(runs, run_count, strip, weights, next, part, part_count, to_sums, 0, false);
              NAME(place)(product, tile, y + r, rows, sums);
            } else {
              float *keep[STRIP];
              for (int i = 0; i < STRIP; i++) keep[i] = kept + (r + i) * tile_width;
              NAME(strip)(runs, run_count, strip, weights, next, part, part_count, keep, 0, !isFirst);
              if (isLast) NAME(place)(product, tile, y + r, rows, keep[0]);
            }
          }
        }
      } while (done < total);
    }
  }
}
