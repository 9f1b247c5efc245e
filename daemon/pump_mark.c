/* SPDX-License-Identifier: MIT */
#include "pump_impl.h"

#include "ledger.h"

#include <string.h>

static struct pump_mark *mark_of(struct pump *p, const struct eui64 *originator)
{
    for (size_t i = 0; i < p->n_marks; i++)
        if (eui64_cmp(&p->marks[i].originator, originator) == 0)
            return &p->marks[i];
    if (p->n_marks == PLACE_COUNTERS_MAX)
        return NULL;
    p->marks[p->n_marks] = (struct pump_mark){.originator = *originator};
    return &p->marks[p->n_marks++];
}

static bool add_mark(void *arg, const struct eui64 *originator, uint64_t mark)
{
    (void)mark;
    (void)mark_of(arg, originator);
    return true;
}

static void ask_next(struct pump *p, unsigned i)
{
    struct hand *h = &p->hands[i];
    struct proto ask = {.type = PROTO_MARK};

    h->marking = h->mark < p->n_marks;
    if (!h->marking)
        return;
    ask.u.mark.originator = p->marks[h->mark].originator;
    h->floor = p->marks[h->mark].most;
    (void)signers_send(p->signers, i, &ask, CALLS_FEW, NULL, 0);
}

void pump_mark_ask(struct pump *p, unsigned i)
{
    struct err e;

    if (p->hands[i].marking)
        return;
    if (!ledger_each_mark(p->s.store, add_mark, p, &e)) {
        pump_fatal(p, &e);
        return;
    }
    for (size_t k = 0; k < p->s.config->n_keys; k++)
        if (p->s.trust->keys[k].present)
            (void)mark_of(p, &p->s.trust->keys[k].cert.at[0].eui);
    p->hands[i].mark = 0;
    ask_next(p, i);
}

uint64_t pump_mark_meant(struct pump *p, const struct eui64 *originator, uint64_t mark,
                         uint64_t known)
{
    struct pump_mark *m = mark_of(p, originator);

    if (mark < known || m == NULL)
        return mark;
    if (mark > m->most)
        m->most = mark;
    return m->most;
}

void pump_marked(struct pump *p, unsigned i, uint64_t mark)
{
    struct hand *h = &p->hands[i];
    struct eui64 originator = p->marks[h->mark].originator;

    mark = pump_mark_meant(p, &originator, mark, h->floor);
    if (p->s.marked != NULL)
        p->s.marked(p->s.arg, &originator, mark, h->floor);
    h->mark++;
    ask_next(p, i);
}

uint64_t pump_mark_known(struct pump *p, const struct eui64 *originator)
{
    const struct pump_mark *m = mark_of(p, originator);

    return m != NULL ? m->most : 0;
}

void pump_mark_raised(struct pump *p)
{
    struct pump_mark *m = mark_of(p, &p->lent.originator);

    if (m != NULL && p->lent.last > m->most)
        m->most = p->lent.last;
}
