/* SPDX-License-Identifier: MIT */
#include "jsonline.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    const uint8_t *at, *end;
    unsigned line;
};

static int here(const struct scan *s)
{
    return s->at < s->end ? *s->at : -1;
}

static void next(struct scan *s)
{
    s->line += here(s) == '\n';
    s->at += s->at < s->end;
}

static void space(struct scan *s)
{
    while (here(s) >= 0 && strchr(" \t\r\n", here(s)) != NULL)
        next(s);
}

/* From quote to quote; what stands between them. */
static struct span string(struct scan *s)
{
    const uint8_t *from;
    struct span out;

    next(s);
    from = s->at;
    while (here(s) >= 0 && here(s) != '"') {
        if (here(s) == '\\')
            next(s);
        next(s);
    }
    out = span_of(from, (size_t)(s->at - from));
    next(s);
    return out;
}

static void value(struct scan *s)
{
    size_t depth = 0;

    do {
        int c = here(s);

        if (c < 0)
            return;
        if (c == '"') {
            (void)string(s);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= (c == '}' || c == ']') && depth > 0;
        next(s);
    } while (depth > 0 || (here(s) >= 0 && strchr(",]}", here(s)) == NULL));
}

/* Past the comma; false: the list or object ends here. */
static bool another(struct scan *s)
{
    space(s);
    if (here(s) != ',')
        return false;
    next(s);
    space(s);
    return true;
}

static bool into_list(struct scan *s, const char **path)
{
    char *rest;
    unsigned long i = strtoul(*path + 1, &rest, 10);

    if (here(s) != '[' || *rest != ']')
        return false;
    next(s);
    space(s);
    for (; i > 0; i--) {
        value(s);
        if (!another(s))
            return false;
    }
    *path = rest + 1;
    return here(s) != ']';
}

static bool into_object(struct scan *s, const char **path)
{
    size_t n = strcspn(*path, ".[");

    if (here(s) != '{')
        return false;
    next(s);
    space(s);
    while (here(s) == '"') {
        struct span name = string(s);

        space(s);
        next(s); /* the colon */
        space(s);
        if (name.len == n && memcmp(name.at, *path, n) == 0) {
            *path += n;
            return true;
        }
        value(s);
        if (!another(s))
            return false;
    }
    return false;
}

unsigned jsonline_of(struct span text, const char *path)
{
    struct scan s = {text.at, text.at + text.len, 1};
    const uint8_t *end = memchr(text.at, '\n', text.len);

    if (end == NULL || end + 1 == s.end || path[0] == '\0')
        return 0;
    space(&s);
    while (*path != '\0') {
        path += *path == '.';
        if (!(*path == '[' ? into_list(&s, &path) : into_object(&s, &path)))
            return 0;
    }
    return s.line;
}
