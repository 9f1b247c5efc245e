/* SPDX-License-Identifier: MIT
 *
 * client - the other side of the operator socket: one call, one answer.
 *
 * A body goes out from memory or from a file as it is read; an answer comes back into
 * memory or piece by piece to whoever asked for it. A refusal of the service is an error
 * like any other, and its problem+json stays at hand so that rule, source and advice can be
 * shown.
 *
 * Effects: the socket; libcurl, which is told to use no proxy, no signals, no files.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "bytes.h"

#include <signal.h>

#define CLIENT_ANSWER_MAX (64u << 20) /* of an answer kept in memory */

struct client_call {
    const char *socket;
    const char *method; /* "GET", "POST", "PUT" */
    const char *path;   /* "/v1/status?x=y" */
    const char *key;    /* Idempotency-Key, or NULL */
    const char *login;  /* Exercise-Login, or NULL: the kernel says who calls */
    bool dry_run;       /* Dry-Run: yes */
    const char *type;   /* Content-Type, or NULL */
    struct span body;   /* used when fd is below 0; len 0: no body */
    int fd;             /* body from here to its end; -1: none. Borrowed. */
    int64_t fd_size;    /* octets, -1: unknown (a pipe) */
    /* Pieces of a good answer; NULL: it is kept in answer.body. False stops the call. */
    bool (*receive)(void *arg, const char *data, size_t len, struct err *e);
    void *arg;
    /* Octets sent so far; may be NULL. */
    void (*sent)(void *arg, int64_t octets);
    void *sent_arg;
    const volatile sig_atomic_t
        *stop; /* not 0 any more: the call is broken off; may be NULL */
};

struct client_answer {
    unsigned status; /* 0: the service was not reached, or said nothing */
    char *body;      /* NUL-terminated, NULL when nothing was kept */
    size_t len;
    char location[160];
    bool dry_run; /* the service says that it did nothing */
    struct {      /* of a refusal; "" where the service did not say */
        char code[16];
        char id[64];
        char rule[256];
        char source[128];
        char certainty[16];
        char advice[256];
    } problem;
};

/* *out is to be released with client_answer_done, also on failure.
 * Errors: those of the service, with the id it gave where rules.c knows it;
 *         where no answer came "client.no-socket", "client.not-permitted", "client.down",
 *         "client.crowded", "client.socket-name", "client.connect"; "client.cut";
 *         "client.dry-run" for a service that knows none; what receive said. */
MUST_CHECK bool client_call(const struct client_call *c, struct client_answer *out,
                            struct err *e);
void client_answer_done(struct client_answer *a);

#endif
