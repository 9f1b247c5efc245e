/* SPDX-License-Identifier: MIT
 *
 * Papers: all that the service says of an incident, or of one decision, gathered; as one page
 * of HTML (report_page, sheet_page), or as it came, as JSON.
 */
#include "ctl.h"

#include "mem.h"
#include "report_page.h"
#include "sheet_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

static int get(struct ctl *c, const char *pattern, const char *a, const char *b,
               json_t *into, const char *name)
{
    char path[512];
    json_t *j;
    int rc;

    if (!ctl_path(path, pattern, a, b))
        return CTL_INPUT;
    rc = ctl_get(c, path, &j, NULL);
    if (rc != CTL_OK)
        return rc;
    if (json_is_array(into))
        return json_array_append_new(into, j) == 0 ? CTL_OK : CTL_STORE;
    return json_object_set_new(into, name, j) == 0 ? CTL_OK : CTL_STORE;
}

/* {"incident","decisions","record","figures"?}: figures where there are devices. */
static int gather(struct ctl *c, const char *id, json_t *all)
{
    json_t *story, *papers = json_array();
    const json_t *one;
    char *text;
    size_t i;
    int rc = ctl_incident(c, id, &story, &text);

    (void)json_object_set_new(all, "decisions", papers);
    if (rc != CTL_OK)
        return rc;
    free(text);
    (void)json_object_set_new(all, "incident", story);
    json_array_foreach(json_object_get(story, "decisions"), i, one)
    {
        rc = get(c, "/v1/incidents/{}/decisions/{}", id, ctl_text(one, "id"), papers, "");
        if (rc != CTL_OK)
            return rc;
    }
    if (json_integer_value(json_object_get(story, "devices")) > 0)
        rc = get(c, "/v1/incidents/{}/figures", id, NULL, all, "figures");
    return rc == CTL_OK ? get(c, "/v1/audit/record", NULL, NULL, all, "record") : rc;
}

/* A file appears under its name when it is whole. NULL or "-": stdout. */
static int save(const char *file, const char *text, size_t len)
{
    AUTO(mem) char *part = NULL;
    FILE *f;
    bool good;

    if (file == NULL || strcmp(file, "-") == 0)
        return fwrite(text, 1, len, stdout) == len ? CTL_OK : CTL_STORE;
    if (asprintf(&part, "%s.part", file) < 0)
        return CTL_STORE;
    (void)unlink(part); /* of a run that was cut short; never somebody's link */
    f = fopen(part, "wxe");
    good = f != NULL && fwrite(text, 1, len, f) == len && fflush(f) == 0 &&
           fsync(fileno(f)) == 0;
    if (f != NULL)
        good = fclose(f) == 0 && good;
    if (good && rename(part, file) == 0)
        return CTL_OK;
    ctl_say("%s cannot be written: %s", file, strerror(errno));
    ctl_next("check that the folder is there, that you may write there, and its room");
    (void)unlink(part);
    return f == NULL ? CTL_INPUT : CTL_STORE;
}

/* One of the two forms is due. */
static int form_due(const struct ctl *c, const struct ctl_args *a, const char *verb)
{
    if (c->json || a->opt[0] != NULL)
        return CTL_OK;
    ctl_say("--html or --json is due");
    ctl_next("smki-recoveryctl %s --html --out FILE %s", verb, a->v[0]);
    return CTL_USAGE;
}

/* As a page, or as JSON, to where --out says. */
static int put(const struct ctl_args *a, void (*page)(FILE *f, const json_t *all),
               const json_t *all)
{
    AUTO(mem) char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (f == NULL)
        return CTL_STORE;
    if (a->opt[0] != NULL)
        page(f, all);
    else
        (void)json_dumpf(all, f, JSON_INDENT(2));
    return fclose(f) == 0 ? save(a->opt[1], text, len) : CTL_STORE;
}

int ctl_report(struct ctl *c, const struct ctl_args *a)
{
    AUTO(json) json_t *all = json_object();
    int rc = form_due(c, a, "incident report");

    if (rc == CTL_OK)
        rc = gather(c, a->v[0], all);
    return rc == CTL_OK ? put(a, report_page, all) : rc;
}

int ctl_sheet(struct ctl *c, const struct ctl_args *a)
{
    AUTO(json) json_t *all = json_object();
    json_t *story;
    char *text;
    int rc = form_due(c, a, "decision sheet");

    if (rc == CTL_OK)
        rc = get(c, "/v1/incidents/{}/decisions/{}", a->v[0], a->v[1], all, "decision");
    if (rc == CTL_OK)
        rc = ctl_incident(c, a->v[0], &story, &text);
    if (rc != CTL_OK)
        return rc;
    free(text);
    (void)json_object_set_new(all, "options", sheet_options(story, a->v[1]));
    (void)json_object_set_new(all, "incident", story);
    return put(a, sheet_page, all);
}
