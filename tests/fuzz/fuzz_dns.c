/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of the domain name system: the first byte picks the type that was asked for. */
#include <stdlib.h>

#include "../../src/loop/dns_records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR};
	static struct dns_record records[DNS_RECORDS_MAX];
	size_t n;

	if (size == 0)
		return 0;
	struct bytes packet = bytes_of(data + 1, size - 1);
	if (dns_records_read(packet, types[data[0] % 4], records, &n) != 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (strlen(records[i].name) >= DNS_NAME_LEN ||
			strlen(records[i].service) >= sizeof(records[i].service) ||
			strlen(records[i].flags) >= sizeof(records[i].flags))
			abort();
	}
	return 0;
}
