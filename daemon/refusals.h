/* SPDX-License-Identifier: MIT
 *
 * refusals - how many refusals of one uid are written out, and a sum for the rest.
 *
 * A refusal leaves an audit record, and a record costs a flush and some hundred octets. A
 * peer that asks without pause must not fill the disk or keep the loop from its work, so a
 * uid has a number of records a minute; what goes beyond is counted by rule and becomes one
 * record when the minute is over. Nothing is lost but the text of repetitions.
 *
 * Decided here: a uid with a role may have 600 records a minute, one without 60. Of at most
 * 64 uids the count is kept apart; those beyond share one place ("others").
 * Effects: none; time is a parameter.
 */
#ifndef REFUSALS_H
#define REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define REFUSALS_MINUTE_US   (60 * INT64_C(1000000))
#define REFUSALS_WITH_ROLE   600
#define REFUSALS_WITHOUT     60
#define REFUSALS_UIDS_MAX    64
#define REFUSALS_RULES_MAX   8
#define REFUSALS_RULE_LEN    48
#define REFUSALS_OTHERS      ((uid_t)-1) /* the place shared by the uids beyond */
#define REFUSALS_OTHER_RULES "other"     /* the place shared by the rules beyond */

struct refusals_sum {
    uid_t uid;
    int64_t since_us; /* begin of its minute */
    unsigned written; /* in full */
    uint64_t summed;  /* not written; by rule: */
    struct {
        char rule[REFUSALS_RULE_LEN];
        uint64_t n;
    } rules[REFUSALS_RULES_MAX];
    size_t n_rules;
};

struct refusals {
    struct refusals_sum at[REFUSALS_UIDS_MAX + 1];
    size_t n;
};

/* A refusal of this uid by this rule: true, write it in full; false, it is counted. */
bool refusals_admit(struct refusals *r, uid_t uid, bool has_role, const char *rule,
                    int64_t now_us);
/*
 * Take one sum whose minute is over (or any, with everything true: at the end of the
 * service) out of the table, if it counted something; those that did not are forgotten.
 * False: there is none.
 */
bool refusals_take(struct refusals *r, int64_t now_us, bool everything,
                   struct refusals_sum *out);

#endif
