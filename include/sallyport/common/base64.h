/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RFC 4648: base64 with padding (§4) and base64url without (§5). Decoding is strict: no white
 * space, no stray bits, no padding where there is none, so a text has one spelling only.
 */
#ifndef SALLYPORT_COMMON_BASE64_H
#define SALLYPORT_COMMON_BASE64_H

#include <stddef.h>
#include <stdint.h>

#define BASE64_LEN(n)    (((n) + 2) / 3 * 4) /* characters for N bytes, padded */
#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)   /* characters for N bytes, unpadded */

/* Write a NUL after the text; OUT holds BASE64_LEN(n) + 1. Return the characters written. */
size_t base64_encode(const void *data, size_t n, char *out);
size_t base64url_encode(const void *data, size_t n, char *out);

/* Write at most CAP bytes and their number to *LEN. ERR_MALFORMED or ERR_NO_SPACE. */
int base64_decode(const char *text, size_t n, void *out, size_t cap, size_t *len);
int base64url_decode(const char *text, size_t n, void *out, size_t cap, size_t *len);

/* Lower-case hexadecimal; OUT holds 2 N + 1. Decoding takes either case. */
void hex_encode(const void *data, size_t n, char *out);
int hex_decode(const char *text, size_t n, void *out, size_t cap, size_t *len);

#endif
