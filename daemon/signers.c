/* SPDX-License-Identifier: MIT */
#include "signers.h"

#include "log.h"
#include "mem.h"
#include "signer_start.h"
#include "steps.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define WAITING_MAX      16
#define PAUSE_MIN_US     500000
#define PAUSE_MAX_US     60000000
#define EXIT_HUMAN       78
#define DEADLINE_TICK_US 500000
#define STEADY_US        10000000 /* a worker that has served so long and signed is sound */
/* Beside the calls that an answer waits for: to sign until the time of an order is over, and
 * for the signer's own alarm to fire first (session_deadline). */
#define ANSWER_US   ((PROTO_SIGN_MS + 2000) * INT64_C(1000))
#define HELLO_CALLS 4 /* besides the proof of each session */

struct worker {
    struct signers *pool;
    unsigned no;
    struct signer_info info;
    int fd;
    bool told;   /* this process has said why it goes: trouble is its word */
    bool person; /* and that none is to be started before a person has acted */
    int64_t ready_us;
    int64_t pause_us;
    unsigned runs; /* of counters that this process was asked to set aside */
    uint32_t seq;
    struct {
        uint32_t seq;
        enum proto_type type;
        int64_t since_us; /* monotonic: it is the first in line, since then */
        int64_t patience_us;
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
    w->info.again_us = 0;
    start_next(w->pool);
    return 0;
}

static bool serves(const struct worker *w)
{
    return w->info.state == SIGNER_READY || w->info.state == SIGNER_LEAVING;
}

static void end_process(struct worker *w)
{
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
}

/* Up again after a pause, and after twice as long when that was of no use. */
static void pause_for(struct worker *w, bool told_to_go)
{
    (void)sd_event_add_time_relative(w->pool->loop, &w->again, CLOCK_MONOTONIC,
                                     (uint64_t)w->pause_us, 0, on_again, w);
    w->info.again_us = monotonic_us() + w->pause_us;
    w->info.restarts++;
    if (!told_to_go)
        w->pause_us = w->pause_us * 2 > PAUSE_MAX_US ? PAUSE_MAX_US : w->pause_us * 2;
}

/* Down it goes. What it said last of its own end holds, whoever ends it. */
static void go_down(struct worker *w, const char *rule, const char *why, bool barred)
{
    struct signers *s = w->pool;
    bool told_to_go = rule[0] == '\0';

    barred = barred || w->person;
    end_process(w);
    w->info.state = barred ? SIGNER_BARRED : SIGNER_DOWN;
    if (why != w->info.trouble) {
        (void)snprintf(w->info.trouble, sizeof w->info.trouble, "%s", why);
        (void)snprintf(w->info.rule, sizeof w->info.rule, "%s", rule);
    }
    if (s->ending)
        return;
    log_event(LOG_WARNING, barred ? MSG_TOKEN_TROUBLE : MSG_SIGNER_LOST,
              &(struct log_fields){.signer = &w->no}, "signer %u of token %s is down: %s",
              w->no, s->token->name, w->info.trouble);
    if (!barred)
        pause_for(w, told_to_go);
    s->hooks.gone(s->hooks.arg, w->no);
    start_next(s);
}

/* Why none serves here: kept until it ends, and its exit status says the rest. */
static void hear_refusal(struct worker *w, const struct proto *p)
{
    bool said = p->type == PROTO_FAIL;

    (void)snprintf(w->info.rule, sizeof w->info.rule, "%s",
                   said ? p->u.fail.id : "signer.order");
    (void)snprintf(w->info.trouble, sizeof w->info.trouble, "%s: %.240s", w->info.rule,
                   said ? p->u.fail.text : "no READY after HELLO");
    w->told = true;
    /* busy: a ceremony has the token, which says nothing about it */
    w->info.spoke = !said || p->u.fail.code != ERR_BUSY;
}

static void hear_ready(struct worker *w, const struct proto *p, int *fd)
{
    struct signers *s = w->pool;

    w->info.state = SIGNER_READY;
    w->info.keys = p->u.ready.keys;
    memcpy(w->info.unusable, p->u.ready.unusable, sizeof w->info.unusable);
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
    w->info.rule[0] = w->info.trouble[0] = '\0';
    w->info.spoke = false;
    w->ready_us = monotonic_us();
    log_event(LOG_INFO, MSG_SIGNER_READY, &(struct log_fields){.signer = &w->no},
              "signer %u ready: %s", w->no, w->info.what);
    s->hooks.ready(s->hooks.arg, w->no);
    start_next(s);
}

/* Does it say that no other is to be started? That holds even if it is killed first, or is
 * nobody's child here and has no exit status to show. */
static bool wants_person(const struct proto *p)
{
    return (p->type == PROTO_FAIL && p->u.fail.end == PROTO_PERSON) ||
           (p->type == PROTO_SIGNED && p->u.signed_.stop.end == PROTO_PERSON);
}

/* fd: what came beside it, -1: nothing; the caller closes what is left there. */
static void on_reply(struct worker *w, const struct proto *p, int *fd)
{
    struct signers *s = w->pool;
    struct proto asked = {0};

    if (w->info.waiting == 0 || w->waiting[0].seq != p->seq) {
        go_down(w, "signer.record", "answered a record that was not sent", false);
        return;
    }
    asked.type = w->waiting[0].type;
    asked.seq = p->seq;
    memmove(&w->waiting[0], &w->waiting[1], (WAITING_MAX - 1) * sizeof w->waiting[0]);
    w->info.waiting--;
    w->waiting[0].since_us = monotonic_us();
    w->person = w->person || wants_person(p);
    if (asked.type != PROTO_HELLO)
        s->hooks.answer(s->hooks.arg, w->no, &asked, p);
    else if (p->type == PROTO_READY)
        hear_ready(w, p, fd);
    else
        hear_refusal(w, p);
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
    steps_begin("a signer's answer");
    if (proto_recv(fd, &p, fds, &n_fds, &gone, &e)) {
        AUTO(fd) int beside = n_fds > 0 ? fds[0] : -1;

        while (n_fds > 1)
            (void)close(fds[--n_fds]); /* a signer has no business sending more */
        on_reply(w, &p, &beside);
        return 0;
    }
    if (!gone) {
        go_down(w, e.id, e.text, false);
        return 0;
    }
    if (w->info.pid > 0) {
        /* the child event that follows knows the exit status */
        w->io = sd_event_source_disable_unref(w->io);
        return 0;
    }
    go_down(w, w->told ? w->info.rule : "signer.socket",
            w->told ? w->info.trouble : "it closed its connection", false);
    return 0;
}

/* What it said before it ended is heard before it is missed. */
static void hear_out(struct worker *w)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};

    while (w->io != NULL && poll(&p, 1, 0) > 0)
        (void)on_io(w->io, w->fd, EPOLLIN, w);
}

static int on_child(sd_event_source *src, const siginfo_t *si, void *arg)
{
    struct worker *w = arg;
    char why[sizeof w->info.trouble];
    bool human = si->si_code == CLD_EXITED && si->si_status == EXIT_HUMAN;

    hear_out(w);
    if (w->child != src) /* it is down by what it said */
        return 0;
    w->info.pid = 0; /* reaped by the loop */
    if (w->told) {
        go_down(w, w->info.rule, w->info.trouble, human);
        return 0;
    }
    if (si->si_code == CLD_EXITED)
        (void)snprintf(why, sizeof why, "its process ended with status %d", si->si_status);
    else
        (void)snprintf(why, sizeof why, "its process was killed by signal %d%s",
                       si->si_status,
                       si->si_status == SIGALRM ? " (a call into the module hung)" : "");
    go_down(w,
            si->si_code != CLD_EXITED && si->si_status == SIGALRM ? "token.lost"
                                                                  : "signer.socket",
            why, human);
    return 0;
}

static bool has_left(int fd)
{
    struct pollfd p = {.fd = fd};

    return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0;
}

/* To a signer that has left a record counts as sent, and is lost with it: what it said last,
 * which may bar the next one, is heard before its end is (on_io, on_child). */
static bool send_record(struct worker *w, struct proto *p, unsigned calls, const int fds[],
                        size_t n_fds, struct err *e)
{
    size_t i = w->info.waiting;

    if (i == WAITING_MAX)
        return err_set(e, ERR_BUSY, "signer.socket", "too many requests wait");
    p->seq = ++w->seq;
    if (!proto_send(w->fd, p, fds, n_fds, e) && !has_left(w->fd))
        return false;
    w->waiting[i].seq = p->seq;
    w->waiting[i].type = p->type;
    w->waiting[i].since_us = monotonic_us();
    w->waiting[i].patience_us =
        (int64_t)calls * w->pool->config->signer.call_timeout_s * 1000000 + ANSWER_US;
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
    w->info.again_us = 0;
    w->told = w->person = false;
    w->runs = 0;
    if (!signer_start(s->config, s->config_path, &fd, &w->info.pid, &e)) {
        char why[sizeof w->info.trouble];

        (void)snprintf(why, sizeof why, "%s: %.240s", e.id, e.text);
        go_down(w, e.id, why, false);
        return;
    }
    w->fd = fd;
    (void)snprintf(hello.u.hello.token, sizeof hello.u.hello.token, "%s", s->token->name);
    if ((w->info.pid > 0 &&
         sd_event_add_child(s->loop, &w->child, w->info.pid, WEXITED, on_child, w) < 0) ||
        sd_event_add_io(s->loop, &w->io, fd, EPOLLIN, on_io, w) < 0 ||
        !send_record(w, &hello, HELLO_CALLS + s->token->sessions, NULL, 0, &e))
        go_down(w, "signer.socket", "cannot be watched or spoken to", false);
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

/* How long its answer is late; the signer's own alarm fires first, unless it is stopped. */
static int64_t overdue_us(const struct worker *w)
{
    int64_t late = w->info.waiting == 0 ? 0
                                        : monotonic_us() - w->waiting[0].since_us -
                                              w->waiting[0].patience_us;

    return late > 0 ? late : 0;
}

static int on_deadline(sd_event_source *src, uint64_t usec, void *arg)
{
    struct signers *s = arg;

    for (unsigned i = 0; i < s->n; i++) {
        struct worker *w = &s->at[i];

        if (overdue_us(w) > 0) {
            log_event(LOG_ERR, MSG_SIGNER_HUNG, &(struct log_fields){.signer = &i},
                      "signer %u does not answer", i);
            go_down(w, "token.lost", "it did not answer in time and was killed", false);
        }
    }
    (void)sd_event_source_set_time(src, usec + DEADLINE_TICK_US);
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
    *out = s; /* the hooks may ask already */
    start_next(s);
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

bool signers_send(struct signers *s, unsigned worker, struct proto *p, unsigned calls,
                  const int fds[], size_t n_fds)
{
    struct worker *w = &s->at[worker];
    struct err e;

    if (!serves(w))
        return false;
    if (send_record(w, p, calls, fds, n_fds, &e))
        return true;
    go_down(w, e.id, e.text, false);
    return false;
}

void signers_worked(struct signers *s, unsigned worker)
{
    struct worker *w = &s->at[worker];

    if (w->pause_us > PAUSE_MIN_US && monotonic_us() - w->ready_us >= STEADY_US)
        w->pause_us = PAUSE_MIN_US;
}

void signers_leave(struct signers *s, unsigned worker)
{
    if (s->at[worker].info.state == SIGNER_READY)
        s->at[worker].info.state = SIGNER_LEAVING;
}

void signers_kill(struct signers *s, unsigned worker, const char *rule, const char *why,
                  bool barred)
{
    struct worker *w = &s->at[worker];

    if (serves(w) || w->info.state == SIGNER_STARTING) {
        go_down(w, rule, why, barred);
        return;
    }
    if (barred) {
        w->info.state = SIGNER_BARRED;
        w->info.again_us = 0;
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
            signers_kill(s, i, "", "it begins anew: see RenewAfter=", false);
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
        s->at[i].info.again_us = 0;
    }
    start_next(s);
}

int64_t signers_overdue_us(const struct signers *s)
{
    int64_t worst = 0;

    for (unsigned i = 0; i < s->n; i++)
        if (overdue_us(&s->at[i]) > worst)
            worst = overdue_us(&s->at[i]);
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
        go_down(w, "", "the service ends", false);
    }
    fd_auto(&s->account);
    (void)sd_event_source_disable_unref(s->deadline);
    (void)sd_event_unref(s->loop);
    free(s->at);
    free(s);
}
