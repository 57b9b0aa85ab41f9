// Zstandard, streaming decompression.
#include <zstd.h>
