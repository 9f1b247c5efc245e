/* SPDX-License-Identifier: MIT */
#include "holding.h"

#include "mem.h"
#include "partyfile.h"
#include "queue.h"
#include "think.h"

#include <jansson.h>

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u /* rows looked at at a time */

static const char *const names[HOLDING_COUNT] = {
    [HOLDING_OLD] = "old",         [HOLDING_NEW] = "new",
    [HOLDING_OWN_KEY] = "own-key", [HOLDING_ACB] = "acb",
    [HOLDING_PARTLY] = "partly",   [HOLDING_UNCLEAR] = "unclear",
    [HOLDING_EXCUSED] = "excused",
};

const char *holding_name(enum holding h)
{
    return names[h];
}

bool holding_replaced(enum holding h)
{
    return h == HOLDING_NEW || h == HOLDING_OWN_KEY;
}

static bool is_last(const struct outcome *o, const struct sent_row *sent)
{
    return o->batch == sent->batch && o->counter == sent->counter;
}

enum holding holding_of(const struct outcome *o, const struct sent_row *sent, bool own_key,
                        bool acb)
{
    if (sent->batch == 0)
        return own_key ? HOLDING_OWN_KEY : HOLDING_OLD;
    if (o == NULL)
        return HOLDING_UNCLEAR;
    if (o->state == OUTCOME_EXCUSED)
        return HOLDING_EXCUSED;
    if (!is_last(o, sent))
        return HOLDING_UNCLEAR;
    switch (o->state) {
    case OUTCOME_SUCCESS:
        return acb ? HOLDING_ACB : HOLDING_NEW;
    case OUTCOME_PARTLY:
        return HOLDING_PARTLY;
    case OUTCOME_FAILED:
    case OUTCOME_UNREACHABLE: /* to be signed again: it was asked, and has none of it */
        return HOLDING_OLD;
    case OUTCOME_PENDING:
    case OUTCOME_SENT:
    case OUTCOME_FAILED_ALONE:
    case OUTCOME_ACCEPTED:
    case OUTCOME_UNKNOWN:
    case OUTCOME_EXCUSED:
    case OUTCOME_STATES:
        break;
    }
    return HOLDING_UNCLEAR;
}

/* --- a page of devices --- */

struct page {
    struct store *store;
    const char *incident;
    uint32_t n;
    struct lists_row row[PAGE];
    struct sent_row sent[PAGE];
    struct outcome at[PAGE]; /* as far as known: */
    bool known[PAGE];
    bool own_key[PAGE];
    int64_t batch; /* the one last looked up: */
    bool acb;
};

static int by_device(const void *key, const void *at)
{
    return eui64_cmp(key, &((const struct sent_row *)at)->device);
}

static bool on_page(const struct page *p, const struct eui64 *device, size_t *at)
{
    const struct sent_row *r = bsearch(device, p->sent, p->n, sizeof p->sent[0], by_device);

    *at = r != NULL ? (size_t)(r - p->sent) : 0;
    return r != NULL;
}

/* Did an answer name a cell that was replaced? */
static bool some_new(const char *cells)
{
    json_t *o = json_loads(cells, 0, NULL);
    bool some = false;
    const char *name;
    json_t *cell;

    json_object_foreach(o, name, cell)
    {
        const json_t *status = json_object_get(cell, "status");

        some = some || (json_is_integer(status) && json_integer_value(status) == 0);
    }
    json_decref(o);
    return some;
}

static bool take_outcome(void *arg, const struct outcome *o)
{
    struct page *p = arg;
    size_t at;

    if (!on_page(p, &o->device, &at))
        return true;
    p->at[at] = *o;
    p->at[at].cells = NULL;
    /* asked, it does not have all of the new keys, but it has said that it has some */
    if (o->state == OUTCOME_UNREACHABLE && some_new(o->cells))
        p->at[at].state = OUTCOME_UNKNOWN;
    p->known[at] = true;
    return true;
}

static bool take_own(void *arg, const struct store_row *row)
{
    struct page *p = arg;
    struct span b = store_blob(row, 0);
    struct eui64 device;
    size_t at;

    if (b.len != sizeof device.b)
        return true;
    memcpy(device.b, b.at, sizeof device.b);
    if (on_page(p, &device, &at))
        p->own_key[at] = true;
    return true;
}

/* The page's part of what the parties reported. */
static bool read_own(struct page *p, struct err *e)
{
    return store_each(p->store, take_own, p, e,
                      "SELECT device FROM file_row WHERE incident = ?1 AND device BETWEEN"
                      " ?2 AND ?3 AND state = ?4",
                      "tbbt", p->incident, eui64_span(&p->sent[0].device),
                      eui64_span(&p->sent[p->n - 1].device),
                      partyfile_state_name(PARTYFILE_SUCCESS));
}

/* Does that batch place ACB certificates? One look-up for all rows of a batch in a row. */
static bool places_acb(struct page *p, int64_t batch, struct err *e)
{
    int64_t n = 0;
    bool found;

    if (batch == p->batch || batch == 0)
        return true;
    if (!store_number(p->store, &n, &found, e,
                      "SELECT json_extract(decision.json, '$.method') = ?2 FROM batch JOIN"
                      " decision ON decision.sha256 = batch.decision WHERE batch.id = ?1",
                      "it", batch, authority_method_name(METHOD_2)))
        return false;
    p->batch = batch;
    p->acb = n != 0;
    return true;
}

/* The next devices of the walk; p->n is 0 at the end. */
static bool read_page(struct page *p, struct lists_walk *w, uint32_t most, struct sent *t,
                      struct err *e)
{
    memset(p->known, 0, sizeof p->known);
    memset(p->own_key, 0, sizeof p->own_key);
    memset(p->sent, 0, sizeof p->sent);
    for (p->n = 0; p->n < most && p->n < PAGE && lists_next(w, &p->row[p->n]); p->n++)
        p->sent[p->n].device = p->row[p->n].at.device;
    return p->n == 0 || (sent_page(t, p->sent, p->n, e) &&
                         outcome_each(p->store, p->incident, &p->sent[0].device,
                                      &p->sent[p->n - 1].device, take_outcome, p, e) &&
                         read_own(p, e));
}

static bool tell_page(struct page *p,
                      bool (*fn)(void *arg, const struct lists_row *row, enum holding h),
                      void *arg, bool *go_on, struct err *e)
{
    for (uint32_t i = 0; *go_on && i < p->n; i++) {
        if (!places_acb(p, p->sent[i].batch, e))
            return false;
        *go_on = fn(
            arg, &p->row[i],
            holding_of(p->known[i] ? &p->at[i] : NULL, &p->sent[i], p->own_key[i], p->acb));
    }
    return true;
}

bool holding_each(struct store *s, const char *incident, const struct lists *lists,
                  const struct eui64 *behind, uint32_t n,
                  bool (*fn)(void *arg, const struct lists_row *row, enum holding h),
                  void *arg, struct err *e)
{
    AUTO(mem) struct page *p = calloc(1, sizeof *p);
    struct lists_walk w = {0};
    struct sent t = {0};
    bool go_on = true;
    bool ok;

    if (p == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    p->store = s;
    p->incident = incident;
    ok = sent_open(s, incident, lists, &t, e) && lists_walk_begin(lists, behind, &w, e);
    while (ok && go_on && n > 0) {
        ok = read_page(p, &w, n, &t, e) && tell_page(p, fn, arg, &go_on, e);
        for (uint32_t i = 0; i < p->n; i++)
            sent_row_done(&p->sent[i]);
        go_on = go_on && p->n > 0;
        n -= p->n;
    }
    lists_walk_done(&w);
    sent_close(&t);
    return ok;
}

static bool count_one(void *arg, const struct lists_row *row, enum holding h)
{
    (void)row;
    ((int64_t *)arg)[h]++;
    return true;
}

bool holding_count(struct store *s, const char *incident, const struct lists *lists,
                   int64_t n[HOLDING_COUNT], struct err *e)
{
    memset(n, 0, HOLDING_COUNT * sizeof n[0]);
    return holding_each(s, incident, lists, NULL, UINT32_MAX, count_one, n, e);
}

bool holding_own_key(struct store *s, const char *incident, int64_t *n, struct err *e)
{
    bool found;

    *n = 0;
    return store_number(s, n, &found, e,
                        "SELECT count(*) FROM file_row WHERE incident = ?1 AND state = ?2",
                        "tt", incident, partyfile_state_name(PARTYFILE_SUCCESS));
}

/* --- as a question --- */

struct question { /* and behind it the folder */
    char incident[AUTHORITY_ID_MAX];
    uint64_t stamp;
    int64_t signed_, failed;
};

static bool work(struct store *s, struct span in, struct span *out, struct err *e)
{
    int64_t *n = calloc(HOLDING_COUNT, sizeof *n);
    struct question q;
    struct lists lists = {0};
    bool ok;

    if (n == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memcpy(&q, in.at, sizeof q);
    ok = lists_open(s, (const char *)in.at + sizeof q, q.incident, &lists, e) &&
         holding_count(s, q.incident, &lists, n, e);
    lists_done(&lists);
    if (!ok) {
        free(n);
        return false;
    }
    *out = span_of(n, HOLDING_COUNT * sizeof *n);
    return true;
}

static const struct think_kind counting = {.name = "what devices hold", .work = work};

bool holding_think(struct store *s, const char *dir, const char *incident,
                   int64_t n[HOLDING_COUNT], struct err *e)
{
    uint8_t in[sizeof(struct question) + PATH_MAX];
    size_t len = strlen(dir) + 1;
    struct question q;
    struct span out;

    assert(len <= PATH_MAX);
    memset(&q, 0, sizeof q); /* octets between members too: it is compared */
    (void)snprintf(q.incident, sizeof q.incident, "%s", incident);
    q.stamp = store_stamp(s);
    if (!queue_totals(s, incident, &q.signed_, &q.failed, e))
        return false;
    memcpy(in, &q, sizeof q);
    memcpy(in + sizeof q, dir, len);
    if (!think(&counting, s, span_of(in, sizeof q + len), &out, e))
        return false;
    memcpy(n, out.at, HOLDING_COUNT * sizeof *n);
    free((void *)(uintptr_t)out.at);
    return true;
}
