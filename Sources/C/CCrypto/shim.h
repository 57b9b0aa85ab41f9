// OpenSSL's message digests (SHA-256 through EVP).
#include <openssl/evp.h>
