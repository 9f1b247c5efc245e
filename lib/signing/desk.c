/* SPDX-License-Identifier: MIT */
#include "desk.h"

#include "lease.h"
#include "mem.h"
#include "revoked.h"
#include "witness.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define RESERVE_MAX       1000000u
#define LEAP_MAX          ((uint64_t)16 * RESERVE_MAX) /* counters left out before a run */
#define SYMMETRIC_KEY_MAX 64

struct mapped {
    void *at;
    size_t len;
};

struct run { /* an order at the token */
    struct desk *d;
    int64_t until_us; /* steady: no row begins later; 0: none has begun */
    bool begun; /* the first row is always signed: an order makes progress at any speed */
    atomic_bool stop; /* it is to end as it is */
};

struct due { /* an answer that is due */
    struct proto reply;
    struct proto_sign order;
    bool under_way; /* the order is at the token, the reply not made yet */
    struct run run;
    struct digest digests[PROTO_ROWS];
};

struct desk {
    struct desk_setup s;
    struct token *token;
    struct warrant *warrant;
    struct mapped parts[PROTO_PARTS];
    struct roster roster;
    struct lease lease; /* under the open warrant */
    struct revoked revoked;
    struct witness witness;
    struct due due[TOKEN_RUNS];
    size_t first_due, n_due; /* in the order in which they were taken */
    /* How many records were taken, and how many had been when another than a REVOKE was seen
     * to wait: it stays first in line until it is taken. Looking again costs as much as the
     * hash of a command. */
    atomic_uint taken, waits_since;
    char revoked_path[PATH_MAX], counts[PATH_MAX], account[PATH_MAX];
};

/* --- what was revoked --- */

/* A document by its name, and by whose it is: what an organisation supersedes is its own. */
static struct digest name_of(const struct authority *a, const char *id)
{
    char text[CONFIG_NAME_MAX + 2 * AUTHORITY_ID_MAX + 32];
    int n = snprintf(text, sizeof text, "%s\n%s\n%s\n%s", authority_kind_name(a->kind),
                     a->by, a->incident, id);

    return digest_of(span_of(text, (size_t)n), (struct span){NULL, 0});
}

/* For good, on the list and in the token. */
static bool end_name(struct desk *d, const struct authority *a, const char *id,
                     struct err *e)
{
    struct digest name = name_of(a, id);
    char hex[HEX_LEN(32)];

    hex_encode_lower(name.b, 32, hex);
    return revoked_add(&d->revoked, hex, 0, clock_now(&d->s.clock), e) &&
           (d->token == NULL || lease_end(d->token, &name, e));
}

/*
 * A paper that counts says what it ends, whether or not anything may be signed under it: it
 * may have ended itself, or refuse. So a chain is remembered from each of its papers that a
 * signer ever sees. The limit: a paper says what it names. Whoever was handed the last of
 * three and neither of the others knows of the first only where the last names it too
 * (supersedes_earlier), or where somebody was told that it has ended.
 */
static bool heed(struct desk *d, const struct authority *a, struct err *e)
{
    if (a->exercise != d->s.config->service.exercise ||
        clock_now(&d->s.clock) < a->valid_from_us)
        return true;
    if (a->supersedes[0] != '\0' && !end_name(d, a, a->supersedes, e))
        return false;
    for (size_t i = 0; i < a->n_earlier; i++)
        if (!end_name(d, a, a->earlier[i], e))
            return false;
    return true;
}

/* Judged by itself: what is wrong with the rest of an OPEN is said by warrant_open. */
static bool heed_paper(struct desk *d, struct span cms, struct err *e)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct err why;

    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return !trust_judge(d->s.trust, cms, NULL, clock_now(&d->s.clock), a, NULL, &why) ||
           heed(d, a, e);
}

static bool not_revoked(struct desk *d, struct err *e)
{
    const struct authority *a = warrant_authority(d->warrant);
    const struct digest *activation = warrant_activation(d->warrant);
    struct digest by_name = name_of(a, a->id);
    char hex[HEX_LEN(32)];
    char name[HEX_LEN(32)];

    if (!revoked_fresh(&d->revoked, e))
        return false;
    hex_encode_lower(a->digest.b, 32, hex);
    hex_encode_lower(by_name.b, 32, name);
    if (revoked_has(&d->revoked, hex) || revoked_has(&d->revoked, name))
        return err_set(e, ERR_DENIED, "decision.revoked",
                       "decision %s of incident %s was revoked or superseded", a->id,
                       a->incident);
    if (activation == NULL)
        return true;
    hex_encode_lower(activation->b, 32, hex);
    if (revoked_has(&d->revoked, hex))
        return err_set(e, ERR_DENIED, "activation.revoked",
                       "the activation of decision %s was revoked", a->id);
    return true;
}

/* The same in the token, which knows it where this machine was never told. */
static bool not_ended(struct desk *d, struct err *e)
{
    const struct authority *a = warrant_authority(d->warrant);
    const struct digest *activation = warrant_activation(d->warrant);
    struct digest name = name_of(a, a->id);
    bool ended, superseded;

    if (!lease_has_ended(d->token, &a->digest, &ended, e) ||
        !lease_has_ended(d->token, &name, &superseded, e))
        return false;
    if (ended || superseded)
        return err_set(e, ERR_DENIED, "decision.revoked",
                       "decision %s of incident %s has ended, says the token", a->id,
                       a->incident);
    if (activation == NULL)
        return true;
    if (!lease_has_ended(d->token, activation, &ended, e))
        return false;
    return !ended ||
           err_set(e, ERR_DENIED, "activation.revoked",
                   "the activation of decision %s has ended, says the token", a->id);
}

/* --- documents --- */

/* What was signed under the decision is sealed, where the token still answers, also if nobody
 * asks for it. */
static void seal_account(struct desk *d)
{
    struct audit_head h = {0};
    struct err ignored;

    if (d->witness.unsealed > 0)
        (void)!witness_head(&d->witness, d->token, clock_now(&d->s.clock), &h, &ignored);
}

static void close_warrant(struct desk *d)
{
    seal_account(d);
    /* counters left over are spent: a later warrant reserves its own */
    lease_close(&d->lease);
    warrant_free(TAKE(d->warrant));
    roster_done(&d->roster);
    for (size_t i = 0; i < PROTO_PARTS; i++)
        if (d->parts[i].at != NULL) {
            if (i == PROTO_PART_SYMMETRIC_KEY)
                OPENSSL_cleanse(d->parts[i].at, d->parts[i].len);
            (void)munmap(d->parts[i].at, d->parts[i].len);
            d->parts[i] = (struct mapped){NULL, 0};
        }
}

/* A memfd that nobody can change any more.
 * The symmetric key is mapped privately, to be wiped. */
static bool map_sealed(int fd, const char *what, size_t max, bool secret,
                       struct mapped *out, struct err *e)
{
    const int want = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & want) != want)
        return err_set(e, ERR_INPUT, "signer.not-sealed", "the %s is not in a sealed memfd",
                       what);
    if (fstat(fd, &st) != 0 || st.st_size <= 0 || (uint64_t)st.st_size > max)
        return err_set(e, ERR_INPUT, "signer.part-size",
                       "the %s has %lld octets; 1 to %zu are allowed", what,
                       (long long)st.st_size, max);
    /* holes cost whoever made them nothing, and whoever reads them memory */
    if ((uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size)
        return err_set(e, ERR_INPUT, "signer.part-size", "the %s has holes", what);
    out->at = mmap(NULL, (size_t)st.st_size, secret ? PROT_READ | PROT_WRITE : PROT_READ,
                   MAP_PRIVATE, fd, 0);
    if (out->at == MAP_FAILED) {
        out->at = NULL;
        return err_set(e, ERR_STORE, "store.memory", "cannot map the %s: %s", what,
                       strerror(errno));
    }
    out->len = (size_t)st.st_size;
    if (secret)
        (void)mlock(out->at, out->len); /* best effort: the limit may be too low */
    return true;
}

static bool open_parts(struct desk *d, uint32_t which, const int fds[], size_t n_fds,
                       struct err *e)
{
    static const struct {
        const char *name;
        size_t limit;
    } parts[PROTO_PARTS] = {
        [PROTO_PART_AUTHORITY] = {"authority", AUTHORITY_CMS_MAX},
        [PROTO_PART_ROSTER] = {"roster", (size_t)64 << 30},
        [PROTO_PART_CERTIFICATES] = {"certificates", 1u << 20},
        [PROTO_PART_ACTIVATION] = {"activation", AUTHORITY_CMS_MAX},
        [PROTO_PART_SYMMETRIC_KEY] = {"symmetric key", SYMMETRIC_KEY_MAX},
    };
    size_t want = (size_t)__builtin_popcount(which);
    size_t n = 0;

    if (n_fds != want)
        return err_set(e, ERR_INPUT, "signer.record",
                       "OPEN with %zu descriptors, wants %zu", n_fds, want);
    for (size_t i = 0; i < PROTO_PARTS; i++)
        if ((which & PROTO_PART_BIT(i)) != 0 &&
            !map_sealed(fds[n++], parts[i].name, parts[i].limit,
                        i == PROTO_PART_SYMMETRIC_KEY, &d->parts[i], e))
            return false;
    return true;
}

static struct span part(const struct desk *d, enum proto_part p)
{
    return span_of(d->parts[p].at, d->parts[p].len);
}

static struct proto_count count_now(const struct desk *d)
{
    const struct spent_sums *sums = spent_sums(d->lease.spent);

    return (struct proto_count){
        .used = sums->made, .allowed = spent_allowed(d->lease.spent), .lost = sums->lost};
}

/* A token that is gone looks like an empty one: the probe key tells. */
static bool key_there(struct desk *d, size_t key, struct err *e)
{
    struct err lost;

    if (d->token->ops->has_key(d->token, key, e))
        return true;
    if (strcmp(e->id, "token.key-missing") == 0 && !d->token->ops->probe(d->token, &lost))
        *e = lost;
    return false;
}

static bool do_open(struct desk *d, const struct proto *in, const int fds[], size_t n_fds,
                    struct proto *reply, struct err *e)
{
    struct warrant_parts p = {.signing = true};
    const struct authority *a;
    uint64_t mark;
    size_t key;

    close_warrant(d);
    if (!open_parts(d, in->u.open.parts, fds, n_fds, e) ||
        !roster_open(part(d, PROTO_PART_ROSTER), "roster", &d->roster, e))
        return false;
    p.cms = part(d, PROTO_PART_AUTHORITY);
    p.certs_pem = part(d, PROTO_PART_CERTIFICATES);
    p.symmetric_key = part(d, PROTO_PART_SYMMETRIC_KEY);
    p.activation = part(d, PROTO_PART_ACTIVATION);
    p.roster = &d->roster;
    if (!heed_paper(d, p.cms, e) ||
        !warrant_open(d->s.trust, &p, clock_now(&d->s.clock), &d->warrant, e))
        return false;
    a = warrant_authority(d->warrant);
    key = warrant_key(d->warrant);
    if (!not_revoked(d, e) || !not_ended(d, e) || !key_there(d, key, e) ||
        !d->token->ops->mark_get(d->token, &warrant_key_cert(d->warrant)->eui, &mark, e))
        return false;
    if (!lease_open(&d->lease, d->token, d->counts,
                    &(struct spent_paper){&a->digest, warrant_rows(d->warrant), a->attempts,
                                          a->valid_to_us},
                    e))
        return false;
    reply->type = PROTO_OPENED;
    reply->u.opened.authority = a->digest;
    reply->u.opened.rows = warrant_rows(d->warrant);
    reply->u.opened.key = (uint32_t)key;
    reply->u.opened.mark = mark;
    reply->u.opened.count = count_now(d);
    return true;
}

/* --- counters --- */

/* A run far ahead would use the sequence up: devices take no counter below the last. A token
 * that knows less than it did is an older copy of itself. */
static bool no_leap(struct desk *d, uint64_t first, uint64_t known, struct err *e)
{
    uint64_t mark;

    if (!d->token->ops->mark_get(d->token, &warrant_key_cert(d->warrant)->eui, &mark, e))
        return false;
    if (mark < known)
        return err_set(e, ERR_DENIED, "ledger.token-behind",
                       "the token has seen counters up to %llu, and had seen %llu: it was "
                       "exchanged for an older copy",
                       (unsigned long long)mark, (unsigned long long)known);
    if (d->s.config->counter.has_start && d->s.config->counter.start > mark)
        mark = d->s.config->counter.start;
    if (first > mark && first - mark > LEAP_MAX)
        return err_set(e, ERR_DENIED, "signer.counter-leap",
                       "a run from %llu would leave out more than %llu counters after %llu",
                       (unsigned long long)first, (unsigned long long)LEAP_MAX,
                       (unsigned long long)mark);
    return true;
}

static bool do_reserve(struct desk *d, const struct proto *in, struct proto *reply,
                       struct err *e)
{
    uint64_t first = in->u.reserve.first;
    uint32_t n = in->u.reserve.n;
    uint64_t last;

    if (d->warrant == NULL)
        return err_set(e, ERR_DENIED, "signer.no-warrant",
                       "RESERVE without an open warrant");
    if (n > RESERVE_MAX || __builtin_add_overflow(first, n - 1, &last) ||
        last > INT64_MAX ||
        (d->s.config->counter.has_start && first < d->s.config->counter.start))
        return err_set(e, ERR_DENIED, "signer.counter",
                       "a run of %u counters from %llu is out of range", n,
                       (unsigned long long)first);
    if (!not_revoked(d, e) || !not_ended(d, e) ||
        !warrant_live(d->warrant, clock_now(&d->s.clock), e) ||
        !no_leap(d, first, in->u.reserve.known, e) ||
        !lease_reserve(&d->lease, &warrant_key_cert(d->warrant)->eui, first, last, e))
        return false;
    reply->type = PROTO_RESERVED;
    return true;
}

/* --- signing --- */

static bool in_time(struct run *r)
{
    int64_t now = clock_now(&r->d->s.steady);
    bool first = !r->begun;

    if (r->until_us == 0)
        r->until_us = now + PROTO_SIGN_MS * INT64_C(1000);
    r->begun = true;
    return first || now < r->until_us;
}

static bool is_told_to_stop(struct desk *d)
{
    unsigned taken = atomic_load(&d->taken);
    enum proto_first first;

    if (d->s.stop_fd < 0 || atomic_load(&d->waits_since) == taken)
        return false;
    first = proto_first(d->s.stop_fd);
    if (first == PROTO_FIRST_SIGN || first == PROTO_FIRST_OTHER)
        atomic_store(&d->waits_since, taken);
    return first == PROTO_FIRST_STOP;
}

/* Asked before each row, perhaps from several threads, one at a time. */
static bool go_on(void *arg)
{
    struct run *r = arg;
    struct desk *d = r->d;
    struct err why;

    return !atomic_load(&r->stop) && !is_told_to_stop(d) && in_time(r) &&
           warrant_live(d->warrant, clock_now(&d->s.clock), &why);
}

/* An order, or a word about one: under the open authority, about rows that it names? */
static bool may_sign(struct desk *d, const struct digest *authority, const uint32_t rows[],
                     uint32_t n, struct err *e)
{
    if (d->warrant == NULL)
        return err_set(e, ERR_DENIED, "signer.no-warrant",
                       "an order without an open warrant");
    if (!digest_equal(&warrant_authority(d->warrant)->digest, authority))
        return err_set(e, ERR_DENIED, "signer.other-authority",
                       "the order names another authority than the open one");
    if (!not_revoked(d, e) || !warrant_live(d->warrant, clock_now(&d->s.clock), e))
        return false;
    if (rows[n - 1] >= warrant_rows(d->warrant))
        return err_set(e, ERR_DENIED, "signer.row", "row %u is beyond the roster's %u rows",
                       rows[n - 1], warrant_rows(d->warrant));
    return true;
}

/* GBCS 6.2.3: modes 0 to 7 carry the ACB's MAC. */
static bool makes_macs(const struct desk *d, size_t *key)
{
    return d->warrant != NULL && gbcs_mode(warrant_authority(d->warrant)->mode)->mac &&
           trust_acb_key(d->s.trust, key);
}

/* Made for each device with its own key. Of out->n rows those stay that have one. */
static bool add_macs(struct desk *d, const struct proto_sign *o, struct run *r,
                     struct proto_signed *out, struct err *e)
{
    size_t key;
    uint32_t n = out->n;

    if (!makes_macs(d, &key))
        return true;
    out->maced = 1;
    r->begun = false;
    for (out->n = 0; out->n < n && in_time(r); out->n++)
        if (!warrant_mac(d->warrant, o->rows[out->n], o->counter + out->n,
                         &out->sigs[out->n], d->token, key, out->macs[out->n], e))
            return err_wrap(e, "row %u", o->rows[out->n]);
    return true;
}

/* The rows of x, counted before, go to the token. */
static bool begin(struct desk *d, struct due *x, struct err *e)
{
    const struct proto_sign *o = &x->order;

    for (uint32_t i = 0; i < o->n; i++)
        if (!warrant_digest(d->warrant, o->rows[i], o->counter + i, &x->digests[i], e))
            return err_wrap(e, "row %u", o->rows[i]);
    return d->token->ops->begin(d->token, warrant_key(d->warrant), x->digests,
                                x->reply.u.signed_.sigs, o->n, go_on, &x->run, e);
}

/* What the token made of them. */
static bool made(struct desk *d, struct due *x, struct err *e)
{
    struct proto_signed *out = &x->reply.u.signed_;
    struct token_run run = {0, 0};
    bool ok = d->token->ops->finish(d->token, &run, e);
    struct err why;

    out->n = (uint32_t)run.done;
    out->spent = (uint32_t)run.begun;
    if (add_macs(d, &x->order, &x->run, out, &why))
        return ok;
    if (ok)
        *e = why; /* else the first reason stays */
    return false;
}

/* In the signers' own account, on disk, before it leaves. */
static bool set_down(struct desk *d, const struct proto_sign *o,
                     const struct proto_signed *made, struct err *e)
{
    struct witness_signed s = {.decision = &o->authority,
                               .key = d->s.config->keys[warrant_key(d->warrant)].name,
                               .originator = &warrant_key_cert(d->warrant)->eui,
                               .counter = o->counter,
                               .n = made->n,
                               .rows = o->rows,
                               .sigs = made->sigs};

    return made->n == 0 || witness_signed(&d->witness, &s, clock_now(&d->s.clock), e);
}

static void say_why(struct proto_fail *f, const struct err *why)
{
    f->code = (uint32_t)why->code;
    (void)snprintf(f->id, sizeof f->id, "%s", why->id);
    (void)snprintf(f->text, sizeof f->text, "%s", why->text);
}

/* x is signed as far as it comes; why: it came no further. */
static bool settle(struct desk *d, struct due *x, const struct err *why, struct err *e)
{
    const struct proto_sign *o = &x->order;
    struct proto_signed *out = &x->reply.u.signed_;
    bool wrong = why != NULL && why->code != ERR_TOKEN; /* should not have been given */

    if (wrong)
        out->spent = o->n;
    /* what leaves stays counted; the rest never leaves this process, though it may exist
     * half-way */
    memset(out->sigs + out->n, 0, (PROTO_ROWS - out->n) * sizeof out->sigs[0]);
    memset(out->macs + out->n, 0, (PROTO_ROWS - out->n) * sizeof out->macs[0]);
    if (!lease_unsigned(&d->lease, o->counter, o->rows, o->n, out->n, out->spent, e) &&
        why == NULL)
        return false;
    if (wrong) {
        *e = *why;
        return false;
    }
    x->reply.type = PROTO_SIGNED;
    out->counter = o->counter;
    out->count = count_now(d);
    if (why != NULL)
        say_why(&out->stop, why);
    return set_down(d, o, out, e);
}

/* All checks, before the first of its signatures; counted on disk; then to the token. */
static bool take_order(struct desk *d, struct due *x, struct err *e)
{
    const struct proto_sign *o = &x->order;
    struct err why;

    if (!may_sign(d, &o->authority, o->rows, o->n, e) || !witness_ready(&d->witness, e) ||
        !lease_spend(&d->lease, o->counter, o->rows, o->n, e))
        return false;
    x->under_way = begin(d, x, &why);
    return x->under_way || settle(d, x, &why, e);
}

static struct due *due_at(struct desk *d, size_t i)
{
    return &d->due[(d->first_due + i) % TOKEN_RUNS];
}

/* The oldest that is under way. False: the token failed. */
static bool end_order(struct desk *d, struct due *x)
{
    uint32_t seq = x->reply.seq;
    struct err e, why;
    bool ok = made(d, x, &why);

    x->under_way = false;
    if (!settle(d, x, ok ? NULL : &why, &e))
        desk_refuse(seq, &e, &x->reply);
    return ok;
}

/* What was taken ahead ends as it is, and counts back what was not signed. */
static void end_all(struct desk *d)
{
    for (size_t i = 0; i < d->n_due; i++)
        atomic_store(&due_at(d, i)->run.stop, true);
    for (size_t i = 0; i < d->n_due; i++)
        if (due_at(d, i)->under_way)
            (void)end_order(d, due_at(d, i));
}

/* The service lost the answers, or the signer that made them: within a small budget these
 * rows may be signed once more (spent.h). */
static bool do_lost(struct desk *d, const struct proto *in, struct proto *reply,
                    struct err *e)
{
    const struct proto_lost *o = &in->u.lost;

    if (!may_sign(d, &o->authority, o->rows, o->n, e) ||
        !spent_claim(d->lease.spent, o->rows, o->n, &reply->u.granted.n, e))
        return false;
    reply->type = PROTO_GRANTED;
    reply->u.granted.count = count_now(d);
    return true;
}

/* --- the rest --- */

static bool do_hello(struct desk *d, const struct proto *in, struct proto *reply,
                     struct err *e)
{
    const struct config *c = d->s.config;

    if (d->token != NULL)
        return err_set(e, ERR_INPUT, "signer.order", "HELLO twice");
    if (!d->s.open_token(d->s.arg, c, d->s.trust, in->u.hello.token, &d->token, e))
        return false;
    reply->type = PROTO_READY;
    (void)snprintf(reply->u.ready.what, sizeof reply->u.ready.what, "%.127s",
                   d->token->what);
    for (size_t i = 0; i < c->n_keys; i++) {
        struct proto_unusable *u = &reply->u.ready.unusable[i];
        struct err why;

        if (strcmp(c->keys[i].token, in->u.hello.token) != 0)
            continue;
        if (d->token->ops->has_key(d->token, i, &why)) {
            reply->u.ready.keys |= 1u << i;
            continue;
        }
        (void)snprintf(u->id, sizeof u->id, "%s", why.id);
        (void)snprintf(u->text, sizeof u->text, "%.159s", why.text);
    }
    for (size_t i = 0; i < c->n_tokens; i++)
        if (strcmp(c->tokens[i].name, in->u.hello.token) == 0)
            reply->u.ready.sessions = c->tokens[i].sessions;
    reply->u.ready.pid = (uint32_t)getpid();
    reply->u.ready.list = d->revoked.id;
    reply->u.ready.audit = d->token->audit;
    return true;
}

/* A signed head of the account; the service names how far its own trail is. */
static bool do_head(struct desk *d, const struct proto *in, struct proto *reply,
                    struct err *e)
{
    struct audit_head h = {.service_records = in->u.head.records,
                           .service_hash = in->u.head.hash};

    if (!witness_head(&d->witness, d->token, clock_now(&d->s.clock), &h, e))
        return false;
    reply->type = PROTO_HEADED;
    memcpy(reply->u.headed.chain, h.chain, sizeof h.chain);
    reply->u.headed.records = h.records;
    reply->u.headed.hash = h.hash;
    reply->u.headed.sig = h.sig;
    return true;
}

/* The document that came with a REVOKE: is it the one that is named, and would it count
 * here? Only such a one is worth a place in the token, and only its window is believed; it
 * ends, besides, what it superseded. */
static bool is_paper(struct desk *d, int fd, const struct digest *what, int64_t *window_us,
                     bool *counts, struct err *e)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct mapped cms = {0};
    struct err why;
    bool ok;

    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!map_sealed(fd, "authority", AUTHORITY_CMS_MAX, false, &cms, e))
        return false;
    *counts = trust_judge(d->s.trust, span_of(cms.at, cms.len), NULL,
                          clock_now(&d->s.clock), a, NULL, &why) &&
              digest_equal(&a->digest, what);
    if (*counts)
        *window_us = a->valid_to_us;
    ok = !*counts || heed(d, a, e);
    (void)munmap(cms.at, cms.len);
    return ok;
}

static bool do_revoke(struct desk *d, const struct proto *in, const int fds[], size_t n_fds,
                      struct proto *reply, struct err *e)
{
    const struct digest *what = &in->u.revoke.authority;
    int64_t window_us = spent_window(d->counts, what);
    bool counts = false;
    char hex[HEX_LEN(32)];

    if (n_fds > 0 && !is_paper(d, fds[0], what, &window_us, &counts, e))
        return false;
    if (d->warrant != NULL && (digest_equal(&warrant_authority(d->warrant)->digest, what) ||
                               (warrant_activation(d->warrant) != NULL &&
                                digest_equal(warrant_activation(d->warrant), what)))) {
        window_us = warrant_authority(d->warrant)->valid_to_us;
        close_warrant(d);
    }
    hex_encode_lower(what->b, 32, hex);
    reply->type = PROTO_REVOKED;
    return revoked_add(&d->revoked, hex, window_us, clock_now(&d->s.clock), e) &&
           (!counts || d->token == NULL || lease_end(d->token, what, e));
}

static bool answer(struct desk *d, const struct proto *in, const int fds[], size_t n_fds,
                   struct due *x, struct err *e)
{
    struct proto *reply = &x->reply;

    if (in->type != PROTO_HELLO && in->type != PROTO_REVOKE && d->token == NULL)
        return err_set(e, ERR_INPUT, "signer.order", "a record before HELLO");
    if (in->type != PROTO_OPEN && n_fds > (in->type == PROTO_REVOKE))
        return err_set(e, ERR_INPUT, "signer.record",
                       "descriptors with a record of type %d", (int)in->type);
    switch (in->type) {
    case PROTO_HELLO:
        return do_hello(d, in, reply, e);
    case PROTO_OPEN:
        if (do_open(d, in, fds, n_fds, reply, e))
            return true;
        close_warrant(d);
        return false;
    case PROTO_RESERVE:
        return do_reserve(d, in, reply, e);
    case PROTO_SIGN:
        x->order = in->u.sign;
        return take_order(d, x, e);
    case PROTO_LOST:
        return do_lost(d, in, reply, e);
    case PROTO_REVOKE:
        return do_revoke(d, in, fds, n_fds, reply, e);
    case PROTO_PROBE:
        reply->type = PROTO_PROBED;
        return d->token->ops->probe(d->token, e);
    case PROTO_HEAD:
        return do_head(d, in, reply, e);
    case PROTO_MARK:
        reply->type = PROTO_MARKED;
        return d->token->ops->mark_get(d->token, &in->u.mark.originator,
                                       &reply->u.marked.mark, e);
    case PROTO_READY:
    case PROTO_OPENED:
    case PROTO_RESERVED:
    case PROTO_SIGNED:
    case PROTO_REVOKED:
    case PROTO_PROBED:
    case PROTO_MARKED:
    case PROTO_FAIL:
    case PROTO_GRANTED:
    case PROTO_HEADED:
    case PROTO_TYPES:
        break;
    }
    return err_set(e, ERR_INPUT, "signer.record", "a signer takes no record of type %d",
                   (int)in->type);
}

void desk_refuse(uint32_t seq, const struct err *why, struct proto *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->type = PROTO_FAIL;
    reply->seq = seq;
    say_why(&reply->u.fail, why);
}

bool desk_room(const struct desk *d)
{
    size_t key;

    /* a MAC is made while nothing is signed */
    return d->n_due == 0 || (d->n_due < TOKEN_RUNS && !makes_macs(d, &key));
}

void desk_take(struct desk *d, const struct proto *in, int fds[], size_t n_fds)
{
    struct due *x = due_at(d, d->n_due);
    struct err e = {0};

    assert(d->n_due == 0 || (in->type == PROTO_SIGN && desk_room(d)));
    atomic_fetch_add(&d->taken, 1);
    memset(x, 0, sizeof *x);
    x->run.d = d;
    x->reply.seq = in->seq;
    d->n_due++;
    if (!answer(d, in, fds, n_fds, x, &e))
        desk_refuse(in->seq, &e, &x->reply);
    for (size_t i = 0; i < n_fds; i++)
        (void)close(fds[i]);
}

bool desk_give(struct desk *d, struct proto *reply)
{
    struct due *x = due_at(d, 0);

    if (d->n_due == 0)
        return false;
    if (x->under_way && !end_order(d, x))
        end_all(d);
    *reply = x->reply;
    d->first_due = (d->first_due + 1) % TOKEN_RUNS;
    d->n_due--;
    return true;
}

bool desk_new(const struct desk_setup *s, struct desk **out, struct err *e)
{
    struct desk *d = calloc(1, sizeof *d);

    if (d == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    d->s = *s;
    atomic_init(&d->taken, 1);
    lease_none(&d->lease);
    witness_none(&d->witness);
    (void)snprintf(d->account, sizeof d->account, "%s/account.jsonl", s->state_dir);
    (void)snprintf(d->revoked_path, sizeof d->revoked_path, "%s/revoked", s->state_dir);
    (void)snprintf(d->counts, sizeof d->counts, "%s/counts", s->state_dir);
    if (!revoked_open(d->revoked_path, d->counts, clock_now(&d->s.clock), &d->revoked, e) ||
        !witness_open(d->account, d->counts, clock_now(&d->s.clock), &d->witness, e) ||
        !spent_folder(d->counts, clock_now(&d->s.clock), e)) {
        desk_free(d);
        return false;
    }
    *out = d;
    return true;
}

void desk_free(struct desk *d)
{
    if (d == NULL)
        return;
    end_all(d);
    close_warrant(d);
    if (d->token != NULL)
        d->token->ops->close(d->token);
    witness_done(&d->witness);
    revoked_done(&d->revoked);
    free(d);
}

int desk_beside(const struct desk *d, const struct proto *reply)
{
    return reply->type == PROTO_READY ? witness_reader(&d->witness) : -1;
}
