/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ebpf: programs for the kernel's virtual machine, compiled at build time by clang and carried in
 * our own file. They see packets and maps only, through contexts whose layout the kernel keeps
 * stable, so one image fits every kernel that has the helpers it calls.
 *
 * What is here exists in builds with HAVE_BPF only. Loading belongs to main, at start.
 */
#ifndef SALLYPORT_EBPF_H
#define SALLYPORT_EBPF_H

#include <sallyport/common.h>

struct bpf_object;

struct ebpf_image {
	const char *name; /* of the object, in the log and in listings of the kernel's */
	const uint8_t *begin, *end;
};

/* Defines the image VAR, of FILE as the build makes it: "src/net/steer/steer.bpf.o". The rule of
 * the file that says this names that one. */
#define EBPF_IMAGE(VAR, NAME, FILE)                                                                \
	__asm__(".pushsection .rodata." #VAR ",\"a\"\n"                                            \
		".balign 16\n"                                                                     \
		".global " #VAR "_begin, " #VAR "_end\n"                                           \
		".hidden " #VAR "_begin, " #VAR "_end\n" #VAR "_begin:\n"                          \
		".incbin \"" FILE "\"\n" #VAR "_end:\n"                                            \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const uint8_t VAR##_begin[], VAR##_end[];                                           \
	static const struct ebpf_image VAR = {NAME, VAR##_begin, VAR##_end}

/*
 * Opens an image, for the caller to size its maps, to load with bpf_object__load and to give back
 * with bpf_object__close. From then on libbpf's words go to our log. -ENOMEM, -EINVAL.
 */
int ebpf_object_open(const struct ebpf_image *image, struct bpf_object **out);

#endif
