/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include "mem.h"

#define END_TRIES 16

static void no_run(struct lease *l)
{
    l->next = 1;
    l->last = 0;
    l->left = 0;
}

void lease_none(struct lease *l)
{
    *l = (struct lease){0};
    no_run(l);
}

/* Held: what the token says, when the file says the same. */
static bool in_step(struct lease *l, uint64_t *drawn, struct err *e)
{
    uint64_t step;

    return l->token->ops->count_get(l->token, &l->decision, &step, drawn, e) &&
           spent_in_step(l->spent, step, e);
}

/* Held, and in step. */
static bool step_to(struct lease *l, uint64_t drawn, struct err *e)
{
    uint64_t from = spent_sums(l->spent)->step;

    return spent_step_begins(l->spent, e) &&
           l->token->ops->count_set(l->token, &l->decision, from, drawn, e) &&
           spent_step_done(l->spent, e);
}

bool lease_open(struct lease *l, struct token *token, const char *dir,
                const struct spent_paper *p, struct err *e)
{
    uint64_t step, drawn;
    bool ok;

    lease_none(l);
    l->token = token;
    l->decision = *p->decision;
    l->rows = p->rows;
    if (!token->ops->count_get(token, p->decision, &step, &drawn, e) ||
        !spent_open(dir, p, step > 0, &l->spent, e) || !spent_lock(l->spent, e))
        return false;
    ok = in_step(l, &drawn, e);
    spent_unlock(l->spent);
    return ok;
}

/* What is not given back is spent: the number in the token only ever says too much. */
static void end_run(struct lease *l)
{
    struct err ignored;
    uint64_t drawn;

    if (l->left > 0 && spent_lock(l->spent, &ignored)) {
        if (in_step(l, &drawn, &ignored) && drawn >= l->left)
            (void)!step_to(l, drawn - l->left, &ignored);
        spent_unlock(l->spent);
    }
    no_run(l);
}

void lease_close(struct lease *l)
{
    if (l->spent == NULL)
        return;
    end_run(l);
    spent_close(TAKE(l->spent));
}

static bool draw(struct lease *l, const struct eui64 *originator, uint64_t first,
                 uint64_t last, uint64_t n, struct err *e)
{
    uint64_t drawn;

    if (!in_step(l, &drawn, e))
        return false;
    drawn -= l->left < drawn ? l->left : drawn;
    if (n > spent_ceiling(l->spent) || drawn > spent_ceiling(l->spent) - n)
        return err_set(e, ERR_DENIED, "signer.spent",
                       "%llu signatures were drawn under this decision, all machines "
                       "together may draw %llu",
                       (unsigned long long)drawn,
                       (unsigned long long)spent_ceiling(l->spent));
    return l->token->ops->mark_raise(l->token, originator, first, last, e) &&
           step_to(l, drawn + n, e);
}

bool lease_reserve(struct lease *l, const struct eui64 *originator, uint64_t first,
                   uint64_t last, struct err *e)
{
    uint64_t n = last - first + 1 < l->rows ? last - first + 1 : l->rows;
    bool ok;

    if (!spent_lock(l->spent, e))
        return false;
    ok = draw(l, originator, first, last, n, e);
    spent_unlock(l->spent);
    if (!ok)
        return false;
    l->next = first;
    l->last = last;
    l->left = n;
    return true;
}

/* Beyond the run, or before what is left of it? */
static bool in_run(const struct lease *l, uint64_t first, uint32_t n, struct err *e)
{
    uint64_t last;

    if (__builtin_add_overflow(first, n - 1, &last) || first < l->next || last > l->last)
        return err_set(
            e, ERR_DENIED, "signer.counter",
            "counters %llu and %u after it are not in the reserved run, or spent",
            (unsigned long long)first, n - 1);
    if (n > l->left)
        return err_set(e, ERR_DENIED, "signer.counter",
                       "%llu signatures are left of those drawn with the run",
                       (unsigned long long)l->left);
    return true;
}

bool lease_spend(struct lease *l, uint64_t first, const uint32_t rows[], uint32_t n,
                 struct err *e)
{
    struct err ignored;

    if (!spent_take(l->spent, rows, n, e))
        return false;
    if (!in_run(l, first, n, e)) {
        (void)!spent_give_back(l->spent, rows, n, &ignored);
        return false;
    }
    l->next = first + n;
    l->left -= n;
    return true;
}

bool lease_unsigned(struct lease *l, uint64_t first, const uint32_t rows[], uint32_t n,
                    uint32_t done, uint32_t used, struct err *e)
{
    if (done == n)
        return true;
    if (l->next == first + n)
        l->next = first + used;
    l->left += n - done;
    return spent_give_back(l->spent, rows + done, n - done, e);
}

/* --- the end --- */

bool lease_has_ended(struct token *token, const struct digest *document, bool *ended,
                     struct err *e)
{
    uint64_t step, drawn;

    *ended = false;
    if (!token->ops->count_get(token, document, &step, &drawn, e))
        return false;
    *ended = drawn == LEASE_ENDED;
    return true;
}

bool lease_end(struct token *token, const struct digest *document, struct err *e)
{
    uint64_t step, drawn;

    /* another signer that draws, or is told the same, may come between the two */
    for (unsigned i = 0; i < END_TRIES; i++) {
        if (!token->ops->count_get(token, document, &step, &drawn, e))
            return false;
        if (drawn == LEASE_ENDED ||
            token->ops->count_set(token, document, step, LEASE_ENDED, e))
            return true;
        if (e->code != ERR_DENIED)
            return false;
    }
    return false;
}
