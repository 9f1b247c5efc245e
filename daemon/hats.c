/* SPDX-License-Identifier: MIT */
#include "hats.h"

#include "matter.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct config_person *person_of(const struct service *sv, uid_t uid)
{
    return peer_person(&sv->logins, &sv->config, uid);
}

/* "uid 1000", as service_who writes it. */
static const struct config_person *person_of_text(const struct service *sv, const char *who)
{
    unsigned long uid;
    char *end;

    if (strncmp(who, "uid ", 4) != 0 || !isdigit((unsigned char)who[4]))
        return NULL;
    errno = 0;
    uid = strtoul(who + 4, &end, 10);
    return errno == 0 && *end == '\0' && uid <= (uid_t)-1 ? person_of(sv, (uid_t)uid)
                                                          : NULL;
}

static bool operator_of(struct service *sv, const struct request *r,
                        const struct config_person **out, struct err *e)
{
    *out = person_of(sv, r->peer.uid);
    return *out != NULL ||
           err_set(e, ERR_DENIED, "incident.operator",
                   "uid %u is the login of no [Person]: nobody can say who operates",
                   (unsigned)r->peer.uid);
}

struct operators {
    const struct service *sv;
    struct people *m;
};

static void has_operated(void *arg, const char *who)
{
    const struct operators *o = arg;
    const struct config_person *p = person_of_text(o->sv, who);

    if (p != NULL)
        people_wear(o->m, p, HAT_OPERATOR);
}

bool hats_hand_in(struct service *sv, const struct request *r, const struct authority *a,
                  struct err *e)
{
    struct people m = {.config = &sv->config};
    struct operators o = {sv, &m};
    const struct config_person *p = person_of(sv, r->peer.uid);

    if (p != NULL)
        people_wear(&m, p, HAT_OPERATOR);
    people_of_document(&m, a);
    if (a->kind == KIND_ACTIVATION &&
        (!matter_papers(sv->store, &sv->trust, &a->decision, clock_now(&sv->clock), &m,
                        e) ||
         !matter_operators(sv->store, &a->decision, has_operated, &o, e)))
        return false;
    return people_apart(&m, e);
}

bool hats_operate(struct service *sv, const struct request *r,
                  const struct digest *decision, struct err *e)
{
    struct people m = {.config = &sv->config};
    const struct config_person *p;

    if (!operator_of(sv, r, &p, e) ||
        !matter_papers(sv->store, &sv->trust, decision, clock_now(&sv->clock), &m, e))
        return false;
    people_wear(&m, p, HAT_OPERATOR);
    return people_apart(&m, e);
}

bool hats_confirm(struct service *sv, const struct request *r, const struct batch *b,
                  struct err *e)
{
    struct people m = {.config = &sv->config};
    const struct config_person *p, *asked = person_of_text(sv, b->asked_by);

    if (!operator_of(sv, r, &p, e) ||
        !matter_papers(sv->store, &sv->trust, &b->decision, clock_now(&sv->clock), &m, e))
        return false;
    if (asked == NULL) /* the configuration has changed since */
        return err_set(e, ERR_DENIED, "incident.operator",
                       "%s, who asked, is the login of no [Person]", b->asked_by);
    people_wear(&m, asked, HAT_OPERATOR);
    people_wear(&m, p, HAT_SECOND_OPERATOR);
    return people_apart(&m, e);
}
