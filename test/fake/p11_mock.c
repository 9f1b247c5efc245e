/* SPDX-License-Identifier: MIT
 *
 * p11_mock - a PKCS#11 module for what SoftHSM cannot do: count and lock PINs, report any
 * flags, lack a mechanism, give public points bare, keep stranger slots. FOR TESTS: its
 * keys are published below.
 *
 * Environment SMKI_P11_MOCK, parts separated by commas:
 *   state=FILE        where wrong PINs are counted, across processes: its size is the count
 *   pin=1234 tries=3  after `tries` wrong ones the PIN is locked
 *   flags=0x...       added to the token's flags
 *   constant-flags=1  flags never tell of wrong PINs
 *   no-ecdsa=1        the mechanism is missing
 *   bare=1            CKA_EC_POINT without its wrapping
 *   slots=N           N slots without a token, one with an uninitialised one, then ours
 * and faults as p11_plan.h has them, for C_Initialize, C_Login, C_OpenSession, C_SignInit,
 * C_Sign, C_FindObjectsInit, C_GetTokenInfo.
 *
 * Token "mock", serial "0001". Three key pairs, ids 01, FF01 and FF02; the private scalar of
 * each is SHA-256 of "mock key 0" to "mock key 2". Functions that no test needs are null.
 */
#include "p11_plan.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SESSIONS   128
#define KEYS       3
#define FIRST_SLOT 100

/* Object handles: 10 + key private, 20 + key public. */
#define PRIVATE 10
#define PUBLIC  20

static const CK_BYTE ids[KEYS][2] = {{0x01, 0}, {0xff, 0x01}, {0xff, 0x02}};
static const CK_ULONG id_lens[KEYS] = {1, 2, 2};
static const char *const labels[KEYS] = {"command", "probe", "audit"};
static const CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static bool initialised, logged_in;
static EC_KEY *keys[KEYS];
static struct {
    bool open, finding;
    CK_OBJECT_HANDLE signing, found[4];
    CK_ULONG n_found, at;
} sessions[SESSIONS + 1];

static bool value(const char *key, char *out, size_t cap)
{
    return p11_plan_value(getenv("SMKI_P11_MOCK"), key, out, cap);
}

static unsigned long number(const char *key, unsigned long otherwise)
{
    char text[32];

    return value(key, text, sizeof text) ? strtoul(text, NULL, 0) : otherwise;
}

static enum p11_plan plan(const char *function, CK_RV *rv)
{
    return p11_plan(getenv("SMKI_P11_MOCK"), function, rv);
}

static CK_SLOT_ID our_slot(void)
{
    return FIRST_SLOT + number("slots", 0) + 1;
}

static void pad(unsigned char *out, size_t len, const char *text)
{
    memset(out, ' ', len);
    memcpy(out, text, strlen(text));
}

/* --- wrong PINs --- */

static unsigned long wrong_pins(void)
{
    char path[512];
    struct stat st;

    return value("state", path, sizeof path) && stat(path, &st) == 0
               ? (unsigned long)st.st_size
               : 0;
}

static void count_wrong(bool one_more)
{
    char path[512];
    int fd;

    if (!value("state", path, sizeof path))
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | (one_more ? 0 : O_TRUNC), 0600);
    if (fd < 0 || (one_more && write(fd, "x", 1) != 1))
        abort();
    (void)close(fd);
}

static CK_FLAGS pin_flags(void)
{
    unsigned long tries = number("tries", 3), wrong = wrong_pins();

    if (number("constant-flags", 0))
        return 0;
    return (wrong > 0 ? CKF_USER_PIN_COUNT_LOW : 0) |
           (wrong + 1 == tries ? CKF_USER_PIN_FINAL_TRY : 0) |
           (wrong >= tries ? CKF_USER_PIN_LOCKED : 0);
}

static CK_RV m_login(CK_SESSION_HANDLE h, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                     CK_ULONG len)
{
    char right[64] = "1234";
    CK_RV rv;

    (void)h;
    (void)user;
    (void)plan("C_Login", &rv);
    if (rv != CKR_OK)
        return rv;
    (void)value("pin", right, sizeof right);
    if (wrong_pins() >= number("tries", 3))
        return CKR_PIN_LOCKED;
    if (len != strlen(right) || memcmp(pin, right, len) != 0) {
        count_wrong(true);
        return CKR_PIN_INCORRECT;
    }
    count_wrong(false);
    logged_in = true;
    return CKR_OK;
}

/* --- library, slots, sessions --- */

static CK_RV m_initialize(void *args)
{
    CK_RV rv;

    (void)args;
    (void)plan("C_Initialize", &rv);
    if (rv != CKR_OK)
        return rv;
    for (int i = 0; i < KEYS && keys[i] == NULL; i++) {
        unsigned char text[] = "mock key ?", secret[SHA256_DIGEST_LENGTH];
        BIGNUM *d;
        EC_POINT *q;

        text[9] = (unsigned char)('0' + i);
        SHA256(text, 10, secret);
        keys[i] = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
        d = BN_bin2bn(secret, sizeof secret, NULL);
        q = EC_POINT_new(EC_KEY_get0_group(keys[i]));
        if (EC_POINT_mul(EC_KEY_get0_group(keys[i]), q, d, NULL, NULL, NULL) != 1 ||
            EC_KEY_set_private_key(keys[i], d) != 1 ||
            EC_KEY_set_public_key(keys[i], q) != 1)
            abort();
        BN_free(d);
        EC_POINT_free(q);
    }
    initialised = true;
    return CKR_OK;
}

static CK_RV m_finalize(void *reserved)
{
    (void)reserved;
    initialised = logged_in = false;
    memset(sessions, 0, sizeof sessions);
    return CKR_OK;
}

static CK_RV m_info(CK_INFO_PTR out)
{
    memset(out, 0, sizeof *out);
    out->cryptokiVersion.major = 2;
    out->cryptokiVersion.minor = 40;
    pad(out->manufacturerID, sizeof out->manufacturerID, "mock");
    pad(out->libraryDescription, sizeof out->libraryDescription, "mock");
    return initialised ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

static CK_RV m_slots(CK_BBOOL present, CK_SLOT_ID_PTR out, CK_ULONG_PTR n)
{
    CK_ULONG all = number("slots", 0) + 2;

    (void)present;
    for (CK_ULONG i = 0; out != NULL && i < all && i < *n; i++)
        out[i] = FIRST_SLOT + i;
    *n = all;
    return CKR_OK;
}

static CK_RV m_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO_PTR out)
{
    memset(out, 0, sizeof *out);
    pad(out->slotDescription, sizeof out->slotDescription, "mock");
    pad(out->manufacturerID, sizeof out->manufacturerID, "mock");
    out->flags = slot + 1 >= our_slot() ? CKF_TOKEN_PRESENT : 0;
    return CKR_OK;
}

static CK_RV m_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR out)
{
    bool ours = slot == our_slot();
    CK_RV rv;

    (void)plan("C_GetTokenInfo", &rv);
    if (rv != CKR_OK)
        return rv;
    memset(out, 0, sizeof *out);
    /* the uninitialised one wears the same name */
    pad(out->label, sizeof out->label, "mock");
    pad(out->serialNumber, sizeof out->serialNumber, "0001");
    pad(out->manufacturerID, sizeof out->manufacturerID, "mock");
    pad(out->model, sizeof out->model, "mock");
    out->ulMaxPinLen = 16;
    out->ulMinPinLen = 1;
    out->flags = CKF_LOGIN_REQUIRED | number("flags", 0);
    if (ours)
        out->flags |= CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | pin_flags();
    return CKR_OK;
}

static CK_RV m_mechanism(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR out)
{
    (void)slot;
    if (type != CKM_ECDSA || number("no-ecdsa", 0))
        return CKR_MECHANISM_INVALID;
    memset(out, 0, sizeof *out);
    out->flags = CKF_SIGN;
    return CKR_OK;
}

static CK_RV m_open(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                    CK_SESSION_HANDLE_PTR out)
{
    CK_RV rv;

    (void)flags;
    (void)app;
    (void)notify;
    (void)plan("C_OpenSession", &rv);
    if (rv != CKR_OK)
        return rv;
    if (slot != our_slot())
        return CKR_SLOT_ID_INVALID;
    for (CK_SESSION_HANDLE i = 1; i <= SESSIONS; i++)
        if (!sessions[i].open) {
            memset(&sessions[i], 0, sizeof sessions[i]);
            sessions[i].open = true;
            *out = i;
            return CKR_OK;
        }
    return CKR_SESSION_COUNT;
}

static bool live(CK_SESSION_HANDLE h)
{
    return h >= 1 && h <= SESSIONS && sessions[h].open;
}

static CK_RV m_close(CK_SESSION_HANDLE h)
{
    if (!live(h))
        return CKR_SESSION_HANDLE_INVALID;
    sessions[h].open = false;
    return CKR_OK;
}

static CK_RV m_close_all(CK_SLOT_ID slot)
{
    if (slot == our_slot())
        memset(sessions, 0, sizeof sessions);
    return CKR_OK;
}

/* --- objects --- */

static CK_ULONG attribute(CK_OBJECT_HANDLE h, CK_ATTRIBUTE_TYPE type, CK_BYTE *out)
{
    bool private = h < PUBLIC;
    size_t k = h - (private ? PRIVATE : PUBLIC);
    CK_ULONG word = 0;
    CK_BBOOL flag;
    CK_ULONG wrap = number("bare", 0) ? 0 : 2;

    switch (type) {
    case CKA_CLASS:
        word = private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
        memcpy(out, &word, sizeof word);
        return sizeof word;
    case CKA_KEY_TYPE:
        word = CKK_EC;
        memcpy(out, &word, sizeof word);
        return sizeof word;
    case CKA_ID:
        memcpy(out, ids[k], id_lens[k]);
        return id_lens[k];
    case CKA_LABEL:
        memcpy(out, labels[k], strlen(labels[k]));
        return strlen(labels[k]);
    case CKA_EC_PARAMS:
        memcpy(out, p256, sizeof p256);
        return sizeof p256;
    case CKA_EC_POINT:
        if (private)
            return CK_UNAVAILABLE_INFORMATION;
        out[0] = 0x04;
        out[1] = 0x41;
        return wrap + EC_POINT_point2oct(
                          EC_KEY_get0_group(keys[k]), EC_KEY_get0_public_key(keys[k]),
                          POINT_CONVERSION_UNCOMPRESSED, out + wrap, 65, NULL);
    case CKA_TOKEN:
    case CKA_SIGN:
    case CKA_SENSITIVE:
        flag = CK_TRUE;
        break;
    case CKA_EXTRACTABLE:
        flag = CK_FALSE;
        break;
    default:
        return CK_UNAVAILABLE_INFORMATION;
    }
    out[0] = flag;
    return sizeof flag;
}

static CK_RV m_get(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n)
{
    CK_BYTE buf[128];
    CK_RV rv = CKR_OK;

    if (!live(h))
        return CKR_SESSION_HANDLE_INVALID;
    for (CK_ULONG i = 0; i < n; i++) {
        CK_ULONG len = attribute(o, a[i].type, buf);

        if (len == CK_UNAVAILABLE_INFORMATION)
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        else if (a[i].pValue != NULL && a[i].ulValueLen >= len)
            memcpy(a[i].pValue, buf, len);
        a[i].ulValueLen = len;
    }
    return rv;
}

static bool match(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n)
{
    CK_BYTE buf[128];

    if (o < PUBLIC && !logged_in)
        return false;
    for (CK_ULONG i = 0; i < n; i++)
        if (attribute(o, a[i].type, buf) != a[i].ulValueLen ||
            memcmp(buf, a[i].pValue, a[i].ulValueLen) != 0)
            return false;
    return true;
}

static CK_RV m_find_init(CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n)
{
    CK_RV rv;

    (void)plan("C_FindObjectsInit", &rv);
    if (rv != CKR_OK)
        return rv;
    if (!live(h))
        return CKR_SESSION_HANDLE_INVALID;
    if (sessions[h].finding)
        return CKR_OPERATION_ACTIVE;
    sessions[h].finding = true;
    sessions[h].n_found = sessions[h].at = 0;
    for (CK_OBJECT_HANDLE k = 0; k < KEYS; k++) {
        if (match(PRIVATE + k, a, n))
            sessions[h].found[sessions[h].n_found++] = PRIVATE + k;
        if (match(PUBLIC + k, a, n))
            sessions[h].found[sessions[h].n_found++] = PUBLIC + k;
    }
    return CKR_OK;
}

static CK_RV m_find(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR out, CK_ULONG max,
                    CK_ULONG_PTR n)
{
    if (!live(h) || !sessions[h].finding)
        return CKR_OPERATION_NOT_INITIALIZED;
    for (*n = 0; *n < max && sessions[h].at < sessions[h].n_found; ++*n)
        out[*n] = sessions[h].found[sessions[h].at++];
    return CKR_OK;
}

static CK_RV m_find_final(CK_SESSION_HANDLE h)
{
    if (!live(h) || !sessions[h].finding)
        return CKR_OPERATION_NOT_INITIALIZED;
    sessions[h].finding = false;
    return CKR_OK;
}

/* --- signing --- */

static CK_RV m_sign_init(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key)
{
    CK_RV rv;

    (void)plan("C_SignInit", &rv);
    if (rv != CKR_OK)
        return rv;
    if (!live(h))
        return CKR_SESSION_HANDLE_INVALID;
    if (sessions[h].signing != 0)
        return CKR_OPERATION_ACTIVE;
    if (m->mechanism != CKM_ECDSA || key < PRIVATE || key >= PRIVATE + KEYS || !logged_in)
        return CKR_KEY_HANDLE_INVALID;
    sessions[h].signing = key;
    return CKR_OK;
}

static CK_RV m_sign(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR sig,
                    CK_ULONG_PTR sig_len)
{
    ECDSA_SIG *s;
    CK_RV rv;
    enum p11_plan p = plan("C_Sign", &rv);

    if (rv != CKR_OK)
        return rv;
    if (!live(h) || sessions[h].signing == 0)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (data == NULL || sig == NULL || *sig_len < 64)
        return CKR_ARGUMENTS_BAD; /* and the operation stays active, as with SoftHSM */
    s = ECDSA_do_sign(data, (int)len, keys[sessions[h].signing - PRIVATE]);
    sessions[h].signing = 0;
    if (s == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) != 32)
        abort();
    ECDSA_SIG_free(s);
    *sig_len = p == PLAN_SHORT ? 63 : 64;
    if (p == PLAN_SPOIL)
        sig[63] ^= 1;
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
    static CK_FUNCTION_LIST list = {
        .version = {2, 40},
        .C_Initialize = m_initialize,
        .C_Finalize = m_finalize,
        .C_GetInfo = m_info,
        .C_GetSlotList = m_slots,
        .C_GetSlotInfo = m_slot_info,
        .C_GetTokenInfo = m_token_info,
        .C_GetMechanismInfo = m_mechanism,
        .C_OpenSession = m_open,
        .C_CloseSession = m_close,
        .C_CloseAllSessions = m_close_all,
        .C_Login = m_login,
        .C_GetAttributeValue = m_get,
        .C_FindObjectsInit = m_find_init,
        .C_FindObjects = m_find,
        .C_FindObjectsFinal = m_find_final,
        .C_SignInit = m_sign_init,
        .C_Sign = m_sign,
    };

    *out = &list;
    return CKR_OK;
}
