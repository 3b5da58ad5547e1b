/* SPDX-License-Identifier: BSD-3-Clause */
/* Doubly linked list whose links live in the elements. A head is an element of its own ring. */
#ifndef SALLYPORT_COMMON_LIST_H
#define SALLYPORT_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Leaves L an empty ring, so removing twice is harmless. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

/* Moves all elements of FROM into HEAD, which need not be initialised. */
static inline void list_take(struct list *from, struct list *head)
{
	list_init(head);
	if (list_is_empty(from))
		return;
	*head = *from;
	head->next->prev = head;
	head->prev->next = head;
	list_init(from);
}

#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* The body may remove IT. */
#define list_for_each_safe(it, head)                                                               \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
		it = it##_next, it##_next = it->next)

#endif
