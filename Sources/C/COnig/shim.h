// Oniguruma: the regular expression engine that Hugging Face tokenizers uses.
#include <oniguruma.h>
