/* SPDX-License-Identifier: MIT
 *
 * Any records in any order, with honest documents and others, at a desk with a fake token;
 * the desk may be closed and made anew at any time, as by a fresh process. Whatever comes:
 * each counter is signed once and upwards, no row more often than the decision allows and
 * lost answers were granted for, whatever was opened or begun anew in between; nothing
 * without an opened warrant; and each answer is a record. What was signed and granted is
 * counted here too, for each decision, by what was answered, once for the whole input. A
 * decision may be bent and signed anew by its own signers: whatever it says then, it opens
 * nothing with another key, other certificates, another list or no authorisation.
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
static struct tally { /* of a decision, by any desk */
    struct digest decision;
    unsigned attempts;
    unsigned commands[ROWS];
    uint64_t granted; /* for lost answers */
} tallies[STEPS_MAX];
static struct span bent; /* this input's; empty: not made yet */
static json_t *bent_doc;
static struct digest honest_digest;

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
    char *text;

    scene_make(&scene);
    text = json_dumps(scene.doc, JSON_INDENT(2)); /* as scene_sign writes it */
    need(text != NULL);
    honest_digest = digest_of(span_of(text, strlen(text)), span_of(NULL, 0));
    free(text);
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

/* --- a bent decision --- */

static const char *const members[] = {
    "schema",     "kind",          "id",           "incident",     "by",
    "outcome",    "exercise",      "key",          "method",       "mode",
    "subscriber", "initiator",     "compromised",  "replacements", "device_types",
    "attempts",   "valid_from",    "valid_to",     "requester",    "conflicts",
    "meeting",    "guidance",      "reasons",      "conditions",   "key_certificate",
    "roster",     "roster.sha256", "roster.count", "supersedes",   "supersedes_earlier",
    "originator", "floor",         "residual_risk"};
/* JSON; "": the member is taken out; "=N": the value of member N. */
static const char *const values[] = {"",
                                     "null",
                                     "true",
                                     "false",
                                     "0",
                                     "1",
                                     "2",
                                     "3",
                                     "-1",
                                     "100",
                                     "101",
                                     "4294967296",
                                     "9223372036854775807",
                                     "1e300",
                                     "\"\"",
                                     "\"x\"",
                                     "\"D-1\"",
                                     "\"I-1\"",
                                     "\"D-0\"",
                                     "\"pma\"",
                                     "\"supplier\"",
                                     "\"recovery\"",
                                     "\"contingency\"",
                                     "\"acb\"",
                                     "\"M1\"",
                                     "\"M2\"",
                                     "\"authorise\"",
                                     "\"refuse\"",
                                     "\"false-alarm\"",
                                     "\"activation\"",
                                     "\"instruction\"",
                                     "\"supplierBySupplier\"",
                                     "\"anyByContingency\"",
                                     "\"2000-01-01T00:00:00Z\"",
                                     "\"2026-11-24T12:30:00Z\"",
                                     "\"2026-11-25T00:00:00Z\"",
                                     "\"2999-01-01T00:00:00Z\"",
                                     "[]",
                                     "{}",
                                     "[null]",
                                     "[\"ESME\"]",
                                     "[\"GSME\"]",
                                     "[\"ESME\",\"GSME\",\"PPMID\"]",
                                     "[\"D-0\"]",
                                     "\"FFFFFFFFFFFFFFFF\"",
                                     "\"90B3D51F30010000\"",
                                     "[{\"cell\":\"supplier-ds\",\"certificate\":\"00\"}]",
                                     "{\"sha256\":\"00\",\"count\":3}"};
#define N_MEMBERS (sizeof members / sizeof members[0])
#define N_VALUES  (sizeof values / sizeof values[0])

static void bend(unsigned member, unsigned value)
{
    const char *text = values[value % N_VALUES];
    json_t *v = text[0] != '\0' ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    const char *path = members[member % N_MEMBERS];

    need(text[0] == '\0' || v != NULL);
    if (strchr(path, '.') != NULL &&
        !json_is_object(json_object_get(scene.doc, "roster"))) {
        json_decref(v); /* what it lies in was bent already */
        return;
    }
    if (v == NULL && strchr(path, '.') == NULL)
        (void)json_object_del(scene.doc, path);
    else if (v != NULL)
        scene_set(&scene, path, v);
}

static void make_bent(const uint8_t *data, size_t size)
{
    struct span honest = scene.cms;
    json_t *pristine = scene.doc;
    unsigned control = data[size - 1];

    scene.cms = (struct span){NULL, 0};
    scene.doc = json_deep_copy(pristine);
    for (size_t i = 0; i < 1 + (control & 3u) && 3 + 2 * i <= size; i++)
        bend(data[size - 3 - 2 * i], data[size - 2 - 2 * i]);
    scene_sign(&scene, 1 + (control >> 2 & 3u));
    bent = scene.cms;
    bent_doc = scene.doc;
    scene.cms = honest;
    scene.doc = pristine;
}

static void forget_bent(void)
{
    free((void *)(uintptr_t)bent.at);
    bent = (struct span){NULL, 0};
    json_decref(bent_doc);
    bent_doc = NULL;
}

/* What opens says the same as the honest one where no other word may open anything. */
static void check_bent(void)
{
    static const char *const binding[] = {"schema",       "kind",   "outcome",
                                          "exercise",     "key",    "key_certificate",
                                          "replacements", "roster", "by"};

    for (size_t i = 0; i < sizeof binding / sizeof binding[0]; i++)
        need(json_equal(json_object_get(bent_doc, binding[i]),
                        json_object_get(scene.doc, binding[i])));
}

static int part(unsigned which, const uint8_t *data, size_t size)
{
    if (which == PALETTE_BENT && bent.at == NULL)
        make_bent(data, size);
    const struct span parts[PALETTE_SIZE] = {
        [PALETTE_AUTHORITY] = scene.cms,
        [PALETTE_ROSTER] = scene.roster_text,
        [PALETTE_CERTIFICATES] = scene.pem,
        [PALETTE_UNSEALED] = scene.roster_text,
        [PALETTE_INPUT] = span_of(data, size),
        [PALETTE_SYMMETRIC] = span_of(scene.symmetric, sizeof scene.symmetric),
        [PALETTE_BENT] = bent,
    };
    int fd = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    need(fd >= 0 &&
         write(fd, parts[which].at, parts[which].len) == (ssize_t)parts[which].len);
    if (which != PALETTE_UNSEALED)
        need(fcntl(fd, F_ADD_SEALS,
                   F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
    return fd;
}

/* Where the open decision is counted. */
static struct tally *tally(void)
{
    static const struct digest none;
    size_t i = 0;

    while (i < STEPS_MAX && !digest_equal(&tallies[i].decision, &none) &&
           !digest_equal(&tallies[i].decision, &opened))
        i++;
    need(i < STEPS_MAX);
    tallies[i].decision = opened;
    return &tallies[i];
}

/* Is it the honest decision, or what the input made of it? */
static void note_opened(const struct proto_opened *o)
{
    json_int_t honest = json_integer_value(json_object_get(scene.doc, "attempts"));
    struct tally *t;

    opened = o->authority;
    t = tally();
    need(o->rows == ROWS && o->count.allowed % ROWS == 0);
    t->attempts = (unsigned)(o->count.allowed / ROWS);
    if (digest_equal(&opened, &honest_digest))
        need(t->attempts == (unsigned)honest);
    else {
        check_bent();
        need(t->attempts ==
             (unsigned)json_integer_value(json_object_get(bent_doc, "attempts")));
    }
}

/* What was signed is what the order, the decision and the counters allow. */
static void check_signed(const struct proto_sign *order, const struct proto_signed *got)
{
    struct tally *t;
    unsigned beyond = 0; /* what the decision allows */

    need(is_open && digest_equal(&order->authority, &opened));
    need(got->n <= order->n && got->counter == order->counter &&
         order->counter > last_counter);
    if (got->n > 0)
        last_counter = got->counter + got->n - 1;
    need(last_counter <= INT64_MAX);
    t = tally();
    for (uint32_t i = 0; i < got->n; i++)
        need(order->rows[i] < ROWS &&
             ++t->commands[order->rows[i]] <= t->attempts + SPENT_LOST_ROW);
    for (size_t i = 0; i < ROWS; i++)
        beyond += t->commands[i] > t->attempts ? t->commands[i] - t->attempts : 0;
    need(beyond <= t->granted);
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
            note_opened(&reply->u.opened);
    }
    if (reply->type == PROTO_GRANTED) {
        need(is_open && reply->u.granted.n <= in->u.lost.n);
        tally()->granted += reply->u.granted.n;
        need(tally()->granted <= ROWS * SPENT_LOST_ROW);
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
                               .steady = {noon, NULL},
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
    memset(tallies, 0, sizeof tallies);
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
            desk_take(desk, &in, fds, n_fds);
            if (!desk_give(desk, &reply))
                abort();
            check_reply(&in, &reply, rows);
        }
        at += len;
    }
    desk_free(desk);
    forget_bent();
    return 0;
}
