/* SPDX-License-Identifier: MIT
 *
 * Write the corpus of fuzz_signer: DIR/honest and what departs from it.
 */
#include "fuzz_signer.h"
#include "proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *out;
static struct proto p;

static void begin(const char *dir, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    out = fopen(path, "wb");
    if (out == NULL) {
        perror(path);
        exit(1);
    }
}

static void end(void)
{
    if (fclose(out) != 0)
        exit(1);
}

static void step(enum proto_type type, const uint8_t which[], size_t n)
{
    static uint8_t octets[PROTO_SIZE_MAX];
    static uint32_t seq;
    uint8_t len[2];
    size_t size;

    p.type = type;
    p.seq = ++seq;
    size = proto_encode(&p, octets);
    put_be16(len, (uint16_t)size);
    (void)fputc((int)n, out);
    if (n > 0)
        (void)fwrite(which, 1, n, out);
    (void)fwrite(len, 1, 2, out);
    (void)fwrite(octets, 1, size, out);
    memset(&p.u, 0, sizeof p.u);
}

static void hello(void)
{
    (void)strcpy(p.u.hello.token, "main");
    step(PROTO_HELLO, NULL, 0);
}

static uint8_t authority = PALETTE_AUTHORITY;

static void open_with(uint8_t roster)
{
    const uint8_t which[] = {authority, roster, PALETTE_CERTIFICATES};

    p.u.open.parts = PROTO_PARTS_ALWAYS;
    step(PROTO_OPEN, which, 3);
}

static void reserve(uint64_t first, uint32_t n)
{
    p.u.reserve.first = first;
    p.u.reserve.n = n;
    step(PROTO_RESERVE, NULL, 0);
}

static void sign(uint64_t counter, uint32_t first, uint32_t n)
{
    p.u.sign.counter = counter;
    p.u.sign.n = n;
    for (uint32_t i = 0; i < n; i++)
        p.u.sign.rows[i] = first + i;
    step(PROTO_SIGN, NULL, 0);
}

static void lost(uint32_t first, uint32_t n)
{
    p.u.lost.n = n;
    for (uint32_t i = 0; i < n; i++)
        p.u.lost.rows[i] = first + i;
    step(PROTO_LOST, NULL, 0);
}

/* The desk is closed and another one made. */
static void restart(void)
{
    static const uint8_t nothing[3];

    (void)fwrite(nothing, 1, sizeof nothing, out);
    hello();
}

static void ready(const char *dir, const char *name)
{
    begin(dir, name);
    hello();
    open_with(PALETTE_ROSTER);
    reserve(1000, 50);
}

/* Places in the tables of fuzz_signer.c, and the input's last octet: one bend, signers. */
static const struct {
    const char *name;
    int member, value, control;
} bends[] = {
    {"bent-attempts", 15, 7, 4},    {"bent-reasons", 22, 15, 4},
    {"bent-outcome", 5, 27, 4},     {"bent-window", 17, 36, 4},
    {"bent-one-signer", 22, 15, 0}, {"bent-supersedes", 28, 18, 8},
};

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed-signer DIR\n");
        return 2;
    }
    ready(argv[1], "honest");
    sign(1000, 0, 3);
    step(PROTO_PROBE, NULL, 0);
    step(PROTO_MARK, NULL, 0);
    end();
    ready(argv[1], "counter-twice");
    sign(1000, 0, 1);
    sign(1000, 1, 1);
    reserve(1010, 50);
    reserve(INT64_MAX - 100, 50);
    end();
    ready(argv[1], "row-again");
    sign(1000, 0, 3);
    sign(1010, 2, 2);
    open_with(PALETTE_ROSTER);
    reserve(2000, 50);
    sign(2000, 0, 3);
    end();
    ready(argv[1], "restarted");
    sign(1000, 0, 2);
    restart();
    open_with(PALETTE_ROSTER);
    reserve(2000, 50);
    sign(2000, 1, 1);
    sign(2001, 2, 1);
    end();
    ready(argv[1], "lost");
    sign(1000, 0, 3);
    for (uint64_t i = 1; i < 6; i++) {
        lost(0, (uint32_t)i % 3 + 1);
        restart();
        open_with(PALETTE_ROSTER);
        reserve(1000 * (i + 1), 50);
        sign(1000 * (i + 1), 0, 2);
    }
    end();
    ready(argv[1], "revoked");
    sign(1000, 0, 1);
    step(PROTO_REVOKE, NULL, 0);
    sign(1001, 1, 1);
    open_with(PALETTE_ROSTER);
    end();
    for (size_t i = 0; i < sizeof bends / sizeof bends[0]; i++) {
        authority = PALETTE_BENT;
        ready(argv[1], bends[i].name);
        sign(1000, 0, 3);
        authority = PALETTE_AUTHORITY;
        open_with(PALETTE_ROSTER);
        reserve(2000, 50);
        sign(2000, 0, 3);
        (void)fputc(bends[i].member, out);
        (void)fputc(bends[i].value, out);
        (void)fputc(bends[i].control, out);
        end();
    }
    begin(argv[1], "unsealed");
    hello();
    open_with(PALETTE_UNSEALED);
    open_with(PALETTE_INPUT);
    end();
    begin(argv[1], "out-of-order");
    sign(1000, 0, 3);
    reserve(1000, 50);
    step(PROTO_READY, NULL, 0);
    step(PROTO_SIGNED, NULL, 0);
    hello();
    hello();
    end();
    return 0;
}
