/* SPDX-License-Identifier: MIT
 *
 * service - what the parts of the running service share, and the request handlers' common
 * steps.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "backup.h"
#include "bars.h"
#include "docket_show.h"
#include "export.h"
#include "pump.h"
#include "refusals.h"
#include "server.h"
#include "tar.h"

struct abreast;
struct beside;

struct service {
    struct config config;
    struct trust trust;
    struct peer_logins logins;
    struct clock clock;
    struct store *store;
    struct engine *engine;
    struct pump *pump;
    struct server *server;           /* holds who waits */
    struct abreast *abreast;         /* asks keys of devices, many at once; NULL: it does */
    struct beside *beside;           /* works out what takes long; NULL: the loop does */
    struct service *looks, *glances; /* ... by these; each its thread's */
    sd_event *loop;
    char roster_dir[CONFIG_PATH_MAX + 16];
    char incoming_dir[CONFIG_PATH_MAX + 16];
    char outbox_dir[CONFIG_PATH_MAX + 16];
    char files_dir[CONFIG_PATH_MAX + 16];
    char backup_dir[CONFIG_PATH_MAX + 16];
    int64_t started_us, swept_us; /* when the outbox was looked through last */
    struct bars bars;
    struct service_backup {
        struct backup *under_way; /* NULL: none is */
        sd_event_source *turn;
        bool is_ready; /* the folder holds one that is whole */
        struct place ready;
        unsigned readers; /* who fetch it */
        struct err trouble;
    } backup;
    struct refusals refusals;
    bool waves_later;       /* a wave waits for an answer from beside the loop */
    bool standard_seen;     /* the token has said what it is, since the start */
    struct upload *uploads; /* on their way */
    char
        about[AUTHORITY_ID_MAX]; /* the incident of this request, where its path has none */
    /* what to do once the request's transaction is on disk */
    struct {
        int64_t drop_batch; /* 0: none */
        bool tell_keys;     /* an incident is over that may have ended a configured key */
        bool end_signers;   /* a key was switched off: no process keeps it open */
        bool raised;        /* a counter mark was */
    } after;
};

/* The page that a request asks for: ?from= and ?limit=. ERR_INPUT "request.query". */
MUST_CHECK bool service_page(const struct request *r, struct docket_show_page *out,
                             struct err *e);
/* A page as an answer: the list (steal) under its name, and where the next one begins. */
bool service_page_reply(struct reply *out, const char *name, json_t *steal,
                        const struct docket_show_page *p, struct err *e);
/* "uid 1000 login 1000", and what a step needs. */
void service_who(const struct request *r, char out[static PEER_TEXT]);
struct docket service_docket(struct service *sv);
/* How long what one operator asked for waits for another: TwoPersonSec=, else 600 seconds. */
unsigned service_confirm_s(const struct service *sv);
/* A signer is ready: requests that were held for it are asked again. */
void service_signer_ready(void *arg);
/* May this batch still be signed: state of the incident, decision not superseded? */
bool service_allowed(void *arg, const struct batch *b, struct err *e);
/* ... and does nothing bar it (bars.h)? For the engine, before each order. */
bool service_may_sign(void *arg, const struct batch *b, struct err *e);
/* Does that configured key sign for the incident at all? ERR_DENIED as keys_may_sign. */
MUST_CHECK bool service_key_sound(struct service *sv, const char *incident, const char *key,
                                  struct err *e);
/* The register of keys is told of the certificates that configuration names. */
MUST_CHECK bool service_learn_keys(struct service *sv, struct err *e);
/* A configured key that has ended, each in the journal. */
MUST_CHECK bool service_tell_keys(struct service *sv, struct err *e);
void service_batch_ended(void *arg, int64_t batch);
/* It was not even begun: into the journal. */
void service_batch_aside(void *arg, const struct batch *b, const struct err *why);
void service_token_lost(void *arg, int64_t batch);
/* Batches under decisions that do not stand any more, or of an incident that stopped: written
 * here, put down after commit. why: for people. */
MUST_CHECK bool service_stop_batches(struct service *sv, const char *incident,
                                     const char *rule, const char *why, const char *who,
                                     struct err *e);
/* Every few seconds: windows that closed while nothing was signed. */
void service_tick(struct service *sv);
/* The database failed: the service stops, for nothing that it would promise is on disk. */
void service_store_trouble(struct service *sv, const struct err *e);
/* Alarms of incidents that stand still, and of shares that are due for a ceremony: once each. */
MUST_CHECK bool service_deadlines(struct service *sv, struct err *e);
/* Sets of shares, and when each is due for a ceremony, into the list of alarms; overdue is
 * added to. */
MUST_CHECK bool api_ceremony_alarms(struct service *sv, json_t *list, int64_t *overdue,
                                    struct err *e);
/* All alarms into the list, as `status` shows them; how many incidents are open, and how many
 * alarms have rung. */
MUST_CHECK bool api_alarms(struct service *sv, json_t *list, int64_t *open,
                           int64_t *overdue, struct err *e);
/* Notices of steps that are on disk, into the outbox;
 * what cannot be written stays queued. */
void service_notices(struct service *sv);
/* A refusal leaves an audit record of its own, in a transaction of its own; one of too many
 * within a minute is counted (refusals.h). That of a dry run is in the journal alone, unless the
 * caller has not the role. */
void service_refused(void *arg, const struct request *r, const struct err *why);
/* Records for the sums whose minute is over; everything: for all, at the end. */
MUST_CHECK bool service_refusals(struct service *sv, bool everything, struct err *e);

typedef bool (*service_step)(struct service *sv, const struct request *r, struct span body,
                             struct reply *out, struct err *e);
/*
 * Run one changing request as one transaction: the stored answer for a known
 * Idempotency-Key, or the step, its answer kept under the key, commit, and then what
 * `after` asks for. A refusal is rolled back and audited.
 *   what  stands for the body in "same request?" (the body itself, or its digest)
 *
 * Where the step asks for a key and no signer can tell yet, the token is asked at once and
 * the request waits (ERR_BUSY "signer.not-ready", not on record while r->may_wait).
 *
 * A dry run is judged to the same end and rolled back: no answer is kept or found, no record, no
 * number used, nothing in the journal but that it was one; its answer says "dry_run": true.
 */
bool service_change(struct service *sv, const struct request *r, struct span body,
                    struct span what, service_step step, struct reply *out, struct err *e);

/* Work things out beside the loop from here on. What waits is asked again, what looks has a
 * service of its own to look at. Errors: ERR_STORE. */
MUST_CHECK bool service_beside(struct service *sv, const char *path, struct err *e);
void service_beside_end(struct service *sv);
/* One request that only looks, beside the loop. fn gets a service that has the
 * configuration, the folders and a store that can only be read, and nothing else.
 * service_glance: it takes no longer, however long a list is (think.h, quick). */
bool service_look(struct service *sv, const struct request *r, struct span body,
                  service_step fn, struct reply *out, struct err *e);
bool service_glance(struct service *sv, const struct request *r, struct span body,
                    service_step fn, struct reply *out, struct err *e);

/* At start and end: no backup is under way, and none is left. */
MUST_CHECK bool api_backup_end(struct service *sv, struct err *e);

/* How far the record has come, as the last file of an archive that leaves the house: record.json.
 * text: freed by the owner of *p. */
struct service_place {
    char *text; /* NULL: not given out yet */
};
MUST_CHECK bool api_place_file(struct service *sv, struct service_place *p,
                               struct tar_file *out, bool *found, struct err *e);

/* Every version of the incident's list that counts, opened (lists_done either way). Errors:
 * as lists_open. */
MUST_CHECK bool api_lists_open(struct service *sv, const char *incident, struct lists *out,
                               struct err *e);

/* How many devices of its lists hold what, into that JSON: "holds". */
MUST_CHECK bool api_holds(struct service *sv, const char *incident, json_t *into,
                          struct err *e);
/* The amendment that waits in the incident is confirmed, by a second person where the
 * configuration asks for one. Errors: those of docket_amendment and hats_second. */
MUST_CHECK bool api_file_amendment(struct service *sv, const struct request *r,
                                   const struct docket_incident *i, struct err *e);

extern const struct router_row api_rows[];
extern const size_t api_n_rows;

/* Handlers, by file. */
/* The batch that the path names. ERR_INPUT "request.target". */
MUST_CHECK bool api_batch_number(const struct request *r, int64_t *id, struct err *e);
/* Waves whose turn has come begin; those that cannot go on end (waves.h). */
void api_waves_turn(struct service *sv);
struct waves;
/* Wave *wave of w (w->plan.n: the tail) becomes a batch, inside the caller's transaction; waves
 * that nobody is left of are passed over: *wave is the one that it is.
 *   last  the plan's newest batch
 * Errors: those that a batch is refused by; ERR_DENIED "batch.empty": nobody is left. */
MUST_CHECK bool api_batch_wave(struct service *sv, const struct waves *w,
                               const struct batch *last, uint32_t *wave, struct batch *b,
                               struct err *e);

#define HANDLER(name)                                                                  \
    bool name(void *arg, const struct request *r, struct span body, struct reply *out, \
              struct err *e)
HANDLER(api_status);
HANDLER(api_keys);
HANDLER(api_metrics);
HANDLER(api_openapi);
HANDLER(api_audit);
HANDLER(api_account);
HANDLER(api_audit_key);
HANDLER(api_audit_head);
HANDLER(api_place);
HANDLER(api_expected);
HANDLER(api_backup_begin);
HANDLER(api_backup);
HANDLER(api_backup_archive);
HANDLER(api_policy);
HANDLER(api_policy_test);
HANDLER(api_incidents);
HANDLER(api_incident_open);
HANDLER(api_incident_show);
HANDLER(api_incident_part);
HANDLER(api_incident_event);
HANDLER(api_roster_get);
HANDLER(api_roster_confirm);
HANDLER(api_certificates_put);
HANDLER(api_certificates_get);
HANDLER(api_symmetric_put);
HANDLER(api_decision_put);
HANDLER(api_decision_get);
HANDLER(api_review);
HANDLER(api_batches);
HANDLER(api_batch_start);
HANDLER(api_batch_show);
HANDLER(api_waves_stop);
HANDLER(api_batch_pause);
HANDLER(api_batch_resume);
HANDLER(api_batch_confirm);
HANDLER(api_commands);
HANDLER(api_marks);
HANDLER(api_figures);
HANDLER(api_queries);
HANDLER(api_devices);
HANDLER(api_ceremonies);
HANDLER(api_ceremony_add);
HANDLER(api_custodians);
HANDLER(api_custodian_leave);
HANDLER(api_counter_raise_show);
HANDLER(api_counter_raise);
HANDLER(api_counter_confirm);
HANDLER(api_file_sign);
HANDLER(api_progress);
bool api_file_begin(void *arg, const struct request *r, struct sink *out, struct err *e);
bool api_roster_begin(void *arg, const struct request *r, struct sink *out, struct err *e);
bool api_precommands_begin(void *arg, const struct request *r, struct sink *out,
                           struct err *e);
bool api_responses_begin(void *arg, const struct request *r, struct sink *out,
                         struct err *e);

#endif
