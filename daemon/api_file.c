/* SPDX-License-Identifier: MIT
 *
 * Notification and progress files: taken in with a detached signature, written for others.
 *
 * A file comes in two requests: the octets, streamed and put aside under their digest; then
 * the signature over them. With the second the file counts, and the step it stands for is
 * taken, or nothing happened.
 */
#include "service.h"

#include "audit.h"
#include "log.h"
#include "mem.h"
#include "rosters.h"
#include "upload.h"

#include <openssl/pem.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct mapped {
    struct span text;
};

static void mapped_done(struct mapped *m)
{
    if (m->text.at != NULL)
        (void)munmap((void *)(uintptr_t)m->text.at, m->text.len);
    m->text = (struct span){NULL, 0};
}

static bool map_fd(int fd, const char *path, struct mapped *m, struct err *e)
{
    struct stat st;
    void *at;

    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
    if (st.st_size == 0)
        return err_set(e, ERR_INPUT, "file.format", "the file is empty");
    at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
    m->text = span_of(at, (size_t)st.st_size);
    return true;
}

/* --- the octets --- */

static bool file_end(void *arg, struct reply *out, struct err *e)
{
    struct upload *u = arg;
    struct mapped m = {0};
    struct digest sha256;
    char hex[HEX_LEN(32)];
    int64_t octets;
    bool ok = map_fd(u->fd, u->path, &m, e);

    if (ok)
        sha256 = digest_of(m.text, (struct span){NULL, 0});
    octets = (int64_t)m.text.len;
    mapped_done(&m);
    ok = ok && upload_keep(u, u->sv->files_dir, &sha256, e);
    if (ok)
        upload_settle(u, true, e);
    else
        service_refused(u->sv, &u->r, e);
    upload_free(u);
    if (!ok)
        return false;
    hex_encode_lower(sha256.b, 32, hex);
    return reply_json(
        out, 200, json_pack("{s:s,s:I}", "sha256", hex, "octets", (json_int_t)octets), e);
}

bool api_file_begin(void *arg, const struct request *r, struct sink *out, struct err *e)
{
    return upload_begin(arg, r, file_end, out, e);
}

/* --- the signature --- */

static bool open_kept(struct service *sv, const char *hex, struct digest *sha256,
                      struct mapped *m, struct err *e)
{
    char path[PATH_MAX];

    if (strlen(hex) != 64 || !hex_decode(hex, 64, sha256->b, 32))
        return err_set(e, ERR_INPUT, "request.target", "\"%s\" is no SHA-256", hex);
    rosters_path(sv->files_dir, sha256, path);
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_MISSING, "file.none", "no file %s was handed in", hex);
    return map_fd(fd, path, m, e);
}

struct taking { /* one file, while its step runs */
    struct service *sv;
    const struct docket_incident *i;
    struct partyfile_header before; /* of the notification on file */
    bool notified;
};

static bool seen(void *arg, const char *id)
{
    return docket_file_seen(((struct taking *)arg)->sv->store, id);
}

static bool device_notified(void *arg, const struct eui64 *device)
{
    struct taking *t = arg;

    return docket_file_notified(t->sv->store, t->i->id, device);
}

static bool take_row(void *arg, const struct partyfile_header *h,
                     const struct partyfile_row *row, struct err *e)
{
    struct taking *t = arg;

    (void)h;
    return docket_file_row(t->sv->store, t->i->id, row, e);
}

static bool is_progress(const struct partyfile_header *h)
{
    return h->kind == PARTYFILE_ORGANISATION_PROGRESS ||
           h->kind == PARTYFILE_OTHER_PROGRESS;
}

static bool organisation_is(const struct config_authority *a, const struct eui64 *party)
{
    struct eui64 eui;

    return a->organisation[0] != '\0' &&
           eui64_parse(a->organisation, strlen(a->organisation), &eui) &&
           eui64_cmp(&eui, party) == 0;
}

/* The DCC's own officers: those of the party whose ACB key this machine uses. */
static bool dcc_party(const struct service *sv, struct eui64 *party)
{
    for (size_t k = 0; k < sv->config.n_keys; k++)
        if (sv->trust.keys[k].present && sv->trust.keys[k].cert.at[0].role == ROLE_ACB) {
            *party = sv->trust.keys[k].cert.at[0].eui;
            return true;
        }
    return false;
}

/*
 * Whose officers may sign it, and in whose name it then comes: a provider named as srp, the
 * subscriber, or the DCC for its own keys and where there is no subscriber to ask.
 */
static bool find_anchor(const struct service *sv, const struct docket_incident *i,
                        const struct partyfile_header *h, X509_STORE **store,
                        enum actor *actor, struct err *e)
{
    struct eui64 party = h->subscriber;
    bool alone = i->initiator == ACTOR_OFGEM || i->initiator == ACTOR_DCC;

    *store = NULL;
    *actor = h->srp[0] != '\0' ? ACTOR_SRP : alone ? ACTOR_DCC : ACTOR_SUBSCRIBER;
    if (*actor == ACTOR_DCC && !dcc_party(sv, &party))
        party = h->subscriber;
    for (size_t k = 0; k < sv->config.n_authorities; k++) {
        const struct config_authority *a = &sv->config.authorities[k];

        if (*actor == ACTOR_SRP ? strcmp(a->name, h->srp) == 0 : organisation_is(a, &party))
            *store = sv->trust.anchors[k];
    }
    if (*store == NULL)
        return err_set(e, ERR_DENIED, "file.chain",
                       "no [Authority] of whoever may sign this file is configured here");
    return true;
}

static bool same_party(const struct docket_incident *i, const struct partyfile_header *h,
                       struct err *e)
{
    char hex[HEX_LEN(8)];

    if (!h->has_subscriber || i->subscriber[0] == '\0')
        return true;
    hex_encode(h->subscriber.b, 8, hex);
    return strcmp(hex, i->subscriber) == 0 ||
           err_set(e, ERR_DENIED, "file.party",
                   "field 'subscriber': %s, but incident %s is about %s", hex, i->id,
                   i->subscriber);
}

static void issuer_name(X509 *x, char *out, size_t cap)
{
    out[0] = '\0';
    (void)X509_NAME_get_text_by_NID(X509_get_issuer_name(x), NID_commonName, out, (int)cap);
}

/* Keys of the certificates that are notified, as far as the certificates are here. */
static size_t compromised_keys(const struct certs *bundle, const struct partyfile_header *h,
                               struct digest out[CERTS_MAX])
{
    size_t n = 0;

    for (size_t k = 0; k < bundle->n; k++) {
        char issuer[PARTYFILE_NAME_MAX];

        issuer_name(bundle->at[k].x, issuer, sizeof issuer);
        for (size_t c = 0; c < h->n_certificates; c++)
            if (strcmp(h->certificates[c].issuer, issuer) == 0 &&
                strcasecmp(h->certificates[c].serial, bundle->at[k].serial) == 0) {
                out[n++] = bundle->at[k].key_sha256;
                break;
            }
    }
    return n;
}

static bool notification_before(struct taking *t, struct err *e)
{
    struct docket_file file;
    struct mapped m = {0};
    char hex[HEX_LEN(32)];
    bool ok;

    if (!docket_last_file(t->sv->store, t->i->id, false, &file, &t->notified, e))
        return false;
    if (!t->notified)
        return true;
    hex_encode_lower(file.sha256.b, 32, hex);
    ok = open_kept(t->sv, hex, &file.sha256, &m, e) &&
         partyfile_header_read(m.text, file.id, &t->before, e);
    mapped_done(&m);
    return ok;
}

static bool accept_file(struct taking *t, struct span text, struct span cms,
                        struct partyfile_header *h, enum actor *actor, struct err *e)
{
    struct service *sv = t->sv;
    struct partyfile_reader reader = {.incident = t->i->id, .seen = seen, .row = take_row};
    struct partyfile_trust trust = {.now_us = clock_now(&sv->clock)};
    AUTO(mem) struct certs *bundle = calloc(1, sizeof *bundle);
    struct digest keys[CERTS_MAX];
    struct docket_file last;
    struct span pem;
    struct err ignored;
    bool found;
    bool ok;

    if (bundle == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    reader.arg = t;
    if (!partyfile_header_read(text, "file", h, e) || !same_party(t->i, h, e) ||
        !notification_before(t, e) || !find_anchor(sv, t->i, h, &trust.store, actor, e) ||
        !docket_last_file(sv->store, t->i->id, true, &last, &found, e) ||
        !docket_bundle(sv->store, t->i->id, &pem, e))
        return false;
    if (is_progress(h)) {
        reader.notified = device_notified;
        reader.previous = found ? &last.was : NULL;
    }
    if (pem.at != NULL && certs_read(pem, "certificates", bundle, &ignored))
        trust.n_compromised_keys =
            compromised_keys(bundle, t->notified ? &t->before : h, keys);
    free((void *)(uintptr_t)pem.at);
    certs_done(bundle);
    trust.compromised_keys = keys;
    trust.compromised = t->before.certificates;
    trust.n_compromised = t->before.n_certificates;
    ok = partyfile_accept(text, cms, "file", &reader, &trust, h, e);
    return ok;
}

/* The step that the file stands for; a notification about a key of the DCC itself is
 * evidence for a later one. */
static bool file_step(struct docket *d, struct docket_incident *i,
                      const struct partyfile_header *h, const char *hex, enum actor actor,
                      const char *who, struct err *e)
{
    bool progress = is_progress(h);
    struct docket_step step = {.event = progress ? EVENT_PROGRESS : EVENT_RECEIVE_FILE,
                               .actor = actor,
                               .who = who};
    struct incident_move move;
    char evidence[192];

    if (h->kind == PARTYFILE_OTHER_NOTIFICATION)
        return true;
    (void)snprintf(evidence, sizeof evidence, "{\"%s\":\"%s, sha256 %.64s\"}",
                   incident_evidence_name(progress ? EVIDENCE_PROGRESS_FILE
                                                   : EVIDENCE_NOTIFICATION_FILE),
                   h->id, hex);
    step.evidence = evidence;
    return docket_take_step(d, i, &step, &move, e);
}

static bool step_file(struct service *sv, const struct request *r, struct span cms,
                      struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    AUTO(mem) struct partyfile_header *h = calloc(1, sizeof *h);
    AUTO(mem) struct taking *t = calloc(1, sizeof *t);
    struct docket_incident i;
    struct mapped m = {0};
    struct digest sha256;
    enum actor actor = ACTOR_DCC;
    char who[32];
    bool ok;

    if (h == NULL || t == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_get(sv->store, r->args[0], &i, e))
        return false;
    service_who(r, who);
    *t = (struct taking){.sv = sv, .i = &i};
    ok = open_kept(sv, r->args[1], &sha256, &m, e) &&
         accept_file(t, m.text, cms, h, &actor, e) &&
         docket_put_file(&d, i.id, h, &sha256, cms, who, e) &&
         file_step(&d, &i, h, r->args[1], actor, who, e);
    mapped_done(&m);
    if (ok) {
        log_event(LOG_NOTICE, MSG_INCIDENT_MOVED,
                  &(struct log_fields){.incident = i.id, .peer = &r->peer},
                  "incident %s: file %s, now %s", i.id, h->id,
                  incident_state(i.state)->name);
        ok = reply_json(out, 200,
                        json_pack("{s:s,s:s,s:s,s:I,s:I,s:s}", "file", h->id, "kind",
                                  partyfile_kind_name(h->kind), "sha256", r->args[1],
                                  "rows", (json_int_t)h->n_rows, "success",
                                  (json_int_t)h->total[PARTYFILE_SUCCESS], "state",
                                  incident_state(i.state)->name),
                        e);
    }
    docket_incident_done(&i);
    return ok;
}

HANDLER(api_file_sign)
{
    return service_change(arg, r, body, body, step_file, out, e);
}

/* --- a progress file of our own --- */

struct writing {
    struct service *sv;
    const char *incident;
    struct partyfile_header h;
    struct roster roster;
    const struct authority *a;
    const struct certs *bundle;
    FILE *to;
};

struct fate {
    enum partyfile_state state;
    unsigned code;
};

static enum partyfile_state state_of(const char *outcome)
{
    static const struct {
        const char *outcome;
        enum partyfile_state state;
    } words[] = {
        {"success", PARTYFILE_SUCCESS},  {"partly", PARTYFILE_FAILED},
        {"failed", PARTYFILE_FAILED},    {"unreachable", PARTYFILE_UNREACHABLE},
        {"excused", PARTYFILE_EXCLUDED},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].outcome, outcome) == 0)
            return words[i].state;
    return PARTYFILE_SENT;
}

static bool take_outcome(void *arg, const struct store_row *row)
{
    struct fate *o = arg;
    json_t *cells = json_loads(store_text(row, 1), 0, NULL);
    const char *name;
    json_t *v;

    o->state = state_of(store_text(row, 0));
    json_object_foreach(cells, name, v)
    {
        json_int_t status = json_integer_value(json_object_get(v, "status"));

        if (o->code == 0 && status > 0 && status < 128)
            o->code = (unsigned)status;
    }
    json_decref(cells);
    if (o->state != PARTYFILE_FAILED)
        o->code = 0;
    else if (o->code == 0)
        o->code = 127; /* it names no cause: "other" */
    return false;
}

static bool outcome_of(struct writing *w, uint32_t i, struct fate *o, struct err *e)
{
    *o = (struct fate){PARTYFILE_PENDING, 0};
    return store_each(w->sv->store, take_outcome, o, e,
                      "SELECT state, cells FROM outcome WHERE incident = ?1 AND row = ?2",
                      "ti", w->incident, (int64_t)i);
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

static bool write_row(struct writing *w, uint32_t i, struct err *e)
{
    struct partyfile_row out = {0};
    struct roster_row row;
    struct fate o;

    roster_get(&w->roster, i, &row);
    if (!outcome_of(w, i, &o, e))
        return false;
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
    return partyfile_write_row(w->to, &w->h, &out, e);
}

/* Two walks over the roster: totals stand before the rows. */
static bool write_all(struct writing *w, struct err *e)
{
    for (uint32_t i = 0; i < w->roster.n_rows; i++) {
        struct fate o;

        if (!outcome_of(w, i, &o, e))
            return false;
        w->h.total[o.state]++;
    }
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        w->h.anticipated[t] = w->roster.by_type[t];
    w->h.percent =
        (unsigned)((uint64_t)w->h.total[PARTYFILE_SUCCESS] * 100 / w->roster.n_rows);
    if (!partyfile_write_header(w->to, &w->h, e))
        return false;
    for (uint32_t i = 0; i < w->roster.n_rows; i++)
        if (!write_row(w, i, e))
            return false;
    return fflush(w->to) == 0 ||
           err_set(e, ERR_STORE, "file.write", "progress file: %s", strerror(errno));
}

static bool take_json(void *arg, const struct store_row *row)
{
    *(char **)arg = strdup(store_text(row, 0));
    return false;
}

/* The decision that the incident ran under, and the certificates it names. */
static bool under_decision(struct service *sv, const char *incident, struct authority *a,
                           struct certs *bundle, struct err *e)
{
    AUTO(mem) char *json = NULL;
    struct span pem;
    bool ok;

    if (!store_each(sv->store, take_json, &json, e,
                    "SELECT json FROM decision WHERE incident = ?1 AND outcome ="
                    " 'authorise' ORDER BY at_us DESC, rowid DESC LIMIT 1",
                    "t", incident) ||
        !docket_bundle(sv->store, incident, &pem, e))
        return false;
    if (json == NULL || pem.at == NULL) {
        free((void *)(uintptr_t)pem.at);
        return err_set(e, ERR_MISSING, "decision.none",
                       "incident %s has no decision to report on", incident);
    }
    ok = authority_parse(span_of(json, strlen(json)), a, e) &&
         certs_read(pem, "certificates", bundle, e);
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
    char who[32];

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
    json_t *j;
    bool ok;

    if (w == NULL || a == NULL || bundle == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    h = &w->h;
    {
        const struct member members[] = {
            {"file", MEMBER_TEXT, true, h->id, sizeof h->id, NULL},
            {"organisation", MEMBER_TEXT, true, h->organisation, sizeof h->organisation,
             NULL},
            {"role", MEMBER_TEXT, true, h->role, sizeof h->role, NULL},
            {"officer", MEMBER_TEXT, true, h->aro, sizeof h->aro, NULL},
        };

        if (!request_json(body, &j, e))
            return false;
        ok = request_members(j, members, sizeof members / sizeof members[0], e);
        json_decref(j);
    }
    w->sv = arg;
    w->incident = r->args[0];
    if (!ok || !docket_get(w->sv->store, w->incident, &i, e))
        return false;
    (void)snprintf(h->incident, sizeof h->incident, "%s", i.id);
    h->has_subscriber =
        i.subscriber[0] != '\0' && eui64_parse(i.subscriber, 16, &h->subscriber);
    h->kind =
        h->has_subscriber ? PARTYFILE_ORGANISATION_PROGRESS : PARTYFILE_OTHER_PROGRESS;
    h->as_at_us = clock_now(&w->sv->clock);
    docket_incident_done(&i);
    w->a = a;
    w->bundle = bundle;
    ok = under_decision(w->sv, w->incident, a, bundle, e) &&
         service_roster(w->sv, w->incident, &w->roster, e);
    ok = ok && write_progress(w, r, out, e);
    roster_done(&w->roster);
    certs_done(bundle);
    return ok;
}
