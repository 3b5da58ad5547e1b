/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of clients that have connections. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <sallyport/crypto.h>
#include <sallyport/net/clients.h>

void net_clients_init(struct net_clients *c)
{
	crypto_random(&c->key, sizeof(c->key));
	hash_table_init(&c->table);
}

void net_clients_fini(struct net_clients *c)
{
	assert(c->table.count == 0);
	hash_table_fini(&c->table);
}

/* A client has as many IPv6 addresses as it likes, all in one network of 64 bits. */
static struct addr network_of(const struct addr *a)
{
	struct addr n = *a;

	n.port = 0;
	if (n.family == ADDR_IPV6)
		memset(n.ip + 8, 0, 8);
	return n;
}

static struct net_client *find(const struct net_clients *c, const struct addr *network, uint64_t h)
{
	struct hash_node *n = hash_table_first(&c->table, h);

	for (; n; n = hash_table_next(n)) {
		struct net_client *client = CONTAINER_OF(n, struct net_client, link);
		if (addr_equal(&client->network, network))
			return client;
	}
	return NULL;
}

static struct net_client *make(struct net_clients *c, const struct addr *network, uint64_t h)
{
	struct net_client *client = calloc(1, sizeof(*client));

	if (!client || hash_table_insert(&c->table, &client->link, h) != 0) {
		free(client);
		return NULL;
	}
	client->network = *network;
	return client;
}

int net_client_get(
	struct net_clients *c, const struct addr *addr, uint32_t max, struct net_client **out)
{
	struct addr network = network_of(addr);
	uint64_t h = hash_bytes(&c->key, &network, sizeof(network));
	struct net_client *client = find(c, &network, h);

	if (client && client->n >= max)
		return ERR_FULL;
	if (!client)
		client = make(c, &network, h);
	if (!client)
		return -ENOMEM;
	client->n++;
	*out = client;
	return 0;
}

void net_client_put(struct net_clients *c, struct net_client *client)
{
	if (!client || --client->n > 0)
		return;
	hash_table_remove(&c->table, &client->link);
	free(client);
}
