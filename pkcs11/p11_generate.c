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

/* What a template may go without, one after the other. */
static const char *const left_out[] = {
    NULL,
    "CKA_ALLOWED_MECHANISMS",
    "CKA_ALLOWED_MECHANISMS, and the uses that it is not for",
};
#define N_TEMPLATES (sizeof left_out / sizeof left_out[0])

static CK_RV generate(struct session *s, const struct p11_id *id, const char *label,
                      enum p11_use use, bool extractable, size_t without)
{
    CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM_TYPE only[] = {CKM_ECDSA};
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE, out = extractable, sign = use == P11_USE_SIGN;
    uint8_t curve[sizeof p11_p256];
    char text[CONFIG_NAME_MAX];
    CK_ULONG text_len = strnlen(label, sizeof text);
    struct p11_id copy = *id;
    CK_ATTRIBUTE of_public[5] = {{CKA_TOKEN, &yes, sizeof yes},
                                 {CKA_EC_PARAMS, curve, sizeof curve},
                                 {CKA_ID, copy.id, copy.len},
                                 {CKA_LABEL, text, text_len}};
    CK_ATTRIBUTE of_private[9] = {{CKA_TOKEN, &yes, sizeof yes},
                                  {CKA_PRIVATE, &yes, sizeof yes},
                                  {CKA_SENSITIVE, &yes, sizeof yes},
                                  {CKA_EXTRACTABLE, &out, sizeof out},
                                  {CKA_ID, copy.id, copy.len},
                                  {CKA_LABEL, text, text_len},
                                  {sign ? CKA_SIGN : CKA_DERIVE, &yes, sizeof yes}};
    CK_ULONG n_of_public = 4, n_of_private = 7;
    CK_OBJECT_HANDLE h_public, h_private;
    CK_RV rv;

    memcpy(curve, p11_p256, sizeof curve);
    memcpy(text, label, text_len);
    if (sign || without < 2)
        of_public[n_of_public++] =
            (CK_ATTRIBUTE){CKA_VERIFY, sign ? &yes : &no, sizeof yes};
    if (without < 2)
        of_private[n_of_private++] =
            (CK_ATTRIBUTE){sign ? CKA_DERIVE : CKA_SIGN, &no, sizeof no};
    if (sign && without < 1)
        of_private[n_of_private++] =
            (CK_ATTRIBUTE){CKA_ALLOWED_MECHANISMS, only, sizeof only};
    session_deadline(s);
    rv = s->f->C_GenerateKeyPair(s->anchor, &ec, of_public, n_of_public, of_private,
                                 n_of_private, &h_public, &h_private);
    session_idle();
    return rv;
}

/* May a shorter template fare better? Some modules have no better word than
 * CKR_GENERAL_ERROR for an attribute that they do not know. */
static bool about_template(CK_RV rv)
{
    return rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED ||
           (rv != CKR_OK && !p11_code(rv)->session && p11_code(rv)->class != P11_REBUILD);
}

bool p11_generate(struct session *s, const char *name, const char *id, const char *label,
                  enum p11_use use, bool extractable, struct p11_key *out,
                  const char **left, struct err *e)
{
    struct p11_id wanted;
    CK_RV rv = CKR_GENERAL_ERROR;
    size_t without;

    if (!p11_id_parse(id, name, &wanted, e) || !p11_use_possible(s, name, use, e))
        return false;
    if (label[0] == '\0')
        label = name;
    for (without = 0; without < N_TEMPLATES; without++) {
        if (!p11_id_free(s, name, id, e)) /* nor half a pair of the try before */
            return false;
        rv = generate(s, &wanted, label, use, extractable, without);
        *left = left_out[without];
        if (!about_template(rv))
            break;
    }
    if (rv != CKR_OK)
        return session_failed(s, "C_GenerateKeyPair", rv, e);
    return extractable ? p11_key_find_extractable(s, name, id, label, use, out, e)
                       : p11_key_find(s, name, id, label, use, out, e);
}
