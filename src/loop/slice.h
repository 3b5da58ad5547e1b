/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LOOP_SLICE_H
#define LOOP_SLICE_H

/* The shortest there is; the kernel takes no less. */
#define LOOP_SLICE_NS 100000

/*
 * The calling thread asks for short time slices, so that it need not wait for the end of somebody
 * else's when it wakes. Its share of the processor stays the same.
 */
void loop_slice_shorten(void);

#endif
