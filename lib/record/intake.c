/* SPDX-License-Identifier: MIT */
#include "intake.h"

#include "audit.h"
#include "authority.h"
#include "mem.h"
#include "preflight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTOR_MAX 256
#define JUNK_KEPT 4096 /* octets of a line that is no message */
#define ABREAST   64   /* lines that are looked at together */

struct line {
    const char *text;
    size_t len;
    uint8_t *octets; /* NULL: it is not hexadecimal */
    struct reconcile_read read;
};

struct intake {
    struct store *store;
    const struct config *config; /* may be NULL */
    struct reconcile *rec;
    char incident[AUTHORITY_ID_MAX];
    char actor[ACTOR_MAX];
    int64_t row; /* of the figures so far; 0: none yet */
    json_t *figures;
    const struct lists *lists;
    struct line lines[ABREAST];
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_STORE, "store.memory", "out of memory");
}

static void add(json_t *figures, const char *name, json_int_t n)
{
    json_int_t so_far = json_integer_value(json_object_get(figures, name));

    (void)json_object_set_new(figures, name, json_integer(so_far + n));
}

bool intake_open(struct store *s, const struct config *c, const char *incident,
                 const struct lists *lists, const char *actor, struct intake **out,
                 struct err *e)
{
    struct intake *i = calloc(1, sizeof *i);

    if (i == NULL)
        return no_memory(e);
    i->store = s;
    i->config = c;
    i->lists = lists;
    (void)snprintf(i->incident, sizeof i->incident, "%s", incident);
    (void)snprintf(i->actor, sizeof i->actor, "%s", actor);
    i->figures = json_pack("{s:i,s:i,s:{},s:{}}", "lines", 0, "unfit", 0, "set_aside",
                           "held_before");
    for (unsigned v = 0; v < RECONCILE_VERDICTS; v++)
        add(i->figures, reconcile_verdict_name((enum reconcile_verdict)v), 0);
    if (!reconcile_open(s, incident, lists, &i->rec, e)) {
        intake_close(i);
        return false;
    }
    *out = i;
    return true;
}

void intake_close(struct intake *i)
{
    if (i == NULL)
        return;
    reconcile_close(i->rec);
    json_decref(i->figures);
    free(i);
}

json_t *intake_figures(struct intake *i)
{
    return i->figures;
}

/* All that can be known of it without the store; in any thread. */
static void look(void *arg, size_t k)
{
    struct intake *i = arg;
    struct line *l = &i->lines[k];

    l->octets = NULL;
    if (l->len == 0 || l->len % 2 != 0 || l->len > INTAKE_LINE_MAX)
        return;
    l->octets = malloc(l->len / 2);
    if (l->octets == NULL)
        abort(); /* as digest_of: no memory */
    if (hex_decode(l->text, l->len, l->octets, l->len / 2))
        reconcile_read(i->lists, span_of(l->octets, l->len / 2), &l->read);
    else
        free(TAKE(l->octets));
}

static void forget(struct line *l)
{
    if (l->octets != NULL)
        reconcile_read_done(&l->read);
    free(TAKE(l->octets));
}

static bool take(struct intake *i, const struct line *l, int64_t now_us, struct err *e)
{
    enum reconcile_verdict v = RECONCILE_ASIDE;
    bool ok;

    add(i->figures, "lines", 1);
    if (l->len == 0)
        return true;
    if (l->octets == NULL)
        ok = reconcile_aside(i->rec,
                             span_of(l->text, l->len > JUNK_KEPT ? JUNK_KEPT : l->len),
                             "response.hex", "not one hexadecimal message", now_us, e);
    else
        ok = reconcile_take(i->rec, &l->read, now_us, &v, e);
    if (!ok)
        return false;
    add(i->figures, reconcile_verdict_name(v), 1);
    if (v == RECONCILE_ASIDE) {
        const char *rule = reconcile_rule(i->rec);

        add(json_object_get(i->figures, "set_aside"), rule, 1);
        add(i->figures, "unfit", reconcile_fits(rule) ? 0 : 1);
    } else if (reconcile_held(i->rec) != OUTCOME_HELD_UNTOLD) {
        add(json_object_get(i->figures, "held_before"),
            outcome_held_name(reconcile_held(i->rec)), 1);
    }
    return true;
}

static void set_line(struct line *l, const char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    l->text = text;
    l->len = len;
}

bool intake_line(struct intake *i, const char *line, size_t len, int64_t now_us,
                 struct err *e)
{
    bool ok;

    set_line(&i->lines[0], line, len);
    look(i, 0);
    ok = take(i, &i->lines[0], now_us, e);
    forget(&i->lines[0]);
    return ok;
}

bool intake_text(struct intake *i, const char *text, size_t len, int64_t now_us,
                 intake_each each, void *arg, size_t *used, struct err *e)
{
    const char *end = text;
    bool ok = true;

    *used = 0;
    while (ok && end != NULL) {
        size_t n = 0;

        while (n < ABREAST && (end = memchr(text + *used, '\n', len - *used)) != NULL) {
            set_line(&i->lines[n++], text + *used, (size_t)(end - text) - *used);
            *used = (size_t)(end - text) + 1;
        }
        each(arg, n, look, i);
        for (size_t k = 0; k < n; k++) {
            ok = ok && take(i, &i->lines[k], now_us, e);
            forget(&i->lines[k]);
        }
    }
    return ok;
}

bool intake_note(struct intake *i, struct err *e)
{
    AUTO(mem) char *text = json_dumps(i->figures, JSON_COMPACT | JSON_SORT_KEYS);

    if (text == NULL)
        return no_memory(e);
    if (i->row != 0)
        return store_run(i->store, e, "UPDATE intake SET figures = ?2 WHERE id = ?1", "it",
                         i->row, text);
    if (!store_run(i->store, e,
                   "INSERT INTO intake (incident, actor, figures) VALUES (?1, ?2, ?3)",
                   "ttt", i->incident, i->actor, text))
        return false;
    i->row = store_last_id(i->store);
    return true;
}

static bool put_record(struct store *s, const struct config *c, const char *incident,
                       const char *actor, json_t *figures, bool whole, int64_t now_us,
                       struct err *e)
{
    (void)json_object_set_new(figures, "whole", json_boolean(whole));
    return audit_put(s, now_us, "RESPONSES_TAKEN", incident, actor, e, "O", figures) &&
           preflight_tell(s, c, incident, json_object_get(figures, "held_before"), now_us,
                          e);
}

bool intake_end(struct intake *i, bool whole, int64_t now_us, struct err *e)
{
    bool nothing = json_integer_value(json_object_get(i->figures, "lines")) == 0;
    json_t *copy;
    bool ok;

    if (nothing && !whole)
        return true;
    copy = json_deep_copy(i->figures);
    if (copy == NULL)
        return no_memory(e);
    ok = put_record(i->store, i->config, i->incident, i->actor, copy, whole, now_us, e) &&
         (i->row == 0 ||
          store_run(i->store, e, "DELETE FROM intake WHERE id = ?1", "i", i->row));
    json_decref(copy);
    return ok;
}

/* --- after a crash --- */

struct left {
    struct store *store;
    const struct config *config;
    int64_t now_us;
    bool ok;
    struct err *e;
};

static bool one_left(void *arg, const struct store_row *row)
{
    struct left *l = arg;
    json_t *figures = json_loads(store_text(row, 2), 0, NULL);

    l->ok = json_is_object(figures)
                ? put_record(l->store, l->config, store_text(row, 0), store_text(row, 1),
                             figures, false, l->now_us, l->e)
                : no_memory(l->e);
    json_decref(figures);
    return l->ok;
}

bool intake_left(struct store *s, const struct config *c, int64_t now_us, struct err *e)
{
    struct left l = {s, c, now_us, true, e};

    return store_each(s, one_left, &l, e,
                      "SELECT incident, actor, figures FROM intake ORDER BY id", "") &&
           l.ok && store_run(s, e, "DELETE FROM intake", "");
}
