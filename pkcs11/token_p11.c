/* SPDX-License-Identifier: MIT */
#include "token_p11.h"

#include "mem.h"
#include "p11_agree.h"
#include "p11_key.h"
#include "p11_number.h"
#include "p11_pool.h"
#include "verify.h"
#include "watermark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

static const char probe_text[] = "smki-recovery probe, not a command";

struct token_p11 {
    struct token port; /* first: a struct token * is a struct token_p11 * */
    const struct config *config;
    const struct trust *trust;
    const struct config_token *token;
    struct token_p11_note *note;
    struct session s;
    struct p11_pool *pool;
    struct p11_key probe, audit; /* none of them signs commands */
    EVP_PKEY *probe_pkey, *audit_pkey;
    uint64_t probes;
    bool copied; /* at least one key is used as a session copy */
    struct {
        bool found;
        struct p11_key key;
    } keys[CONFIG_KEYS_MAX];
};

static bool anew(struct token_p11 *p, struct err *e);

static struct token_p11 *self(struct token *t)
{
    return (struct token_p11 *)t;
}

/* After what calls for a fresh process: no more. */
static bool usable(struct token_p11 *p, struct err *e)
{
    p->note->worst = p->s.worst;
    return p->s.worst == P11_FINE ||
           err_set(e, ERR_TOKEN, "token.spent", "this signer process is about to end");
}

/* Hand the class of what happened to main. */
static bool told(struct token_p11 *p, bool ok)
{
    p->note->worst = p->s.worst;
    return ok;
}

static enum p11_use use_of(const struct token_p11 *p, size_t key)
{
    if (p->trust->keys[key].present)
        return p->trust->keys[key].cert.at[0].usage == KU_KEY_AGREEMENT ? P11_USE_DERIVE
                                                                        : P11_USE_SIGN;
    return p11_key_use(p->config->keys[key].name);
}

static bool bind_key(struct token_p11 *p, size_t key, struct err *e)
{
    const struct config_key *k = &p->config->keys[key];
    struct p11_key found;

    if (p->keys[key].found)
        return true;
    if (strcmp(k->token, p->token->name) != 0)
        return err_set(e, ERR_TOKEN, "token.key-missing", "%s: lives on token %s", k->name,
                       k->token);
    if (!p->trust->keys[key].present)
        return err_set(e, ERR_TOKEN, "token.key-certificate", "%s: %s", k->name,
                       p->trust->keys[key].missing);
    if (!p11_key_find(&p->s, k->name, k->id, k->label, use_of(p, key), &found, e))
        return false;
    if (memcmp(found.point.b, p->trust->keys[key].cert.at[0].point.b,
               sizeof found.point.b) != 0)
        return err_set(e, ERR_TOKEN, "token.key-mismatch",
                       "%s: the token's public key is not the one in %s", k->name,
                       k->certificate);
    if (p->token->copy_key && use_of(p, key) == P11_USE_SIGN)
        p->copied |= p11_key_copy(&p->s, &found);
    p->keys[key].key = found;
    p->keys[key].found = true;
    return true;
}

static bool p11_has_key(struct token *t, size_t key, struct err *e)
{
    struct token_p11 *p = self(t);

    return usable(p, e) && told(p, bind_key(p, key, e));
}

static bool p11_begin(struct token *t, size_t key, const struct digest d[],
                      struct sig_p256 out[], size_t n, bool (*go_on)(void *), void *arg,
                      struct err *e)
{
    struct token_p11 *p = self(t);

    if (!usable(p, e) || !told(p, bind_key(p, key, e)))
        return false;
    if (use_of(p, key) != P11_USE_SIGN)
        return err_set(e, ERR_TOKEN, "token.key-attributes", "%s: not a signing key",
                       p->config->keys[key].name);
    return told(p,
                p11_pool_begin(p->pool, p->keys[key].key.in_use, d, out, n, go_on, arg, e));
}

static bool p11_finish(struct token *t, struct token_run *run, struct err *e)
{
    struct token_p11 *p = self(t);

    if (!told(p, p11_pool_finish(p->pool, run, e)))
        return false;
    if (run->done > 0)
        session_proven(&p->s);
    return true;
}

static struct digest probe_digest(struct token_p11 *p)
{
    uint8_t tail[16];
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    put_be64(tail, ++p->probes);
    put_be64(tail + 8, (uint64_t)now.tv_sec);
    return digest_of(span_of(probe_text, sizeof probe_text - 1),
                     span_of(tail, sizeof tail));
}

static bool probe_all(struct token_p11 *p, struct err *e)
{
    for (unsigned i = 0; i < p->token->sessions; i++) {
        struct digest d = probe_digest(p);
        struct sig_p256 sig;

        if (!p11_pool_sign_on(p->pool, i, p->probe.token, &d, &sig, e))
            return err_wrap(e, "probe, session %u", i);
        if (!verify_one(p->probe_pkey, &d, &sig)) {
            if (p->s.worst < P11_STOP)
                p->s.worst = P11_STOP; /* a token that signs wrongly is not to be used */
            return err_set(e, ERR_TOKEN, "token.probe",
                           "session %u: the probe key's signature is wrong", i);
        }
    }
    session_proven(&p->s);
    return true;
}

static bool p11_probe(struct token *t, struct err *e)
{
    struct token_p11 *p = self(t);

    return usable(p, e) && told(p, probe_all(p, e));
}

static bool p11_mark_get(struct token *t, const struct eui64 *originator, uint64_t *mark,
                         struct err *e)
{
    struct token_p11 *p = self(t);

    return usable(p, e) &&
           told(p, watermark_get(&p->s, originator, mark, e) ||
                       (anew(p, e) && watermark_get(&p->s, originator, mark, e)));
}

static bool p11_mark_raise(struct token *t, const struct eui64 *originator, uint64_t first,
                           uint64_t last, struct err *e)
{
    struct token_p11 *p = self(t);

    return usable(p, e) &&
           told(p, watermark_raise(&p->s, originator, first, last, e) ||
                       (anew(p, e) && watermark_raise(&p->s, originator, first, last, e)));
}

static bool p11_count_get(struct token *t, const struct digest *decision, uint64_t *step,
                          uint64_t *drawn, struct err *e)
{
    struct token_p11 *p = self(t);

    return usable(p, e) && told(p, watermark_count_get(&p->s, decision, step, drawn, e) ||
                                       (anew(p, e) && watermark_count_get(&p->s, decision,
                                                                          step, drawn, e)));
}

static bool p11_count_set(struct token *t, const struct digest *decision, uint64_t from,
                          uint64_t drawn, struct err *e)
{
    struct token_p11 *p = self(t);

    return usable(p, e) && told(p, watermark_count_set(&p->s, decision, from, drawn, e) ||
                                       (anew(p, e) && watermark_count_set(&p->s, decision,
                                                                          from, drawn, e)));
}

static bool seal_once(struct token_p11 *p, const struct digest *d, struct sig_p256 *out,
                      struct err *e)
{
    struct token_run run;

    return p11_pool_begin(p->pool, p->audit.token, d, out, 1, NULL, NULL, e) &&
           p11_pool_finish(p->pool, &run, e);
}

static bool p11_seal(struct token *t, const struct digest *d, struct sig_p256 *out,
                     struct err *e)
{
    struct token_p11 *p = self(t);
    bool ok;

    if (!usable(p, e))
        return false;
    ok = seal_once(p, d, out, e);
    if (!ok && p->s.worst == P11_FINE) /* a fresh session may do; a head has no counter */
        ok = seal_once(p, d, out, e);
    if (!told(p, ok))
        return false;
    if (verify_one(p->audit_pkey, d, out))
        return true;
    p->s.worst = P11_STOP; /* a token that signs wrongly is not to be used */
    (void)told(p, false);
    return err_set(e, ERR_TOKEN, "token.audit-key", "the audit key's signature is wrong");
}

static bool agree(struct token *t, size_t key, const struct point *peer, uint8_t z[32],
                  struct err *e)
{
    struct token_p11 *p = self(t);

    if (!usable(p, e) || !told(p, bind_key(p, key, e)))
        return false;
    if (use_of(p, key) != P11_USE_DERIVE)
        return err_set(e, ERR_TOKEN, "token.key-attributes", "%s: not for key agreement",
                       p->config->keys[key].name);
    return told(p, p11_agree(&p->s, p->keys[key].key.in_use, peer, z, e));
}

static void p11_close(struct token *t)
{
    struct token_p11 *p = self(t);

    p11_pool_free(p->pool);
    EVP_PKEY_free(p->probe_pkey);
    EVP_PKEY_free(p->audit_pkey);
    session_close(&p->s);
    free(p);
}

static const struct token_ops ops = {
    .begin = p11_begin,
    .finish = p11_finish,
    .probe = p11_probe,
    .has_key = p11_has_key,
    .mark_get = p11_mark_get,
    .mark_raise = p11_mark_raise,
    .count_get = p11_count_get,
    .count_set = p11_count_set,
    .agree = agree,
    .seal = p11_seal,
    .close = p11_close,
};

static void say_what(struct token_p11 *p)
{
    for (size_t i = 0; i < p->config->n_keys; i++) {
        struct err ignored;

        if (strcmp(p->config->keys[i].token, p->token->name) == 0)
            (void)bind_key(p, i, &ignored);
    }
    (void)snprintf(
        p->port.what, sizeof p->port.what,
        "%.16s, token %.32s, serial %.16s, %u session%s, %s%s", p->s.model, p->token->label,
        p->token->serial, p->token->sessions, p->token->sessions == 1 ? "" : "s",
        p->copied ? "session key copy" : "token key", p->s.in_file ? ", file marks" : "");
}

/* A key that signs nothing that a device takes: it has its own id, and is none of the keys
 * under another. */
static bool find_own(struct token_p11 *p, const char *name, const char *id,
                     struct p11_key *out, EVP_PKEY **pkey, struct err *e)
{
    if (!p11_key_find(&p->s, name, id, NULL, P11_USE_SIGN, out, e)) {
        /* a lost token looks like an empty one: a fresh process may find the key again */
        if (p->s.worst == P11_FINE)
            p->s.worst = strcmp(e->id, "token.key-missing") == 0 ? P11_REBUILD : P11_STOP;
        return false;
    }
    for (size_t i = 0; i < p->config->n_keys; i++)
        if (p->trust->keys[i].present && memcmp(p->trust->keys[i].cert.at[0].point.b,
                                                out->point.b, sizeof out->point.b) == 0) {
            p->s.worst = P11_STOP;
            return err_set(e, ERR_TOKEN, "token.key-mismatch", "the %s is key %s", name,
                           p->config->keys[i].name);
        }
    *pkey = verify_key(&out->point);
    return *pkey != NULL ||
           err_set(e, ERR_STORE, "store.memory", "no memory for the %s", name);
}

static bool open_all(struct token_p11 *p, const char *token, struct err *e)
{
    if (!session_open(&p->s, p->config, token, false, e))
        return false;
    p->token = config_token_find(p->config, token);
    if (!find_own(p, "probe key", p->token->probe_id, &p->probe, &p->probe_pkey, e) ||
        !find_own(p, "audit key", p->token->audit_id, &p->audit, &p->audit_pkey, e))
        return false;
    p->port.audit = p->audit.point;
    if (!p11_number_possible(&p->s, e)) {
        if (p->s.worst == P11_FINE)
            p->s.worst = P11_STOP;
        return false;
    }
    if (!p11_pool_new(&p->s, p->token->sessions, &p->pool, e) || !probe_all(p, e))
        return false;
    say_what(p);
    return p->s.worst == P11_FINE ||
           err_set(e, ERR_TOKEN, "token.lost", "the token was lost while keys were found");
}

/* Some modules show what other processes did to the token only after C_Initialize. No thread
 * is inside the module now, and every handle is found again: a second login of this process
 * is as good as a fresh process. False, and *e as it was: that is not what is the matter. */
static bool anew(struct token_p11 *p, struct err *e)
{
    const struct session_seen anew_for = p->s.anew_for;

    if (!p->s.stale)
        return false;
    p11_pool_free(p->pool);
    EVP_PKEY_free(p->probe_pkey);
    EVP_PKEY_free(p->audit_pkey);
    p->pool = NULL;
    p->probe_pkey = p->audit_pkey = NULL;
    memset(p->keys, 0, sizeof p->keys);
    session_close(&p->s);
    if (open_all(p, p->token->name, e)) {
        p->s.anew_for = anew_for;
        return true;
    }
    if (p->s.worst == P11_FINE)
        p->s.worst = P11_REBUILD; /* half open: of no more use */
    return false;
}

bool token_p11_open(void *note, const struct config *c, const struct trust *t,
                    const char *token, struct token **out, struct err *e)
{
    struct token_p11 *p = calloc(1, sizeof *p);

    if (p == NULL)
        return err_set(e, ERR_STORE, "store.memory", "no memory for the token");
    p->port.ops = &ops;
    p->config = c;
    p->trust = t;
    p->note = note;
    if (!open_all(p, token, e)) {
        told(p, false);
        p11_close(&p->port);
        return false;
    }
    p->note->worst = P11_FINE;
    p->note->pin_memory_unlocked = !p->s.pin_memory_locked;
    *out = &p->port;
    return true;
}
