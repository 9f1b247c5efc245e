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

struct intake {
    struct store *store;
    const struct config *config; /* may be NULL */
    struct reconcile *rec;
    char incident[AUTHORITY_ID_MAX];
    char actor[ACTOR_MAX];
    int64_t row; /* of the figures so far; 0: none yet */
    json_t *figures;
    uint8_t octets[INTAKE_LINE_MAX / 2];
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

bool intake_line(struct intake *i, const char *line, size_t len, int64_t now_us,
                 struct err *e)
{
    enum reconcile_verdict v = RECONCILE_ASIDE;
    bool ok;

    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
        len--;
    add(i->figures, "lines", 1);
    if (len == 0)
        return true;
    if (len % 2 != 0 || len > INTAKE_LINE_MAX || !hex_decode(line, len, i->octets, len / 2))
        ok = reconcile_aside(i->rec, span_of(line, len > JUNK_KEPT ? JUNK_KEPT : len),
                             "response.hex", "not one hexadecimal message", now_us, e);
    else
        ok = reconcile_take(i->rec, span_of(i->octets, len / 2), now_us, &v, e);
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

bool intake_text(struct intake *i, const char *text, size_t len, int64_t now_us,
                 size_t *used, struct err *e)
{
    const char *end;

    *used = 0;
    while ((end = memchr(text + *used, '\n', len - *used)) != NULL) {
        size_t n = (size_t)(end - text) - *used;

        if (!intake_line(i, text + *used, n, now_us, e))
            return false;
        *used += n + 1;
    }
    return true;
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
