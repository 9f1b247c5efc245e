/* SPDX-License-Identifier: MIT
 *
 * decision review: what a document says, in words, before somebody signs it or hands it in.
 * Offline. With --config the signatures are judged as the service will judge them; with --ask
 * the service says what its register of keys has on the certificates that are named.
 */
#include "ctl.h"

#include "authority.h"
#include "clock.h"
#include "mem.h"
#include "plain.h"

#include <openssl/x509_vfy.h>

#include <stdlib.h>
#include <string.h>

static void line(const char *label, const char *text)
{
    AUTO(mem) char *shown = strdup(text);

    if (text[0] == '\0' || shown == NULL)
        return;
    plain_tidy(shown);
    (void)printf("%-14s %s\n", label, shown);
}

static void line_digest(const char *label, const struct digest *d)
{
    char hex[HEX_LEN(sizeof d->b)];

    hex_encode_lower(d->b, sizeof d->b, hex);
    line(label, hex);
}

static void line_time(const char *label, int64_t us)
{
    char text[CLOCK_TEXT_LEN];

    clock_text(us, text);
    line(label, text);
}

static void line_eui(const char *label, const struct eui64 *id)
{
    char hex[HEX_LEN(sizeof id->b)];

    hex_encode(id->b, sizeof id->b, hex);
    line(label, hex);
}

static void print_orders(const struct authority *a)
{
    char text[512], hex[HEX_LEN(32)];
    size_t at = 0;

    line("key", a->key);
    line_digest("  certificate", &a->key_certificate);
    (void)snprintf(text, sizeof text, "%s, credentials replacement mode %s",
                   authority_method_name(a->method), gbcs_mode(a->mode)->name);
    line("method", text);
    text[0] = '\0';
    for (unsigned t = 0; t < DEVICE_COUNT; t++)
        if ((a->device_types & DEVICE_BIT(t)) != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? ", " : "",
                                   gbcs_device((enum device_type)t)->name);
    if (a->ppmid_only_ok)
        (void)snprintf(text + at, sizeof text - at, " (PPMID alone is allowed)");
    line("device types", text);
    (void)snprintf(text, sizeof text, "%u devices, at most %u %s each", a->roster_count,
                   a->attempts, a->attempts == 1 ? "command" : "commands");
    line("roster", text);
    line_digest("  sha256", &a->roster);
    for (size_t i = 0; i < a->n_compromised; i++) {
        hex_encode_lower(a->compromised[i].sha256.b, 32, hex);
        (void)snprintf(text, sizeof text, "%s %s, %s, certificate %s",
                       gbcs_cell(a->compromised[i].cell)->name,
                       a->compromised[i].actual != 0 ? "compromised" : "suspected",
                       authority_cause_name(a->compromised[i].cause), hex);
        line(i == 0 ? "compromised" : "", text);
    }
    for (size_t i = 0; i < a->n_replacements; i++) {
        hex_encode_lower(a->replacements[i].sha256.b, 32, hex);
        (void)snprintf(text, sizeof text, "%s by certificate %s",
                       gbcs_cell(a->replacements[i].cell)->name, hex);
        line(i == 0 ? "replaces" : "", text);
    }
    if (a->has_symmetric_key)
        line_digest("symmetric key", &a->symmetric_key_sha256);
}

static void print_document(const struct authority *a, int64_t now_us)
{
    static const struct eui64 nobody;
    char text[200];
    const char *standing = now_us < a->valid_from_us  ? ", not yet in its window"
                           : now_us >= a->valid_to_us ? ", ITS WINDOW HAS PASSED"
                                                      : ", in its window now";

    (void)snprintf(text, sizeof text, "%s %s: %s%s", authority_kind_name(a->kind), a->id,
                   authority_outcome_name(a->outcome), standing);
    line("document", text);
    line("for", a->exercise ? "AN EXERCISE: no live key, no live device" : "live devices");
    line_digest("digest", &a->digest);
    line("incident", a->incident);
    line("  parent", a->parent_incident);
    line("supersedes", a->supersedes);
    for (size_t i = 0; i < a->n_earlier; i++)
        line(i == 0 ? "  and before" : "", a->earlier[i]);
    line("by", a->by);
    line_time("from", a->valid_from_us);
    line_time("to", a->valid_to_us);
    if (eui64_cmp(&a->subscriber, &nobody) != 0) {
        line_eui("subscriber", &a->subscriber);
        if (eui64_cmp(&a->subscriber, &a->replacement_subscriber) != 0)
            line_eui("  taken over by", &a->replacement_subscriber);
    }
    line("  named", a->subscriber_name);
    if (a->kind != KIND_ACTIVATION && a->outcome == AUTHORITY_AUTHORISE)
        print_orders(a);
    if (a->kind == KIND_ACTIVATION) {
        line("key", a->key);
        line_digest("puts in force", &a->decision);
    }
    line("requester", a->requester);
    for (size_t i = 0; i < a->n_conflicts; i++)
        line(i == 0 ? "conflicts" : "", a->conflicts[i]);
    line("meeting", a->meeting);
    line("guidance", a->guidance_version);
    line("until", a->end_condition);
    if (a->review_us != 0)
        line_time("review", a->review_us);
    line("risk weighed", a->risk_weighed);
    line("direction", a->direction);
    line("reasons", a->reasons);
}

static void print_signers(const struct authority *a)
{
    for (size_t i = 0; i < a->n_signers; i++) {
        char text[400];
        const struct authority_signer *s = &a->signers[i];

        (void)snprintf(text, sizeof text, "%s (%s, %s): %s%s", s->holder, s->seat,
                       s->organisation,
                       s->counted ? "counts" : "does not count: ", s->reason);
        line(i == 0 ? "signers" : "", text);
    }
}

/* Judge by the configured authority the document names; its verdicts land in *a. */
static bool judge(struct span cms, const char *config_file, struct authority *a,
                  char warning[static AUTHORITY_WARNING_MAX], struct err *e)
{
    static struct config config;
    const struct config_authority *who;
    struct clock clock = clock_system();
    X509_STORE *anchors;
    bool ok;

    config_defaults(&config);
    if (!config_load(config_file, false, &config, e))
        return false;
    who = config_authority_find(&config, a->by);
    if (who == NULL)
        return err_set(e, ERR_DENIED, "decision.addressee",
                       "the configuration knows no authority \"%s\"", a->by);
    anchors = X509_STORE_new();
    if (anchors == NULL || X509_STORE_load_file(anchors, who->anchor) != 1) {
        X509_STORE_free(anchors);
        return err_set(e, ERR_INPUT, "config.trust", "%s: %s", who->anchor, err_openssl());
    }
    ok = authority_open(cms, &config, who, anchors, clock_now(&clock), a, e);
    X509_STORE_free(anchors);
    if (ok)
        (void)authority_ends_early(a, who, warning);
    return ok;
}

/* ---- what the register of keys has on it ---- */

/* The key below that certificate, "" where nobody knows. */
static const char *key_below(const json_t *keys, const char *sha256)
{
    const json_t *one;
    size_t i;

    json_array_foreach(keys, i, one) if (strcmp(ctl_text(one, "sha256"), sha256) == 0 &&
                                         ctl_text(one, "key_sha256")[0] !=
                                             '\0') return ctl_text(one, "key_sha256");
    return "";
}

/* Every entry by which the service would refuse this certificate. */
static void advise(const struct ctl *c, const json_t *keys, const struct authority *a,
                   const char *role, const struct digest *d, const char *whats)
{
    char hex[HEX_LEN(32)], text[400];
    const json_t *one;
    const char *key;
    size_t i;

    hex_encode_lower(d->b, 32, hex);
    key = key_below(keys, hex);
    json_array_foreach(keys, i, one)
    {
        bool own = strcmp(ctl_text(one, "what"), "spent") == 0 &&
                   strcmp(ctl_text(one, "incident"), a->incident) == 0;
        bool same = strcmp(ctl_text(one, "sha256"), hex) == 0 ||
                    (key[0] != '\0' && strcmp(ctl_text(one, "what"), "revoked") != 0 &&
                     strcmp(ctl_text(one, "key_sha256"), key) == 0);

        if (!same || own || strstr(whats, ctl_text(one, "what")) == NULL ||
            ctl_text(one, "taken_back")[0] != '\0')
            continue;
        (void)snprintf(text, sizeof text, "%s: %s in incident %s on %s", role,
                       ctl_text(one, "what"), ctl_text(one, "incident"),
                       ctl_text(one, "at"));
        if (c->json) /* what was signed is on standard output, as it is */
            ctl_say("ended: %s", text);
        else
            line("ended", text);
    }
}

static int ask(struct ctl *c, const struct authority *a)
{
    json_t *j, *keys;
    int rc = ctl_get(c, "/v1/keys", &j, NULL);

    if (rc != CTL_OK)
        return rc;
    keys = json_object_get(j, "keys");
    if (ctl_text(j, "next")[0] != '\0')
        rc = ctl_get_rest(c, "/v1/keys", "keys", ctl_text(j, "next"), keys);
    if (rc == CTL_OK && a->kind != KIND_ACTIVATION && a->outcome == AUTHORITY_AUTHORISE) {
        advise(c, keys, a, "key", &a->key_certificate, "replaced spent");
        if (a->has_symmetric_key)
            advise(c, keys, a, "symmetric key", &a->symmetric_key_sha256, "spent");
        for (size_t i = 0; i < a->n_replacements; i++)
            advise(c, keys, a, gbcs_cell(a->replacements[i].cell)->name,
                   &a->replacements[i].sha256, "compromised revoked replaced spent");
    }
    json_decref(j);
    return rc;
}

/* ---- what would become of it ---- */

/* Nothing changes there, and no signature is looked at. */
static int ask_service(struct ctl *c, const struct authority *a, struct span json)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (!ctl_path(path, "/v1/incidents/{}/review", a->incident, NULL))
        return CTL_INPUT;
    rc = ctl_send(c, "POST", path, json_loadb((const char *)json.at, json.len, 0, NULL), &j,
                  &text);
    if (rc != CTL_OK)
        return rc;
    if (c->json)
        (void)printf("%s\n", text);
    free(text);
    ctl_say_forecast(c, j);
    ctl_say_notified(c, j);
    if (!json_is_true(json_object_get(j, "allowed"))) {
        ctl_say("the service would refuse it by rule %s: %s", ctl_text(j, "rule"),
                ctl_text(j, "reason"));
        rc = CTL_DENIED;
    }
    json_decref(j);
    return rc;
}

/* Who signed, as the service will judge it. */
static int review_signers(const struct ctl *c, struct span cms, const char *config,
                          struct authority *a)
{
    char warning[AUTHORITY_WARNING_MAX] = "";
    struct err e;

    if (!judge(cms, config, a, warning, &e)) {
        print_signers(a);
        return ctl_failed_here(&e);
    }
    if (!c->json)
        print_signers(a);
    if (c->json && warning[0] != '\0') /* what was signed is on standard output, as it is */
        ctl_say("warning: %s", warning);
    else
        line("warning", warning);
    return CTL_OK;
}

int ctl_review(struct ctl *c, const struct ctl_args *args)
{
    static struct authority a;
    AUTO(mem) char *text = NULL;
    AUTO(mem) uint8_t *content = NULL;
    struct clock clock = clock_system();
    struct span in, json;
    struct err e;
    bool bare;
    size_t len, skip;
    int rc = CTL_OK;

    if (!ctl_read_file(args->v[0], AUTHORITY_CMS_MAX, &text, &len))
        return CTL_INPUT;
    skip = strspn(text, " \t\r\n");
    bare = text[skip] == '{';
    in = json = span_of(text, len);
    if (!bare) {
        if (!authority_content(in, &json, &e))
            return ctl_failed_here(&e);
        content = (uint8_t *)(uintptr_t)json.at;
    }
    if (c->json) {
        (void)fwrite(json.at, 1, json.len, stdout);
        (void)putchar('\n');
    }
    if (!authority_parse(json, &a, &e))
        return ctl_failed_here(&e);
    if (!c->json)
        print_document(&a, clock_now(&clock));
    if (args->opt[1] != NULL) {
        rc = ask(c, &a);
        if (rc != CTL_OK)
            return rc;
    }
    if (!bare && args->opt[0] != NULL)
        rc = review_signers(c, in, args->opt[0], &a);
    else if (!c->quiet && !bare)
        ctl_say("signatures were not looked at: --config judges them");
    return rc == CTL_OK && args->opt[1] != NULL ? ask_service(c, &a, json) : rc;
}
