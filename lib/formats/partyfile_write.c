/* SPDX-License-Identifier: MIT */
#include "partyfile.h"

#include "clock.h"

#include <errno.h>
#include <string.h>

static void put_eui(FILE *to, const struct eui64 *id)
{
    char text[HEX_LEN(8)];

    hex_encode(id->b, sizeof id->b, text);
    fputs(text, to);
}

static void put_time(FILE *to, const char *field, int64_t us)
{
    char text[CLOCK_TEXT_LEN];

    clock_text(us, text);
    fprintf(to, "%s,%s\n", field, text);
}

static void put_certificate(FILE *to, const struct partyfile_certificate *c)
{
    fprintf(to, "certificate,%s,%s,", c->issuer, c->serial);
    if (c->has_subject)
        put_eui(to, &c->subject);
    else
        fputs("-", to);
    fprintf(to, ",%s\n", c->has_cell ? gbcs_cell(c->cell)->name : "-");
}

static bool is_progress(const struct partyfile_header *h)
{
    return h->kind == PARTYFILE_ORGANISATION_PROGRESS ||
           h->kind == PARTYFILE_OTHER_PROGRESS;
}

static void put_notification(FILE *to, const struct partyfile_header *h)
{
    if (h->kind == PARTYFILE_OTHER_NOTIFICATION)
        fprintf(to, "key,%s\n", h->key);
    for (size_t i = 0; i < h->n_certificates; i++)
        put_certificate(to, &h->certificates[i]);
    fprintf(to, "certainty,%s\n", h->actual ? "actual" : "suspected");
    put_time(to, "found", h->found_us);
    if (h->has_suspected_from)
        put_time(to, "suspected-from", h->suspected_from_us);
    if (h->kind == PARTYFILE_ORGANISATION_NOTIFICATION)
        fprintf(to, "method,%s\nsuspend,%s\n", partyfile_method_name(h->method),
                h->suspend ? "yes" : "no");
}

static void put_progress(FILE *to, const struct partyfile_header *h)
{
    put_time(to, "as-at", h->as_at_us);
    for (unsigned s = 0; s < PARTYFILE_STATE_COUNT; s++)
        if (h->total[s] > 0)
            fprintf(to, "total,%s,%u\n", partyfile_state_name((enum partyfile_state)s),
                    h->total[s]);
    fprintf(to, "percent,%u\n", h->percent);
}

static bool written(FILE *to, struct err *e)
{
    return ferror(to) == 0 || err_set(e, ERR_STORE, "file.write",
                                      "the file cannot be written: %s", strerror(errno));
}

bool partyfile_write_header(FILE *to, const struct partyfile_header *h, struct err *e)
{
    fprintf(to, "format,%s\nkind,%s\nfile,%s\nincident,%s\n", PARTYFILE_FORMAT,
            partyfile_kind_name(h->kind), h->id, h->incident);
    if (h->has_subscriber) {
        fputs("subscriber,", to);
        put_eui(to, &h->subscriber);
        fputs("\n", to);
    }
    if (h->srp[0] != '\0')
        fprintf(to, "srp,%s\n", h->srp);
    if (!is_progress(h))
        put_notification(to, h);
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (h->anticipated[t] > 0)
            fprintf(to, "anticipated,%s,%u\n", gbcs_device((enum device_type)t)->name,
                    h->anticipated[t]);
    if (is_progress(h))
        put_progress(to, h);
    fprintf(to, "signer,%s,%s,%s\n\n", h->organisation, h->role, h->aro);
    fputs(is_progress(h) ? "device,type,cells,old,new,state,code\n"
                         : "device,type,cells,old,new\n",
          to);
    return written(to, e);
}

bool partyfile_write_row(FILE *to, const struct partyfile_header *h,
                         const struct partyfile_row *row, struct err *e)
{
    const char *plus = "";

    put_eui(to, &row->device);
    fprintf(to, ",%s,", gbcs_device(row->type)->name);
    for (unsigned c = 0; c < CELL_COUNT; c++)
        if ((row->cells & CELL_BIT(c)) != 0) {
            fprintf(to, "%s%s", plus, gbcs_cell((enum cell)c)->name);
            plus = "+";
        }
    fprintf(to, ",%s,%s", row->old, row->replacement);
    if (is_progress(h))
        fprintf(to, ",%s,", partyfile_state_name(row->state));
    if (is_progress(h) && row->state == PARTYFILE_FAILED)
        fprintf(to, "%u", row->code);
    fputs("\n", to);
    return written(to, e);
}
