/* SPDX-License-Identifier: MIT
 *
 * smki-recovery-signer - the process that holds the PIN: records in, signatures out.
 *
 *   smki-recovery-signer [--config FILE] [--fd N]
 *
 * Without --config the usual places are read; without --fd the socket is the one that a
 * unit with Accept=yes hands over. One socket, one token, one login. It never forks, opens
 * no network and writes no standard output.
 *
 * What to do with it when it has ended is in the exit status:
 *   0   the peer closed the socket
 *   64  called wrongly
 *   70  a bug: this program and the module disagree about PKCS#11
 *   75  trouble with the token; starting again may help
 *   78  configuration or PIN; starting again must not be tried
 *       (RestartPreventExitStatus=78)
 * and death by SIGALRM: a call into the module took longer than CallTimeoutSec=.
 */
#include "config.h"
#include "desk.h"
#include "harden.h"
#include "mem.h"
#include "stderr_line.h"
#include "token_p11.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define LISTEN_FDS_START 3 /* sd_listen_fds(3) */

static struct config config;
static struct trust trust;
static struct token_p11_note note;
static int peer_fd = -1;

/* To the journal, which understands "<level>" in front; never a secret. */
__attribute__((format(printf, 2, 3))) static void say(int level, const char *fmt, ...)
{
    va_list ap;
    char text[700];
    char line[STDERR_LINE_MAX];

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)snprintf(line, sizeof line, "<%d>%s", level, text);
    (void)stderr_line(line); /* an order does not wait for a reader of lines */
}

static void say_err(const struct err *e)
{
    say(3, "%s [%s]", e->text, e->id);
}

/* A service that was stopped meanwhile may have been stopped because of the PIN: no try is
 * spent for it, and this process read its PIN before that was mended. */
static bool somebody_waits(struct err *e)
{
    struct pollfd peer = {.fd = peer_fd, .events = POLLRDHUP};

    return poll(&peer, 1, 0) == 0 ||
           err_set(e, ERR_BUSY, "signer.socket", "whoever asked for the token is gone");
}

static bool open_token(void *arg, const struct config *c, const struct trust *t,
                       const char *token, struct token **out, struct err *e)
{
    if (!somebody_waits(e))
        return false;
    if (!token_p11_open(arg, c, t, token, out, e)) {
        say_err(e);
        return false;
    }
    say(6, "ready: %s", (*out)->what);
    for (size_t i = 0; i < c->n_keys; i++) {
        struct err why;

        if (strcmp(c->keys[i].token, token) == 0 && !(*out)->ops->has_key(*out, i, &why))
            say(4, "not usable: %s [%s]", why.text, why.id);
    }
    if (strcmp(config_token_find(c, token)->mark, config_mark_file) == 0)
        say(4,
            "token %s: marks are kept in files of this machine (Mark=file): a copy put "
            "back rolls them back, and the token does not tell",
            token);
    if (note.pin_memory_unlocked)
        say(4, "the PIN was in memory that could be swapped: raise LimitMEMLOCK=");
    return true;
}

/* The socket: --fd, or the one that a unit with Accept=yes hands over. */
static int socket_of(const char *option)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    int domain = 0, type = 0, fd = -1;
    socklen_t len = sizeof domain;
    char *end;

    if (option != NULL) {
        long v = strtol(option, &end, 10);

        fd = *option != '\0' && *end == '\0' && v > 2 && v < 1 << 20 ? (int)v : -1;
    } else if (pid != NULL && fds != NULL && strtol(pid, NULL, 10) == (long)getpid() &&
               strcmp(fds, "1") == 0) {
        fd = LISTEN_FDS_START;
    }
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || domain != AF_UNIX ||
        type != SOCK_SEQPACKET || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    return fd;
}

/* With the reason goes what becomes of this process: whoever hears it need not wait for its
 * exit status, nor be its parent. */
static void say_end(struct proto *reply)
{
    static const enum proto_end ends[] = {[P11_FINE] = PROTO_GOES_ON,
                                          [P11_REBUILD] = PROTO_ENDS,
                                          [P11_UNKNOWN] = PROTO_ENDS,
                                          [P11_STOP] = PROTO_PERSON,
                                          [P11_BUG] = PROTO_ENDS};

    if (reply->type == PROTO_FAIL)
        reply->u.fail.end = ends[note.worst];
    if (reply->type == PROTO_SIGNED && reply->u.signed_.stop.code != ERR_NONE)
        reply->u.signed_.stop.end = ends[note.worst];
}

static void say_answer(const struct proto *reply)
{
    if (reply->type == PROTO_FAIL)
        say(4, "record %u refused: %s [%s]", reply->seq, reply->u.fail.text,
            reply->u.fail.id);
    if (reply->type == PROTO_SIGNED && reply->u.signed_.stop.code != ERR_NONE)
        say(4, "record %u: %u rows signed, then: %s [%s]", reply->seq, reply->u.signed_.n,
            reply->u.signed_.stop.text, reply->u.signed_.stop.id);
}

/* The answers that are due, but for an order that waits and may be taken before. False: this
 * process ends, *status tells why. */
static bool give(struct desk *d, int fd, int *status)
{
    static struct proto reply;
    struct err e;

    while (!(desk_room(d) && proto_first(fd) == PROTO_FIRST_SIGN) && desk_give(d, &reply)) {
        AUTO(fd) int beside = desk_beside(d, &reply);

        say_end(&reply);
        say_answer(&reply);
        *status = 0;
        if (!proto_send(fd, &reply, &beside, beside >= 0, &e))
            return false;
        *status = p11_exit_status(note.worst);
        if (note.worst != P11_FINE)
            return false;
    }
    return true;
}

/* Until the peer is gone, or the token says that this process is of no more use. */
static int serve(struct desk *d, int fd)
{
    static struct proto in;
    int status = 0;
    struct err e;

    while (give(d, fd, &status)) {
        int fds[PROTO_FDS];
        size_t n_fds;
        bool gone;

        if (!proto_recv(fd, &in, fds, &n_fds, &gone, &e)) {
            if (gone)
                return 0;
            say_err(&e); /* a peer that sends rubbish is not to be answered */
            return e.code == ERR_INPUT ? EX_SOFTWARE : EX_TEMPFAIL;
        }
        desk_take(d, &in, fds, n_fds);
    }
    return status;
}

/* Whoever asks first is told why nobody serves here. */
static void refuse(int fd, const struct err *why)
{
    static struct proto in, reply;
    int fds[PROTO_FDS];
    size_t n_fds;
    bool gone;
    struct err e;

    if (!proto_recv(fd, &in, fds, &n_fds, &gone, &e))
        return;
    while (n_fds > 0)
        (void)close(fds[--n_fds]);
    desk_refuse(in.seq, why, &reply);
    reply.u.fail.end = PROTO_PERSON;
    (void)!proto_send(fd, &reply, NULL, 0, &e);
}

static void on_hang_up(int sig)
{
    static const char text[] =
        "<5>SIGHUP is ignored: the configuration is read at the start; "
        "restart smki-recovery.service\n";

    (void)sig;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

static int run(const char *path, int fd)
{
    struct desk_setup setup = {.config = &config,
                               .trust = &trust,
                               .clock = clock_system(),
                               .steady = clock_steady(),
                               .state_dir = config.signer.state_dir,
                               .stop_fd = fd,
                               .open_token = open_token,
                               .arg = &note};
    struct desk *d;
    struct err e;
    int status;

    harden();
    peer_fd = fd;
    (void)sigaction(SIGHUP,
                    &(struct sigaction){.sa_handler = on_hang_up, .sa_flags = SA_RESTART},
                    NULL);
    if (!config_load(path, true, &config, &e) || !trust_load(&config, &trust, &e)) {
        say_err(&e);
        return EX_CONFIG;
    }
    if (!desk_new(&setup, &d, &e)) {
        say_err(&e);
        refuse(fd, &e);
        return EX_CONFIG;
    }
    status = serve(d, fd);
    desk_free(d); /* closes the sessions and the module */
    trust_done(&trust);
    if (status != 0)
        say(3, "ending with status %d", status);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"fd", required_argument, NULL, 'f'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL, *fd_text = NULL;
    int c, fd;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'c')
            path = optarg;
        else if (c == 'f')
            fd_text = optarg;
        else
            _exit(EX_USAGE);
    }
    fd = socket_of(fd_text);
    if (optind != argc || fd < 0) {
        say(3, "usage: smki-recovery-signer [--config FILE] [--fd N], N a Unix SEQPACKET "
               "socket");
        _exit(EX_USAGE);
    }
    /* no exit handlers: modules crash in theirs */
    _exit(run(path, fd));
}
