/* SPDX-License-Identifier: MIT
 *
 * meter_run.c - deliver commands to simulated meters and write down what comes back.
 *
 * Which meters misbehave follows from the seed and their EUI-64 alone, so that a test can
 * count on the log, and the log on the responses. A meter that cannot be reached has
 * neither seen its command nor changed. State is saved last: killed before that, nothing
 * happened.
 */
#include "meter_run.h"

#include "meter_answer.h"
#include "meter_message.h"
#include "meter_pem.h"
#include "meter_source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct session {
    const struct run *run;
    struct court court;
    struct meters meters;
    EVP_PKEY *signer;
    FILE *responses, *log;
    struct out late; /* answers that arrive after all others: text */
    size_t commands, accepted, partly, refused, unreachable, answers, alerts, alerts_failed,
        cells, cells_failed;
};

static const char *const fault_names[FAULTS] = {
    "unreachable", "cell-fail", "duplicate", "late", "non-minimal", "wrong-counter",
};

static uint64_t lot(const struct run *r, const struct device *d, const char *what)
{
    uint8_t in[48] = {0}, digest[32];
    octets_put_u64(in, r->seed);
    octets_put_u64(in + 8, d->eui);
    (void)snprintf((char *)in + 16, sizeof in - 16, "%s", what);
    sha256(OCTETS(in), digest);
    return octets_u64(digest);
}

static bool drawn(const struct run *r, const struct device *d, enum fault f)
{
    return lot(r, d, fault_names[f]) % 10000 < r->fault[f];
}

/* One of the cells that would have been replaced fails instead,
 * for no fault of the sender. */
static int fail_a_cell(const struct run *r, const struct device *d, struct judgement *j)
{
    static const int statuses[] = {STATUS_NO_TRUST_ANCHOR, STATUS_BAD_CERTIFICATE,
                                   STATUS_NO_MEMORY, STATUS_BUSY};
    size_t good = j->cmd.n_put - j->failed;
    if (!good)
        return -1;
    size_t pick = lot(r, d, "cell") % good;
    for (size_t i = 0; i < j->cmd.n_put; i++) {
        struct outcome *o = &j->outcome[i];
        if (o->status != STATUS_SUCCESS || pick-- > 0)
            continue;
        o->status = statuses[lot(r, d, "status") % 4];
        o->why = "simulated fault";
        o->after = o->before;
        j->failed++;
        return (int)i;
    }
    return -1;
}

static void write_hex_line(struct session *s, const struct out *message, bool late)
{
    char *hex = must_realloc(NULL, message->len * 2 + 2);
    hex_write(hex, message->at, message->len);
    hex[message->len * 2] = '\n';
    if (late)
        out_put(&s->late, hex, message->len * 2 + 1);
    else if (fwrite(hex, 1, message->len * 2 + 1, s->responses) != message->len * 2 + 1)
        die_errno("%s", s->run->responses);
    free(hex);
    s->answers++;
}

static const char *put_name(const struct replacement *r)
{
    return r->id.cell == CELL_NONE ? "unknown" : cell_rows[r->id.cell].name;
}

static const char *verdict_of(const struct judgement *j)
{
    if (j->why != ACCEPTED)
        return "refused";
    return j->failed ? "partly" : "accepted";
}

static void log_cells(FILE *f, const struct judgement *j)
{
    (void)fputs("\"cells\":{", f);
    if (j->why == ACCEPTED && !j->later)
        for (size_t i = 0; i < j->cmd.n_put; i++)
            (void)fprintf(f, "%s\"%s\":%d", i ? "," : "", put_name(&j->cmd.put[i]),
                          j->outcome[i].status);
    (void)fputc('}', f);
}

static void log_line(struct session *s, const struct judgement *j, uint64_t eui,
                     const char *verdict, const char *reason, size_t answers,
                     unsigned faults, int cell, const char *name)
{
    FILE *f = s->log;
    (void)fprintf(f, "{\"device\":\"%016llX\",\"counter\":%llu,\"verdict\":\"%s\"",
                  (unsigned long long)eui, (unsigned long long)j->cmd.env.counter, verdict);
    (void)fprintf(f, ",\"reason\":\"%s\",", reason);
    log_cells(f, j);
    (void)fprintf(f, ",\"answers\":%zu,\"faults\":[", answers);
    const char *comma = "";
    for (enum fault k = 0; k < FAULTS; k++) {
        if (!(faults & BIT(k)))
            continue;
        (void)fprintf(f, "%s\"%s", comma, fault_names[k]);
        if (k == CELL_FAIL)
            (void)fprintf(f, ":%s:%d", put_name(&j->cmd.put[cell]),
                          j->outcome[cell].status);
        (void)fputc('"', f);
        comma = ",";
    }
    (void)fputs("],\"file\":", f);
    json_text(f, name);
    (void)fputs("}\n", f);
}

static void count_cells(struct session *s, const struct judgement *j)
{
    s->cells += j->cmd.n_put;
    s->cells_failed += j->failed;
}

/* A command that waits is accepted; how its cells fare is counted with the alert. */
static void count(struct session *s, const struct judgement *j)
{
    if (j->why != ACCEPTED)
        s->refused++;
    else if (j->failed && !j->later)
        s->partly++;
    else
        s->accepted++;
    if (j->why == ACCEPTED && !j->later)
        count_cells(s, j);
}

static unsigned draw_manner(const struct session *s, const struct device *d,
                            struct manner *how)
{
    unsigned faults = 0;
    how->loose = drawn(s->run, d, NON_MINIMAL);
    how->wrong_counter = drawn(s->run, d, WRONG_COUNTER);
    faults |= how->loose ? BIT(NON_MINIMAL) : 0;
    faults |= how->wrong_counter ? BIT(WRONG_COUNTER) : 0;
    faults |= drawn(s->run, d, DUPLICATE) ? BIT(DUPLICATE) : 0;
    faults |= drawn(s->run, d, LATE) ? BIT(LATE) : 0;
    return faults;
}

/* Send once, or twice; returns how often. */
static size_t send(struct session *s, const struct out *message, unsigned faults)
{
    size_t n = faults & BIT(DUPLICATE) ? 2 : 1;
    for (size_t i = 0; i < n; i++)
        write_hex_line(s, message, faults & BIT(LATE));
    return n;
}

/* Carry out what was pending: alert, log line. */
static void fall_due(struct session *s, struct device *d, struct judgement *j,
                     const char *name)
{
    struct manner how;
    struct out message = {0};
    unsigned faults = draw_manner(s, d, &how);
    int cell = drawn(s->run, d, CELL_FAIL) ? fail_a_cell(s->run, d, j) : -1;
    faults |= cell >= 0 ? BIT(CELL_FAIL) : 0;

    d->alerts++;
    answer_alert(&s->court, d, j, how, &message);
    device_settle(d, j, (struct octets){0});
    free(d->pending);
    d->pending = NULL;
    size_t n = send(s, &message, faults);
    s->alerts++;
    s->alerts_failed += j->failed > 0;
    count_cells(s, j);
    log_line(s, j, d->eui, verdict_of(j), "executed", n, faults, cell, name);
    out_free(&message);
}

static void run_pending(struct session *s)
{
    for (size_t i = 0; i < s->meters.n; i++) {
        struct device *d = &s->meters.at[i];
        if (!d->pending)
            continue;
        size_t len = strlen(d->pending) / 2;
        uint8_t *message = must_realloc(NULL, len);
        struct judgement j = {0};
        if (!hex_read(d->pending, strlen(d->pending), message, len) ||
            envelope_read((struct octets){message, len}, &j.cmd.env) != ACCEPTED ||
            payload_read(&j.cmd) != ACCEPTED)
            die(2, "%s: pending command of %016llX is damaged", s->run->state,
                (unsigned long long)d->eui);
        if (strcmp(j.cmd.execute, s->run->now) <= 0) {
            /* Judged authentic when it came; only the cells are judged now. */
            enum cell by = j.cmd.mode == MODE_ACB && d->type != TYPE_CHF
                               ? CELL_ACB_KA
                               : mode_rows[j.cmd.mode].authority;
            j.role = cell_rows[by].role;
            device_judge_cells(&s->court, d, &j);
            fall_due(s, d, &j, "pending");
        }
        free(message);
    }
}

static void deliver(void *arg, const char *name, struct octets message)
{
    struct session *s = arg;
    struct judgement j = {0};
    struct manner how = {0};
    s->commands++;

    (void)envelope_read(message, &j.cmd.env);
    struct device *d = meters_find(&s->meters, j.cmd.env.target);
    uint64_t eui = j.cmd.env.target;
    if (d && drawn(s->run, d, UNREACHABLE)) {
        s->unreachable++;
        log_line(s, &j, eui, "unreachable", "unreachable", 0, BIT(UNREACHABLE), -1, name);
        return;
    }
    device_judge(&s->court, d, message, &j);
    if (!d || j.why != ACCEPTED) { /* nothing is accepted for a device that is not there */
        count(s, &j);
        log_line(s, &j, eui, "refused", refusal_name(j.why), 0, 0, -1, name);
        return;
    }

    struct out answer = {0};
    unsigned faults = draw_manner(s, d, &how);
    int cell = -1;
    /* A command whose hour has already come is accepted like any future-dated one, and
     * falls due at once. */
    bool due = j.cmd.execute[0] && !j.later;
    if (due)
        j.later = true;
    if (!j.later && drawn(s->run, d, CELL_FAIL) && (cell = fail_a_cell(s->run, d, &j)) >= 0)
        faults |= BIT(CELL_FAIL);
    answer_response(&s->court, d, &j, how, &answer);
    device_settle(d, &j, message);
    size_t n = send(s, &answer, faults);
    const char *reason = j.cancel                       ? "cancelled"
                         : due || j.later               ? "pending"
                         : j.cmd.env.code == CODE_CS02A ? "details"
                                                        : "executed";
    count(s, &j);
    log_line(s, &j, eui, j.later ? "accepted" : verdict_of(&j), reason, n, faults, cell,
             name);
    if (due) {
        j.later = false;
        fall_due(s, d, &j, name);
    }
    out_free(&answer);
}

/* A question (CS02a) as the service gives it to the party that asks: the party's counter and
 * signature are put in. What is none is delivered as it is, and refused. */
static void ask(void *arg, const char *name, struct octets bare)
{
    struct session *s = arg;
    struct command c = {0};
    struct out parts = {0}, header = {0}, whole = {0};
    out_put(&parts, bare.at, bare.len);
    out_octet(&parts, 0); /* a signature field */
    bool good = envelope_read(out_octets(&parts), &c.env) == ACCEPTED &&
                c.env.code == CODE_CS02A && payload_read(&c) == ACCEPTED &&
                c.authority.cell != CELL_NONE;
    struct device *d = good ? meters_find(&s->meters, c.env.target) : NULL;
    if (d) {
        int64_t last = d->counter[cell_rows[c.authority.cell].role];
        header_write(&header, 1, (uint64_t)last + 1, c.env.originator, c.env.target,
                     (struct octets){0}, c.env.code, c.env.payload.len);
        message_wrap(&whole, out_octets(&header), c.env.payload, s->signer, NULL, 0);
    }
    deliver(s, name, d ? out_octets(&whole) : bare);
    out_free(&parts);
    out_free(&header);
    out_free(&whole);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "wbe");
    if (!f)
        die_errno("%s", path);
    return f;
}

static void finish(FILE *f, const char *path)
{
    /* fsync fails with EINVAL on a pipe, which keeps nothing anyway */
    if (fflush(f) != 0 || (fsync(fileno(f)) != 0 && errno != EINVAL) || fclose(f) != 0)
        die_errno("%s", path);
}

static void summary(const struct session *s, size_t skipped)
{
    const struct {
        const char *name;
        size_t n;
    } rows[] = {
        {"commands", s->commands},
        {"accepted", s->accepted},
        {"partly", s->partly},
        {"refused", s->refused},
        {"unreachable", s->unreachable},
        {"answers", s->answers},
        {"alerts", s->alerts},
        {"alerts_failed", s->alerts_failed},
        {"cells", s->cells},
        {"cells_failed", s->cells_failed},
        {"skipped_files", skipped},
    };
    if (s->run->json) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            (void)printf("%s\"%s\":%zu", i ? "," : "{", rows[i].name, rows[i].n);
        (void)puts("}");
        return;
    }
    (void)printf("%zu commands: %zu accepted, %zu partly, %zu refused, %zu unreachable\n"
                 "%zu cells judged, %zu failed; %zu answers sent, %zu alerts raised, "
                 "%zu of failure\n",
                 s->commands, s->accepted, s->partly, s->refused, s->unreachable, s->cells,
                 s->cells_failed, s->answers, s->alerts, s->alerts_failed);
    if (skipped)
        (void)printf("%zu files passed over: their names do not end in .bin\n", skipped);
}

int run_commands(const struct run *r)
{
    struct session s = {.run = r};
    meters_load(&s.meters, r->state);
    s.court = (struct court){.m = &s.meters, .now = r->now};
    s.responses = create(r->responses);
    s.log = create(r->log);

    s.signer = r->signer ? pem_key_read(r->signer) : NULL;

    run_pending(&s);
    size_t skipped =
        r->commands ? source_each(r->commands, s.signer ? ask : deliver, &s) : 0;
    if (s.late.len && fwrite(s.late.at, 1, s.late.len, s.responses) != s.late.len)
        die_errno("%s", r->responses);
    finish(s.responses, r->responses);
    finish(s.log, r->log);
    meters_save(&s.meters);
    summary(&s, skipped);
    out_free(&s.late);
    EVP_PKEY_free(s.signer);
    meters_done(&s.meters);
    return s.refused ? 3 : 0;
}

struct judging {
    struct court court;
    bool json;
    size_t refused;
};

static void judge_one(void *arg, const char *name, struct octets message)
{
    struct judging *g = arg;
    struct judgement j = {0};
    (void)envelope_read(message, &j.cmd.env);
    uint64_t eui = j.cmd.env.target;
    device_judge(&g->court, meters_find(g->court.m, eui), message, &j);
    g->refused += j.why != ACCEPTED;
    const char *reason = j.cancel ? "cancels" : j.later ? "later" : refusal_name(j.why);
    if (g->json) {
        (void)fputs("{\"file\":", stdout);
        json_text(stdout, name);
        (void)printf(",\"device\":\"%016llX\",\"counter\":%llu,\"verdict\":\"%s\","
                     "\"reason\":\"%s\",",
                     (unsigned long long)eui, (unsigned long long)j.cmd.env.counter,
                     verdict_of(&j), reason);
        log_cells(stdout, &j);
        (void)puts("}");
        return;
    }
    (void)printf("%s: device %016llX counter %llu: %s (%s)\n", name,
                 (unsigned long long)eui, (unsigned long long)j.cmd.env.counter,
                 verdict_of(&j), reason);
    if (j.why == ACCEPTED && !j.later)
        for (size_t i = 0; i < j.cmd.n_put; i++)
            (void)printf("    %-12s status %3d %s\n", put_name(&j.cmd.put[i]),
                         j.outcome[i].status, j.outcome[i].why);
}

int run_judge(const char *state, const char *now, bool json, char **files)
{
    struct meters m;
    meters_load(&m, state);
    struct judging g = {.court = {.m = &m, .now = now}, .json = json};
    for (; *files; files++)
        (void)source_each(*files, judge_one, &g);
    meters_done(&m);
    return g.refused ? 3 : 0;
}
