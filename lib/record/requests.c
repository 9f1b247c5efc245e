/* SPDX-License-Identifier: MIT */
#include "requests.h"

#include "audit.h"
#include "uploads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct find {
    struct requests_answer *out;
    const struct digest *what;
    bool found, same, no_memory;
};

static bool take_answer(void *arg, const struct store_row *row)
{
    struct find *f = arg;
    struct span what = store_blob(row, 0);
    struct span body = store_blob(row, 3);
    uint8_t *copy;

    f->found = true;
    f->same = what.len == 32 && memcmp(what.at, f->what->b, 32) == 0;
    if (!f->same)
        return false;
    copy = malloc(body.len + 1);
    f->no_memory = copy == NULL;
    if (f->no_memory)
        return false;
    if (body.len > 0)
        memcpy(copy, body.at, body.len);
    f->out->status = (unsigned)store_i64(row, 1);
    (void)snprintf(f->out->type, sizeof f->out->type, "%s", store_text(row, 2));
    f->out->body = span_of(copy, body.len);
    return false;
}

bool requests_find(struct store *s, int64_t uid, const char *id, const struct digest *what,
                   struct requests_answer *out, bool *known, struct err *e)
{
    struct find f = {.out = out, .what = what};

    *known = false;
    if (!store_each(
            s, take_answer, &f, e,
            "SELECT what, status, type, body FROM request WHERE uid = ?1 AND key = ?2",
            "it", uid, id))
        return false;
    if (f.no_memory)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (f.found && !f.same)
        return err_set(e, ERR_INPUT, "request.key-reused",
                       "Idempotency-Key %s was used for another request", id);
    *known = f.found;
    return true;
}

/* Room for one more of that user's. */
static bool make_room(struct store *s, int64_t uid, int64_t now_us, struct err *e)
{
    int64_t n = 0;
    bool found;

    if (!store_number(s, &n, &found, e, "SELECT count(*) FROM request WHERE uid = ?1", "i",
                      uid))
        return false;
    if (n < REQUESTS_MAX)
        return true;
    if (!store_run(s, e, "DELETE FROM request WHERE uid = ?1 AND at_us <= ?2", "ii", uid,
                   now_us - REQUESTS_AGE_US) ||
        !store_number(s, &n, &found, e, "SELECT count(*) FROM request WHERE uid = ?1", "i",
                      uid))
        return false;
    return n < REQUESTS_MAX ||
           err_set(e, ERR_BUSY, "request.key-quota",
                   "%d answers to uid %lld are kept under Idempotency-Keys of the last day",
                   REQUESTS_MAX, (long long)uid);
}

bool requests_keep(struct store *s, int64_t uid, const char *id, const struct digest *what,
                   const struct requests_answer *answer, int64_t now_us, struct err *e)
{
    if (!make_room(s, uid, now_us, e))
        return false;
    return store_run(s, e,
                     "INSERT INTO request (uid, key, what, status, type, body, at_us)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     "itbitbi", uid, id, span_of(what->b, 32), (int64_t)answer->status,
                     answer->type, answer->body.at != NULL ? answer->body : span_of("", 0),
                     now_us);
}

bool requests_refused(struct store *s, const struct requests_refusal *r, int64_t now_us,
                      struct err *e)
{
    struct chain_place last;

    return audit_put(s, now_us, "REFUSED", r->incident, r->who, e, "{s:s,s:s,s:s,s:s,s:O*}",
                     "rule", r->why->id, "text", r->why->text, "request", r->path, "method",
                     r->verb, "signers", r->signers) &&
           audit_last(s, &last, e) && uploads_name(s, r->path, e) &&
           uploads_name(s, r->why->text, e) &&
           store_run(s, e, "INSERT INTO refused (incident, seq) VALUES (?1, ?2)", "ti",
                     r->incident, (int64_t)last.seq);
}
