/* SPDX-License-Identifier: MIT
 *
 * Questions for the devices whose fate is unclear, as a tar stream of pre-commands that
 * another party signs and sends (device_query.h). The answers come in as responses.
 */
#include "service.h"

#include "audit.h"
#include "beside.h"
#include "device_query.h"
#include "log.h"
#include "tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct download {
    struct service *sv;
    struct lists lists;
    struct reconcile *rec;
    struct device_query_asker asker;
    struct device_query query;
    struct tar_writer tar;
    struct eui64 behind; /* device last asked */
    bool begun;
    struct device_query_before first; /* before anything is signed, instead of rec */
    bool before;
    int64_t n;
    struct service_place place;
    struct request r;
};

static bool next_query(void *arg, struct tar_file *out, bool *found)
{
    struct download *d = arg;
    struct err e;
    char device[HEX_LEN(8)];

    *found = false;
    if (d->place.text != NULL)
        return true; /* it is the last */
    if (d->before ? !device_query_before_next(&d->first, &d->asker, &d->query, found, &e)
                  : !device_query_next(d->rec, &d->asker, d->begun ? &d->behind : NULL,
                                       &d->query, found, &e)) {
        log_event(LOG_ERR, NULL, &(struct log_fields){.err = &e}, "export stops: %s",
                  e.text);
        return false;
    }
    if (!*found)
        return api_place_file(d->sv, &d->place, out, found, &e);
    hex_encode(d->query.device.b, 8, device);
    (void)snprintf(out->name, sizeof out->name, "%s-0.bin", device);
    out->data = span_of(d->query.octets, d->query.len);
    out->mtime_s = clock_now(&d->sv->clock) / 1000000;
    d->behind = d->query.device;
    d->begun = true;
    d->n++;
    return true;
}

static ssize_t queries_read(void *arg, char *buf, size_t max)
{
    return tar_write(&((struct download *)arg)->tar, buf, max);
}

static void download_free(struct download *d)
{
    reconcile_close(d->rec);
    device_query_before_close(&d->first);
    lists_done(&d->lists);
    free(d->place.text);
    free(d);
}

static void queries_close(void *arg)
{
    struct download *d = arg;
    struct service *sv = d->sv;
    char party[HEX_LEN(8)];
    char who[PEER_TEXT];
    struct err e;

    service_who(&d->r, who);
    hex_encode(d->asker.party.b, 8, party);
    if (!store_begin(sv->store, &e) ||
        !audit_put(sv->store, clock_now(&sv->clock), "QUERIES_EXPORTED", d->r.args[0], who,
                   &e, "{s:s,s:s,s:I,s:b,s:b}", "originator", party, "cell",
                   gbcs_cell(d->asker.cell)->name, "count", (json_int_t)d->n, "whole",
                   (int)tar_written(&d->tar), "before", (int)d->before) ||
        !store_commit(sv->store, &e)) {
        store_rollback(sv->store);
        log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = &e},
                  "the service stops: %s", e.text);
        (void)sd_event_exit(sv->loop, 1);
    }
    log_event(LOG_NOTICE, NULL,
              &(struct log_fields){.incident = d->r.args[0], .peer = &d->r.peer},
              "incident %s: %" PRId64 " queries exported", d->r.args[0], d->n);
    download_free(d);
}

static bool read_asker(const struct request *r, struct device_query_asker *out,
                       struct err *e)
{
    const char *party = request_query(r, "originator");
    const char *cell = request_query(r, "cell");

    if (party == NULL || !eui64_parse(party, strlen(party), &out->party))
        return err_set(e, ERR_INPUT, "request.query",
                       "originator: the EUI-64 of the party that will ask");
    out->cell = CELL_TCOS_DS;
    if (cell != NULL && !gbcs_cell_find(cell, strlen(cell), &out->cell))
        return err_set(e, ERR_INPUT, "request.query", "cell: there is no cell %s", cell);
    return device_query_asker_check(out, e);
}

HANDLER(api_queries)
{
    struct service *sv = arg;
    struct device_query_asker asker;
    const char *when = request_query(r, "when");
    const struct think_port *was;
    struct download *d;
    uint64_t every;
    bool ok;

    (void)body;
    if (!read_asker(r, &asker, e) ||
        !request_number(r, "every", 1, UINT32_MAX, 1, &every, e))
        return false;
    if (when != NULL && strcmp(when, "before") != 0 && strcmp(when, "after") != 0)
        return err_set(e, ERR_INPUT, "request.query", "when: before or after, not %s",
                       when);
    d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    d->sv = sv;
    d->r = *r;
    d->asker = asker;
    d->before = when != NULL && strcmp(when, "before") == 0;
    d->tar.file = next_query;
    d->tar.arg = d;
    was = think_through(beside_port(sv->beside));
    ok = api_lists_open(sv, r->args[0], &d->lists, e);
    (void)think_through(was);
    if (!ok ||
        (d->before ? !device_query_before_open(sv->store, r->args[0], &d->lists,
                                               (uint32_t)every, &d->first, e)
                   : !reconcile_open(sv->store, r->args[0], &d->lists, &d->rec, e))) {
        download_free(d);
        return false;
    }
    return reply_stream(out, "application/x-tar",
                        (struct stream){queries_read, queries_close, d, -1});
}
