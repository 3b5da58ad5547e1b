/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of methods, attributes and errors, as the registries spell them. The attribute table is
 * also the list of what is known: a type without a row here is an unknown one.
 */
#include "wire.h"

/* Comprehension-required attributes count from 0, optional ones from 0x8000. */
#define OPTIONAL(type) ((type)&0x7fff)

static const char *const required_names[] = {
	[STUN_MAPPED_ADDRESS] = "MAPPED-ADDRESS",
	[STUN_CHANGE_REQUEST] = "CHANGE-REQUEST",
	[STUN_SOURCE_ADDRESS] = "SOURCE-ADDRESS",
	[STUN_CHANGED_ADDRESS] = "CHANGED-ADDRESS",
	[STUN_USERNAME] = "USERNAME",
	[STUN_MESSAGE_INTEGRITY] = "MESSAGE-INTEGRITY",
	[STUN_ERROR_CODE] = "ERROR-CODE",
	[STUN_UNKNOWN_ATTRIBUTES] = "UNKNOWN-ATTRIBUTES",
	[STUN_CHANNEL_NUMBER] = "CHANNEL-NUMBER",
	[STUN_LIFETIME] = "LIFETIME",
	[STUN_XOR_PEER_ADDRESS] = "XOR-PEER-ADDRESS",
	[STUN_DATA_ATTR] = "DATA",
	[STUN_REALM] = "REALM",
	[STUN_NONCE] = "NONCE",
	[STUN_XOR_RELAYED_ADDRESS] = "XOR-RELAYED-ADDRESS",
	[STUN_REQUESTED_ADDRESS_FAMILY] = "REQUESTED-ADDRESS-FAMILY",
	[STUN_EVEN_PORT] = "EVEN-PORT",
	[STUN_REQUESTED_TRANSPORT] = "REQUESTED-TRANSPORT",
	[STUN_DONT_FRAGMENT] = "DONT-FRAGMENT",
	[STUN_ACCESS_TOKEN] = "ACCESS-TOKEN",
	[STUN_MESSAGE_INTEGRITY_SHA256] = "MESSAGE-INTEGRITY-SHA256",
	[STUN_PASSWORD_ALGORITHM] = "PASSWORD-ALGORITHM",
	[STUN_USERHASH] = "USERHASH",
	[STUN_XOR_MAPPED_ADDRESS] = "XOR-MAPPED-ADDRESS",
	[STUN_RESERVATION_TOKEN] = "RESERVATION-TOKEN",
	[STUN_PRIORITY] = "PRIORITY",
	[STUN_USE_CANDIDATE] = "USE-CANDIDATE",
	[STUN_PADDING] = "PADDING",
	[STUN_RESPONSE_PORT] = "RESPONSE-PORT",
	[STUN_CONNECTION_ID] = "CONNECTION-ID",
};

static const char *const optional_names[] = {
	[OPTIONAL(STUN_ADDITIONAL_ADDRESS_FAMILY)] = "ADDITIONAL-ADDRESS-FAMILY",
	[OPTIONAL(STUN_ADDRESS_ERROR_CODE)] = "ADDRESS-ERROR-CODE",
	[OPTIONAL(STUN_PASSWORD_ALGORITHMS)] = "PASSWORD-ALGORITHMS",
	[OPTIONAL(STUN_ALTERNATE_DOMAIN)] = "ALTERNATE-DOMAIN",
	[OPTIONAL(STUN_ICMP)] = "ICMP",
	[OPTIONAL(STUN_SOFTWARE)] = "SOFTWARE",
	[OPTIONAL(STUN_ALTERNATE_SERVER)] = "ALTERNATE-SERVER",
	[OPTIONAL(STUN_FINGERPRINT)] = "FINGERPRINT",
	[OPTIONAL(STUN_ICE_CONTROLLED)] = "ICE-CONTROLLED",
	[OPTIONAL(STUN_ICE_CONTROLLING)] = "ICE-CONTROLLING",
	[OPTIONAL(STUN_RESPONSE_ORIGIN)] = "RESPONSE-ORIGIN",
	[OPTIONAL(STUN_OTHER_ADDRESS)] = "OTHER-ADDRESS",
	[OPTIONAL(STUN_THIRD_PARTY_AUTHORIZATION)] = "THIRD-PARTY-AUTHORIZATION",
	[OPTIONAL(STUN_MOBILITY_TICKET)] = "MOBILITY-TICKET",
	[OPTIONAL(STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT)] = "ADDITIONAL-ADDRESS-FAMILY",
};

static const char *attr_name_or_null(unsigned type)
{
	unsigned i = OPTIONAL(type);
	if (type < 0x8000)
		return i < ARRAY_LEN(required_names) ? required_names[i] : NULL;
	return i < ARRAY_LEN(optional_names) ? optional_names[i] : NULL;
}

bool stun_attr_is_known(unsigned type)
{
	return attr_name_or_null(type) != NULL;
}

const char *stun_attr_name(unsigned type)
{
	const char *name = attr_name_or_null(type);
	return name != NULL ? name : "?";
}

static const char *const method_names[] = {
	[STUN_BINDING] = "Binding",
	[STUN_ALLOCATE] = "Allocate",
	[STUN_REFRESH] = "Refresh",
	[STUN_SEND] = "Send",
	[STUN_DATA] = "Data",
	[STUN_CREATE_PERMISSION] = "CreatePermission",
	[STUN_CHANNEL_BIND] = "ChannelBind",
	[STUN_CONNECT] = "Connect",
	[STUN_CONNECTION_BIND] = "ConnectionBind",
	[STUN_CONNECTION_ATTEMPT] = "ConnectionAttempt",
};

const char *stun_method_name(unsigned method)
{
	if (method >= ARRAY_LEN(method_names) || method_names[method] == NULL)
		return "?";
	return method_names[method];
}

static const struct {
	uint16_t code;
	const char *phrase;
} errors[] = {
	{STUN_TRY_ALTERNATE, "Try Alternate"},
	{STUN_BAD_REQUEST, "Bad Request"},
	{STUN_UNAUTHORIZED, "Unauthenticated"},
	{STUN_FORBIDDEN, "Forbidden"},
	{STUN_MOBILITY_FORBIDDEN, "Mobility Forbidden"},
	{STUN_UNKNOWN_ATTRIBUTE, "Unknown Attribute"},
	{STUN_ALLOCATION_MISMATCH, "Allocation Mismatch"},
	{STUN_STALE_NONCE, "Stale Nonce"},
	{STUN_FAMILY_NOT_SUPPORTED, "Address Family not Supported"},
	{STUN_WRONG_CREDENTIALS, "Wrong Credentials"},
	{STUN_TRANSPORT_NOT_SUPPORTED, "Unsupported Transport Protocol"},
	{STUN_FAMILY_MISMATCH, "Peer Address Family Mismatch"},
	{STUN_CONNECTION_EXISTS, "Connection Already Exists"},
	{STUN_CONNECTION_TIMEOUT, "Connection Timeout or Failure"},
	{STUN_QUOTA_REACHED, "Allocation Quota Reached"},
	{STUN_SERVER_ERROR, "Server Error"},
	{STUN_INSUFFICIENT_CAPACITY, "Insufficient Capacity"},
};

const char *stun_error_phrase(unsigned code)
{
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].code == code)
			return errors[i].phrase;
	return "";
}
