/* SPDX-License-Identifier: BSD-3-Clause */
/* What is counted and written when a client gets 508 for want of a relay port. */
#include <errno.h>

#include "turn_priv.h"

static const struct {
	const char *name, *hint;
} lacks[TURN_LACKS] = {
	[TURN_LACK_DESCRIPTORS] = {"descriptors",
		"raise the limit of open files, in the service's unit LimitNOFILE, or set "
		"edge.datapath: steer, which needs none for each allocation"},
	[TURN_LACK_PORTS] = {"ports", "widen edge.relay.ports or add an address to edge.relay"},
	[TURN_LACK_OTHER] = {"other", "the host is out of memory, or an address of edge.relay is "
				      "gone"},
};

static enum turn_lack lack_of(int rc)
{
	switch (rc) {
	case -EMFILE:
	case -ENFILE:
		return TURN_LACK_DESCRIPTORS;
	case ERR_FULL:
	case -EADDRINUSE:
		return TURN_LACK_PORTS;
	default:
		return TURN_LACK_OTHER;
	}
}

bool turn_shortage_is_everywhere(int rc)
{
	return lack_of(rc) == TURN_LACK_DESCRIPTORS;
}

void turn_shortage_tell(struct turn_server *s, int rc)
{
	enum turn_lack lack = lack_of(rc);
	struct turn_shortage *t = &s->shortages[lack];
	uint64_t now_ms = turn_now_ms(s);

	turn_count(s, TURN_C_NO_RELAY_PORT + (unsigned)lack);
	t->refused++;
	if (t->is_told && now_ms - t->told_ms < TURN_SHORTAGE_PAUSE_MS)
		return;
	log_warning(LOG_TURN, "no relay port",
		"reason=%s error=\"%s\" refused=%llu allocations=%zu worker=%u hint=\"%s\"",
		lacks[lack].name, err_text(rc), (unsigned long long)t->refused,
		turn_server_allocations(s), s->config.worker, lacks[lack].hint);
	*t = (struct turn_shortage){.is_told = true, .told_ms = now_ms};
}
