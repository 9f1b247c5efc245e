/* SPDX-License-Identifier: MIT
 *
 * What a signer was told once it knows for good: revoked digests and superseded decisions.
 */
#include "desk_kit.h"
#include "lease.h"
#include "revoked.h"

#include <sys/stat.h>

static void ready(void)
{
    hello();
    ANSWERED(PROTO_READY);
}

/* A second decision that supersedes the first. */
static void supersede(void)
{
    scene_set(&scene, "id", json_string("D-2"));
    scene_set(&scene, "supersedes", json_string("D-1"));
    scene_sign(&scene, 2);
}

/* Without the one that has its id. */
static size_t lines_of_list(void)
{
    FILE *f = fopen(kit_path("revoked"), "r");
    char line[200];
    size_t n = 0;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f) != NULL)
        n += strncmp(line, "list ", 5) != 0;
    (void)fclose(f);
    return n;
}

static void add_line(const char *line)
{
    FILE *f = fopen(kit_path("revoked"), "a");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_gt(fprintf(f, "%s\n", line), 0);
    ck_assert_int_eq(fclose(f), 0);
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
    struct span old = {malloc(scene.cms.len), scene.cms.len};
    int fds[3];

    memcpy((void *)(uintptr_t)old.at, scene.cms.at, scene.cms.len);
    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    supersede();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    for (int round = 0; round < 2; round++) {
        fds[0] = memfd_of(old, SEALS);
        fds[1] = memfd_of(scene.roster_text, SEALS);
        fds[2] = memfd_of(scene.pem, SEALS);
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
    scene_set(&scene, "id", json_string("D-1"));
    scene_set(&scene, "supersedes", NULL);
    scene_sign(&scene, 3);
    open_warrant();
    FAILED("decision.revoked");
    free((void *)(uintptr_t)old.at);
}
END_TEST

static void hand_in(const char *id, const char *before)
{
    scene_set(&scene, "id", json_string(id));
    if (before != NULL || json_object_get(scene.doc, "supersedes") != NULL)
        scene_set(&scene, "supersedes", before != NULL ? json_string(before) : NULL);
    scene_sign(&scene, 2);
    open_warrant();
}

/* The second of three has ended itself when it is seen first, and still says what it ended. */
START_TEST(a_chain_is_remembered_from_each_of_its_papers)
{
    ready();
    hand_in("D-3", "D-2");
    ANSWERED(PROTO_OPENED);
    hand_in("D-2", "D-1");
    FAILED("decision.revoked");
    hand_in("D-1", NULL);
    FAILED("decision.revoked");
    desk_kit_restart();
    ready();
    hand_in("D-1", NULL);
    FAILED("decision.revoked");
    hand_in("D-3", "D-2");
    ANSWERED(PROTO_OPENED);
}
END_TEST

START_TEST(the_last_paper_names_the_chain)
{
    ready();
    scene_set(&scene, "supersedes_earlier", json_pack("[ss]", "D-1", "D-0"));
    hand_in("D-3", "D-2");
    ANSWERED(PROTO_OPENED);
    scene_set(&scene, "supersedes_earlier", NULL);
    hand_in("D-0", NULL);
    FAILED("decision.revoked");
    hand_in("D-1", NULL);
    FAILED("decision.revoked");
}
END_TEST

/* What is not in force yet, or of the other kind of service, ends nothing. */
START_TEST(a_paper_ends_nothing_before_its_time)
{
    ready();
    scene_set(&scene, "exercise", json_true());
    hand_in("D-2", "D-1");
    FAILED("decision.exercise");
    scene_set(&scene, "exercise", json_false());
    scene_set(&scene, "valid_from", json_string("2026-11-25T12:00:00Z"));
    hand_in("D-2", "D-1");
    FAILED("decision.early");
    scene_set(&scene, "valid_from", json_string("2026-11-24T12:00:00Z"));
    hand_in("D-1", NULL);
    ANSWERED(PROTO_OPENED);
}
END_TEST

/* An organisation's officer says that his instruction supersedes the PMA's decision. */
START_TEST(an_instruction_supersedes_no_decision_of_the_pma)
{
    json_t *by_pma = json_deep_copy(scene.doc);

    ready();
    scene_set(&scene, "kind", json_string("instruction"));
    scene_set(&scene, "by", json_string("supplier"));
    scene_set(&scene, "key", json_string("supplier"));
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_SUPPLIER].cert));
    scene_set(&scene, "method", json_string("M1"));
    scene_set(&scene, "mode", json_string("supplierBySupplier"));
    scene_set(&scene, "id", json_string("D-2"));
    scene_set(&scene, "supersedes", json_string("D-1"));
    scene_sign_by(&scene, scene.org, 1);
    open_warrant();
    ANSWERED(PROTO_OPENED);
    json_decref(scene.doc);
    scene.doc = by_pma;
    scene_sign(&scene, 2);
    open_warrant();
    ANSWERED(PROTO_OPENED);
}
END_TEST

START_TEST(what_another_worker_was_told_counts_here)
{
    char hex[HEX_LEN(32)];
    struct digest d = authority_digest();

    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    hex_encode_lower(d.b, 32, hex);
    add_line(hex);
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
    scene_set(&scene, "reasons",
              json_string("Other words, another digest, the same name."));
    scene_sign(&scene, 2);
    open_warrant();
    ANSWERED(PROTO_OPENED);
}
END_TEST

/* Whoever has the service in his hands may fill it: neither new signers nor what is revoked
 * later are locked out. */
START_TEST(a_list_full_of_rubbish_locks_nobody_out)
{
    FILE *f = fopen(kit_path("revoked"), "a");

    for (int i = 0; i < 50000; i++)
        (void)fprintf(f, "I-9/D-%d 9999999999\n", i);
    (void)fclose(f);
    desk_kit_restart();
    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    revoke_it();
    ANSWERED(PROTO_REVOKED);
    ck_assert_uint_eq(lines_of_list(), 50001);
    desk_kit_restart();
    ready();
    open_warrant();
    FAILED("decision.revoked");
}
END_TEST

START_TEST(at_the_end_of_the_list_nothing_is_added_and_all_is_read)
{
    FILE *f = fopen(kit_path("revoked"), "w");
    char hex[HEX_LEN(32)];
    struct digest d = authority_digest();

    hex_encode_lower(d.b, 32, hex);
    (void)fprintf(f, "%s\n", hex);
    for (unsigned i = 1; i < REVOKED_MAX; i++)
        (void)fprintf(f, "D-%u\n", i);
    (void)fclose(f);
    desk_kit_restart();
    ready();
    open_warrant();
    FAILED("decision.revoked");
    scene_set(&scene, "reasons",
              json_string("Other words, another digest, the same name."));
    scene_sign(&scene, 2);
    revoke_it();
    FAILED("signer.revoked-list");
}
END_TEST

/* A line stays until a day after the window of its decision, where that is known. */
START_TEST(a_line_leaves_when_its_window_is_over)
{
    const int64_t day = INT64_C(86400) * 1000000;
    struct digest other = digest_of(span_of("other", 5), span_of(NULL, 0));

    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    revoke_it(); /* its window is known: it is open */
    memset(&in, 0, sizeof in);
    in.u.revoke.authority = other; /* nobody knows this one's */
    ask(PROTO_REVOKE);
    ANSWERED(PROTO_REVOKED);
    ck_assert_uint_eq(lines_of_list(), 2);
    now = SCENE_NOW + 2 * day;
    desk_kit_restart();
    ck_assert_uint_eq(lines_of_list(), 2);
    now = SCENE_NOW + 60 * day;
    desk_kit_restart();
    ck_assert_uint_eq(lines_of_list(), 1);
    now = SCENE_NOW + (REVOKED_STAYS_DAYS - 1) * day;
    desk_kit_restart();
    ck_assert_uint_eq(lines_of_list(), 1);
    now = SCENE_NOW + (REVOKED_STAYS_DAYS + 1) * day;
    desk_kit_restart();
    ck_assert_uint_eq(lines_of_list(), 0);
}
END_TEST

/* Another signer began meanwhile and left out what was over. */
START_TEST(a_list_put_in_the_place_of_the_list_is_read)
{
    struct digest d = authority_digest();
    char hex[HEX_LEN(32) + 12];

    ready();
    hex_encode_lower(d.b, 32, hex);
    (void)strcat(hex, " 9999999999\n");
    kit_text("revoked.other", hex);
    ck_assert_int_eq(rename(kit_path("revoked.other"), kit_path("revoked")), 0);
    open_warrant();
    FAILED("decision.revoked");
}
END_TEST

START_TEST(a_list_that_is_gone_since_the_last_process_is_missing)
{
    ready();
    revoke_it();
    desk_free(desk);
    desk = NULL;
    (void)unlink(kit_path("revoked"));
    REFUSED(desk_kit_new(), "signer.revoked-list");
    ck_assert_int_eq(e.code, ERR_STORE);
}
END_TEST

static struct proto_list list_of(void)
{
    hello();
    ck_assert_int_eq(reply.type, PROTO_READY);
    return reply.u.ready.list;
}

static bool is_same(struct proto_list a, struct proto_list b)
{
    return memcmp(a.id, b.id, sizeof a.id) == 0;
}

START_TEST(a_list_has_one_id_for_as_long_as_it_is_there)
{
    const int64_t day = INT64_C(86400) * 1000000;
    struct proto_list first = list_of();

    ck_assert(!is_same(first, (struct proto_list){{0}}));
    revoke_it();
    ANSWERED(PROTO_REVOKED);
    desk_kit_restart();
    ck_assert(is_same(list_of(), first));
    add_line("list 000102030405060708090a0b0c0d0e0f"); /* the first counts */
    desk_kit_restart();
    ck_assert(is_same(list_of(), first));
    now = SCENE_NOW + (REVOKED_STAYS_DAYS + 1) * day; /* shortened meanwhile */
    desk_kit_restart();
    ck_assert_uint_eq(lines_of_list(), 0);
    ck_assert(is_same(list_of(), first));
}
END_TEST

/* Whoever tells it keeps no acknowledgement of the other: it hears everything again. */
START_TEST(a_list_that_was_emptied_is_another_one)
{
    struct proto_list first = list_of();
    struct proto_list second;

    revoke_it();
    kit_text("revoked", "");
    desk_kit_restart();
    second = list_of();
    ck_assert(!is_same(second, first));
    kit_text("revoked", "list 00010203\nlist of things\nI-9/D-9");
    desk_kit_restart();
    ck_assert(!is_same(list_of(), second));
    desk_kit_restart();
    open_warrant();
    FAILED("signer.order"); /* these lines are no ids, and harm nothing */
}
END_TEST

static void revoke_with(const struct digest *what, struct span paper, int seals)
{
    int fd = memfd_of(paper, seals);

    memset(&in, 0, sizeof in);
    in.type = PROTO_REVOKE;
    in.u.revoke.authority = *what;
    ask_with(&fd, 1);
}

/* As on another machine at this token, which nobody ever told. */
static void move_to_a_fresh_folder(void)
{
    desk_free(desk);
    desk = NULL;
    ck_assert_int_eq(unlink(kit_path("revoked")), 0);
    ck_assert_int_eq(rmdir(kit_path("counts")), 0);
    OK(desk_kit_new());
    ready();
}

START_TEST(an_end_told_with_its_paper_is_in_the_token)
{
    struct digest d = authority_digest();

    ready();
    for (int round = 0; round < 2; round++) { /* told twice, marked once */
        revoke_with(&d, scene.cms, SEALS);
        ANSWERED(PROTO_REVOKED);
    }
    ck_assert_uint_eq(fake_token.n_counts, 1);
    ck_assert_uint_eq(fake_token.counts[0].step, 1);
    move_to_a_fresh_folder();
    open_warrant();
    FAILED("decision.revoked");
    ck_assert_uint_eq(fake_token.rows, 0);
}
END_TEST

START_TEST(an_end_in_the_token_stops_a_run_that_is_open_elsewhere)
{
    struct digest d = authority_digest();

    ready();
    open_warrant();
    ANSWERED(PROTO_OPENED);
    OK(lease_end(token, &d, &e)); /* by a signer with another folder */
    reserve(1000, 10);
    FAILED("decision.revoked");
}
END_TEST

/* Whoever has the service in his hands could fill the token with these. */
START_TEST(what_is_no_paper_here_gets_no_place_in_the_token)
{
    struct digest d = authority_digest();
    struct digest other = digest_of(span_of("other", 5), span_of(NULL, 0));
    int fds[2] = {memfd_of(scene.cms, SEALS), memfd_of(scene.cms, SEALS)};

    ready();
    revoke_with(&other, scene.cms, SEALS); /* it is not the one named */
    ANSWERED(PROTO_REVOKED);
    revoke_with(&other, span_of("other", 5), SEALS);
    ANSWERED(PROTO_REVOKED);
    ck_assert_uint_eq(lines_of_list(), 1);
    open_warrant();
    ANSWERED(PROTO_OPENED);
    ck_assert_uint_eq(fake_token.counts[0].step, 0);
    revoke_with(&d, scene.cms, 0);
    FAILED("signer.not-sealed");
    in.type = PROTO_REVOKE;
    ask_with(fds, 2);
    FAILED("signer.record");
    scene_sign(&scene, 1); /* one approver is no quorum */
    d = authority_digest();
    revoke_with(&d, scene.cms, SEALS);
    ANSWERED(PROTO_REVOKED);
    for (size_t i = 0; i < fake_token.n_counts; i++)
        ck_assert_uint_eq(fake_token.counts[i].step, 0);
}
END_TEST

/* The window comes from the paper, however long it is, also where nothing was opened. */
START_TEST(a_line_told_with_its_paper_leaves_with_its_window)
{
    const int64_t day = INT64_C(86400) * 1000000;
    struct digest d = authority_digest();

    ready();
    revoke_with(&d, scene.cms, SEALS);
    ANSWERED(PROTO_REVOKED);
    now = SCENE_NOW + 60 * day;
    desk_kit_restart();
    ck_assert_uint_eq(lines_of_list(), 0);
}
END_TEST

START_TEST(an_end_that_the_token_does_not_take_is_not_acknowledged)
{
    static struct token_flaky f;
    struct digest d = authority_digest();

    token = token_flaky_init(&f, token, FLAKY_NO_COUNT, 0);
    ready();
    revoke_with(&d, scene.cms, SEALS);
    FAILED("token.mark");
}
END_TEST

KIT_MAIN("desk_revoked", desk_kit_begin, desk_kit_end, a_revoked_decision_never_opens_again,
         a_revoke_of_another_leaves_the_open_one,
         a_superseded_decision_is_not_replayed_after_a_restart,
         a_chain_is_remembered_from_each_of_its_papers, the_last_paper_names_the_chain,
         a_paper_ends_nothing_before_its_time,
         an_instruction_supersedes_no_decision_of_the_pma,
         what_another_worker_was_told_counts_here, without_its_list_there_is_no_desk,
         a_list_that_is_gone_is_not_an_empty_one, a_list_made_empty_is_still_known,
         a_torn_line_takes_nothing_with_it, a_list_full_of_rubbish_locks_nobody_out,
         at_the_end_of_the_list_nothing_is_added_and_all_is_read,
         a_line_leaves_when_its_window_is_over, a_list_put_in_the_place_of_the_list_is_read,
         a_list_that_is_gone_since_the_last_process_is_missing,
         a_list_has_one_id_for_as_long_as_it_is_there,
         a_list_that_was_emptied_is_another_one, an_end_told_with_its_paper_is_in_the_token,
         an_end_in_the_token_stops_a_run_that_is_open_elsewhere,
         what_is_no_paper_here_gets_no_place_in_the_token,
         a_line_told_with_its_paper_leaves_with_its_window,
         an_end_that_the_token_does_not_take_is_not_acknowledged)
