/* SPDX-License-Identifier: MIT */
#include "place.h"

#include "audit.h"
#include "clock.h"
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void place_set(struct place *p, const struct eui64 *originator, uint64_t up_to)
{
    for (size_t i = 0; i < p->n; i++)
        if (eui64_cmp(&p->counters[i].originator, originator) == 0) {
            if (up_to > p->counters[i].up_to)
                p->counters[i].up_to = up_to;
            return;
        }
    if (p->n < PLACE_COUNTERS_MAX)
        p->counters[p->n++] = (struct place_counter){*originator, up_to};
}

uint64_t place_up_to(const struct place *p, const struct eui64 *originator)
{
    for (size_t i = 0; i < p->n; i++)
        if (eui64_cmp(&p->counters[i].originator, originator) == 0)
            return p->counters[i].up_to;
    return 0;
}

static bool take_mark(void *arg, const struct eui64 *originator, uint64_t mark)
{
    place_set(arg, originator, mark);
    return true;
}

bool place_take(struct store *s, struct place *out, struct err *e)
{
    struct chain_place first, last;

    *out = (struct place){0};
    if (!audit_at(s, 1, &first, e) || !audit_last(s, &last, e) ||
        !ledger_each_mark(s, take_mark, out, e))
        return false;
    out->trail = first.hash;
    out->records = last.seq;
    out->hash = last.hash;
    return true;
}

json_t *place_json(const struct place *p)
{
    char trail[HEX_LEN(32)], hash[HEX_LEN(32)];
    json_t *counters = json_array();

    for (size_t i = 0; i < p->n; i++) {
        char hex[HEX_LEN(8)];

        hex_encode(p->counters[i].originator.b, 8, hex);
        (void)json_array_append_new(counters,
                                    json_pack("{s:s,s:I}", "originator", hex, "up_to",
                                              (json_int_t)p->counters[i].up_to));
    }
    hex_encode_lower(p->trail.b, 32, trail);
    hex_encode_lower(p->hash.b, 32, hash);
    return json_pack("{s:s,s:I,s:s,s:o}", "trail", trail, "records", (json_int_t)p->records,
                     "hash", hash, "counters", counters);
}

json_t *place_document(const struct place *p, const char *schema, int64_t now_us)
{
    char at[CLOCK_TEXT_LEN];

    clock_text(now_us, at);
    return json_pack("{s:s,s:s,s:o}", "schema", schema, "at", at, "record", place_json(p));
}

static bool read_counters(json_t *counters, struct place *out)
{
    size_t i;
    json_t *one;

    if (counters != NULL &&
        (!json_is_array(counters) || json_array_size(counters) > PLACE_COUNTERS_MAX))
        return false;
    json_array_foreach(counters, i, one)
    {
        const char *hex;
        json_int_t up_to;
        struct eui64 originator;

        if (json_unpack(one, "{s:s,s:I}", "originator", &hex, "up_to", &up_to) != 0 ||
            up_to < 0 || !eui64_parse(hex, strlen(hex), &originator))
            return false;
        place_set(out, &originator, (uint64_t)up_to);
    }
    return true;
}

bool place_from_json(const json_t *j, struct place *out, struct err *e)
{
    json_t *body = json_object_get(j, "body");
    json_t *inner = json_object_get(body != NULL ? body : j, "record");
    json_t *at = inner != NULL ? inner : (json_t *)(uintptr_t)j;
    const char *trail = "", *hash;
    json_t *counters = NULL;
    json_int_t records;

    *out = (struct place){0};
    if (json_unpack(at, "{s:I,s:s,s?s,s?o}", "records", &records, "hash", &hash, "trail",
                    &trail, "counters", &counters) != 0 ||
        records < 0 || !hex_decode(hash, strlen(hash), out->hash.b, 32) ||
        (trail[0] != '\0' && !hex_decode(trail, strlen(trail), out->trail.b, 32)) ||
        !read_counters(counters, out))
        return err_set(e, ERR_INPUT, "ledger.place",
                       "it does not say records, hash and counters of a state");
    out->records = (uint64_t)records;
    return true;
}

static bool judge_counters(struct store *s, const struct place *p, bool *older,
                           char why[static PLACE_TEXT], struct err *e)
{
    for (size_t i = 0; i < p->n && !*older; i++) {
        uint64_t mark;
        bool found;

        if (!ledger_mark(s, &p->counters[i].originator, &mark, &found, e))
            return false;
        *older = p->counters[i].up_to > mark;
        if (*older)
            (void)snprintf(why, PLACE_TEXT,
                           "it knows counters up to %" PRIu64
                           ", the ledger only up to %" PRIu64,
                           p->counters[i].up_to, mark);
    }
    return true;
}

bool place_judge(struct store *s, const struct place *p, bool *older,
                 char why[static PLACE_TEXT], struct err *e)
{
    static const struct digest none;
    struct chain_place first, last, then;

    *older = false;
    if (!judge_counters(s, p, older, why, e) || !audit_at(s, 1, &first, e) ||
        !audit_last(s, &last, e) || !audit_at(s, p->records, &then, e))
        return false;
    if (*older)
        return true;
    *older = true;
    if (!digest_equal(&p->trail, &none) && !digest_equal(&p->trail, &first.hash))
        (void)snprintf(why, PLACE_TEXT, "it tells of another audit trail than this one");
    else if (p->records > last.seq)
        (void)snprintf(why, PLACE_TEXT,
                       "it knows %" PRIu64 " records of the audit trail, here are %" PRIu64,
                       p->records, last.seq);
    else if (p->records > 0 && !digest_equal(&p->hash, &then.hash))
        (void)snprintf(why, PLACE_TEXT, "it knows another record %" PRIu64, p->records);
    else
        *older = false;
    return true;
}
