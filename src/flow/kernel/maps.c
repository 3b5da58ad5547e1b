/* SPDX-License-Identifier: BSD-3-Clause */
/* The programs, and the memory that they and the workers share. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sallyport/ebpf.h>

#include "kernel_priv.h"

EBPF_IMAGE(relay_image, "sallyport_relay", "src/flow/kernel/relay.bpf.o");

struct region {
	const char *map;
	uint32_t n;
	size_t entry;
	void **at;
	size_t *size;
};

static int size_maps(struct flow_kernel *k, const struct region *r, size_t n)
{
	struct bpf_map *constants = bpf_object__find_map_by_name(k->object, ".rodata");
	int rc = constants ? bpf_map__set_initial_value(constants, &k->index, sizeof(k->index))
			   : -EINVAL;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = bpf_map__set_max_entries(
			bpf_object__find_map_by_name(k->object, r[i].map), r[i].n);
	return rc;
}

static int map_region(struct flow_kernel *k, const struct region *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = ((size_t)r->n * r->entry + page - 1) / page * page;
	int fd = bpf_object__find_map_fd_by_name(k->object, r->map);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*r->at = p;
	*r->size = size;
	return 0;
}

static int program_fd(const struct flow_kernel *k, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(k->object, name));
}

static int load(struct flow_kernel *k, char why[FLOW_KERNEL_WHY_LEN])
{
	const struct region regions[] = {
		{"bins", k->index.mask + 1, sizeof(*k->bins), (void **)&k->bins, &k->bins_size},
		{"lanes", 2 * k->n_workers * k->flows_per_worker, sizeof(*k->lanes),
			(void **)&k->lanes, &k->lanes_size},
		{"paths", k->n_workers * k->max_paths, sizeof(*k->paths), (void **)&k->paths,
			&k->paths_size},
		{"accounts", 1 + k->n_workers * k->flows_per_worker, sizeof(*k->accounts),
			(void **)&k->accounts, &k->accounts_size},
		{"buckets", 2 + k->n_workers * k->flows_per_worker, FLOW_BUCKET_SIZE, &k->buckets,
			&k->buckets_size},
		{"links", KERNEL_LINKS, sizeof(*k->links), (void **)&k->links, &k->links_size},
		{"control", 1, sizeof(*k->control), (void **)&k->control, &k->control_size},
	};
	int rc = ebpf_object_open(&relay_image, &k->object);

	if (rc == 0)
		rc = size_maps(k, regions, ARRAY_LEN(regions));
	if (rc == 0)
		rc = bpf_object__load(k->object);
	if (rc == -EPERM || rc == -EACCES)
		snprintf(why, FLOW_KERNEL_WHY_LEN,
			"the kernel lets us load no program; start as root, or with CAP_BPF, "
			"CAP_PERFMON and CAP_NET_ADMIN");
	else if (rc != 0)
		snprintf(why, FLOW_KERNEL_WHY_LEN, "the kernel does not take the program: %s",
			err_text(rc));
	for (size_t i = 0; i < ARRAY_LEN(regions) && rc == 0; i++) {
		rc = map_region(k, &regions[i]);
		if (rc != 0)
			snprintf(why, FLOW_KERNEL_WHY_LEN, "cannot share memory with it: %s",
				err_text(rc));
	}
	return rc;
}

static struct flow_kernel *make(const struct flow_kernel_config *c)
{
	struct flow_kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->n_workers = c->n_workers;
	k->flows_per_worker = (c->max_flows + c->n_workers - 1) / c->n_workers;
	kernel_index_init(&k->index, 2 * k->n_workers * k->flows_per_worker);
	k->max_paths = c->max_paths;
	k->no_xdp = c->no_xdp;
	k->locals = calloc(c->n_locals + 1, sizeof(*k->locals));
	if (!k->locals) {
		free(k);
		return NULL;
	}
	for (size_t i = 0; i < c->n_inherited && i < FLOW_KERNEL_LINKS_MAX; i++) {
		int fd = fcntl(c->inherited[i].fd, F_DUPFD_CLOEXEC, 0);
		if (fd >= 0)
			k->inherited[k->n_inherited++] =
				(struct flow_kernel_hold){c->inherited[i].ifindex, fd};
	}
	k->n_locals = c->n_locals;
	for (size_t i = 0; i < c->n_locals; i++)
		k->locals[i] = c->locals[i];
	return k;
}

int flow_kernel_create(
	const struct flow_kernel_config *c, struct flow_kernel **out, char why[FLOW_KERNEL_WHY_LEN])
{
	struct flow_kernel *k = make(c);

	snprintf(why, FLOW_KERNEL_WHY_LEN, "out of memory");
	if (!k)
		return -ENOMEM;
	int rc = load(k, why);
	if (rc != 0) {
		flow_kernel_destroy(k);
		return rc;
	}
	k->passes_fd = bpf_object__find_map_fd_by_name(k->object, "passes");
	k->xdp_fd = program_fd(k, "sallyport_xdp");
	k->tc_fd = program_fd(k, "sallyport_tc");
	k->pool = flow_bucket_pool_create(k->buckets, 2 + k->n_workers * k->flows_per_worker);
	if (!k->pool) {
		flow_kernel_destroy(k);
		return -ENOMEM;
	}
	flow_kernel_tend(k);
	*out = k;
	return 0;
}

struct flow_bucket_pool *flow_kernel_buckets(const struct flow_kernel *k)
{
	return k->pool;
}

static void unmap(void *p, size_t size)
{
	if (p)
		(void)munmap(p, size);
}

void flow_kernel_destroy(struct flow_kernel *k)
{
	if (!k)
		return;
	kernel_detach_all(k);
	unmap(k->bins, k->bins_size);
	unmap(k->lanes, k->lanes_size);
	unmap(k->paths, k->paths_size);
	unmap(k->accounts, k->accounts_size);
	unmap(k->buckets, k->buckets_size);
	flow_bucket_pool_destroy(k->pool);
	unmap(k->links, k->links_size);
	unmap(k->control, k->control_size);
	bpf_object__close(k->object);
	free(k->locals);
	free(k);
}
