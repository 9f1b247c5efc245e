/* SPDX-License-Identifier: MIT
 *
 * The table of return codes: what becomes of signer and batch when a call of the signing path
 * returns each code that there is. The real service behind its front, the real signer program,
 * a real token (pump_kit); the shim lies.
 *
 *   SMKI_CODES=all   each code at each place, which takes long; else each at C_Sign, and
 *                    everywhere one of each class, and where a code has a meaning of its own
 */
#include "p11_demand.h"
#include "pump_kit.h"

#include <sys/mman.h>

/* --- codes --- */

static const char *const hows[HOWS] = {"once", "ever", "lost"};

struct code {
    CK_RV rv;
    const struct p11_code *known;
    bool everywhere; /* tried at each place */
};

static struct code codes[80];
static size_t n_codes;
static bool all_codes; /* everywhere */

static bool stands_for_its_class(CK_RV rv)
{
    return rv == CKR_DATA_LEN_RANGE || rv == CKR_SESSION_HANDLE_INVALID ||
           rv == CKR_DEVICE_ERROR || rv == CKR_PIN_INCORRECT ||
           rv == (CKR_VENDOR_DEFINED | 0x103);
}

static void add_code(CK_RV rv)
{
    if (n_codes == sizeof codes / sizeof codes[0])
        kit_broken("more codes than there is room for");
    codes[n_codes++] = (struct code){rv, p11_code(rv), stands_for_its_class(rv)};
}

/* All that the table of p11_error knows, by class, and two that it does not. */
static void list_codes(void)
{
    for (enum p11_class class = P11_REBUILD; class <= P11_BUG; class ++)
        for (CK_RV rv = 1; rv < 0x300; rv++)
            if (p11_code(rv)->class == class && p11_code(rv)->rv == rv)
                add_code(rv);
    add_code(0x777);
    add_code(CKR_VENDOR_DEFINED | 0x103);
}

/* --- one cell --- */

static struct totals {
    unsigned cells, wrong, lost, other;
    char seen[PLACES][80][HOWS]; /* a letter; 0: not tried */
} * totals;

static void plan(const struct place *p, CK_RV rv, enum how how)
{
    char text[80];

    (void)snprintf(text, sizeof text, "%s 0x%lx %s\n", p->call, rv, hows[how]);
    kit_text("plan.new", text);
    ck_assert_int_eq(rename(kit_path("plan.new"), kit_path("plan")), 0);
}

/* Did anybody meet it? Then it is over. */
static bool met(void)
{
    size_t len = pump_kit_size("plan");
    char text[80];
    FILE *f = len == 0 ? NULL : fopen(kit_path("plan"), "r");
    bool grown;

    if (f == NULL)
        return true;
    grown = fgets(text, sizeof text, f) != NULL && strlen(text) < len;
    (void)fclose(f);
    ck_assert_int_eq(unlink(kit_path("plan")), 0);
    return grown;
}

/* A signer that starts has an anchor, and a session to sign on. */
#define SESSIONS 2u

static struct {
    size_t sessions, logins;
    unsigned ends;
} before;

static enum reaction reaction(int64_t id)
{
    const struct signer_info *w = pump_kit_signer();
    struct batch b = pump_kit_look(id);

    if (w->state == SIGNER_BARRED)
        return BARRED;
    if (b.state == BATCH_STOPPED)
        return STOPPED;
    if (b.state == BATCH_HELD)
        return HELD;
    if (b.failed > 0)
        return ALONE;
    if (w->restarts > before.ends)
        return RESTARTED;
    return pump_kit_size("sessions") > before.sessions ? ANEW : PASSED;
}

static void remember(size_t sessions)
{
    before.sessions = pump_kit_size("sessions") + sessions;
    before.logins = pump_kit_size("logins");
    before.ends = pump == NULL ? 0 : pump_kit_signer()->restarts;
}

static enum reaction provoke(const struct place *p, CK_RV rv, enum how how, int64_t *id)
{
    enum reaction r;

    if (p->phase == AT_START)
        pump_kit_stop();
    else if (pump == NULL)
        pump_kit_start();
    if (p->phase != AT_START)
        pump_kit_idle();
    remember(p->phase == AT_START ? SESSIONS : 0);
    if (p->phase != AT_END)
        plan(p, rv, how);
    if (p->phase == AT_START)
        pump_kit_start();
    *id = pump_kit_batch();
    pump_kit_settle(*id, p->phase == AT_START ? 2 : 4);
    r = reaction(*id);
    if (p->phase != AT_END)
        return r;
    pump_kit_idle();
    plan(p, rv, how);
    pump_kit_stop();
    return r;
}

/* The PIN was said to be wrong: another service does not try it. */
static void no_other_login(int64_t id)
{
    pump_kit_stop();
    pump_kit_resume(id);
    pump_kit_start();
    pump_kit_settle(id, 1);
    ck_assert_int_eq(pump_kit_signer()->state, SIGNER_BARRED);
}

static bool is_wrong_pin(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE;
}

static void look_at_logins(const struct place *p, CK_RV rv, int64_t id)
{
    if (p->phase != AT_START || strcmp(p->call, "C_Login") != 0 || rv == CKR_PIN_LOCKED)
        return;
    if (is_wrong_pin(rv))
        no_other_login(id);
    if (p11_code(rv)->class == P11_STOP)
        ck_assert_uint_eq(pump_kit_size("logins"), before.logins + 1);
}

static void cell(size_t place, size_t code, enum how how)
{
    const struct place *p = &places[place];
    const struct code *c = &codes[code];
    struct pump_kit_account a;
    enum reaction r;
    int64_t id;

    r = provoke(p, c->rv, how, &id);
    totals->seen[place][code][how] = letters[r];
    totals->other += letters[r] != demanded(p, c->rv, how);
    look_at_logins(p, c->rv, id);
    ck_assert_msg(met(), "%s is not called at its %s", p->call, phases[p->phase]);
    if (pump_kit_look(id).state != BATCH_DONE) {
        pump_kit_stop();
        pump_kit_forgive();
        pump_kit_resume(id);
        pump_kit_start();
        pump_kit_settle(id, 2);
    }
    a = pump_kit_count(id);
    totals->cells++;
    totals->wrong += a.wrong;
    totals->lost += PUMP_KIT_ROWS - a.rows;
}

/* By itself an unknown code alone asks how often it came before a signer was ready. */
static bool is_tried(const struct place *p, const struct code *c, enum how how)
{
    bool signs = p->phase == AT_WORK && strcmp(p->call, "C_Sign") == 0;

    if (how == LOST && !p->deed)
        return false;
    /* "There is nothing to destroy", though it did: it looks as if another machine was faster, so
     * the new number goes too. No mark is left, the batch is held, and a person has to raise one. */
    if (how == LOST && c->rv == CKR_OBJECT_HANDLE_INVALID &&
        strcmp(p->call, "C_DestroyObject") == 0)
        return false;
    if (all_codes || has_its_own(p, c->rv))
        return true;
    if (!c->everywhere)
        return signs && how == ONCE;
    return how != EVER || p->phase == AT_WORK || c->known->class == P11_UNKNOWN;
}

START_TEST(each_code_has_its_reaction)
{
    size_t place = (size_t)_i;

    if (places[place].phase == AT_REVIVE) /* each fourth: in each batch at least once */
        (void)setenv("P11_SHIM_PLAN", "C_SignInit:4*=0xb3", 1);

    for (size_t c = 0; c < n_codes; c++)
        for (enum how h = 0; h < HOWS; h++)
            if (is_tried(&places[place], &codes[c], h))
                cell(place, c, h);
    ck_assert_msg(totals->other == 0, "a reaction is another than demanded: see the table");
    ck_assert_uint_eq(totals->wrong, 0);
    ck_assert_uint_eq(totals->lost, 0);
}
END_TEST

/* --- the table --- */

static const char *const class_names[] = {"", "build anew", "unknown", "stop", "our bug"};

/* What the codes of a class came to at a place: *one, if it was the same for all of them. */
static bool same(size_t p, enum p11_class class, char one[HOWS + 1])
{
    bool is = true;

    memset(one, 0, HOWS + 1);
    for (size_t c = 0; c < n_codes; c++)
        for (enum how h = 0; h < HOWS && codes[c].known->class == class; h++) {
            char seen = totals->seen[p][c][h];

            is = is && (one[h] == 0 || seen == 0 || one[h] == seen);
            one[h] = one[h] == 0 ? seen : one[h];
        }
    for (enum how h = 0; h < HOWS; h++)
        one[h] = one[h] == 0 ? '-' : one[h];
    return is;
}

static void show_codes(size_t p, bool only_others)
{
    for (size_t c = 0; c < n_codes; c++)
        for (enum how h = 0; h < HOWS; h++) {
            char seen = totals->seen[p][c][h], due = demanded(&places[p], codes[c].rv, h);

            if (seen != 0 && (!only_others || seen != due))
                printf("#     %-36s 0x%-9lx %s: %c%s\n", codes[c].known->name, codes[c].rv,
                       hows[h], seen, seen == due ? "" : ", which is not demanded");
        }
}

static void show(void)
{
    char one[HOWS + 1];

    printf("# what a code at a call comes to: once, for ever, once with the answer lost\n");
    for (size_t i = 0; i < REACTIONS; i++)
        printf("#   %c  %s\n", letters[i], meanings[i]);
    printf("# %-27s", "");
    for (enum p11_class k = P11_REBUILD; k <= P11_BUG; k++)
        printf(" %-10s", class_names[k]);
    printf("\n");
    for (size_t p = 0; p < PLACES; p++) {
        bool mixed = false;

        printf("# %-6s %-20s", phases[places[p].phase], places[p].call);
        for (enum p11_class k = P11_REBUILD; k <= P11_BUG; k++) {
            bool is = same(p, k, one);

            mixed = mixed || !is;
            printf(" %-10s", is ? one : "see below");
        }
        printf(" %s\n", demand_why(&places[p]));
        show_codes(p, !mixed);
    }
}

static void setup(void)
{
    pump_kit_begin(80 * HOWS);
}

int main(void)
{
    Suite *s = suite_create("p11_table");
    TCase *t = tcase_create("all");
    SRunner *r;
    int failed;

    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                  -1, 0);
    if (totals == MAP_FAILED)
        kit_broken("memory");
    list_codes();
    all_codes = getenv("SMKI_CODES") != NULL && strcmp(getenv("SMKI_CODES"), "all") == 0;
    tcase_add_checked_fixture(t, setup, pump_kit_end);
    tcase_set_timeout(t, 3000);
    tcase_add_loop_test(t, each_code_has_its_reaction, 0, PLACES);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    show();
    printf("# %u cells, %u wrong releases, %u rows lost, %u reactions not demanded\n",
           totals->cells, totals->wrong, totals->lost, totals->other);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
