// Oniguruma: the regular expression engine that Hugging Face tokenizers uses.
#pragma once
#include <oniguruma.h>

// Swift sees neither the macro for the encoding nor C's variadic functions.
static inline void mohd_onig_initialize(void) {
  OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
  onig_initialize(encodings, 1);
  // Patterns come from files: no deep recursion on a small thread's stack.
  onig_set_parse_depth_limit(100);
}

static inline int mohd_onig_new(OnigRegex *expression, const OnigUChar *pattern,
                                const OnigUChar *pattern_end, OnigErrorInfo *information) {
  return onig_new(expression, pattern, pattern_end, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                  ONIG_SYNTAX_DEFAULT, information);
}

static inline int mohd_onig_error_message(OnigUChar *text, int status) {
  return onig_error_code_to_str(text, status);
}
