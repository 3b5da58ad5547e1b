/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making settings as the files that do it share it.
 *
 *   settings.c  all of it, and what the TURN servers take
 *   faces.c     listeners and their certificates
 *   mras.c      the credential API
 *   auth.c      keys, shared secrets, revocations
 *   tenants.c   the tenants beside the default one
 *   access.c    certificates of the SIP door
 */
#ifndef DAEMON_SETTINGS_PRIV_H
#define DAEMON_SETTINGS_PRIV_H

#include "../settings.h"

/* N zeroed items that live as long as S; NULL when out of memory. */
void *settings_take(struct settings *s, size_t n, size_t size);

/* Rounded up: a limit of less than a kilobit is one. */
static inline uint32_t settings_kbps(uint64_t bps)
{
	return (uint32_t)((bps + 999) / 1000);
}

/* Does the address at I of L, struct addr, with whatever port, stand before it too? */
bool settings_is_repeated(const struct conf_list *l, size_t i);

/* faces.c */

/* Behind the tenants, whose numbers listeners have. -ENOMEM. */
int settings_listeners_make(struct settings *s);
/* Every face's, so that one run shows what is wrong with all of them: it is said at its place. */
int settings_faces_tls_make(struct settings *s);

/* mras.c */

/* -ENOMEM. */
int settings_mras_make(struct settings *s);
/* What is wrong is said at its place. */
int settings_mras_tls_make(struct settings *s);

/* auth.c */

/* What a tenant's keys are made from; the other options are those of the sections edge and mras. */
struct settings_auth_source {
	const char *realm;
	const struct conf_list *keys;         /* struct options_key */
	const struct conf_list *rest_secrets; /* const char *: files */
	const struct conf_list *oauth_keys;   /* struct options_oauth_key */
	const char *oauth_server;             /* may be NULL */
	const char *const *revocation_file;   /* the option */
};
/* What is wrong is said at its place. */
int settings_auth_make(
	struct settings *s, const struct settings_auth_source *from, struct auth_snapshot **out);

/* access.c */

/* What is wrong is said at its place. */
int settings_access_make(struct settings *s);
void settings_access_fini(struct settings *s);

/* tenants.c */

/* A name keeps the id that it has in OLD, or had before. OLD may be NULL. */
int settings_tenants_make(struct settings *s, const struct settings *old);
void settings_tenants_fini(struct settings *s);
/* Number of the tenant called NAME, which the configuration has; NULL: of the default one. */
unsigned settings_tenant_number(const struct settings *s, const char *name);
/* For the TURN servers. -ENOMEM. */
int settings_tenants_turn(struct settings *s, struct turn_config *c);
/* Lists the relays that the clients of each tenant are told. RELAY describes FACE. */
size_t settings_tenants_relays(const struct settings *s, const struct options_face *face,
	const struct mras_relay *relay, struct mras_relay *out);
/* The certificates of F, without its first: its own and those of the tenants that it serves. *OUT
 * lives as long as S. -ENOMEM. */
int settings_tenants_certificates(struct settings *s, const struct options_face *f,
	const struct options_certificate ***out, size_t *n);

#endif
