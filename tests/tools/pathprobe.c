/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints what net/path says of the ways to some addresses, a line for each change, until SIGTERM:
 *
 *   pathprobe [-s MS] LOCAL REMOTE...
 *
 * With -s an empty datagram goes to each address that is not ready, every MS milliseconds, by a
 * socket: as a relay does that falls back to the kernel's ordinary way.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/if.h>
#include <sallyport/net/path.h>

#define DISCARD_PORT 9
#define REMOTES_MAX  16

struct probe {
	struct loop *loop;
	struct net_paths *paths;
	struct addr local, remotes[REMOTES_MAX];
	struct net_path_hold holds[REMOTES_MAX];
	size_t n;
	int fd;
	unsigned send_ms;
	struct wheel_timer timer;
};

static void print_mac(const uint8_t *m)
{
	printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void print(struct net_path_hold *h)
{
	const struct net_path *p = h->path;
	char a[ADDR_TEXT_LEN], name[IF_NAMESIZE] = "?";

	printf("%s: %s", addr_format_ip(&p->remote, a),
		net_path_state_text((enum net_path_state)p->state));
	if (net_path_is_ready(p)) {
		(void)if_indextoname(p->ifindex, name);
		printf(" by %s mtu %u to ", name, p->mtu);
		print_mac(p->header);
		printf(" from ");
		print_mac(p->header + 6);
		printf(" type %04x", be16_get(p->header + 12));
	}
	printf("\n");
	(void)fflush(stdout);
}

static void send_to(struct probe *p, const struct addr *remote)
{
	struct sockaddr_storage ss;
	struct addr to = *remote;

	to.port = DISCARD_PORT;
	socklen_t len = addr_to_sockaddr(&to, &ss);
	/* Without a route it cannot be sent, and that is what is looked at. */
	(void)sendto(p->fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&ss, len);
}

static void on_timer(struct wheel_timer *t, void *arg)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	(void)arg;
	for (size_t i = 0; i < p->n; i++) {
		if (!net_path_is_ready(p->holds[i].path))
			send_to(p, &p->remotes[i]);
	}
	wheel_set(loop_wheel(p->loop), t, loop_clock(p->loop)->mono_ms + p->send_ms);
}

static void on_signal(int signo, void *arg)
{
	struct probe *p = arg;

	if (signo != SIGUSR1) {
		loop_stop(p->loop);
		return;
	}
	/* As after an ICMP error. */
	for (size_t i = 0; i < p->n; i++)
		net_path_doubt(p->paths, &p->local, &p->remotes[i]);
}

static int open_socket(const struct addr *local)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(local, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (struct sockaddr *)&ss, len) == 0 ? fd : -1;
}

static bool parse(struct probe *p, int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "s:")) != -1) {
		if (o != 's')
			return false;
		p->send_ms = (unsigned)strtoul(optarg, NULL, 10);
	}
	argv += optind;
	argc -= optind;
	if (argc < 2 || argc > REMOTES_MAX + 1 || addr_parse(argv[0], 0, &p->local) != 0)
		return false;
	for (; p->n + 1 < (size_t)argc; p->n++) {
		if (addr_parse(argv[p->n + 1], 0, &p->remotes[p->n]) != 0)
			return false;
	}
	return true;
}

static bool start(struct probe *p, metrics_cell *cells)
{
	p->loop = loop_create("probe", 16);
	p->fd = open_socket(&p->local);
	if (!p->loop || p->fd < 0 || loop_signal_add(p->loop, SIGTERM, on_signal, p) != 0 ||
		loop_signal_add(p->loop, SIGUSR1, on_signal, p) != 0)
		return false;
	struct net_paths_config c = {.loop = p->loop,
		.wheel = loop_wheel(p->loop),
		.clock = loop_clock(p->loop),
		.cells = cells};
	if (net_paths_create(&c, &p->paths) != 0)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (net_path_take(p->paths, &p->holds[i], &p->local, &p->remotes[i], print) != 0)
			return false;
	}
	wheel_timer_init(&p->timer, on_timer);
	if (p->send_ms > 0)
		wheel_set(loop_wheel(p->loop), &p->timer, loop_clock(p->loop)->mono_ms);
	return true;
}

int main(int argc, char **argv)
{
	static metrics_cell cells[NET_PATH_C_COUNT];
	struct probe p = {.fd = -1};

	if (!parse(&p, argc, argv)) {
		fprintf(stderr, "usage: pathprobe [-s MS] LOCAL REMOTE...\n");
		return 2;
	}
	if (!start(&p, cells)) {
		fprintf(stderr, "pathprobe: cannot start\n");
		return 1;
	}
	int rc = loop_run(p.loop);
	for (size_t i = 0; i < p.n; i++)
		net_path_release(p.paths, &p.holds[i]);
	for (unsigned i = 0; i < NET_PATH_C_COUNT; i++)
		printf("%s{%s} %llu\n", net_path_counters.rows[i].name,
			net_path_counters.rows[i].labels ? net_path_counters.rows[i].labels : "",
			(unsigned long long)metrics_get(cells, i));
	net_paths_destroy(p.paths);
	loop_destroy(p.loop);
	close(p.fd);
	return rc == 0 ? 0 : 1;
}
