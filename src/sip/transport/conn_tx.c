/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages to a connection: to the kernel at once if it takes them, else into a queue of bounded
 * length. Whoever sends is in the middle of something, so that nothing ends here but with the turn.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "transport_priv.h"

static enum crypto_tls_io write_some(struct sip_conn *c, const uint8_t *data, size_t len, size_t *n)
{
	ssize_t sent;

	*n = 0;
	if (c->tls)
		return crypto_tls_write(c->tls, data, len, n);
	do
		sent = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0) {
		*n = (size_t)sent;
		return CRYPTO_TLS_DONE;
	}
	/* Memory comes back, as room in the socket does. */
	if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
		return CRYPTO_TLS_WANT_WRITE;
	return CRYPTO_TLS_FAILED;
}

/* How much of DATA the kernel takes now. False: C is broken. */
static bool write_all(struct sip_conn *c, const uint8_t *data, size_t len, size_t *sent)
{
	enum crypto_tls_io io = CRYPTO_TLS_DONE;

	*sent = 0;
	while (*sent < len && io == CRYPTO_TLS_DONE) {
		size_t n;
		io = write_some(c, data + *sent, len - *sent, &n);
		*sent += n;
	}
	if (*sent > 0)
		c->active_ms = c->taken_ms = sip_now(c->t);
	if (io != CRYPTO_TLS_CLOSED && io != CRYPTO_TLS_FAILED)
		return true;
	sip_conn_break(c, SIP_TRANSPORT_C_END_ERROR, -EPIPE);
	return false;
}

/*
 * The message M, of which SENT bytes are with the kernel, waits. The rest of a message that has
 * been begun is taken whatever the limits say: there is never more than one of those.
 */
static int enqueue(struct sip_conn *c, struct bytes m, size_t sent, bool is_begun, uint64_t token)
{
	struct sip_transport_layer *t = c->t;
	size_t size = sizeof(struct sip_outgoing) + m.len;

	if (!is_begun && c->queued + size > t->config.limits.queue_bytes)
		return ERR_FULL;
	struct sip_outgoing *o = malloc(size);
	if (!o)
		return is_begun ? -ENOMEM : ERR_FULL;
	if (!sip_buffer_take(c, size)) {
		free(o);
		return is_begun ? -ENOMEM : ERR_FULL;
	}
	*o = (struct sip_outgoing){.token = token, .len = (uint32_t)m.len, .sent = (uint32_t)sent};
	memcpy(o->data, m.data, m.len);
	if (list_is_empty(&c->queue))
		c->taken_ms = sip_now(t);
	list_append(&c->queue, &o->link);
	c->queued += size;
	sip_conn_arm(c);
	return 0;
}

static bool wait_to_write(struct sip_conn *c)
{
	if (event_add(&c->write_event, NULL) == 0)
		return true;
	sip_conn_break(c, SIP_TRANSPORT_C_END_BUFFERS, -ENOMEM);
	return false;
}

static int send_bytes(struct sip_conn *c, struct bytes m, uint64_t token)
{
	bool is_begun = false;
	size_t sent = 0;

	if (c->is_broken || c->is_last)
		return -EPIPE;
	if (c->stage == SIP_STAGE_OPEN && list_is_empty(&c->queue)) {
		if (!write_all(c, m.data, m.len, &sent))
			return -EPIPE;
		if (sent == m.len)
			return 0;
		/* TLS has made a record of what it was shown and does not take it back. */
		is_begun = sent > 0 || c->tls;
	}
	int rc = enqueue(c, m, sent, is_begun, token);
	if (rc == -ENOMEM) {
		sip_conn_break(c, SIP_TRANSPORT_C_END_BUFFERS, rc);
		return -EPIPE;
	}
	if (rc == 0 && c->stage == SIP_STAGE_OPEN && !wait_to_write(c))
		return 0; /* told like any other of its queue */
	return rc;
}

static int send_frame(struct sip_conn *c, struct bytes m, uint64_t token)
{
	struct bytes frame;

	if (sip_conn_frame(m, &frame) != 0)
		return ERR_FULL;
	int rc = send_bytes(c, frame, token);
	crypto_wipe_free((void *)(uintptr_t)frame.data, frame.len);
	return rc;
}

int sip_conn_send(struct sip_conn *c, struct bytes m, uint64_t token)
{
	int rc = c->ws ? send_frame(c, m, token) : send_bytes(c, m, token);

	if (rc == 0)
		sip_count_message(c->t, SIP_TRANSPORT_C_TX_UDP, c->transport);
	else if (rc == ERR_FULL)
		sip_count(c->t, SIP_TRANSPORT_C_FULL);
	return rc;
}

int sip_conn_send_raw(struct sip_conn *c, struct bytes m)
{
	return send_bytes(c, m, 0);
}

/* The front message goes on. False: the socket is full, or the connection C has failed. */
static bool write_front(struct sip_conn *c)
{
	struct sip_outgoing *o = CONTAINER_OF(c->queue.next, struct sip_outgoing, link);
	size_t sent;

	if (!write_all(c, o->data + o->sent, o->len - o->sent, &sent))
		return false;
	o->sent += (uint32_t)sent;
	if (o->sent < o->len)
		return false;
	size_t size = sizeof(*o) + o->len;
	list_remove(&o->link);
	crypto_wipe_free(o, size);
	c->queued -= size;
	sip_buffer_give(c, size);
	return true;
}

bool sip_conn_drain(struct sip_conn *c)
{
	while (!list_is_empty(&c->queue) && write_front(c))
		continue;
	if (c->is_broken)
		return false;
	if (!list_is_empty(&c->queue))
		return wait_to_write(c);
	if (c->is_last)
		sip_conn_break(c, c->why_counter, c->why);
	return !c->is_broken;
}

void sip_conn_end_sent(struct sip_conn *c, enum sip_transport_counter counter, int why)
{
	c->is_last = true;
	c->why_counter = counter;
	c->why = why;
	event_del(&c->read_event);
	if (list_is_empty(&c->queue))
		sip_conn_break(c, counter, why);
}
