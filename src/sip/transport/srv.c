/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of SRV records (RFC 2782): by priority, and by lot among equals, weighted. */
#include <sallyport/sip/transport/locate.h>

/* RECORD AT goes to the front; those before it one further. */
static void move_to_front(struct dns_record *records, size_t at)
{
	struct dns_record r = records[at];

	memmove(records + 1, records, at * sizeof(r));
	records[0] = r;
}

/* Lowest priority first; of one priority, those of weight 0 first: only there they have a chance.
 */
static bool is_before(const struct dns_record *a, const struct dns_record *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->weight == 0 && b->weight != 0;
}

static void sort(struct dns_record *records, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		size_t to = i;
		while (to > 0 && is_before(&records[i], &records[to - 1]))
			to--;
		move_to_front(records + to, i - to);
	}
}

/* N of one priority. */
static void draw(struct dns_record *records, size_t n, uint32_t (*random_below)(uint32_t bound))
{
	for (; n > 1; records++, n--) {
		uint32_t sum = 0, upto = 0;
		size_t at = 0;
		for (size_t i = 0; i < n; i++)
			sum += records[i].weight;
		uint32_t lot = random_below(sum + 1);
		while (upto + records[at].weight < lot)
			upto += records[at++].weight;
		move_to_front(records, at);
	}
}

void sip_srv_order(struct dns_record *records, size_t n, uint32_t (*random_below)(uint32_t bound))
{
	sort(records, n);
	for (size_t first = 0, end; first < n; first = end) {
		for (end = first + 1; end < n && records[end].priority == records[first].priority;)
			end++;
		draw(records + first, end - first, random_below);
	}
}
