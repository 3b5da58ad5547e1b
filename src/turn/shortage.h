/* SPDX-License-Identifier: BSD-3-Clause */
/* Relay ports that could not be had: counted each, told once a minute for each reason. */
#ifndef TURN_SHORTAGE_H
#define TURN_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct turn_server;

#define TURN_SHORTAGE_PAUSE_MS (60 * 1000) /* between two lines of one reason */
struct turn_shortage {
	bool is_told;
	uint64_t told_ms;
	uint64_t refused; /* since then */
};

/* No relay address has a port, RC being what the last one tried said. */
void turn_shortage_tell(struct turn_server *s, int rc);
/* RC of one relay address is what all others would say. */
bool turn_shortage_is_everywhere(int rc);

#endif
