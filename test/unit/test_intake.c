/* SPDX-License-Identifier: MIT
 *
 * An upload of answers: what its lines came to, and the one record of it, come what may.
 * What a good answer is worth: test_reconcile.
 */
#include "desk_kit.h"
#include "intake.h"
#include "samples.h"

static struct intake *in_;
static char last[4096]; /* the last record */

static void begin(void)
{
    OK(intake_open(store, NULL, "I-1", kit_lists(), "uid 7 login 8", &in_, &e));
}

static void end(void)
{
    intake_close(in_);
    in_ = NULL;
}

static void setup(void)
{
    engine_kit_begin();
    (void)whole_batch(4, NULL);
    begin_batch();
    run_to_the_end();
    begin();
}

static void teardown(void)
{
    end();
    engine_kit_end();
}

/* In any order: what is kept, and in which order, is not changed by it. */
static void backwards(void *arg, size_t n, void (*fn)(void *x, size_t k), void *x)
{
    ck_assert_ptr_eq(arg, &last);
    while (n > 0)
        fn(x, --n);
}

static void text(const char *t, size_t used)
{
    size_t n;

    OK(intake_text(in_, t, strlen(t), 42, backwards, &last, &n, &e));
    ck_assert_uint_eq(n, used);
}

static int64_t figure(const char *name)
{
    const json_t *v = json_object_get(intake_figures(in_), name);

    if (v == NULL)
        v = json_object_get(json_object_get(intake_figures(in_), "set_aside"), name);
    return json_integer_value(v);
}

static bool copy_line(void *arg, const struct store_row *r)
{
    (void)arg;
    (void)snprintf(last, sizeof last, "%s", store_text(r, 0));
    return true;
}

/* How many there are; `last` is the last. */
static int64_t records(void)
{
    last[0] = '\0';
    OK(store_each(store, copy_line, NULL, &e,
                  "SELECT line FROM audit WHERE line LIKE '%RESPONSES\\_TAKEN%' ESCAPE '\\'"
                  " ORDER BY seq",
                  ""));
    return audited("RESPONSES_TAKEN");
}

#define SAYS(words) ck_assert_msg(strstr(last, words) != NULL, "no %s in %s", words, last)

/* A command where an answer is due, as a line. */
static char *command_line(void)
{
    struct sample s[SAMPLES_MAX];
    size_t n = samples_make(s);
    char *line = NULL;

    for (size_t i = 0; i < n && line == NULL; i++)
        if (s[i].sort == SAMPLE_COMMAND) {
            line = malloc(HEX_LEN(s[i].len) + 1);
            ck_assert_ptr_nonnull(line);
            hex_encode(s[i].octets, s[i].len, line);
            (void)strcat(line, "\n");
        }
    samples_free(s, n);
    ck_assert_ptr_nonnull(line);
    return line;
}

START_TEST(each_reason_is_counted)
{
    char *command = command_line();

    text("zz\r\n\nDF09\n0\nabc", 12);
    text(command, strlen(command));
    OK(intake_line(in_, "abc", 3, 42, &e)); /* the end, without its newline */
    ck_assert_int_eq(figure("lines"), 6);
    ck_assert_int_eq(figure("response.hex"), 3);
    ck_assert_int_eq(figure("response.kind"), 1);
    ck_assert_int_eq(figure("aside"), 5);
    ck_assert_int_eq(figure("unfit"), 5);
    ck_assert_int_eq(figure("success"), 0);
    ck_assert_uint_eq(json_object_size(json_object_get(intake_figures(in_), "set_aside")),
                      3);
    ck_assert_int_eq(number("SELECT sum(n) FROM aside_count"), 5);
    free(command);
}
END_TEST

START_TEST(a_line_without_end_is_one_line)
{
    size_t len = INTAKE_LINE_MAX + 2;
    char *line = malloc(len + 1);

    ck_assert_ptr_nonnull(line);
    memset(line, 'A', len);
    OK(intake_line(in_, line, len, 42, &e));
    ck_assert_int_eq(figure("response.hex"), 1);
    ck_assert_int_eq(number("SELECT length(message) FROM aside"), 4096);
    OK(intake_line(in_, line, len - 2, 42, &e)); /* as long as a message may be */
    ck_assert_int_eq(figure("response.hex"), 1);
    ck_assert_int_eq(figure("aside"), 2);
    free(line);
}
END_TEST

START_TEST(an_upload_in_pieces_has_one_record)
{
    for (int i = 0; i < 5; i++) {
        text("zz\n", 3);
        OK(intake_note(in_, &e));
        ck_assert_int_eq(number("SELECT count(*) FROM intake"), 1);
        ck_assert_int_eq(records(), 0);
    }
    OK(intake_end(in_, true, 43, &e));
    ck_assert_int_eq(number("SELECT count(*) FROM intake"), 0);
    ck_assert_int_eq(records(), 1);
    SAYS("\"lines\":5");
    SAYS("\"set_aside\":{\"response.hex\":5}");
    SAYS("\"whole\":true");
    SAYS("\"actor\":\"uid 7 login 8\"");
    OK(intake_left(store, NULL, 44, &e));
    ck_assert_int_eq(records(), 1);
}
END_TEST

START_TEST(what_broke_off_is_on_record_as_far_as_it_came)
{
    OK(intake_end(in_, false, 43, &e)); /* nothing came */
    ck_assert_int_eq(records(), 0);
    end();
    begin();
    OK(intake_end(in_, true, 43, &e)); /* nothing, and no more was to come */
    ck_assert_int_eq(records(), 1);
    end();
    begin();
    text("zz\nz", 3);
    OK(intake_end(in_, false, 43, &e));
    ck_assert_int_eq(records(), 2);
    SAYS("\"lines\":1");
    SAYS("\"whole\":false");
}
END_TEST

START_TEST(a_crash_between_two_pieces_loses_no_record)
{
    text("zz\nzz\n", 6);
    OK(intake_note(in_, &e));
    end();
    begin(); /* two of them at a time */
    text("zz\n", 3);
    OK(intake_note(in_, &e));
    end();
    OK(intake_left(store, NULL, 44, &e));
    ck_assert_int_eq(records(), 2);
    SAYS("\"lines\":1");
    SAYS("\"incident\":\"I-1\"");
    SAYS("\"actor\":\"uid 7 login 8\"");
    SAYS("\"whole\":false");
    ck_assert_int_eq(number("SELECT count(*) FROM intake"), 0);
    OK(intake_left(store, NULL, 45, &e));
    ck_assert_int_eq(records(), 2);
}
END_TEST

KIT_MAIN("intake", setup, teardown, each_reason_is_counted, a_line_without_end_is_one_line,
         an_upload_in_pieces_has_one_record, what_broke_off_is_on_record_as_far_as_it_came,
         a_crash_between_two_pieces_loses_no_record)
