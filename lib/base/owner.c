/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool sound(const struct stat *st, const char *path, struct err *e)
{
    bool kept = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

    if ((st->st_uid == 0 || st->st_uid == geteuid()) &&
        ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0 || kept))
        return true;
    return err_set(
        e, ERR_DENIED, "config.owner",
        "%s must belong to root (or to this user) and be writable by no one else", path);
}

bool owner_of_open(int fd, const char *path, struct err *e)
{
    struct stat st = {.st_uid = (uid_t)-1, .st_mode = S_IWOTH};

    (void)fstat(fd, &st); /* failed: it is nobody's */
    return sound(&st, path, e);
}

bool owner_of_path(const char *path, struct err *e)
{
    AUTO(mem) char *real = realpath(path, NULL);
    struct stat st;
    char *slash;

    if (real == NULL || stat(real, &st) != 0)
        return true;
    if (!sound(&st, real, e))
        return false;
    slash = strrchr(real, '/');
    slash[slash == real ? 1 : 0] = '\0';
    return stat(real, &st) == 0 ? sound(&st, real, e)
                                : err_set(e, ERR_DENIED, "config.owner", "%s: gone", real);
}
