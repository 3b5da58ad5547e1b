/* SPDX-License-Identifier: BSD-3-Clause */
/* The process's part of steer: the program, its maps, and the sockets of all workers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "steer_priv.h"

#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sallyport/ebpf.h>

EBPF_IMAGE(steer_image, "sp_steer", "src/net/steer/steer.bpf.o");

/* One whose rows are of other addresses is not let in: see upgrade_describe. */
static bool is_map_fitting(int fd, size_t n_addresses)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_MAP_TYPE_ARRAY &&
	       info.max_entries == n_addresses && info.value_size == sizeof(struct steer_owners);
}

static int set_generation(struct net_steering *s)
{
	const uint32_t generation = s->generation;
	struct bpf_map *constants = bpf_object__find_map_by_name(s->object, ".rodata");

	return constants ? bpf_map__set_initial_value(constants, &generation, sizeof(generation))
			 : -EINVAL;
}

/* Maps are as large as this node needs them. */
static int load(struct net_steering *s, int inherited)
{
	int rc = ebpf_object_open(&steer_image, &s->object);

	if (rc != 0)
		return rc;
	struct bpf_map *owners = bpf_object__find_map_by_name(s->object, "owners");
	struct bpf_map *sockets = bpf_object__find_map_by_name(s->object, "sockets");
	rc = inherited >= 0 ? bpf_map__reuse_fd(owners, inherited)
			    : bpf_map__set_max_entries(owners, (uint32_t)s->n_addresses);
	if (rc == 0)
		rc = bpf_map__set_max_entries(sockets, STEER_FAMILIES * s->n_workers);
	if (rc == 0)
		rc = set_generation(s);
	return rc == 0 ? bpf_object__load(s->object) : rc;
}

static int map_fd(const struct net_steering *s, const char *name)
{
	return bpf_object__find_map_fd_by_name(s->object, name);
}

static int fill_addresses(const struct net_steering *s)
{
	int fd = map_fd(s, "addresses"), rc = 0;

	for (uint32_t i = 0; i < s->n_addresses && rc == 0; i++) {
		struct steer_address a;
		memcpy(a.words, s->addresses[i].ip, sizeof(a.words));
		rc = bpf_map_update_elem(fd, &a, &i, BPF_ANY);
	}
	return rc;
}

static int fill_sockets(const struct net_steering *s)
{
	int fd = map_fd(s, "sockets"), rc = 0;

	for (uint32_t i = 0; i < STEER_FAMILIES * s->n_workers && rc == 0; i++) {
		int sock = s->sockets[i / STEER_FAMILIES].receive[i % STEER_FAMILIES];
		uint64_t value = (uint64_t)sock;
		if (sock >= 0)
			rc = bpf_map_update_elem(fd, &i, &value, BPF_ANY);
	}
	return rc;
}

static int map_owners(struct net_steering *s)
{
	void *p = mmap(NULL, s->n_addresses * sizeof(*s->rows), PROT_READ | PROT_WRITE, MAP_SHARED,
		map_fd(s, "owners"), 0);

	if (p == MAP_FAILED)
		return -errno;
	s->rows = p;
	return 0;
}

static int attach(struct net_steering *s)
{
	int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (ns < 0)
		return -errno;
	s->link =
		bpf_program__attach_netns(bpf_object__find_program_by_name(s->object, "steer"), ns);
	int rc = s->link ? 0 : -errno;
	close(ns);
	return rc;
}

static int start_program(struct net_steering *s, const struct net_steering_config *c, char why[256])
{
	int rc = c->map < 0 || is_map_fitting(c->map, s->n_addresses) ? load(s, c->map) : -EINVAL;

	if (rc == 0)
		rc = map_owners(s);
	if (rc == 0)
		rc = fill_addresses(s);
	if (rc == 0)
		rc = fill_sockets(s);
	if (rc == 0)
		rc = attach(s);
	if (rc == -EPERM) /* -EACCES is the verifier's */
		snprintf(why, 256,
			"the kernel refuses the program; it needs CAP_BPF and CAP_NET_ADMIN: start "
			"as "
			"root or grant them");
	else if (rc != 0)
		snprintf(why, 256, "cannot load the program: %s; it needs Linux 5.9 or newer",
			err_text(rc));
	return rc;
}

int net_steering_map(const struct net_steering *s)
{
	return map_fd(s, "owners");
}

static void stop_program(struct net_steering *s)
{
	bpf_link__destroy(s->link);
	if (s->rows)
		munmap(s->rows, s->n_addresses * sizeof(*s->rows));
	bpf_object__close(s->object);
}
#else
static int start_program(struct net_steering *s, const struct net_steering_config *c, char why[256])
{
	(void)s;
	(void)c;
	snprintf(why, 256, "this program was built without BPF");
	return ERR_UNSUPPORTED;
}

static void stop_program(struct net_steering *s)
{
	(void)s;
}

int net_steering_map(const struct net_steering *s)
{
	(void)s;
	return -1;
}
#endif

uint8_t net_steering_generation(const struct net_steering *s)
{
	return s->generation;
}

static struct net_steering *make(const struct net_steering_config *c)
{
	static const struct net_steer_sockets none = {{-1, -1}, {-1, -1}, {-1, -1}, -1};
	struct net_steering *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->n_addresses = c->n_addresses;
	s->n_workers = c->n_workers;
	s->generation = c->generation;
	s->addresses = calloc(c->n_addresses + 1, sizeof(*s->addresses));
	s->sockets = calloc(c->n_workers, sizeof(*s->sockets));
	for (unsigned i = 0; s->sockets && i < s->n_workers; i++)
		s->sockets[i] = none;
	for (size_t i = 0; s->addresses && i < s->n_addresses; i++) {
		s->addresses[i] = c->addresses[i];
		s->addresses[i].port = 0;
	}
	if (s->addresses && s->sockets)
		return s;
	net_steering_destroy(s);
	return NULL;
}

int net_steering_create(
	const struct net_steering_config *c, struct net_steering **out, char why[256])
{
	struct net_steering *s = NULL;

	if (c->n_addresses == 0 || c->n_addresses > STEER_ADDRESSES_MAX ||
		c->n_workers > STEER_WORKERS_MAX) {
		snprintf(why, 256, "steer serves 1 to %d relay addresses and %d workers",
			STEER_ADDRESSES_MAX, STEER_WORKERS_MAX);
		return ERR_FULL;
	}
	s = make(c);
	snprintf(why, 256, "out of memory");
	int rc = s ? 0 : -ENOMEM;
	for (unsigned i = 0; i < c->n_workers && rc == 0; i++)
		rc = net_steer_sockets_open(&s->sockets[i], c->rcvbuf_bytes, why);
	if (rc == 0)
		rc = start_program(s, c, why);
	if (rc != 0) {
		net_steering_destroy(s);
		return rc;
	}
	for (unsigned f = 0; f < STEER_FAMILIES; f++)
		s->hops[f] = net_steer_hops(s->sockets[0].raw[f], f);
	*out = s;
	return 0;
}

void net_steering_destroy(struct net_steering *s)
{
	if (!s)
		return;
	stop_program(s);
	for (unsigned i = 0; s->sockets && i < s->n_workers; i++)
		net_steer_sockets_close(&s->sockets[i]);
	free(s->sockets);
	free(s->addresses);
	free(s);
}
