/* SPDX-License-Identifier: MIT */
#include "partyfile.h"

#include "clock.h"

#include <errno.h>
#include <string.h>

static void put_eui(FILE *to, const struct eui64 *id)
{
    char text[HEX_LEN(8)];

    hex_encode(id->b, sizeof id->b, text);
    (void)fputs(text, to);
}

static void put_time(FILE *to, const char *field, int64_t us)
{
    char text[CLOCK_TEXT_LEN];

    clock_text(us, text);
    (void)fprintf(to, "%s,%s\n", field, text);
}

static void put_certificate(FILE *to, const struct partyfile_certificate *c)
{
    (void)fprintf(to, "certificate,%s,%s,", c->issuer, c->serial);
    if (c->has_subject)
        put_eui(to, &c->subject);
    else
        (void)fputs("-", to);
    (void)fprintf(to, ",%s\n", c->has_cell ? gbcs_cell(c->cell)->name : "-");
}

static bool is_progress(const struct partyfile_header *h)
{
    return h->kind == PARTYFILE_ORGANISATION_PROGRESS ||
           h->kind == PARTYFILE_OTHER_PROGRESS;
}

static void put_notification(FILE *to, const struct partyfile_header *h)
{
    if (h->kind == PARTYFILE_OTHER_NOTIFICATION)
        (void)fprintf(to, "key,%s\n", h->key);
    for (size_t i = 0; i < h->n_certificates; i++)
        put_certificate(to, &h->certificates[i]);
    (void)fprintf(to, "certainty,%s\n", h->actual ? "actual" : "suspected");
    put_time(to, "found", h->found_us);
    if (h->has_suspected_from)
        put_time(to, "suspected-from", h->suspected_from_us);
    if (h->kind == PARTYFILE_ORGANISATION_NOTIFICATION)
        (void)fprintf(to, "method,%s\nsuspend,%s\n", partyfile_method_name(h->method),
                      h->suspend ? "yes" : "no");
}

static void put_progress(FILE *to, const struct partyfile_header *h)
{
    put_time(to, "as-at", h->as_at_us);
    for (unsigned s = 0; s < PARTYFILE_STATE_COUNT; s++)
        if (h->total[s] > 0)
            (void)fprintf(to, "total,%s,%u\n",
                          partyfile_state_name((enum partyfile_state)s), h->total[s]);
    (void)fprintf(to, "percent,%u\n", h->percent);
    for (unsigned k = 0; k < PARTYFILE_KEY_COUNT; k++)
        if (h->by_key[k] > 0)
            (void)fprintf(to, "by-key,%s,%u\n", partyfile_key_name((enum partyfile_key)k),
                          h->by_key[k]);
}

static bool written(FILE *to, struct err *e)
{
    return ferror(to) == 0 || err_set(e, ERR_STORE, "file.write",
                                      "the file cannot be written: %s", strerror(errno));
}

bool partyfile_write_header(FILE *to, const struct partyfile_header *h, struct err *e)
{
    (void)fprintf(to, "format,%s\nkind,%s\nfile,%s\nincident,%s\n", PARTYFILE_FORMAT,
                  partyfile_kind_name(h->kind), h->id, h->incident);
    if (h->amends[0] != '\0')
        (void)fprintf(to, "amends,%s\n", h->amends);
    if (h->has_subscriber) {
        (void)fputs("subscriber,", to);
        put_eui(to, &h->subscriber);
        (void)fputs("\n", to);
    }
    if (h->srp[0] != '\0')
        (void)fprintf(to, "srp,%s\n", h->srp);
    if (!is_progress(h))
        put_notification(to, h);
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if (h->anticipated[t] > 0)
            (void)fprintf(to, "anticipated,%s,%u\n", gbcs_device((enum device_type)t)->name,
                          h->anticipated[t]);
    if (is_progress(h))
        put_progress(to, h);
    (void)fprintf(to, "signer,%s,%s,%s\n\n", h->organisation, h->role, h->aro);
    (void)fputs(is_progress(h) ? "device,type,cells,old,new,state,code\n"
                               : "device,type,cells,old,new\n",
                to);
    return written(to, e);
}

bool partyfile_write_row(FILE *to, const struct partyfile_header *h,
                         const struct partyfile_row *row, struct err *e)
{
    const char *plus = "";

    put_eui(to, &row->device);
    (void)fprintf(to, ",%s,", gbcs_device(row->type)->name);
    for (unsigned c = 0; c < CELL_COUNT; c++)
        if ((row->cells & CELL_BIT(c)) != 0) {
            (void)fprintf(to, "%s%s", plus, gbcs_cell((enum cell)c)->name);
            plus = "+";
        }
    (void)fprintf(to, ",%s,%s", row->old, row->replacement);
    if (is_progress(h))
        (void)fprintf(to, ",%s,", partyfile_state_name(row->state));
    if (is_progress(h) && row->state == PARTYFILE_FAILED)
        (void)fprintf(to, "%u", row->code);
    (void)fputs("\n", to);
    return written(to, e);
}
