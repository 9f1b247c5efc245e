/* SPDX-License-Identifier: MIT
 *
 * What devices say of their cells beside the answers to our commands: reports (CS02a, CS02f),
 * asked for when their fate is unclear or before anything is signed, and answers to a
 * supplier's own commands (CS02g).
 */
#include "reconcile_impl.h"

#include "mem.h"
#include "preflight.h"

#include <stdlib.h>
#include <string.h>

static bool is_placed(const struct sent_batch *k, enum cell cell, struct span key)
{
    return span_equal(key, span_of(k->placed[cell].b, sizeof k->placed[cell].b));
}

/* Cells of the command in which, by the device's report, a key of its batch lies. */
static uint32_t held_cells(const struct sent_batch *k, uint32_t want,
                           const struct payload_report *report)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < report->n_roles; i++)
        for (size_t c = 0; c < report->roles[i].n_cells; c++) {
            struct payload_cell id = {.role = report->roles[i].role,
                                      .usage = report->roles[i].cells[c].usage,
                                      .cell_usage = report->roles[i].cells[c].cell_usage};
            enum cell cell;

            if (payload_cell_find(&id, &cell) && (want & CELL_BIT(cell)) &&
                is_placed(k, cell, report->roles[i].cells[c].key))
                seen |= CELL_BIT(cell);
        }
    return seen;
}

/* Every cell of it, told by the answer to somebody else's command: what lay in each cell before and
 * what lies there now. That a key of ours lay there says as well that the batch's command
 * was carried out. */
static bool held_new_keys(const struct sent_batch *k, uint32_t want,
                          const struct response *resp)
{
    uint32_t seen = 0;

    for (size_t i = 0; i < resp->n_outcomes; i++) {
        const struct response_outcome *o = &resp->outcomes[i];

        if (o->known && (want & CELL_BIT(o->cell)) &&
            ((o->has_old && is_placed(k, o->cell, span_of(o->old_key.b, 8))) ||
             (o->has_new && is_placed(k, o->cell, span_of(o->new_key.b, 8)))))
            seen |= CELL_BIT(o->cell);
    }
    return want != 0 && seen == want;
}

/* Does what a device holds, or what it answered to somebody else, show that a command of ours
 * was carried out? The last such, or done->batch is NULL. One of report and answer is NULL.
 *   nothing  out: the last of all, where the report shows that none of its keys is there: its
 *            fate is known too; else its batch is NULL */
static bool carried_out(struct reconcile *r, const struct eui64 *device,
                        const struct payload_report *report, const struct response *answer,
                        struct sent_command *done, struct sent_command *nothing,
                        struct err *e)
{
    bool last = true;

    done->batch = nothing->batch = NULL;
    for (size_t i = r->sent.n; i-- > 0 && done->batch == NULL;) {
        struct sent_batch *k = &r->sent.batches[i];
        struct sent_command c;
        uint32_t held;
        bool found;

        if (!sent_in(&r->sent, k, device, &c, &found, e))
            return false;
        if (!found)
            continue;
        held = report != NULL ? held_cells(k, c.cells, report) : 0;
        if (report != NULL ? held != 0 && held == c.cells
                           : held_new_keys(k, c.cells, answer))
            *done = c;
        else if (last && report != NULL && held == 0)
            *nothing = c;
        last = false;
    }
    return true;
}

/* Which keys lie in the cells that our commands named: those of the one that was carried
 * out, unless the device answers to a later one, of somebody else; and by its report, those
 * of others. */
static bool told_by(struct reconcile *r, const struct eui64 *device,
                    const struct sent_command *done, const struct payload_report *report,
                    const struct response *answer, struct cells_told *out, struct err *e)
{
    out->cells = done->cells;
    memcpy(out->key, done->batch->placed, sizeof out->key);
    for (size_t i = 0; answer != NULL && i < answer->n_outcomes; i++) {
        const struct response_outcome *o = &answer->outcomes[i];

        if (o->known && o->has_new)
            out->key[o->cell] = o->new_key;
    }
    for (size_t i = r->sent.n; report != NULL && i-- > 0;) {
        struct sent_batch *k = &r->sent.batches[i];
        struct sent_command c;
        uint32_t held;
        bool found;

        if (!sent_in(&r->sent, k, device, &c, &found, e))
            return false;
        held = found ? held_cells(k, c.cells & ~out->cells, report) : 0;
        out->cells |= held;
        for (unsigned cell = 0; cell < CELL_COUNT; cell++)
            if ((held & CELL_BIT(cell)) != 0)
                out->key[cell] = k->placed[cell];
    }
    return true;
}

/* A party's counters ascend, and a device answers to no lower one (GBCS 4.3.1.5). So what it
 * answered to an earlier question is not what it holds now, however late it is handed in. */
static bool is_newest(struct reconcile *r, const struct message *m, struct fault *why,
                      struct err *e)
{
    int64_t last = 0;
    bool found;

    if (!store_number(r->store, &last, &found, e,
                      "SELECT counter FROM reported WHERE incident = ?1 AND device = ?2"
                      " AND asker = ?3",
                      "tbb", r->incident, eui64_span(&m->originator),
                      eui64_span(&m->recipient)))
        return false;
    if (found && m->counter == (uint64_t)last)
        *why = (struct fault){"response.duplicate", "the question was answered already"};
    else if (found && m->counter < (uint64_t)last)
        *why = (struct fault){"response.stale", "a later question was answered already"};
    return true;
}

static bool note_newest(struct reconcile *r, const struct message *m, struct err *e)
{
    return store_run(r->store, e,
                     "INSERT INTO reported (incident, device, asker, counter)"
                     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (incident, device, asker)"
                     " DO UPDATE SET counter = excluded.counter",
                     "tbbi", r->incident, eui64_span(&m->originator),
                     eui64_span(&m->recipient), (int64_t)m->counter);
}

/* A device says what it holds before a command was signed for it. If somebody could not reach
 * it, it has answered now. */
static bool tell(struct reconcile *r, const struct message *m, const struct lists_row *row,
                 struct outcome *b, int64_t now_us, enum reconcile_verdict *verdict,
                 struct err *e)
{
    if (!r->has_plan && !sent_plan(&r->sent, r->incident, &r->plan, e))
        return false;
    r->has_plan = true;
    *verdict = RECONCILE_TOLD;
    return preflight_take(&r->sent, r->incident, &r->plan, row, &m->body.report, now_us,
                          &r->held, e) &&
           reconcile_name_list(r, row->list, e) &&
           (!reconcile_is_unclear(b->state) ||
            reconcile_set_state(r, b, row, OUTCOME_UNREACHABLE, NULL, NULL,
                                "told what it holds, before a command was signed", NULL,
                                now_us, e));
}

/* What a device holds of which something was unclear. */
static bool settle(struct reconcile *r, const struct message *m,
                   const struct lists_row *row, struct outcome *b, int64_t now_us,
                   enum reconcile_verdict *verdict, struct err *e)
{
    bool load = m->code == MESSAGE_CS02F;
    struct sent_command nothing;
    struct sent_command done;
    struct cells_told told;
    AUTO(mem) char *now = NULL;

    if (!carried_out(r, &m->originator, &m->body.report, NULL, &done, &nothing, e))
        return false;
    if (b->cells != NULL) {
        now = cells_reported(&r->sent, b->cells, &m->body.report);
        b->cells = now;
    }
    if (done.batch != NULL) {
        *verdict = RECONCILE_SUCCESS;
        return told_by(r, &m->originator, &done, &m->body.report, NULL, &told, e) &&
               reconcile_set_state(r, b, row, OUTCOME_SUCCESS, &done, &told,
                                   load ? "told by CS02f" : "told by CS02a", NULL, now_us,
                                   e);
    }
    *verdict = RECONCILE_RESOLVED;
    if (nothing.batch != NULL) {
        b->list = nothing.batch->list->version;
        b->batch = nothing.batch->id;
        b->counter = nothing.counter;
    }
    return reconcile_set_state(r, b, row, OUTCOME_UNREACHABLE, NULL, NULL,
                               load ? "CS02f: the new keys are not there"
                                    : "CS02a: the new keys are not there",
                               NULL, now_us, e);
}

bool reconcile_report(struct reconcile *r, const struct message *m, int64_t now_us,
                      enum reconcile_verdict *verdict, struct fault *why, struct err *e)
{
    AUTO(mem) char *cells = NULL;
    struct lists_row row;
    struct outcome b;
    bool commanded;
    bool known;

    if (!lists_find(r->lists, &m->originator, &row)) {
        *why = (struct fault){"response.unknown-device", "the device is not in the roster"};
        return true;
    }
    if (m->form != FORM_SIGNED || !row.at.has_ds ||
        !reconcile_key_signed(&row.at, m->signed_octets, &m->sig)) {
        *why = (struct fault){"response.forged", "the device's key did not sign it"};
        return true;
    }
    if (!is_newest(r, m, why, e))
        return false;
    if (why->rule != NULL)
        return true;
    if (!outcome_get(r->store, r->incident, &m->originator, &b, &cells, &known, e) ||
        !sent_any(&r->sent, &m->originator, &commanded, e))
        return false;
    if (commanded && !reconcile_is_unclear(b.state)) {
        *why = (struct fault){"response.unmatched", "nothing is unclear about this device"};
        return true;
    }
    return note_newest(r, m, e) && (commanded ? settle(r, m, &row, &b, now_us, verdict, e)
                                              : tell(r, m, &row, &b, now_us, verdict, e));
}

bool reconcile_load_answer(struct reconcile *r, const struct response *resp, int64_t now_us,
                           enum reconcile_verdict *verdict, struct fault *why,
                           struct err *e)
{
    AUTO(mem) char *cells = NULL;
    struct cells_told told;
    struct sent_command done;
    struct sent_command nothing;
    struct lists_row row;
    struct outcome b;
    bool known;

    if (!lists_find(r->lists, &resp->device, &row) || !row.at.has_ds ||
        !reconcile_genuine(r, &row.at, resp))
        return true;
    if (!outcome_get(r->store, r->incident, &resp->device, &b, &cells, &known, e))
        return false;
    if (!known || !reconcile_is_unclear(b.state))
        return true;
    if (!carried_out(r, &resp->device, NULL, resp, &done, &nothing, e))
        return false;
    if (done.batch == NULL)
        return true;
    *verdict = RECONCILE_SUCCESS;
    *why = (struct fault){NULL, NULL};
    return told_by(r, &resp->device, &done, NULL, resp, &told, e) &&
           reconcile_set_state(r, &b, &row, OUTCOME_SUCCESS, &done, &told, "told by CS02g",
                               NULL, now_us, e);
}
