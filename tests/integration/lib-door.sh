# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the scripts of the SIP door share: its certificates, names by which it is found, the Kamailio behind
# it with the configuration that contrib/ has for that, and its section of the daemon's configuration.
# Sourced behind lib-sip.sh. FE is the front end's address, EDGE the door's outside and EDGE_IN its inside.

# door_begin PROGRAM...: the same as begin, and the module of Kamailio without which there is no door.
door_begin() {
	local tls
	begin kamailio dnsmasq "$@"
	tls=$(find /usr/lib -name tls.so -path '*kamailio*' | head -n 1)
	[ -f "$(dirname "$tls")/outbound.so" ] || skip_all "kamailio-outbound-modules is not installed"
}

# door_certificates: what it shows outside, and inside.
door_certificates() {
	certificate sip sips serverAuth "DNS:example.net,DNS:sip.example.net"
	certificate inside sips serverAuth,clientAuth "DNS:edge.example.net,IP:$EDGE_IN"
}

# door_names ADDRESS: the name server outside, which has the door in SRV.
door_names() {
	name_server public ext "$1" --host-record=sip.example.net,"$EDGE" \
		--srv-host=_sips._tcp.example.net,sip.example.net,5061,1,1 \
		--srv-host=_sip._tls.example.net,sip.example.net,5061,1,1
}

# door_front_end [POOL_URI [SED]]: the front end behind it; numbers go to the pool. SED is applied to its
# configuration before.
door_front_end() {
	local numbers=
	[ -z "${1:-}" ] ||
		numbers="s,^\\tif (lookup(.*,\\tif (\$rU =~ \"^[+]?[0-9]+\$\") { \$du = \"$1\"; t_relay(); exit; }\\n&,"
	front_end_tls
	sed "${2:-}; s,@WORK@,$WORK,; s,@FE@,$(bracketed "$FE"),; s,@TLS@,$WORK/fe-tls.cfg,
		s,@EDGE@:,$(bracketed "$EDGE_IN"):,; s,@EDGE@,$EDGE_IN,; $numbers" \
		"$SOURCE/contrib/kamailio-access.cfg" >"$WORK/fe.cfg"
	front_end_start
}

# door_conf LINES...: the section "access"; the lines are further ones of it.
door_conf() {
	cat <<-YAML
	access:
	  host: sip.example.net
	  certificate: $WORK/sip.pem
	  private_key: $WORK/sip.key
	  domains: [example.net]
	$(printf '  %s\n' "$@")
	  inside:
	    listen: ["$(bracketed "$EDGE_IN"):5062"]
	    certificate: $WORK/inside.pem
	    private_key: $WORK/inside.key
	    ca: $WORK/sips.pem
	    next_hop: ${NEXT_HOP:-fe.example.net}
	    dns_servers: ["$FE@53"]
	YAML
}
