/* SPDX-License-Identifier: MIT */
#include "mac.h"
#include "mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string.h>

/* Offsets in a grouping header, GBCS 7.2.7. */
enum { GH_CRA = 2, GH_COUNTER = 3, GH_ORIGINATOR = 12, GH_RECIPIENT = 21, GH_MIN = 34 };

static const uint8_t aad_front[] = {0x11, 0, 0, 0, 0, 0};

AUTO_DEFINE(cipher_ctx, EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_free)

void mac_key_wipe(struct mac_key *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

void mac_other_info(const struct eui64 *originator, uint8_t cra, uint64_t counter,
                    const struct eui64 *recipient, uint8_t out[MAC_OTHER_INFO])
{
    static const uint8_t algorithm[] = {0x60, 0x85, 0x74, 0x06, 0x08, 0x03, 0x00};

    memcpy(out, algorithm, sizeof algorithm);
    memcpy(out + 7, originator->b, sizeof originator->b);
    out[15] = 0x09; /* length of the transaction identifier */
    out[16] = cra;
    put_be64(out + 17, counter);
    memcpy(out + 25, recipient->b, sizeof recipient->b);
}

bool mac_derive(const struct mac_secret *z, const uint8_t other_info[MAC_OTHER_INFO],
                struct mac_key *out, struct err *e)
{
    static const uint8_t round[] = {0, 0, 0, 1};
    /* Not digest_of: a context of this kind is wiped when it is freed. */
    AUTO(mdctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct digest d;
    bool ok;

    ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
         EVP_DigestUpdate(ctx, round, sizeof round) == 1 &&
         EVP_DigestUpdate(ctx, z->b, sizeof z->b) == 1 &&
         EVP_DigestUpdate(ctx, other_info, MAC_OTHER_INFO) == 1 &&
         EVP_DigestFinal_ex(ctx, d.b, NULL) == 1;
    if (!ok)
        return err_set(e, ERR_STORE, "store.memory", "no key: %s", err_openssl());
    memcpy(out->b, d.b, sizeof out->b);
    OPENSSL_cleanse(&d, sizeof d);
    return true;
}

static bool check_inner(struct span inner, struct err *e)
{
    if (inner.len < GH_MIN || inner.at[0] != 0xDF || inner.at[1] != 9 ||
        inner.at[GH_ORIGINATOR - 1] != 8 || inner.at[GH_RECIPIENT - 1] != 8)
        return err_set(e, ERR_INPUT, "mac.inner",
                       "what is to get a MAC does not begin with a grouping header");
    return true;
}

static struct eui64 eui_at(struct span inner, size_t at)
{
    struct eui64 eui;

    memcpy(eui.b, inner.at + at, sizeof eui.b);
    return eui;
}

bool mac_key_for(struct span inner, const struct mac_secret *z, struct mac_key *out,
                 struct err *e)
{
    uint8_t other_info[MAC_OTHER_INFO];
    struct eui64 originator, recipient;

    if (!check_inner(inner, e))
        return false;
    originator = eui_at(inner, GH_ORIGINATOR);
    recipient = eui_at(inner, GH_RECIPIENT);
    mac_other_info(&originator, inner.at[GH_CRA], get_be64(inner.at + GH_COUNTER),
                   &recipient, other_info);
    return mac_derive(z, other_info, out, e);
}

static bool update(EVP_CIPHER_CTX *ctx, uint8_t *out, struct span in)
{
    int n;

    return in.len == 0 || (in.len <= INT32_MAX &&
                           EVP_EncryptUpdate(ctx, out, &n, in.at, (int)in.len) == 1);
}

bool mac_gcm(const struct mac_key *k, const uint8_t iv[12], struct span front,
             struct span aad, struct span plain, uint8_t *cipher, uint8_t tag[MAC_LEN],
             struct err *e)
{
    AUTO(cipher_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t none[16];
    int n;

    if (ctx == NULL ||
        EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, k->b, iv) != 1 || /* 12 octets */
        !update(ctx, NULL, front) || !update(ctx, NULL, aad) ||
        !update(ctx, cipher, plain) || EVP_EncryptFinal_ex(ctx, none, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MAC_LEN, tag) != 1)
        return err_set(e, ERR_STORE, "store.memory", "no MAC: %s", err_openssl());
    return true;
}

bool mac_tag(struct span inner, const struct mac_key *k, uint8_t tag[MAC_LEN],
             struct err *e)
{
    uint8_t iv[12] = {0};

    if (!check_inner(inner, e))
        return false;
    memcpy(iv, inner.at + GH_ORIGINATOR, sizeof(struct eui64));
    return mac_gcm(k, iv, span_of(aad_front, sizeof aad_front), inner, span_of(NULL, 0),
                   NULL, tag, e);
}

/* Security header, inner and MAC: what the MAC header's length counts. */
static size_t counted(size_t inner_len)
{
    return 5 + inner_len + MAC_LEN;
}

static size_t header_len(size_t inner_len)
{
    size_t n = counted(inner_len);

    return 7 + (n < 0x80 ? 1 : n <= 0xFF ? 2 : 3) + 5;
}

size_t mac_command_len(size_t inner_len)
{
    return header_len(inner_len) + inner_len + MAC_LEN;
}

bool mac_wrap(struct span inner, const uint8_t tag[MAC_LEN], uint8_t *out, struct err *e)
{
    size_t n = counted(inner.len);
    uint8_t *p = out;

    if (n > 0xFFFF)
        return err_set(e, ERR_INPUT, "mac.inner",
                       "what is to get a MAC has %zu octets, more than its header can say",
                       inner.len);
    memset(p, 0, 7);
    *p = 0xDD;
    p += 7;
    if (n > 0xFF) {
        *p++ = 0x82;
        *p++ = (uint8_t)(n >> 8);
    } else if (n > 0x7F) {
        *p++ = 0x81;
    }
    *p++ = (uint8_t)n;
    memset(p, 0, 5);
    *p = 0x11; /* security control: authentication only; invocation counter 0 */
    memcpy(p + 5, inner.at, inner.len);
    memcpy(p + 5 + inner.len, tag, MAC_LEN);
    return true;
}
