/* SPDX-License-Identifier: MIT
 *
 * Lists on disk: kept under their digest, and refused when they are not what they were.
 */
#include "core_kit.h"
#include "rosters.h"
#include "think.h"

#include <fcntl.h>
#include <sys/stat.h>

#define LIST                               \
    "device,type,status\n"                 \
    "00DB000000000001,ESME,commissioned\n" \
    "00DB000000000002,GSME,commissioned\n"

static struct digest name;
static struct roster r;
static bool known;

static bool keeps(const char *text)
{
    int fd;
    bool ok;

    kit_text("incoming", text);
    fd = open(kit_path("incoming"), O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    name = digest_of(span_of(text, strlen(text)), span_of(NULL, 0));
    ok = rosters_keep(fd, kit_path("incoming"), kit_dir, &name, &known, &e);
    (void)close(fd);
    return ok;
}

static void setup(void)
{
    kit_begin();
    OK(keeps(LIST));
    memset(&r, 0, sizeof r);
}

static void teardown(void)
{
    roster_done(&r);
    kit_end();
}

/* The list on disk becomes this. */
static void changed_to(const char *text)
{
    char path[PATH_MAX];
    FILE *f;

    rosters_path(kit_dir, &name, path);
    (void)unlink(path);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
}

/* Both ways to open it refuse, by that rule, and leave nothing open. */
static void both_refuse(const char *rule, enum err_code code)
{
    size_t fds = kit_open_fds();
    int fd = -1;

    REFUSED(rosters_open(kit_dir, &name, &r, &e), rule);
    ck_assert_int_eq(e.code, code);
    REFUSED(rosters_open_sealed(kit_dir, &name, &fd, &r, &e), rule);
    ck_assert_int_eq(e.code, code);
    ck_assert_int_eq(fd, -1);
    ck_assert_ptr_null(r.map);
    ck_assert_uint_eq(kit_open_fds(), fds);
}

START_TEST(a_list_is_kept_under_its_digest)
{
    char path[PATH_MAX];
    char want[PATH_MAX + 80];
    char hex[HEX_LEN(32)];
    struct stat st;
    int fd = -1;

    hex_encode_lower(name.b, 32, hex);
    rosters_path(kit_dir, &name, path);
    (void)snprintf(want, sizeof want, "%s/%s.csv", kit_dir, hex);
    ck_assert_str_eq(path, want);
    ck_assert(!known);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0400);
    ck_assert_int_ne(access(kit_path("incoming"), F_OK), 0);
    OK(keeps(LIST));
    ck_assert(known);
    OK(rosters_octets(kit_dir, &name, &fd, &e));
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), (off_t)strlen(LIST));
    (void)close(fd);
    REFUSED(rosters_keep(-1, kit_path("incoming"), kit_dir, &name, &known, &e),
            "store.upload");
}
END_TEST

START_TEST(what_is_opened_is_what_was_kept)
{
    int fd = -1;

    OK(rosters_open(kit_dir, &name, &r, &e));
    ck_assert_uint_eq(r.n_rows, 2);
    roster_done(&r);
    OK(rosters_open_sealed(kit_dir, &name, &fd, &r, &e));
    ck_assert_uint_eq(r.n_rows, 2);
    ck_assert_int_eq(fcntl(fd, F_GET_SEALS),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    (void)close(fd);
}
END_TEST

START_TEST(a_list_that_was_changed_is_refused)
{
    changed_to("device,type,status\n00DB000000000001,ESME,commissioned\n");
    both_refuse("roster.digest", ERR_DENIED);
    changed_to("device,type,status\n00DB000000000001,TOASTER,commissioned\n");
    both_refuse("roster.digest", ERR_DENIED); /* one that is no list any more */
    changed_to("");
    both_refuse("roster.digest", ERR_DENIED);
    changed_to(LIST);
    OK(rosters_open(kit_dir, &name, &r, &e));
}
END_TEST

START_TEST(a_list_is_read_once)
{
    uint64_t before = rosters_read();
    struct roster again;
    int fd = -1;

    OK(rosters_open(kit_dir, &name, &r, &e));
    OK(rosters_open(kit_dir, &name, &again, &e));
    ck_assert_ptr_eq(r.text.at, again.text.at);
    roster_done(&again);
    OK(rosters_open_sealed(kit_dir, &name, &fd, &again, &e));
    ck_assert_ptr_eq(r.text.at, again.text.at);
    (void)close(fd);
    roster_done(&again);
    roster_done(&r);
    OK(rosters_open(kit_dir, &name, &r, &e)); /* nobody had it open */
    ck_assert_uint_eq(rosters_read() - before, 1);
}
END_TEST

START_TEST(a_backup_that_names_the_file_too_changes_no_list)
{
    uint64_t before = rosters_read();
    char path[PATH_MAX];

    OK(rosters_open(kit_dir, &name, &r, &e));
    roster_done(&r);
    rosters_path(kit_dir, &name, path);
    ck_assert_int_eq(link(path, kit_path("copy")), 0);
    OK(rosters_open(kit_dir, &name, &r, &e));
    ck_assert_uint_eq(rosters_read() - before, 1);
}
END_TEST

static unsigned n_meddled;

/* The same octets in another file as soon as the list was read: for the first times. */
static bool meddle(void *arg, const struct think_kind *k, struct store *s, struct span in,
                   struct span *out, struct err *why)
{
    unsigned *times = arg;
    bool ok = k->work(s, in, out, why);

    n_meddled++;
    if (*times > 0) {
        (*times)--;
        changed_to(LIST);
    }
    return ok;
}

START_TEST(a_list_whose_file_is_replaced_while_it_is_read_is_read_again)
{
    unsigned times = 2;
    struct think_port port = {meddle, &times};

    (void)think_through(&port);
    OK(rosters_open(kit_dir, &name, &r, &e));
    ck_assert_uint_eq(n_meddled, 3);
    roster_done(&r);
    changed_to(LIST);
    times = 9;
    REFUSED(rosters_open(kit_dir, &name, &r, &e), "store.memory");
    (void)think_through(NULL);
}
END_TEST

START_TEST(who_has_a_list_open_keeps_it_when_its_file_is_changed)
{
    OK(rosters_open(kit_dir, &name, &r, &e));
    changed_to("");
    REFUSED(rosters_open(kit_dir, &name, &(struct roster){0}, &e), "roster.digest");
    ck_assert_uint_eq(r.n_rows, 2);
    ck_assert_int_eq(memcmp(r.text.at, LIST, r.text.len), 0);
}
END_TEST

START_TEST(a_list_that_nobody_uses_is_let_go)
{
    uint64_t before = rosters_read();
    size_t fds = kit_open_fds();

    OK(rosters_open(kit_dir, &name, &r, &e));
    for (int i = 0; i < 2 * ROSTERS_TURNS; i++)
        rosters_tidy(); /* it is in use */
    roster_done(&r);
    for (int i = 0; i < ROSTERS_TURNS; i++)
        rosters_tidy();
    OK(rosters_open(kit_dir, &name, &r, &e));
    ck_assert_uint_eq(rosters_read() - before, 1);
    roster_done(&r);
    for (int i = 0; i < ROSTERS_TURNS + 1; i++)
        rosters_tidy();
    ck_assert_uint_eq(kit_open_fds(), fds);
    OK(rosters_open(kit_dir, &name, &r, &e));
    ck_assert_uint_eq(rosters_read() - before, 2);
}
END_TEST

/* A dry run gives it its name and takes it away; then it is handed in for good. */
START_TEST(a_list_that_was_taken_away_is_handed_in_again)
{
    char path[PATH_MAX];

    OK(rosters_open(kit_dir, &name, &r, &e));
    roster_done(&r);
    rosters_path(kit_dir, &name, path);
    ck_assert_int_eq(unlink(path), 0);
    kit_text("new", LIST);
    OK(rosters_open_new(kit_path("new"), &r, &e));
    roster_done(&r);
    OK(rosters_open(kit_dir, &name, &r, &e));
    ck_assert_uint_eq(r.n_rows, 2);
}
END_TEST

START_TEST(a_new_list_is_open_before_it_has_a_name)
{
    static const char other[] = "device,type,status\n00DB000000000007,ESME,commissioned\n";
    uint64_t before = rosters_read();

    kit_text("new", other);
    OK(rosters_open_new(kit_path("new"), &r, &e));
    roster_done(&r);
    name = digest_of(span_of(other, strlen(other)), span_of(NULL, 0));
    OK(rosters_open(kit_dir, &name, &r, &e));
    roster_done(&r);
    OK(keeps(other));
    OK(rosters_open(kit_dir, &name, &r, &e));
    roster_done(&r);
    ck_assert_uint_eq(rosters_read() - before, 1);
    changed_to(LIST); /* from here on its file counts */
    REFUSED(rosters_open(kit_dir, &name, &r, &e), "roster.digest");
    kit_text("new", "no list\n");
    REFUSED(rosters_open_new(kit_path("new"), &r, &e), "roster.header");
}
END_TEST

START_TEST(a_list_that_is_gone_is_an_error)
{
    char path[PATH_MAX];
    int fd;

    rosters_path(kit_dir, &name, path);
    ck_assert_int_eq(unlink(path), 0);
    both_refuse("store.failed", ERR_STORE);
    REFUSED(rosters_octets(kit_dir, &name, &fd, &e), "store.failed");
}
END_TEST

KIT_MAIN("rosters", setup, teardown, a_list_is_kept_under_its_digest,
         what_is_opened_is_what_was_kept, a_list_that_was_changed_is_refused,
         a_list_is_read_once, a_backup_that_names_the_file_too_changes_no_list,
         a_list_whose_file_is_replaced_while_it_is_read_is_read_again,
         who_has_a_list_open_keeps_it_when_its_file_is_changed,
         a_list_that_nobody_uses_is_let_go, a_list_that_was_taken_away_is_handed_in_again,
         a_new_list_is_open_before_it_has_a_name, a_list_that_is_gone_is_an_error)
