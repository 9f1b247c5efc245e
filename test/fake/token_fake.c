/* SPDX-License-Identifier: MIT */
#include "token_fake.h"

#include "mem.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct token_fake *fake(struct token *t)
{
    return (struct token_fake *)(void *)t;
}

static bool sign_one(EVP_PKEY *key, const struct digest *d, struct sig_p256 *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    ECDSA_SIG *sig = NULL;
    const uint8_t *at;
    uint8_t der[80];
    size_t len = sizeof der;
    bool ok;

    ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
         EVP_PKEY_sign(ctx, der, &len, d->b, sizeof d->b) == 1;
    at = der;
    if (ok)
        sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out->b, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), out->b + 32, 32) == 32;
    ECDSA_SIG_free(sig);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool fake_has_key(struct token *t, size_t key, struct err *e)
{
    if (key >= CONFIG_KEYS_MAX || fake(t)->keys[key] == NULL)
        return err_set(e, ERR_TOKEN, "token.key-missing", "there is no key %zu", key);
    return true;
}

static bool fake_begin(struct token *t, size_t key, const struct digest d[],
                       struct sig_p256 out[], size_t n, bool (*go_on)(void *), void *arg,
                       struct err *e)
{
    struct token_fake *f = fake(t);

    assert(f->n_runs < TOKEN_RUNS);
    f->calls++;
    if (!fake_has_key(t, key, e))
        return false;
    f->runs[f->n_runs++] = (struct token_fake_run){key, n, d, out, go_on, arg};
    return true;
}

static bool fake_finish(struct token *t, struct token_run *run, struct err *e)
{
    struct token_fake *f = fake(t);
    struct token_fake_run r = f->runs[0];

    assert(f->n_runs > 0);
    memmove(&f->runs[0], &f->runs[1], --f->n_runs * sizeof f->runs[0]);
    *run = (struct token_run){0, 0};
    while (run->done < r.n) {
        if (f->each_row != NULL)
            f->each_row(f->arg);
        if (!r.go_on(r.arg))
            return true;
        run->begun++;
        if (!sign_one(f->keys[r.key], &r.d[run->done], &r.out[run->done]))
            return err_set(e, ERR_TOKEN, "token.sign", "%s", err_openssl());
        run->done++;
        f->rows++;
    }
    return true;
}

bool token_sign(struct token *t, size_t key, const struct digest d[], struct sig_p256 out[],
                size_t n, bool (*go_on)(void *), void *arg, struct token_run *run,
                struct err *e)
{
    *run = (struct token_run){0, 0};
    return t->ops->begin(t, key, d, out, n, go_on, arg, e) && t->ops->finish(t, run, e);
}

static bool fake_probe(struct token *t, struct err *e)
{
    (void)e;
    fake(t)->probes++;
    return true;
}

static uint64_t *mark_of(struct token_fake *f, const struct eui64 *originator)
{
    for (size_t i = 0; i < f->n_marks; i++)
        if (eui64_cmp(&f->marks[i].originator, originator) == 0)
            return &f->marks[i].last;
    assert(f->n_marks < TOKEN_FAKE_MARKS);
    f->marks[f->n_marks].originator = *originator;
    return &f->marks[f->n_marks++].last;
}

static bool fake_mark_get(struct token *t, const struct eui64 *originator, uint64_t *mark,
                          struct err *e)
{
    (void)e;
    *mark = *mark_of(fake(t), originator);
    return true;
}

static bool fake_mark_raise(struct token *t, const struct eui64 *originator, uint64_t first,
                            uint64_t last, struct err *e)
{
    uint64_t *mark = mark_of(fake(t), originator);

    if (first <= *mark)
        return err_set(e, ERR_DENIED, "token.counter-mark",
                       "counters up to %llu may have been used", (unsigned long long)*mark);
    *mark = last;
    fake(t)->raises++;
    return true;
}

/* A place that nothing was counted at stands for each decision not asked for before. */
static size_t count_of(struct token_fake *f, const struct digest *decision)
{
    size_t i = 0;

    while (i < f->n_counts && !digest_equal(&f->counts[i].decision, decision))
        i++;
    if (i == f->n_counts) {
        assert(i < TOKEN_FAKE_MARKS);
        f->counts[f->n_counts++].decision = *decision;
    }
    return i;
}

static bool fake_count_get(struct token *t, const struct digest *decision, uint64_t *step,
                           uint64_t *drawn, struct err *e)
{
    size_t i = count_of(fake(t), decision);

    (void)e;
    *step = fake(t)->counts[i].step;
    *drawn = fake(t)->counts[i].drawn;
    return true;
}

static bool fake_count_set(struct token *t, const struct digest *decision, uint64_t from,
                           uint64_t drawn, struct err *e)
{
    size_t i = count_of(fake(t), decision);

    if (fake(t)->counts[i].step != from)
        return err_set(e, ERR_DENIED, "signer.count-lost", "it is at step %llu",
                       (unsigned long long)fake(t)->counts[i].step);
    fake(t)->counts[i].step++;
    fake(t)->counts[i].drawn = drawn;
    fake(t)->steps++;
    return true;
}

static bool fake_seal(struct token *t, const struct digest *d, struct sig_p256 *out,
                      struct err *e)
{
    if (fake(t)->audit == NULL || !sign_one(fake(t)->audit, d, out))
        return err_set(e, ERR_TOKEN, "token.audit-key", "there is no audit key");
    fake(t)->seals++;
    return true;
}

void token_fake_audit(struct token_fake *t, EVP_PKEY *key)
{
    size_t len;

    t->audit = key;
    if (EVP_PKEY_get_octet_string_param(key, "pub", t->base.audit.b, sizeof t->base.audit.b,
                                        &len) != 1)
        abort();
}

static void fake_close(struct token *t)
{
    fake(t)->closes++;
}

struct token *token_fake_init(struct token_fake *t, EVP_PKEY *const keys[], size_t n)
{
    static const struct token_ops ops = {.begin = fake_begin,
                                         .finish = fake_finish,
                                         .probe = fake_probe,
                                         .has_key = fake_has_key,
                                         .mark_get = fake_mark_get,
                                         .mark_raise = fake_mark_raise,
                                         .count_get = fake_count_get,
                                         .count_set = fake_count_set,
                                         .seal = fake_seal,
                                         .close = fake_close};

    memset(t, 0, sizeof *t);
    t->base.ops = &ops;
    (void)snprintf(t->base.what, sizeof t->base.what, "fake token, %zu keys", n);
    memcpy(t->keys, keys, n * sizeof keys[0]);
    return &t->base;
}

/* --- flaky --- */

static struct token_flaky *flaky(struct token *t)
{
    return (struct token_flaky *)(void *)t;
}

static bool flaky_begin(struct token *t, size_t key, const struct digest d[],
                        struct sig_p256 out[], size_t n, bool (*go_on)(void *), void *arg,
                        struct err *e)
{
    struct token_flaky *f = flaky(t);
    bool now = f->calls + f->n_runs + 1 == f->at || f->at == 0;

    if (!f->inner->ops->begin(f->inner, key, d, out,
                              now && f->way == FLAKY_SHORT  ? n / 2
                              : now && f->way == FLAKY_FAIL ? 0
                                                            : n,
                              go_on, arg, e))
        return false;
    f->runs[f->n_runs].out = out;
    f->runs[f->n_runs++].n = n;
    return true;
}

static bool flaky_finish(struct token *t, struct token_run *run, struct err *e)
{
    struct token_flaky *f = flaky(t);
    bool now = ++f->calls == f->at || f->at == 0;
    struct sig_p256 *out = f->runs[0].out;
    size_t n = f->runs[0].n;
    struct sig_p256 swap;

    memmove(&f->runs[0], &f->runs[1], --f->n_runs * sizeof f->runs[0]);
    if (now && f->way == FLAKY_STALL)
        f->stall(f->arg);
    if (!f->inner->ops->finish(f->inner, run, e))
        return false;
    if (now && f->way == FLAKY_FAIL) {
        run->begun = 1;
        return err_set(e, ERR_TOKEN, "token.sign", "it fails in call %llu",
                       (unsigned long long)f->calls);
    }
    if (now && f->way == FLAKY_FAIL_LATE) {
        run->done = n / 2;
        return err_set(e, ERR_TOKEN, "token.sign", "it fails late");
    }
    if (now && f->way == FLAKY_SPOIL && run->done > 0)
        out[run->done - 1].b[63] ^= 1;
    if (now && f->way == FLAKY_SWAP && run->done > 1) {
        swap = out[0];
        out[0] = out[run->done - 1];
        out[run->done - 1] = swap;
    }
    return true;
}

static bool flaky_probe(struct token *t, struct err *e)
{
    if (flaky(t)->way == FLAKY_FAIL)
        return err_set(e, ERR_TOKEN, "token.sign", "the probe fails");
    return flaky(t)->inner->ops->probe(flaky(t)->inner, e);
}

static bool flaky_has_key(struct token *t, size_t key, struct err *e)
{
    if (flaky(t)->way == FLAKY_NO_KEY)
        return err_set(e, ERR_TOKEN, "token.key-missing", "it has no key today");
    return flaky(t)->inner->ops->has_key(flaky(t)->inner, key, e);
}

static bool flaky_mark_get(struct token *t, const struct eui64 *originator, uint64_t *mark,
                           struct err *e)
{
    return flaky(t)->inner->ops->mark_get(flaky(t)->inner, originator, mark, e);
}

static bool flaky_mark_raise(struct token *t, const struct eui64 *originator,
                             uint64_t first, uint64_t last, struct err *e)
{
    if (flaky(t)->way == FLAKY_NO_MARK)
        return err_set(e, ERR_TOKEN, "token.mark", "it cannot write its mark");
    return flaky(t)->inner->ops->mark_raise(flaky(t)->inner, originator, first, last, e);
}

static bool flaky_count_get(struct token *t, const struct digest *decision, uint64_t *step,
                            uint64_t *drawn, struct err *e)
{
    return flaky(t)->inner->ops->count_get(flaky(t)->inner, decision, step, drawn, e);
}

static bool flaky_count_set(struct token *t, const struct digest *decision, uint64_t from,
                            uint64_t drawn, struct err *e)
{
    if (flaky(t)->way == FLAKY_NO_COUNT)
        return err_set(e, ERR_TOKEN, "token.mark", "it cannot write its count");
    return flaky(t)->inner->ops->count_set(flaky(t)->inner, decision, from, drawn, e);
}

static bool flaky_seal(struct token *t, const struct digest *d, struct sig_p256 *out,
                       struct err *e)
{
    if (flaky(t)->way == FLAKY_NO_SEAL)
        return err_set(e, ERR_TOKEN, "token.audit-key", "it cannot sign a head");
    return flaky(t)->inner->ops->seal(flaky(t)->inner, d, out, e);
}

static void flaky_close(struct token *t)
{
    flaky(t)->inner->ops->close(flaky(t)->inner);
}

struct token *token_flaky_init(struct token_flaky *t, struct token *inner,
                               enum flaky_way way, uint64_t at)
{
    static const struct token_ops ops = {.begin = flaky_begin,
                                         .finish = flaky_finish,
                                         .probe = flaky_probe,
                                         .has_key = flaky_has_key,
                                         .mark_get = flaky_mark_get,
                                         .mark_raise = flaky_mark_raise,
                                         .count_get = flaky_count_get,
                                         .count_set = flaky_count_set,
                                         .seal = flaky_seal,
                                         .close = flaky_close};

    memset(t, 0, sizeof *t);
    t->base.ops = &ops;
    (void)snprintf(t->base.what, sizeof t->base.what, "flaky token");
    t->inner = inner;
    t->way = way;
    t->at = at;
    return &t->base;
}
