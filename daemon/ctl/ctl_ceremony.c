/* SPDX-License-Identifier: MIT
 *
 * Ceremonies and custodians: a record is handed in, the register is looked at, somebody leaves.
 */
#include "ctl.h"

static int run_add(struct ctl *c, const struct ctl_args *a)
{
    json_t *j;
    char *text;
    int rc =
        ctl_upload(c, "POST", "/v1/ceremonies", "application/json", a->v[0], &j, &text);

    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

static int run_list(struct ctl *c, const struct ctl_args *a)
{
    (void)a;
    return ctl_show_list(c, "/v1/ceremonies", "ceremonies");
}

static int run_custodians(struct ctl *c, const struct ctl_args *a)
{
    (void)a;
    return ctl_show_list(c, "/v1/custodians", "custodians");
}

static int run_leave(struct ctl *c, const struct ctl_args *a)
{
    char path[512];
    json_t *j;
    char *text;
    int rc;

    if (a->opt[0] == NULL) {
        ctl_say("--reason TEXT is due: why; it stays on record");
        ctl_next("smki-recoveryctl custodians leave --help");
        return CTL_USAGE;
    }
    if (!ctl_path(path, "/v1/custodians/{}/leave", a->v[0], NULL))
        return CTL_INPUT;
    rc = ctl_send(c, "POST", path, json_pack("{s:s}", "reason", a->opt[0]), &j, &text);
    return rc == CTL_OK ? ctl_done(c, j, text) : rc;
}

const struct ctl_verb ctl_ceremony_verbs[] = {
    {"ceremony add",
     "FILE",
     1,
     1,
     "Hand in the record that a ceremony left",
     run_add,
     {{0}}},
    {"ceremony list", "", 0, 0, "Ceremonies on file", run_list, {{0}}},
    {"custodians list",
     "",
     0,
     0,
     "Who holds which share, since when, last proven when",
     run_custodians,
     {{0}}},
    {"custodians leave",
     "PERSON",
     1,
     1,
     "A custodian leaves: the shares have to be given out anew",
     run_leave,
     {{"reason", "TEXT", "why; it stays on record"}}},
    {0},
};
