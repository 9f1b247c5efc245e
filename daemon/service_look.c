/* SPDX-License-Identifier: MIT
 *
 * What is worked out beside the loop: questions of the library, and requests that only look.
 */
#include "service.h"

#include "beside.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

static void on_there(void *arg, const struct err *broken)
{
    struct service *sv = arg;

    if (broken != NULL) {
        service_store_trouble(sv, broken);
        return;
    }
    if (sv->server != NULL)
        server_ask_again(sv->server);
    if (sv->pump != NULL)
        pump_wake(sv->pump);
    if (sv->waves_later)
        api_waves_turn(sv);
}

/* What is read at the start and never changed. NULL: out of memory. */
static struct service *looks_new(const struct service *sv)
{
    struct service *looks = calloc(1, sizeof *looks);

    if (looks == NULL)
        return NULL;
    looks->config = sv->config;
    looks->logins = sv->logins;
    looks->trust = sv->trust;
    looks->trust.config = &looks->config;
    looks->clock = sv->clock;
    memcpy(looks->roster_dir, sv->roster_dir, sizeof looks->roster_dir);
    memcpy(looks->files_dir, sv->files_dir, sizeof looks->files_dir);
    return looks;
}

bool service_beside(struct service *sv, const char *path, struct err *e)
{
    sv->looks = looks_new(sv);
    sv->glances = looks_new(sv);
    if (sv->looks == NULL || sv->glances == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return beside_new(sv->loop, path, on_there, sv, &sv->beside, e);
}

void service_beside_end(struct service *sv)
{
    beside_free(TAKE(sv->beside));
    free(TAKE(sv->looks));
    free(TAKE(sv->glances));
}

/* --- requests --- */

struct looking { /* a question; the body is behind it */
    struct service *looks;
    service_step fn;
    struct request r;
};

struct seen { /* its answer, and the text behind it */
    unsigned status;
    const char *type;
};

static bool flat(const struct reply *r, struct span *out, struct err *e)
{
    struct seen seen = {r->status, r->type};
    uint8_t *octets = malloc(sizeof seen + r->len);

    if (octets == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memcpy(octets, &seen, sizeof seen);
    if (r->len > 0)
        memcpy(octets + sizeof seen, r->body, r->len);
    *out = span_of(octets, sizeof seen + r->len);
    return true;
}

static bool look(struct store *s, struct span in, struct span *out, struct err *e)
{
    struct looking l;
    struct reply reply = {0};
    bool ok;

    memcpy(&l, in.at, sizeof l);
    l.looks->store = s;
    ok = l.fn(l.looks, &l.r, span_of(in.at + sizeof l, in.len - sizeof l), &reply, e) &&
         flat(&reply, out, e);
    reply_done(&reply);
    return ok;
}

static const struct think_kind looking = {
    .name = "a request that looks", .work = look, .once = true};
static const struct think_kind glancing = {
    .name = "a request that looks", .work = look, .once = true, .quick = true};

static bool ask(struct service *sv, const struct think_kind *kind, const struct request *r,
                struct span body, service_step fn, struct reply *out, struct err *e)
{
    const struct think_port *was;
    AUTO(mem) struct looking *l = NULL;
    struct seen seen;
    struct span answer;
    char *text;
    bool ok;

    if (sv->beside == NULL || !r->patient)
        return fn(sv, r, body, out, e);
    l = calloc(1, sizeof *l + body.len);
    if (l == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    l->looks = kind->quick ? sv->glances : sv->looks;
    l->fn = fn;
    memcpy(&l->r, r, sizeof l->r);
    l->r.may_wait = l->r.waited = false; /* the same question each time */
    if (body.len > 0)
        memcpy(l + 1, body.at, body.len);
    was = think_through(beside_port(sv->beside));
    ok = think(kind, sv->store, span_of(l, sizeof *l + body.len), &answer, e);
    (void)think_through(was);
    if (!ok)
        return false;
    memcpy(&seen, answer.at, sizeof seen);
    answer.len -= sizeof seen;
    text = malloc(answer.len + 1);
    if (text != NULL)
        memcpy(text, answer.at + sizeof seen, answer.len);
    free((void *)(uintptr_t)answer.at);
    return text != NULL ? reply_text(out, seen.status, seen.type, text, answer.len, e)
                        : err_set(e, ERR_STORE, "store.memory", "out of memory");
}

bool service_look(struct service *sv, const struct request *r, struct span body,
                  service_step fn, struct reply *out, struct err *e)
{
    return ask(sv, &looking, r, body, fn, out, e);
}

bool service_glance(struct service *sv, const struct request *r, struct span body,
                    service_step fn, struct reply *out, struct err *e)
{
    return ask(sv, &glancing, r, body, fn, out, e);
}
