/* SPDX-License-Identifier: MIT */
#include "ctl.h"

#include "plain.h"

#include <stdlib.h>
#include <string.h>

struct ctl_column {
    const char *member; /* of each object */
    const char *title;
};

#define COLUMNS_MAX 14
#define CELL_MAX    256
#define NARROW      6 /* columns of text are not cut below this */

/* Columns a text takes at a terminal: code points; our domain has no wide letters. */
static int width_of(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static bool append(char out[static CELL_MAX], const char *name, const json_t *v)
{
    char text[CELL_MAX];
    size_t at = strlen(out);
    int n;

    ctl_scalar(v, text);
    n = snprintf(out + at, CELL_MAX - at, "%s%s%s%s", at > 0 ? ", " : "", name,
                 name[0] != '\0' ? "=" : "", text);
    return n >= 0 && (size_t)n < CELL_MAX - at;
}

/* Small lists and objects on one line: "a, b", "name=value, ...". */
static void inline_text(const json_t *v, char out[static CELL_MAX])
{
    size_t i;
    const char *name;
    json_t *one;

    out[0] = '\0';
    json_array_foreach(v, i, one)
    {
        if (!append(out, "", one))
            return;
    }
    json_object_foreach((json_t *)(uintptr_t)v, name, one)
    {
        if (!append(out, name, one))
            return;
    }
}

void ctl_scalar(const json_t *v, char out[static 256])
{
    out[0] = '\0';
    if (json_is_string(v))
        (void)snprintf(out, CELL_MAX, "%s", json_string_value(v));
    else if (json_is_integer(v))
        (void)snprintf(out, CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v))
        (void)snprintf(out, CELL_MAX, "%.1f", json_real_value(v));
    else if (json_is_boolean(v))
        (void)snprintf(out, CELL_MAX, "%s", json_is_true(v) ? "yes" : "no");
    else if (json_is_array(v) || json_is_object(v))
        inline_text(v, out);
    plain_tidy(out);
}

const char *ctl_text(const json_t *o, const char *member)
{
    const char *t = json_string_value(json_object_get(o, member));

    return t != NULL ? t : "";
}

static void repeat(char c, int n)
{
    for (int i = 0; i < n; i++)
        (void)putchar(c);
}

/* Write text padded to width; a cut text loses whole code points and gets "...". */
static void put_cell(const char *text, int width, bool right, bool last)
{
    int w = width_of(text);

    if (right)
        repeat(' ', width - w);
    if (w > width) {
        const char *p = text;

        for (int n = 0; n < width - 3; n++)
            for (p++; ((unsigned char)*p & 0xC0) == 0x80; p++)
                ;
        (void)printf("%.*s...", (int)(p - text), text);
    } else {
        (void)fputs(text, stdout);
    }
    if (!right && !last)
        repeat(' ', width - w);
}

/* So that a line has room: the widest column of text gives way, again and again, until each is
 * narrow. The first one stays: it is what is typed again. */
static void fit(int width[COLUMNS_MAX], const bool used[COLUMNS_MAX],
                const bool right[COLUMNS_MAX], size_t n, int room)
{
    for (;;) {
        size_t widest = n;
        int all = -2;

        for (size_t k = 0, seen = 0; k < n; k++) {
            if (!used[k])
                continue;
            all += width[k] + 2;
            if (seen++ > 0 && !right[k] && width[k] > NARROW &&
                (widest == n || width[k] > width[widest]))
                widest = k;
        }
        if (all <= room || widest == n)
            return;
        width[widest]--;
    }
}

/* "set_aside" -> "SET ASIDE" */
static void title_text(const char *name, char out[static CELL_MAX])
{
    (void)snprintf(out, CELL_MAX, "%s", name);
    plain_tidy(out);
    for (char *p = out; *p != '\0'; p++) {
        if (*p == '_')
            *p = ' ';
        else if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    }
}

static void table(const json_t *rows, const struct ctl_column *columns, size_t n,
                  int indent)
{
    int width[COLUMNS_MAX] = {0};
    bool used[COLUMNS_MAX] = {false}, right[COLUMNS_MAX];
    size_t last = 0, i;
    char text[CELL_MAX];
    const json_t *row;
    int room = ctl_columns();

    if (n > COLUMNS_MAX)
        n = COLUMNS_MAX;
    for (size_t k = 0; k < n; k++) {
        right[k] = true;
        width[k] = width_of(columns[k].title);
        json_array_foreach(rows, i, row)
        {
            const json_t *v = json_object_get(row, columns[k].member);

            ctl_scalar(v, text);
            used[k] = used[k] || text[0] != '\0';
            right[k] = right[k] && (v == NULL || json_is_number(v) || json_is_null(v));
            if (width_of(text) > width[k])
                width[k] = width_of(text);
        }
        if (used[k])
            last = k;
    }
    if (room > indent)
        fit(width, used, right, n, room - indent);
    for (size_t line = 0; line <= json_array_size(rows); line++) {
        repeat(' ', indent);
        for (size_t k = 0; k < n; k++) {
            if (!used[k])
                continue;
            if (line == 0)
                title_text(columns[k].title, text);
            else
                ctl_scalar(
                    json_object_get(json_array_get(rows, line - 1), columns[k].member),
                    text);
            put_cell(text, width[k], right[k], k == last);
            if (k != last)
                repeat(' ', 2);
        }
        (void)putchar('\n');
    }
}

/* How the lists of the service are shown: members in order, with another title behind '='.
 * Members that are not there make no column. */
static const struct {
    const char *name;
    const char *columns;
} lists[] = {
    {"incidents", "id=incident route state exercise devices signed recovered opened title"},
    {"batches", "id=batch incident key state rows signed failed commands_used=used "
                "commands_allowed=allowed commands_lost=lost rate asked reason"},
    {"devices", "device type status smi_status=now state holds counter attempts answered "
                "cells rule reason"},
    {"events", "n at event to=state as by evidence"},
    {"decisions", "id=decision outcome state at by supersedes sha256"},
    {"differences", "line rule reason"},
    {"rosters", "version state at count=devices added removed changed sha256 reason"},
    /* of a decision; and the processes that sign */
    {"signers",
     "holder seat organisation counted reason signer state what waiting untold restarts "
     "again trouble"},
    /* of the configuration; and the register of keys */
    {"keys", "key token usable trouble certificate authority ended "
             "at what incident cell subject source taken_back sha256"},
    {"ceremonies", "n ceremony what at token serial result taken taken_by"},
    {"custodians", "person name party set version keys since proven left reason ended"},
    {"rules", "id=rule source certainty sentence"},
    {"settings", "section key default certainty"},
    {"refused_by", "rule source why"},
};

/* Fill columns from such a text; text keeps the pieces. */
static size_t columns_of(char *text, struct ctl_column columns[COLUMNS_MAX])
{
    char *rest = NULL;
    size_t n = 0;

    for (char *p = strtok_r(text, " ", &rest); p != NULL && n < COLUMNS_MAX;
         p = strtok_r(NULL, " ", &rest)) {
        char *title = strchr(p, '=');

        if (title != NULL)
            *title++ = '\0';
        columns[n++] = (struct ctl_column){p, title != NULL ? title : p};
    }
    return n;
}

static void list(const char *name, const json_t *rows, int indent)
{
    struct ctl_column columns[COLUMNS_MAX];
    char text[CELL_MAX];
    size_t n = 0;
    const char *member;
    const json_t *v;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (strcmp(lists[i].name, name) != 0)
            continue;
        (void)snprintf(text, sizeof text, "%s", lists[i].columns);
        table(rows, columns, columns_of(text, columns), indent);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)json_array_get(rows, 0), member, v)
    {
        (void)v;
        if (n < COLUMNS_MAX)
            columns[n++] = (struct ctl_column){member, member};
    }
    table(rows, columns, n, indent);
}

void ctl_list(const char *name, const json_t *rows)
{
    if (json_array_size(rows) == 0)
        (void)puts("none");
    else
        list(name, rows, 0);
}

static void card(const json_t *object, int indent)
{
    int width = 0;
    const char *name;
    const json_t *v;
    json_t *o = (json_t *)(uintptr_t)object;

    json_object_foreach(o, name, v)
    {
        if (!json_is_object(v) && width_of(name) > width)
            width = width_of(name);
    }
    json_object_foreach(o, name, v)
    {
        char text[CELL_MAX], label[CELL_MAX];

        (void)snprintf(label, sizeof label, "%s", name);
        plain_tidy(label);
        for (char *p = label; *p != '\0'; p++)
            if (*p == '_')
                *p = ' ';
        repeat(' ', indent);
        if (json_is_object(v)) {
            (void)printf("%s:%s\n", label, json_object_size(v) == 0 ? " none" : "");
            if (indent < 16)
                card(v, indent + 2);
        } else if (json_is_object(json_array_get(v, 0))) {
            (void)printf("%s:\n", label);
            list(name, v, indent + 2);
        } else {
            ctl_scalar(v, text);
            (void)printf("%s:%*s%s\n", label, width - width_of(label) + 1, "",
                         text[0] != '\0' ? text : "-");
        }
    }
}

void ctl_card(const json_t *object)
{
    card(object, 0);
}

void ctl_json(const json_t *object)
{
    json_t *j = json_copy((json_t *)(uintptr_t)object);

    if (json_object_get(j, "schema") == NULL)
        (void)json_object_set_new(j, "schema", json_string(CTL_SCHEMA));
    (void)json_dumpf(j, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    (void)putchar('\n');
    json_decref(j);
}

int ctl_show(const struct ctl *c, json_t *steal, char *steal_text)
{
    if (c->json) {
        ctl_json(steal);
    } else if (json_is_object(steal)) {
        ctl_page(c);
        ctl_card(steal);
    }
    json_decref(steal);
    free(steal_text);
    return CTL_OK;
}

int ctl_done(const struct ctl *c, json_t *steal, char *steal_text)
{
    if (!c->quiet || c->json)
        return ctl_show(c, steal, steal_text);
    json_decref(steal);
    free(steal_text);
    return CTL_OK;
}

int ctl_retell(const json_t *j, char **text)
{
    free(*text);
    *text = json_dumps(j, JSON_COMPACT);
    if (*text != NULL)
        return CTL_OK;
    ctl_say("out of memory");
    return CTL_STORE;
}

int ctl_show_list(struct ctl *c, const char *path, const char *name)
{
    json_t *j;
    char *text;
    int rc = ctl_get(c, path, &j, &text);

    if (rc != CTL_OK)
        return rc;
    if (ctl_text(j, "next")[0] != '\0') {
        rc = ctl_get_rest(c, path, name, ctl_text(j, "next"), json_object_get(j, name));
        (void)json_object_set_new(j, "next", json_string(""));
        if (rc == CTL_OK)
            rc = ctl_retell(j, &text);
        if (rc != CTL_OK) {
            json_decref(j);
            free(text);
            return rc;
        }
    }
    if (c->json)
        return ctl_show(c, j, text);
    ctl_page(c);
    ctl_list(name, json_object_get(j, name));
    json_decref(j);
    free(text);
    return CTL_OK;
}
