/* SPDX-License-Identifier: MIT
 *
 * route - the table of requests and what is checked before a handler runs.
 *
 * One request is one exchange: route_begin with the head, route_data for each piece of the
 * body, route_end for the reply. The head is checked in this order:
 *   - target
 *   - path known (404)
 *   - method known for that path (405)
 *   - role (403)
 *   - Idempotency-Key
 *   - Dry-Run, where nothing could honour it
 *   - content type (415)
 *   - length (413)
 * A body is collected up to its cap and given whole, or handed piece by piece to a sink so
 * that memory stays flat. An error of a sink ends the sink; the rest of the body is let go
 * by, then the error is the answer.
 *
 * The server drives this from HTTP; tests and the fuzzer drive it from memory.
 *
 * Effects: those of the handlers.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "request.h"

/* Where a streamed body goes. Exactly one of end and abort is called, last; but where `again`
 * is set, an end that fails with "request.later" has freed nothing and is called once more. */
struct sink {
    bool (*write)(void *arg, const char *data, size_t len, struct err *e);
    bool (*end)(void *arg, struct reply *out, struct err *e); /* frees arg, either way */
    void (*abort)(void *arg);                                 /* frees arg */
    void *arg;
    bool again;
};

enum body_kind {
    BODY_NONE,   /* a body is refused */
    BODY_JSON,   /* one JSON object, parsed by request_json in the handler */
    BODY_SMALL,  /* anything up to REQUEST_SMALL_MAX: PEM, CMS */
    BODY_STREAM, /* to a sink, up to router.stream_max */
};

struct router_row {
    enum verb verb;
    const char *pattern; /* "/v1/incidents/{id}/roster"; {name} takes one segment */
    unsigned roles;      /* any of these; enum peer_role */
    enum body_kind body;
    /* BODY_NONE (body is empty), BODY_JSON, BODY_SMALL: fill *out and return true, or fill
     * *e and return false; what was put into *out is then thrown away. */
    bool (*whole)(void *arg, const struct request *r, struct span body, struct reply *out,
                  struct err *e);
    /* BODY_STREAM: choose the sink; on false nothing is left open. */
    bool (*begin)(void *arg, const struct request *r, struct sink *out, struct err *e);
    bool dry; /* its handler honours request.dry_run; elsewhere that is refused */
};

struct router {
    const struct router_row *routes;
    size_t n_routes;
    void *arg;          /* given to whole and begin */
    int64_t stream_max; /* cap of a streamed body, octets */
    /* A peer lacked the role: write it down. May be NULL. */
    void (*refused)(void *arg, const struct request *r, const struct err *e);
};

struct exchange {
    const struct router *router;
    const struct router_row *route; /* NULL until found */
    struct request request;
    char *body; /* collected */
    size_t len, room;
    int64_t seen; /* octets of body so far */
    struct sink sink;
    unsigned
        laters;  /* how often it has asked something new, and given up until it is known */
    bool later;  /* the sink cannot be opened yet */
    bool failed; /* e holds the answer */
    struct err e;
};

/*
 * Check the head and open the sink. x->request is filled by the caller, all but args; the
 * rest of *x is zero. If the head itself was bad, call route_fail instead. False: the
 * answer is known (route_end gives it), the body need not be read; or x->later: the sink would
 * be refused with "request.later", call it again before anything else.
 */
bool route_begin(struct exchange *x, const struct router *r);
/* A refusal from outside: bad head, too many clients. */
void route_fail(struct exchange *x, const struct err *e);
/* A piece of the body. False: the body has passed its cap and the peer keeps sending. */
bool route_data(struct exchange *x, const char *data, size_t len);
/* The reply, always filled; or out->later, where the answer would be "request.later", or
 * "signer.not-ready" and the request may wait: to be called again. */
void route_end(struct exchange *x, struct reply *out);
/* Release; aborts a sink that was not ended. */
void route_done(struct exchange *x);

#endif
