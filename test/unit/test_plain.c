/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include "strictjson.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Text, and what is left of it when tidied. Equal: it is plain. */
static const struct {
    const char *text, *tidy;
} cases[] = {
    {"", ""},
    {"Supplier X: key exposed", "Supplier X: key exposed"},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91",
     "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91"},
    {"a\xc2\xa0"
     "b",
     "a\xc2\xa0"
     "b"}, /* no-break space: the first after C1 */
    {"line\nline", "line?line"},
    {"tab\t", "tab?"},
    {"esc\x1b[2J", "esc?[2J"},
    {"del\x7f", "del?"},
    {"csi\xc2\x9b"
     "2J",
     "csi??2J"}, /* C1: a terminal obeys it as ESC [ */
    {"nel\xc2\x85", "nel??"},
    {"refuse\xe2\x80\xae"
     "esirohtua",
     "refuse???esirohtua"}, /* U+202E turns what follows */
    {"\xe2\x81\xa6isolate\xe2\x81\xa9", "???isolate???"},
    {"\xd8\x9c", "??"},
    {"zero\xe2\x80\x8bwidth", "zero???width"},
    {"\xef\xbb\xbf"
     "bom",
     "???bom"},
    {"\xe2\x80\x90", "\xe2\x80\x90"}, /* U+2010, a hyphen: the first after the marks */
    {"\xc0\xaf", "??"},               /* longer than needed */
    {"\xe0\x9f\xbf", "???"},
    {"\xed\xa0\x80", "???"},      /* a surrogate */
    {"\xf4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
    {"\xf5\x80\x80\x80", "????"},
    {"cut\xe2\x82", "cut??"},
    {"\x80lone", "?lone"},
};

START_TEST(each_text_is_plain_or_made_so)
{
    char text[64];

    (void)strcpy(text, cases[_i].text);
    plain_tidy(text);
    ck_assert_str_eq(text, cases[_i].tidy);
    ck_assert_int_eq(plain_text(cases[_i].text), strcmp(text, cases[_i].text) == 0);
    ck_assert(plain_text(text));
}
END_TEST

START_TEST(a_document_with_hidden_text_is_refused)
{
    static const struct strictjson_member table[] = {
        {.name = "reasons", .need = MUST, .read = strictjson_text, .min = 1, .max = 100},
        {0},
    };
    static const struct {
        const char *json;
        bool good;
    } docs[] = {
        {"{\"reasons\":\"weighed \\u00a3\"}", true},
        {"{\"reasons\":\"weighed \\u202e dehgiew\"}", false},
        {"{\"reasons\":\"weighed \\u009b2J\"}", false},
        {"{\"reasons\":\"weighed \\u001b[2J\"}", false},
    };

    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++) {
        struct err e = {0};
        struct strictjson_at at = {.id = "decision.schema", .e = &e};
        json_t *j = NULL;

        ck_assert(strictjson_load(
            (struct span){(const uint8_t *)docs[i].json, strlen(docs[i].json)}, &j, &at));
        ck_assert_int_eq(strictjson_read(&at, j, table, NULL), docs[i].good);
        if (!docs[i].good) {
            ck_assert_str_eq(e.id, "decision.schema");
            ck_assert_ptr_nonnull(strstr(e.text, "reasons"));
        }
        json_decref(j);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plain");
    TCase *t = tcase_create("text");
    SRunner *sr;
    int failed;

    tcase_add_loop_test(t, each_text_is_plain_or_made_so, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, a_document_with_hidden_text_is_refused);
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_set_tap(sr, "-");
    srunner_run_all(sr, CK_SILENT);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed > 0;
}
