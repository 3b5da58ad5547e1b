/* SPDX-License-Identifier: BSD-3-Clause */
#include <sallyport/mediation/policy.h>

struct policy_srtp_choice policy_srtp_choose(
	enum policy_srtp client, enum policy_srtp trunk, bool trunk_has_tls)
{
	if (!trunk_has_tls)
		trunk = POLICY_SRTP_NONE;
	/* Without us both ends must be able to do the same. */
	return (struct policy_srtp_choice){
		.client = client,
		.trunk = trunk,
		.may_bypass_srtp = client != POLICY_SRTP_NONE && trunk != POLICY_SRTP_NONE,
		.may_bypass_clear = client != POLICY_SRTP_REQUIRED && trunk != POLICY_SRTP_REQUIRED,
	};
}
