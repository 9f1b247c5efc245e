/* SPDX-License-Identifier: MIT */
#include "mem.h"
#include "tar.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned n_files;
static size_t total;
static char names[8][TAR_NAME_MAX + 1];

static bool on_file(void *arg, const char *name, struct span data, struct err *e)
{
    if (arg != NULL)
        return err_set(e, ERR_STORE, "store.failed", "no room");
    ck_assert_uint_lt(n_files, 8);
    strcpy(names[n_files++], name);
    for (size_t i = 0; i < data.len; i++)
        ck_assert_int_eq(data.at[i], (uint8_t)(i * 7));
    total += data.len;
    return true;
}

static char *archive;
static size_t archive_len;

static FILE *begin(void)
{
    n_files = 0;
    total = 0;
    return open_memstream(&archive, &archive_len);
}

static void add(FILE *f, const char *name, size_t len)
{
    uint8_t head[TAR_BLOCK];

    tar_header(head, name, len, 1700000000);
    (void)fwrite(head, 1, sizeof head, f);
    for (size_t i = 0; i < len; i++)
        (void)fputc((uint8_t)(i * 7), f);
    for (size_t i = 0; i < TAR_PAD(len); i++)
        (void)fputc(0, f);
}

static void end(FILE *f)
{
    for (int i = 0; i < TAR_END; i++)
        (void)fputc(0, f);
    (void)fclose(f);
}

static bool read_in_pieces(size_t piece, void *arg, struct err *e)
{
    struct tar_reader t = {.file = on_file, .arg = arg};
    bool ok = true;

    for (size_t at = 0; ok && at < archive_len; at += piece)
        ok = tar_read(&t, archive + at, archive_len - at < piece ? archive_len - at : piece,
                      e);
    ok = ok && tar_read_end(&t, e);
    tar_reader_done(&t);
    return ok;
}

START_TEST(what_is_written_is_read_whatever_the_pieces)
{
    struct err e;
    FILE *f = begin();

    add(f, "a", 0);
    add(f, "b.bin", 1);
    add(f, "c.bin", 512);
    add(f, "d.bin", 1300);
    end(f);
    for (size_t piece = 1; piece < 1200; piece += 37) {
        n_files = 0;
        total = 0;
        ck_assert_msg(read_in_pieces(piece, NULL, &e), "%s", e.text);
        ck_assert_uint_eq(n_files, 4);
        ck_assert_uint_eq(total, 1813);
        ck_assert_str_eq(names[3], "d.bin");
    }
    free(archive);
}
END_TEST

static bool next_file(void *arg, struct tar_file *out, bool *found)
{
    static const size_t sizes[] = {0, 1, 512, TAR_WRITE_MAX};
    static uint8_t data[TAR_WRITE_MAX];
    unsigned *n = arg;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    *found = *n < 4;
    if (*found) {
        (void)snprintf(out->name, sizeof out->name, "%u.bin", *n);
        out->data = span_of(data, sizes[(*n)++]);
        out->mtime_s = 1700000000;
    }
    return *n != 100;
}

START_TEST(the_writer_makes_what_the_reader_reads)
{
    static char buf[2 * TAR_WRITE_MAX];
    struct err e;

    for (size_t piece = 1; piece < 40000; piece = piece * 3 + 1) {
        struct tar_reader in = {.file = on_file};
        unsigned n = 0;
        struct tar_writer out = {.file = next_file, .arg = &n};
        ssize_t k;

        n_files = 0;
        total = 0;
        ck_assert(!tar_written(&out));
        while ((k = tar_write(&out, buf, piece)) > 0)
            ck_assert_msg(tar_read(&in, buf, (size_t)k, &e), "%s", e.text);
        ck_assert_int_eq(k, 0);
        ck_assert(tar_written(&out));
        ck_assert_msg(tar_read_end(&in, &e), "%s", e.text);
        ck_assert(n_files == 4 && total == 513 + TAR_WRITE_MAX);
        tar_reader_done(&in);
    }
    {
        unsigned n = 100; /* no going on */
        struct tar_writer out = {.file = next_file, .arg = &n};

        ck_assert_int_eq(tar_write(&out, buf, sizeof buf), -1);
        ck_assert(!tar_written(&out));
    }
}
END_TEST

START_TEST(stock_tar_reads_it)
{
    char name[] = "/tmp/test_tar.XXXXXX", line[200];
    int fd = mkstemp(name);
    FILE *f = begin();

    add(f, "00DB1234567890A0-1.bin", 700);
    add(f, "x", 0);
    end(f);
    ck_assert_int_eq(write(fd, archive, archive_len), (ssize_t)archive_len);
    (void)snprintf(line, sizeof line,
                   "tar tvf %s | grep -Eq -- '-rw-r--r-- 0/0 +700 2023.*A0-1.bin$'", name);
    ck_assert_int_eq(system(line), 0);
    (void)close(fd);
    (void)unlink(name);
    free(archive);
}
END_TEST

/* Spoil one octet of the first header, mend the sum if asked, and read. */
static bool spoiled(size_t at, char value, bool mend, struct err *e)
{
    FILE *f = begin();
    bool ok;

    add(f, "a.bin", 10);
    end(f);
    archive[at] = value;
    if (mend) {
        unsigned sum = 0;

        memset(archive + 148, ' ', 8);
        for (int i = 0; i < TAR_BLOCK; i++)
            sum += (uint8_t)archive[i];
        (void)snprintf(archive + 148, 8, "%06o", sum);
    }
    ok = read_in_pieces(4096, NULL, e);
    free(archive);
    return ok;
}

START_TEST(anything_but_small_plain_files_is_refused)
{
    struct err e;
    FILE *f;

    ck_assert(spoiled(0, 'b', true, &e));
    ck_assert(!spoiled(0, 'b', false, &e));  /* sum */
    ck_assert(!spoiled(0, '/', true, &e));   /* a path */
    ck_assert(!spoiled(0, '\0', true, &e));  /* no name */
    ck_assert(!spoiled(156, '2', true, &e)); /* a link */
    ck_assert(!spoiled(156, '5', true, &e)); /* a directory */
    ck_assert(!spoiled(345, 'p', true, &e)); /* a prefix */
    ck_assert(!spoiled(257, 'x', true, &e)); /* no ustar */
    ck_assert(!spoiled(124, '7', true, &e)); /* 60 GiB */
    ck_assert(!spoiled(130, 'x', true, &e)); /* no number */
    ck_assert_str_eq(e.id, "export.archive");

    f = begin();
    add(f, "a", 3);
    (void)fclose(f);
    ck_assert(!read_in_pieces(4096, NULL, &e)); /* no end */
    free(archive);

    f = begin();
    for (int i = 0; i < TAR_END; i++)
        (void)fputc(0, f);
    add(f, "a", 3);
    (void)fclose(f);
    ck_assert(!read_in_pieces(4096, NULL, &e)); /* goes on behind it */
    free(archive);
}
END_TEST

START_TEST(an_error_of_the_receiver_ends_the_reading)
{
    struct err e;
    FILE *f = begin();

    add(f, "a", 3);
    end(f);
    ck_assert(!read_in_pieces(100, &total, &e));
    ck_assert_str_eq(e.id, "store.failed");
    free(archive);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tar");
    TCase *t = tcase_create("ustar");
    SRunner *r;
    int failed;

    tcase_add_test(t, what_is_written_is_read_whatever_the_pieces);
    tcase_add_test(t, the_writer_makes_what_the_reader_reads);
    tcase_add_test(t, stock_tar_reads_it);
    tcase_add_test(t, anything_but_small_plain_files_is_refused);
    tcase_add_test(t, an_error_of_the_receiver_ends_the_reading);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
