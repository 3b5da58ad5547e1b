/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens an embedded BPF object, and lets libbpf speak through our log. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <sallyport/ebpf.h>

/* A complaint is information here: whoever asked for the load says what its failure means. The
 * lines that follow its first, a verifier's whole report, are for debugging. */
static __attribute__((format(printf, 2, 0))) int say(
	enum libbpf_print_level level, const char *format, va_list args)
{
	enum log_level at = level == LIBBPF_WARN ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	char *text, *save, *line;

	if (at > log_level_get())
		return 0;
	if (vasprintf(&text, format, args) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (at <= log_level_get())
			log_write(at, LOG_NET, "libbpf", " text=\"%s\"", line);
		at = LOG_LEVEL_DEBUG;
	}
	free(text);
	return 0;
}

int ebpf_object_open(const struct ebpf_image *image, struct bpf_object **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = image->name);

	(void)libbpf_set_print(say);
	struct bpf_object *o =
		bpf_object__open_mem(image->begin, (size_t)(image->end - image->begin), &opts);
	if (!o)
		return errno == ENOMEM ? -ENOMEM : -EINVAL;
	*out = o;
	return 0;
}
