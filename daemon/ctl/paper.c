/* SPDX-License-Identifier: MIT */
#include "paper.h"

#include "ctl.h"
#include "page.h"

const char *paper_member(const json_t *o, const char *name, struct paper_text *w)
{
    ctl_scalar(json_object_get(o, name), w->text);
    return w->text;
}

json_int_t paper_number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

const char *paper_moment(const json_t *o, const char *name, char out[static 24])
{
    return page_time(ctl_text(o, name), out);
}

void paper_figure(FILE *f, const char *name, json_int_t n)
{
    char text[32];

    page_put(f, "<div><dt>{}</dt><dd>{}</dd></div>\n", name, page_number(n, text));
}

void paper_pair(FILE *f, const char *name, const json_t *o, const char *of)
{
    struct paper_text w;
    const char *text =
        json_is_string(json_object_get(o, of)) ? ctl_text(o, of) : paper_member(o, of, &w);

    if (text[0] != '\0')
        page_put(f, "<dt>{}</dt><dd>{}</dd>\n", name, text);
}

void paper_votes(FILE *f, const json_t *votes)
{
    char yes[32], no[32], abstain[32];

    if (votes != NULL)
        page_put(f, "<dt>Votes</dt><dd>{} for, {} against, {} abstain</dd>\n",
                 page_number(paper_number(votes, "for"), yes),
                 page_number(paper_number(votes, "against"), no),
                 page_number(paper_number(votes, "abstain"), abstain));
}

void paper_factors(FILE *f, const char *title, const json_t *list)
{
    struct paper_text weight;
    const json_t *one;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    page_put(f, "<dt>{}</dt><dd>", title);
    json_array_foreach(list, i, one)
        page_put(f, "{} (weight {}): {}<br>", ctl_text(one, "id"),
                 paper_member(one, "weight", &weight), ctl_text(one, "value"));
    (void)fputs("</dd>\n", f);
}

void paper_signers(FILE *f, const json_t *signers)
{
    const json_t *one;
    size_t i;

    (void)fputs("<table><thead><tr><th scope=\"col\">Signed by</th><th scope=\"col\">"
                "Seat</th><th scope=\"col\">Key, SHA-256</th><th scope=\"col\">Counted</th>"
                "</tr></thead><tbody>\n",
                f);
    json_array_foreach(signers, i, one)
    {
        bool counted = json_is_true(json_object_get(one, "counted"));

        page_put(f, "<tr><td>{}<br><small>{}</small></td><td>{}</td><td class=\"code\">",
                 ctl_text(one, "holder"), ctl_text(one, "organisation"),
                 ctl_text(one, "seat"));
        (void)fprintf(f, "%.16s&hellip;</td><td>", ctl_text(one, "key_sha256"));
        page_tag(f, counted ? "good" : "warn", counted ? "yes" : ctl_text(one, "reason"));
        (void)fputs("</td></tr>\n", f);
    }
    (void)fputs("</tbody></table>\n", f);
}
