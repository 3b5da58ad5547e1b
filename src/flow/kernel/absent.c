/* SPDX-License-Identifier: BSD-3-Clause */
/* In a build without BPF: nothing can be offloaded, and it says why. */
#include <stdio.h>

#include <sallyport/flow/kernel.h>

const struct metrics_group flow_kernel_counters = {NULL, 0};

int flow_kernel_create(
	const struct flow_kernel_config *c, struct flow_kernel **out, char why[FLOW_KERNEL_WHY_LEN])
{
	(void)c;
	(void)out;
	snprintf(why, FLOW_KERNEL_WHY_LEN, "this build has no BPF; configure --with-bpf");
	return ERR_UNSUPPORTED;
}

void flow_kernel_destroy(struct flow_kernel *k)
{
	(void)k;
}

void flow_kernel_tend(struct flow_kernel *k)
{
	(void)k;
}

struct flow_bucket_pool *flow_kernel_buckets(const struct flow_kernel *k)
{
	(void)k;
	return NULL;
}

size_t flow_kernel_holds(const struct flow_kernel *k, struct flow_kernel_hold *out, size_t cap)
{
	(void)k;
	(void)out;
	(void)cap;
	return 0;
}

void flow_kernel_reclaim(struct flow_kernel *k)
{
	(void)k;
}

const struct flow_kernel_link *flow_kernel_link(const struct flow_kernel *k, uint32_t ifindex)
{
	(void)k;
	(void)ifindex;
	return NULL;
}

int flow_kernel_worker_create(
	const struct flow_kernel_worker_config *c, struct flow_kernel_worker **out)
{
	(void)c;
	(void)out;
	return ERR_UNSUPPORTED;
}

void flow_kernel_worker_destroy(struct flow_kernel_worker *w)
{
	(void)w;
}
