// xxHash: XXH3 with 128 bits. The state is opaque: its layout is the library's business.
#include <xxhash.h>
