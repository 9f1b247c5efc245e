/* SPDX-License-Identifier: MIT */
#include "watermark.h"

#include "p11_number.h"

#include <stdio.h>

static struct p11_number mark_of(const struct eui64 *o)
{
    struct p11_number n = {.name = span_of(o->b, sizeof o->b), .n_words = 1};
    char hex[HEX_LEN(8)];

    hex_encode(o->b, sizeof o->b, hex);
    (void)snprintf(n.label, sizeof n.label, "originator-counter %s", hex);
    return n;
}

static struct p11_number count_of(const struct digest *decision)
{
    struct p11_number n = {.name = span_of(decision->b, sizeof decision->b), .n_words = 2};
    char hex[HEX_LEN(32)];

    hex_encode_lower(decision->b, sizeof decision->b, hex);
    (void)snprintf(n.label, sizeof n.label, "decision-count %s", hex);
    return n;
}

bool watermark_get(struct session *s, const struct eui64 *originator, uint64_t *mark,
                   struct err *e)
{
    struct p11_number which = mark_of(originator);
    uint64_t now[P11_NUMBER_WORDS];

    if (!p11_number_get(s, &which, now, e))
        return false;
    *mark = now[0];
    return true;
}

bool watermark_raise(struct session *s, const struct eui64 *originator, uint64_t first,
                     uint64_t last, struct err *e)
{
    struct p11_number which = mark_of(originator);
    uint64_t to[P11_NUMBER_WORDS] = {last}, now[P11_NUMBER_WORDS] = {0};

    if (first == 0 || last < first)
        return err_set(e, ERR_DENIED, "token.counter-mark",
                       "counters %llu to %llu are no run", (unsigned long long)first,
                       (unsigned long long)last);
    switch (p11_number_raise(s, &which, first, to, now, e)) {
    case P11_RAISED:
        return true;
    case P11_NOT_ABOVE:
        return err_set(e, ERR_DENIED, "token.counter-mark",
                       "counters %llu to %llu: the token says that everything up to %llu "
                       "may have been used",
                       (unsigned long long)first, (unsigned long long)last,
                       (unsigned long long)now[0]);
    case P11_RACED:
        return err_set(e, ERR_DENIED, "token.counter-mark",
                       "counters %llu to %llu: another machine raised the token's mark at "
                       "the same time",
                       (unsigned long long)first, (unsigned long long)last);
    case P11_RAISE_FAILED:
        break;
    }
    return false;
}

bool watermark_count_get(struct session *s, const struct digest *decision, uint64_t *step,
                         uint64_t *drawn, struct err *e)
{
    struct p11_number which = count_of(decision);
    uint64_t now[P11_NUMBER_WORDS];

    if (!p11_number_get(s, &which, now, e))
        return false;
    *step = now[0];
    *drawn = now[1];
    return true;
}

bool watermark_count_set(struct session *s, const struct digest *decision, uint64_t from,
                         uint64_t drawn, struct err *e)
{
    struct p11_number which = count_of(decision);
    uint64_t to[P11_NUMBER_WORDS] = {from + 1, drawn}, now[P11_NUMBER_WORDS] = {0};
    enum p11_raised raised = p11_number_raise(s, &which, from + 1, to, now, e);

    if (raised == P11_RAISE_FAILED)
        return false;
    return raised == P11_RAISED ||
           err_set(e, ERR_DENIED, "signer.count-lost",
                   "%s: another machine counts under this decision in the same token",
                   which.label);
}
