/* SPDX-License-Identifier: MIT */
#include "standard.h"

#include "audit.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

/* Models of tokens that are programs; READY begins with it. */
static const char *const software[] = {"SoftHSM", "NSS "};

static const struct config_token *token_of(const struct service *sv)
{
    const struct config *c = &sv->config;

    return c->n_keys > 0 ? config_token_find(c, c->keys[0].token) : &c->tokens[0];
}

const char *standard_stated(const struct service *sv)
{
    const struct config_token *t = token_of(sv);

    return t != NULL ? t->standard : "";
}

/* What the last signer that was ready said of its token; "": none was. */
static const char *model(const struct service *sv)
{
    const struct signers *s = pump_signers(sv->pump);

    for (unsigned i = 0; i < signers_count(s); i++)
        if (signers_info(s, i)->what[0] != '\0')
            return signers_info(s, i)->what;
    return "";
}

static bool is_software(const char *what)
{
    for (size_t i = 0; i < sizeof software / sizeof software[0]; i++)
        if (strncmp(what, software[i], strlen(software[i])) == 0)
            return true;
    return false;
}

void standard_text(const struct service *sv, char out[static STANDARD_TEXT])
{
    const char *stated = standard_stated(sv);

    if (is_software(model(sv)))
        (void)snprintf(out, STANDARD_TEXT, "none: a software token%s",
                       stated[0] != '\0' ? ", whatever Standard= states" : "");
    else
        (void)snprintf(out, STANDARD_TEXT, "%s",
                       stated[0] != '\0' ? stated : "not stated: Standard= of the token");
}

bool standard_seen(struct service *sv, struct err *e)
{
    const struct config_token *t = token_of(sv);
    const char *what = model(sv);

    if (sv->standard_seen || t == NULL || what[0] == '\0')
        return true;
    sv->standard_seen = true;
    if (!is_software(what))
        return true;
    if (!sv->config.service.exercise)
        log_event(
            LOG_WARNING, MSG_SOFTWARE_TOKEN, NULL,
            "live, with a software token: its keys are as safe as this machine's disk "
            "(%s)",
            what);
    if (t->standard[0] == '\0')
        return true;
    log_event(LOG_WARNING, MSG_SOFTWARE_TOKEN, NULL,
              "Standard=%s is stated of a software token, which has none (%s)", t->standard,
              what);
    if (store_begin(sv->store, e) &&
        audit_put(sv->store, clock_now(&sv->clock), "STANDARD_DENIED", "",
                  AUDIT_ACTOR_SYSTEM, e, "{s:s,s:s,s:s}", "token", t->name, "stated",
                  t->standard, "what", what) &&
        store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}
