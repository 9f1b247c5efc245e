/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include "mem.h"

#include <inttypes.h>
#include <string.h>

#define HASH_TAIL (sizeof ",\"hash\":\"\"}" - 1 + 64)

bool chain_close(json_t *record, const struct digest *prev, char **text,
                 struct digest *hash, struct err *e)
{
    char hex[HEX_LEN(32)];

    *text = NULL;
    hex_encode_lower(prev->b, sizeof prev->b, hex);
    if (json_object_set_new(record, "prev", json_string(hex)) == 0)
        *text = json_dumps(record, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(record);
    if (*text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    *hash = digest_of(span_of(*text, strlen(*text)), span_of(NULL, 0));
    return true;
}

bool chain_print(FILE *f, const char *text, const struct digest *hash)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(hash->b, sizeof hash->b, hex);
    /* the line without its last '}', then the hash member, then '}' */
    return fprintf(f, "%.*s,\"hash\":\"%s\"}\n", (int)(strlen(text) - 1), text, hex) > 0;
}

static bool hash_holds(const char *line, size_t n, struct digest *hash)
{
    char hex[HEX_LEN(32)];

    *hash = digest_of(span_of(line, n - HASH_TAIL), span_of("}", 1));
    hex_encode_lower(hash->b, sizeof hash->b, hex);
    return memcmp(hex, line + n - HASH_TAIL + 9, 64) == 0;
}

static bool has_place(const json_t *record, uint64_t no, const struct chain_place *before,
                      uint64_t *seq, struct err *e)
{
    char hex[HEX_LEN(32)];
    const char *prev;
    json_int_t number;
    bool ok;

    if (json_unpack((json_t *)(uintptr_t)record, "{s:I,s:s}", "seq", &number, "prev",
                    &prev) != 0)
        return err_set(e, ERR_INPUT, "audit.chain", "line %" PRIu64 " is no record", no);
    hex_encode_lower(before->hash.b, sizeof before->hash.b, hex);
    if (no == 1)
        ok = number > 1 || (number == 1 && strspn(prev, "0") == 64 && prev[64] == '\0');
    else
        ok = number >= 1 && (uint64_t)number == before->seq + 1 && strcmp(prev, hex) == 0;
    *seq = (uint64_t)number;
    return ok ||
           err_set(e, ERR_INPUT, "audit.chain",
                   "line %" PRIu64 " (record %lld) does not follow the line before it", no,
                   (long long)number);
}

bool chain_follows(const char *line, size_t n, uint64_t no, struct chain_place *at,
                   json_t **record, struct err *e)
{
    struct chain_place here;

    *record = NULL;
    if (n < HASH_TAIL + 2 || memcmp(line + n - HASH_TAIL, ",\"hash\":\"", 9) != 0)
        return err_set(e, ERR_INPUT, "audit.chain",
                       "line %" PRIu64 " does not end in a hash", no);
    if (!hash_holds(line, n, &here.hash))
        return err_set(e, ERR_INPUT, "audit.chain",
                       "line %" PRIu64 ": its hash is not that of its text", no);
    *record = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    if (*record == NULL)
        return err_set(e, ERR_INPUT, "audit.chain", "line %" PRIu64 " is no record", no);
    if (!has_place(*record, no, at, &here.seq, e)) {
        json_decref(*record);
        *record = NULL;
        return false;
    }
    *at = here;
    return true;
}
