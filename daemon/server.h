/* SPDX-License-Identifier: MIT
 *
 * server - HTTP/1.1 on a Unix socket: libmicrohttpd, driven by sd-event.
 *
 * One thread, the loop's. Connections are accepted here, so the peer is known and counted
 * before a single octet is parsed: one without any role gets 403 and the end of the
 * connection (router.refused is told), one over the limits a plain 503. Every request
 * becomes an exchange (route.h); this file and the library it wraps know nothing of what
 * the requests mean.
 *
 * What a head has to be like is head.h's.
 *
 * A request whose answer is "later" (route.h) is held aside, the loop goes on, and it is
 * asked again when server_ask_again says so; after wait_us it is asked for the last time, but
 * where what it waits for is sure to come.
 *
 * A connection is also turned away when it would take one of the last descriptors, which the
 * service keeps for itself. Where none can be accepted at all, the door is shut for a second
 * at a time; whoever is inside is served on.
 *
 * Limits:  clients in all and per uid, 64 KiB of header memory each, idle time. A head must
 *          be whole within the idle time; a body or an answer has a second more for each
 *          KiB of it, so a peer that trickles is cut.
 * Effects: sockets; logs at debug what the library says.
 */
#ifndef SERVER_H
#define SERVER_H

#include "route.h"

#include <systemd/sd-event.h>

struct server; /* opaque */

struct server_options {
    int listen_fd;                  /* from listening_socket; the server's on success */
    const struct router *router;    /* borrowed */
    const struct peer_roles *roles; /* borrowed */
    unsigned max_clients;           /* 0: 128 */
    unsigned max_clients_per_uid;   /* 0: 32 */
    unsigned idle_s;                /* 0: 60 */
    uint64_t wait_us;               /* how long a request is held; 0: 5 seconds */
};

/* Errors: ERR_STORE "request.socket". */
MUST_CHECK bool server_open(sd_event *loop, const struct server_options *o,
                            struct server **out, struct err *e);
/* What held requests wait for may have come: ask each again, soon. */
void server_ask_again(struct server *s);
/* Cuts every connection (open sinks are aborted, streams closed). NULL: nothing. */
void server_close(struct server *s);

#endif
