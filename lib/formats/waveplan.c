/* SPDX-License-Identifier: MIT */
#include "waveplan.h"

#include "jsonline.h"
#include "strictjson.h"

#include <stdio.h>
#include <string.h>

static const char schema[] = "smki-recovery/waves/1";
static const char *const schema_words[] = {schema, NULL};
static const char *const payment_words[] = {"prepayment", "credit", NULL};

static bool region(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    struct waveplan_wave *w = base;
    const char *text = json_string_value(v);

    if (text == NULL || !roster_region(text, json_string_length(v)))
        return strictjson_fail(at,
                               "not a region: 1 to 23 letters, digits, '.', '_' and '-'");
    (void)snprintf(w->regions[i], sizeof w->regions[i], "%s", text);
    w->n_regions = (uint32_t)i + 1;
    return true;
}

static bool regions(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                    void *base)
{
    (void)f;
    return strictjson_each(at, v, 1, WAVEPLAN_REGIONS, region, base);
}

#define WAVE(m) STRICTJSON_AT(struct waveplan_wave, m)

static bool wave(struct strictjson_at *at, json_t *v, size_t i, void *base)
{
    static const struct strictjson_member table[] = {
        {"name", MUST, strictjson_name, WAVE(name), NULL, 1, 0},
        {"types", MAY, strictjson_devices, WAVE(types), NULL, 1, 0},
        {"payment", MAY, strictjson_word, WAVE(payment), payment_words, 0, 0},
        {"regions", MAY, regions, 0, 0, NULL, 0, 0},
        {0},
    };
    struct waveplan *p = base;
    struct waveplan_wave *w = &p->waves[i];

    if (!strictjson_read(at, v, table, w))
        return false;
    w->payment = json_object_get(v, "payment") != NULL ? w->payment + 1 : PAYMENT_UNSAID;
    for (uint32_t k = 0; k < p->n; k++)
        if (strcmp(p->waves[k].name, w->name) == 0)
            return strictjson_fail(at, "a name that another wave has");
    if (strcmp(w->name, "rest") == 0)
        return strictjson_fail(at, "\"rest\" is the wave of those whom no other fits");
    p->n++;
    return true;
}

static bool waves(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                  void *base)
{
    (void)f;
    return strictjson_each(at, v, 1, WAVEPLAN_WAVES, wave, base);
}

#define PLAN(m) STRICTJSON_AT(struct waveplan, m)

static bool again(struct strictjson_at *at, json_t *v, const struct strictjson_member *f,
                  void *base)
{
    static const struct strictjson_member table[] = {
        {"after_hours", MUST, strictjson_number, PLAN(after_hours), NULL, 0, 8760},
        {"times", MUST, strictjson_number, PLAN(times), NULL, 1, 100},
        {0},
    };

    (void)f;
    return strictjson_read(at, v, table, base);
}

/* A wave without a condition takes in all that are left. */
static void add_rest(struct waveplan *p)
{
    const struct waveplan_wave *last = &p->waves[p->n - 1];

    if (last->types != 0 || last->payment != PAYMENT_UNSAID || last->n_regions > 0)
        (void)strcpy(p->waves[p->n++].name, "rest");
}

static bool read_at(struct strictjson_at *at, const json_t *plan, struct waveplan *out)
{
    static const struct strictjson_member table[] = {
        {"schema", MUST, strictjson_word, 0, 0, schema_words, 0, 0},
        {"waves", MUST, waves, 0, 0, NULL, 0, 0},
        {"commands_per_hour", MAY, strictjson_number, PLAN(per_hour), NULL, 1, 100000000},
        {"at_once", MAY, strictjson_number, PLAN(at_once), NULL, 1, 100000000},
        {"again", MAY, again, 0, 0, NULL, 0, 0},
        {0},
    };

    memset(out, 0, sizeof *out);
    if (!strictjson_read(at, (json_t *)(uintptr_t)plan, table, out))
        return false;
    if (out->at_once != 0 && out->per_hour == 0) {
        (void)strcpy(at->path, "at_once");
        return strictjson_fail(at, "it says nothing without commands_per_hour");
    }
    if (out->at_once == 0) /* what a minute lets through */
        out->at_once = out->per_hour / 60 > 0 ? out->per_hour / 60 : 1;
    add_rest(out);
    return true;
}

bool waveplan_read(const json_t *plan, struct waveplan *out, struct err *e)
{
    struct strictjson_at at = {.id = "waves.plan", .e = e};

    return read_at(&at, plan, out);
}

bool waveplan_load(struct span text, json_t **plan, struct err *e)
{
    struct strictjson_at at = {.id = "waves.plan", .e = e};
    struct waveplan p;
    unsigned line;

    *plan = NULL;
    if (!strictjson_load(text, plan, &at))
        return false;
    if (read_at(&at, *plan, &p))
        return true;
    line = jsonline_of(text, at.path);
    json_decref(*plan);
    *plan = NULL;
    return line == 0 ? false : err_wrap(e, "line %u", line);
}

static bool in_region(const struct waveplan_wave *w, const char *region_)
{
    for (uint32_t i = 0; i < w->n_regions; i++)
        if (strcmp(w->regions[i], region_) == 0)
            return true;
    return w->n_regions == 0;
}

uint32_t waveplan_of(const struct waveplan *p, const struct roster_row *row)
{
    uint32_t i = 0;

    while (i + 1 < p->n &&
           !((p->waves[i].types == 0 || (p->waves[i].types & DEVICE_BIT(row->type)) != 0) &&
             (p->waves[i].payment == PAYMENT_UNSAID ||
              p->waves[i].payment == (uint32_t)row->payment) &&
             in_region(&p->waves[i], row->region)))
        i++;
    return i;
}
