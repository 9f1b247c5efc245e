/* SPDX-License-Identifier: MIT */
#include "activation.h"

#include "clock.h"
#include "mem.h"
#include "people.h"
#include "trust.h"

#include <string.h>

bool activation_needed(const struct config *c, const char *by, uint32_t *needed)
{
    const struct config_authority *who = config_authority_find(c, by);
    const struct config_authority *keepers = config_authority_find(c, config_custodians);

    *needed = 0;
    if (who != NULL && who->organisation[0] != '\0')
        return false;
    if (keepers == NULL) /* nobody can switch it on, unless that is meant */
        return strcmp(c->trust.custodians, "none") != 0;
    *needed = keepers->threshold;
    return true;
}

/* Is the document about this decision, its key and its kind of service? */
static bool about(const struct authority *a, const struct authority *decision,
                  struct err *e)
{
    if (a->kind != KIND_ACTIVATION || a->outcome != AUTHORITY_AUTHORISE)
        return err_set(e, ERR_DENIED, "activation.kind",
                       "a document of kind %s and outcome %s switches no key on",
                       authority_kind_name(a->kind), authority_outcome_name(a->outcome));
    if (!digest_equal(&a->decision, &decision->digest) ||
        strcmp(a->incident, decision->incident) != 0)
        return err_set(e, ERR_DENIED, "activation.decision",
                       "activation %s is for another decision than %s", a->id,
                       decision->id);
    if (strcmp(a->key, decision->key) != 0)
        return err_set(e, ERR_DENIED, "activation.key",
                       "activation %s is for key \"%s\", decision %s uses \"%s\"", a->id,
                       a->key, decision->id, decision->key);
    if (a->exercise != decision->exercise)
        return err_set(e, ERR_DENIED, "activation.exercise",
                       "activation %s and decision %s: one is an exercise, the other live",
                       a->id, decision->id);
    return true;
}

bool activation_open(const struct trust *t, struct span cms,
                     const struct authority *decision, int64_t now_us,
                     struct activation *out, struct err *e)
{
    const struct config_authority *who =
        config_authority_find(t->config, config_custodians);
    AUTO(mem) struct authority *a = malloc(sizeof *a);
    struct people matter = {.config = t->config};
    int64_t us;

    memset(out, 0, sizeof *out);
    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "activation: out of memory");
    if (who == NULL || cms.len == 0)
        return err_set(e, ERR_DENIED, "activation.missing",
                       "no custodian has switched on key \"%s\" for decision %s",
                       decision->key, decision->id);
    if (!authority_open(cms, t->config, who, t->anchors[who - t->config->authorities],
                        now_us, a, e))
        return err_wrap(e, "activation");
    if (!about(a, decision, e))
        return false;
    people_of_document(&matter, decision);
    people_of_document(&matter, a);
    if (!people_apart(&matter, e))
        return false;
    us = a->valid_to_us - a->valid_from_us;
    if (us > who->max_window_s * 1000000)
        return err_set(e, ERR_DENIED, "decision.window-length",
                       "activation %s: the window is %lld s long; %lld s are allowed",
                       a->id, (long long)(us / 1000000), (long long)who->max_window_s);
    *out = (struct activation){.given = true,
                               .digest = a->digest,
                               .valid_from_us = a->valid_from_us,
                               .valid_to_us = a->valid_to_us,
                               .custodians = a->n_counted};
    return activation_live(out, now_us, e);
}

bool activation_live(const struct activation *a, int64_t now_us, struct err *e)
{
    char from[CLOCK_TEXT_LEN], to[CLOCK_TEXT_LEN];

    if (!a->given || (now_us >= a->valid_from_us && now_us <= a->valid_to_us))
        return true;
    clock_text(a->valid_from_us, from);
    clock_text(a->valid_to_us, to);
    return err_set(e, ERR_DENIED,
                   now_us < a->valid_from_us ? "activation.early" : "activation.window",
                   "the key is switched on from %s to %s", from, to);
}
