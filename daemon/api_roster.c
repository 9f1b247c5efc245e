/* SPDX-License-Identifier: MIT
 *
 * The lists of an incident: its devices and its certificates.
 */
#include "service.h"

#include "agree.h"
#include "audit.h"
#include "beside.h"
#include "log.h"
#include "mem.h"
#include "rosters.h"
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* --- rosters --- */

static struct { /* of the step that runs; one thread, no nesting */
    const struct roster *roster;
    struct upload *upload;
} current;

/* Devices that were refused are not slipped in again under another name, in part or with a line
 * changed. */
static bool list_fresh(const struct docket *d, const struct docket_incident *i,
                       const struct roster *roster, struct err *e)
{
    struct incident_facts f;
    uint32_t refused;

    if (!docket_facts(d, i, false, &f, e) || !docket_refused(d, i->id, roster, &refused, e))
        return false;
    return refused == 0 || f.notified_anew ||
           err_set(e, ERR_DENIED, "incident.list-refused",
                   "of these %u devices the PMA refused to recover %u within the last %u "
                   "days (RefusedListDays=, this house's choice: no public text has such a "
                   "time); one is enough to refuse the list",
                   roster->n_rows, refused, d->config->service.refused_list_d);
}

/* May the incident have this list? */
static bool list_allowed(const struct docket *d, const char *incident,
                         const struct roster *roster, struct err *e)
{
    struct docket_incident i;
    char where[128];
    uint32_t elsewhere;
    bool ok;

    if (!docket_get(d->store, incident, &i, e))
        return false;
    ok = docket_changeable(d->store, incident, e) && list_fresh(d, &i, roster, e) &&
         docket_elsewhere(d, incident, roster, &elsewhere, where, e);
    docket_incident_done(&i);
    if (ok && elsewhere > 0)
        ok = err_set(e, ERR_DENIED, "incident.device-elsewhere",
                     "%u devices stand in another open incident: %s", elsewhere, where);
    return ok;
}

/* The list, and how it differs from the version before. */
static json_t *list_json(const struct roster *roster, const struct docket_list *l)
{
    AUTO(mem) char *types = lists_types(roster->by_type);
    char hex[HEX_LEN(32)];
    json_t *j;

    hex_encode_lower(roster->digest.b, 32, hex);
    j = json_pack("{s:s,s:I,s:o*,s:I,s:b}", "sha256", hex, "count",
                  (json_int_t)roster->n_rows, "by_type",
                  types != NULL ? json_loads(types, 0, NULL) : NULL, "version",
                  (json_int_t)l->version, "proposed", (int)l->proposed);
    if (l->corrects > 0) {
        json_t *diff = json_pack("{s:I,s:I,s:I,s:I}", "version", (json_int_t)l->corrects,
                                 "added", (json_int_t)l->difference.added, "removed",
                                 (json_int_t)l->difference.removed, "changed",
                                 (json_int_t)l->difference.changed);

        if (l->difference.any) {
            char device[HEX_LEN(8)];

            hex_encode(l->difference.first.b, 8, device);
            (void)json_object_set_new(diff, "first", json_string(device));
        }
        (void)json_object_set_new(j, "difference", diff);
    }
    return j;
}

/* How it differs from what was notified: told, and kept for the story. */
static bool list_notified(const struct docket *d, const char *incident,
                          const struct roster *roster, const struct docket_list *l,
                          const char *who, struct agree *g, struct err *e)
{
    char paper[32];

    (void)snprintf(paper, sizeof paper, "roster %lld", (long long)l->version);
    return agree_lists(d, incident, roster, 0, g, e) &&
           (l->same || agree_keep(d, incident, paper, g, who, e));
}

static bool step_roster(struct service *sv, const struct request *r, struct span body,
                        struct reply *out, struct err *e)
{
    const struct roster *roster = current.roster;
    struct docket d = service_docket(sv);
    struct docket_list l;
    struct agree g;
    char who[PEER_TEXT];
    json_t *answer;

    (void)body;
    service_who(r, who);
    if (!list_allowed(&d, r->args[0], roster, e) ||
        !docket_put_roster(&d, r->args[0], roster, who, &l, e) ||
        !list_notified(&d, r->args[0], roster, &l, who, &g, e) ||
        !upload_keep(current.upload, sv->roster_dir, &roster->digest, e))
        return false;
    log_event(LOG_NOTICE, MSG_ROSTER_STORED,
              &(struct log_fields){.incident = r->args[0], .peer = &r->peer},
              "incident %s: roster of %u devices, version %lld%s", r->args[0],
              roster->n_rows, (long long)l.version,
              l.proposed ? ", proposed: a correction that has to be confirmed" : "");
    answer = list_json(roster, &l);
    (void)json_object_update_new(answer, json_pack("{s:o*}", "notified", agree_json(&g)));
    return reply_json(out, 200, answer, e);
}

/* --- taking in: beside the loop --- */

/* The rows ascending, in the place of the file as it was given. */
static bool sort_rows(const char *path, const char *dir, struct err *e)
{
    AUTO(fd) int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char sorted[PATH_MAX];
    struct stat st;
    void *map;
    bool ok;

    if (from < 0 || fstat(from, &st) != 0)
        return err_set(e, ERR_STORE, "store.upload", "%s: %s", path, strerror(errno));
    (void)snprintf(sorted, sizeof sorted, "%s/upload-XXXXXX", dir);
    AUTO(fd) int fd = mkostemp(sorted, O_CLOEXEC);
    map = fd < 0 ? MAP_FAILED
                 : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, from, 0);
    if (map == MAP_FAILED)
        return err_set(e, ERR_STORE, "store.upload", "%s: %s", sorted, strerror(errno));
    ok = roster_sort(span_of(map, (size_t)st.st_size), "roster", fd, e);
    (void)munmap(map, (size_t)st.st_size);
    if (ok && rename(sorted, path) != 0)
        ok = err_set(e, ERR_STORE, "store.upload", "%s: %s", path, strerror(errno));
    if (!ok)
        (void)unlink(sorted);
    return ok;
}

/* Much of a large file is on its way to disk still; what follows on the loop must not wait. */
static bool flush(const char *path, struct err *e)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return (fd >= 0 && fsync(fd) == 0) ||
           err_set(e, ERR_STORE, "store.upload", "%s: %s", path, strerror(errno));
}

/* in: the file, then the folder, each as a text. Rows in any order are welcome; kept is the
 * sorted form. out: its digest. */
static bool take_in(struct store *s, struct span in, struct span *out, struct err *e)
{
    const char *path = (const char *)in.at;
    const char *dir = path + strlen(path) + 1;
    struct digest *digest = malloc(sizeof *digest);
    struct roster roster;

    (void)s;
    if (digest == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!rosters_open_new(path, &roster, e) &&
        ((strcmp(e->id, "roster.order") != 0 && strcmp(e->id, "roster.duplicate") != 0) ||
         !sort_rows(path, dir, e) || !rosters_open_new(path, &roster, e))) {
        free(digest);
        return false;
    }
    *digest = roster.digest;
    *out = span_of(digest->b, sizeof digest->b);
    roster_done(&roster);
    return flush(path, e);
}

/* Who sent it is gone. */
static void left_over(struct span in)
{
    (void)unlink((const char *)in.at);
}

static const struct think_kind taking_in = {
    .name = "a list is read", .work = take_in, .unheard = left_over, .once = true};

static bool upload_taken_in(struct upload *u, struct err *e)
{
    char in[2 * PATH_MAX];
    struct span out;
    size_t len = strlen(u->path) + 1;

    if (u->taken_in)
        return true;
    memcpy(in, u->path, len);
    (void)snprintf(in + len, sizeof in - len, "%s", u->sv->incoming_dir);
    if (!think(&taking_in, NULL, span_of(in, len + strlen(in + len) + 1), &out, e))
        return false;
    memcpy(u->digest.b, out.at, sizeof u->digest.b);
    free((void *)(uintptr_t)out.at);
    fd_auto(&u->fd); /* it may be another file by now */
    u->fd = open(u->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    u->taken_in = u->fd >= 0;
    return u->taken_in ||
           err_set(e, ERR_STORE, "store.upload", "%s: %s", u->path, strerror(errno));
}

/* Until the list is in, and after that until the step has all it wants to know, it is called
 * again. */
static bool roster_end(void *arg, struct reply *out, struct err *e)
{
    struct upload *u = arg;
    struct service *sv = u->sv;
    struct roster roster = {0};
    const struct think_port *was = think_through(beside_port(sv->beside));
    bool ok = upload_taken_in(u, e) && rosters_open(sv->roster_dir, &u->digest, &roster, e);

    (void)think_through(was);
    if (!ok) {
        if (think_later(e))
            return false;
        service_refused(sv, &u->r, e);
        upload_free(u);
        return false;
    }
    current.roster = &roster;
    current.upload = u;
    ok = service_change(sv, &u->r, (struct span){NULL, 0}, span_of(roster.digest.b, 32),
                        step_roster, out, e);
    roster_done(&roster);
    if (!ok && think_later(e))
        return false;
    upload_settle(u, ok, e);
    upload_free(u);
    return ok;
}

bool api_roster_begin(void *arg, const struct request *r, struct sink *out, struct err *e)
{
    if (!upload_begin(arg, r, roster_end, out, e))
        return false;
    out->again = ((struct upload *)out->arg)->r.patient = true;
    return true;
}

bool api_lists_open(struct service *sv, const char *incident, struct lists *out,
                    struct err *e)
{
    return lists_open(sv->store, sv->roster_dir, incident, out, e);
}

/* --- corrections --- */

struct confirm {
    int64_t version;
    char reason[DOCKET_TEXT];
};

static bool step_confirm(struct service *sv, const struct request *r, struct span body,
                         struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    struct confirm c = {0};
    struct docket_list l;
    struct digest sha256;
    struct roster roster;
    char who[PEER_TEXT];
    bool ok;
    static const struct strictjson_member members[] = {
        {"version", MUST, strictjson_number, STRICTJSON_AT(struct confirm, version), NULL,
         1, INT64_MAX},
        {"reason", MUST, strictjson_text, STRICTJSON_AT(struct confirm, reason), NULL, 0,
         0},
        {0},
    };

    service_who(r, who);
    if (!request_json(body, members, &c, NULL, e) ||
        !docket_changeable(sv->store, r->args[0], e) ||
        !docket_proposed(sv->store, r->args[0], c.version, &sha256, e) ||
        !rosters_open(sv->roster_dir, &sha256, &roster, e))
        return false;
    ok = list_allowed(&d, r->args[0], &roster, e) &&
         docket_confirm_roster(&d, r->args[0], c.version, c.reason, who, &l, e);
    if (ok)
        log_event(LOG_NOTICE, MSG_ROSTER_STORED,
                  &(struct log_fields){.incident = r->args[0], .peer = &r->peer},
                  "incident %s: version %lld of the roster is on file: %u added, %u "
                  "removed, %u changed",
                  r->args[0], (long long)c.version, l.difference.added,
                  l.difference.removed, l.difference.changed);
    ok = ok && reply_json(out, 200, list_json(&roster, &l), e);
    roster_done(&roster);
    return ok;
}

HANDLER(api_roster_confirm)
{
    return service_change(arg, r, body, body, step_confirm, out, e);
}

HANDLER(api_roster_get)
{
    struct service *sv = arg;
    struct digest sha256;
    uint64_t version;
    uint32_t rows;
    bool found;
    int fd;

    (void)body;
    if (!request_number(r, "version", 1, INT64_MAX, 0, &version, e))
        return false;
    if (version > 0 ? !docket_list_version(sv->store, r->args[0], (int64_t)version, &sha256,
                                           &found, e)
                    : !docket_roster(sv->store, r->args[0], &sha256, &rows, &found, e))
        return false;
    if (!found)
        return err_set(e, ERR_MISSING, "incident.no-roster", "incident %s has no %s roster",
                       r->args[0], version > 0 ? "such" : "");
    return rosters_octets(sv->roster_dir, &sha256, &fd, e) &&
           reply_fd(out, "text/csv", fd, e);
}

/* --- certificates --- */

static bool step_certificates(struct service *sv, const struct request *r, struct span body,
                              struct reply *out, struct err *e)
{
    struct docket d = service_docket(sv);
    struct docket_incident i;
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    json_t *list;
    json_t *answer;
    char who[PEER_TEXT];
    bool ok;

    if (certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!docket_get(sv->store, r->args[0], &i, e))
        return false;
    service_who(r, who);
    ok = certs_read(body, "certificates", certs, e) &&
         docket_put_bundle(&d, &i, body, certs, who, &answer, e);
    docket_incident_done(&i);
    if (!ok) {
        certs_done(certs);
        return false;
    }
    list = json_array();
    for (size_t k = 0; k < certs->n; k++) {
        const struct cert *c = &certs->at[k];
        char hex[HEX_LEN(32)];
        char eui[HEX_LEN(8)] = "";

        hex_encode_lower(c->sha256.b, 32, hex);
        if (c->has_eui)
            hex_encode(c->eui.b, 8, eui);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "sha256", hex, "subject",
                            c->subject, "party", eui, "role", gbcs_role_name(c->role),
                            "usage", gbcs_usage_name(c->usage), "not_after",
                            docket_show_time(c->not_after_us)));
    }
    certs_done(certs);
    (void)json_object_set_new(answer, "certificates", list);
    log_event(LOG_NOTICE, MSG_CERTIFICATES_STORED,
              &(struct log_fields){.incident = r->args[0], .peer = &r->peer},
              "incident %s: certificates stored", r->args[0]);
    return reply_json(out, 200, answer, e);
}

HANDLER(api_certificates_put)
{
    return service_change(arg, r, body, body, step_certificates, out, e);
}

HANDLER(api_certificates_get)
{
    struct service *sv = arg;
    struct span pem;
    uint64_t version;

    (void)body;
    if (!request_number(r, "version", 1, INT64_MAX, 0, &version, e) ||
        !(version > 0
              ? docket_bundle_version(sv->store, r->args[0], (int64_t)version, &pem, e)
              : docket_bundle(sv->store, r->args[0], &pem, e)))
        return false;
    if (pem.at == NULL)
        return err_set(e, ERR_MISSING, "incident.no-certificates",
                       "incident %s has no %s certificates", r->args[0],
                       version > 0 ? "such" : "");
    return reply_text(out, 200, "application/x-pem-file", (char *)(uintptr_t)pem.at,
                      pem.len, e);
}
