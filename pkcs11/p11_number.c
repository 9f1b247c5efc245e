/* SPDX-License-Identifier: MIT */
#include "p11_number.h"

#include "mem.h"
#include "number_file.h"
#include "p11_key.h"

#include <string.h>

#define OBJECTS_MAX 16
#define VALUE_MAX   P11_NUMBER_VALUE_MAX
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

#define WORD_LEN  8
#define CHECK_LEN (VALUE_MAX - P11_NUMBER_WORDS * WORD_LEN)

size_t p11_number_value(const struct p11_number *which,
                        const uint64_t words[P11_NUMBER_WORDS], uint8_t out[VALUE_MAX])
{
    size_t len = which->n_words * WORD_LEN;
    struct digest d;

    for (size_t i = 0; i < which->n_words; i++)
        put_be64(out + i * WORD_LEN, words[i]);
    d = digest_of(span_of(out, len), which->name);
    memcpy(out + len, d.b, CHECK_LEN);
    return len + CHECK_LEN;
}

bool p11_number_whole(const struct p11_number *which, const uint8_t *value, size_t len,
                      uint64_t words[P11_NUMBER_WORDS])
{
    uint8_t want[VALUE_MAX];

    if (len != which->n_words * WORD_LEN + CHECK_LEN)
        return false;
    for (size_t i = 0; i < which->n_words; i++)
        words[i] = get_be64(value + i * WORD_LEN);
    len = p11_number_value(which, words, want);
    return memcmp(value, want, len) == 0;
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
        if (*gone || !p11_number_whole(which, value, len, words))
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

/* What this machine made of it last must be there: else the module does not show what another
 * process did. A login that was made anew for that very number has looked, and sees what there
 * is: then the token is an older copy, which is for others to tell.
 *   noted  out: what this machine made of it; 0: nothing */
static bool as_noted(struct session *s, const struct p11_number *which, uint64_t number,
                     uint64_t *noted, struct err *e)
{
    uint64_t words[P11_NUMBER_WORDS];

    if (!number_file_read(s, which, words, e))
        return false;
    *noted = words[0];
    if (number >= *noted || s->exclusive ||
        (strcmp(s->anew_for.label, which->label) == 0 && s->anew_for.number == *noted))
        return true;
    s->stale = true;
    memcpy(s->anew_for.label, which->label, sizeof s->anew_for.label);
    s->anew_for.number = *noted;
    return err_set(e, ERR_BUSY, "token.counter-mark-bad",
                   "\"%s\" is %llu, and was %llu on this machine: the module does not show "
                   "what another process did, or the token is an older copy",
                   which->label, (unsigned long long)number, (unsigned long long)*noted);
}

/* What is there now, and not what the module still shows of it. */
static bool look_first(struct session *s, const struct p11_number *which, uint64_t least,
                       struct found *m, struct err *e)
{
    if (!look(s, which, least, m, e))
        return false;
    if (not_behind(s, which->label, m->top[0]))
        return true;
    s->stale = true;
    return err_set(e, ERR_BUSY, "token.counter-mark-bad",
                   "\"%s\" was higher than %llu a moment ago: another machine is at this "
                   "token, and the module does not show what it did",
                   which->label, (unsigned long long)m->top[0]);
}

static CK_RV create_rv(struct session *s, const struct p11_number *which,
                       const uint64_t words[P11_NUMBER_WORDS], CK_OBJECT_HANDLE *h)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    uint8_t value[VALUE_MAX];
    char label[sizeof which->label];
    CK_ATTRIBUTE made[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_APPLICATION, application, sizeof application - 1},
        {CKA_LABEL, label, (CK_ULONG)strlen(which->label)},
        {CKA_VALUE, value, (CK_ULONG)p11_number_value(which, words, value)}};
    CK_RV rv;

    if (s->f->C_CreateObject == NULL)
        return CKR_FUNCTION_NOT_SUPPORTED;
    memcpy(label, which->label, sizeof label);
    session_deadline(s);
    rv = s->f->C_CreateObject(s->anchor, made, sizeof made / sizeof made[0], h);
    session_idle();
    return rv;
}

static bool create(struct session *s, const struct p11_number *which,
                   const uint64_t words[P11_NUMBER_WORDS], CK_OBJECT_HANDLE *h,
                   struct err *e)
{
    CK_RV rv = create_rv(s, which, words, h);

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
    AUTO(fd) int lock = session_lock(s, false, e);
    struct found m;
    uint64_t noted;

    if (lock < 0)
        return false;
    if (s->in_file)
        return number_file_read(s, which, now, e);
    if (!look_first(s, which, UINT64_MAX, &m, e) ||
        !as_noted(s, which, m.top[0], &noted, e))
        return false;
    memcpy(now, m.top, sizeof m.top);
    return true;
}

static enum p11_raised raise_in_token(struct session *s, const struct p11_number *which,
                                      uint64_t least, const uint64_t to[P11_NUMBER_WORDS],
                                      uint64_t now[P11_NUMBER_WORDS], struct err *e)
{
    struct found before, after;
    CK_OBJECT_HANDLE mine;
    enum p11_raised done;
    uint64_t noted;

    if (!look_first(s, which, least, &before, e) ||
        !as_noted(s, which, before.top[0], &noted, e))
        return P11_RAISE_FAILED;
    memcpy(now, before.top, sizeof before.top);
    if (noted > now[0]) /* of an older copy: what was used stays used */
        now[0] = noted;
    if (now[0] >= least)
        return P11_NOT_ABOVE;
    if (!create(s, which, to, &mine, e))
        return P11_RAISE_FAILED;
    if (!look(s, which, least, &after, e))
        return undo(s, mine, P11_RAISE_FAILED, e);
    if (!is_alone(&before, &after, to[0]))
        return undo(s, mine, P11_RACED, e);
    done = replace(s, &before, mine, e);
    if (done != P11_RAISED)
        return done;
    (void)not_behind(s, which->label, to[0]);
    return number_file_write(s, which, to, e) ? P11_RAISED : P11_RAISE_FAILED;
}

static enum p11_raised raise_in_file(struct session *s, const struct p11_number *which,
                                     uint64_t least, const uint64_t to[P11_NUMBER_WORDS],
                                     uint64_t now[P11_NUMBER_WORDS], struct err *e)
{
    if (!number_file_read(s, which, now, e))
        return P11_RAISE_FAILED;
    if (now[0] >= least)
        return P11_NOT_ABOVE;
    return number_file_write(s, which, to, e) ? P11_RAISED : P11_RAISE_FAILED;
}

enum p11_raised p11_number_raise(struct session *s, const struct p11_number *which,
                                 uint64_t least, const uint64_t to[P11_NUMBER_WORDS],
                                 uint64_t now[P11_NUMBER_WORDS], struct err *e)
{
    AUTO(fd) int lock = session_lock(s, true, e);

    if (lock < 0)
        return P11_RAISE_FAILED;
    return s->in_file ? raise_in_file(s, which, least, to, now, e)
                      : raise_in_token(s, which, least, to, now, e);
}

/* --- can there be one at all? --- */

static bool any_number(struct session *s, bool *is, struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_APPLICATION, application, sizeof application - 1}};
    CK_OBJECT_HANDLE at;
    CK_ULONG n;

    if (!p11_search(s, wanted, 2, &at, 1, &n, e))
        return false;
    *is = n > 0;
    return true;
}

bool p11_number_possible(struct session *s, struct err *e)
{
    static const struct p11_number trial = {.label = "trial of a data object",
                                            .n_words = 1};
    const uint64_t nothing[P11_NUMBER_WORDS] = {0};
    AUTO(fd) int lock = session_lock(s, true, e);
    CK_OBJECT_HANDLE h;
    bool is, gone;
    CK_RV rv;

    if (lock < 0 || !any_number(s, &is, e))
        return false;
    if (is || s->in_file || !s->writable)
        return true;
    rv = create_rv(s, &trial, nothing, &h);
    if (rv == CKR_OK)
        return destroy(s, h, &gone, e);
    if (p11_code(rv)->session || p11_code(rv)->class == P11_REBUILD)
        return session_failed(s, "C_CreateObject (trial)", rv, e);
    return err_set(e, ERR_TOKEN, "token.no-data-objects",
                   "the token keeps no data objects (C_CreateObject: %s, 0x%lx), and so no "
                   "counter mark; where it is to be kept instead says Mark=",
                   p11_code(rv)->name, rv);
}
