/* SPDX-License-Identifier: MIT */
#include "told.h"

#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)

static struct span id_of(const struct proto_list *list)
{
    return span_of(list->id, sizeof list->id);
}

/* Nobody has to hear of these any more. */
static bool forget(struct store *s, int64_t now_us, struct err *e)
{
    return store_run(s, e,
                     "DELETE FROM told WHERE sha256 IN"
                     " (SELECT sha256 FROM ended WHERE until_us < ?1)",
                     "i", now_us - DAY_US) &&
           store_run(s, e, "DELETE FROM ended WHERE until_us < ?1", "i", now_us - DAY_US);
}

bool told_end(struct store *s, const char *incident, const struct digest *but,
              enum told_which which, int64_t now_us, struct err *e)
{
    /* a window that cannot be read (no document on file has one) stays for ever */
    return forget(s, now_us, e) &&
           store_run(s, e,
                     "INSERT OR IGNORE INTO ended (sha256, until_us) SELECT sha256,"
                     " coalesce(unixepoch(json_extract(json, '$.valid_to')) * 1000000,"
                     " 9223372036854775807) AS until FROM decision"
                     " WHERE incident = ?1 AND sha256 != ?2 AND state = 'live'"
                     " AND (outcome = 'activation' OR (outcome = 'authorise'"
                     " AND (?3 = 2 OR (?3 = 1 AND until <= ?4)))) ORDER BY at_us, sha256",
                     "tbii", incident, span_of(but->b, sizeof but->b), (int64_t)which,
                     now_us);
}

bool told_latest(struct store *s, int64_t *place, struct err *e)
{
    bool found;

    *place = 0;
    return store_number(s, place, &found, e, "SELECT max(n) FROM ended", "");
}

struct next {
    int64_t *place;
    struct digest *out;
    bool found;
};

static bool take_next(void *arg, const struct store_row *r)
{
    struct next *t = arg;

    t->found = store_blob(r, 1).len == sizeof t->out->b;
    if (t->found) {
        *t->place = store_i64(r, 0);
        memcpy(t->out->b, store_blob(r, 1).at, sizeof t->out->b);
    }
    return false;
}

bool told_next(struct store *s, const struct proto_list *list, int64_t since,
               int64_t now_us, int64_t *place, struct digest *out, bool *found,
               struct err *e)
{
    struct next t = {place, out, false};

    if (!store_each(s, take_next, &t, e,
                    "SELECT n, sha256 FROM ended WHERE n > ?1 AND until_us >= ?2"
                    " AND (n > ?3 OR NOT EXISTS (SELECT 1 FROM told WHERE list = ?4"
                    " AND told.sha256 = ended.sha256)) ORDER BY n LIMIT 1",
                    "iiib", *place, now_us - DAY_US, since, id_of(list)))
        return false;
    *found = t.found;
    return true;
}

bool told_acknowledged(struct store *s, const struct proto_list *list,
                       const struct digest *what, int64_t now_us, struct err *e)
{
    return store_run(s, e,
                     "INSERT OR IGNORE INTO told (list, sha256, at_us)"
                     " SELECT ?1, sha256, ?3 FROM ended WHERE sha256 = ?2",
                     "bbi", id_of(list), span_of(what->b, sizeof what->b), now_us);
}

bool told_waiting(struct store *s, const struct proto_list *list, int64_t now_us,
                  int64_t *n, struct err *e)
{
    bool found;

    *n = 0;
    return store_number(s, n, &found, e,
                        "SELECT count(*) FROM ended WHERE until_us >= ?1 AND NOT EXISTS"
                        " (SELECT 1 FROM told WHERE list = ?2"
                        " AND told.sha256 = ended.sha256)",
                        "ib", now_us - DAY_US, id_of(list));
}
