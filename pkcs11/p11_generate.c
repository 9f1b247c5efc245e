/* SPDX-License-Identifier: MIT */
#include "p11_generate.h"

#include <string.h>

bool p11_id_free(struct session *s, const char *name, const char *id, struct err *e)
{
    CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    struct p11_id wanted;

    if (!p11_id_parse(id, name, &wanted, e))
        return false;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        CK_ATTRIBUTE by[] = {{CKA_CLASS, &classes[i], sizeof classes[i]},
                             {CKA_ID, wanted.id, wanted.len}};
        CK_OBJECT_HANDLE found;
        CK_ULONG n;

        if (!p11_search(s, by, 2, &found, 1, &n, e))
            return err_wrap(e, "%s", name);
        if (n > 0)
            return err_set(e, ERR_TOKEN, "token.key-exists",
                           "%s: the token holds a key with id %s already", name, id);
    }
    return true;
}

static CK_RV generate(struct session *s, const struct p11_id *id, const char *label,
                      enum p11_use use, bool extractable, bool bind)
{
    CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM_TYPE only[] = {CKM_ECDSA};
    CK_BBOOL yes = CK_TRUE, out = extractable;
    CK_BBOOL signs = use == P11_USE_SIGN, derives = use == P11_USE_DERIVE;
    uint8_t curve[sizeof p11_p256];
    char text[CONFIG_NAME_MAX];
    CK_ULONG text_len = strnlen(label, sizeof text);
    struct p11_id copy = *id;
    CK_ATTRIBUTE public[] = {{CKA_TOKEN, &yes, sizeof yes},
                             {CKA_VERIFY, &signs, sizeof signs},
                             {CKA_EC_PARAMS, curve, sizeof curve},
                             {CKA_ID, copy.id, copy.len},
                             {CKA_LABEL, text, text_len}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &yes, sizeof yes},
                              {CKA_PRIVATE, &yes, sizeof yes},
                              {CKA_SENSITIVE, &yes, sizeof yes},
                              {CKA_EXTRACTABLE, &out, sizeof out},
                              {CKA_SIGN, &signs, sizeof signs},
                              {CKA_DERIVE, &derives, sizeof derives},
                              {CKA_ID, copy.id, copy.len},
                              {CKA_LABEL, text, text_len},
                              {CKA_ALLOWED_MECHANISMS, only, sizeof only}};
    CK_ULONG n_private = sizeof private / sizeof private[0] - (bind ? 0 : 1);
    CK_OBJECT_HANDLE h_public, h_private;
    CK_RV rv;

    memcpy(curve, p11_p256, sizeof curve);
    memcpy(text, label, text_len);
    session_deadline(s);
    rv = s->f->C_GenerateKeyPair(s->anchor, &ec, public, sizeof public / sizeof public[0],
                                 private, n_private, &h_public, &h_private);
    session_idle();
    return rv;
}

bool p11_generate(struct session *s, const char *name, const char *id, const char *label,
                  enum p11_use use, bool extractable, struct p11_key *out, bool *bound,
                  struct err *e)
{
    struct p11_id wanted;
    CK_RV rv;

    if (!p11_id_parse(id, name, &wanted, e) || !p11_id_free(s, name, id, e))
        return false;
    if (label[0] == '\0')
        label = name;
    *bound = use == P11_USE_SIGN;
    rv = generate(s, &wanted, label, use, extractable, *bound);
    if (*bound && rv != CKR_OK && !p11_code(rv)->session &&
        p11_code(rv)->class != P11_REBUILD) {
        *bound = false; /* a module may not know CKA_ALLOWED_MECHANISMS */
        rv = generate(s, &wanted, label, use, extractable, false);
    }
    if (rv != CKR_OK)
        return session_failed(s, "C_GenerateKeyPair", rv, e);
    return extractable ? p11_key_find_extractable(s, name, id, label, use, out, e)
                       : p11_key_find(s, name, id, label, use, out, e);
}
