/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * G.711 from one law to the other, by table: the value that a code stands for, coded by the other
 * law's decision values. There and back 240 of 256 codes are what they were.
 */
#ifndef SALLYPORT_MEDIATION_RTP_G711_H
#define SALLYPORT_MEDIATION_RTP_G711_H

#include <stddef.h>
#include <stdint.h>

enum g711_law {
	G711_MU, /* PCMU */
	G711_A,  /* PCMA */
};

/* N codes of IN to OUT, which may be the same. */
void g711_convert(enum g711_law from, enum g711_law to, const uint8_t *in, uint8_t *out, size_t n);
/* The code of the smallest positive value. */
uint8_t g711_silence(enum g711_law law);

#endif
