/* SPDX-License-Identifier: MIT */
#include "signers.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define WAITING_MAX  16
#define PAUSE_MIN_US 500000
#define PAUSE_MAX_US 60000000
#define EXIT_HUMAN   78

struct worker {
    struct signers *pool;
    unsigned no;
    struct signer_info info;
    int fd;
    bool told; /* this process has said why it goes: trouble is its word */
    int64_t pause_us;
    unsigned runs; /* of counters that this process was asked to set aside */
    uint32_t seq;
    struct {
        uint32_t seq;
        enum proto_type type;
        int64_t since_us; /* monotonic */
    } waiting[WAITING_MAX];
    sd_event_source *io, *child, *again;
};

struct signers {
    sd_event *loop;
    const struct config *config;
    const char *config_path;
    const struct config_token *token;
    struct signer_hooks hooks;
    unsigned n;
    struct worker *at;
    sd_event_source *deadline;
    int account; /* of the signers that spoke last, to read; -1: none did */
    bool ending;
};

extern char **environ;

static int64_t monotonic_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void start_next(struct signers *s);

static void forget_sources(struct worker *w)
{
    w->io = sd_event_source_disable_unref(w->io);
    w->child = sd_event_source_disable_unref(w->child);
}

static int on_again(sd_event_source *src, uint64_t usec, void *arg)
{
    struct worker *w = arg;

    (void)src;
    (void)usec;
    w->again = sd_event_source_disable_unref(w->again);
    start_next(w->pool);
    return 0;
}

static bool serves(const struct worker *w)
{
    return w->info.state == SIGNER_READY || w->info.state == SIGNER_LEAVING;
}

/* Down it goes; unless a person is needed, up again after a pause that doubles. */
static void go_down(struct worker *w, const char *why, bool barred)
{
    struct signers *s = w->pool;
    bool was_ready = serves(w);

    forget_sources(w);
    fd_auto(&w->fd);
    if (w->info.pid > 0) {
        (void)kill(w->info.pid, SIGKILL);
        /* ours and just killed: it ends at once */
        (void)waitpid(w->info.pid, NULL, 0);
    }
    w->info.pid = 0;
    w->info.keys = 0;
    w->info.waiting = 0;
    w->info.state = barred ? SIGNER_BARRED : SIGNER_DOWN;
    if (why != w->info.trouble)
        (void)snprintf(w->info.trouble, sizeof w->info.trouble, "%s", why);
    if (s->ending)
        return;
    log_event(LOG_WARNING, barred ? MSG_TOKEN_TROUBLE : MSG_SIGNER_LOST, NULL,
              "signer %u of token %s is down: %s", w->no, s->token->name, w->info.trouble);
    if (was_ready)
        s->hooks.gone(s->hooks.arg, w->no, w->info.trouble);
    if (!barred) {
        w->info.restarts++;
        (void)sd_event_add_time_relative(s->loop, &w->again, CLOCK_MONOTONIC,
                                         (uint64_t)w->pause_us, 0, on_again, w);
        w->pause_us = w->pause_us * 2 > PAUSE_MAX_US ? PAUSE_MAX_US : w->pause_us * 2;
    }
    start_next(s);
}

/* fd: what came beside it, -1: nothing; the caller closes what is left there. */
static void on_reply(struct worker *w, const struct proto *p, int *fd)
{
    struct signers *s = w->pool;
    struct proto asked = {0};

    if (w->info.waiting == 0 || w->waiting[0].seq != p->seq) {
        go_down(w, "answered a record that was not sent", false);
        return;
    }
    asked.type = w->waiting[0].type;
    asked.seq = p->seq;
    memmove(&w->waiting[0], &w->waiting[1], (WAITING_MAX - 1) * sizeof w->waiting[0]);
    w->info.waiting--;
    if (asked.type == PROTO_HELLO) {
        if (p->type != PROTO_READY) {
            char why[sizeof w->info.trouble];

            (void)snprintf(why, sizeof why, "%s: %.240s",
                           p->type == PROTO_FAIL ? p->u.fail.id : "signer.order",
                           p->type == PROTO_FAIL ? p->u.fail.text : "no READY after HELLO");
            (void)snprintf(w->info.trouble, sizeof w->info.trouble, "%s", why);
            w->told = true;
            /* busy: a ceremony has the token, which says nothing about it */
            w->info.spoke = p->type != PROTO_FAIL || p->u.fail.code != ERR_BUSY;
            return; /* its exit status, which follows, says whether to try again */
        }
        w->info.state = SIGNER_READY;
        w->info.keys = p->u.ready.keys;
        w->info.list = p->u.ready.list;
        w->info.audit = p->u.ready.audit;
        if (*fd >= 0) {
            fd_auto(&s->account);
            s->account = *fd;
            *fd = -1;
        }
        if (w->info.pid == 0)
            w->info.pid = -(int)p->u.ready.pid; /* not our child: shown, never signalled */
        (void)snprintf(w->info.what, sizeof w->info.what, "%s", p->u.ready.what);
        w->info.trouble[0] = '\0';
        w->info.spoke = false;
        w->pause_us = PAUSE_MIN_US;
        log_event(LOG_INFO, MSG_SIGNER_READY, NULL, "signer %u ready: %s", w->no,
                  w->info.what);
        s->hooks.ready(s->hooks.arg, w->no);
        start_next(s);
        return;
    }
    s->hooks.answer(s->hooks.arg, w->no, &asked, p);
}

static int on_child(sd_event_source *src, const siginfo_t *si, void *arg)
{
    struct worker *w = arg;
    char why[sizeof w->info.trouble];
    bool human = si->si_code == CLD_EXITED && si->si_status == EXIT_HUMAN;

    (void)src;
    w->info.pid = 0; /* reaped by the loop */
    if (w->told)
        (void)snprintf(why, sizeof why, "%s", w->info.trouble);
    else if (si->si_code == CLD_EXITED)
        (void)snprintf(why, sizeof why, "its process ended with status %d", si->si_status);
    else
        (void)snprintf(why, sizeof why, "its process was killed by signal %d%s",
                       si->si_status,
                       si->si_status == SIGALRM ? " (a call into the module hung)" : "");
    go_down(w, why, human);
    return 0;
}

static int on_io(sd_event_source *src, int fd, uint32_t revents, void *arg)
{
    struct worker *w = arg;
    struct proto p;
    struct err e;
    int fds[PROTO_FDS];
    size_t n_fds;
    bool gone;

    (void)src;
    (void)revents;
    if (proto_recv(fd, &p, fds, &n_fds, &gone, &e)) {
        AUTO(fd) int beside = n_fds > 0 ? fds[0] : -1;

        while (n_fds > 1)
            (void)close(fds[--n_fds]); /* a signer has no business sending more */
        on_reply(w, &p, &beside);
        return 0;
    }
    if (!gone) {
        go_down(w, e.text, false);
        return 0;
    }
    if (w->info.pid > 0) {
        /* the child event that follows knows the exit status */
        w->io = sd_event_source_disable_unref(w->io);
        return 0;
    }
    go_down(w, w->told ? w->info.trouble : "it closed its connection", false);
    return 0;
}

/* A child with nothing of ours but its socket on descriptor 3 and stderr. */
static bool spawn(struct worker *w, int *ours, struct err *e)
{
    struct signers *s = w->pool;
    const char *program = s->config->service.signer_program;
    char *argv[] = {(char *)(uintptr_t)program,        (char *)(uintptr_t) "--config",
                    (char *)(uintptr_t)s->config_path, (char *)(uintptr_t) "--fd",
                    (char *)(uintptr_t) "3",           NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int pair[2];
    pid_t pid;
    int rc;

    if (s->config_path == NULL)
        argv[1] = argv[3], argv[2] = argv[4], argv[3] = NULL;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set(e, ERR_BUSY, "signer.socket", "socketpair: %s", strerror(errno));
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
    (void)posix_spawnattr_init(&attr);
    (void)sigemptyset(&none);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    /* dup2 onto itself keeps close-on-exec: move it out of the way first */
    if (pair[1] == 3) {
        int up = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);

        (void)close(pair[1]);
        pair[1] = up;
        (void)posix_spawn_file_actions_destroy(&actions);
        (void)posix_spawn_file_actions_init(&actions);
        (void)posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
    }
    rc = posix_spawn(&pid, program, &actions, &attr, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    (void)close(pair[1]);
    if (rc != 0) {
        (void)close(pair[0]);
        return err_set(e, ERR_BUSY, "signer.socket", "cannot start %s: %s", program,
                       strerror(rc));
    }
    w->info.pid = pid;
    *ours = pair[0];
    return true;
}

static bool reach(struct worker *w, int *ours, struct err *e)
{
    const char *path = w->pool->config->service.signer_socket;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    AUTO(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof a.sun_path)
        return err_set(e, ERR_INPUT, "config.service", "SignerSocket= is too long");
    (void)strcpy(a.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        return err_set(e, ERR_BUSY, "signer.socket", "%s: %s", path, strerror(errno));
    *ours = fd;
    fd = -1;
    return true;
}

static bool send_record(struct worker *w, struct proto *p, const int fds[], size_t n_fds,
                        struct err *e)
{
    size_t i = w->info.waiting;

    if (i == WAITING_MAX)
        return err_set(e, ERR_BUSY, "signer.socket", "too many requests wait");
    p->seq = ++w->seq;
    if (!proto_send(w->fd, p, fds, n_fds, e))
        return false;
    w->waiting[i].seq = p->seq;
    w->waiting[i].type = p->type;
    w->waiting[i].since_us = monotonic_us();
    w->info.waiting++;
    w->runs += p->type == PROTO_RESERVE;
    return true;
}

static void start(struct worker *w)
{
    struct signers *s = w->pool;
    struct proto hello = {.type = PROTO_HELLO};
    struct err e = {0};
    int fd = -1;

    w->info.state = SIGNER_STARTING;
    w->told = false;
    w->runs = 0;
    if (s->config->service.signer_socket[0] != '\0' ? !reach(w, &fd, &e)
                                                    : !spawn(w, &fd, &e)) {
        char why[sizeof w->info.trouble];

        (void)snprintf(why, sizeof why, "%s: %.240s", e.id, e.text);
        go_down(w, why, false);
        return;
    }
    w->fd = fd;
    (void)snprintf(hello.u.hello.token, sizeof hello.u.hello.token, "%s", s->token->name);
    if ((w->info.pid > 0 &&
         sd_event_add_child(s->loop, &w->child, w->info.pid, WEXITED, on_child, w) < 0) ||
        sd_event_add_io(s->loop, &w->io, fd, EPOLLIN, on_io, w) < 0 ||
        /* what it said before it ended is heard before it is missed */
        sd_event_source_set_priority(w->io, SD_EVENT_PRIORITY_NORMAL - 1) < 0 ||
        !send_record(w, &hello, NULL, 0, &e))
        go_down(w, "cannot be watched or spoken to", false);
}

/* One at a time: the next begins when none is starting. */
static void start_next(struct signers *s)
{
    if (s->ending)
        return;
    for (unsigned i = 0; i < s->n; i++)
        if (s->at[i].info.state == SIGNER_STARTING)
            return;
    for (unsigned i = 0; i < s->n; i++)
        if (s->at[i].info.state == SIGNER_DOWN && s->at[i].again == NULL) {
            start(&s->at[i]);
            return;
        }
}

/* A chunk may take as long as the token needs, so the bound is on one answer, with room for
 * a whole slice behind another. The signer's own alarm fires first. */
static int64_t patience_us(const struct signers *s)
{
    return (int64_t)s->config->signer.call_timeout_s * 4 * 1000000;
}

static int on_deadline(sd_event_source *src, uint64_t usec, void *arg)
{
    struct signers *s = arg;
    int64_t now = monotonic_us();

    for (unsigned i = 0; i < s->n; i++) {
        struct worker *w = &s->at[i];

        if (w->info.waiting > 0 && now - w->waiting[0].since_us > patience_us(s)) {
            log_event(LOG_ERR, MSG_SIGNER_HUNG, NULL, "signer %u does not answer", i);
            go_down(w, "it did not answer in time and was killed", false);
        }
    }
    (void)sd_event_source_set_time(src, usec + 1000000);
    (void)sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
    return 0;
}

bool signers_new(sd_event *loop, const struct config *c, const char *config_path,
                 const struct config_token *token, const struct signer_hooks *hooks,
                 struct signers **out, struct err *e)
{
    struct signers *s = calloc(1, sizeof *s);
    uint64_t now;

    if (s == NULL || (s->at = calloc(token->workers, sizeof *s->at)) == NULL) {
        free(s);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    s->loop = sd_event_ref(loop);
    s->config = c;
    s->config_path = config_path;
    s->token = token;
    s->hooks = *hooks;
    s->n = token->workers;
    s->account = -1;
    for (unsigned i = 0; i < s->n; i++) {
        s->at[i].pool = s;
        s->at[i].no = i;
        s->at[i].fd = -1;
        s->at[i].pause_us = PAUSE_MIN_US;
    }
    if (sd_event_now(loop, CLOCK_MONOTONIC, &now) < 0 ||
        sd_event_add_time(loop, &s->deadline, CLOCK_MONOTONIC, now + 1000000, 0,
                          on_deadline, s) < 0) {
        signers_free(s);
        return err_set(e, ERR_STORE, "store.memory", "cannot watch signers");
    }
    start_next(s);
    *out = s;
    return true;
}

unsigned signers_count(const struct signers *s)
{
    return s->n;
}

const struct signer_info *signers_info(const struct signers *s, unsigned worker)
{
    return &s->at[worker].info;
}

bool signers_send(struct signers *s, unsigned worker, struct proto *p, const int fds[],
                  size_t n_fds)
{
    struct worker *w = &s->at[worker];
    struct err e;

    if (!serves(w))
        return false;
    if (send_record(w, p, fds, n_fds, &e))
        return true;
    go_down(w, e.text, false);
    return false;
}

void signers_leave(struct signers *s, unsigned worker)
{
    if (s->at[worker].info.state == SIGNER_READY)
        s->at[worker].info.state = SIGNER_LEAVING;
}

void signers_kill(struct signers *s, unsigned worker, const char *why, bool barred)
{
    struct worker *w = &s->at[worker];

    if (serves(w) || w->info.state == SIGNER_STARTING) {
        go_down(w, why, barred);
        return;
    }
    if (barred) {
        w->info.state = SIGNER_BARRED;
        w->again = sd_event_source_disable_unref(w->again);
    }
}

void signers_renew(struct signers *s)
{
    unsigned after = s->config->signer.renew_after;

    if (after == 0)
        return;
    for (unsigned i = 0; i < s->n; i++) /* no other on its way, or for want of anything */
        if (s->at[i].info.state != SIGNER_READY || s->at[i].info.waiting > 0)
            return;
    for (unsigned i = 0; i < s->n; i++)
        if (s->at[i].runs >= after) {
            signers_kill(s, i, "it begins anew: see RenewAfter=", false);
            s->at[i].info.restarts--; /* not lost */
            return;
        }
}

int signers_account(const struct signers *s)
{
    return s->account;
}

bool signers_settled(const struct signers *s)
{
    unsigned barred = 0;

    for (unsigned i = 0; i < s->n; i++) {
        if (s->at[i].info.state == SIGNER_READY)
            return true;
        barred += s->at[i].info.state == SIGNER_BARRED;
    }
    return barred == s->n;
}

bool signers_spoke(const struct signers *s)
{
    bool spoke = false;

    for (unsigned i = 0; i < s->n; i++)
        spoke = spoke || s->at[i].info.spoke;
    return spoke;
}

void signers_hasten(struct signers *s)
{
    if (signers_settled(s))
        return;
    for (unsigned i = 0; i < s->n; i++) {
        s->at[i].info.spoke = false;
        s->at[i].pause_us = PAUSE_MIN_US; /* somebody waits */
        s->at[i].again = sd_event_source_disable_unref(s->at[i].again);
    }
    start_next(s);
}

int64_t signers_stalled_us(const struct signers *s)
{
    int64_t now = monotonic_us();
    int64_t worst = 0;

    for (unsigned i = 0; i < s->n; i++)
        if (s->at[i].info.waiting > 0 && now - s->at[i].waiting[0].since_us > worst)
            worst = now - s->at[i].waiting[0].since_us;
    return worst;
}

void signers_free(struct signers *s)
{
    if (s == NULL)
        return;
    s->ending = true;
    for (unsigned i = 0; i < s->n; i++) {
        struct worker *w = &s->at[i];

        w->again = sd_event_source_disable_unref(w->again);
        if (w->info.pid > 0 && w->fd >= 0) {
            /* closing the socket ends a signer in order; give it a moment before SIGKILL */
            forget_sources(w);
            fd_auto(&w->fd);
            for (int k = 0; k < 50 && waitpid(w->info.pid, NULL, WNOHANG) == 0; k++)
                (void)nanosleep(&(struct timespec){0, 20000000}, NULL);
            if (waitpid(w->info.pid, NULL, WNOHANG) != 0)
                w->info.pid = 0;
        }
        go_down(w, "the service ends", false);
    }
    fd_auto(&s->account);
    (void)sd_event_source_disable_unref(s->deadline);
    (void)sd_event_unref(s->loop);
    free(s->at);
    free(s);
}
