/* SPDX-License-Identifier: MIT */
#include "page.h"

#include "bytes.h"

#include <string.h>

static void put_escaped(FILE *f, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *mark = NULL;

        switch (*text) {
        case '&':
            mark = "&amp;";
            break;
        case '<':
            mark = "&lt;";
            break;
        case '>':
            mark = "&gt;";
            break;
        case '"':
            mark = "&quot;";
            break;
        case '\'':
            mark = "&#39;";
            break;
        default: /* what no text of ours holds is not shown as if it were a letter */
            if ((unsigned char)*text < ' ' || *text == 0x7f)
                mark = "?";
        }
        if (mark != NULL)
            (void)fputs(mark, f);
        else
            (void)fputc(*text, f);
    }
}

void page_put_all(FILE *f, const char *pattern, const char *const *texts)
{
    size_t next = 0;

    for (const char *p = pattern; *p != '\0'; p++) {
        if (p[0] != '{' || p[1] != '}') {
            (void)fputc(*p, f);
            continue;
        }
        put_escaped(f, texts[next] != NULL ? texts[next] : "");
        next++;
        p++;
    }
}

void page_open(FILE *f, const char *title, bool exercise)
{
    page_put(f,
             "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<title>{}</title>\n<style>\n",
             title);
    (void)fputs(page_css, f);
    (void)fputs("</style>\n</head>\n<body>\n<main>\n", f);
    if (exercise)
        (void)fputs("<p class=\"exercise\"><b>EXERCISE</b> Nothing of this is real.</p>\n",
                    f);
}

void page_close(FILE *f)
{
    (void)fputs("</main>\n</body>\n</html>\n", f);
}

const char *page_number(json_int_t n, char out[static 32])
{
    char plain[32];
    size_t len, at = 0;

    (void)snprintf(plain, sizeof plain, "%" JSON_INTEGER_FORMAT, n);
    len = strlen(plain);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && plain[i - 1] != '-')
            out[at++] = ',';
        out[at++] = plain[i];
    }
    out[at] = '\0';
    return out;
}

const char *page_time(const char *at, char out[static 24])
{
    out[0] = '\0';
    if (strlen(at) >= 19)
        (void)snprintf(out, 24, "%.10s %.8s", at, at + 11);
    return out;
}

void page_tag(FILE *f, const char *class, const char *word)
{
    page_put(f, "<span class=\"tag {}\">{}</span>", class, word);
}

/* In the order in which they are drawn: from done to not done. */
static const struct {
    const char *name, *class, *words;
} states[] = {
    {"success", "c-good", "replaced"},
    {"own", "c-own", "replaced by the supplier's own key"},
    {"partly", "c-part", "replaced in part"},
    {"accepted", "c-soon", "accepted, to take effect later"},
    {"sent", "c-sent", "commanded"},
    {"pending", "c-wait", "no answer yet"},
    {"untouched", "c-wait", "with nothing signed"},
    {"unreachable", "c-warn", "unreachable"},
    {"failed-alone", "c-alone", "its row could not be signed"},
    {"failed", "c-bad", "refused by the device"},
    {"excused", "c-done", "excused, with a reason"},
    {"unknown", "c-away", "unknown"},
};
#define N_STATES (sizeof states / sizeof states[0])

static json_int_t count(const json_t *by_state, const char *name)
{
    return json_integer_value(json_object_get(by_state, name));
}

/* Those of a state that has no row here come to "unknown"; of so many devices ("devices") those
 * without a state have not answered yet. */
static json_int_t count_row(const json_t *by_state, size_t s)
{
    json_int_t n = count(by_state, states[s].name), others = 0, all = 0;
    const char *name;
    const json_t *one;

    json_object_foreach((json_t *)(uintptr_t)by_state, name, one)
    {
        bool known = false;

        if (strcmp(name, "devices") == 0)
            continue;
        for (size_t k = 0; k < N_STATES && !known; k++)
            known = strcmp(name, states[k].name) == 0;
        all += json_integer_value(one);
        others += known ? 0 : json_integer_value(one);
    }
    if (strcmp(states[s].name, "unknown") == 0)
        return n + others;
    if (strcmp(states[s].name, "pending") == 0 && count(by_state, "devices") > all)
        return n + count(by_state, "devices") - all;
    return n;
}

void page_bar(FILE *f, const char *name, const json_t *by_state)
{
    char a[32], b[32];
    json_int_t all = 0, at = 0;
    double unit;

    for (size_t s = 0; s < N_STATES; s++)
        all += count_row(by_state, s);
    unit = all > 0 ? 1000.0 / (double)all : 0.0;
    page_put(f,
             "<div class=\"bar\"><span>{}</span>"
             "<svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" "
             "data-full=\"{}\" aria-label=\"{}",
             name, page_number(all, b), name);
    for (size_t s = 0; s < N_STATES; s++) {
        if (count_row(by_state, s) > 0)
            page_put(f, ", {} {}", page_number(count_row(by_state, s), a), states[s].words);
    }
    (void)fputs("\">", f);
    for (size_t s = 0; s < N_STATES; s++) {
        double from = (double)at * unit;

        at += count_row(by_state, s);
        if (count_row(by_state, s) > 0)
            (void)fprintf(f,
                          "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" y=\"0\" "
                          "height=\"10\"/>",
                          states[s].class, from, (double)at * unit - from);
    }
    page_put(f, "</svg><span class=\"n\">{} of {}</span></div>\n",
             page_number(count(by_state, "success") + count(by_state, "own"), a),
             page_number(all, b));
}

void page_bar_key(FILE *f, const json_t *by_state)
{
    char n[32];

    (void)fputs("<ul class=\"key\">", f);
    for (size_t s = 0; s < N_STATES; s++)
        if (count_row(by_state, s) > 0)
            page_put(f, "<li><i class=\"{}\"></i>{} {}</li>", states[s].class,
                     page_number(count_row(by_state, s), n), states[s].words);
    (void)fputs("</ul>\n", f);
}
