/* SPDX-License-Identifier: MIT */
#include "p11_key.h"

#include "mem.h"
#include "verify.h"

#include <openssl/core_names.h>

#include <string.h>

#define POINT_WRAP_TAG 0x04 /* OCTET STRING */
#define POINT_LEN      65

/* OBJECT IDENTIFIER prime256v1, 1.2.840.10045.3.1.7 */
const uint8_t p11_p256[10] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

enum p11_use p11_key_use(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && strcmp(name + n - 3, "-ka") == 0 ? P11_USE_DERIVE : P11_USE_SIGN;
}

bool p11_use_possible(struct session *s, const char *name, enum p11_use use, struct err *e)
{
    CK_MECHANISM_INFO info;
    CK_RV rv;

    if (use == P11_USE_SIGN)
        return true; /* without CKM_ECDSA there is no session */
    session_deadline(s);
    rv = s->f->C_GetMechanismInfo(s->slot, CKM_ECDH1_DERIVE, &info);
    session_idle();
    if (rv != CKR_OK && p11_code(rv)->class != P11_STOP)
        return session_failed(s, "C_GetMechanismInfo", rv, e);
    return (rv == CKR_OK && (info.flags & CKF_DERIVE) != 0) ||
           err_set(e, ERR_TOKEN, "token.mechanism",
                   "%s: the token does not agree on keys with CKM_ECDH1_DERIVE", name);
}

bool p11_id_parse(const char *hex, const char *name, struct p11_id *out, struct err *e)
{
    size_t n = strlen(hex);

    if (n == 0 || n > 2 * sizeof out->id || n % 2 != 0 ||
        !hex_decode(hex, n, out->id, n / 2))
        return err_set(e, ERR_TOKEN, "token.key-missing",
                       "%s: no id, or not 1 to 32 octets in hexadecimal: \"%s\"", name,
                       hex);
    out->len = n / 2;
    return true;
}

bool p11_search(struct session *s, CK_ATTRIBUTE *wanted, CK_ULONG n_wanted,
                CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *n, struct err *e)
{
    CK_RV rv, final;

    *n = 0;
    session_deadline(s);
    rv = s->f->C_FindObjectsInit(s->anchor, wanted, n_wanted);
    if (rv != CKR_OK)
        return session_failed(s, "C_FindObjectsInit", rv, e);
    while (*n < max) {
        CK_ULONG got = 0;

        rv = s->f->C_FindObjects(s->anchor, out + *n, max - *n, &got);
        if (rv != CKR_OK || got == 0)
            break;
        *n += got;
    }
    final = s->f->C_FindObjectsFinal(s->anchor);
    session_idle();
    if (rv != CKR_OK)
        return session_failed(s, "C_FindObjects", rv, e);
    return final == CKR_OK || session_failed(s, "C_FindObjectsFinal", final, e);
}

bool p11_read(struct session *s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE_TYPE type, void *buf,
              CK_ULONG *len, struct err *e)
{
    CK_ATTRIBUTE a = {type, buf, *len};
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_GetAttributeValue(s->anchor, h, &a, 1);
    session_idle();
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID ||
        (rv == CKR_OK && a.ulValueLen == CK_UNAVAILABLE_INFORMATION)) {
        *len = 0;
        return true;
    }
    if (rv != CKR_OK)
        return session_failed(s, "C_GetAttributeValue", rv, e);
    *len = a.ulValueLen;
    return true;
}

bool p11_point(const uint8_t *at, CK_ULONG len, struct point *out)
{
    if (len == POINT_LEN + 2 && at[0] == POINT_WRAP_TAG && at[1] == POINT_LEN) {
        at += 2;
        len -= 2;
    }
    if (len != POINT_LEN || at[0] != POINT_CONVERSION_UNCOMPRESSED)
        return false;
    memcpy(out->b, at, POINT_LEN);
    return true;
}

/* --- one key --- */

static bool find_one(struct session *s, const char *name, CK_OBJECT_CLASS class,
                     struct p11_id *id, const char *label, CK_OBJECT_HANDLE *out,
                     struct err *e)
{
    const char *kind = class == CKO_PRIVATE_KEY ? "private" : "public";
    CK_BBOOL yes = CK_TRUE;
    char text[CONFIG_NAME_MAX];
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_TOKEN, &yes, sizeof yes},
                             {CKA_ID, id->id, id->len},
                             {CKA_LABEL, text, 0}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n, n_wanted = 3;

    if (label != NULL && label[0] != '\0') {
        wanted[3].ulValueLen = strnlen(label, sizeof text);
        memcpy(text, label, wanted[3].ulValueLen);
        n_wanted = 4;
    }
    if (!p11_search(s, wanted, n_wanted, found, 2, &n, e))
        return err_wrap(e, "%s", name);
    if (n == 0)
        return err_set(e, ERR_TOKEN, "token.key-missing",
                       "%s: no %s key of that id in the token", name, kind);
    if (n > 1)
        return err_set(e, ERR_TOKEN, "token.key-duplicate",
                       "%s: more than one %s key of that id in the token", name, kind);
    *out = found[0];
    return true;
}

static bool want_flag(struct session *s, const char *name, CK_OBJECT_HANDLE h,
                      CK_ATTRIBUTE_TYPE type, const char *text, bool wanted, bool optional,
                      struct err *e)
{
    CK_BBOOL v = 0;
    CK_ULONG len = sizeof v;

    if (!p11_read(s, h, type, &v, &len, e))
        return err_wrap(e, "%s: %s", name, text);
    if (len == 0 && optional)
        return true;
    if (len != sizeof v || (v != CK_FALSE) != wanted)
        return err_set(e, ERR_TOKEN, "token.key-attributes", "%s: %s is not %s", name, text,
                       wanted ? "true" : "false");
    return true;
}

static bool is_p256(struct session *s, const char *name, CK_OBJECT_HANDLE h, struct err *e)
{
    CK_KEY_TYPE type = 0;
    CK_ULONG len = sizeof type;
    uint8_t params[64];

    if (!p11_read(s, h, CKA_KEY_TYPE, &type, &len, e))
        return err_wrap(e, "%s: CKA_KEY_TYPE", name);
    if (len != sizeof type || type != CKK_EC)
        return err_set(e, ERR_TOKEN, "token.key-attributes", "%s: not an EC key", name);
    len = sizeof params;
    if (!p11_read(s, h, CKA_EC_PARAMS, params, &len, e))
        return err_wrap(e, "%s: CKA_EC_PARAMS", name);
    if (len != sizeof p11_p256 || memcmp(params, p11_p256, sizeof p11_p256) != 0)
        return err_set(e, ERR_TOKEN, "token.key-attributes", "%s: not a P-256 key", name);
    return true;
}

static bool shut_in(struct session *s, const char *name, CK_OBJECT_HANDLE h,
                    bool extractable, struct err *e)
{
    return want_flag(s, name, h, CKA_SENSITIVE, "CKA_SENSITIVE", true, false, e) &&
           want_flag(s, name, h, CKA_EXTRACTABLE, "CKA_EXTRACTABLE", extractable, false, e);
}

static bool fit(struct session *s, const char *name, CK_OBJECT_HANDLE h, enum p11_use use,
                bool extractable, struct err *e)
{
    bool sign = use == P11_USE_SIGN;

    return is_p256(s, name, h, e) && shut_in(s, name, h, extractable, e) &&
           want_flag(s, name, h, CKA_TOKEN, "CKA_TOKEN", true, false, e) &&
           want_flag(s, name, h, sign ? CKA_SIGN : CKA_DERIVE,
                     sign ? "CKA_SIGN" : "CKA_DERIVE", true, false, e) &&
           /* would want the PIN again for every signature */
           want_flag(s, name, h, CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE", false,
                     true, e);
}

static bool find_fit(struct session *s, const char *name, const char *id, const char *label,
                     enum p11_use use, bool extractable, struct p11_key *out, struct err *e)
{
    CK_OBJECT_HANDLE public;
    uint8_t point[128];
    CK_ULONG len = sizeof point;
    AUTO(pkey) EVP_PKEY *key = NULL;
    struct p11_id wanted;

    if (!p11_use_possible(s, name, use, e) || !p11_id_parse(id, name, &wanted, e) ||
        !find_one(s, name, CKO_PRIVATE_KEY, &wanted, label, &out->token, e) ||
        !fit(s, name, out->token, use, extractable, e) ||
        !find_one(s, name, CKO_PUBLIC_KEY, &wanted, NULL, &public, e) ||
        !is_p256(s, name, public, e))
        return false;
    if (!p11_read(s, public, CKA_EC_POINT, point, &len, e))
        return err_wrap(e, "%s: CKA_EC_POINT", name);
    if (!p11_point(point, len, &out->point) || (key = verify_key(&out->point)) == NULL)
        return err_set(e, ERR_TOKEN, "token.key-attributes",
                       "%s: CKA_EC_POINT is not a point of P-256", name);
    out->in_use = out->token;
    return true;
}

bool p11_key_find(struct session *s, const char *name, const char *id, const char *label,
                  enum p11_use use, struct p11_key *out, struct err *e)
{
    return find_fit(s, name, id, label, use, false, out, e);
}

bool p11_key_find_extractable(struct session *s, const char *name, const char *id,
                              const char *label, enum p11_use use, struct p11_key *out,
                              struct err *e)
{
    return find_fit(s, name, id, label, use, true, out, e);
}

bool p11_key_copy(struct session *s, struct p11_key *k)
{
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE changed[] = {{CKA_TOKEN, &no, sizeof no}};
    CK_OBJECT_HANDLE copy;
    struct err ignored;

    session_deadline(s);
    if (s->f->C_CopyObject == NULL ||
        s->f->C_CopyObject(s->anchor, k->token, changed, 1, &copy) != CKR_OK) {
        session_idle();
        return false;
    }
    session_idle();
    if (!shut_in(s, "session copy", copy, false, &ignored)) {
        (void)s->f->C_DestroyObject(s->anchor, copy);
        return false;
    }
    k->in_use = copy;
    return true;
}
