/* SPDX-License-Identifier: MIT */
#include "shares.h"

#include "ceremony_file.h"
#include "mem.h"
#include "name.h"

#include <libgfshare.h>
#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SCHEMA   "smki-recovery/share/1"
#define FILE_MAX 4096
#define HEAP     ((size_t)256 * 1024)

/* --- memory and chance --- */

void shares_heap(void)
{
    if (CRYPTO_secure_malloc_initialized() == 0)
        (void)CRYPTO_secure_malloc_init(HEAP, 16);
}

static void *secure(size_t len)
{
    shares_heap();
    return CRYPTO_secure_malloc_initialized() ? OPENSSL_secure_zalloc(len) : NULL;
}

struct share *shares_new(size_t n)
{
    return secure((n > 0 ? n : 1) * sizeof(struct share));
}

uint8_t *shares_secret_new(void)
{
    return secure(SHARES_SECRET);
}

void shares_free(struct share *s, size_t n)
{
    OPENSSL_secure_clear_free(s, (n > 0 ? n : 1) * sizeof *s);
}

void shares_secret_free(uint8_t *secret)
{
    OPENSSL_secure_clear_free(secret, SHARES_SECRET);
}

void shares_random(void *at, size_t len)
{
    uint8_t *p = at;

    while (len > 0) {
        ssize_t got = getrandom(p, len < 256 ? len : 256, 0);

        if (got <= 0)
            abort(); /* a share made of something else would give the secret away */
        p += got;
        len -= (size_t)got;
    }
}

static void fill(unsigned char *at, unsigned len)
{
    shares_random(at, len);
}

void shares_new_id(char out[static CUSTODY_ID_LEN + 1])
{
    uint8_t id[CUSTODY_ID_LEN / 2];

    shares_random(id, sizeof id);
    hex_encode_lower(id, sizeof id, out);
}

/* --- commitments --- */

static struct digest commitment_of(const struct share *s)
{
    char text[512];
    int n = snprintf(
        text, sizeof text, "smki-recovery share\n%s\n%u\n%u\n%u\n%u\n%s\n%s\n%s\n", s->set,
        s->version, s->threshold, s->of, s->index, s->who.name, s->who.party, s->salt);

    return digest_of(span_of(text, (size_t)n), span_of(s->octets, sizeof s->octets));
}

static struct digest commitment_to(const struct custody_set *set,
                                   const uint8_t secret[SHARES_SECRET])
{
    char text[128];
    int n = snprintf(text, sizeof text, "smki-recovery secret\n%s\n%u\n%u\n%zu\n", set->id,
                     set->version, set->threshold, set->n);

    return digest_of(span_of(text, (size_t)n), span_of(secret, SHARES_SECRET));
}

/* --- split and combine --- */

bool shares_split(struct custody_set *set, const uint8_t secret[SHARES_SECRET],
                  struct share out[], struct err *e)
{
    unsigned char numbers[CUSTODY_MEMBERS_MAX];
    unsigned char copy[SHARES_SECRET];
    gfshare_ctx *g;

    if (!custody_check(set, e))
        return false;
    for (size_t i = 0; i < set->n; i++)
        numbers[i] = (unsigned char)(i + 1);
    gfshare_fill_rand = fill;
    g = gfshare_ctx_init_enc(numbers, (unsigned)set->n, (unsigned char)set->threshold,
                             SHARES_SECRET);
    if (g == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    memcpy(copy, secret, sizeof copy);
    gfshare_ctx_enc_setsecret(g, copy);
    OPENSSL_cleanse(copy, sizeof copy);
    set->secret = commitment_to(set, secret);
    for (size_t i = 0; i < set->n; i++) {
        out[i] = (struct share){.version = set->version,
                                .threshold = set->threshold,
                                .of = (uint32_t)set->n,
                                .index = (uint32_t)i + 1,
                                .who = set->members[i].who};
        memcpy(out[i].set, set->id, sizeof out[i].set);
        shares_new_id(out[i].salt);
        gfshare_ctx_enc_getshare(g, (unsigned char)i, out[i].octets);
        out[i].commitment = set->members[i].commitment = commitment_of(&out[i]);
    }
    gfshare_ctx_free(g); /* fills it with chance before */
    return true;
}

static bool fits(const struct custody_set *set, const struct share *s, struct err *e)
{
    const struct custody_member *m;
    struct digest d;

    if (strcmp(s->set, set->id) != 0)
        return err_set(e, ERR_DENIED, "share.set", "the share of %s is of set %s, not %s",
                       s->who.name, s->set, set->id);
    if (s->version != set->version)
        return err_set(e, ERR_DENIED, "share.version",
                       "the share of %s is of version %u of its set, not %u", s->who.name,
                       s->version, set->version);
    d = commitment_of(s);
    m = s->index >= 1 && s->index <= set->n ? &set->members[s->index - 1] : NULL;
    if (m == NULL || !digest_equal(&d, &m->commitment))
        return err_set(e, ERR_DENIED, "share.commitment",
                       "the share of %s is not the one that was given out", s->who.name);
    return true;
}

static bool apart(const struct share in[], size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (in[i].index == in[k].index || name_same(in[i].who.party, in[k].who.party))
                return err_set(e, ERR_DENIED, "share.party",
                               "the shares of %s and %s are both of %s: one counts",
                               in[k].who.name, in[i].who.name, in[i].who.party);
    return true;
}

static bool put_together(const struct share in[], size_t n, uint8_t secret[SHARES_SECRET])
{
    unsigned char numbers[CUSTODY_MEMBERS_MAX];
    unsigned char octets[SHARES_SECRET];
    gfshare_ctx *g;

    for (size_t i = 0; i < n; i++)
        numbers[i] = (unsigned char)in[i].index;
    gfshare_fill_rand = fill;
    g = gfshare_ctx_init_dec(numbers, (unsigned)n, SHARES_SECRET);
    if (g == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        memcpy(octets, in[i].octets, sizeof octets);
        gfshare_ctx_dec_giveshare(g, (unsigned char)i, octets);
    }
    OPENSSL_cleanse(octets, sizeof octets);
    gfshare_ctx_dec_extract(g, secret);
    gfshare_ctx_free(g);
    return true;
}

bool shares_combine(const struct custody_set *set, const struct share in[], size_t n,
                    bool proven[CUSTODY_MEMBERS_MAX], uint8_t secret[SHARES_SECRET],
                    struct err *e)
{
    struct digest d;

    memset(proven, 0, CUSTODY_MEMBERS_MAX * sizeof *proven);
    for (size_t i = 0; i < n; i++)
        if (!fits(set, &in[i], e))
            return false;
    if (!apart(in, n, e))
        return false;
    if (n < set->threshold)
        return err_set(e, ERR_DENIED, "share.few", "%zu shares; %u are needed", n,
                       set->threshold);
    if (!put_together(in, n, secret))
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    d = commitment_to(set, secret);
    if (!digest_equal(&d, &set->secret)) {
        OPENSSL_cleanse(secret, SHARES_SECRET);
        return err_set(e, ERR_DENIED, "share.secret",
                       "the shares are the ones given out, and what they give is not the "
                       "secret of set %s version %u",
                       set->id, set->version);
    }
    for (size_t i = 0; i < n; i++)
        proven[in[i].index - 1] = true;
    return true;
}

/* --- files --- */

bool shares_write(const struct share *s, const char *folder,
                  char path[static CONFIG_PATH_MAX], struct err *e)
{
    json_t *j = custody_person_json(&s->who);
    char *text = NULL;
    bool ok = false;

    if (j != NULL &&
        json_object_update_new(
            j, json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:s,s:o,s:o}", "schema", SCHEMA, "set",
                         s->set, "version", (int)s->version, "threshold", (int)s->threshold,
                         "of", (int)s->of, "index", (int)s->index, "salt", s->salt,
                         "commitment", custody_hex(s->commitment.b, 32), "share",
                         custody_hex(s->octets, sizeof s->octets))) == 0)
        text = json_dumps(j, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(j);
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (snprintf(path, CONFIG_PATH_MAX, "%s/share-%.8s-%u-%u.json", folder, s->set,
                 s->version, s->index) >= CONFIG_PATH_MAX)
        (void)err_set(e, ERR_INPUT, "share.form", "%s: the path is too long", folder);
    else
        ok = ceremony_file_write(path, 0600, text, e);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return ok;
}

static bool read_octets(struct strictjson_at *at, json_t *v,
                        const struct strictjson_member *f, void *base)
{
    const char *s = json_string_value(v);

    return (s != NULL &&
            hex_decode(s, strlen(s), (uint8_t *)base + f->offset, SHARES_SECRET)) ||
           strictjson_fail(at, "not 32 octets in hex");
}

bool shares_read(const char *path, struct share *out, struct err *e)
{
    static const char *const schemas[] = {SCHEMA, NULL};
#define NUMBER(name, member, least)                                                      \
    {                                                                                    \
        name, MUST, strictjson_number, STRICTJSON_AT(struct share, member), NULL, least, \
            INT32_MAX                                                                    \
    }
    static const struct strictjson_member members[] = {
        {"schema", MUST, strictjson_word, 0, 0, schemas, 0, 0},
        {"set", MUST, custody_read_id, STRICTJSON_AT(struct share, set), NULL, 0, 0},
        NUMBER("version", version, 1),
        NUMBER("threshold", threshold, 2),
        NUMBER("of", of, 2),
        NUMBER("index", index, 1),
        {"person", MUST, strictjson_text, STRICTJSON_AT(struct share, who.person), NULL, 1,
         0},
        {"name", MUST, strictjson_text, STRICTJSON_AT(struct share, who.name), NULL, 1, 0},
        {"party", MUST, strictjson_text, STRICTJSON_AT(struct share, who.party), NULL, 1,
         0},
        {"salt", MUST, custody_read_id, STRICTJSON_AT(struct share, salt), NULL, 0, 0},
        {"commitment", MUST, strictjson_digest, STRICTJSON_AT(struct share, commitment),
         NULL, 0, 0},
        {"share", MUST, read_octets, STRICTJSON_AT(struct share, octets), NULL, 0, 0},
        {0},
    };
#undef NUMBER

    return ceremony_file_read(path, FILE_MAX, "share.form", members, out, e);
}
