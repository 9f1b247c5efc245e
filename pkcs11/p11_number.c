/* SPDX-License-Identifier: MIT */
#include "p11_number.h"

#include "mem.h"
#include "p11_key.h"

#include <string.h>
#include <sys/file.h>

#define OBJECTS_MAX 16
#define WORD_LEN    8
#define CHECK_LEN   8
#define VALUE_MAX   (P11_NUMBER_WORDS * WORD_LEN + CHECK_LEN)
#define LOOKS       64 /* at objects that another machine makes and destroys meanwhile */

static char application[] = "smki-recovery";

struct found {
    CK_OBJECT_HANDLE at[OBJECTS_MAX];
    CK_ULONG n;
    uint64_t top[P11_NUMBER_WORDS];
    CK_ULONG n_high; /* whole ones that are not below `least` */
    bool whole;      /* at least one passed its check */
};

static CK_ULONG value_of(const struct p11_number *which,
                         const uint64_t words[P11_NUMBER_WORDS], uint8_t out[VALUE_MAX])
{
    size_t len = which->n_words * WORD_LEN;
    struct digest d;

    for (size_t i = 0; i < which->n_words; i++)
        put_be64(out + i * WORD_LEN, words[i]);
    d = digest_of(span_of(out, len), which->name);
    memcpy(out + len, d.b, CHECK_LEN);
    return (CK_ULONG)(len + CHECK_LEN);
}

static bool is_whole(const struct p11_number *which, const uint8_t *value, CK_ULONG len,
                     uint64_t words[P11_NUMBER_WORDS])
{
    uint8_t want[VALUE_MAX];

    if (len != which->n_words * WORD_LEN + CHECK_LEN)
        return false;
    for (size_t i = 0; i < which->n_words; i++)
        words[i] = get_be64(value + i * WORD_LEN);
    return memcmp(value, want, value_of(which, words, want)) == 0;
}

/* *gone: another machine destroyed it since it was found. */
static bool read_value(struct session *s, CK_OBJECT_HANDLE h, uint8_t value[VALUE_MAX],
                       CK_ULONG *len, bool *gone, struct err *e)
{
    CK_ATTRIBUTE a = {CKA_VALUE, value, VALUE_MAX};
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_GetAttributeValue(s->anchor, h, &a, 1);
    session_idle();
    *gone = rv == CKR_OBJECT_HANDLE_INVALID;
    *len = rv == CKR_OK && a.ulValueLen <= VALUE_MAX ? a.ulValueLen : 0;
    return rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL || *gone ||
           session_failed(s, "C_GetAttributeValue (number)", rv, e);
}

/* A fresh search each time: it is what makes the module look at other processes' changes.
 */
static bool look_once(struct session *s, const struct p11_number *which, uint64_t least,
                      struct found *m, bool *gone, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    char label[sizeof which->label];
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_TOKEN, &yes, sizeof yes},
                             {CKA_APPLICATION, application, sizeof application - 1},
                             {CKA_LABEL, label, (CK_ULONG)strlen(which->label)}};

    memcpy(label, which->label, sizeof label);
    *m = (struct found){0};
    *gone = false;
    if (!p11_search(s, wanted, 4, m->at, OBJECTS_MAX, &m->n, e))
        return err_wrap(e, "%s", which->label);
    for (CK_ULONG i = 0; i < m->n && !*gone; i++) {
        uint64_t words[P11_NUMBER_WORDS] = {0};
        uint8_t value[VALUE_MAX];
        CK_ULONG len;

        if (!read_value(s, m->at[i], value, &len, gone, e))
            return err_wrap(e, "%s", which->label);
        if (*gone || !is_whole(which, value, len, words))
            continue;
        m->n_high += words[0] >= least;
        if (!m->whole || words[0] > m->top[0])
            memcpy(m->top, words, sizeof words);
        m->whole = true;
    }
    return true;
}

static bool look(struct session *s, const struct p11_number *which, uint64_t least,
                 struct found *m, struct err *e)
{
    bool gone = true;

    for (unsigned i = 0; gone && i < LOOKS; i++)
        if (!look_once(s, which, least, m, &gone, e))
            return false;
    if (gone)
        return err_set(e, ERR_BUSY, "token.counter-mark-bad",
                       "\"%s\" does not stand still: another machine is at this token",
                       which->label);
    if (m->n == OBJECTS_MAX || (m->n > 0 && !m->whole))
        return err_set(e, ERR_TOKEN, "token.counter-mark-bad",
                       "%lu objects \"%s\", none to be trusted", m->n, which->label);
    return true;
}

static bool create(struct session *s, const struct p11_number *which,
                   const uint64_t words[P11_NUMBER_WORDS], CK_OBJECT_HANDLE *h,
                   struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    uint8_t value[VALUE_MAX];
    char label[sizeof which->label];
    CK_ATTRIBUTE made[] = {{CKA_CLASS, &class, sizeof class},
                           {CKA_TOKEN, &yes, sizeof yes},
                           {CKA_PRIVATE, &yes, sizeof yes},
                           {CKA_APPLICATION, application, sizeof application - 1},
                           {CKA_LABEL, label, (CK_ULONG)strlen(which->label)},
                           {CKA_VALUE, value, value_of(which, words, value)}};
    CK_RV rv;

    memcpy(label, which->label, sizeof label);
    session_deadline(s);
    rv = s->f->C_CreateObject(s->anchor, made, sizeof made / sizeof made[0], h);
    session_idle();
    return rv == CKR_OK || session_failed(s, "C_CreateObject (number)", rv, e);
}

/* Where another machine was faster it is gone already. */
static bool destroy(struct session *s, CK_OBJECT_HANDLE h, struct err *e)
{
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_DestroyObject(s->anchor, h);
    session_idle();
    return rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID ||
           session_failed(s, "C_DestroyObject (number)", rv, e);
}

/* Nothing but what was there and the new one, and nothing else as high as that may be. */
static bool is_alone(const struct found *before, const struct found *after, uint64_t to)
{
    return after->n == before->n + 1 && after->n_high == 1 && after->top[0] == to;
}

bool p11_number_get(struct session *s, const struct p11_number *which,
                    uint64_t now[P11_NUMBER_WORDS], struct err *e)
{
    AUTO(fd) int lock = session_lock(s, LOCK_SH, e);
    struct found m;

    if (lock < 0 || !look(s, which, UINT64_MAX, &m, e))
        return false;
    memcpy(now, m.top, sizeof m.top);
    return true;
}

enum p11_raised p11_number_raise(struct session *s, const struct p11_number *which,
                                 uint64_t least, const uint64_t to[P11_NUMBER_WORDS],
                                 uint64_t now[P11_NUMBER_WORDS], struct err *e)
{
    AUTO(fd) int lock = session_lock(s, LOCK_EX, e);
    struct found before, after;
    CK_OBJECT_HANDLE mine;
    struct err ignored;

    if (lock < 0 || !look(s, which, least, &before, e))
        return P11_RAISE_FAILED;
    memcpy(now, before.top, sizeof before.top);
    if (before.top[0] >= least)
        return P11_NOT_ABOVE;
    if (!create(s, which, to, &mine, e))
        return P11_RAISE_FAILED;
    if (!look(s, which, least, &after, e)) {
        (void)!destroy(s, mine, &ignored);
        return P11_RAISE_FAILED;
    }
    if (!is_alone(&before, &after, to[0]))
        return destroy(s, mine, e) ? P11_RACED : P11_RAISE_FAILED;
    for (CK_ULONG i = 0; i < before.n; i++)
        /* a leftover does no harm, but a lost token must not go unnoticed */
        if (!destroy(s, before.at[i], e))
            return P11_RAISE_FAILED;
    return P11_RAISED;
}
