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
#include "quorum.h"

#include <openssl/x509_vfy.h>

#include <stdlib.h>
#include <string.h>

static void print_signers(const struct authority *a)
{
    for (size_t i = 0; i < a->n_signers; i++) {
        char text[400];
        const struct authority_signer *s = &a->signers[i];

        (void)snprintf(text, sizeof text, "%s (%s, %s): %s%s%s%s", s->holder, s->seat,
                       s->organisation, s->counted ? "counts" : "does not count, ",
                       s->counted ? "" : authority_verdict_name(s->verdict),
                       s->counted ? "" : ": ", s->reason);
        ctl_line(i == 0 ? "signers" : "", text);
    }
}

/* The same for programs, behind the document. */
static void print_verdicts(const struct authority *a)
{
    json_t *j = json_pack("{s:o}", "signers", authority_signers(a));

    ctl_json(j);
    json_decref(j);
}

/* Judge by the configured authority the document names; its verdicts land in *a. */
static bool judge(struct span cms, const char *config_file, struct authority *a,
                  char warning[static QUORUM_WARNING_MAX], struct err *e)
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
        (void)quorum_ends_early(a, who, warning);
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
            ctl_line("ended", text);
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
        ctl_json(j);
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
    char warning[QUORUM_WARNING_MAX] = "";
    struct err e;

    bool ok = judge(cms, config, a, warning, &e);

    if (c->json)
        print_verdicts(a);
    else
        print_signers(a);
    if (!ok)
        return ctl_failed_here(&e);
    if (c->json && warning[0] != '\0') /* what was signed is on standard output, as it is */
        ctl_say("warning: %s", warning);
    else
        ctl_line("warning", warning);
    return CTL_OK;
}

/* ---- whose certificates they are ---- */

/* Of the file given, or as the incident has them. What is not known is not shown: the digest
 * is what counts. */
static int know(struct ctl *c, const char *file, bool asks, const struct authority *a,
                struct certs *out)
{
    struct client_call get = {.socket = c->socket, .method = "GET", .fd = -1};
    struct client_answer answer = {0};
    char path[512];
    struct err e;

    if (file != NULL)
        return certs_read_file(file, out, &e) ? CTL_OK : ctl_failed_here(&e);
    if (!asks)
        return CTL_OK;
    if (!ctl_path(path, "/v1/incidents/{}/certificates", a->incident, NULL))
        return CTL_INPUT;
    get.login = c->login;
    get.path = path;
    if (!client_call(&get, &answer, &e) ||
        !certs_read(span_of(answer.body, answer.len), "certificates", out, &e))
        certs_done(out); /* none on file: then none is known */
    client_answer_done(&answer);
    return CTL_OK;
}

/* In words; false: said why not. */
static int tell(struct ctl *c, const struct ctl_args *args, const struct authority *a,
                struct span json)
{
    AUTO(mem) struct certs *known = calloc(1, sizeof *known);
    json_t *document = json_loadb((const char *)json.at, json.len, 0, NULL);
    struct clock clock = clock_system();
    int rc =
        known == NULL ? CTL_STORE : know(c, args->opt[2], args->opt[1] != NULL, a, known);

    if (rc == CTL_OK)
        ctl_paper(a, document, known, clock_now(&clock));
    if (known != NULL)
        certs_done(known);
    json_decref(document);
    return rc;
}

int ctl_review(struct ctl *c, const struct ctl_args *args)
{
    static struct authority a;
    AUTO(mem) char *text = NULL;
    AUTO(mem) uint8_t *content = NULL;
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
        rc = tell(c, args, &a, json);
    if (rc != CTL_OK)
        return rc;
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
