/* SPDX-License-Identifier: MIT
 *
 * Lists on disk: kept under their digest, and refused when they are not what they were.
 */
#include "core_kit.h"
#include "rosters.h"

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
         a_list_that_is_gone_is_an_error)
