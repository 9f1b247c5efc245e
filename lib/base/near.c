/* SPDX-License-Identifier: MIT */
#include "near.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 63
#define STEP     4 /* of one letter; 1 where only its case is another */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned change(char a, char b)
{
    if (a == b)
        return 0;
    return tolower((unsigned char)a) == tolower((unsigned char)b) ? 1 : STEP;
}

static unsigned distance(const char *a, const char *b)
{
    static const unsigned far = 1000;
    unsigned row[3][WORD_MAX + 1];
    unsigned *two = row[0];
    unsigned *one = row[1];
    unsigned *now = row[2];
    size_t na = strlen(a);
    size_t nb = strlen(b);

    if (na > WORD_MAX || nb > WORD_MAX)
        return far;
    for (size_t k = 0; k <= nb; k++)
        one[k] = (unsigned)k * STEP;
    for (size_t i = 1; i <= na; i++) {
        unsigned *free_row = two;

        now[0] = (unsigned)i * STEP;
        for (size_t k = 1; k <= nb; k++) {
            now[k] = least(least(one[k], now[k - 1]) + STEP,
                           one[k - 1] + change(a[i - 1], b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                now[k] = least(now[k], two[k - 2] + STEP);
        }
        two = one;
        one = now;
        now = free_row;
    }
    return one[nb];
}

const char *near_word(const char *word, const char *const words[], size_t n)
{
    unsigned best = (unsigned)(strlen(word) * STEP / 3);
    const char *found = NULL;

    if (best < STEP)
        best = STEP; /* of a short word, one letter */
    for (size_t i = 0; i < n; i++) {
        unsigned d = distance(word, words[i]);

        if (d <= best && (found == NULL || d < best)) {
            best = d;
            found = words[i];
        }
    }
    return found;
}

const char *near_hint(char out[static NEAR_TEXT], const char *word,
                      const char *const words[], size_t n)
{
    const char *meant = near_word(word, words, n);
    size_t at = 0;

    out[0] = '\0';
    if (meant != NULL)
        at += (size_t)snprintf(out, NEAR_TEXT, "; did you mean \"%s\"?", meant);
    for (size_t i = 0; i < n; i++) {
        const char *before = i > 0 ? ", " : meant != NULL ? " There are " : "; there are ";

        if (at + strlen(before) + strlen(words[i]) + sizeof ", ..." > NEAR_TEXT) {
            (void)snprintf(out + at, NEAR_TEXT - at, ", ...");
            break;
        }
        at += (size_t)snprintf(out + at, NEAR_TEXT - at, "%s%s", before, words[i]);
    }
    return out;
}
