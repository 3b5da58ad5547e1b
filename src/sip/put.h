/* SPDX-License-Identifier: BSD-3-Clause */
/* What the writers share. The first two do not look at the bytes. */
#ifndef SIP_PUT_H
#define SIP_PUT_H

#include <sallyport/sip.h>

void sip_put(struct sip_writer *w, const char *at, size_t len);
void sip_put_c(struct sip_writer *w, const char *s);
void sip_put_token(struct sip_writer *w, struct sip_str s);           /* fails for anything else */
bool sip_str_is_made_of(struct sip_str s, unsigned chars);            /* and is not empty */
void sip_put_quoted_raw(struct sip_writer *w, struct sip_str inside); /* escapes are in it */

#endif
