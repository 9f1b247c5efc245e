/* SPDX-License-Identifier: MIT */
#include "matter.h"

#include "mem.h"

#include <string.h>

struct papers {
    const struct trust *trust;
    int64_t now_us;
    struct people *people;
    struct err *e;
    size_t n;
    bool ok;
};

/* A paper of the matter: only its people are looked at. */
static bool take_paper(void *arg, const struct store_row *row)
{
    struct papers *p = arg;
    AUTO(mem) struct authority *a = malloc(sizeof *a);

    p->n++;
    p->ok = a != NULL
                ? trust_judge(p->trust, store_blob(row, 0), NULL, p->now_us, a, NULL, p->e)
                : err_set(p->e, ERR_STORE, "store.memory", "out of memory");
    if (p->ok)
        people_of_document(p->people, a);
    return p->ok;
}

bool matter_papers(struct store *s, const struct trust *t, const struct digest *decision,
                   int64_t now_us, struct people *m, struct err *e)
{
    struct span digest = span_of(decision->b, sizeof decision->b);
    struct err why;
    struct papers p = {
        .trust = t, .now_us = now_us, .people = m, .e = &why, .n = 0, .ok = true};
    char hex[HEX_LEN(32)];

    hex_encode_lower(decision->b, 32, hex);
    if (!store_each(s, take_paper, &p, e, "SELECT cms FROM decision WHERE sha256 = ?1", "b",
                    digest))
        return false;
    if (p.ok && p.n == 0)
        return err_set(e, ERR_MISSING, "decision.none", "decision %.16s... is not on file",
                       hex);
    if (p.ok && !store_each(s, take_paper, &p, e,
                            "SELECT cms FROM decision WHERE state = 'live'"
                            " AND outcome = 'activation'"
                            " AND lower(json_extract(json, '$.decision')) = ?1"
                            " ORDER BY at_us DESC, rowid DESC LIMIT 1",
                            "t", hex))
        return false;
    if (!p.ok)
        *e = why;
    return p.ok;
}

struct operators {
    void (*fn)(void *arg, const char *who);
    void *arg;
};

static bool take_operator(void *arg, const struct store_row *row)
{
    const struct operators *o = arg;

    o->fn(o->arg, store_text(row, 0));
    return true;
}

bool matter_operators(struct store *s, const struct digest *decision,
                      void (*fn)(void *arg, const char *who), void *arg, struct err *e)
{
    struct operators o = {fn, arg};

    return store_each(s, take_operator, &o, e,
                      "SELECT asked_by FROM batch WHERE decision = ?1 UNION"
                      " SELECT confirmed_by FROM batch WHERE decision = ?1"
                      " AND confirmed_by IS NOT NULL",
                      "b", span_of(decision->b, sizeof decision->b));
}
