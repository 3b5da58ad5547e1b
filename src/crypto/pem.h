/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the readers of PEM files. */
#ifndef SALLYPORT_CRYPTO_PEM_H
#define SALLYPORT_CRYPTO_PEM_H

/* For OpenSSL's pass phrase callbacks: a daemon has nobody to ask. Without it OpenSSL would prompt
 * on the terminal. */
static inline int pem_no_pass_phrase(char *buf, int size, int is_writing, void *arg)
{
	return -1;
}

#endif
