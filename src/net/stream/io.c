/* SPDX-License-Identifier: BSD-3-Clause */
/* One read or write of a connection, TLS or not. What comes of it is told in the terms of TLS. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <sallyport/crypto.h>

#include "stream_priv.h"

enum crypto_tls_io net_stream_read(int fd, struct ssl_st *tls, void *out, size_t cap, size_t *n)
{
	ssize_t got;

	*n = 0;
	if (tls)
		return crypto_tls_read(tls, out, cap, n);
	do
		got = recv(fd, out, cap, 0);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return CRYPTO_TLS_CLOSED;
	if (got < 0)
		return errno == EAGAIN ? CRYPTO_TLS_WANT_READ : CRYPTO_TLS_FAILED;
	*n = (size_t)got;
	return CRYPTO_TLS_DONE;
}

enum crypto_tls_io net_stream_write(int fd, struct ssl_st *tls, struct bytes text, size_t *n)
{
	ssize_t sent;

	*n = 0;
	if (tls)
		return crypto_tls_write(tls, text.data, text.len, n);
	do
		sent = send(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
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

int net_stream_keep_alive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 60},
		{IPPROTO_TCP, TCP_KEEPINTVL, 20},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			    sizeof(options[i].value)) != 0)
			return -errno;
	}
	return 0;
}
