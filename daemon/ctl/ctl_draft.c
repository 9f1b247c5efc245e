/* SPDX-License-Identifier: MIT
 *
 * decision draft: a document for others to complete and to sign, in the members of the schema.
 *
 * What the service knows stands in it: incident, list, key, certificates, device types, window,
 * what has ended before; the rest is null, which the schema refuses everywhere, so that an
 * unfinished document names what it lacks. Nothing here decides: which certificate is the old
 * one follows from its date, and where a date does not tell, null stays.
 */
#include "ctl.h"

#include "authority.h"
#include "clock.h"
#include "mem.h"
#include "near.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct draft {
    struct ctl *c;
    const char *incident;
    json_t *about; /* the incident */
    json_t *d;     /* the document */
    enum authority_kind kind;
    bool authorises;
};

static void take(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *v = json_object_get(from, member);

    if (v != NULL && !json_is_null(v) &&
        !(json_is_string(v) && json_string_value(v)[0] == '\0'))
        (void)json_object_set(to, name, v);
}

static void fill_in(json_t *d, const char *name)
{
    if (json_object_get(d, name) == NULL)
        (void)json_object_set_new(d, name, json_null());
}

static void take_window(json_t *d, long hours)
{
    char text[CLOCK_TEXT_LEN];
    struct clock clock = clock_system();
    int64_t now = clock_now(&clock) / 1000000 * 1000000;

    clock_text(now, text);
    (void)json_object_set_new(d, "valid_from", json_string(text));
    clock_text(now + (int64_t)hours * 3600 * 1000000, text);
    (void)json_object_set_new(d, "valid_to", json_string(text));
}

/* What has ended before: the rest of the chain whose last the new one may supersede. */
static void take_chain(json_t *d, const json_t *incident)
{
    json_t *list = json_array();
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(incident, "decisions"), i, one)
    {
        if (strcmp(ctl_text(one, "outcome"), "activation") == 0 ||
            strcmp(ctl_text(one, "state"), "live") == 0)
            continue;
        if (json_array_size(list) == AUTHORITY_EARLIER_MAX)
            (void)json_array_remove(list, 0);
        (void)json_array_append(list, json_object_get(one, "id"));
    }
    if (json_array_size(list) > 0)
        (void)json_object_set(d, "supersedes_earlier", list);
    json_decref(list);
}

/* The live document that decided last; NULL: none did. */
static const json_t *live_decision(const json_t *incident)
{
    const json_t *one, *found = NULL;
    size_t i;

    json_array_foreach(json_object_get(incident, "decisions"), i, one)
    {
        if (strcmp(ctl_text(one, "state"), "live") == 0 &&
            strcmp(ctl_text(one, "outcome"), "authorise") == 0)
            found = one;
    }
    return found;
}

static void take_list(struct draft *x)
{
    const json_t *roster = json_object_get(x->about, "roster");
    json_t *r, *types;
    const char *type;
    const json_t *n;

    if (!json_is_object(roster))
        return;
    r = json_object();
    take(r, "sha256", roster, "sha256");
    take(r, "count", roster, "count");
    (void)json_object_set_new(x->d, "roster", r);
    types = json_array();
    json_object_foreach(json_object_get(roster, "by_type"), type, n)
    {
        if (json_integer_value(n) > 0)
            (void)json_array_append_new(types, json_string(type));
    }
    if (json_array_size(types) > 0)
        (void)json_object_set(x->d, "device_types", types);
    json_decref(types);
}

/* The one key that this authority may order; more than one: somebody has to choose. */
static int take_key(struct draft *x)
{
    const json_t *one, *found = NULL;
    json_t *status;
    size_t i, n = 0;
    int rc = ctl_get(x->c, "/v1/status", &status, NULL);

    if (rc != CTL_OK)
        return rc;
    json_array_foreach(json_object_get(status, "keys"), i, one)
    {
        if (strcmp(ctl_text(one, "authority"), ctl_text(x->d, "by")) == 0) {
            found = one;
            n++;
        }
    }
    if (n == 1) {
        take(x->d, "key", found, "key");
        take(x->d, "key_certificate", found, "certificate_sha256");
        if (strcmp(ctl_text(found, "role"), gbcs_role_name(ROLE_RECOVERY)) == 0)
            (void)json_object_set_new(x->d, "mode",
                                      json_string(gbcs_mode(MODE_ANY_BY_RECOVERY)->name));
    }
    json_decref(status);
    return CTL_OK;
}

/* ---- certificates: the older half of those that fit a cell are the old ones ---- */

static json_t *entry(bool old, enum cell cell, bool sure, const struct cert *c)
{
    char hex[HEX_LEN(32)];
    json_t *j = json_object();

    hex_encode_lower(c->sha256.b, 32, hex);
    (void)json_object_set_new(j, "cell",
                              sure ? json_string(gbcs_cell(cell)->name) : json_null());
    (void)json_object_set_new(j, "certificate", json_string(hex));
    if (old) {
        fill_in(j, "certainty");
        fill_in(j, "cause");
    } else {
        fill_in(j, "key_origin");
    }
    return j;
}

static int by_age(const void *a, const void *b)
{
    const struct cert *x = *(const struct cert *const *)a;
    const struct cert *y = *(const struct cert *const *)b;

    return x->not_before_us < y->not_before_us    ? -1
           : x->not_before_us == y->not_before_us ? 0
                                                  : 1;
}

static void take_cells(const struct certs *all, enum role role, enum key_usage usage,
                       json_t *old, json_t *new)
{
    const struct cert *fit[CERTS_MAX];
    enum cell cell = CELL_COUNT;
    size_t n = 0, cells = 0;

    for (unsigned i = 0; i < CELL_COUNT; i++)
        if (gbcs_cell((enum cell)i)->role == role &&
            gbcs_cell((enum cell)i)->usage == usage) {
            cells++;
            cell = (enum cell)i;
        }
    for (size_t i = 0; i < all->n; i++)
        if (all->at[i].role == role && all->at[i].usage == usage)
            fit[n++] = &all->at[i];
    if (cells == 0 || n != 2 * cells)
        return;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is sorted */
    qsort(fit, n, sizeof fit[0], by_age);
    if (fit[cells - 1]->not_before_us == fit[cells]->not_before_us)
        return;
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(i < cells ? old : new,
                                    entry(i < cells, cell, cells == 1, fit[i]));
}

static int take_certificates(struct draft *x)
{
    AUTO(mem) struct certs *all = calloc(1, sizeof *all);
    struct client_call get = {.socket = x->c->socket, .method = "GET", .fd = -1};
    json_t *old = json_array(), *new = json_array();
    struct client_answer a = {0};
    char path[512];
    struct err e;

    if (all == NULL || !ctl_path(path, "/v1/incidents/{}/certificates", x->incident, NULL))
        return CTL_STORE;
    get.path = path;
    if (client_call(&get, &a, &e) &&
        certs_read(span_of(a.body, a.len), "certificates", all, &e))
        for (unsigned r = ROLE_ROOT; r <= ROLE_LOAD_CONTROLLER; r++)
            for (unsigned u = KU_DIGITAL_SIGNATURE; u <= KU_KEY_CERT_SIGN; u++)
                take_cells(all, (enum role)r, (enum key_usage)u, old, new);
    client_answer_done(&a); /* none on file: then none is known */
    certs_done(all);
    if (json_array_size(new) > 0) {
        (void)json_object_set(x->d, "compromised", old);
        (void)json_object_set(x->d, "replacements", new);
    }
    json_decref(old);
    json_decref(new);
    return CTL_OK;
}

/* ---- kinds ---- */

static void ask(json_t *d, const char *const names[])
{
    for (; *names != NULL; names++)
        fill_in(d, *names);
}

static int fill_decision(struct draft *x)
{
    static const char *const always[] = {
        "subscriber", "initiator", "requester",     "compromised", "conflicts", "meeting",
        "guidance",   "reasons",   "residual_risk", "conditions",  NULL};
    static const char *const orders[] = {
        "key",          "key_certificate", "method",   "mode",
        "replacements", "device_types",    "attempts", NULL};
    const char *outcome = ctl_text(x->d, "outcome");
    int rc = CTL_OK;

    if (x->authorises) {
        take_list(x);
        rc = take_key(x);
    }
    if (rc == CTL_OK)
        rc = take_certificates(x);
    if (!x->authorises)
        (void)json_object_del(x->d, "replacements");
    ask(x->d, always);
    if (x->authorises)
        ask(x->d, orders);
    if (strcmp(outcome, "appoint") == 0) {
        fill_in(x->d, "replacement_subscriber");
        fill_in(x->d, "appointment");
    }
    if (strncmp(outcome, "defer-", 6) == 0) {
        fill_in(x->d, "end_condition");
        fill_in(x->d, "review");
    }
    if (strcmp(outcome, "direct-other") == 0)
        fill_in(x->d, "direction");
    return rc;
}

/* An organisation's word about its own key: hand-back after Method 2. */
static int fill_instruction(struct draft *x)
{
    static const char *const names[] = {"subscriber",   "requester", "compromised",
                                        "reasons",      "key",       "key_certificate",
                                        "method",       "mode",      "replacements",
                                        "device_types", "attempts",  NULL};
    int rc;

    take_list(x);
    rc = take_key(x);
    if (rc == CTL_OK)
        rc = take_certificates(x);
    ask(x->d, names);
    return rc;
}

/* The custodians switch on the key of the decision that stands, for its window. */
static int fill_activation(struct draft *x)
{
    const json_t *live = live_decision(x->about);
    const json_t *text;
    char path[512];
    json_t *j;
    int rc;

    if (live == NULL) {
        ctl_say(
            "incident %s has no decision that authorises: there is nothing to switch on",
            x->incident);
        ctl_next("smki-recoveryctl status says what the incident waits for");
        return CTL_DENIED;
    }
    if (!ctl_path(path, "/v1/incidents/{}/decisions/{}", x->incident, ctl_text(live, "id")))
        return CTL_INPUT;
    rc = ctl_get(x->c, path, &j, NULL);
    if (rc != CTL_OK)
        return rc;
    text = json_object_get(j, "document");
    take(x->d, "key", text, "key");
    take(x->d, "method", text, "method");
    take(x->d, "valid_from", text, "valid_from");
    take(x->d, "valid_to", text, "valid_to");
    take(x->d, "decision", live, "sha256");
    fill_in(x->d, "key");
    fill_in(x->d, "ceremony");
    (void)json_object_del(x->d, "supersedes_earlier");
    json_decref(j);
    return CTL_OK;
}

/* ---- the verb ---- */

/* Its place in a list that ends with NULL; -1: said on stderr. */
static int place_of(const char *what, const char *word, const char *const words[])
{
    char hint[NEAR_TEXT];
    int n = 0;

    for (; words[n] != NULL; n++)
        if (strcmp(words[n], word) == 0)
            return n;
    ctl_say("there is no %s \"%s\"%s", what, word, near_hint(hint, word, words, (size_t)n));
    ctl_next("smki-recoveryctl decision draft --help");
    return -1;
}

static bool hours_of(const char *text, long *out)
{
    char *end;

    errno = 0;
    *out = strtol(text, &end, 10);
    if (*end == '\0' && end != text && errno == 0 && *out >= 1 && *out <= 24L * 366)
        return true;
    ctl_say("--hours is a number from 1 to 8784, not \"%s\"", text);
    ctl_next("smki-recoveryctl decision draft --help");
    return false;
}

static void begin(struct draft *x, const char *by, const char *outcome)
{
    static const char *const whose[] = {"pma", "", "custodians"};
    char id[AUTHORITY_ID_MAX];

    (void)snprintf(id, sizeof id, "%.40s-%lld", x->incident, (long long)time(NULL));
    x->d = json_pack("{s:s,s:s,s:s,s:s}", "schema", "smki-recovery/authority/1", "kind",
                     authority_kind_name(x->kind), "id", id, "incident", x->incident);
    (void)json_object_set_new(x->d, "by",
                              by != NULL                  ? json_string(by)
                              : whose[x->kind][0] != '\0' ? json_string(whose[x->kind])
                                                          : json_null());
    (void)json_object_set_new(x->d, "outcome", json_string(outcome));
    (void)json_object_set_new(
        x->d, "exercise",
        json_boolean(json_is_true(json_object_get(x->about, "exercise"))));
    take_chain(x->d, x->about);
    if (x->kind == KIND_ACTIVATION)
        return;
    take(x->d, "parent_incident", x->about, "parent");
    if (x->kind == KIND_DECISION)
        take(x->d, "initiator", x->about, "initiator");
    take(x->d, "subscriber", x->about, "subscriber");
    take(x->d, "replacement_subscriber", x->about, "replacement_subscriber");
}

static int print_draft(const struct draft *x)
{
    AUTO(mem) char *text = json_dumps(x->d, JSON_INDENT(2));

    if (text == NULL)
        return CTL_STORE;
    (void)printf("%s\n", text);
    if (!x->c->quiet)
        ctl_say("put values where it says null (smki-recovery-decision(5) has each), then: "
                "decision "
                "review FILE, and openssl cms -sign -binary -nodetach");
    return CTL_OK;
}

int ctl_draft(struct ctl *c, const struct ctl_args *a)
{
    const char *outcome = a->opt[1] != NULL ? a->opt[1] : "authorise";
    struct draft x = {.c = c, .incident = a->v[0]};
    int kind =
        place_of("kind", a->opt[3] != NULL ? a->opt[3] : "decision", authority_kind_words);
    long hours = 24;
    char path[512];
    int rc;

    if (kind < 0 || place_of("outcome", outcome, authority_outcome_words) < 0 ||
        (a->opt[2] != NULL && !hours_of(a->opt[2], &hours)))
        return CTL_USAGE;
    if (!ctl_path(path, "/v1/incidents/{}", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_get(c, path, &x.about, NULL);
    if (rc != CTL_OK)
        return rc;
    x.kind = (enum authority_kind)kind;
    x.authorises = strcmp(outcome, "authorise") == 0;
    begin(&x, a->opt[0], outcome);
    take_window(x.d, hours);
    rc = x.kind == KIND_DECISION      ? fill_decision(&x)
         : x.kind == KIND_INSTRUCTION ? fill_instruction(&x)
                                      : fill_activation(&x);
    if (rc == CTL_OK)
        rc = print_draft(&x);
    json_decref(x.about);
    json_decref(x.d);
    return rc;
}
