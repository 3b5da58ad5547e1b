/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MRAS_XML_H
#define MRAS_XML_H

#include <sallyport/mras.h>

#define MRAS_XML_NS "http://schemas.microsoft.com/2006/09/sip/mrasp"

int mras_xml_encode(const struct mras_config *c, const struct mras_request *req,
	const struct mras_response *r, char **out, size_t *len);

#endif
