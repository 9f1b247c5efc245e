/* SPDX-License-Identifier: MIT */
#include "holding.h"

#include "mem.h"
#include "partyfile.h"

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

/* --- a page of rows --- */

struct page {
    struct store *store;
    const char *incident;
    const struct roster *roster;
    uint32_t first, n;
    struct sent_row sent[PAGE];
    struct outcome at[PAGE]; /* as far as known: */
    bool known[PAGE];
    bool own_key[PAGE];
    int64_t batch; /* the one last looked up: */
    bool acb;
};

static bool take_outcome(void *arg, const struct outcome *o)
{
    struct page *p = arg;

    p->at[o->row - p->first] = *o;
    p->at[o->row - p->first].cells = NULL;
    p->known[o->row - p->first] = true;
    return true;
}

static bool take_own(void *arg, const struct store_row *row)
{
    struct page *p = arg;
    struct span b = store_blob(row, 0);
    struct eui64 device;
    uint32_t at;

    if (b.len != sizeof device.b)
        return true;
    memcpy(device.b, b.at, sizeof device.b);
    if (roster_find(p->roster, &device, &at) && at >= p->first && at - p->first < p->n)
        p->own_key[at - p->first] = true;
    return true;
}

/* Both lists ascend by device: the page's part of what the parties reported. */
static bool read_own(struct page *p, struct err *e)
{
    struct roster_row from;
    struct roster_row last;

    roster_get(p->roster, p->first, &from);
    roster_get(p->roster, p->first + p->n - 1, &last);
    return store_each(p->store, take_own, p, e,
                      "SELECT device FROM file_row WHERE incident = ?1 AND device BETWEEN"
                      " ?2 AND ?3 AND state = ?4",
                      "tbbt", p->incident, span_of(from.device.b, sizeof from.device.b),
                      span_of(last.device.b, sizeof last.device.b),
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

static bool read_page(struct page *p, struct sent *t, struct err *e)
{
    memset(p->known, 0, sizeof p->known);
    memset(p->own_key, 0, sizeof p->own_key);
    return sent_page(t, p->first, p->n, p->sent, e) &&
           outcome_each(p->store, p->incident, p->first, p->first + p->n - 1, take_outcome,
                        p, e) &&
           read_own(p, e);
}

static bool tell_page(struct page *p, bool (*fn)(void *arg, uint32_t row, enum holding h),
                      void *arg, bool *go_on, struct err *e)
{
    for (uint32_t i = 0; *go_on && i < p->n; i++) {
        if (!places_acb(p, p->sent[i].batch, e))
            return false;
        *go_on = fn(
            arg, p->first + i,
            holding_of(p->known[i] ? &p->at[i] : NULL, &p->sent[i], p->own_key[i], p->acb));
    }
    return true;
}

bool holding_each(struct store *s, const char *incident, const struct roster *roster,
                  uint32_t first, uint32_t n,
                  bool (*fn)(void *arg, uint32_t row, enum holding h), void *arg,
                  struct err *e)
{
    AUTO(mem) struct page *p = calloc(1, sizeof *p);
    struct sent t;
    bool go_on = true;
    bool ok;

    if (p == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    p->store = s;
    p->incident = incident;
    p->roster = roster;
    ok = sent_open(s, incident, roster, &t, e);
    for (uint32_t done = 0; ok && go_on && done < n; done += p->n) {
        p->first = first + done;
        p->n = n - done < PAGE ? n - done : PAGE;
        ok = read_page(p, &t, e) && tell_page(p, fn, arg, &go_on, e);
        for (uint32_t i = 0; i < p->n; i++)
            sent_row_done(&p->sent[i]);
    }
    sent_close(&t);
    return ok;
}

static bool count_one(void *arg, uint32_t row, enum holding h)
{
    (void)row;
    ((int64_t *)arg)[h]++;
    return true;
}

bool holding_count(struct store *s, const char *incident, const struct roster *roster,
                   int64_t n[HOLDING_COUNT], struct err *e)
{
    memset(n, 0, HOLDING_COUNT * sizeof n[0]);
    return holding_each(s, incident, roster, 0, roster->n_rows, count_one, n, e);
}

bool holding_own_key(struct store *s, const char *incident, int64_t *n, struct err *e)
{
    bool found;

    *n = 0;
    return store_number(s, n, &found, e,
                        "SELECT count(*) FROM file_row WHERE incident = ?1 AND state = ?2",
                        "tt", incident, partyfile_state_name(PARTYFILE_SUCCESS));
}
