/* SPDX-License-Identifier: MIT
 *
 * ceremony destroy, prune - what is taken out of a token, and the look that it is gone.
 *
 * A module may go on showing what is no more, or keep a copy for itself: so the look is a
 * new login after C_Finalize, not the session that destroyed it.
 *
 * prune takes away "decision-count" objects (watermark.h) of decisions and activations whose
 * window closed more than a day ago: nothing can be signed under them again, by any copy of
 * any file. The document is asked, not the service: its digest is the object's name, so it
 * needs no other proof. Counter marks always stay.
 */
#include "authority.h"
#include "ceremony.h"
#include "clock.h"
#include "mem.h"
#include "owner.h"
#include "p11_generate.h"
#include "p11_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DAY_US  INT64_C(86400000000)
#define OBJECTS 16
#define CMS_MAX ((size_t)1024 * 1024)

/* --- destroy --- */

static bool is_public(const char *hex, const struct point *p)
{
    struct digest is = digest_of(span_of(p->b, sizeof p->b), span_of(NULL, 0)), want;

    return hex_decode(hex, strlen(hex), want.b, sizeof want.b) && digest_equal(&is, &want);
}

static bool destroy_by_id(struct ceremony *c, const struct config_key *k, struct err *e)
{
    CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    struct p11_id id;

    if (!p11_id_parse(k->id, k->name, &id, e))
        return false;
    for (size_t i = 0; i < 2; i++) {
        CK_ATTRIBUTE by[] = {{CKA_CLASS, &classes[i], sizeof classes[i]},
                             {CKA_ID, id.id, id.len}};
        CK_OBJECT_HANDLE at[OBJECTS];
        CK_ULONG n;

        if (!p11_search(&c->session, by, 2, at, OBJECTS, &n, e))
            return false;
        for (CK_ULONG o = 0; o < n; o++)
            if (!p11_wrap_destroy(&c->session, at[o], e))
                return false;
    }
    return true;
}

/* By a module that has begun anew. */
static bool is_gone(struct ceremony *c, const struct config_key *k, struct err *e)
{
    session_close(&c->session);
    if (!session_open(&c->session, &c->config, k->token, true, e))
        return err_wrap(e, "destroyed; whether it is gone could not be looked up");
    if (p11_id_free(&c->session, k->name, k->id, e))
        return true;
    return strcmp(e->id, "token.key-exists") == 0
               ? err_set(e, ERR_TOKEN, "ceremony.destroyed",
                         "%s: the token said that it is destroyed and shows it still",
                         k->name)
               : false;
}

int ceremony_destroy(struct ceremony *c)
{
    const struct config_key *k = ceremony_key(c);
    struct p11_key key;
    struct err e;

    if (k == NULL)
        return EX_USAGE;
    if (!session_open(&c->session, &c->config, k->token, true, &e) ||
        !ceremony_find(c, k, &key, &e))
        return ceremony_failed(c, &e);
    if (c->public == NULL || !is_public(c->public, &key.point))
        return ceremony_wrong(
            "destroy wants --public SHA256, the digest of the public key as "
            "show prints it: it is the key that is meant, then");
    if (!ceremony_begin(c, CEREMONY_DESTROY, k->token, &e) || !destroy_by_id(c, k, &e))
        return ceremony_failed(c, &e);
    ceremony_did(c, k->name, k->id, &key.point);
    if (!is_gone(c, k, &e))
        return ceremony_failed(c, &e);
    (void)printf("key %s is destroyed: a new login does not find it\n", k->name);
    return ceremony_leave(c, &e,
                          "destroyed; the module was finalised and begun anew, and no "
                          "key of that id is there")
               ? 0
               : ceremony_failed(c, &e);
}

/* --- prune --- */

static bool read_file(const char *path, struct span *out, struct err *e)
{
    FILE *f = fopen(path, "re");
    uint8_t *at = f == NULL ? NULL : malloc(CMS_MAX);
    size_t n = at == NULL ? 0 : fread(at, 1, CMS_MAX, f);

    if (f != NULL)
        (void)fclose(f);
    *out = span_of(at, n);
    return (n > 0 && n < CMS_MAX) ||
           err_set(e, ERR_INPUT, "ceremony.prune", "%s: no document", path);
}

/* Its digest, once its window is over for good. */
static bool over(const char *path, int64_t now_us, struct digest *out, struct err *e)
{
    struct span cms = {0}, json = {0};
    struct authority *a = calloc(1, sizeof *a);
    bool ok = a != NULL && read_file(path, &cms, e) && authority_content(cms, &json, e) &&
              authority_parse(json, a, e);

    if (ok) {
        *out = digest_of(json, span_of(NULL, 0));
        ok =
            (a->valid_to_us > 0 && a->valid_to_us < now_us - DAY_US) ||
            err_set(e, ERR_DENIED, "ceremony.prune",
                    "%s: %s can be signed under, or its window is over for less than a day",
                    path, a->id);
    }
    free((void *)(uintptr_t)cms.at);
    free((void *)(uintptr_t)json.at);
    free(a);
    return ok;
}

static bool prune_one(struct ceremony *c, const struct digest *d, size_t *gone,
                      struct err *e)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    char hex[HEX_LEN(32)], label[P11_LABEL_MAX];
    CK_ATTRIBUTE by[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label, 0}};
    CK_OBJECT_HANDLE at[OBJECTS];
    CK_ULONG n;

    hex_encode_lower(d->b, sizeof d->b, hex);
    by[1].ulValueLen = (CK_ULONG)snprintf(label, sizeof label, "decision-count %s", hex);
    if (!p11_search(&c->session, by, 2, at, OBJECTS, &n, e))
        return false;
    for (CK_ULONG i = 0; i < n; i++)
        if (!p11_wrap_destroy(&c->session, at[i], e))
            return false;
    *gone += n;
    (void)printf("%s: %lu objects\n", label, n);
    return true;
}

int ceremony_prune(struct ceremony *c)
{
    const struct clock clock = clock_system();
    static struct digest d[CEREMONY_LIST_MAX];
    struct err e;
    const char *token = ceremony_token(c, &e);
    size_t gone = 0;

    if (c->decisions.n == 0)
        return ceremony_wrong(
            "prune wants --decision FILE, a document whose window is over");
    for (size_t i = 0; i < c->decisions.n; i++)
        if (!over(c->decisions.at[i], clock_now(&clock), &d[i], &e))
            return ceremony_failed(c, &e);
    if (token == NULL || !session_open(&c->session, &c->config, token, true, &e) ||
        !ceremony_begin(c, CEREMONY_PRUNE, token, &e))
        return ceremony_failed(c, &e);
    for (size_t i = 0; i < c->decisions.n; i++)
        if (!prune_one(c, &d[i], &gone, &e))
            return ceremony_failed(c, &e);
    return ceremony_leave(c, &e,
                          "%zu counts of %zu decisions whose window is over are gone", gone,
                          c->decisions.n)
               ? 0
               : ceremony_failed(c, &e);
}
