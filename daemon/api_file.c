/* SPDX-License-Identifier: MIT
 *
 * Notification and progress files of the parties: taken in with a detached signature.
 *
 * A file comes in two requests: the octets, streamed and put aside under their digest; then
 * the signature over them. With the second the file counts, and the step it stands for is
 * taken, or nothing happened.
 */
#include "hats.h"
#include "service.h"

#include "agree.h"
#include "audit.h"
#include "log.h"
#include "mem.h"
#include "rosters.h"
#include "upload.h"
#include "uploads.h"

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

/* It is on disk and waits for its signature: the list of uploads knows whose it is. */
static bool waits(struct upload *u, const struct digest *sha256, int64_t octets,
                  struct err *e)
{
    struct uploads_one one = {.kind = UPLOADS_FILE,
                              .sha256 = *sha256,
                              .uid = (int64_t)u->r.peer.uid,
                              .octets = octets,
                              .at_us = clock_now(&u->sv->clock)};
    struct store *s = u->sv->store;

    if (!store_begin(s, e))
        return false;
    if (uploads_put(s, &one, e) && store_commit(s, e))
        return true;
    store_rollback(s);
    return false;
}

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
    ok = ok && upload_keep(u, u->sv->files_dir, &sha256, e) && waits(u, &sha256, octets, e);
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
    struct partyfile_header before; /* of the notification in force */
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
                        const struct partyfile_header *h, struct partyfile_trust *trust,
                        enum actor *actor, struct err *e)
{
    struct eui64 party = h->subscriber;
    bool alone = i->initiator == ACTOR_OFGEM || i->initiator == ACTOR_DCC;

    trust->store = NULL;
    *actor = h->srp[0] != '\0' ? ACTOR_SRP : alone ? ACTOR_DCC : ACTOR_SUBSCRIBER;
    if (*actor == ACTOR_DCC && !dcc_party(sv, &party))
        party = h->subscriber;
    for (size_t k = 0; k < sv->config.n_authorities; k++) {
        const struct config_authority *a = &sv->config.authorities[k];

        if (*actor == ACTOR_SRP ? strcmp(a->name, h->srp) == 0
                                : organisation_is(a, &party)) {
            trust->store = sv->trust.anchors[k];
            trust->crl = a->crl;
        }
    }
    if (trust->store == NULL)
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

/* One notification is in force; another takes its place by saying so, once it is confirmed. */
static bool amends(const struct taking *t, const struct partyfile_header *h, struct err *e)
{
    if (is_progress(h) || (!t->notified && h->amends[0] == '\0'))
        return true;
    if (!t->notified)
        return err_set(e, ERR_DENIED, "file.amends",
                       "field 'amends': %s, but incident %s has no notification", h->amends,
                       t->i->id);
    return strcmp(h->amends, t->before.id) == 0 ||
           err_set(e, ERR_DENIED, "file.amends",
                   "incident %s has notification %s; a further one says 'amends,%s'",
                   t->i->id, t->before.id, t->before.id);
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
        !notification_before(t, e) || !amends(t, h, e) ||
        !find_anchor(sv, t->i, h, &trust, actor, e) ||
        !docket_last_file(sv->store, t->i->id, true, &last, &found, e) ||
        !docket_bundle(sv->store, t->i->id, &pem, e))
        return false;
    if (h->amends[0] != '\0')
        reader.row = NULL; /* its devices count when it is confirmed */
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
    struct docket_step step = {.event = progress               ? EVENT_PROGRESS
                                        : h->amends[0] != '\0' ? EVENT_AMEND
                                                               : EVENT_RECEIVE_FILE,
                               .actor = actor,
                               .who = who};
    struct incident_move move;
    char evidence[192];

    if (h->kind == PARTYFILE_OTHER_NOTIFICATION && h->amends[0] == '\0')
        return true;
    (void)snprintf(evidence, sizeof evidence, "{\"%s\":\"%s, sha256 %.64s\"}",
                   incident_evidence_name(progress ? EVIDENCE_PROGRESS_FILE
                                                   : EVIDENCE_NOTIFICATION_FILE),
                   h->id, hex);
    step.evidence = evidence;
    return docket_take_step(d, i, &step, &move, e);
}

/* A first notification may come after the list. */
static bool file_differs(const struct docket *d, const struct docket_incident *i,
                         const struct partyfile_header *h, const char *who, struct agree *g,
                         struct err *e)
{
    char paper[PARTYFILE_ID_MAX + 16];

    memset(g, 0, sizeof *g);
    if (is_progress(h) || h->amends[0] != '\0')
        return true;
    (void)snprintf(paper, sizeof paper, "file %s", h->id);
    return agree_latest(d, i->id, g, e) && agree_keep(d, i->id, paper, g, who, e);
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
    struct agree g;
    char who[PEER_TEXT];
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
         file_step(&d, &i, h, r->args[1], actor, who, e) &&
         file_differs(&d, &i, h, who, &g, e);
    mapped_done(&m);
    if (ok) {
        log_event(LOG_NOTICE, MSG_INCIDENT_MOVED,
                  &(struct log_fields){.incident = i.id, .peer = &r->peer},
                  "incident %s: file %s, now %s", i.id, h->id,
                  incident_state(i.state)->name);
        ok =
            reply_json(out, 200,
                       json_pack("{s:s,s:s,s:s,s:I,s:I,s:s,s:o*}", "file", h->id, "kind",
                                 partyfile_kind_name(h->kind), "sha256", r->args[1], "rows",
                                 (json_int_t)h->n_rows, "success",
                                 (json_int_t)h->total[PARTYFILE_SUCCESS], "state",
                                 incident_state(i.state)->name, "notified", agree_json(&g)),
                       e);
    }
    docket_incident_done(&i);
    return ok;
}

/* --- an amendment counts --- */

bool api_file_amendment(struct service *sv, const struct request *r,
                        const struct docket_incident *i, struct err *e)
{
    struct docket d = service_docket(sv);
    struct docket_file file;
    struct agree g;
    char who[PEER_TEXT];
    char paper[PARTYFILE_ID_MAX + 16];

    service_who(r, who);
    if (!docket_amendment(&d, i->id, &file, e))
        return false;
    if (sv->config.service.two_person_s > 0 && !hats_second(sv, r, file.who, e))
        return false;
    (void)snprintf(paper, sizeof paper, "file %s", file.id);
    return docket_amend(&d, i->id, &file, e) && agree_latest(&d, i->id, &g, e) &&
           agree_keep(&d, i->id, paper, &g, who, e);
}

HANDLER(api_file_sign)
{
    return service_change(arg, r, body, body, step_file, out, e);
}
