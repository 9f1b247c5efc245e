/* SPDX-License-Identifier: MIT
 *
 * Long output at a terminal goes through a pager, which shows less than a screen as it is.
 */
#include "ctl.h"

#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Without less it is printed as it would be without a pager. */
#define PAGER "command -v less >/dev/null || exec cat; exec less -FRX"

static pid_t pager;
static int columns; /* of the terminal that it writes to */

int ctl_columns(void)
{
    if (pager != 0)
        return columns;
    return isatty(STDOUT_FILENO) == 1 ? progress_width(stdout) : 0;
}

static void be_pager(int from, const char *command)
{
    (void)dup2(from, STDIN_FILENO);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_IGN); /* less takes it for "stop looking further" by itself */
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

void ctl_page(const struct ctl *c)
{
    const char *command = getenv("PAGER");
    int ends[2];

    if (pager != 0 || c->json || c->no_pager || isatty(STDOUT_FILENO) != 1)
        return;
    if (command == NULL)
        command = PAGER;
    if (command[0] == '\0' || strcmp(command, "cat") == 0 || pipe2(ends, O_CLOEXEC) != 0)
        return;
    columns = progress_width(stdout);
    (void)fflush(stdout);
    pager = fork();
    if (pager == 0)
        be_pager(ends[0], command);
    if (pager > 0)
        (void)dup2(ends[1], STDOUT_FILENO);
    else
        pager = 0;
    (void)close(ends[0]);
    (void)close(ends[1]);
}

bool ctl_page_end(void)
{
    if (pager == 0)
        return false;
    (void)fclose(stdout);
    while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
        ;
    return true;
}
