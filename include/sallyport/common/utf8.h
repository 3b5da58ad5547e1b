/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 as RFC 3629 has it: no surrogate, no overlong form. */
#ifndef SALLYPORT_COMMON_UTF8_H
#define SALLYPORT_COMMON_UTF8_H

#include <sallyport/common/bytes.h>

/* Length of the sequence at P, of which LEFT > 0 bytes are there; 0: it is none. */
size_t utf8_sequence(const uint8_t *p, size_t left);
/* How many of the LEFT bytes at P are ASCII before the first that is not. */
size_t utf8_ascii(const uint8_t *p, size_t left);
bool utf8_is_text(struct bytes s);

#endif
