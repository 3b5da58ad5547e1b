/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as an MRAS XML request; every answer to it, also a refusal, must be well-formed. */
#include <expat.h>
#include "fuzz_mras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mras_request r;
	char detail[MRAS_DETAIL_LEN];
	size_t len;
	enum mras_result result = mras_request_decode(MRAS_XML, bytes_of(data, size), &r, detail);
	check_request(&r, result, detail);
	char *text = answer(MRAS_XML, &r, result, &len);
	XML_Parser p = XML_ParserCreateNS("UTF-8", ' ');
	must(p != NULL && XML_Parse(p, text, (int)len, 1) == XML_STATUS_OK);
	XML_ParserFree(p);
	free(text);
	mras_request_fini(&r);
	return 0;
}
