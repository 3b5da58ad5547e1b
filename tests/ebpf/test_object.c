/* SPDX-License-Identifier: BSD-3-Clause */
/* An embedded object opens, and where the kernel lets us it loads and runs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <sallyport/ebpf.h>

EBPF_IMAGE(sample, "sample", "tests/ebpf/sample.bpf.o");

static void image_opens_with_its_maps_and_programs(void **state)
{
	struct bpf_object *o = NULL;
	(void)state;

	assert_int_equal(ebpf_object_open(&sample, &o), 0);

	assert_string_equal(bpf_object__name(o), "sample");
	assert_non_null(bpf_object__find_map_by_name(o, "seen"));
	assert_non_null(bpf_object__find_program_by_name(o, "count"));
	bpf_object__close(o);
}

static void what_is_no_object_is_refused(void **state)
{
	static const uint8_t junk[64] = "\177ELF and nothing more";
	const struct ebpf_image image = {"junk", junk, junk + sizeof(junk)};
	struct bpf_object *o = NULL;
	(void)state;

	assert_int_equal(ebpf_object_open(&image, &o), -EINVAL);
	assert_null(o);
}

static void program_runs_where_the_kernel_takes_it(void **state)
{
	struct bpf_object *o = NULL;
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame),
		.repeat = 3);
	uint32_t zero = 0;
	uint64_t seen = 0;
	(void)state;

	assert_int_equal(ebpf_object_open(&sample, &o), 0);
	int rc = bpf_object__load(o);
	if (rc == -EPERM || rc == -EACCES || rc == -ENOSYS) {
		bpf_object__close(o);
		skip();
	}
	assert_int_equal(rc, 0);
	struct bpf_program *p = bpf_object__find_program_by_name(o, "count");
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(p), &run), 0);

	assert_int_equal(run.retval, 2 /* XDP_PASS */);
	struct bpf_map *m = bpf_object__find_map_by_name(o, "seen");
	assert_int_equal(bpf_map__lookup_elem(m, &zero, sizeof(zero), &seen, sizeof(seen), 0), 0);
	assert_int_equal(seen, 3);
	bpf_object__close(o);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(image_opens_with_its_maps_and_programs),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(program_runs_where_the_kernel_takes_it),
	};

	return cmocka_run_group_tests(t, NULL, NULL) != 0;
}
