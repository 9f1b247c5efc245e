/* SPDX-License-Identifier: MIT */
#include "p11_agree.h"

#include <openssl/crypto.h>

bool p11_agree(struct session *s, CK_OBJECT_HANDLE key, const struct point *peer,
               uint8_t z[32], struct err *e)
{
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL, .ulPublicDataLen = sizeof peer->b};
    CK_MECHANISM ecdh = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ULONG want = 32, len = 32;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE made[] = {
        {CKA_CLASS, &class, sizeof class},   {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_VALUE_LEN, &want, sizeof want}, {CKA_TOKEN, &no, sizeof no},
        {CKA_SENSITIVE, &no, sizeof no},     {CKA_EXTRACTABLE, &yes, sizeof yes}};
    struct point public = *peer;
    CK_OBJECT_HANDLE h;
    CK_RV rv;
    bool ok;

    params.pPublicData = public.b;
    session_deadline(s);
    rv = s->f->C_DeriveKey(s->anchor, &ecdh, key, made, sizeof made / sizeof made[0], &h);
    session_idle();
    if (rv != CKR_OK)
        return session_failed(s, "C_DeriveKey", rv, e);
    ok = p11_read(s, h, CKA_VALUE, z, &len, e);
    session_deadline(s);
    rv = s->f->C_DestroyObject(s->anchor, h);
    session_idle();
    if (ok && rv != CKR_OK)
        ok = session_failed(s, "C_DestroyObject (shared secret)", rv, e);
    if (ok && len != want)
        ok = err_set(e, ERR_TOKEN, "token.bug", "a shared secret of %lu octets, want %lu",
                     len, want);
    if (!ok)
        OPENSSL_cleanse(z, want);
    return ok;
}
