/* SPDX-License-Identifier: BSD-3-Clause */
/* Who gives way: RFC 3261 §14, RFC 3311 §5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sallyport/sip/session.h>

static const struct {
	struct sip_glare under_way;
	/* refusal of the other side's, and may we send one */
	unsigned invite, update, plain_update;
	bool sends_invite, sends_update;
} rows[] = {
	{{.has_invite_out = false}, 0, 0, 0, true, true},
	{{.has_invite_out = true}, 491, 0, 0, false, true},
	{{.has_invite_in = true}, 500, 0, 0, false, true},
	{{.has_offer_out = true}, 491, 491, 0, false, false},
	{{.has_offer_in = true}, 500, 500, 0, false, false},
	{{.has_invite_out = true, .has_offer_out = true}, 491, 491, 0, false, false},
	{{.has_invite_in = true, .has_offer_in = true}, 500, 500, 0, false, false},
	{{.has_invite_in = true, .has_offer_out = true}, 500, 491, 0, false, false},
};

static void what_is_under_way_decides(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct sip_glare *g = &rows[i].under_way;
		assert_int_equal(sip_glare_refusal(g, SIP_INVITE, true), rows[i].invite);
		assert_int_equal(sip_glare_refusal(g, SIP_INVITE, false), rows[i].invite);
		assert_int_equal(sip_glare_refusal(g, SIP_UPDATE, true), rows[i].update);
		assert_int_equal(sip_glare_refusal(g, SIP_UPDATE, false), rows[i].plain_update);
		assert_int_equal(sip_glare_may_send(g, SIP_INVITE, true), rows[i].sends_invite);
		assert_int_equal(sip_glare_may_send(g, SIP_UPDATE, true), rows[i].sends_update);
		assert_true(sip_glare_may_send(g, SIP_UPDATE, false));
	}
}

/* §14.1: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in units of 10 ms. */
static void owner_of_the_call_id_waits_longer(void **state)
{
	unsigned least[2] = {UINT32_MAX, UINT32_MAX}, most[2] = {0, 0};
	for (uint32_t random = 0; random < 5000; random++)
		for (int ours = 0; ours < 2; ours++) {
			unsigned ms = sip_glare_wait_ms(ours, random * 0x9e3779b9u);
			assert_int_equal(ms % 10, 0);
			least[ours] = ms < least[ours] ? ms : least[ours];
			most[ours] = ms > most[ours] ? ms : most[ours];
		}
	assert_int_equal(least[0], 0);
	assert_int_equal(most[0], 2000);
	assert_int_equal(least[1], 2100);
	assert_int_equal(most[1], 4000);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(what_is_under_way_decides),
		cmocka_unit_test(owner_of_the_call_id_waits_longer),
	};
	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
