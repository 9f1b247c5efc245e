/* SPDX-License-Identifier: MIT */
#include "hats.h"

#include "matter.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct config_person *person_of(const struct service *sv, uid_t uid)
{
    return peer_person(&sv->logins, &sv->config, uid);
}

/* "uid 1000 login 1000", as service_who writes it; before there were logins: "uid 1000". */
static bool uid_of_text(const char *who, uid_t *out)
{
    unsigned long uid;
    char *end;

    if (strncmp(who, "uid ", 4) != 0 || !isdigit((unsigned char)who[4]))
        return false;
    errno = 0;
    uid = strtoul(who + 4, &end, 10);
    *out = (uid_t)uid;
    return errno == 0 && (*end == '\0' || *end == ' ') && uid <= (uid_t)-1;
}

static const struct config_person *person_of_text(const struct service *sv, const char *who)
{
    uid_t uid;

    return uid_of_text(who, &uid) ? person_of(sv, uid) : NULL;
}

const char *hats_name(const struct service *sv, const char *who)
{
    const struct config_person *p = person_of_text(sv, who);

    return p != NULL ? p->holder : who;
}

void hats_tell(const struct service *sv, json_t *answer)
{
    static const char *const members[] = {"by", "asked_by", "confirmed_by"};
    const char *key;
    json_t *v;
    size_t i;

    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++) {
        const char *who = json_string_value(json_object_get(answer, members[m]));
        const struct config_person *p = who != NULL ? person_of_text(sv, who) : NULL;
        char name[24];

        (void)snprintf(name, sizeof name, "%s_name", members[m]);
        if (p != NULL)
            (void)json_object_set_new(answer, name, json_string(p->holder));
    }
    json_object_foreach(answer, key, v) hats_tell(sv, v);
    json_array_foreach(answer, i, v) hats_tell(sv, v);
}

bool hats_same_login(const char *who, const struct request *r)
{
    uid_t uid;

    return uid_of_text(who, &uid) && uid == r->peer.uid;
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

/* Puts both hats on; asked_by is who asked, r whoever agrees. */
static bool two_operators(struct service *sv, const struct request *r, const char *asked_by,
                          struct people *m, struct err *e)
{
    const struct config_person *p, *asked = person_of_text(sv, asked_by);

    if (!operator_of(sv, r, &p, e))
        return false;
    if (asked == NULL) /* the configuration has changed since */
        return err_set(e, ERR_DENIED, "incident.operator",
                       "%s, who asked, is the login of no [Person]", asked_by);
    people_wear(m, asked, HAT_OPERATOR);
    people_wear(m, p, HAT_SECOND_OPERATOR);
    return true;
}

bool hats_confirm(struct service *sv, const struct request *r, const struct batch *b,
                  struct err *e)
{
    struct people m = {.config = &sv->config};

    return two_operators(sv, r, b->asked_by, &m, e) &&
           matter_papers(sv->store, &sv->trust, &b->decision, clock_now(&sv->clock), &m,
                         e) &&
           people_apart(&m, e);
}

bool hats_first(struct service *sv, const struct request *r, struct err *e)
{
    const struct config_person *p;

    return operator_of(sv, r, &p, e);
}

bool hats_second(struct service *sv, const struct request *r, const char *asked_by,
                 struct err *e)
{
    struct people m = {.config = &sv->config};

    return two_operators(sv, r, asked_by, &m, e) && people_apart(&m, e);
}
