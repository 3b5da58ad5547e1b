/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who has how much of a room that is bounded, so that nobody takes all of it: each may have up to
 * three times what is still free. One alone gets three quarters of the room; however many want more
 * than there is, somebody who has little always finds some.
 */
#ifndef SALLYPORT_COMMON_SHARE_H
#define SALLYPORT_COMMON_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sallyport/common/addr.h>
#include <sallyport/common/hash.h>

/* What one has. Owned by the table as long as that is more than nothing. */
struct share {
	struct hash_node node;
	struct addr who; /* port 0 */
	uint64_t place;
	size_t n;
	size_t bytes; /* for the user to count */
};

struct share_table {
	struct hash_table shares;
	struct hash_key key;
	size_t n; /* of all */
};

void share_table_init(struct share_table *t, struct hash_key key);
/* All has been given back. */
void share_table_fini(struct share_table *t);

/* May WHO, whatever his port, at PLACE, a number of the user's, have one more of MAX? */
bool share_is_free(const struct share_table *t, const struct addr *who, uint64_t place, size_t max);
/* May he have more bytes, when all together have USED of MAX? */
bool share_has_bytes(const struct share_table *t, const struct addr *who, uint64_t place,
	size_t used, size_t max);
/* The rule alone, for those who count by themselves: may who has HIS have more of MAX, of which all
 * together have USED? */
bool share_allows(size_t his, size_t used, size_t max);
/* He has one more. NULL when out of memory: then he has not. */
struct share *share_take(struct share_table *t, const struct addr *who, uint64_t place);
/* One less; S may be gone. NULL is fine. */
void share_give(struct share_table *t, struct share *s);

#endif
