/* SPDX-License-Identifier: MIT */
#include "harden.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void harden(void)
{
    const struct rlimit none = {0, 0};
    sigset_t alarm_only;

    (void)sigemptyset(&alarm_only);
    (void)sigaddset(&alarm_only, SIGALRM);
    (void)setrlimit(RLIMIT_CORE, &none); /* a unit may forbid it, and has set it itself */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGALRM, SIG_DFL) == SIG_ERR ||
        sigprocmask(SIG_UNBLOCK, &alarm_only, NULL) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        abort();
}
