/* SPDX-License-Identifier: MIT
 *
 * docket - the incidents on file: what incident.h thinks, kept in the store.
 *
 * A step gathers the facts, asks incident_step, and writes the new state, the event with
 * its evidence, the audit record and the notices in the caller's transaction. Some facts
 * are seen in the store (batches, decisions, figures); others can only be declared by
 * whoever is answerable for them (that the notifier was authenticated over a second
 * channel): these are recorded with the event that declared them.
 *
 * Effects: the store, roster files (to compare device lists).
 */
#ifndef DOCKET_H
#define DOCKET_H

#include "incident.h"
#include "lists.h"
#include "partyfile.h"
#include "smi.h"
#include "store.h"

#include <jansson.h>

#define DOCKET_TEXT 200

struct docket { /* borrowed; what a step needs beside the incident */
    struct store *store;
    const struct config *config;
    const char *roster_dir;
    const char *files_dir;
    int64_t now_us;
    uint32_t token_keys; /* bit i: config key i is proven equal to its certificate now */
    bool token_silent;   /* no signer can say yet which keys the token holds */
};

struct docket_incident {
    char id[AUTHORITY_ID_MAX];
    char title[DOCKET_TEXT];
    enum route route;
    enum state state;
    enum actor initiator;
    char subscriber[17], replacement[17]; /* EUI-64 in hex; "" */
    char parent[AUTHORITY_ID_MAX];
    bool exercise;
    int64_t opened_us, since_us, closed_us;
    char *declared; /* JSON object of declared facts; owned */
};
void docket_incident_done(struct docket_incident *i);

/*
 * Open an incident and bring the event "notify". *i is filled by the caller but for state,
 * dates and declared; an empty id gets one ("I-2026-0001").
 *
 * Errors: ERR_INPUT "incident.id-taken", "incident.member"; ERR_DENIED rules of incident.h.
 */
MUST_CHECK bool docket_open(const struct docket *d, struct docket_incident *i,
                            const char *evidence_json, const char *who, struct err *e);
/* ERR_MISSING "incident.none". */
MUST_CHECK bool docket_get(struct store *s, const char *id, struct docket_incident *out,
                           struct err *e);

struct docket_step {
    enum event event;
    enum actor actor;
    const char *evidence; /* JSON object: evidence name -> value; NULL: none */
    const char *declare;  /* JSON object: fact name -> true/false; NULL: none */
    const char *who;      /* "uid 1000" for the record */
    /* What only the caller knows for this step (a decision at hand); may be NULL. */
    void (*more)(void *arg, struct incident_facts *f);
    void *arg;
};
/*
 * Take a step; *i is the incident afterwards.
 *
 * Errors: those of incident_step, and
 *   "incident.evidence"  for an unknown name
 *   "incident.fact"      for a fact that may not be declared
 */
MUST_CHECK bool docket_take_step(const struct docket *d, struct docket_incident *i,
                                 const struct docket_step *step, struct incident_move *move,
                                 struct err *e);

/* Does this document name who takes the devices over? Only one of the PMA with its appointment
 * does: *i then says so, on record too (docket_appoint). */
bool docket_names(struct docket_incident *i, const struct authority *a);
MUST_CHECK bool docket_appoint(const struct docket *d, struct docket_incident *i,
                               const struct authority *a, const char *who, struct err *e);

/* Facts as they stand now; `more` of the step aside.
 *   with_lists  walk the roster too, for what is said of its devices (slow): those elsewhere,
 *               refused before, replaced already, unclear */
MUST_CHECK bool docket_facts(const struct docket *d, const struct docket_incident *i,
                             bool with_lists, struct incident_facts *f, struct err *e);

/* Was the incident ever in that state? */
MUST_CHECK bool docket_was(struct store *s, const char *incident, enum state state,
                           bool *was, struct err *e);
/* What its steps so far made of the SMI status of its devices. */
MUST_CHECK bool docket_smi(struct store *s, const char *incident, struct smi_steps *out,
                           struct err *e);

/* What is declared now, on top of what was: *out is a malloc'd JSON object.
 * Errors: ERR_INPUT "incident.fact". */
MUST_CHECK bool docket_declare(const char *before, const char *now, char **out,
                               struct err *e);

/* Each incident, in the order of opening; behind that one ("": from the first on). fn
 * false: stop. */
MUST_CHECK bool docket_each_behind(struct store *s, const char *id,
                                   bool (*fn)(void *arg, const struct docket_incident *i),
                                   void *arg, struct err *e);
MUST_CHECK bool docket_each(struct store *s,
                            bool (*fn)(void *arg, const struct docket_incident *i),
                            void *arg, struct err *e);

/* --- what hangs on an incident --- */

/* The version of the list that is on file now; *found false when none was sent. */
MUST_CHECK bool docket_roster(struct store *s, const char *incident, struct digest *sha256,
                              uint32_t *rows, bool *found, struct err *e);
/* The list of that number, proposed and dropped ones too. */
MUST_CHECK bool docket_list_version(struct store *s, const char *incident, int64_t version,
                                    struct digest *sha256, bool *found, struct err *e);

/* What became of a list that was handed in. */
struct docket_list {
    int64_t version;
    bool same; /* it is the one on file: nothing was done */
    bool
        proposed; /* the one on file counts for good: this is a correction to be confirmed */
    int64_t corrects; /* the version that the difference is to; 0: there was none */
    struct lists_difference difference;
};
/*
 * Put a list on file, or propose it where the one on file was named already. A proposal that
 * was not confirmed goes, also when the list on file is handed in once more.
 *   r  is among the lists on disk
 * Errors: ERR_DENIED "incident.closed"; as rosters_open.
 */
MUST_CHECK bool docket_put_roster(const struct docket *d, const char *incident,
                                  const struct roster *r, const char *who,
                                  struct docket_list *out, struct err *e);
/* The list that is proposed under that number. Errors: ERR_DENIED "roster.proposal". */
MUST_CHECK bool docket_proposed(struct store *s, const char *incident, int64_t version,
                                struct digest *sha256, struct err *e);
/* It is the one on file from now on. Errors: as docket_put_roster, docket_proposed. */
MUST_CHECK bool docket_confirm_roster(const struct docket *d, const char *incident,
                                      int64_t version, const char *reason, const char *who,
                                      struct docket_list *out, struct err *e);
/* May anything of it be changed still? Errors: ERR_DENIED "incident.closed"; ERR_MISSING
 * "incident.none". */
MUST_CHECK bool docket_changeable(struct store *s, const char *incident, struct err *e);
/* The certificates, latest version: malloc'd PEM; at NULL when there are none. */
MUST_CHECK bool docket_bundle(struct store *s, const char *incident, struct span *pem,
                              struct err *e);
/* Those of that version. */
MUST_CHECK bool docket_bundle_version(struct store *s, const char *incident,
                                      int64_t version, struct span *pem, struct err *e);
/* The latest for one document: without what other documents of its incident name, or need for
 * what they name, and this one does not. (A warrant takes no certificate that it does not
 * name, and what a document in force names stays in the bundle.) */
MUST_CHECK bool docket_bundle_for(struct store *s, const struct authority *a,
                                  struct span *pem, struct err *e);
/*
 * Certificates are handed in. Other ones than on file are a further version; the same ones
 * are none, and are answered as they were then.
 *   given  what is in the PEM
 *   out    {"version","added","removed"}: what this version adds to and removes from the one
 *          before it, lists of {"sha256","subject"}; a new reference
 *
 * Errors: ERR_DENIED "incident.closed", "incident.certificate-named": a document under which
 * can still be signed names one that would be gone.
 */
MUST_CHECK bool docket_put_bundle(const struct docket *d, const struct docket_incident *i,
                                  struct span pem, const struct certs *given,
                                  const char *who, json_t **out, struct err *e);

/* How many devices of this roster stand in a list of another open incident, but for those
 * that two incidents of one shared event list with different cells. The first such incident
 * and device are named in *where (for the sentence). */
MUST_CHECK bool docket_elsewhere(const struct docket *d, const char *incident,
                                 const struct roster *r, uint32_t *n, char where[128],
                                 struct err *e);

enum decision_state { DECISION_LIVE, DECISION_SUPERSEDED, DECISION_VOID };
struct docket_decision {
    struct digest digest;
    char id[AUTHORITY_ID_MAX];
    char incident[AUTHORITY_ID_MAX];
    char outcome[24];
    char key[CONFIG_NAME_MAX];
    enum decision_state state;
    int64_t at_us;
};
/* The decision of that id; ERR_MISSING "decision.none". */
MUST_CHECK bool docket_decision(struct store *s, const char *incident, const char *id,
                                struct docket_decision *out, struct err *e);
MUST_CHECK bool docket_decision_by_digest(struct store *s, const struct digest *digest,
                                          struct docket_decision *out, bool *found,
                                          struct err *e);
/* The last live document that decided something, for the next one to supersede. */
MUST_CHECK bool docket_last_decision(struct store *s, const char *incident,
                                     struct docket_decision *out, bool *found,
                                     struct err *e);
/* What it says, where something may be signed under it: it is live and authorises. Errors:
 * ERR_MISSING "decision.none"; ERR_DENIED "decision.revoked". */
MUST_CHECK bool docket_in_force(struct store *s, const struct digest *digest,
                                struct authority *out, struct err *e);
/* The document as it came in; malloc'd, at NULL when there is none. */
MUST_CHECK bool docket_cms(struct store *s, const struct digest *digest, struct span *cms,
                           struct err *e);
/* The live authorising decision of the incident, if there is one. */
MUST_CHECK bool docket_authorised(struct store *s, const char *incident,
                                  struct docket_decision *out, bool *found, struct err *e);
MUST_CHECK bool docket_put_decision(const struct docket *d, const struct authority *a,
                                    struct span cms, struct span json,
                                    const char *verdict_json, const char *who,
                                    struct err *e);
/* The key is off: what the custodians signed to switch it on is void, each with a record.
 * What is void here and below, signers are told (told.h). */
MUST_CHECK bool docket_void_activations(const struct docket *d, const char *incident,
                                        const char *who, struct err *e);
/* The same for all that authorises, `but` one (all zero: none). */
MUST_CHECK bool docket_void_decisions(const struct docket *d, const char *incident,
                                      const struct digest *but, enum decision_state to,
                                      struct err *e);
const char *docket_decision_state_name(enum decision_state s);

/* Each incident that waits or works under a decision, with the end of its window. fn false:
 * stop. */
struct docket_window {
    const char *incident, *decision; /* while fn runs */
    int64_t to_us;
};
MUST_CHECK bool docket_each_window(struct store *s,
                                   bool (*fn)(void *arg, const struct docket_window *w),
                                   void *arg, struct err *e);

/*
 * Keep the Symmetric Key that its custodians released. It goes out in clear with the first
 * command, so from here on it is kept like the rest of the batch and named by its digest.
 * Errors: ERR_DENIED "contingency.symmetric-key": no document in force names that digest;
 *         "contingency.spent": see keys_may_release.
 */
MUST_CHECK bool docket_put_symmetric(const struct docket *d, const char *incident,
                                     struct span key, const char *who,
                                     struct digest *sha256, struct err *e);

/* --- alarms --- */

/* Did the deadline of this state ring, since the incident entered it? */
MUST_CHECK bool docket_rang(struct store *s, const char *incident, enum state state,
                            int64_t since_us, bool *rang, struct err *e);
/* Once, with an audit record. */
MUST_CHECK bool docket_ring(const struct docket *d, const char *incident, enum state state,
                            int64_t since_us, struct err *e);

/* --- notification and progress files --- */

struct docket_file {
    char id[PARTYFILE_ID_MAX];
    struct digest sha256;
    char who[DOCKET_TEXT]; /* handed it in */
    struct partyfile_previous was;
};
/* For partyfile_reader: was a file of that id accepted, is the device notified? */
bool docket_file_seen(struct store *s, const char *id);
bool docket_file_notified(struct store *s, const char *incident,
                          const struct eui64 *device);
/* What a row says of its device. */
MUST_CHECK bool docket_file_row(struct store *s, const char *incident,
                                const struct partyfile_row *row, struct err *e);
MUST_CHECK bool docket_put_file(const struct docket *d, const char *incident,
                                const struct partyfile_header *h,
                                const struct digest *sha256, struct span cms,
                                const char *who, struct err *e);
/* The notification in force, or the latest progress file. */
MUST_CHECK bool docket_last_file(struct store *s, const char *incident, bool progress,
                                 struct docket_file *out, bool *found, struct err *e);
/* The octets of such a file, from files_dir. Errors: ERR_STORE "store.failed" where they are
 * not those that were signed. */
struct docket_octets {
    struct span text; /* mapped */
};
MUST_CHECK bool docket_file_open(const struct docket *d, const struct docket_file *file,
                                 struct docket_octets *out, struct err *e);
void docket_file_close(struct docket_octets *o);
/*
 * The amendment that waits: a notification that names the one in force. Once it is confirmed
 * it takes its place, with its devices; what was reported of a device stays.
 * Errors: ERR_DENIED "file.amends": none waits, or another file has come between.
 */
MUST_CHECK bool docket_amendment(const struct docket *d, const char *incident,
                                 struct docket_file *out, struct err *e);
MUST_CHECK bool docket_amend(const struct docket *d, const char *incident,
                             const struct docket_file *amendment, struct err *e);
/* The decision that a progress file reports on: the last one that authorised, whether it
 * stands still or not. */
MUST_CHECK bool docket_file_decision(struct store *s, const char *incident,
                                     struct authority *out, bool *found, struct err *e);
/* rows_pending and rows_done of routes whose progress comes by file. */
MUST_CHECK bool docket_file_facts(const struct docket *d, const struct docket_incident *i,
                                  struct incident_facts *f, struct err *e);
/* How many devices of this roster were reported as done by Method 1. */
MUST_CHECK bool docket_file_replaced(struct store *s, const char *incident,
                                     const struct roster *r, uint32_t *n, struct err *e);
/*
 * How many devices of this list the PMA refused to recover in another incident within
 * RefusedListDays=: those of the list that was on file there when it refused, whatever became of
 * either list since. A refusal that the PMA itself went back on there does not count.
 */
MUST_CHECK bool docket_refused(const struct docket *d, const char *incident,
                               const struct roster *r, uint32_t *n, struct err *e);

#endif
