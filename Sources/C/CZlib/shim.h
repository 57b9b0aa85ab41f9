// zlib, streaming inflate.
#include <zlib.h>

// inflateInit2 is a macro that passes the header's version and the struct's size: not importable.
static inline int mohd_inflate_init(z_stream *stream, int window_bits) {
  return inflateInit2(stream, window_bits);
}
