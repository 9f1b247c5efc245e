/* SPDX-License-Identifier: MIT */
#include "statefile.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static bool same_file(int fd, const char *path)
{
    struct stat here, there;

    return fstat(fd, &here) == 0 && lstat(path, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

enum statefile_held statefile_hold(int fd, const char *path)
{
    int got;

    do
        got = flock(fd, LOCK_EX);
    while (got != 0 && errno == EINTR);
    if (got != 0)
        return STATEFILE_FAILED;
    if (same_file(fd, path))
        return STATEFILE_HELD;
    statefile_let_go(fd);
    return STATEFILE_MOVED;
}

void statefile_let_go(int fd)
{
    (void)flock(fd, LOCK_UN);
}

bool statefile_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX];

    (void)snprintf(dir, sizeof dir, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
                   slash != NULL ? path : ".");
    AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}
