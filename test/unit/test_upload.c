/* SPDX-License-Identifier: MIT
 *
 * Uploads of the service: how much may wait, what goes when its time is over, what a crash
 * has left. And what never goes.
 */
#include "incident_kit.h"
#include "retention.h"
#include "rosters.h"
#include "upload.h"
#include "uploads.h"

#include <fcntl.h>
#include <sys/stat.h>

#define LARGEST 1000

#define WAIT_US INT64_C(1209600000000) /* fourteen days */

static struct service sv;
static int64_t now;
static struct sink sink;
static struct digest kept;

static int64_t tell(void *arg)
{
    (void)arg;
    return now;
}

static void setup(void)
{
    incident_kit_begin();
    now = NOW;
    sv = (struct service){.store = store, .clock = {tell, NULL}};
    sv.config.service.max_roster_bytes = LARGEST;
    sv.config.service.keep_uploads_d = 14;
    (void)snprintf(sv.outbox_dir, sizeof sv.outbox_dir, "%s", kit_path("outbox"));
    ck_assert_int_eq(mkdir(sv.outbox_dir, 0700), 0);
    (void)snprintf(sv.files_dir, sizeof sv.files_dir, "%s", kit_path("files"));
    (void)snprintf(sv.roster_dir, sizeof sv.roster_dir, "%s", kit_path("rosters"));
    (void)snprintf(sv.incoming_dir, sizeof sv.incoming_dir, "%s", kit_path("incoming"));
    ck_assert_int_eq(mkdir(sv.files_dir, 0700), 0);
    ck_assert_int_eq(mkdir(sv.roster_dir, 0700), 0);
    ck_assert_int_eq(mkdir(sv.incoming_dir, 0700), 0);
    open_incident("I-1", ROUTE_UNDECIDED);
}

/* A file of that text in the folder, under its digest. */
static void leave(const char *dir, const char *text)
{
    char path[PATH_MAX];
    FILE *f;

    kept = digest_of(span_of(text, strlen(text)), (struct span){NULL, 0});
    rosters_path(dir, &kept, path);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
}

static bool there(const char *dir)
{
    char path[PATH_MAX];

    rosters_path(dir, &kept, path);
    return access(path, F_OK) == 0;
}

static void wait_for(enum uploads_kind kind, int64_t uid, int64_t octets)
{
    struct uploads_one u = {
        .kind = kind, .sha256 = kept, .uid = uid, .octets = octets, .at_us = now};

    OK(uploads_put(store, &u, &e));
}

static bool end_unused(void *arg, struct reply *out, struct err *err)
{
    (void)out;
    (void)err;
    upload_free(arg);
    return true;
}

static bool begins(uid_t uid)
{
    struct request r = {.peer = {.uid = uid}, .n_args = 1};

    (void)strcpy(r.args[0], "I-1");
    return upload_begin(&sv, &r, end_unused, &sink, &e);
}

static bool brings(size_t n)
{
    char octets[3 * LARGEST] = {0};

    return sink.write(sink.arg, octets, n, &e);
}

static int64_t dropped(void)
{
    return number("SELECT count(*) FROM audit WHERE line LIKE '%UPLOAD_DROPPED%'");
}

START_TEST(a_user_has_so_many_that_wait)
{
    char text[16];

    for (int i = 0; i < UPLOADS_PER_UID; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        leave(sv.files_dir, text);
        wait_for(UPLOADS_FILE, 7, 1);
    }
    REFUSED_SAYING(begins(7), "upload.quota", "16 files of uid 7");
    ck_assert_int_eq(e.code, ERR_BUSY);
    OK(begins(8));
    sink.abort(sink.arg);
    for (int i = UPLOADS_PER_UID; i < UPLOADS_IN_ALL; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        leave(sv.files_dir, text);
        wait_for(UPLOADS_FILE, 100 + i, 1);
    }
    REFUSED_SAYING(begins(8), "upload.quota", "64 of all");
    OK(uploads_drop(store, UPLOADS_FILE, &kept, &e));
    OK(begins(8));
    sink.abort(sink.arg);
}
END_TEST

START_TEST(those_on_their_way_count)
{
    struct sink open[UPLOADS_PER_UID];

    for (int i = 0; i < UPLOADS_PER_UID; i++) {
        OK(begins(7));
        open[i] = sink;
    }
    REFUSED(begins(7), "upload.quota");
    open[3].abort(open[3].arg);
    OK(begins(7));
    OK(brings(LARGEST));
    ck_assert_int_eq(sv.uploads->octets, LARGEST);
    open[3] = sink;
    sink = open[5];
    OK(brings(LARGEST));
    REFUSED_SAYING(brings(1), "upload.quota", "2000 octets");
    for (int i = 0; i < UPLOADS_PER_UID; i++)
        open[i].abort(open[i].arg);
    ck_assert_ptr_null(sv.uploads);
    OK(begins(7));
    OK(brings(2 * LARGEST));
    sink.abort(sink.arg);
}
END_TEST

START_TEST(octets_that_wait_count_for_the_user_and_for_all)
{
    leave(sv.files_dir, "mine");
    wait_for(UPLOADS_FILE, 7, LARGEST + 1);
    OK(begins(7));
    OK(brings(LARGEST - 1));
    REFUSED(brings(1), "upload.quota");
    sink.abort(sink.arg);
    leave(sv.files_dir, "others'");
    wait_for(UPLOADS_FILE, 8, 7 * LARGEST - 11);
    OK(begins(9));
    OK(brings(10));
    REFUSED(brings(1), "upload.quota");
    sink.abort(sink.arg);
}
END_TEST

START_TEST(what_takes_longer_than_a_day_is_let_go)
{
    OK(begins(7));
    OK(brings(1));
    now += INT64_C(86400000000);
    OK(brings(1));
    now++;
    REFUSED_SAYING(brings(1), "upload.late", "2 octets");
    sink.abort(sink.arg);
    ck_assert_ptr_null(sv.uploads);
}
END_TEST

START_TEST(who_is_not_signed_for_in_time_goes)
{
    leave(sv.files_dir, "a");
    wait_for(UPLOADS_FILE, 7, 1);
    now += WAIT_US - 1;
    OK(upload_expire(&sv, &e));
    ck_assert(there(sv.files_dir));
    now++;
    OK(upload_expire(&sv, &e));
    ck_assert(!there(sv.files_dir));
    ck_assert_int_eq(dropped(), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM upload"), 0);
    OK(upload_expire(&sv, &e));
    ck_assert_int_eq(dropped(), 1);
}
END_TEST

START_TEST(what_is_used_or_spoken_of_never_goes)
{
    char hex[HEX_LEN(32)];

    leave(sv.files_dir, "named");
    wait_for(UPLOADS_FILE, 7, 5);
    hex_encode_lower(kept.b, 32, hex);
    OK(uploads_name(store, hex, &e));
    now += 2 * WAIT_US;
    OK(upload_expire(&sv, &e));
    ck_assert(there(sv.files_dir));
    leave(sv.roster_dir, "used");
    wait_for(UPLOADS_ROSTER, 7, 5);
    OK(store_run(store, &e,
                 "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us)"
                 " VALUES ('I-1', 1, ?1, 1, '{}', 1)",
                 "b", span_of(kept.b, 32)));
    now += 2 * WAIT_US;
    OK(upload_expire(&sv, &e));
    ck_assert(there(sv.roster_dir));
    ck_assert_int_eq(dropped(), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM upload"), 1);
}
END_TEST

START_TEST(a_file_that_somebody_took_away_waits_no_more)
{
    char path[PATH_MAX];

    leave(sv.files_dir, "a");
    wait_for(UPLOADS_FILE, 7, 1);
    OK(upload_expire(&sv, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM upload"), 1);
    rosters_path(sv.files_dir, &kept, path);
    ck_assert_int_eq(unlink(path), 0);
    OK(upload_expire(&sv, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM upload"), 0);
}
END_TEST

START_TEST(what_a_crash_has_left_goes_or_waits_for_its_time)
{
    char hex[HEX_LEN(32)];

    kit_text("incoming/upload-a1B2c3", "half");
    kit_text("files/README", "not ours");
    leave(sv.roster_dir, "used");
    OK(store_run(store, &e,
                 "INSERT INTO roster (incident, version, sha256, rows, by_type, at_us)"
                 " VALUES ('I-1', 1, ?1, 1, '{}', 1)",
                 "b", span_of(kept.b, 32)));
    leave(sv.files_dir, "spoken of");
    hex_encode_lower(kept.b, 32, hex);
    OK(audit_put(store, NOW, "REFUSED", "I-1", "uid 7", &e, "{s:s}", "request", hex));
    leave(sv.roster_dir, "orphan");
    OK(upload_sweep(&sv, &e));
    OK(upload_sweep(&sv, &e)); /* a start later it is the same */
    ck_assert_int_ne(access(kit_path("incoming/upload-a1B2c3"), F_OK), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM upload"), 2);
    ck_assert_int_eq(number("SELECT count(*) FROM upload WHERE named = 1"), 1);
    ck_assert_int_eq(number("SELECT sum(uid) FROM upload"), 2 * UPLOADS_NOBODY);
    now += WAIT_US;
    OK(upload_expire(&sv, &e));
    ck_assert(!there(sv.roster_dir));
    ck_assert_int_eq(dropped(), 1);
    kept = digest_of(span_of("used", 4), (struct span){NULL, 0});
    ck_assert(there(sv.roster_dir));
    kept = digest_of(span_of("spoken of", 9), (struct span){NULL, 0});
    ck_assert(there(sv.files_dir));
    ck_assert_int_eq(access(kit_path("files/README"), F_OK), 0);
}
END_TEST

static void notice(const char *name, const char *text)
{
    char path[100];

    (void)snprintf(path, sizeof path, "outbox/%s", name);
    kit_text(path, text);
}

static bool lies(const char *name)
{
    char path[100];

    (void)snprintf(path, sizeof path, "outbox/%s", name);
    return access(kit_path(path), F_OK) == 0;
}

/* Only those that are old, and of no incident that is open; never, where it is not said. */
START_TEST(old_notices_go_where_that_is_configured)
{
    now = 1800000000 * INT64_C(1000000); /* 15 January 2027 */
    open_incident("I-81", ROUTE_UNDECIDED);
    OK(store_run(store, &e, "UPDATE incident SET state = 'CLOSED' WHERE id = 'I-81'", ""));
    notice("20261201T000000.000000Z-pma-e1.json", "{\"incident\": null}");
    notice("20261201T000000.000000Z-pma-e2.json", "{\"incident\": \"I-81\"}");
    notice("20261201T000000.000000Z-pma-e3.json", "{\"incident\": \"I-1\"}");
    notice("20261201T000000.000000Z-pma-e4.json", "no notice");
    notice("20270110T000000.000000Z-pma-e5.json", "{\"incident\": null}");
    OK(retention_notices(&sv, &e));
    ck_assert(lies("20261201T000000.000000Z-pma-e1.json"));
    sv.config.service.keep_notices_d = 30;
    OK(retention_notices(&sv, &e));
    ck_assert(!lies("20261201T000000.000000Z-pma-e1.json"));
    ck_assert(!lies("20261201T000000.000000Z-pma-e2.json"));
    ck_assert(lies("20261201T000000.000000Z-pma-e3.json"));
    ck_assert(lies("20261201T000000.000000Z-pma-e4.json"));
    ck_assert(lies("20270110T000000.000000Z-pma-e5.json"));
    ck_assert_int_eq(
        number("SELECT count(*) FROM audit WHERE line LIKE '%NOTICES_REMOVED%'"), 1);
}
END_TEST

KIT_MAIN("upload", setup, incident_kit_end, a_user_has_so_many_that_wait,
         those_on_their_way_count, octets_that_wait_count_for_the_user_and_for_all,
         what_takes_longer_than_a_day_is_let_go, who_is_not_signed_for_in_time_goes,
         what_is_used_or_spoken_of_never_goes, a_file_that_somebody_took_away_waits_no_more,
         what_a_crash_has_left_goes_or_waits_for_its_time,
         old_notices_go_where_that_is_configured)
