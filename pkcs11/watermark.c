/* SPDX-License-Identifier: MIT */
#include "watermark.h"

#include "mem.h"
#include "p11_key.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define OBJECTS_MAX 16
#define VALUE_LEN   16
#define CHECK_LEN   8

static char application[] = "smki-recovery";

struct marks {
    CK_OBJECT_HANDLE at[OBJECTS_MAX];
    CK_ULONG n;
    uint64_t highest;
    bool whole; /* at least one passed its check */
};

static void value_of(const struct eui64 *o, uint64_t mark, uint8_t out[VALUE_LEN])
{
    struct digest d;

    put_be64(out, mark);
    d = digest_of(span_of(out, 8), span_of(o->b, sizeof o->b));
    memcpy(out + 8, d.b, CHECK_LEN);
}

static CK_ULONG label_of(const struct eui64 *o, char *out, size_t cap)
{
    char hex[HEX_LEN(8)];

    hex_encode(o->b, sizeof o->b, hex);
    return (CK_ULONG)snprintf(out, cap, "originator-counter %s", hex);
}

/* A fresh search each time:
 * it is what makes the module look at other processes' changes. */
static bool read_marks(struct session *s, const struct eui64 *o, struct marks *m,
                       struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    char label[48];
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_TOKEN, &yes, sizeof yes},
                             {CKA_APPLICATION, application, sizeof application - 1},
                             {CKA_LABEL, label, label_of(o, label, sizeof label)}};

    *m = (struct marks){0};
    if (!p11_search(s, wanted, 4, m->at, OBJECTS_MAX, &m->n, e))
        return err_wrap(e, "counter mark");
    for (CK_ULONG i = 0; i < m->n; i++) {
        uint8_t value[VALUE_LEN], want[VALUE_LEN];
        CK_ULONG len = sizeof value;
        uint64_t mark;

        if (!p11_read(s, m->at[i], CKA_VALUE, value, &len, e))
            return err_wrap(e, "counter mark");
        if (len != sizeof value)
            continue;
        mark = get_be64(value);
        value_of(o, mark, want);
        if (memcmp(value, want, sizeof want) != 0)
            continue;
        m->whole = true;
        if (mark > m->highest)
            m->highest = mark;
    }
    if (m->n == OBJECTS_MAX || (m->n > 0 && !m->whole))
        return err_set(e, ERR_TOKEN, "token.counter-mark-bad",
                       "%lu mark objects \"%s\", none to be trusted", m->n, label);
    return true;
}

static bool create(struct session *s, const struct eui64 *o, uint64_t mark, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    uint8_t value[VALUE_LEN];
    char label[48];
    CK_ATTRIBUTE made[] = {{CKA_CLASS, &class, sizeof class},
                           {CKA_TOKEN, &yes, sizeof yes},
                           {CKA_PRIVATE, &yes, sizeof yes},
                           {CKA_APPLICATION, application, sizeof application - 1},
                           {CKA_LABEL, label, label_of(o, label, sizeof label)},
                           {CKA_VALUE, value, sizeof value}};
    CK_OBJECT_HANDLE h;
    CK_RV rv;

    value_of(o, mark, value);
    session_deadline(s);
    rv = s->f->C_CreateObject(s->anchor, made, sizeof made / sizeof made[0], &h);
    session_idle();
    return rv == CKR_OK || session_failed(s, "C_CreateObject (counter mark)", rv, e);
}

bool watermark_get(struct session *s, const struct eui64 *originator, uint64_t *mark,
                   struct err *e)
{
    AUTO(fd) int lock = session_lock(s, LOCK_SH, e);
    struct marks m;

    if (lock < 0 || !read_marks(s, originator, &m, e))
        return false;
    *mark = m.highest;
    return true;
}

bool watermark_raise(struct session *s, const struct eui64 *originator, uint64_t first,
                     uint64_t last, struct err *e)
{
    AUTO(fd) int lock = session_lock(s, LOCK_EX, e);
    struct marks before, after;

    if (lock < 0 || !read_marks(s, originator, &before, e))
        return false;
    if (first <= before.highest || last < first)
        return err_set(e, ERR_DENIED, "token.counter-mark",
                       "counters %llu to %llu: the token says that everything up to %llu "
                       "may have been used",
                       (unsigned long long)first, (unsigned long long)last,
                       (unsigned long long)before.highest);
    if (!create(s, originator, last, e) || !read_marks(s, originator, &after, e))
        return false;
    if (after.highest != last)
        return err_set(e, ERR_TOKEN, "token.counter-mark-bad",
                       "wrote the mark %llu and read back %llu", (unsigned long long)last,
                       (unsigned long long)after.highest);
    for (CK_ULONG i = 0; i < before.n; i++) {
        CK_RV rv;

        session_deadline(s);
        rv = s->f->C_DestroyObject(s->anchor, before.at[i]);
        session_idle();
        /* a leftover does no harm, but a lost token must not go unnoticed */
        if (rv != CKR_OK)
            return session_failed(s, "C_DestroyObject (counter mark)", rv, e);
    }
    return true;
}
