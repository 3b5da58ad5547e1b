/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run is told as: one line of JSON, or some for people. */
#include <inttypes.h>
#include <stdio.h>

#include "load.h"

static const char *const KINDS[] = {"udp", "tcp", "tls", "packet"};

static double each(double sum, uint64_t n)
{
	return n ? sum / (double)n : 0;
}

static uint64_t both(const struct run_result *r)
{
	return r->tallies[UP].received + r->tallies[DOWN].received;
}

static void json_way(const struct load *l, enum way way)
{
	const struct tally *t = &l->run.tallies[way];
	const struct wire_counts *at = &l->run.wires[way == UP ? DOWN : UP];
	const struct histogram *h = &t->latency;

	printf("{\"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"reordered\": %" PRIu64
	       ", \"duplicate\": %" PRIu64 ", \"corrupt\": %" PRIu64 ", \"bad_checksum\": %" PRIu64
	       ", \"misdirected\": %" PRIu64 ", \"fragments\": %" PRIu64 ", \"late\": %" PRIu64
	       ", \"send_errors\": %" PRIu64 ", \"lost_here\": %" PRIu64 ", ",
		t->sent, t->received, t->reordered, t->duplicate, t->corrupt, at->bad_checksum,
		at->misdirected, at->fragments, t->late, l->run.wires[way].send_errors,
		at->lost_here);
	printf("\"latency_us\": {\"mean\": %.2f, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, "
	       "\"p99.9\": %.2f, \"max\": %.2f}}",
		each((double)h->sum_ns / 1000, h->count), histogram_us(h, 50), histogram_us(h, 90),
		histogram_us(h, 99), histogram_us(h, 99.9), (double)h->max_ns / 1000);
}

static void json(const struct load *l)
{
	const struct load_config *c = &l->config;
	const struct run_result *r = &l->run;
	const struct setup_result *s = &l->setup;
	uint64_t n = both(r);

	printf("{\"label\": \"%s\", \"clients\": %u, \"family\": [%u, %u], \"transport\": \"%s\", "
	       "\"peers\": \"%s\", \"checksum\": \"%s\", \"size\": [%u, %u], \"direct\": %s, "
	       "\"search\": %s, \"limit\": \"%s\", ",
		c->label ? c->label : "", c->n_flows, c->wires[UP].first.family,
		c->wires[DOWN].first.family, KINDS[c->wires[UP].kind], KINDS[c->wires[DOWN].kind],
		c->wires[UP].has_partial_checksum ? "partial" : "complete", c->size_min,
		c->size_max, c->is_direct ? "true" : "false", c->is_search ? "true" : "false",
		!c->is_search           ? ""
		: l->is_generator_limit ? "generator"
					: "relay");
	printf("\"setup\": {\"seconds\": %.3f, \"server_us_each\": %.2f, \"core_us_each\": %.2f, "
	       "\"generator_us_each\": %.2f, \"rss_bytes_each\": %.0f, \"rss_kb\": %" PRIu64 "}, ",
		s->seconds, s->server_us_each, s->core_us_each, s->self_us_each, s->rss_bytes_each,
		s->rss_full_kb);
	printf("\"rate\": %.0f, \"seconds\": %.3f, \"packets_s\": %.0f, \"loss_percent\": %.4f, "
	       "\"valid\": %s, \"generator_busy_percent\": %.1f, \"unexpected\": %" PRIu64 ", ",
		r->rate, r->seconds, each((double)n, 1) / (r->seconds > 0 ? r->seconds : 1),
		run_loss_percent(r), run_is_valid(r) ? "true" : "false", r->busy_percent,
		r->unexpected);
	printf("\"core_us_each\": %.4f, \"core_percent\": %.2f, \"steal_percent\": %.2f, "
	       "\"server_us_each\": %.4f, \"generator_us_each\": %.4f, \"up\": ",
		each(r->core_us, n), r->wall_s > 0 ? r->core_us / r->wall_s / 1e4 : 0,
		r->wall_s > 0 ? r->steal_us / r->wall_s / 1e4 : 0, each(r->server_us, n),
		each(r->self_us, n));
	json_way(l, UP);
	printf(", \"down\": ");
	json_way(l, DOWN);
	printf("}\n");
}

static void text_way(const struct load *l, enum way way)
{
	const struct tally *t = &l->run.tallies[way];
	const struct wire_counts *at = &l->run.wires[way == UP ? DOWN : UP];

	printf("%s sent=%" PRIu64 " received=%" PRIu64 " reordered=%" PRIu64 " duplicate=%" PRIu64
	       " corrupt=%" PRIu64 " bad_checksum=%" PRIu64 " misdirected=%" PRIu64
	       " send_errors=%" PRIu64 " p50_us=%.1f p90_us=%.1f p99_us=%.1f p99.9_us=%.1f\n",
		way == UP ? "up  " : "down", t->sent, t->received, t->reordered, t->duplicate,
		t->corrupt, at->bad_checksum, at->misdirected, l->run.wires[way].send_errors,
		histogram_us(&t->latency, 50), histogram_us(&t->latency, 90),
		histogram_us(&t->latency, 99), histogram_us(&t->latency, 99.9));
}

static void text(const struct load *l)
{
	const struct run_result *r = &l->run;
	const struct setup_result *s = &l->setup;
	uint64_t n = both(r);

	if (!l->config.is_direct)
		printf("setup clients=%u seconds=%.2f server_us_each=%.1f core_us_each=%.1f "
		       "generator_us_each=%.1f rss_bytes_each=%.0f rss_kb=%" PRIu64 "\n",
			l->config.n_flows, s->seconds, s->server_us_each, s->core_us_each,
			s->self_us_each, s->rss_bytes_each, s->rss_full_kb);
	if (r->seconds <= 0)
		return;
	text_way(l, UP);
	text_way(l, DOWN);
	printf("both rate=%.0f packets_s=%.0f loss_percent=%.4f core_us_each=%.3f "
	       "core_percent=%.1f server_us_each=%.3f steal_percent=%.1f "
	       "generator_busy_percent=%.0f%s\n",
		r->rate, (double)n / r->seconds, run_loss_percent(r), each(r->core_us, n),
		r->core_us / r->wall_s / 1e4, each(r->server_us, n), r->steal_us / r->wall_s / 1e4,
		r->busy_percent,
		!run_is_valid(r) || l->is_generator_limit ? " limit=generator" : "");
}

void report_print(const struct load *l)
{
	if (l->config.is_json)
		json(l);
	else
		text(l);
}
