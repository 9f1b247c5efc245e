/* SPDX-License-Identifier: MIT
 *
 * Any records in any order, with honest documents and others, at a desk with a fake token;
 * the desk may be closed and made anew at any time, as by a fresh process. Whatever comes:
 * each counter is signed once and upwards, no row more often than the decision allows and
 * lost answers were granted for, whatever was opened or begun anew in between; nothing
 * without an opened warrant; and each answer is a record. What was signed and granted is
 * counted here too, by what was answered, once for the whole input.
 */
#include "fuzz_signer.h"

#include "desk.h"
#include "scene.h"
#include "spent.h"
#include "token_fake.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEPS_MAX 64
#define ROWS      3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scene scene;
static struct token_fake token;
static char dir[] = "/tmp/fuzz-signer-XXXXXX";
static char revoked[64], counts[64], account[64];
static bool begun; /* the token of this input */

static struct digest opened; /* the last one; what 00..00 stands for */
static bool is_open;
static uint64_t last_counter;
static unsigned commands[ROWS]; /* signed under the scene's decision, by any desk */
static uint64_t granted;        /* for lost answers */

static void need(bool ok)
{
    if (!ok)
        abort();
}

static void empty(void)
{
    DIR *d = opendir(counts);
    struct dirent *entry;

    (void)unlink(revoked);
    (void)unlink(account);
    while (d != NULL && (entry = readdir(d)) != NULL)
        (void)unlinkat(dirfd(d), entry->d_name, 0);
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(counts);
}

static void clean_up(void)
{
    empty();
    (void)rmdir(dir);
}

static bool open_token(void *arg, const struct config *c, const struct trust *t,
                       const char *name, struct token **out, struct err *e)
{
    static EVP_PKEY *keys[SCENE_KEYS];

    (void)arg;
    (void)c;
    (void)t;
    if (strcmp(name, "main") != 0)
        return err_set(e, ERR_TOKEN, "token.unknown", "there is no token \"%s\"", name);
    for (size_t i = 0; i < SCENE_KEYS; i++)
        keys[i] = scene.keys[i].key;
    /* a fresh process finds the token as it was left */
    if (!begun) {
        (void)token_fake_init(&token, keys, SCENE_KEYS);
        token_fake_audit(&token, scene.audit);
    }
    begun = true;
    *out = &token.base;
    return true;
}

static int64_t noon(void *arg)
{
    (void)arg;
    return SCENE_NOW;
}

static void set_up(void)
{
    scene_make(&scene);
    (void)strcpy(scene.config.tokens[0].name, "main");
    scene.config.n_tokens = 1;
    for (size_t i = 0; i < SCENE_KEYS; i++)
        (void)strcpy(scene.config.keys[i].token, "main");
    need(mkdtemp(dir) != NULL);
    (void)snprintf(revoked, sizeof revoked, "%s/revoked", dir);
    (void)snprintf(counts, sizeof counts, "%s/counts", dir);
    (void)snprintf(account, sizeof account, "%s/account.jsonl", dir);
    (void)atexit(clean_up);
}

static int part(unsigned which, const uint8_t *data, size_t size)
{
    const struct span parts[PALETTE_SIZE] = {
        [PALETTE_AUTHORITY] = scene.cms,
        [PALETTE_ROSTER] = scene.roster_text,
        [PALETTE_CERTIFICATES] = scene.pem,
        [PALETTE_UNSEALED] = scene.roster_text,
        [PALETTE_INPUT] = span_of(data, size),
        [PALETTE_SYMMETRIC] = span_of(scene.symmetric, sizeof scene.symmetric),
    };
    int fd = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    need(fd >= 0 &&
         write(fd, parts[which].at, parts[which].len) == (ssize_t)parts[which].len);
    if (which != PALETTE_UNSEALED)
        need(fcntl(fd, F_ADD_SEALS,
                   F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
    return fd;
}

/* What was signed is what the order, the decision and the counters allow. */
static void check_signed(const struct proto_sign *order, const struct proto_signed *got)
{
    unsigned beyond = 0; /* what the decision allows */

    need(is_open && digest_equal(&order->authority, &opened));
    need(got->n <= order->n && got->counter == order->counter &&
         order->counter > last_counter);
    if (got->n > 0)
        last_counter = got->counter + got->n - 1;
    need(last_counter <= INT64_MAX);
    for (uint32_t i = 0; i < got->n; i++)
        need(order->rows[i] < ROWS && ++commands[order->rows[i]] <= 1 + SPENT_LOST_ROW);
    for (size_t i = 0; i < ROWS; i++)
        beyond += commands[i] > 1 ? commands[i] - 1 : 0;
    need(beyond <= granted);
}

static void check_reply(const struct proto *in, const struct proto *reply, uint64_t rows)
{
    static struct proto again;
    static uint8_t octets[PROTO_SIZE_MAX];
    struct err e;
    size_t n = proto_encode(reply, octets);

    need(reply->seq == in->seq && proto_decode(span_of(octets, n), &again, &e));
    if (in->type == PROTO_OPEN) {
        is_open = reply->type == PROTO_OPENED;
        if (is_open)
            opened = reply->u.opened.authority;
    }
    if (reply->type == PROTO_GRANTED) {
        need(is_open && reply->u.granted.n <= in->u.lost.n);
        granted += reply->u.granted.n;
        need(granted <= ROWS * SPENT_LOST_ROW);
    }
    if (reply->type == PROTO_SIGNED)
        check_signed(&in->u.sign, &reply->u.signed_);
    need(token.rows - rows == (reply->type == PROTO_SIGNED ? reply->u.signed_.n : 0));
}

static void name_the_open_one(struct proto *in)
{
    static const struct digest none;

    if (in->type == PROTO_SIGN && digest_equal(&in->u.sign.authority, &none))
        in->u.sign.authority = opened;
    if (in->type == PROTO_LOST && digest_equal(&in->u.lost.authority, &none))
        in->u.lost.authority = opened;
    if (in->type == PROTO_REVOKE && digest_equal(&in->u.revoke.authority, &none))
        in->u.revoke.authority = opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proto in, reply;
    struct desk_setup setup = {.config = &scene.config,
                               .trust = &scene.trust,
                               .clock = {noon, NULL},
                               .state_dir = dir,
                               .stop_fd = -1,
                               .open_token = open_token};
    struct desk *desk;
    struct err e;

    if (revoked[0] == '\0')
        set_up();
    empty();
    begun = is_open = false;
    memset(&token, 0, sizeof token);
    memset(&opened, 0, sizeof opened);
    memset(commands, 0, sizeof commands);
    granted = 0;
    last_counter = 0;
    need(desk_new(&setup, &desk, &e));
    for (size_t at = 0, step = 0; at < size && step < STEPS_MAX; step++) {
        size_t n_fds = data[at++] % (PROTO_FDS + 1u), len;
        const uint8_t *which = data + at;
        int fds[PROTO_FDS];

        if (size - at < n_fds + 2)
            break;
        at += n_fds + 2;
        len = get_be16(data + at - 2);
        if (len > size - at)
            break;
        if (len == 0) {
            desk_free(desk);
            is_open = false;
            need(desk_new(&setup, &desk, &e));
        } else if (proto_decode(span_of(data + at, len), &in, &e)) {
            uint64_t rows = token.rows;

            for (size_t i = 0; i < n_fds; i++)
                fds[i] = part(which[i] % PALETTE_SIZE, data, size);
            name_the_open_one(&in);
            desk_handle(desk, &in, fds, n_fds, &reply);
            check_reply(&in, &reply, rows);
        }
        at += len;
    }
    desk_free(desk);
    return 0;
}
