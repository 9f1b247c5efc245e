/* SPDX-License-Identifier: MIT */
#include "retention.h"

#include "audit.h"
#include "mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOUR_US INT64_C(3600000000)
#define DAY_US  (24 * HOUR_US)

AUTO_DEFINE(dir, DIR *, NULL, (void)closedir)
AUTO_DEFINE(json, json_t *, NULL, json_decref)

/* As the names of notices begin: 20261124T130000. */
static void name_at(int64_t at_us, char out[static CLOCK_TEXT_LEN])
{
    char text[CLOCK_TEXT_LEN];
    size_t n = 0;

    clock_text(at_us, text);
    for (const char *p = text; *p != '\0' && *p != '.'; p++)
        if (*p != '-' && *p != ':')
            out[n++] = *p;
    out[n] = '\0';
}

/* One that cannot be read stays: somebody has to look. */
static bool may_go(struct service *sv, const char *path)
{
    AUTO(json) json_t *j = json_load_file(path, 0, NULL);
    const char *incident = json_string_value(json_object_get(j, "incident"));
    struct docket_incident i;
    struct err ignored;
    bool closed;

    if (j == NULL || incident == NULL)
        return j != NULL;
    if (!docket_get(sv->store, incident, &i, &ignored))
        return false;
    closed = i.state == STATE_CLOSED;
    docket_incident_done(&i);
    return closed;
}

static int64_t sweep(struct service *sv, const char *before)
{
    AUTO(dir) DIR *d = opendir(sv->outbox_dir);
    struct dirent *f;
    int64_t n = 0;

    while (d != NULL && (f = readdir(d)) != NULL) {
        char path[sizeof sv->outbox_dir + sizeof f->d_name];

        if (f->d_type != DT_REG || f->d_name[0] == '.' || strcmp(f->d_name, before) >= 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", sv->outbox_dir, f->d_name);
        if (may_go(sv, path) && unlink(path) == 0)
            n++;
    }
    return n;
}

bool retention_notices(struct service *sv, struct err *e)
{
    unsigned days = sv->config.service.keep_notices_d;
    int64_t now = clock_now(&sv->clock);
    char before[CLOCK_TEXT_LEN];
    int64_t n;

    if (days == 0 || now - sv->swept_us < HOUR_US)
        return true;
    sv->swept_us = now;
    name_at(now - days * DAY_US, before);
    n = sweep(sv, before);
    if (n == 0)
        return true;
    if (!store_begin(sv->store, e))
        return false;
    if (audit_put(sv->store, now, "NOTICES_REMOVED", "", AUDIT_ACTOR_SYSTEM, e, "{s:I,s:s}",
                  "count", (json_int_t)n, "before", before) &&
        store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}
