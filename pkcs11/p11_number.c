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
    uint64_t number[OBJECTS_MAX]; /* of each; 0 of one that is not whole */
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
    CK_ULONG n;

    if (len != which->n_words * WORD_LEN + CHECK_LEN)
        return false;
    for (size_t i = 0; i < which->n_words; i++)
        words[i] = get_be64(value + i * WORD_LEN);
    n = value_of(which, words, want);
    return memcmp(value, want, n) == 0;
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
        m->number[i] = words[0];
        m->n_high += words[0] >= least;
        if (!m->whole || words[0] > m->top[0])
            memcpy(m->top, words, sizeof words);
        m->whole = true;
    }
    return true;
}

/* Keep the highest number that this login has seen under a label; the places go to those
 * touched last. False: it has seen a higher one. */
static bool not_behind(struct session *s, const char *label, uint64_t number)
{
    const size_t n = sizeof s->seen / sizeof s->seen[0];
    struct session_seen now = {.number = number};
    size_t i = 0;

    memcpy(now.label, label, sizeof now.label);
    while (i < n - 1 && strcmp(s->seen[i].label, label) != 0)
        i++;
    if (strcmp(s->seen[i].label, label) == 0 && s->seen[i].number > number)
        return false;
    memmove(&s->seen[1], &s->seen[0], i * sizeof s->seen[0]);
    s->seen[0] = now;
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

/* What is there now, and not what the module still shows of it. */
static bool look_first(struct session *s, const struct p11_number *which, uint64_t least,
                       struct found *m, struct err *e)
{
    return look(s, which, least, m, e) &&
           (not_behind(s, which->label, m->top[0]) ||
            err_set(e, ERR_BUSY, "token.counter-mark-bad",
                    "\"%s\" was higher than %llu a moment ago: another machine is at this "
                    "token, and the module does not show what it did",
                    which->label, (unsigned long long)m->top[0]));
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

/* *gone: another machine was faster, there is nothing left to destroy. */
static bool destroy(struct session *s, CK_OBJECT_HANDLE h, bool *gone, struct err *e)
{
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_DestroyObject(s->anchor, h);
    session_idle();
    *gone = rv == CKR_OBJECT_HANDLE_INVALID;
    return rv == CKR_OK || *gone || session_failed(s, "C_DestroyObject (number)", rv, e);
}

/* Take the new one away again. */
static enum p11_raised undo(struct session *s, CK_OBJECT_HANDLE mine, enum p11_raised why,
                            struct err *e)
{
    struct err ignored;
    bool gone;

    return destroy(s, mine, &gone, why == P11_RACED ? e : &ignored) ? why
                                                                    : P11_RAISE_FAILED;
}

/* Of two machines that saw the same number one destroys its object, whatever each of them
 * sees of the other. Where there are two such objects (two machines began at once, and none
 * raised it) it has to be both. What is lower was raised by others long ago: left there it
 * does no harm, but a lost token must not go unnoticed. */
static enum p11_raised replace(struct session *s, const struct found *before,
                               CK_OBJECT_HANDLE mine, struct err *e)
{
    CK_ULONG destroyed = 0;
    bool gone = false;

    for (CK_ULONG i = 0; i < before->n && !gone; i++) {
        if (before->number[i] != before->top[0])
            continue;
        /* failed, it may be gone all the same: then the new one has to stay */
        if (!destroy(s, before->at[i], &gone, e))
            return P11_RAISE_FAILED;
        destroyed += !gone;
    }
    if (gone)
        return destroyed > 0 ? P11_RACED : undo(s, mine, P11_RACED, e);
    for (CK_ULONG i = 0; i < before->n; i++)
        if (before->number[i] != before->top[0] && !destroy(s, before->at[i], &gone, e))
            return P11_RAISE_FAILED;
    return P11_RAISED;
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

    if (lock < 0 || !look_first(s, which, UINT64_MAX, &m, e))
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
    enum p11_raised done;

    if (lock < 0 || !look_first(s, which, least, &before, e))
        return P11_RAISE_FAILED;
    memcpy(now, before.top, sizeof before.top);
    if (before.top[0] >= least)
        return P11_NOT_ABOVE;
    if (!create(s, which, to, &mine, e))
        return P11_RAISE_FAILED;
    if (!look(s, which, least, &after, e))
        return undo(s, mine, P11_RAISE_FAILED, e);
    if (!is_alone(&before, &after, to[0]))
        return undo(s, mine, P11_RACED, e);
    done = replace(s, &before, mine, e);
    if (done == P11_RAISED)
        (void)not_behind(s, which->label, to[0]);
    return done;
}
