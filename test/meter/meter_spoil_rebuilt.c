/* SPDX-License-Identifier: MIT
 *
 * meter_spoil_rebuilt.c - commands wrong from the start: well signed, and still not to be
 * obeyed.
 */
#include "meter_spoil.h"

#include <string.h>

static void unchanged(struct spoil *s)
{
    (void)s;
}

static void other_key(struct spoil *s)
{
    s->signer = s->other;
}

static void originator(struct spoil *s)
{
    s->c.env.originator ^= 1;
}

static void code_of_other_mode(struct spoil *s)
{
    s->c.env.code = CODE_CS02B + (s->c.mode == MODE_CONTINGENCY ? 8u : 9u);
}

static void mode_of_other_code(struct spoil *s)
{
    s->c.mode = s->c.mode == MODE_CONTINGENCY ? 8 : 9;
}

static void mode_ten(struct spoil *s)
{
    s->c.mode = MODES;
}

/* The meter has already seen this one, or a later one. */
static void hold_counter(struct spoil *s, int64_t held)
{
    for (int k = 0; k < ROLE_HELD; k++)
        s->d.counter[k] = held;
}

static void counter_equal(struct spoil *s)
{
    hold_counter(s, s->c.counter);
}

static void counter_lower(struct spoil *s)
{
    hold_counter(s, s->c.counter + 1);
}

static void header_counter(struct spoil *s)
{
    s->c.env.counter++;
}

static void payload_counter(struct spoil *s)
{
    s->c.counter++;
}

static void negative_counter(struct spoil *s)
{
    s->c.counter = -5;
}

static void huge_counter(struct spoil *s)
{
    s->quirks = QUIRK_HUGE_COUNTER;
}

static void long_length(struct spoil *s)
{
    s->quirks = QUIRK_LONG_LENGTH;
}

static void padded_int(struct spoil *s)
{
    s->quirks = QUIRK_PADDED_INT;
}

static void apply_default(struct spoil *s)
{
    s->quirks = QUIRK_APPLY_DEFAULT;
}

static void apply_boolean(struct spoil *s)
{
    s->quirks = QUIRK_APPLY_BOOLEAN;
}

static void more_control(struct spoil *s)
{
    s->quirks = QUIRK_MORE_CONTROL;
}

static void more_payload(struct spoil *s)
{
    s->quirks = QUIRK_MORE_PAYLOAD;
}

static void extra_path(struct spoil *s)
{
    s->quirks = QUIRK_EXTRA_PATH;
}

/* role, keyUsage contents, cellUsage or none, for the first replacement */
static void identify(struct spoil *s, int64_t role, struct octets bits, int64_t use)
{
    out_int(&s->id, 0x02, role);
    out_tlv(&s->id, 0x03, bits);
    if (use >= 0)
        out_int(&s->id, 0x02, use);
    s->c.put[0].id.body = out_octets(&s->id);
}

static void usage_default(struct spoil *s)
{
    identify(s, ROLE_RECOVERY, usage_bits(USE_SIGN), 0);
}

static void usage_two(struct spoil *s)
{
    identify(s, ROLE_SUPPLIER, usage_bits(USE_AGREE), 2);
}

static void role_beyond(struct spoil *s)
{
    identify(s, 128, usage_bits(USE_SIGN), -1);
}

static void usage_padded(struct spoil *s)
{
    static const uint8_t bits[] = {0x06, 0x80};
    identify(s, ROLE_RECOVERY, OCTETS(bits), -1);
}

static void symmetric_key(struct spoil *s)
{
    s->c.symmetric_key =
        s->c.symmetric_key.at ? (struct octets){0} : (struct octets){s->room, 32};
}

static void symmetric_wrong(struct spoil *s)
{
    memcpy(s->room, s->c.symmetric_key.at, s->c.symmetric_key.len);
    s->room[0] ^= 1;
    s->c.symmetric_key.at = s->room;
}

static void symmetric_short(struct spoil *s)
{
    s->c.symmetric_key.len--;
}

static void authority_missing(struct spoil *s)
{
    s->c.has_authority = false;
}

static void authority_wrong(struct spoil *s)
{
    enum cell wrong = s->c.authority.cell == CELL_SUPPLIER_DS && s->c.has_authority
                          ? CELL_NETWORK_DS
                          : CELL_SUPPLIER_DS;
    cell_identifier(&s->id, wrong);
    s->c.authority.body = out_octets(&s->id);
    s->c.has_authority = true;
}

static void authority_not_held(struct spoil *s)
{
    s->d.cell[s->c.authority.cell] = 0;
}

static void duplicate(struct spoil *s)
{
    s->c.put[s->c.n_put < REPLACEMENTS_MAX ? s->c.n_put++ : 1] = s->c.put[0];
}

static void no_replacements(struct spoil *s)
{
    s->c.n_put = 0;
}

static void floor_negative(struct spoil *s)
{
    s->c.floor = -2;
}

static void other_floor_negative(struct spoil *s)
{
    s->c.changes[0] = (struct change){ROLE_SUPPLIER, -2, -1};
    s->c.n_changes = 1;
}

static void topup_negative(struct spoil *s)
{
    s->c.topup = -2;
}

static void execute_at(struct spoil *s, const char *text)
{
    (void)snprintf(s->c.execute, sizeof s->c.execute, "%s", text);
}

static void month_thirteen(struct spoil *s)
{
    execute_at(s, "20261301000000Z");
}

static void no_leap_day(struct spoil *s)
{
    execute_at(s, "20270229000000Z");
}

static void no_zulu(struct spoil *s)
{
    execute_at(s, "202612010000000");
}

static void short_time(struct spoil *s)
{
    execute_at(s, "202612010000Z");
}

const struct spoil_row spoil_rebuilt[] = {
    {"(control) built again, unchanged", unchanged, ACCEPTED, 0, 0, NULL},
    {"signed by another key", other_key, SIGNATURE, 0, NEED_SIGNED, NULL},
    {"wrong originator", originator, ORIGINATOR, 0, NEED_NOT_9, NULL},
    {"message code of another mode", code_of_other_mode, MODE_MISMATCH, 0, 0, NULL},
    {"mode of another message code", mode_of_other_code, MODE_MISMATCH, 0, 0, NULL},
    {"mode 10", mode_ten, NUMBER_RANGE, 0, 0, NULL},
    {"counter equal to the one held", counter_equal, COUNTER_NOT_HIGHER, 0, 0, NULL},
    {"counter lower than the one held", counter_lower, COUNTER_NOT_HIGHER, 0, 0, NULL},
    {"header counter differs", header_counter, COUNTERS_DIFFER, 0, 0, NULL},
    {"payload counter differs", payload_counter, COUNTERS_DIFFER, 0, 0, NULL},
    {"counter negative", negative_counter, NUMBER_RANGE, 0, 0, NULL},
    {"counter 2^63", huge_counter, NUMBER_RANGE, 0, 0, NULL},
    {"DER length in long form", long_length, PAYLOAD_DER, 0, 0, NULL},
    {"INTEGER padded", padded_int, PAYLOAD_DER, 0, 0, NULL},
    {"applyTimeBasedCPVChecks default spelt out", apply_default, DEFAULT_ENCODED, 0, 0,
     NULL},
    {"applyTimeBasedCPVChecks as BOOLEAN", apply_boolean, NUMBER_RANGE, 0, 0, NULL},
    {"cell usage default spelt out", usage_default, DEFAULT_ENCODED, 0, 0, NULL},
    {"cell usage 2", usage_two, NUMBER_RANGE, 0, 0, NULL},
    {"role 128", role_beyond, NUMBER_RANGE, 0, 0, NULL},
    {"key usage bits padded", usage_padded, PAYLOAD_DER, 0, 0, NULL},
    {"unknown element in the control", more_control, PAYLOAD_SHAPE, 0, 0, NULL},
    {"unknown element at the end", more_payload, PAYLOAD_SHAPE, 0, 0, NULL},
    {"symmetric key where it must not be", symmetric_key, SYMMETRIC_KEY, 0, NEED_NOT_9,
     NULL},
    {"symmetric key missing", symmetric_key, SYMMETRIC_KEY, 0, NEED_MODE_9, NULL},
    {"symmetric key wrong", symmetric_wrong, CONTINGENCY_KEY, 0, NEED_MODE_9, NULL},
    {"symmetric key short", symmetric_short, CONTINGENCY_KEY, 0, NEED_MODE_9, NULL},
    {"authorising cell missing", authority_missing, AUTHORISING_CELL_MISSING, 0, NEED_NAMED,
     NULL},
    {"authorising cell wrong", authority_wrong, AUTHORISING_CELL, 0, 0, NULL},
    {"authorising cell not held", authority_not_held, AUTHORISING_CELL_NOT_HELD, 0,
     NEED_NAMED, NULL},
    {"one cell twice", duplicate, DUPLICATE_CELL, 0, 0, NULL},
    {"no replacements", no_replacements, NO_REPLACEMENTS, 0, 0, NULL},
    {"four path certificates", extra_path, PATH_CERTIFICATES, 0, NEED_PATH, NULL},
    {"own floor negative", floor_negative, NUMBER_RANGE, 0, 0, NULL},
    {"top-up floor negative", topup_negative, NUMBER_RANGE, 0, 0, NULL},
    {"other role's floor negative", other_floor_negative, NUMBER_RANGE, 0, 0, NULL},
    {"executionDateTime in month 13", month_thirteen, EXECUTION_TIME, 0, 0, NULL},
    {"executionDateTime on a 29 February that is none", no_leap_day, EXECUTION_TIME, 0, 0,
     NULL},
    {"executionDateTime without Z", no_zulu, EXECUTION_TIME, 0, 0, NULL},
    {"executionDateTime too short", short_time, EXECUTION_TIME, 0, 0, NULL},
};
const size_t n_spoil_rebuilt = sizeof spoil_rebuilt / sizeof *spoil_rebuilt;
