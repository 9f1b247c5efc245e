/* SPDX-License-Identifier: MIT */
#include "core_kit.h"
#include "jsonline.h"

#include <stdlib.h>
#include <string.h>

static unsigned line(const char *text, const char *path)
{
    /* a copy that ends where the text does: what reads further is found out */
    char *exact = malloc(strlen(text));
    unsigned n;

    memcpy(exact, text, strlen(text));
    n = jsonline_of(span_of(exact, strlen(text)), path);
    free(exact);
    return n;
}

static const char text[] = "{\n"
                           "  \"a\": \"x, ] } \\\" \\\\\",\n"
                           "  \"list\": [\n"
                           "    {\"cell\": null},\n"
                           "    {\"note\": [1, {\"a\": 2}],\n"
                           "     \"cell\": null}\n"
                           "  ],\n"
                           "  \"empty\": [], \"none\": {},\n"
                           "  \"votes\": {\"for\": 1,\n"
                           "            \"against\": 2}, \"last\":\n"
                           "    true\n"
                           "}\n";

START_TEST(a_member_is_found_in_its_line)
{
    static const struct {
        const char *path;
        unsigned line;
    } cases[] = {
        {"a", 2},
        {"list", 3},
        {"list[0].cell", 4},
        {"list[1].note[1].a", 5},
        {"list[1].cell", 6},
        {"none", 8},
        {"votes.for", 9},
        {"votes.against", 10},
        {"last", 11},
        {"nobody", 0},
        {"list[2].cell", 0},
        {"list[0].none", 0},
        {"empty[0]", 0},
        {"none.a", 0},
        {"a.b", 0},
        {"a[0]", 0},
        {"list[x]", 0},
        {"vote", 0},
        {"votes.for.more", 0},
        {"", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(line(text, cases[i].path) == cases[i].line, "%s: %u", cases[i].path,
                      line(text, cases[i].path));
}
END_TEST

START_TEST(a_text_of_one_line_needs_no_number)
{
    ck_assert_uint_eq(line("{\"a\": 1}", "a"), 0);
    ck_assert_uint_eq(line("{\"a\": 1}\n", "a"), 0);
    ck_assert_uint_eq(line("\n{\"a\": 1}", "a"), 2);
}
END_TEST

START_TEST(what_is_cut_short_is_not_read_beyond_its_end)
{
    char *cut = strdup(text);

    for (size_t n = strlen(text); n > 1; n--) {
        cut[n - 1] = '\0';
        (void)line(cut, "votes.against");
        (void)line(cut, "list[1].cell");
    }
    free(cut);
}
END_TEST

KIT_MAIN("jsonline", NULL, NULL, a_member_is_found_in_its_line,
         a_text_of_one_line_needs_no_number, what_is_cut_short_is_not_read_beyond_its_end)
