/* SPDX-License-Identifier: MIT
 *
 * ceremony - what the verbs of smki-recovery-ceremony share: what was asked for, the one
 * session, and how a verb ends.
 *
 * One verb a process, one token a verb. A verb's function returns the exit status; the
 * session is closed by main.
 *
 * Effects: standard output and error; those of session.h.
 */
#ifndef CEREMONY_H
#define CEREMONY_H

#include "ceremony_record.h"
#include "p11_key.h"

#define CEREMONY_LIST_MAX CUSTODY_MEMBERS_MAX

struct ceremony_list { /* an option that may be given several times */
    const char *at[CEREMONY_LIST_MAX];
    size_t n;
};

struct ceremony {
    struct config config;
    struct session session;
    struct ceremony_record record;
    char record_path[2 * CONFIG_PATH_MAX]; /* "": no record is begun */

    /* options, NULL: not given */
    const char *config_path, *key, *token, *originator, *raise_to, *out, *csr, *records;
    const char *cn, *role, *eui, *backup, *threshold, *public;
    bool probe, audit, all, extractable;
    struct ceremony_list present, shares, custodians, decisions;
};

/* Say it on standard error; the exit status that it means. */
int ceremony_failed(const struct ceremony *c, const struct err *e);
/* The same for a wrong command line: EX_USAGE. */
int ceremony_wrong(const char *text);
/* The token meant by --token, or the only one. ERR_INPUT "token.unknown". */
const char *ceremony_token(const struct ceremony *c, struct err *e);
/* The configured key of --key; NULL: said so. */
const struct config_key *ceremony_key(const struct ceremony *c);
/* The key as a signer wants it, or, made to be backed up, as it is until then. */
MUST_CHECK bool ceremony_find(struct ceremony *c, const struct config_key *k,
                              struct p11_key *out, struct err *e);
/* A number of min..max in an option. False: it is none. */
MUST_CHECK bool ceremony_number(const char *text, uint64_t min, uint64_t max,
                                uint64_t *out);
/* Raise the mark of an originator, and say what it costs. ERR_DENIED "token.counter-mark". */
MUST_CHECK bool ceremony_raise(struct ceremony *c, const struct eui64 *o, uint64_t now,
                               uint64_t to, struct err *e);

/*
 * The record, ceremony_record.h. begin: on an open session, before anything is done; who is
 * present, and whether the folder takes a file, is found out then. leave: signed by the
 * token's audit key, where it has one, and written. Nothing that was done is undone when
 * that fails; the error says so.
 *
 * Errors: "ceremony.people"; ERR_STORE "token.state"; those of the token.
 */
MUST_CHECK bool ceremony_begin(struct ceremony *c, enum ceremony_what what,
                               const char *token, struct err *e);
void ceremony_did(struct ceremony *c, const char *name, const char *id,
                  const struct point *public);
void ceremony_was_present(struct ceremony *c, const struct custody_person *who);
MUST_CHECK bool ceremony_leave(struct ceremony *c, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A certificate request for a key, PEM, to that file; of one that cannot sign, its public
 * key, and why. what: the key as it was found. Errors: ERR_INPUT "ceremony.request",
 * ERR_STORE "token.state"; those of the token. */
MUST_CHECK bool ceremony_request(struct ceremony *c, const struct config_key *k,
                                 const struct p11_key *key, const char *path,
                                 struct err *e);

int ceremony_generate(struct ceremony *c);
int ceremony_csr(struct ceremony *c);
int ceremony_show(struct ceremony *c);
int ceremony_mark(struct ceremony *c);
int ceremony_backup(struct ceremony *c);
int ceremony_restore(struct ceremony *c);
int ceremony_rotate(struct ceremony *c);
int ceremony_prove(struct ceremony *c);
int ceremony_destroy(struct ceremony *c);
int ceremony_prune(struct ceremony *c);
int ceremony_pin_retry(struct ceremony *c);

#endif
