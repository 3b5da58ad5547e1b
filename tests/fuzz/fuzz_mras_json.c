/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a JSON request; what is accepted must be answerable with JSON. */
#include <jansson.h>
#include "fuzz_mras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mras_request r;
	char detail[MRAS_DETAIL_LEN];
	enum mras_result result = mras_request_decode(MRAS_JSON, bytes_of(data, size), &r, detail);
	check_request(&r, result, detail);
	if (result == MRAS_OK) {
		size_t len;
		char *text = answer(MRAS_JSON, &r, result, &len);
		json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
		must(json_array_size(json_object_get(root, "credentials")) == r.n_items);
		json_decref(root);
		free(text);
	}
	mras_request_fini(&r);
	return 0;
}
