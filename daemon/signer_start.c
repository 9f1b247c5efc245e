/* SPDX-License-Identifier: MIT */
#include "signer_start.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

/* A child with nothing of ours but its socket on descriptor 3 and stderr. */
static bool spawn(const struct config *c, const char *config_path, int *ours, int *child,
                  struct err *e)
{
    const char *program = c->service.signer_program;
    char *argv[] = {(char *)(uintptr_t)program,     (char *)(uintptr_t) "--config",
                    (char *)(uintptr_t)config_path, (char *)(uintptr_t) "--fd",
                    (char *)(uintptr_t) "3",        NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int pair[2];
    pid_t pid;
    int rc;

    if (config_path == NULL)
        argv[1] = argv[3], argv[2] = argv[4], argv[3] = NULL;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return err_set(e, ERR_BUSY, "signer.socket", "socketpair: %s", strerror(errno));
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
    (void)posix_spawnattr_init(&attr);
    (void)sigemptyset(&none);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    /* dup2 onto itself keeps close-on-exec: move it out of the way first */
    if (pair[1] == 3) {
        int up = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);

        (void)close(pair[1]);
        pair[1] = up;
        (void)posix_spawn_file_actions_destroy(&actions);
        (void)posix_spawn_file_actions_init(&actions);
        (void)posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
    }
    rc = posix_spawn(&pid, program, &actions, &attr, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    (void)close(pair[1]);
    if (rc != 0) {
        (void)close(pair[0]);
        return err_set(e, ERR_BUSY, "signer.socket", "cannot start %s: %s", program,
                       strerror(rc));
    }
    *child = pid;
    *ours = pair[0];
    return true;
}

static bool reach(const struct config *c, int *ours, struct err *e)
{
    const char *path = c->service.signer_socket;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    AUTO(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof a.sun_path)
        return err_set(e, ERR_INPUT, "config.service", "SignerSocket= is too long");
    (void)strcpy(a.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        return err_set(e, ERR_BUSY, "signer.socket", "%s: %s", path, strerror(errno));
    *ours = fd;
    fd = -1;
    return true;
}

bool signer_start(const struct config *c, const char *config_path, int *fd, int *child,
                  struct err *e)
{
    *child = 0;
    return c->service.signer_socket[0] != '\0' ? reach(c, fd, e)
                                               : spawn(c, config_path, fd, child, e);
}
