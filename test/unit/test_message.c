/* SPDX-License-Identifier: MIT
 *
 * message, message_json, response: every kind by our own samples, every way a message can
 * be wrong, and what may and may not be lenient. Published messages are in test_vectors.
 */
#include "asn1.h"
#include "cs02a.h"
#include "message_json.h"
#include "octets_kit.h"
#include "response.h"
#include "rules.h"
#include "samples.h"

#include <jansson.h>
#include <stdio.h>

static struct sample samples[SAMPLES_MAX];
static size_t n_samples;

static const struct sample *sample(const char *name)
{
    for (size_t i = 0; i < n_samples; i++)
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    ck_abort_msg("no sample %s", name);
    return NULL;
}

static struct span octets_of(const char *name)
{
    return span_of(sample(name)->octets, sample(name)->len);
}

static void decode(const char *name, struct message *m)
{
    struct err e = {0};

    ck_assert_msg(message_decode(octets_of(name), m, &e), "%s: %s", name, e.text);
}

static char *to_json(const char *name)
{
    struct message m;
    struct err e = {0};
    char *json = NULL;

    decode(name, &m);
    ck_assert_msg(message_to_json(&m, &json, &e), "%s", e.text);
    message_done(&m);
    return json;
}

static bool from_json(const char *json, uint8_t **octets, size_t *len, struct err *e)
{
    return message_from_json(span_of(json, strlen(json)), span_of(NULL, 0), octets, len, e);
}

static void check_round_trip(size_t row)
{
    round_trip(span_of(samples[row].octets, samples[row].len), span_of(NULL, 0));
}

START_TEST(every_sample_comes_out_as_it_went_in)
{
    for (size_t i = 0; i < n_samples; i++)
        check_round_trip(i);
}
END_TEST

static void check_notes(size_t row)
{
    struct message m;
    size_t n;

    decode(samples[row].name, &m);
    n = m.long_lengths.n + m.spelt_defaults.n + m.padded_bits.n;
    ck_assert_msg((n > 0) == samples[row].lenient, "%s", samples[row].name);
    message_done(&m);
}

START_TEST(leniency_is_noted_and_only_where_it_is)
{
    for (size_t i = 0; i < n_samples; i++)
        check_notes(i);
}
END_TEST

static void check_beginnings(size_t row)
{
    const struct sample *s = &samples[row];
    struct message m;
    struct err e = {0};

    for (size_t len = 0; len < s->len; len++) {
        uint8_t *copy = malloc(len + 1); /* so that a read behind the end is seen */

        memcpy(copy, s->octets, len);
        if (message_decode(span_of(copy, len), &m, &e)) {
            ck_assert(m.form == FORM_BARE || m.form == FORM_NULL);
            message_done(&m);
        } else {
            ck_assert_int_eq(e.code, ERR_INPUT);
            ck_assert_ptr_nonnull(rules_find(e.id));
        }
        free(copy);
    }
}

START_TEST(every_beginning_of_a_message_is_refused_or_a_smaller_message)
{
    for (size_t i = 0; i < n_samples; i++)
        check_beginnings(i);
}
END_TEST

START_TEST(printing_names_what_is_there)
{
    static const struct {
        const char *sample, *words;
    } cases[] = {
        {"update-8", "CS02b command, code 0108, immediate"},
        {"update-8", "anyExceptAbnormalRootByRecovery"},
        {"update-8", "role 9 0"},
        {"update-11", "CS02g command, code 0126, immediate"},
        {"update-11", "11 loadControllerBySupplier"},
        {"update-11", "replaces              load-ka"},
        {"update-11", "loadController 0"},
        {"answer-11", "CS02g response, code 0126, executed"},
        {"answer-11", "cell                  load-ds"},
        {"answer-10-inconsistent", "10 unknown"},
        {"answer-10-inconsistent", "name different commands"},
        {"alert-11", "CS02g alert, code 0124, executed-future-dated"},
        {"alert-8F66-inconsistent", "name different commands"},
        {"query-load", "CS02f command, code 011B"},
        {"query-load", "asks for              loadController"},
        {"report-load", "loadController, other (127)"},
        {"other-command-0125", "CS02g command, code 0125"},
        {"other-command-0125", "payload               09080706"},
        {"update-8", "supplier 0, top-up 0"},
        {"update-8", "role 02 supplier, digitalSignature"},
        {"update-2-future", "future-dated"},
        {"update-2-cancel", "cancel"},
        {"update-7-stranger", "no certificate that can be read"},
        {"update-9", "symmetric key         16 octets"},
        {"answer-8-accepted", "accepted; to be executed later"},
        {"answer-9-inconsistent", "name different commands"},
        {"answer-9-loose", "lengths longer than need be"},
        {"answer-8-spelt", "defaults spelled out: 1, the first at octet 73"},
        {"alert-8F67", "8F67 futureDatedNotActioned"},
        {"alert-8F67", "noTrustAnchor (10)"},
        {"query-mac", "asks for              wanProvider"},
        {"report-mac", "trustAnchorNotFound (25)"},
        {"report-mac", "counter 1152921504606846976"},
        {"other-command", "CS06 command, code 0012"},
        {"other-command-extra", "supplementary party"},
    };
    char *page = NULL;
    size_t len;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE *f = open_memstream(&page, &len);
        struct message m;

        decode(cases[i].sample, &m);
        message_print(f, &m);
        message_done(&m);
        (void)fclose(f);
        ck_assert_msg(strstr(page, cases[i].words) != NULL, "%s: no '%s' in\n%s",
                      cases[i].sample, cases[i].words, page);
        free(page);
    }
}
END_TEST

/* ---- what is refused ---- */

static const struct {
    const char *sample;
    size_t at; /* octet to change; from the end when above 100000 */
    int value;
    const char *id, *words;
} wrong[] = {
#define FROM_END(n) (100000 + (n))
    {"update-8", 0, 0xDE, "message.header", "octet 0, grouping header"},
    {"update-8", 1, 8, "message.header", "octet 1, transaction-id length"},
    {"update-8", 2, 4, "message.header", "octet 2, CRA flag"},
    {"update-8", 2, 0, "message.header", "octet 2, CRA flag"},
    {"update-8", 11, 7, "message.header", "octet 11, originator length"},
    {"update-8", 20, 7, "message.header", "octet 20, recipient length"},
    {"update-8", 29, 1, "message.header", "octet 29, date-time length"},
    {"update-8", 30, 0, "message.header", "octet 30, other-information length"},
    {"update-8", 30, 0x0A, "message.other-info", "octet 30, other-information length"},
    {"update-8", 30, 0x12, "message.other-info", "octet 30, other-information length"},
    {"update-8", 30, 0x1A, "message.other-info", "octet 30, other-information length"},
    {"update-8", 30, 0x80, "message.header", "octet 30, other-information length"},
    {"update-8", 10, 0xFF, "message.counter", "authorisingRemotePartySeqNumber"},
    {"update-8", 32, 0x09, "message.mode", "mode 8 under message code 0109"},
    {"update-8", 33, 0x85, "message.header", "octet 33, content length"},
    {"update-8", 33, 0x80, "message.header", "octet 33, content length"},
    {"update-8", 33, 0x83, "message.length", "octet 33, content length"},
    {"update-8", 34, 0xFF, "message.length", "octet 33, content length"},
    {"update-8", 36, 0x31, "message.payload", "octet 36, payload has another tag"},
    {"update-8", 40, 0x04, "message.payload",
     "octet 40, authorisingRemotePartyControl is missing, or has another tag"},
    {"update-8", 44, 0x0C, "message.payload",
     "octet 42, authorisingRemotePartyControl.credentialsReplacementMode is too large"},
    {"update-8", FROM_END(65), 0x41, "message.envelope", "signature length"},
    {"update-8", FROM_END(65), 0, "message.envelope", "octets follow the message"},
    {"update-2", 3, 1, "message.header", "octet 3, MAC header"},
    {"update-2", 9, 0, "message.length", "octet 7, MAC header length"},
    {"update-2", 10, 0x10, "message.header", "octet 10, security header"},
    {"update-2", 14, 1, "message.header", "octet 14, security header"},
    {"answer-8", 29, 0x0B, "message.header", "octet 29, date-time length"},
    {"answer-8-accepted", 45, 0x7F, "message.length", "octet 45, content length"},
    {"answer-8-accepted", 49, 1, "message.payload", "octet 48, commandAccepted has no tag"},
};

static void check_wrong_octet(size_t row)
{
    const struct sample *s = sample(wrong[row].sample);
    size_t at = wrong[row].at >= 100000 ? s->len - (wrong[row].at - 100000) : wrong[row].at;
    uint8_t *copy = malloc(s->len);
    struct message m;
    struct err e = {0};

    memcpy(copy, s->octets, s->len);
    copy[at] = (uint8_t)wrong[row].value;
    ck_assert(!message_decode(span_of(copy, s->len), &m, &e));
    free(copy);
    ck_assert_int_eq(e.code, ERR_INPUT);
    ck_assert_msg(strcmp(e.id, wrong[row].id) == 0, "%s, not %s: %s", e.id, wrong[row].id,
                  e.text);
    ck_assert_msg(strstr(e.text, wrong[row].words) != NULL, "%s", e.text);
}

START_TEST(wrong_octet_is_named)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        check_wrong_octet(i);
}
END_TEST

/* Octets written as hex, where TAG( ... ) is a value with the shortest length. */
static const char *build(const char *text, uint8_t *out, size_t *len)
{
    *len = 0;
    while (*text != '\0' && *text != ')') {
        uint8_t inner[300];
        size_t n;

        if (*text == ' ') {
            text++;
        } else if (*text == '(') {
            text = build(text + 1, inner, &n);
            ck_assert_uint_lt(n, 0x80);
            out[(*len)++] = (uint8_t)n;
            memcpy(out + *len, inner, n);
            *len += n;
            text++; /* the closing one */
        } else {
            ck_assert(hex_decode(text, 2, out + (*len)++, 1));
            text += 2;
        }
    }
    return text;
}

/* A command with this payload, pre-command form, mode 8, counter 5; payload at octet 34. */
static struct span command_with(const char *text)
{
    struct message m = {.kind = MESSAGE_COMMAND, .code = 0x0108, .counter = 5};
    uint8_t payload[400];
    uint8_t *octets;
    size_t len;
    struct err e;

    (void)build(text, payload, &len);
    m.payload = span_of(payload, len);
    ck_assert(message_encode(&m, &octets, &len, &e));
    return span_of(octets, len);
}

#define CONTROL   "30(02(08) 83(05))"
#define CELL      "30(02(02) 03(0780))"
#define ONE(cell) "30(" CONTROL "30(30(30() " cell ")) 30())"

static const struct {
    const char *payload, *id, *words;
} payloads[] = {
    {"30(" CONTROL "30() 30())", NULL, NULL},
    {"30(" CONTROL "308100 30())", "message.not-der", "octet 44"},
    {"30810C 3006 020108 830105 3000 3000", "message.not-der", "octet 34"},
    {"3082000C 3006 020108 830105 3000 3000", "message.not-der", "octet 34"},
    {"30(30(02(08) 81(00) 83(05)) 30() 30())", "message.not-der",
     "octet 41, payload: a def"},
    {"30(30(02(08) 81(01) 83(05)) 30() 30())", NULL, NULL},
    {"30(30(02(08) 81(02) 83(05)) 30() 30())", "message.payload",
     "applyTimeBasedCPVChecks"},
    {"30(30(02(08) 01(01) 83(05)) 30() 30())", "message.payload", "SeqNumber is missing"},
    {"30(30(02(08) 83(85)) 30() 30())", "message.payload", "is negative"},
    {"30(30(02(08) 83(0005)) 30() 30())", "message.payload", "needless octet"},
    {"30(30(02(08) 83()) 30() 30())", "message.payload", "without octets"},
    {"30(30(02(08) 83(010203040506070809)) 30() 30())", "message.payload", "too large"},
    {"30(30(02(08) 83(06)) 30() 30())", "message.counter", "6, but the grouping header"},
    {"30(30(02(07) 83(05)) 30() 30())", "message.mode", "mode 7 under message code 0108"},
    {"30(30(02(0A) 83(05)) 30() 30())", "message.mode", "mode 10 under message code 0108"},
    {"30(30(02(0B) 83(05)) 30() 30())", "message.mode", "mode 11 under message code 0108"},
    {"30(30(02(0C) 83(05)) 30() 30())", "message.payload", "too large"},
    {"30(30(02(08) 80() 83(05)) 30() 30())", NULL, NULL},
    {"30(30(02(08) 83(05) 80()) 30() 30())", "message.payload", "does not belong there"},
    {"30(30(02(08) 83(05) 85() ) 30() 30())", "message.payload", "is not constructed"},
    {"30(30(02(08) 83(05) A5() A6()) 30() 30())", NULL, NULL},
    {"30(30(02(08) 83(05) A6(30(02(02)))) 30() 30())", "message.payload",
     "otherRemotePartySeqNumberChanges[1].otherRemotePartyFloorSeqNumber is missing"},
    {"3080 3006 020108 830105 3000 3000 0000", "message.payload", "indefinite length"},
    {"30(" CONTROL ")", "message.payload", "replacements is missing"},
    {"30(" CONTROL "30())", "message.payload", "certificationPathCertificates is missing"},
    {"30(30(02(08)) 30() 30())", "message.payload",
     "authorisingRemotePartySeqNumber is missing"},
    {"30(" CONTROL "30(02(00)) 30())", "message.payload",
     "replacements[1] has another tag"},
    {"30(" CONTROL "30() 30() 0500)", "message.payload",
     "payload has an element that does not"},
    {"30(" CONTROL "30() 30()) 00", "message.payload", "goes on after its end"},
    {"30(" CONTROL "30() 3003)", "message.payload", "no tag and length that fit"},
    {ONE(CELL), NULL, NULL},
    {ONE("30(02(02) 03(0780) 02(01))"), NULL, NULL},
    {ONE("30(02(02) 03(0780) 02(00))"), "message.not-der", "default value"},
    {ONE("30(02(02) 03(0680))"), "message.not-der", "zero bits at its end"},
    {ONE("30(02(02) 03(070400))"), "message.not-der", "zero bits at its end"},
    {ONE("30(02(02) 03(0781))"), "message.payload", "sets bits that it says are unused"},
    {ONE("30(02(02) 03(0880))"), "message.payload", "is no key usage"},
    {ONE("30(02(02) 03())"), "message.payload", "is no key usage"},
    {ONE("30(02(02) 03(00))"), NULL, NULL},
    {ONE("30(02(02) 03(07)) "), "message.payload", "is no key usage"},
    {ONE("30(02(02) 23(0780))"), "message.payload",
     "trustAnchorCellKeyUsage is constructed"},
    {ONE("30(02(02) 03(0780) 0500)"), "message.payload",
     "replacements[1].targetTrustAnchor"},
    {ONE("30(020200FF 03(0780))"), NULL, NULL},
    {ONE("30(02020100 03(0780))"), "message.payload", "RemotePartyRole is too large"},
    {"30(" CONTROL "30(30(02(00) " CELL ")) 30())", "message.payload",
     "replacements[1].replacementCertificate"},
    {"30(" CONTROL "30(30(10() " CELL ")) 30())", "message.payload", "is no certificate"},
    {"30(" CONTROL "30(30(30(0101FF) " CELL ")) 30())", NULL, NULL},
    {"30(" CONTROL "30(30(30(010100) " CELL ")) 30())", "message.not-der",
     "octet 50, payload: a boolean in a certificate"},
    {"30(" CONTROL "30(30(30(30(30(010101))) " CELL ")) 30())", "message.not-der",
     "octet 54, payload: a boolean in a certificate"},
    {"30(" CONTROL "30() 30(30(0100)))", "message.not-der", "a boolean in a certificate"},
    {"30(" CONTROL "30() 30(30(810100)))", NULL, NULL}, /* tagged: another type */
    {"30(" CONTROL "30() 30(30(0403010100)))", NULL, NULL},
    {"30(" CONTROL "30() 30(308100))", "message.not-der", "longer than need be"},
    {"30(" CONTROL "30() 30(308200))", "message.payload", "no tag and length that fit"},
    {"30(" CONTROL "30() 30(308101))", "message.payload", "no tag and length that fit"},
    {"30(" CONTROL "30() 30(30FF))", "message.payload", "no tag and length that fit"},
    {"30(" CONTROL "30() 30(3F1000))", "message.payload", "no tag and length that fit"},
    {"30(" CONTROL "30() 30(3088 0000000000000000))", "message.not-der",
     "longer than need be"},
    {"30(" CONTROL "30() 30(3089 010000000000000000))", "message.payload",
     "no tag and length that fit"},
    {"30(" CONTROL "30() 30() 18(32303236303233303030303030305A))", "message.payload",
     "executionDateTime is not YYYYMMDDHHMMSSZ"},
    {"30(" CONTROL "30() 30() 18(32303236303232383030303030305A))", NULL, NULL},
};

static void check_payload(size_t row)
{
    struct span s = command_with(payloads[row].payload);
    struct message m;
    struct err e = {0};
    bool ok = message_decode(s, &m, &e);

    if (payloads[row].id == NULL) {
        ck_assert_msg(ok, "%s", e.text);
        message_done(&m);
        round_trip(s, span_of(NULL, 0));
    } else {
        ck_assert(!ok);
        ck_assert_msg(strcmp(e.id, payloads[row].id) == 0, "%s, not %s: %s", e.id,
                      payloads[row].id, e.text);
        ck_assert_msg(strstr(e.text, payloads[row].words) != NULL, "%s", e.text);
    }
    span_free(s);
}

START_TEST(wrong_payload_is_named)
{
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        check_payload(i);
}
END_TEST

static void check_envelope(size_t row)
{
    static const struct {
        const char *sample;
        enum message_form form;
        bool ok;
    } cases[] = {
        {"update-8", FORM_SIGNED_MAC, false}, {"update-8", FORM_MAC, false},
        {"update-9", FORM_SIGNED_MAC, false}, {"update-9", FORM_BARE, true},
        {"update-2", FORM_MAC, false},        {"update-2", FORM_NULL, true},
        {"update-2", FORM_SIGNED, true},      {"update-4", FORM_MAC, true},
        {"update-4", FORM_SIGNED_MAC, true},  {"answer-8", FORM_SIGNED_MAC, true},
        {"update-11", FORM_SIGNED, true},     {"update-11", FORM_MAC, false},
        {"update-11", FORM_NULL, true},
    };
    struct message m, again;
    struct err e = {0};
    uint8_t *octets;
    size_t len;
    bool ok;

    decode(cases[row].sample, &m);
    m.form = cases[row].form;
    ck_assert(message_encode(&m, &octets, &len, &e));
    message_done(&m);
    ok = message_decode(span_of(octets, len), &again, &e);
    ck_assert_msg(ok == cases[row].ok, "row %zu", row);
    if (ok)
        message_done(&again);
    else
        ck_assert_str_eq(e.id, "message.envelope");
    free(octets);
}

START_TEST(mode_and_envelope_belong_together)
{
    for (size_t i = 0; i < 13; i++)
        check_envelope(i);
}
END_TEST

/* A device may spend more octets on a length than need be, also on that of nothing at the
 * very end, which not every libcrypto takes. */
START_TEST(long_lengths_of_a_response_are_ours_to_read)
{
    static const char *const reports[] = {
        "30(30(02(02) 0A(00) 308100))",
        "30811B 30(02(02) 0A(00) 02(05) 308200 0C 30(03(0780) 048100 048100))",
    };
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
        struct message m = {.kind = MESSAGE_RESPONSE, .code = MESSAGE_CS02A, .counter = 5};
        struct message again;
        uint8_t payload[100];
        uint8_t *octets;
        size_t len;
        struct err e = {0};

        (void)build(reports[i], payload, &len);
        m.payload = span_of(payload, len);
        ck_assert_msg(message_encode(&m, &octets, &len, &e), "%s", e.text);
        ck_assert_msg(message_decode(span_of(octets, len), &again, &e), "%s", e.text);
        ck_assert_uint_gt(again.long_lengths.n, 0);
        ck_assert_uint_eq(again.body.report.n_roles, 1);
        ck_assert(again.body.report.roles[0].has_cells);
        message_done(&again);
        free(octets);
    }
}
END_TEST

/* Lists longer than the struct: refused, not cut. */
START_TEST(too_many_elements_are_refused)
{
    struct message m = {.kind = MESSAGE_COMMAND, .code = MESSAGE_CS02A, .counter = 5};
    uint8_t payload[2 + 9 + 2 + 3 * (PAYLOAD_ROLES_MAX + 1)] = {
        0x30, 0, 0x30, 7, 2, 1, 4, 3, 2, 3, 8, 0x30, 3 * (PAYLOAD_ROLES_MAX + 1)};
    struct message again;
    uint8_t *octets;
    size_t len;
    struct err e = {0};

    payload[1] = sizeof payload - 2;
    for (size_t i = 13; i + 2 < sizeof payload; i += 3) {
        payload[i] = 2;
        payload[i + 1] = 1;
        payload[i + 2] = (uint8_t)i;
    }
    m.payload = span_of(payload, sizeof payload);
    ck_assert(message_encode(&m, &octets, &len, &e));
    ck_assert(!message_decode(span_of(octets, len), &again, &e));
    ck_assert_msg(strcmp(e.id, "message.too-many") == 0, "%s", e.text);
    free(octets);
}
END_TEST

START_TEST(nothing_and_too_much_are_refused)
{
    struct message m;
    struct err e = {0};
    uint8_t *huge = calloc(1, MESSAGE_MAX + 1);

    huge[0] = 0xDF;
    ck_assert(!message_decode(span_of(NULL, 0), &m, &e));
    ck_assert_str_eq(e.id, "message.length");
    ck_assert(!message_decode(span_of(huge, MESSAGE_MAX + 1), &m, &e));
    ck_assert_str_eq(e.id, "message.length");
    free(huge);
}
END_TEST

/* ---- what it says ---- */

START_TEST(timing_is_named)
{
    static const struct {
        const char *sample, *timing;
    } cases[] = {
        {"update-8", "immediate"},
        {"update-2-future", "future-dated"},
        {"update-2-cancel", "cancel"},
        {"answer-8-accepted", "accepted-future-dated"},
        {"answer-8", "executed"},
        {"alert-8F66", "executed-future-dated"},
        {"query-mac", ""},
        {"other-command", ""},
    };
    struct message m;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decode(cases[i].sample, &m);
        ck_assert_str_eq(message_timing(&m), cases[i].timing);
        message_done(&m);
    }
}
END_TEST

static size_t failures(const struct response *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_outcomes; i++)
        n += r->outcomes[i].status != 0;
    return n;
}

static void check_response(size_t row)
{
    static const struct {
        const char *sample;
        enum response_kind kind;
        uint64_t counter;
        enum mode mode;
        size_t n;
        bool succeeded, lenient;
    } cases[] = {
        {"answer-8", RESPONSE_EXECUTED, 1705416979790, MODE_ANY_BY_RECOVERY, 13, false,
         false},
        {"answer-6", RESPONSE_EXECUTED, 1705416979790, MODE_TCOS_BY_TCOS, 1, true, false},
        {"answer-9-loose", RESPONSE_EXECUTED, 1705416979790, MODE_ANY_BY_CONTINGENCY, 13,
         false, true},
        {"answer-8-accepted", RESPONSE_ACCEPTED, 1705416979790, MODE_ANY_BY_RECOVERY, 0,
         false, false},
        {"answer-8-spelt", RESPONSE_EXECUTED, 5, MODE_ANY_BY_RECOVERY, 1, true, true},
        {"alert-8F66", RESPONSE_ALERT, 77, MODE_ANY_BY_RECOVERY, 13, true, false},
        {"alert-8F67-loose", RESPONSE_ALERT, 77, MODE_ANY_BY_RECOVERY, 13, false, true},
        {"answer-11", RESPONSE_EXECUTED, 1705416979790, MODE_LOAD_BY_SUPPLIER, 2, false,
         false},
        {"alert-11", RESPONSE_ALERT, 77, MODE_LOAD_BY_SUPPLIER, 13, true, false},
    };
    struct response r;
    struct err e = {0};

    ck_assert_msg(response_read(octets_of(cases[row].sample), &r, &e), "%s", e.text);
    ck_assert_int_eq(r.kind, cases[row].kind);
    ck_assert_uint_eq(r.counter, cases[row].counter);
    ck_assert_uint_eq(r.device_counter,
                      row == 4 ? 5 : 1705416979790); /* an alert's own, else the same */
    ck_assert_int_eq(r.mode, cases[row].mode);
    ck_assert_uint_eq(r.n_outcomes, cases[row].n);
    ck_assert_int_eq(r.n_outcomes > 0 && failures(&r) == 0, cases[row].succeeded);
    ck_assert_int_eq(r.lenient, cases[row].lenient);
    ck_assert_uint_eq(r.device.b[1], 0x11);
    ck_assert_uint_eq(r.recipient.b[0], 0x70);
    if (r.kind == RESPONSE_ALERT)
        ck_assert_str_eq(r.execution_time, "20300115090000Z");
}

START_TEST(response_is_ready_to_be_matched)
{
    for (size_t i = 0; i < 9; i++)
        check_response(i);
}
END_TEST

START_TEST(outcome_tells_cells_and_identifiers)
{
    struct response r;
    struct err e = {0};

    ck_assert(response_read(octets_of("answer-8"), &r, &e));
    ck_assert(r.outcomes[1].known && r.outcomes[1].cell == CELL_RECOVERY_DS);
    ck_assert_uint_eq(r.outcomes[1].status, 10);
    ck_assert(r.outcomes[1].has_old && r.outcomes[1].has_new);
    ck_assert_uint_eq(r.outcomes[1].old_key.b[0], 0x4A);
    ck_assert_uint_eq(r.outcomes[0].old_uid.b[0], 0);
    /* identifiers that have not eight octets are not taken for such */
    ck_assert(response_read(octets_of("answer-8-spelt"), &r, &e));
    ck_assert(r.outcomes[0].known && r.outcomes[0].cell == CELL_SUPPLIER_DS);
    ck_assert(!r.outcomes[0].has_old && !r.outcomes[0].has_new);
}
END_TEST

START_TEST(what_is_no_response_is_refused)
{
    static const struct {
        const char *sample, *id;
    } cases[] = {
        {"update-8", "response.kind"},
        {"report-signed", "response.kind"},
        {"other-alert-empty", "response.kind"},
        {"answer-9-inconsistent", "response.inconsistent"},
        {"answer-10-inconsistent", "response.inconsistent"},
        {"alert-8F66-inconsistent", "response.inconsistent"},
        {"report-load", "response.kind"},
    };
    struct response r;
    struct message m;
    struct err e = {0};
    uint8_t *octets;
    size_t len;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert(!response_read(octets_of(cases[i].sample), &r, &e));
        ck_assert_str_eq(e.id, cases[i].id);
        ck_assert_ptr_nonnull(rules_find(e.id));
    }
    decode("answer-8", &m);
    m.form = FORM_NULL;
    ck_assert(message_encode(&m, &octets, &len, &e));
    message_done(&m);
    ck_assert(!response_read(span_of(octets, len), &r, &e));
    ck_assert_str_eq(e.id, "response.unsigned");
    free(octets);
}
END_TEST

/* Sign a sample by a key of ours. */
static void sign(struct sample *s, EVP_PKEY *key)
{
    struct message m;
    struct err e = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[80];
    const unsigned char *p = der;
    size_t len = sizeof der;
    ECDSA_SIG *sig;

    ck_assert(message_decode(span_of(s->octets, s->len), &m, &e));
    ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    ck_assert_int_eq(
        EVP_DigestSign(ctx, der, &len, m.signed_octets.at, m.signed_octets.len), 1);
    sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), s->octets + s->len - 64, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), s->octets + s->len - 32, 32);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    message_done(&m);
}

START_TEST(signature_is_checked_over_the_received_octets)
{
    static const char *const names[] = {"answer-9", "answer-9-loose", "answer-8-spelt",
                                        "alert-8F67-loose"};
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sample copy = *sample(names[i]), *s = &copy;
        struct response r;
        struct err e = {0};

        copy.octets = malloc(copy.len);
        memcpy(copy.octets, sample(names[i])->octets, copy.len);
        sign(s, key);
        ck_assert_msg(response_read(span_of(s->octets, s->len), &r, &e), "%s", e.text);
        ck_assert(response_verify(&r, key));
        ck_assert(!response_verify(&r, other));
        s->octets[24] ^= 1; /* the recipient is signed, too */
        ck_assert(response_read(span_of(s->octets, s->len), &r, &e));
        ck_assert(!response_verify(&r, key));
        free(copy.octets);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}
END_TEST

/* ---- JSON ---- */

/* Replace the first occurrence. */
static char *with(const char *json, const char *old, const char *new)
{
    const char *at = strstr(json, old);
    char *out;

    ck_assert_msg(at != NULL, "no %s in\n%s", old, json);
    ck_assert(asprintf(&out, "%.*s%s%s", (int)(at - json), json, new, at + strlen(old)) >
              0);
    return out;
}

static const struct {
    const char *sample, *old, *new, *id, *words;
} edits[] = {
    {"update-8", "\"kind\": \"command\"", "\"kind\": \"order\"", "message.json", "kind"},
    {"update-8", "\"form\": \"signed\"", "\"form\": \"sealed\"", "message.json", "form"},
    {"update-8", "\"form\": \"signed\"", "\"form\": \"bare\"", "message.json", "signature"},
    {"update-8", "\"form\": \"signed\"", "\"form\": \"signed-mac\"", "message.mac", "key"},
    {"update-8", "\"kind\"", "\"kin\"", "message.json", "kind"},
    {"update-8", "\"kind\"", "\"extra\": 1, \"kind\"", "message.json", "extra"},
    {"update-8", "\"replacements\"", "\"replacement\"", "message.json", "replacements"},
    {"update-8", "\"recovery-ds\"", "\"recovery-da\"", "message.json", "recovery-da"},
    {"update-8", "\"der\": \"M", "\"der\": \"*", "message.json", "base64"},
    {"update-8", "\"der\": \"MI", "\"der\": \"AA", "message.json", "SEQUENCE"},
    {"update-8", "\"floor\": 0", "\"floor\": -1", "message.json", "floor"},
    {"update-8", "\"floor\": 0", "\"floor\": \"18446744073709551616\"", "message.json",
     "floor"},
    {"update-8", "\"floor\": 0", "\"floor\": \"9223372036854775808\"", "message.payload",
     "is too large"},
    {"update-8", "\"floor\": 0", "\"floor\": \"9223372036854775807\"", NULL, NULL},
    {"update-8", "\"role\": 9", "\"role\": 256", "message.json", "role"},
    {"update-8", "\"role\": 9", "\"role\": \"unknown\"", "message.json", "role"},
    {"update-8", "\"role\": 9", "\"role\": \"loadController\"", NULL, NULL},
    {"answer-11", "\"loadControllerBySupplier\"", "10", NULL, NULL},
    {"answer-11", "\"loadControllerBySupplier\"", "12", "message.json", "mode"},
    {"answer-11", "\"loadControllerBySupplier\"", "\"unknown\"", "message.json", "mode"},
    {"update-8", "\"counter\": 1705416979790", "\"counter\": 5", "message.counter", "5"},
    {"update-8", "\"message_code\": \"0108\"", "\"message_code\": \"0107\"", "message.mode",
     "mode 8"},
    {"update-8", "\"message_code\": \"0108\"", "\"message_code\": \"108\"", "message.json",
     "message_code"},
    {"update-8", "\"message_code\": \"0108\"", "\"message_code\": \"0012\"", "message.json",
     "payload_hex"},
    {"update-8", "\"originator\": \"70", "\"originator\": \"7", "message.json",
     "originator"},
    {"update-8", "\"disapply_time_checks\": true", "\"disapply_time_checks\": false", NULL,
     NULL},
    {"update-8", "\"disapply_time_checks\": true", "\"disapply_time_checks\": 1",
     "message.json", "disapply"},
    {"update-2-future", "20300115090000Z", "20300229090000Z", "message.json",
     "execution_time"},
    {"update-2-future", "20300115090000Z", "20320229090000Z", NULL, NULL},
    {"update-9", "\"symmetric_key\": \"0", "\"symmetric_key\": \"", "message.json",
     "symmetric_key"},
    {"alert-8F66", "\"8F66\"", "\"XY\"", "message.json", "alert_code"},
    {"alert-8F66", "\"8F66\"", "\"8F67\"", NULL, NULL},
    {"alert-8F66", "\"8F66\"", "\"123456789\"", "message.json", "alert_code"},
    {"answer-8", "\"noTrustAnchor\"", "\"badCertificate\"", NULL, NULL},
    {"answer-8", "\"noTrustAnchor\"", "99", NULL, NULL},
    {"answer-8", "\"noTrustAnchor\"", "\"good\"", "message.json", "good"},
    {"answer-9-loose", "\"noTrustAnchor\"", "\"badCertificate\"", "message.raw",
     "encoding"},
    {"report-mac", "\"supplier-ka\"", "\"network-ka\"", "message.json", "another role"},
    {"report-mac", "\"1152921504606846976\"", "\"1152921504606846977\"", NULL, NULL},
    {"query-mac", "\"roles\": [", "\"roles\": [\"supplier\",", NULL, NULL},
    {"other-command", "\"payload_hex\"", "\"payload\"", "message.json", "payload_hex"},
    {"report-mac-loose", "\"mac_length_octets\": 3", "\"mac_length_octets\": 6",
     "message.json", "mac_length_octets"},
    {"report-mac-loose", "\"mac_length_octets\": 3", "\"mac_length_octets\": 1",
     "message.value", "length"},
    {"report-mac-loose", "\"mac_length_octets\": 3", "\"mac_length_octets\": 5", NULL,
     NULL},
};

static void check_edit(size_t row)
{
    char *json = to_json(edits[row].sample);
    char *edited = with(json, edits[row].old, edits[row].new);
    struct span before = octets_of(edits[row].sample);
    uint8_t *octets = NULL;
    size_t len;
    struct err e = {0};
    bool ok = from_json(edited, &octets, &len, &e);

    if (edits[row].id == NULL) {
        ck_assert_msg(ok, "%s", e.text);
        ck_assert(!span_equal(span_of(octets, len), before));
        free(octets);
    } else {
        ck_assert(!ok);
        ck_assert_int_eq(e.code, ERR_INPUT);
        ck_assert_msg(strcmp(e.id, edits[row].id) == 0, "%s, not %s: %s", e.id,
                      edits[row].id, e.text);
        ck_assert_msg(strstr(e.text, edits[row].words) != NULL, "%s", e.text);
    }
    free(json);
    free(edited);
}

START_TEST(edited_json_is_encoded_or_the_mistake_is_named)
{
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        check_edit(i);
}
END_TEST

START_TEST(text_that_is_no_json_is_refused)
{
    static const char *const texts[] = {"",          "{",  "[]", "null",        "{}",
                                        "{\"a\":1}", "\"", "1",  "{\"kind\":1}"};
    uint8_t *octets;
    size_t len;
    struct err e = {0};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert(!from_json(texts[i], &octets, &len, &e));
        ck_assert_str_eq(e.id, "message.json");
    }
}
END_TEST

START_TEST(summary_and_about_are_ignored)
{
    char *json = to_json("update-8");
    json_t *o = json_loads(json, 0, NULL);
    json_t *list = json_object_get(json_object_get(o, "payload"), "replacements");
    struct err e = {0};
    uint8_t *octets;
    size_t len, i;
    char *text;
    json_t *one;

    json_object_set_new(o, "about", json_string("nonsense"));
    json_array_foreach(list, i, one)
    {
        json_t *c = json_object_get(one, "certificate");

        ck_assert_str_eq(
            json_string_value(json_object_get(json_object_get(c, "summary"), "key_usage")),
            "digitalSignature");
        json_object_set_new(c, "summary", json_null());
    }
    /* the payload's counter may be left to the header */
    json_object_del(json_object_get(o, "payload"), "counter");
    text = json_dumps(o, 0);
    ck_assert_msg(from_json(text, &octets, &len, &e), "%s", e.text);
    ck_assert_octets(span_of(octets, len), octets_of("update-8"));
    free(octets);
    free(text);
    free(json);
    json_decref(o);
}
END_TEST

START_TEST(without_encoding_a_loose_message_becomes_der)
{
    char *json = to_json("answer-9-looser");
    json_t *o = json_loads(json, 0, NULL);
    uint8_t *octets;
    size_t len;
    struct err e = {0};
    char *text;

    json_object_del(o, "encoding");
    text = json_dumps(o, 0);
    ck_assert_msg(from_json(text, &octets, &len, &e), "%s", e.text);
    ck_assert_octets(span_of(octets, len), octets_of("answer-9"));
    free(octets);
    free(text);
    free(json);
    json_decref(o);
}
END_TEST

/* ---- CS02a ---- */

START_TEST(query_has_exactly_these_octets)
{
    static const enum role roles[] = {ROLE_ROOT, ROLE_SUPPLIER, ROLE_OTHER};
    const struct eui64 from = {{1, 2, 3, 4, 5, 6, 7, 8}}, to = {{8, 7, 6, 5, 4, 3, 2, 1}};
    uint8_t out[CS02A_PRE_COMMAND_MAX];
    struct span want = unhex("DF0901 0000000000000080 08 0102030405060708 08 "
                             "0807060504030201 00 02 0008 16 3014 3007 020104 03020308 "
                             "3009 020100 020102 02017F");
    struct err e = {0};
    size_t len;

    ck_assert_msg(cs02a_command(&from, &to, 128, CELL_ACB_KA, roles, 3, out, &len, &e),
                  "%s", e.text);
    ck_assert_octets(span_of(out, len), want);
    round_trip(want, span_of(NULL, 0));
    span_free(want);
}
END_TEST

START_TEST(a_load_controller_is_asked_about_by_cs02f)
{
    static const enum role roles[] = {ROLE_SUPPLIER, ROLE_LOAD_CONTROLLER};
    const struct eui64 from = {{1, 2, 3, 4, 5, 6, 7, 8}}, to = {{8, 7, 6, 5, 4, 3, 2, 1}};
    uint8_t out[CS02A_PRE_COMMAND_MAX];
    struct span want = unhex("DF0901 0000000000000080 08 0102030405060708 08 "
                             "0807060504030201 00 02 011B 13 3011 3007 020105 03020780 "
                             "3006 020102 020108");
    struct err e = {0};
    size_t len;

    ck_assert_msg(cs02a_command(&from, &to, 128, CELL_TCOS_DS, roles, 2, out, &len, &e),
                  "%s", e.text);
    ck_assert_octets(span_of(out, len), want);
    round_trip(want, span_of(NULL, 0));
    span_free(want);
}
END_TEST

START_TEST(spoilt_query_is_refused)
{
    static const enum role good[CS02A_ROLES_MAX + 1] = {ROLE_ROOT};
    static const enum role twice[] = {ROLE_ACB, ROLE_ACB}, none[] = {(enum role)50};
    static const struct {
        uint64_t counter;
        enum cell auth;
        const enum role *roles;
        size_t n;
    } cases[] = {
        {UINT64_MAX, CELL_ACB_KA, good, 1}, {1, CELL_COUNT, good, 1},
        {1, CELL_ACB_KA, good, 0},          {1, CELL_ACB_KA, good, CS02A_ROLES_MAX + 1},
        {1, CELL_ACB_KA, twice, 2},         {1, CELL_ACB_KA, none, 1},
    };
    const struct eui64 eui = {{0}};
    uint8_t out[CS02A_PRE_COMMAND_MAX];
    struct err e = {0};
    size_t len;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert(!cs02a_command(&eui, &eui, cases[i].counter, cases[i].auth,
                                 cases[i].roles, cases[i].n, out, &len, &e));
        ck_assert_str_eq(e.id, "command.query");
    }
}
END_TEST

static Suite *message_suite(void)
{
    Suite *s = suite_create("message");
    TCase *octets = tcase_create("octets");
    TCase *answers = tcase_create("responses");
    TCase *json = tcase_create("json");
    TCase *query = tcase_create("cs02a");

    tcase_add_test(octets, every_sample_comes_out_as_it_went_in);
    tcase_add_test(octets, leniency_is_noted_and_only_where_it_is);
    tcase_add_test(octets, every_beginning_of_a_message_is_refused_or_a_smaller_message);
    tcase_add_test(octets, wrong_octet_is_named);
    tcase_add_test(octets, wrong_payload_is_named);
    tcase_add_test(octets, mode_and_envelope_belong_together);
    tcase_add_test(octets, long_lengths_of_a_response_are_ours_to_read);
    tcase_add_test(octets, too_many_elements_are_refused);
    tcase_add_test(octets, nothing_and_too_much_are_refused);
    tcase_add_test(octets, timing_is_named);
    tcase_add_test(octets, printing_names_what_is_there);
    tcase_add_test(answers, response_is_ready_to_be_matched);
    tcase_add_test(answers, outcome_tells_cells_and_identifiers);
    tcase_add_test(answers, what_is_no_response_is_refused);
    tcase_add_test(answers, signature_is_checked_over_the_received_octets);
    tcase_add_test(json, edited_json_is_encoded_or_the_mistake_is_named);
    tcase_add_test(json, text_that_is_no_json_is_refused);
    tcase_add_test(json, summary_and_about_are_ignored);
    tcase_add_test(json, without_encoding_a_loose_message_becomes_der);
    tcase_add_test(query, query_has_exactly_these_octets);
    tcase_add_test(query, a_load_controller_is_asked_about_by_cs02f);
    tcase_add_test(query, spoilt_query_is_refused);
    tcase_set_timeout(octets, 300);
    suite_add_tcase(s, octets);
    suite_add_tcase(s, answers);
    suite_add_tcase(s, json);
    suite_add_tcase(s, query);
    return s;
}

int main(void)
{
    SRunner *r;
    int failed;

    n_samples = samples_make(samples);
    r = srunner_create(message_suite());
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    samples_free(samples, n_samples);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
