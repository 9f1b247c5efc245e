/* SPDX-License-Identifier: MIT
 *
 * A backup of the running service: asked for, made a few pages at a time while nothing else is
 * to do, fetched as an archive once it is whole.
 */
#include "service.h"

#include "audit.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(struct service_backup *b)
{
    b->turn = sd_event_source_disable_unref(b->turn);
    backup_free(b->under_way);
    b->under_way = NULL;
}

static int on_turn(sd_event_source *src, void *arg)
{
    struct service *sv = arg;
    struct service_backup *b = &sv->backup;
    bool done;

    if (!backup_step(b->under_way, &done, &b->trouble)) {
        log_event(LOG_ERR, NULL, &(struct log_fields){.err = &b->trouble},
                  "no backup was made: %s", b->trouble.text);
        stop(b);
    } else if (done) {
        b->ready = *backup_place(b->under_way);
        b->is_ready = true;
        log_event(LOG_NOTICE, NULL, NULL, "a backup is ready: %llu audit records",
                  (unsigned long long)b->ready.records);
        stop(b);
    } else {
        return sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
    }
    return 0;
}

static bool begin(struct service *sv, struct err *e)
{
    struct service_backup *b = &sv->backup;

    b->is_ready = false;
    b->trouble = (struct err){0};
    if (!backup_begin(sv->store, sv->config.service.state_dir, sv->backup_dir,
                      clock_now(&sv->clock), &b->under_way, e))
        return false;
    if (sd_event_add_defer(sv->loop, &b->turn, on_turn, sv) < 0 ||
        sd_event_source_set_priority(b->turn, SD_EVENT_PRIORITY_IDLE) < 0) {
        stop(b);
        return err_set(e, ERR_STORE, "store.memory", "cannot set up the event loop");
    }
    return true;
}

static json_t *progress(const struct service_backup *b)
{
    if (b->under_way != NULL)
        return json_pack("{s:s,s:i}", "state", "copying", "percent",
                         backup_percent(b->under_way));
    if (b->is_ready)
        return json_pack("{s:s,s:i,s:o}", "state", "ready", "percent", 100, "record",
                         place_json(&b->ready));
    if (b->trouble.code != ERR_NONE)
        return json_pack("{s:s,s:s}", "state", "failed", "reason", b->trouble.text);
    return json_pack("{s:s}", "state", "none");
}

/* One at a time: whoever asks while one is made waits for that one. */
static bool step_begin(struct service *sv, const struct request *r, struct span body,
                       struct reply *out, struct err *e)
{
    char who[PEER_TEXT];

    (void)body;
    service_who(r, who);
    if (sv->backup.readers > 0)
        return err_set(e, ERR_BUSY, "backup.read", "the one before is still being fetched");
    if ((sv->backup.under_way == NULL && !begin(sv, e)) ||
        !audit_put(sv->store, clock_now(&sv->clock), "BACKUP_ASKED", "", who, e, "{}"))
        return false;
    return reply_json(out, 202, progress(&sv->backup), e);
}

HANDLER(api_backup_begin)
{
    return service_change(arg, r, body, body, step_begin, out, e);
}

HANDLER(api_backup)
{
    struct service *sv = arg;

    (void)r;
    (void)body;
    return reply_json(out, 200, progress(&sv->backup), e);
}

/* --- the archive --- */

struct fetched {
    struct service *sv;
    struct backup_tar *tar;
};

static ssize_t fetched_read(void *arg, char *buf, size_t max)
{
    struct fetched *f = arg;

    return backup_tar_read(f->tar, buf, max);
}

static void fetched_close(void *arg)
{
    struct fetched *f = arg;

    f->sv->backup.readers--;
    backup_tar_free(f->tar);
    free(f);
}

HANDLER(api_backup_archive)
{
    struct service *sv = arg;
    struct fetched *f;

    (void)r;
    (void)body;
    if (!sv->backup.is_ready)
        return err_set(e, ERR_MISSING, "backup.none", "no backup is ready to be fetched");
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    f->sv = sv;
    if (!backup_tar_open(sv->backup_dir, &f->tar, e)) {
        free(f);
        return false;
    }
    sv->backup.readers++;
    return reply_stream(out, "application/x-tar",
                        (struct stream){fetched_read, fetched_close, f, -1});
}

bool api_backup_end(struct service *sv, struct err *e)
{
    stop(&sv->backup);
    return backup_remove(sv->backup_dir, e);
}
