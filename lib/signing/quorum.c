/* SPDX-License-Identifier: MIT */
#include "quorum.h"

#include "clock.h"
#include "name.h"
#include "people.h"

#include <stdio.h>

static bool not(struct authority_signer * s, enum signer_verdict verdict,
                const char *reason)
{
    s->verdict = verdict;
    (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    return false;
}

static bool in_conflict(const struct authority *a, const struct authority_signer *s)
{
    for (size_t i = 0; i < a->n_conflicts; i++)
        if (people_named(s->person, a->conflicts[i]))
            return true;
    return false;
}

static bool of_affected(const struct authority *a, const struct authority_signer *s)
{
    if (name_same(a->subscriber_name, s->organisation))
        return true;
    for (size_t i = 0; i < a->n_affected; i++)
        if (name_same(a->affected[i], s->organisation))
            return true;
    return false;
}

/* How the document's own record of the meeting has that person. */
static const struct authority_present *present(const struct authority *a,
                                               const struct config_person *who)
{
    for (size_t i = 0; i < a->n_present; i++)
        if (people_named(who, a->present[i].holder))
            return &a->present[i];
    return NULL;
}

/* Whoever was not there, or was against it, has not decided it, whatever he signs. */
static bool decided(const struct authority *a, struct authority_signer *s)
{
    const struct authority_present *p = present(a, s->person);

    if (a->kind != KIND_DECISION)
        return true;
    if (p == NULL)
        return not(s, SIGNER_ABSENT, "is not among the members present at the meeting");
    return !p->against || a->outcome != AUTHORITY_AUTHORISE ||
           not(s, SIGNER_VOTED_AGAINST, "voted against, by the record of the meeting");
}

/* Is s one more person behind this document? Looks at the valid signers before it. */
static bool counts(const struct authority *a, const struct config_authority *who,
                   const bool valid[], size_t i, struct authority_signer *s)
{
    for (size_t k = 0; k < i; k++) {
        if (!valid[k])
            continue;
        if (a->signers[k].person == s->person)
            return not(s, SIGNER_TWICE, "the same person has signed already");
        if (a->kind == KIND_ACTIVATION && a->signers[k].counted &&
            name_same(a->signers[k].organisation, s->organisation))
            return not(s, SIGNER_TWICE,
                       "another custodian of the same organisation is counted");
    }
    if (who->organisation[0] == '\0' && a->requester[0] != '\0' &&
        people_named(s->person, a->requester))
        return not(s, SIGNER_CONCERNED,
                   a->kind == KIND_ACTIVATION ? "is requester and custodian: has asked"
                                              : "is requester and approver: has asked");
    if (in_conflict(a, s))
        return not(s, SIGNER_CONCERNED,
                   "is conflicted and approver: declared a conflict of interest");
    if (a->kind == KIND_DECISION && of_affected(a, s))
        return not(s, SIGNER_CONCERNED, "belongs to an affected organisation");
    return decided(a, s);
}

static size_t people(const struct authority *a, const bool valid[])
{
    size_t n = 0;

    for (size_t i = 0; i < a->n_signers; i++) {
        bool new = valid[i];

        for (size_t k = 0; new &&k < i; k++)
            new = !valid[k] || a->signers[k].person != a->signers[i].person;
        n += new;
    }
    return n;
}

/* Does a counted signer fill the seat? The CA (OU) and root (Seats=) must both say so. */
static bool seated(const struct authority_signer *s, const char *seat)
{
    for (size_t i = 0; s->counted && i < s->person->n_seats; i++)
        if (name_same(seat, s->seat) && name_same(seat, s->person->seats[i]))
            return true;
    return false;
}

/* Who does not count and why, each of them, for the sentence of a refusal; "" when everybody
 * counts. */
static void left_out(const struct authority *a, char *out, size_t cap)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; at < cap && i < a->n_signers; i++)
        if (!a->signers[i].counted)
            at += (size_t)snprintf(out + at, cap - at, "; \"%s\": %s", a->signers[i].holder,
                                   a->signers[i].reason);
}

/* Whoever signs an authorisation signs what the meeting did not vote down; and no more voted
 * than were there. */
static bool voted_for(const struct authority *a, struct err *e)
{
    size_t votes = (size_t)a->votes_for + a->votes_against + a->votes_abstain;
    size_t against = 0;

    if (a->kind != KIND_DECISION)
        return true;
    for (size_t i = 0; i < a->n_present; i++)
        against += a->present[i].against;
    if (votes > a->n_present || against > a->votes_against)
        return err_set(e, ERR_DENIED, "decision.votes",
                       "member meeting: %zu votes and %zu members present, %u against and "
                       "%zu named as such",
                       votes, a->n_present, a->votes_against, against);
    return a->outcome != AUTHORITY_AUTHORISE || a->votes_for > a->votes_against ||
           err_set(
               e, ERR_DENIED, "decision.votes",
               "member meeting: %u voted for and %u against, and the document authorises",
               a->votes_for, a->votes_against);
}

/* The rule for which there are too few: that of the meeting where that alone makes the
 * difference. */
static const char *short_of(const struct authority *a, unsigned threshold)
{
    size_t absent = 0, against = 0;

    for (size_t i = 0; i < a->n_signers; i++) {
        absent += a->signers[i].verdict == SIGNER_ABSENT;
        against += a->signers[i].verdict == SIGNER_VOTED_AGAINST;
    }
    if (absent > 0 && a->n_counted + absent >= threshold)
        return "decision.absent";
    if (against > 0 && a->n_counted + absent + against >= threshold)
        return "decision.votes";
    return "decision.quorum";
}

bool quorum_count(struct authority *a, const struct config_authority *who,
                  const bool valid[], struct err *e)
{
    char why[420];
    size_t n;

    for (size_t i = 0; i < a->n_signers; i++) {
        struct authority_signer *s = &a->signers[i];

        s->counted = valid[i] && counts(a, who, valid, i, s);
        if (s->counted)
            s->verdict = SIGNER_COUNTED;
        a->n_counted += s->counted;
    }
    n = people(a, valid);
    if (n > who->members)
        return err_set(e, ERR_DENIED, "decision.members",
                       "%zu people of \"%s\" have signed; it has %u members", n, who->name,
                       who->members);
    if (a->n_counted < who->threshold) {
        left_out(a, why, sizeof why);
        return err_set(e, ERR_DENIED, short_of(a, who->threshold),
                       "%zu of %zu signatures count; \"%s\" needs %u%s", a->n_counted,
                       a->n_signers, who->name, who->threshold, why);
    }
    for (size_t k = 0; k < who->n_seats; k++) {
        bool seen = false;

        for (size_t i = 0; i < a->n_signers; i++)
            seen |= seated(&a->signers[i], who->seats[k]);
        if (!seen)
            return err_set(e, ERR_DENIED, "decision.seats",
                           "nobody of the required seat \"%s\" is counted", who->seats[k]);
    }
    return voted_for(a, e);
}

/* --- how long it lasts --- */

bool quorum_ends_early(const struct authority *a, const struct config_authority *who,
                       char why[static QUORUM_WARNING_MAX])
{
    const struct authority_signer *first = NULL;
    char at[CLOCK_TEXT_LEN];
    const char *seat = NULL;
    size_t left = 0;

    for (size_t i = 0; i < a->n_signers; i++) {
        const struct authority_signer *s = &a->signers[i];

        if (!s->counted)
            continue;
        if (s->ends_us >= a->valid_to_us)
            left++;
        else if (first == NULL || s->ends_us < first->ends_us)
            first = s;
    }
    if (first == NULL)
        return false;
    for (size_t k = 0; k < who->n_seats; k++) {
        bool kept = false;

        for (size_t i = 0; i < a->n_signers; i++)
            kept |= a->signers[i].ends_us >= a->valid_to_us &&
                    seated(&a->signers[i], who->seats[k]);
        if (!kept)
            seat = who->seats[k];
    }
    clock_text(first->ends_us, at);
    (void)snprintf(why, QUORUM_WARNING_MAX,
                   "the certificate of \"%s\" ends %s, inside the window; at its end %zu "
                   "still count and %u are needed%s%s%s",
                   first->holder, at, left, who->threshold,
                   seat != NULL ? "; nobody is left of the required seat \"" : "",
                   seat != NULL ? seat : "", seat != NULL ? "\"" : "");
    return true;
}
