/* SPDX-License-Identifier: MIT */
#include "audit_head.h"

#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct digest audit_head_digest(const struct audit_head *h)
{
    char chain[HEX_LEN(16)], hash[HEX_LEN(32)], service[HEX_LEN(32)];
    char text[256];
    int n;

    hex_encode_lower(h->chain, sizeof h->chain, chain);
    hex_encode_lower(h->hash.b, 32, hash);
    hex_encode_lower(h->service_hash.b, 32, service);
    n = snprintf(text, sizeof text,
                 "smki-recovery head\n%s\n%" PRIu64 "\n%s\n%" PRIu64 "\n%s\n", chain,
                 h->records, hash, h->service_records, service);
    return digest_of(span_of(text, (size_t)n), span_of(NULL, 0));
}

json_t *audit_head_json(const struct audit_head *h)
{
    char chain[HEX_LEN(16)], hash[HEX_LEN(32)], service[HEX_LEN(32)], key[HEX_LEN(32)];
    char signature[VERIFY_BASE64_MAX];

    if (!verify_to_base64(&h->sig, signature))
        return NULL;
    hex_encode_lower(h->chain, sizeof h->chain, chain);
    hex_encode_lower(h->hash.b, 32, hash);
    hex_encode_lower(h->service_hash.b, 32, service);
    hex_encode_lower(h->key.b, 32, key);
    return json_pack("{s:s,s:I,s:s,s:I,s:s,s:s,s:s}", "chain", chain, "records",
                     (json_int_t)h->records, "hash", hash, "service_records",
                     (json_int_t)h->service_records, "service_hash", service, "key", key,
                     "signature", signature);
}

static bool is_hex(const char *text, uint8_t *out, size_t len)
{
    return hex_decode(text, strlen(text), out, len);
}

bool audit_head_from_json(const json_t *data, struct audit_head *out, struct err *e)
{
    const char *chain, *hash, *service, *key, *signature;
    json_int_t records, service_records;
    json_t *j = (json_t *)(uintptr_t)data;

    if (json_unpack(j, "{s:s,s:I,s:s,s:I,s:s,s:s,s:s!}", "chain", &chain, "records",
                    &records, "hash", &hash, "service_records", &service_records,
                    "service_hash", &service, "key", &key, "signature", &signature) != 0 ||
        records < 1 || service_records < 0 ||
        !is_hex(chain, out->chain, sizeof out->chain) || !is_hex(hash, out->hash.b, 32) ||
        !is_hex(service, out->service_hash.b, 32) || !is_hex(key, out->key.b, 32) ||
        !verify_from_base64(signature, &out->sig))
        return err_set(e, ERR_INPUT, "audit.head", "it is no head");
    out->records = (uint64_t)records;
    out->service_records = (uint64_t)service_records;
    return true;
}
