/* SPDX-License-Identifier: MIT
 *
 * The signed commands of a batch as a tar stream, as far as they may leave.
 */
#include "service.h"

#include "audit.h"
#include "beside.h"
#include "clock.h"
#include "export.h"
#include "log.h"
#include "tar.h"
#include "waves.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct download {
    struct service *sv;
    struct export *x;
    struct tar_writer tar;
    int64_t rows;
    uint32_t last;
    uint32_t until; /* positions that may leave */
    struct service_place place;
    struct request r;
};

/* Up to which position the commands have left: all of it, where nothing was held back. */
static uint32_t gone(const struct download *d)
{
    const struct batch *b = export_batch(d->x);

    if (tar_written(&d->tar) && b->state == BATCH_DONE && d->until >= b->n_rows)
        return b->n_rows;
    return d->rows > 0 ? d->last + 1 : 0;
}

static bool next_command(void *arg, struct tar_file *out, bool *found)
{
    struct download *d = arg;
    struct export_row row;
    struct err e;
    char device[HEX_LEN(8)];

    *found = false;
    if (d->place.text != NULL)
        return true; /* it is the last */
    if (!export_next(d->x, &row, found, &e)) {
        log_event(LOG_ERR, NULL, &(struct log_fields){.err = &e}, "export stops: %s",
                  e.text);
        return false;
    }
    if (!*found)
        return api_place_file(d->sv, &d->place, out, found, &e);
    hex_encode(row.device.b, 8, device);
    (void)snprintf(out->name, sizeof out->name, "%s-%" PRIu64 ".bin", device, row.counter);
    out->data = row.command;
    out->mtime_s = export_batch(d->x)->started_us / 1000000;
    d->rows++;
    d->last = row.pos;
    return true;
}

static ssize_t commands_read(void *arg, char *buf, size_t max)
{
    return tar_write(&((struct download *)arg)->tar, buf, max);
}

/* What left the house is on record; a broken transfer too, with how far it came. */
static void commands_close(void *arg)
{
    struct download *d = arg;
    struct service *sv = d->sv;
    const struct batch *b = export_batch(d->x);
    char who[PEER_TEXT];
    struct err e;

    service_who(&d->r, who);
    if (!store_begin(sv->store, &e) ||
        !audit_put(sv->store, clock_now(&sv->clock), "COMMANDS_EXPORTED", b->incident, who,
                   &e, "{s:I,s:I,s:b,s:I}", "batch", (json_int_t)b->id, "count",
                   (json_int_t)d->rows, "whole", (int)tar_written(&d->tar), "last_row",
                   (json_int_t)d->last) ||
        !waves_left(sv->store, b->id, gone(d), clock_now(&sv->clock), &e) ||
        !store_commit(sv->store, &e)) {
        store_rollback(sv->store);
        log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = &e},
                  "the service stops: %s", e.text);
        (void)sd_event_exit(sv->loop, 1);
    }
    log_event(
        LOG_NOTICE, MSG_COMMANDS_EXPORTED,
        &(struct log_fields){.incident = b->incident, .batch = b->id, .peer = &d->r.peer},
        "%" PRId64 " commands of batch %" PRId64 " exported", d->rows, b->id);
    export_close(d->x);
    free(d->place.text);
    free(d);
    api_waves_turn(sv); /* the next one may begin */
}

HANDLER(api_commands)
{
    struct service *sv = arg;
    const struct think_port *was;
    struct download *d;
    uint64_t from;
    int64_t id;
    bool ok;

    (void)body;
    if (!api_batch_number(r, &id, e) ||
        !request_number(r, "from", 0, UINT32_MAX, 0, &from, e))
        return false;
    d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    d->sv = sv;
    d->r = *r;
    d->tar.file = next_command;
    d->tar.arg = d;
    was = think_through(beside_port(sv->beside));
    ok = export_open(sv->store, &sv->trust, sv->roster_dir, id, (uint32_t)from, &d->x, e);
    (void)think_through(was);
    if (ok && !waves_may_leave(sv->store, id, (uint32_t)from, clock_now(&sv->clock),
                               &d->until, e)) {
        export_close(d->x);
        ok = false;
    }
    if (!ok) {
        free(d);
        return false;
    }
    export_until(d->x, d->until);
    return reply_stream(out, "application/x-tar",
                        (struct stream){commands_read, commands_close, d, -1});
}
