/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a program finds the lane of a packet: bins of eight entries, of which a packet looks at
 * one. Written by all workers, without a lock.
 */
#include <sallyport/crypto.h>

#include "kernel_priv.h"

/* So many lanes for a bin, on average: of ten thousand hardly one finds its bin full. */
#define LANES_A_BIN 2

void kernel_index_init(struct kernel_index *x, uint32_t n_lanes)
{
	uint32_t n = 1;

	while (n < n_lanes / LANES_A_BIN)
		n *= 2;
	*x = (struct kernel_index){.mask = n - 1};
	crypto_random(x->seed, sizeof(x->seed));
}

static __u64 *bin_of(const struct flow_kernel *k, const struct kernel_key *key, __u32 *tag)
{
	__u64 hash = kernel_hash(key, k->index.seed);

	*tag = kernel_tag(hash);
	return k->bins[(__u32)hash & k->index.mask].entries;
}

int kernel_index_put(struct flow_kernel *k, const struct kernel_key *key, uint32_t lane)
{
	__u32 tag;
	__u64 *entries = bin_of(k, key, &tag), entry = (__u64)tag << 32 | lane;

	/* Of two under one tag only one would be found. */
	for (int i = 0; i < KERNEL_BIN; i++) {
		if (__atomic_load_n(&entries[i], __ATOMIC_RELAXED) >> 32 == tag)
			return ERR_EXISTS;
	}
	for (int i = 0; i < KERNEL_BIN; i++) {
		__u64 nothing = 0;
		if (__atomic_compare_exchange_n(&entries[i], &nothing, entry, false,
			    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return 0;
	}
	return ERR_FULL;
}

void kernel_index_drop(struct flow_kernel *k, const struct kernel_key *key, uint32_t lane)
{
	__u32 tag;
	__u64 *entries = bin_of(k, key, &tag);

	for (int i = 0; i < KERNEL_BIN; i++) {
		__u64 entry = (__u64)tag << 32 | lane;
		if (__atomic_compare_exchange_n(
			    &entries[i], &entry, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	}
}
