/* SPDX-License-Identifier: MIT
 *
 * How sure is each thing that this software says of the procedure? Every rule, step, loss and
 * setting says it; a section of Appendix L that nobody here has read says that its number is
 * inferred; and a number that public text does not have is told as the house's choice where it
 * is configured. SOURCES names the source root.
 */
#include "config.h"
#include "core_kit.h"
#include "hsmloss.h"
#include "incident.h"
#include "rules.h"

#include <ctype.h>
#include <glob.h>

/* The sections whose numbers stand in a source that could be read: the minutes that cite them. */
static const char *const read_sections[] = {"1.2",     "4.2.1.3", "4.2.1.7",
                                            "4.2.2.1", "4.2.2.2", "4.2.3.2"};
#define N_READ (sizeof read_sections / sizeof read_sections[0])

static bool was_read(const char *number, size_t len)
{
    for (size_t i = 0; i < N_READ; i++)
        if (strlen(read_sections[i]) == len && strncmp(number, read_sections[i], len) == 0)
            return true;
    return false;
}

/* "4.2.1, 4.3 (section INFERRED)": is each number of a section one that was read, or marked? */
static bool sections_are_honest(const char *source)
{
    static const char mark[] = " (section INFERRED)";
    const char *p = source;

    while ((p = strstr(p, "Appendix L ")) != NULL) {
        p += strlen("Appendix L ");
        while (isdigit((unsigned char)*p)) {
            size_t len = strspn(p, "0123456789.");
            bool marked = strncmp(p + len, mark, strlen(mark)) == 0;

            if (!marked && !was_read(p, len))
                return false;
            p += len + (marked ? strlen(mark) : 0);
            if (strncmp(p, ", ", 2) == 0)
                p += 2;
        }
    }
    return true;
}

static bool is_certainty(const char *word)
{
    static const char *const words[] = {"CONFIRMED", "VERIFIED", "INFERRED", "UNKNOWN",
                                        "choice"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (word != NULL && strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* What says that it is sure names nothing that nobody has read. */
static void judge(const char *what, const char *source, const char *certainty)
{
    bool sure = certainty != NULL &&
                (strcmp(certainty, "CONFIRMED") == 0 || strcmp(certainty, "VERIFIED") == 0);

    ck_assert_msg(is_certainty(certainty), "%s: certainty \"%s\"", what,
                  certainty != NULL ? certainty : "none");
    ck_assert_msg(source != NULL && source[0] != '\0', "%s has no source", what);
    ck_assert_msg(!sure || sections_are_honest(source), "%s is %s by a section unread: %s",
                  what, certainty, source);
}

START_TEST(every_rule_step_and_loss_says_how_sure_it_is)
{
    struct hsmloss_advice a;

    for (size_t i = 0; i < rules_n; i++)
        judge(rules[i].id, rules[i].source, rules[i].certainty);
    for (size_t i = 0; i < incident_n_transitions; i++)
        judge(incident_event(incident_transitions[i].event)->name,
              incident_transitions[i].source, incident_transitions[i].certainty);
    for (unsigned lost = 1; lost < 1u << HSMLOSS_COUNT; lost++) {
        if (!hsmloss_advise(lost, &a))
            continue;
        for (size_t i = 0; i < a.n_rows; i++)
            judge(a.rows[i]->sentence, a.rows[i]->source, a.rows[i]->certainty);
    }
}
END_TEST

START_TEST(a_step_is_found_again_by_its_source)
{
    const struct transition *t = &incident_transitions[0];

    ck_assert_str_eq(incident_certainty(incident_event(t->event)->name, t->source),
                     t->certainty);
    ck_assert_str_eq(incident_certainty("notify", "hearsay"), "UNKNOWN");
}
END_TEST

START_TEST(a_section_that_nobody_read_needs_its_mark)
{
    ck_assert(sections_are_honest("SEC L10.9; SEC Appendix L 4.2.1.7"));
    ck_assert(sections_are_honest("SEC Appendix L, Notification File"));
    ck_assert(sections_are_honest("SEC Appendix L 4.2.2.2, 4.3 (section INFERRED)"));
    ck_assert(!sections_are_honest("SEC Appendix L 4.2.2.2, 4.3"));
    ck_assert(!sections_are_honest("SEC Appendix L 4.2"));
    ck_assert(!sections_are_honest("SEC Appendix L 4.1 (section INFERRED), 4.4"));
}
END_TEST

/* The paragraph of recovery.conf(5) about a key: from its name to the next name or heading. */
static void paragraph(const char *man, const struct config_setting *s,
                      char out[static 4096])
{
    char name[64], section[64];
    const char *at, *end;

    (void)snprintf(section, sizeof section, "# [%s", s->section);
    for (char *c = section; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    (void)snprintf(name, sizeof name, "*%s=*", s->key);
    at = strstr(man, section);
    ck_assert_msg(at != NULL, "recovery.conf(5) has no %s", section);
    do
        at = strstr(at + 1, name);
    while (at != NULL && at[-1] == '\t'); /* spoken of, not described */
    ck_assert_msg(at != NULL, "recovery.conf(5) says nothing of [%s] %s=", s->section,
                  s->key);
    at = strchr(at, '\n');
    end = at;
    do
        end = strchr(end + 1, '\n');
    while (end != NULL && end[1] != '*' && end[1] != '#');
    (void)snprintf(out, 4096, "%.*s", end != NULL ? (int)(end - at) : 4000, at);
}

START_TEST(every_setting_says_where_its_number_comes_from)
{
    char *man = calloc(1, 1 << 18), text[4096];
    FILE *f = fopen(SOURCES "/packaging/man/recovery.conf.5.scd", "r");
    struct config_setting s;
    size_t i, unknown = 0;

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_lt(fread(man, 1, (1 << 18) - 1, f), (1 << 18) - 1);
    (void)fclose(f);
    for (i = 0; config_setting(i, &s); i++) {
        ck_assert_msg(is_certainty(s.certainty), "%s=: certainty \"%s\"", s.key,
                      s.certainty != NULL ? s.certainty : "none");
        if (strcmp(s.certainty, "UNKNOWN") != 0)
            continue;
        paragraph(man, &s, text);
        ck_assert_msg(strstr(text, "UNKNOWN") != NULL,
                      "recovery.conf(5) tells [%s] %s= as if it were known:%s", s.section,
                      s.key, text);
        unknown++;
    }
    free(man);
    ck_assert_uint_gt(i, 60);
    ck_assert_uint_gt(unknown, 10);
}
END_TEST

START_TEST(defaults_are_those_of_an_empty_file)
{
    struct config_setting s;

    for (size_t i = 0; config_setting(i, &s); i++) {
        if (strcmp(s.key, "RefusedListDays") == 0)
            ck_assert_str_eq(s.value, "28");
        if (strcmp(s.key, "EndDecision") == 0)
            ck_assert_str_eq(s.value, "pma");
        if (strcmp(s.key, "MaxWindowSec") == 0)
            ck_assert_str_eq(s.value, "1209600");
        if (strcmp(s.key, "Threshold") == 0 || strcmp(s.key, "Start") == 0)
            ck_assert_str_eq(s.value, "");
    }
}
END_TEST

START_TEST(every_scenario_says_how_sure_its_source_is)
{
    glob_t found;

    ck_assert_int_eq(
        glob(SOURCES "/packaging/workshop/scenarios/*.scenario", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char line[1024];
        bool said = false;
        FILE *f = fopen(found.gl_pathv[i], "r");

        ck_assert_ptr_nonnull(f);
        while (fgets(line, sizeof line, f) != NULL)
            if (strncmp(line, "Source=", 7) == 0)
                said = strstr(line, "INFERRED") != NULL ||
                       strstr(line, "CONFIRMED") != NULL ||
                       strstr(line, "UNKNOWN") != NULL || strstr(line, "choice") != NULL;
        (void)fclose(f);
        ck_assert_msg(said, "%s: Source= without certainty", found.gl_pathv[i]);
    }
    globfree(&found);
}
END_TEST

KIT_MAIN("certainty", NULL, NULL, every_rule_step_and_loss_says_how_sure_it_is,
         a_step_is_found_again_by_its_source, a_section_that_nobody_read_needs_its_mark,
         every_setting_says_where_its_number_comes_from,
         defaults_are_those_of_an_empty_file, every_scenario_says_how_sure_its_source_is)
