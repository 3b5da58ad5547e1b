/* SPDX-License-Identifier: BSD-3-Clause */
/* What a URI says of where its request goes, and a Via of where its response goes. */
#include <string.h>

#include <sallyport/sip/transport/locate.h>

uint16_t sip_transport_port(enum sip_transport transport)
{
	switch (transport) {
	case SIP_TLS:
		return SIP_TLS_PORT;
	case SIP_WS:
		return 80;
	case SIP_WSS:
		return 443;
	default:
		return SIP_PORT;
	}
}

static int copy(struct sip_str text, char out[SIP_NAME_LEN])
{
	if (text.len >= SIP_NAME_LEN)
		return ERR_TOO_LARGE;
	memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	return 0;
}

/* RFC 3261 §26.2.2: sips wants TLS, and "tls" as a transport of sip does as well. */
static int read_transport(const struct sip_uri *uri, bool is_sips, enum sip_transport *out)
{
	struct sip_str name = sip_param_value(uri->params, "transport");

	*out = SIP_TRANSPORT_OTHER;
	if (!name.at)
		return 0;
	enum sip_transport t = sip_transport_find(name);
	if (is_sips && t == SIP_TCP)
		t = SIP_TLS;
	if (is_sips ? t != SIP_TLS : t != SIP_UDP && t != SIP_TCP && t != SIP_TLS)
		return ERR_UNSUPPORTED;
	*out = t;
	return 0;
}

int sip_next_hop_of(const struct sip_uri *uri, struct sip_next_hop *out)
{
	struct sip_next_hop hop = {.is_sips = uri->scheme == SIP_SCHEME_SIPS, .port = uri->port};
	struct sip_str maddr = sip_param_value(uri->params, "maddr");

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return ERR_UNSUPPORTED;
	int rc = read_transport(uri, hop.is_sips, &hop.transport);
	if (rc == 0)
		rc = copy(uri->host.text, hop.domain);
	if (rc == 0)
		rc = copy(maddr.len > 0 ? maddr : uri->host.text, hop.host);
	if (rc == 0)
		*out = hop;
	return rc;
}

int sip_response_target(
	const struct sip_via *via, const struct addr *source, struct sip_target *out)
{
	enum sip_transport t = via->transport;

	if (t != SIP_UDP && t != SIP_TCP && t != SIP_TLS)
		return ERR_UNSUPPORTED;
	*out = (struct sip_target){.transport = t, .addr = *source};
	if (t != SIP_UDP || !via->has_rport)
		out->addr.port = via->port != 0 ? via->port : sip_transport_port(t);
	/* A name too long for a certificate is one that no certificate bears. */
	if (t == SIP_TLS)
		(void)copy(via->host.text, out->name);
	return 0;
}
