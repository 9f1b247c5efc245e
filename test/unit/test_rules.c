/* SPDX-License-Identifier: MIT
 *
 * The table of rules against the sources that use it: each id uttered has a row, each row
 * is uttered somewhere, and where its heading says. SOURCES names the source root.
 */
#include "core_kit.h"
#include "rules.h"

#include <ctype.h>
#include <glob.h>

#define NAMES_MAX 2048

/* The literals of all sources that may be ids: "area.what". */
static struct {
    char text[64];
    char file[128];
    bool uttered; /* third argument of err_set or err_put */
} names[NAMES_MAX];
static size_t n_names;

/* The call of err_set or err_put that the reader is inside of. */
struct call {
    int depth; /* 0: none; 1: between its own brackets */
    int argument;
};

static bool looks_like_id(const char *s)
{
    const char *dot = strchr(s, '.');

    if (dot == NULL || !islower((unsigned char)s[0]) || !isalnum((unsigned char)dot[1]))
        return false;
    for (const char *p = s; *p != '\0'; p++)
        if (p != dot && !islower((unsigned char)*p) && !isdigit((unsigned char)*p) &&
            (*p != '-' || p < dot))
            return false;
    return true;
}

static void note(const char *text, size_t len, const char *file, bool uttered)
{
    char id[64];

    if (len >= sizeof id)
        return;
    (void)snprintf(id, sizeof id, "%.*s", (int)len, text);
    if (!uttered && !looks_like_id(id))
        return;
    ck_assert_uint_lt(n_names, NAMES_MAX);
    (void)strcpy(names[n_names].text, id);
    (void)snprintf(names[n_names].file, sizeof names[0].file, "%s", file);
    names[n_names++].uttered = uttered;
}

/* Past a comment, a literal of one character or an #include at p;
 * p itself: none of these. */
static const char *skip(const char *p)
{
    const char *end = p;

    if (strncmp(p, "/*", 2) == 0) {
        end = strstr(p, "*/");
        return end != NULL ? end + 2 : p + strlen(p);
    }
    if (strncmp(p, "//", 2) == 0 || strncmp(p, "#include", 8) == 0)
        return p + strcspn(p, "\n");
    if (*p == '\'')
        return p + (p[1] == '\\' ? 4 : 3);
    return p;
}

static size_t literal(const char *p)
{
    size_t n = 0;

    while (p[n] != '"' && p[n] != '\0')
        n += p[n] == '\\' ? 2 : 1;
    return n;
}

static void read_source(const char *text, const char *file)
{
    struct call c = {0, 0};

    for (const char *p = text; *p != '\0';) {
        const char *after = skip(p);

        if (after != p) {
            p = after;
        } else if (*p == '"') {
            size_t n = literal(p + 1);

            note(p + 1, n, file, c.depth > 0 && c.argument == 2);
            p += n + 2;
        } else if (c.depth == 0) {
            if ((p == text || !isalnum((unsigned char)p[-1])) &&
                (strncmp(p, "err_set(", 8) == 0 || strncmp(p, "err_put(", 8) == 0)) {
                c = (struct call){1, 0};
                p += 7;
            }
            p++;
        } else {
            c.depth += (*p == '(') - (*p == ')');
            c.argument += c.depth == 1 && *p == ',';
            p++;
        }
    }
}

static void read_all(void)
{
    static const char *const folders[] = {"lib/*", "pkcs11", "daemon", "daemon/ctl"};
    char pattern[512];
    glob_t g;

    n_names = 0;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(pattern, sizeof pattern, "%s/%s/*.c", SOURCES, folders[i]);
        ck_assert_int_eq(glob(pattern, 0, NULL, &g), 0);
        for (size_t k = 0; k < g.gl_pathc; k++) {
            const char *path = g.gl_pathv[k];
            const char *file = path + strlen(SOURCES) + 1;
            char *text = calloc(1, 1 << 20);
            FILE *f = fopen(path, "r");

            ck_assert_ptr_nonnull(f);
            ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, f), (1 << 20) - 1);
            (void)fclose(f);
            if (strcmp(file, "lib/base/rules.c") != 0)
                read_source(text, file);
            free(text);
        }
        globfree(&g);
    }
    ck_assert_uint_gt(n_names, 300);
}

/* A file name, where an area is called like a file. */
static bool is_file_name(const char *s)
{
    static const char *const ends[] = {".csv", ".conf", ".json", ".pem",  ".sock",
                                       ".so",  ".d",    ".1",    ".jsonl"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(strchr(s, '.'), ends[i]) == 0)
            return true;
    return false;
}

static bool area_is_known(const char *id)
{
    size_t n = (size_t)(strchr(id, '.') - id) + 1;

    for (size_t i = 0; i < rules_n; i++)
        if (strncmp(rules[i].id, id, n) == 0)
            return true;
    return false;
}

START_TEST(every_id_uttered_has_a_row)
{
    unsigned uttered = 0;

    read_all();
    for (size_t i = 0; i < n_names; i++) {
        uttered += names[i].uttered;
        if (!names[i].uttered &&
            (is_file_name(names[i].text) || !area_is_known(names[i].text)))
            continue;
        ck_assert_msg(rules_find(names[i].text) != NULL, "%s: \"%s\" has no row",
                      names[i].file, names[i].text);
    }
    ck_assert_uint_gt(uttered, 200);
}
END_TEST

START_TEST(every_row_is_used_somewhere)
{
    read_all();
    for (size_t i = 0; i < rules_n; i++) {
        bool used = false;

        for (size_t k = 0; !used && k < n_names; k++)
            used = strcmp(names[k].text, rules[i].id) == 0;
        ck_assert_msg(used, "nobody uses \"%s\"", rules[i].id);
    }
}
END_TEST

/* The table's own text: a heading, "what - file, file", and the rows below it. */
static struct {
    char file[128];
    bool judges; /* a row below the heading is uttered there */
} heading[16];
static size_t n_heading;

static void close_heading(void)
{
    for (size_t i = 0; i < n_heading; i++)
        ck_assert_msg(heading[i].judges, "rules.c: no row below a heading is of its %s",
                      heading[i].file);
    n_heading = 0;
}

static void read_heading(char *line)
{
    for (char *rest = line, *word; (word = strsep(&rest, " ,")) != NULL;) {
        size_t n = strlen(word);

        if (n < 3 || strcmp(word + n - 2, ".c") != 0)
            continue;
        ck_assert_uint_lt(n_heading, 16);
        (void)snprintf(heading[n_heading].file, sizeof heading[0].file, "%s", word);
        heading[n_heading++].judges = false;
    }
}

static void read_row(const char *id)
{
    bool found = false;

    for (size_t i = 0; i < n_heading; i++)
        for (size_t k = 0; k < n_names; k++)
            if (strcmp(names[k].text, id) == 0 &&
                strcmp(names[k].file, heading[i].file) == 0)
                found = heading[i].judges = true;
    ck_assert_msg(found, "rules.c: none of the files in the heading above utters \"%s\"",
                  id);
}

START_TEST(every_heading_names_the_files_that_judge)
{
    size_t rows = 0;
    bool inside = false;
    char *text = calloc(1, 1 << 20), *rest = text, *line;
    FILE *f = fopen(SOURCES "/lib/base/rules.c", "r");

    read_all();
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, f), (1 << 20) - 1);
    (void)fclose(f);
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strncmp(line, "    /*", 6) == 0) {
            close_heading();
            inside = true;
        }
        if (inside) {
            inside = strstr(line, "*/") == NULL;
            read_heading(line);
        } else if (strncmp(line, "    {\"", 6) == 0) {
            line[6 + strcspn(line + 6, "\"")] = '\0';
            read_row(line + 6);
            rows++;
        }
    }
    close_heading();
    free(text);
    ck_assert_uint_eq(rows, rules_n);
}
END_TEST

START_TEST(every_id_stands_once)
{
    for (size_t i = 0; i < rules_n; i++)
        ck_assert_msg(rules_find(rules[i].id) == &rules[i], "\"%s\" has two rows",
                      rules[i].id);
    ck_assert_ptr_null(rules_find("nothing.of-the-kind"));
    ck_assert_ptr_null(rules_find(""));
}
END_TEST

static bool is_sentence(const char *s)
{
    size_t n = strlen(s);

    return n > 8 && n < 400 && strchr(".?", s[n - 1]) != NULL && s[0] != ' ' &&
           strstr(s, "  ") == NULL;
}

START_TEST(every_row_is_complete)
{
    static const char *const certainties[] = {"CONFIRMED", "VERIFIED", "INFERRED",
                                              "UNKNOWN", "choice"};

    for (size_t i = 0; i < rules_n; i++) {
        const struct rule *r = &rules[i];
        bool known = false;

        for (size_t k = 0; k < 5; k++)
            known = known || strcmp(r->certainty, certainties[k]) == 0;
        ck_assert_msg(known, "%s: certainty \"%s\"", r->id, r->certainty);
        ck_assert_msg(looks_like_id(r->id), "\"%s\" is no id", r->id);
        ck_assert_msg(r->source[0] != '\0', "%s has no source", r->id);
        ck_assert_msg(is_sentence(r->sentence), "%s: \"%s\"", r->id, r->sentence);
        ck_assert_msg(is_sentence(r->advice), "%s: \"%s\"", r->id, r->advice);
        ck_assert_msg(strlen(r->id) < 48, "%s is too long for a failed row", r->id);
    }
}
END_TEST

START_TEST(the_reader_of_sources_reads)
{
    read_source(
        "x = err_set(e, f(1, 2), order == 0 ? \"a.b\" : \"c.d\", \"e.f %s\", \"g.h\");"
        " /* \"i.j\" */ y = '\"'; \"k.l\"; \"not an id\"; \"K.l\"; \"m.n.o\"",
        "here");
    ck_assert_uint_eq(n_names, 4);
    ck_assert_str_eq(names[0].text, "a.b");
    ck_assert(names[0].uttered && names[1].uttered);
    ck_assert_str_eq(names[2].text, "g.h");
    ck_assert(!names[2].uttered);
    ck_assert_str_eq(names[3].text, "k.l");
}
END_TEST

KIT_MAIN("rules", NULL, NULL, every_id_uttered_has_a_row, every_row_is_used_somewhere,
         every_heading_names_the_files_that_judge, every_id_stands_once,
         every_row_is_complete, the_reader_of_sources_reads)
