/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of the words we know a misspelt one is near to. */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include <stdbool.h>

/*
 * Edits between two words: insert, delete, replace, swap of neighbours. Letter case and '-' for
 * '_' cost nothing. UINT_MAX when a word is too long to be worth the search.
 */
unsigned suggest_distance(const char *a, const char *b);

/*
 * True when CANDIDATE is near enough to WORD and nearer than *BEST, which then becomes its
 * distance. Start with *BEST = UINT_MAX.
 */
bool suggest_is_better(const char *word, const char *candidate, unsigned *best);

#endif
