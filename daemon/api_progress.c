/* SPDX-License-Identifier: MIT
 *
 * A progress file of this service's own: how far the recovery is, device by device, in the
 * form of the parties' files, to be signed by an officer.
 */
#include "service.h"

#include "audit.h"
#include "holding.h"
#include "mem.h"
#include "outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writing {
    struct service *sv;
    const char *incident;
    struct partyfile_header h;
    struct lists lists;
    struct lists_size size;
    struct lists_walk walk;
    struct lists_row row; /* to be written next */
    bool has_row;
    const struct authority *a;
    const struct certs *bundle;
    bool by_contingency; /* whose key the decision used */
    FILE *to;
    bool ok;
    struct err *e;
};

struct fate {
    enum partyfile_state state;
    unsigned code;
};

static enum partyfile_state state_of(enum outcome_state s)
{
    switch (s) {
    case OUTCOME_SUCCESS:
        return PARTYFILE_SUCCESS;
    case OUTCOME_PARTLY:
    case OUTCOME_FAILED:
        return PARTYFILE_FAILED;
    case OUTCOME_UNREACHABLE:
        return PARTYFILE_UNREACHABLE;
    case OUTCOME_EXCUSED:
        return PARTYFILE_EXCLUDED;
    case OUTCOME_PENDING:
    case OUTCOME_SENT:
    case OUTCOME_FAILED_ALONE:
    case OUTCOME_ACCEPTED:
    case OUTCOME_UNKNOWN:
    case OUTCOME_STATES:
        break;
    }
    return PARTYFILE_SENT;
}

static struct fate fate_of(const struct outcome *o)
{
    struct fate f = {state_of(o->state), 0};
    json_t *cells;
    const char *name;
    json_t *v;

    if (f.state != PARTYFILE_FAILED)
        return f;
    cells = json_loads(o->cells, 0, NULL);
    json_object_foreach(cells, name, v)
    {
        json_int_t status = json_integer_value(json_object_get(v, "status"));

        if (f.code == 0 && status > 0 && status < 128)
            f.code = (unsigned)status;
    }
    json_decref(cells);
    if (f.code == 0)
        f.code = 127; /* it names no cause: "other" */
    return f;
}

/* "01ab" of a certificate as the file writes it: whole octets, upper case. */
static void serial_of(const struct writing *w, const struct digest *sha256,
                      char out[PARTYFILE_SERIAL_MAX])
{
    const struct cert *c = certs_find(w->bundle, sha256);

    out[0] = '\0';
    if (c == NULL || strlen(c->serial) >= PARTYFILE_SERIAL_MAX)
        return;
    (void)snprintf(out, PARTYFILE_SERIAL_MAX, "%s%.39s", strlen(c->serial) % 2 ? "0" : "",
                   c->serial);
    for (char *p = out; *p != '\0'; p++)
        if (*p >= 'a' && *p <= 'f')
            *p = (char)(*p - 'a' + 'A');
}

static bool write_row(struct writing *w, struct fate o, struct err *e)
{
    struct partyfile_row out = {0};
    struct roster_row row = w->row.at;

    out.device = row.device;
    out.type = row.type;
    out.state = o.state;
    out.code = o.code;
    for (size_t k = 0; k < w->a->n_replacements; k++)
        if (((row.cells != 0 ? row.cells : gbcs_device(row.type)->cells) &
             CELL_BIT(w->a->replacements[k].cell)) != 0) {
            out.cells |= CELL_BIT(w->a->replacements[k].cell);
            if (out.replacement[0] == '\0')
                serial_of(w, &w->a->replacements[k].sha256, out.replacement);
        }
    for (size_t k = 0; k < w->a->n_compromised && out.old[0] == '\0'; k++)
        if ((out.cells & CELL_BIT(w->a->compromised[k].cell)) != 0)
            serial_of(w, &w->a->compromised[k].sha256, out.old);
    if (!partyfile_write_row(w->to, &w->h, &out, e))
        return false;
    w->has_row = lists_next(&w->walk, &w->row);
    return true;
}

/* Devices up to that one, not included; NULL: all. Nothing is known of them. */
static bool write_pending(struct writing *w, const struct eui64 *until)
{
    while (w->has_row && (until == NULL || eui64_cmp(&w->row.at.device, until) < 0))
        if (!write_row(w, (struct fate){PARTYFILE_PENDING, 0}, w->e))
            return false;
    return true;
}

static bool count_outcome(void *arg, const struct outcome *o)
{
    ((struct writing *)arg)->h.total[fate_of(o).state]++;
    return true;
}

static bool write_outcome(void *arg, const struct outcome *o)
{
    struct writing *w = arg;

    w->ok = write_pending(w, &o->device) && (!w->has_row || write_row(w, fate_of(o), w->e));
    return w->ok;
}

/* Two walks over lists and outcomes, side by side: totals stand before the rows. */
static bool write_all(struct writing *w, struct err *e)
{
    struct store *s = w->sv->store;
    uint32_t n = w->size.devices;
    uint32_t pending = n;
    int64_t own_key;

    if (!outcome_each(s, w->incident, &outcome_first, &outcome_last, count_outcome, w, e))
        return false;
    for (unsigned k = 0; k < PARTYFILE_STATE_COUNT; k++)
        pending -= w->h.total[k];
    w->h.total[PARTYFILE_PENDING] = pending;
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        w->h.anticipated[t] = w->size.by_type[t];
    w->h.percent = (unsigned)((uint64_t)w->h.total[PARTYFILE_SUCCESS] * 100 / n);
    w->h.by_key[w->by_contingency ? PARTYFILE_KEY_CONTINGENCY : PARTYFILE_KEY_RECOVERY] =
        w->h.total[PARTYFILE_SUCCESS];
    if (!holding_own_key(s, w->incident, &own_key, e))
        return false;
    w->h.by_key[PARTYFILE_KEY_OWN] = (uint32_t)own_key;
    w->ok = true;
    w->e = e;
    w->has_row = lists_next(&w->walk, &w->row);
    if (!partyfile_write_header(w->to, &w->h, e) ||
        !outcome_each(s, w->incident, &outcome_first, &outcome_last, write_outcome, w, e) ||
        !w->ok || !write_pending(w, NULL))
        return false;
    return fflush(w->to) == 0 ||
           err_set(e, ERR_STORE, "file.write", "progress file: %s", strerror(errno));
}

/* The decision that the incident ran under, and the certificates it names. */
static bool under_decision(struct service *sv, const char *incident, struct authority *a,
                           struct certs *bundle, struct err *e)
{
    struct span pem;
    bool found;
    bool ok;

    if (!docket_file_decision(sv->store, incident, a, &found, e) ||
        !docket_bundle(sv->store, incident, &pem, e))
        return false;
    if (!found || pem.at == NULL) {
        free((void *)(uintptr_t)pem.at);
        return err_set(e, ERR_MISSING, "decision.none",
                       "incident %s has no decision to report on", incident);
    }
    ok = certs_read(pem, "certificates", bundle, e);
    free((void *)(uintptr_t)pem.at);
    return ok;
}

/* A file without a name; the reply reads it from its start and lets it go. */
static FILE *scratch(struct service *sv, struct err *e)
{
    int fd = open(sv->incoming_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "w");

    if (to == NULL) {
        (void)err_set(e, ERR_STORE, "file.write", "%s: %s", sv->incoming_dir,
                      strerror(errno));
        fd_auto(&fd);
    }
    return to;
}

static bool note_written(struct service *sv, const struct request *r,
                         const struct partyfile_header *h, struct err *e)
{
    char who[PEER_TEXT];

    service_who(r, who);
    if (store_begin(sv->store, e) &&
        audit_put(sv->store, clock_now(&sv->clock), "PROGRESS_FILE_WRITTEN", h->incident,
                  who, e, "{s:s,s:I}", "file", h->id, "success",
                  (json_int_t)h->total[PARTYFILE_SUCCESS]) &&
        store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

static bool write_progress(struct writing *w, const struct request *r, struct reply *out,
                           struct err *e)
{
    int fd;
    bool ok;

    w->to = scratch(w->sv, e);
    if (w->to == NULL)
        return false;
    ok = write_all(w, e) && note_written(w->sv, r, &w->h, e);
    fd = ok ? dup(fileno(w->to)) : -1;
    (void)fclose(w->to);
    if (!ok)
        return false;
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        fd_auto(&fd);
        return err_set(e, ERR_STORE, "file.write", "progress file: %s", strerror(errno));
    }
    return reply_fd(out, "text/csv", fd, e);
}

HANDLER(api_progress)
{
    AUTO(mem) struct writing *w = calloc(1, sizeof *w);
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct certs *bundle = calloc(1, sizeof *bundle);
    struct docket_incident i;
    struct partyfile_header *h;
    bool ok;
    static const struct strictjson_member members[] = {
        {"file", MUST, strictjson_text, STRICTJSON_AT(struct partyfile_header, id), NULL, 0,
         0},
        {"organisation", MUST, strictjson_text,
         STRICTJSON_AT(struct partyfile_header, organisation), NULL, 0, 0},
        {"role", MUST, strictjson_text, STRICTJSON_AT(struct partyfile_header, role), NULL,
         0, 0},
        {"officer", MUST, strictjson_text, STRICTJSON_AT(struct partyfile_header, aro),
         NULL, 0, 0},
        {0},
    };

    if (w == NULL || a == NULL || bundle == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    h = &w->h;
    w->sv = arg;
    w->incident = r->args[0];
    if (!request_json(body, members, h, NULL, e) ||
        !docket_get(w->sv->store, w->incident, &i, e))
        return false;
    (void)snprintf(h->incident, sizeof h->incident, "%s", i.id);
    h->has_subscriber =
        i.subscriber[0] != '\0' && eui64_parse(i.subscriber, 16, &h->subscriber);
    h->kind =
        h->has_subscriber ? PARTYFILE_ORGANISATION_PROGRESS : PARTYFILE_OTHER_PROGRESS;
    h->as_at_us = clock_now(&w->sv->clock);
    w->by_contingency = i.route == ROUTE_CONTINGENCY;
    docket_incident_done(&i);
    w->a = a;
    w->bundle = bundle;
    ok = under_decision(w->sv, w->incident, a, bundle, e) &&
         api_lists_open(w->sv, w->incident, &w->lists, e) &&
         lists_count(&w->lists, &w->size, e) &&
         lists_walk_begin(&w->lists, NULL, &w->walk, e);
    ok = ok && write_progress(w, r, out, e);
    lists_walk_done(&w->walk);
    lists_done(&w->lists);
    certs_done(bundle);
    return ok;
}
