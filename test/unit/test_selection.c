/* SPDX-License-Identifier: MIT
 *
 * Which rows of a roster a new batch is about, after what its devices answered.
 */
#include "desk_kit.h"
#include "outcome.h"
#include "selection.h"

static struct authority *authority;
static struct span chosen;
static uint32_t n_chosen;

static void setup(void)
{
    engine_kit_begin();
    chosen = span_of(NULL, 0);
    authority = calloc(1, sizeof *authority);
}

static void teardown(void)
{
    free((void *)(uintptr_t)chosen.at);
    free(authority);
    engine_kit_end();
}

static void understand(void)
{
    char *text = json_dumps(scene.doc, JSON_INDENT(2));

    OK(authority_parse(span_of(text, strlen(text)), authority, &e));
    authority->digest = authority_digest();
    free(text);
}

static bool chooses(const char *which)
{
    free((void *)(uintptr_t)chosen.at);
    chosen = span_of(NULL, 0);
    return selection_rows(store, kit_dir, authority, which, NULL, 0, &n_chosen, &chosen,
                          &e);
}

static bool chooses_wave(const struct waveplan *plan, uint32_t wave)
{
    free((void *)(uintptr_t)chosen.at);
    chosen = span_of(NULL, 0);
    return selection_rows(store, kit_dir, authority, "unfinished", plan, wave, &n_chosen,
                          &chosen, &e);
}

static bool is_chosen(uint32_t row)
{
    for (uint32_t i = 0; i < n_chosen; i++)
        if (get_be32(chosen.at + 4 * (size_t)i) == row)
            return true;
    return false;
}

static void answered(uint32_t row, enum outcome_state state, int64_t batch, bool retry)
{
    struct outcome o = {

        .device = *kit_device(row),
        .state = state,
        .batch = batch,
        .retry = retry,
        .cells = "{}"};

    OK(outcome_put(store, "I-1", &o, &e));
}

static void put_roster_row(void)
{
    OK(store_run(store, &e,
                 "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us)"
                 " VALUES ('I-1', 1, ?1, ?2, '{}', 0)",
                 "bi", span_of(scene.roster.digest.b, 32), (int64_t)scene.roster.n_rows));
}

START_TEST(unfinished_is_what_may_go_better)
{
    int64_t id = whole_batch(10, NULL);

    begin_batch();
    run_to_the_end();
    understand();
    REFUSED(chooses("all"), "decision.roster");
    put_roster_row();
    answered(0, OUTCOME_SUCCESS, id, true);
    answered(1, OUTCOME_EXCUSED, 0, true);
    answered(2, OUTCOME_UNKNOWN, 0, true);
    answered(3, OUTCOME_UNREACHABLE, 0, true);
    answered(4, OUTCOME_FAILED, id, true);
    answered(5, OUTCOME_FAILED, id, false);     /* hopeless */
    answered(6, OUTCOME_PARTLY, id, false);     /* likewise */
    answered(7, OUTCOME_FAILED, id + 1, false); /* under another decision */
    answered(8, OUTCOME_ACCEPTED, id, true);
    OK(chooses("unfinished"));
    ck_assert_uint_eq(n_chosen, 5);
    ck_assert(is_chosen(3) && is_chosen(4) && is_chosen(7) && is_chosen(8) && is_chosen(9));
    OK(chooses("unsuccessful"));
    ck_assert_uint_eq(n_chosen, 7);
    ck_assert(is_chosen(5) && is_chosen(6));
    OK(chooses("all")); /* but who is excused by name */
    ck_assert_uint_eq(n_chosen, 9);
    ck_assert(!is_chosen(1) && is_chosen(0) && is_chosen(2));
    answered(1, OUTCOME_SUCCESS, id, true);
    OK(chooses("all"));
    ck_assert_ptr_null(chosen.at);
    ck_assert_uint_eq(n_chosen, 10);
    REFUSED(chooses("some"), "request.member");
    for (uint32_t i = 0; i < 10; i++)
        answered(i, OUTCOME_SUCCESS, id, true);
    REFUSED(chooses("unfinished"), "batch.empty");
    /* a hand-back is done with what it handed back, not with what was recovered before */
    authority->method = METHOD_HANDBACK;
    OK(chooses("unfinished"));
    ck_assert_uint_eq(n_chosen, 10);
    OK(store_run(store, &e,
                 "UPDATE decision SET json = json_set(json, '$.method', 'handback')", ""));
    REFUSED(chooses("unfinished"), "batch.empty");
}
END_TEST

START_TEST(nobody_gets_more_commands_than_the_decision_allows)
{
    int64_t id = whole_batch(10, NULL);

    begin_batch();
    run_to_the_end();
    understand();
    put_roster_row();
    authority->attempts = 1;
    REFUSED_SAYING(chooses("all"), "decision.attempts", "10 devices");
    REFUSED(chooses("unfinished"), "decision.attempts");
    authority->attempts = 2;
    OK(chooses("unfinished"));
    ck_assert_uint_eq(n_chosen, 10);
    authority->attempts = 1;
    authority->digest.b[0] ^= 1; /* another decision has had none yet */
    OK(chooses("all"));
    ck_assert_int_gt(id, 0);
}
END_TEST

START_TEST(a_state_that_is_none_selects_nothing)
{
    int64_t id = whole_batch(10, NULL);

    begin_batch();
    run_to_the_end();
    understand();
    put_roster_row();
    answered(0, OUTCOME_SUCCESS, id, true);
    OK(store_run(store, &e, "UPDATE outcome SET state = 'well'", ""));
    REFUSED(chooses("unfinished"), "store.state");
}
END_TEST

/* Ten devices: gas and electricity in turn, the first three pay in advance. */
static void mixed_roster(void)
{
    char text[1024] = "device,type,status,payment\n";

    for (unsigned i = 0; i < 10; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "00DB%012X,%s,commissioned,%s\n", i, i % 2 ? "GSME" : "ESME",
                       i < 3 ? "prepayment" : "");
    use_roster(text);
}

START_TEST(each_device_is_in_exactly_one_wave)
{
    static const uint32_t sizes[] = {3, 3, 3};
    static struct waveplan plan;
    json_t *j = json_loads("{\"schema\":\"smki-recovery/waves/1\",\"waves\":["
                           "{\"name\":\"paying\",\"payment\":\"prepayment\"},"
                           "{\"name\":\"gas\",\"types\":[\"GSME\"]},"
                           "{\"name\":\"both\",\"types\":[\"GSME\",\"ESME\"]}]}",
                           0, NULL);
    unsigned times[10] = {0};

    OK(waveplan_read(j, &plan, &e));
    json_decref(j);
    mixed_roster();
    understand();
    put_roster_row();
    answered(3, OUTCOME_SUCCESS, 1, true);
    for (uint32_t wave = 0; wave < 3; wave++) {
        OK(chooses_wave(&plan, wave));
        ck_assert_uint_eq(n_chosen, sizes[wave]);
        for (uint32_t i = 0; i < 10; i++)
            times[i] += is_chosen(i);
    }
    for (uint32_t i = 0; i < 10; i++)
        ck_assert_uint_eq(times[i], i != 3);
    REFUSED(chooses_wave(&plan, 3), "batch.empty"); /* nobody is left for the rest */
}
END_TEST

KIT_MAIN("selection", setup, teardown, unfinished_is_what_may_go_better,
         nobody_gets_more_commands_than_the_decision_allows,
         a_state_that_is_none_selects_nothing, each_device_is_in_exactly_one_wave)
