/* SPDX-License-Identifier: MIT
 *
 * request - a plain request and a plain reply, independent of HTTP.
 *
 * What a handler sees is complete, checked and bounded: the target split into a path of
 * [A-Za-z0-9._-] segments and query parameters of the same characters, the peer with its
 * roles, the Idempotency-Key. What it leaves is a status and a body: text in memory, or a
 * stream that is read as the client takes it.
 *
 * Source:  project; daemon/API.md is the contract.
 * Effects: none (reply_fd reads the file it is given). Never logs.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "bytes.h"
#include "peer.h"
#include "strictjson.h"

#include <jansson.h>

#define REQUEST_TARGET_MAX  512 /* path and query, octets */
#define REQUEST_SEGMENT_MAX 80  /* octets of one path segment */
#define REQUEST_ARGS_MAX    4   /* {names} in a pattern */
#define REQUEST_QUERY_MAX   8
#define REQUEST_KEY_MAX     64
#define REQUEST_JSON_MAX    (256u << 10) /* body of a JSON request */
#define REQUEST_SMALL_MAX   (1u << 20)   /* body of a PEM or CMS request */
#define REPLY_HEADERS_MAX   4

enum verb { VERB_GET, VERB_POST, VERB_PUT, VERB_OTHER };

struct request {
    enum verb verb;
    char path[REQUEST_TARGET_MAX]; /* "/v1/batches/7", begins with '/' */
    struct {
        char name[24];
        char value[REQUEST_SEGMENT_MAX + 1];
    } query[REQUEST_QUERY_MAX];
    size_t n_query;
    char key[REQUEST_KEY_MAX + 1]; /* Idempotency-Key, "" when there is none */
    char login[12];                /* Exercise-Login, "" when there is none */
    bool dry_run;                  /* judged to its end, and nothing is done (route.h) */
    char type[64];                 /* Content-Type without parameters, lower case, or "" */
    int64_t length;                /* Content-Length; 0: no body; -1: chunked */
    struct peer peer;
    char args[REQUEST_ARGS_MAX]
             [REQUEST_SEGMENT_MAX + 1]; /* filled by the route, in order */
    size_t n_args;
    bool may_wait; /* "signer.not-ready" is not the answer yet: it will be asked again */
    bool waited;   /* and has been asked before */
    bool patient; /* nor is "request.later" (think.h): the handler may give up and be called
                    * again from the start */
    uint64_t serial; /* of this request since the service began; 0: none was given */
};

/* Read on demand; the stream is the reply's, its close is called exactly once. */
struct stream {
    /* > 0 octets put at buf, 0 the end, -1 failure: the client sees a broken answer. */
    ssize_t (*read)(void *arg, char *buf, size_t max);
    void (*close)(void *arg); /* may be NULL */
    void *arg;
    int64_t size; /* octets in all when known, else -1 */
};

struct reply {
    unsigned status;  /* 200 .. 599 */
    const char *type; /* static: "application/json" */
    char *body;       /* malloc'd, or NULL */
    size_t len;
    struct stream stream; /* used instead of body when read is not NULL */
    struct {
        const char *name; /* static */
        char value[128];
    } headers[REPLY_HEADERS_MAX];
    size_t n_headers;
    bool later; /* no answer yet, ask again */
    bool sure;  /* what it waits for comes by itself, however long that takes */
    json_t
        *signers; /* of a refusal: what became of each signature; NULL: it was about none */
};

/* ---- requests ---- */

/*
 * Split "path?query" into *r. Strict: no percent signs, no empty segment (but the target
 * "/"), no "." or "..", no repeated parameter.
 *
 * Errors: ERR_INPUT "request.target".
 */
MUST_CHECK bool request_target(struct request *r, const char *target, struct err *e);
enum verb request_verb(const char *method);
const char *request_verb_name(enum verb v);

/* Value of a query parameter, or NULL. */
const char *request_query(const struct request *r, const char *name);
/* A decimal number in min..max; absent: fallback. Errors: ERR_INPUT "request.query". */
MUST_CHECK bool request_number(const struct request *r, const char *name, uint64_t min,
                               uint64_t max, uint64_t fallback, uint64_t *out,
                               struct err *e);
/* Decimal digits only, no sign, no rest. */
MUST_CHECK bool request_parse_number(const char *text, uint64_t min, uint64_t max,
                                     uint64_t *out);

/*
 * The body: one JSON object and nothing else, read by a table (strictjson.h) into base;
 * what base holds where a member is absent stays.
 *   whole  NULL, or out: the object, json_decref; members of strictjson_any lie in it
 *
 * Errors: ERR_INPUT "request.json" no JSON object (duplicate members, a rest, depth, bad
 * UTF-8), "request.member" the text names the member.
 */
MUST_CHECK bool request_json(struct span body, const struct strictjson_member table[],
                             void *base, json_t **whole, struct err *e);

/* ---- replies ---- */

/* Each fills an empty reply and returns true, so that a handler ends with `return
 * reply_json(...)`. They return false only out of memory: ERR_STORE "store.memory". */
bool reply_json(struct reply *out, unsigned status, json_t *steal, struct err *e);
/* steal: malloc'd */
bool reply_text(struct reply *out, unsigned status, const char *type, char *steal,
                size_t len, struct err *e);
bool reply_stream(struct reply *out, const char *type, struct stream s);
/* A file from where fd stands to its end; fd is the reply's. */
bool reply_fd(struct reply *out, const char *type, int fd, struct err *e);
/* "Location" and the like. Values are cut at their room; more than the room: dropped. */
void reply_header(struct reply *out, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* problem+json (RFC 9457) from an error: status by code and id; type, title, source and advice
 * by rules.c; signers where the reply has them. */
void reply_problem(struct reply *out, const struct err *e);
/* 400, 403, ... of an error. */
unsigned reply_status(const struct err *e);
/* Free the body or close the stream; the reply is empty afterwards. */
void reply_done(struct reply *r);

#endif
