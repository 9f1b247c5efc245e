/* SPDX-License-Identifier: MIT
 *
 * What a signer was told once it knows for good: revoked digests and superseded decisions.
 */
#include "desk_kit.h"

#include <sys/stat.h>

static void ready(void)
{
    hello();
    ANSWERED(PROTO_READY);
}

/* A second decision that supersedes the first. */
static void supersede(void)
{
    scene_set(&s, "id", json_string("D-2"));
    scene_set(&s, "supersedes", json_string("D-1"));
    scene_sign(&s, 2);
}

static size_t lines_of_list(void)
{
    FILE *f = fopen(kit_path("revoked"), "r");
    size_t n = 0;
    int c;

    ck_assert_ptr_nonnull(f);
    while ((c = fgetc(f)) != EOF)
        n += c == '\n';
    (void)fclose(f);
    return n;
}

START_TEST(a_revoked_decision_never_opens_again)
{
    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    reserve(1000, 10);
    revoke_it();
    ANSWERED(PROTO_REVOKED);
    sign(1000, 0, 1);
    FAILED("signer.no-warrant");
    open_warrant();
    FAILED("decision.revoked");
    revoke_it(); /* told twice, kept once */
    ANSWERED(PROTO_REVOKED);
    ck_assert_uint_eq(lines_of_list(), 1);
    desk_kit_restart();
    ready();
    open_warrant();
    FAILED("decision.revoked");
    ck_assert_uint_eq(fake_token.rows, 0);
}
END_TEST

START_TEST(a_revoke_of_another_leaves_the_open_one)
{
    ready();
    open_warrant();
    reserve(1000, 10);
    memset(&in, 0, sizeof in);
    ask(PROTO_REVOKE);
    ANSWERED(PROTO_REVOKED);
    sign(1000, 0, 1);
    ANSWERED(PROTO_SIGNED);
}
END_TEST

START_TEST(a_superseded_decision_is_not_replayed_after_a_restart)
{
    struct span old = {malloc(s.cms.len), s.cms.len};
    int fds[3];

    memcpy((void *)(uintptr_t)old.at, s.cms.at, s.cms.len);
    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    supersede();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    for (int round = 0; round < 2; round++) {
        fds[0] = memfd_of(old, SEALS);
        fds[1] = memfd_of(s.roster_text, SEALS);
        fds[2] = memfd_of(s.pem, SEALS);
        memset(&in, 0, sizeof in);
        in.type = PROTO_OPEN;
        in.u.open.parts = PARTS_PLAIN;
        ask_with(fds, 3);
        FAILED("decision.revoked");
        open_warrant();
        ANSWERED(PROTO_OPENED);
        desk_kit_restart();
        ready();
    }
    /* signed anew under the old name it is still the old one */
    scene_set(&s, "id", json_string("D-1"));
    scene_set(&s, "supersedes", NULL);
    scene_sign(&s, 3);
    open_warrant();
    FAILED("decision.revoked");
    free((void *)(uintptr_t)old.at);
}
END_TEST

START_TEST(what_another_worker_was_told_counts_here)
{
    char hex[HEX_LEN(32) + 1];
    struct digest d = authority_digest();

    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    hex_encode_lower(d.b, 32, hex);
    (void)strcat(hex, "\n");
    kit_text("revoked", hex);
    open_warrant();
    FAILED("decision.revoked");
}
END_TEST

START_TEST(without_its_list_there_is_no_desk)
{
    desk_free(desk);
    desk = NULL;
    (void)unlink(kit_path("revoked"));
    ck_assert_int_eq(symlink(kit_path("elsewhere"), kit_path("revoked")), 0);
    REFUSED(desk_kit_new(), "signer.revoked-list");
    ck_assert_int_eq(e.code, ERR_STORE);
    (void)unlink(kit_path("revoked"));
    ck_assert_int_eq(mkdir(kit_path("revoked"), 0700), 0);
    REFUSED(desk_kit_new(), "signer.revoked-list");
    (void)rmdir(kit_path("revoked"));
    kit_write("revoked", "abc\0def\n", 8);
    REFUSED_SAYING(desk_kit_new(), "signer.revoked-list", "damaged");
    kit_end();
    REFUSED(desk_kit_new(), "signer.revoked-list");
    kit_begin();
}
END_TEST

START_TEST(a_list_that_is_gone_is_not_an_empty_one)
{
    ready();
    (void)unlink(kit_path("revoked"));
    open_warrant();
    FAILED("signer.revoked-list");
    ck_assert_uint_eq(reply.u.fail.code, ERR_STORE);
    revoke_it();
    FAILED("signer.revoked-list");
    sign(1000, 0, 1);
    FAILED("signer.no-warrant");
}
END_TEST

START_TEST(a_list_made_empty_is_still_known)
{
    ready();
    revoke_it();
    kit_text("revoked", "");
    open_warrant();
    FAILED("decision.revoked");
}
END_TEST

/* A crash cut the last line: it says nothing, and what follows is whole. */
START_TEST(a_torn_line_takes_nothing_with_it)
{
    kit_text("revoked", "I-9/D-9\nI-1/D-1");
    desk_kit_restart();
    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    revoke_it();
    ANSWERED(PROTO_REVOKED);
    desk_kit_restart();
    ready();
    open_warrant();
    FAILED("decision.revoked");
    scene_set(&s, "reasons", json_string("Other words, another digest, the same name."));
    scene_sign(&s, 2);
    open_warrant();
    ANSWERED(PROTO_OPENED);
}
END_TEST

START_TEST(a_full_list_is_an_error_and_stays_readable)
{
    FILE *f = fopen(kit_path("revoked"), "w");

    for (int i = 0; i < 4096; i++)
        (void)fprintf(f, "I-9/D-%d\n", i);
    (void)fclose(f);
    desk_kit_restart();
    ready();
    revoke_it();
    FAILED("signer.revoked-list");
    revoke_it();
    FAILED("signer.revoked-list");
    ck_assert_uint_eq(lines_of_list(), 4096);
    desk_kit_restart();
}
END_TEST

KIT_MAIN("desk_revoked", desk_kit_begin, desk_kit_end, a_revoked_decision_never_opens_again,
         a_revoke_of_another_leaves_the_open_one,
         a_superseded_decision_is_not_replayed_after_a_restart,
         what_another_worker_was_told_counts_here, without_its_list_there_is_no_desk,
         a_list_that_is_gone_is_not_an_empty_one, a_list_made_empty_is_still_known,
         a_torn_line_takes_nothing_with_it, a_full_list_is_an_error_and_stays_readable)
