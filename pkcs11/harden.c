/* SPDX-License-Identifier: MIT */
#include "harden.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

bool harden(struct err *e)
{
    const struct rlimit none = {0, 0};
    sigset_t alarm_only;

    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    (void)setrlimit(RLIMIT_CORE, &none); /* a unit may forbid it, and has set it itself */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGALRM, SIG_DFL) == SIG_ERR ||
        sigprocmask(SIG_UNBLOCK, &alarm_only, NULL) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_set(e, ERR_STORE, "signer.harden", "cannot shut this process in: %s",
                       strerror(errno));
    return true;
}
