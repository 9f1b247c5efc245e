/* SPDX-License-Identifier: MIT
 *
 * meter_check - the judgement of a device: is this command authentic, for me and fresh; and
 * what becomes of each cell.
 *
 * device_judge() changes nothing; device_settle() does what the judgement says. Order of
 * the checks: envelope, addressee, payload, mode, authorising cell, signature, MAC,
 * originator, counters; then each replacement by itself.
 *
 * Source:  GBCS 13.3.4, as far as public text goes.
 * Effects: none on judge; the device on settle.
 */
#ifndef METER_CHECK_H
#define METER_CHECK_H

#include "meter_command.h"
#include "meter_device.h"

struct outcome {
    int status;             /* StatusCode */
    const char *why;        /* which rule, for people */
    uint32_t before, after; /* certificates in the cell; equal when not replaced */
};

struct judgement {
    enum refusal why;
    struct command cmd;
    struct outcome outcome[REPLACEMENTS_MAX]; /* as cmd.put */
    unsigned failed;                          /* how many are not status 0 */
    bool later;                               /* future dated: outcomes not known yet */
    bool cancel;
    int role;       /* whose counter the command uses */
    uint32_t trust; /* certificate that vouched for the command */
};

struct court { /* what a judgement leans on besides the device */
    struct meters *m;
    const char *now;
    EVP_PKEY *signer; /* NULL, or a key taken in place of the authorising cell's: lets a
                         test without the token re-sign what it has changed */
};

void device_judge(const struct court *c, const struct device *d, struct octets message,
                  struct judgement *out);
/* Judge replacements again, when a future-dated command's hour has come. */
void device_judge_cells(const struct court *c, const struct device *d, struct judgement *j);
void device_settle(struct device *d, const struct judgement *j, struct octets message);
/* The counters a device sets for this command: authorising role first. */
size_t device_changes(const struct device *d, const struct judgement *j,
                      struct change out[CHANGES_MAX + 1]);

#endif
