/* SPDX-License-Identifier: MIT
 *
 * Orders that would be good ones, in records that are none.
 */
#include "attack.h"

#include <string.h>
#include <unistd.h>

#define AT_FILLER 6
#define AT_COUNT  (12 + 32 + 8)
#define AT_ROWS   (AT_COUNT + 4)

static uint8_t octets[PROTO_SIZE_MAX + 4096];

static size_t order(struct stage *s)
{
    memset(octets, 0, sizeof octets);
    stage_ready(s);
    return stage_encode_order(s, s->first, octets);
}

static void truncated(struct stage *s)
{
    (void)stage_raw(s, octets, order(s) - 4);
}

static void head_only(struct stage *s)
{
    (void)order(s);
    (void)stage_raw(s, octets, 12);
}

static void longer(struct stage *s)
{
    (void)stage_raw(s, octets, order(s) + 4);
}

static void oversized(struct stage *s)
{
    (void)order(s);
    (void)stage_raw(s, octets, sizeof octets);
}

static void empty(struct stage *s)
{
    stage_ready(s);
    (void)stage_raw(s, "", 0);
    (void)stage_order(s, s->first);
}

static void unknown_type(struct stage *s)
{
    size_t n = order(s);

    put_be16(octets + 4, 99);
    (void)stage_raw(s, octets, n);
}

static void type_zero(struct stage *s)
{
    size_t n = order(s);

    put_be16(octets + 4, 0);
    (void)stage_raw(s, octets, n);
}

static void wrong_magic(struct stage *s)
{
    size_t n = order(s);

    octets[3] = '1';
    (void)stage_raw(s, octets, n);
}

static void filler(struct stage *s)
{
    size_t n = order(s);

    octets[AT_FILLER + 1] = 1;
    (void)stage_raw(s, octets, n);
}

static void descending(struct stage *s)
{
    size_t n = order(s);

    put_be32(octets + AT_ROWS, 1);
    put_be32(octets + AT_ROWS + 4, 0);
    (void)stage_raw(s, octets, n);
}

static void row_twice(struct stage *s)
{
    size_t n = order(s);

    put_be32(octets + AT_ROWS + 4, 0);
    put_be32(octets + AT_COUNT, 2);
    (void)stage_raw(s, octets, n);
}

static void no_rows(struct stage *s)
{
    size_t n = order(s);

    put_be32(octets + AT_COUNT, 0);
    (void)stage_raw(s, octets, n);
}

static void too_many_rows(struct stage *s)
{
    size_t n = order(s);

    for (uint32_t i = 0; i < PROTO_ROWS; i++)
        put_be32(octets + AT_ROWS + 4 * i, i);
    put_be32(octets + AT_COUNT, PROTO_ROWS + 1);
    (void)stage_raw(s, octets, n);
}

static void reserve_none(struct stage *s)
{
    stage_ready(s);
    s->in.type = PROTO_RESERVE;
    s->in.u.reserve.first = s->first + 60;
    s->in.u.reserve.n = 1;
    {
        size_t n = proto_encode(&s->in, octets);

        put_be32(octets + n - 8 - 4, 0);
        (void)stage_raw(s, octets, n);
    }
    (void)stage_order(s, s->first + 60);
}

static void token_name(struct stage *s)
{
    stage_start(s, 0);
    memset(&s->in, 0, sizeof s->in);
    (void)strcpy(s->in.u.hello.token, "other");
    (void)stage_ask(s, PROTO_HELLO, NULL, 0);
    stage_go_on(s);
}

static void name_without_end(struct stage *s)
{
    size_t n;

    stage_start(s, 0);
    memset(&s->in, 0, sizeof s->in);
    s->in.type = PROTO_HELLO;
    n = proto_encode(&s->in, octets);
    memset(octets + 12, 'm', PROTO_NAME);
    (void)stage_raw(s, octets, n);
    stage_go_on(s);
}

static void before_hello(struct stage *s)
{
    stage_start(s, 0);
    (void)stage_order(s, s->first);
    stage_go_on(s);
}

static void hello_twice(struct stage *s)
{
    stage_ready(s);
    (void)stage_hello(s);
}

static void reserve_first(struct stage *s)
{
    stage_start(s, 0);
    (void)stage_hello(s);
    (void)stage_reserve(s, s->first, 10);
    (void)stage_order(s, s->first);
}

static void sign_first(struct stage *s)
{
    stage_start(s, 0);
    (void)stage_hello(s);
    (void)stage_order(s, s->first);
}

static void after_failed_open(struct stage *s)
{
    stage_ready(s);
    s->given[PROTO_PART_ROSTER] = s->given[PROTO_PART_CERTIFICATES];
    (void)stage_open(s); /* refused: and the warrant before is closed */
    (void)stage_reserve(s, s->first + 60, 10);
    (void)stage_order(s, s->first + 60);
    (void)stage_order(s, s->first);
}

static void descriptors_with_order(struct stage *s)
{
    int fd;

    stage_ready(s);
    fd = stage_sealed(s->sc.cms, true);
    (void)stage_encode_order(s, s->first, octets);
    (void)stage_ask(s, PROTO_SIGN, &fd, 1);
    (void)close(fd);
}

static void open_with(struct stage *s, size_t n, uint32_t parts)
{
    int fds[PROTO_FDS];

    stage_start(s, 0);
    (void)stage_hello(s);
    for (size_t i = 0; i < n; i++)
        fds[i] = stage_sealed(s->given[i < 4 ? i : 0], true);
    memset(&s->in, 0, sizeof s->in);
    s->in.u.open.parts = parts;
    (void)stage_ask(s, PROTO_OPEN, fds, n);
    for (size_t i = 0; i < n; i++)
        (void)close(fds[i]);
    (void)stage_reserve(s, s->first, 10);
    (void)stage_order(s, s->first);
}

static void descriptor_missing(struct stage *s)
{
    open_with(s, 3, 15);
}

static void descriptor_more(struct stage *s)
{
    open_with(s, 5, 15);
}

static void no_descriptors(struct stage *s)
{
    open_with(s, 0, 15);
}

static void parts_unsaid(struct stage *s)
{
    size_t n;

    stage_start(s, 0);
    (void)stage_hello(s);
    memset(&s->in, 0, sizeof s->in);
    s->in.type = PROTO_OPEN;
    s->in.u.open.parts = PROTO_PARTS_ALWAYS;
    n = proto_encode(&s->in, octets);
    put_be32(octets + 12, 0);
    (void)stage_raw(s, octets, n);
    (void)stage_order(s, s->first);
}

static void answer_type(struct stage *s, enum proto_type type)
{
    stage_ready(s);
    s->in = s->out;
    memset(&s->in.u, 0, sizeof s->in.u);
    s->in.u.signed_.counter = s->first;
    if (type == PROTO_FAIL)
        s->in.u.fail.code = ERR_DENIED;
    if (type == PROTO_OPENED) {
        s->in.u.opened.authority = s->authority;
        s->in.u.opened.rows = 1000;
    }
    (void)stage_ask(s, type, NULL, 0);
}

static void send_ready(struct stage *s)
{
    answer_type(s, PROTO_READY);
}

static void send_opened(struct stage *s)
{
    answer_type(s, PROTO_OPENED);
}

static void send_reserved(struct stage *s)
{
    answer_type(s, PROTO_RESERVED);
}

static void send_signed(struct stage *s)
{
    answer_type(s, PROTO_SIGNED);
}

static void send_fail(struct stage *s)
{
    answer_type(s, PROTO_FAIL);
}

const struct attack attack_records[] = {
    {"truncated", "an order cut by one row", "ends", truncated},
    {"head-only", "an order's head alone", "ends", head_only},
    {"longer", "an order with four octets more", "ends", longer},
    {"oversized", "a record larger than any", "ends", oversized},
    {"empty", "an empty record, then an order", "ends", empty},
    {"unknown-type", "an order as type 99", "ends", unknown_type},
    {"type-zero", "an order as type 0", "ends", type_zero},
    {"magic", "an order with another magic", "ends", wrong_magic},
    {"filler", "an order with filler not zero", "ends", filler},
    {"descending", "rows out of order", "ends", descending},
    {"row-twice", "one row twice in an order", "ends", row_twice},
    {"no-rows", "an order of no rows", "ends", no_rows},
    {"257-rows", "an order of 257 rows", "ends", too_many_rows},
    {"run-of-none", "a run of no counters", "ends", reserve_none},
    {"other-token", "HELLO to a token that is not configured", "token.unknown", token_name},
    {"name-no-end", "HELLO with a name that does not end", "ends", name_without_end},
    {"before-hello", "SIGN before HELLO", "signer.order", before_hello},
    {"hello-twice", "HELLO twice", "signer.order", hello_twice},
    {"reserve-first", "RESERVE before OPEN", "signer.no-warrant", reserve_first},
    {"sign-first", "SIGN before OPEN", "signer.no-warrant", sign_first},
    {"failed-open", "SIGN after an OPEN that failed", "roster.header", after_failed_open},
    {"order-fds", "SIGN with a descriptor", "signer.record", descriptors_with_order},
    {"fd-missing", "OPEN with a descriptor missing", "signer.record", descriptor_missing},
    {"fd-more", "OPEN with a descriptor more", "signer.record", descriptor_more},
    {"no-fds", "OPEN without descriptors", "signer.record", no_descriptors},
    {"no-parts", "OPEN that says it has no parts", "ends", parts_unsaid},
    {"send-ready", "READY sent to the signer", "signer.record", send_ready},
    {"send-opened", "OPENED sent to the signer", "signer.record", send_opened},
    {"send-reserved", "RESERVED sent to the signer", "signer.record", send_reserved},
    {"send-signed", "SIGNED sent to the signer", "signer.record", send_signed},
    {"send-fail", "FAIL sent to the signer", "signer.record", send_fail},
    {0},
};
