/* SPDX-License-Identifier: MIT */
#include "module_file.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char softhsm_conf[] = "/etc/softhsm/softhsm2.conf";
static const char softhsm_key[] = "directories.tokendir";

static bool trusted(const char *path, const struct stat *st, struct err *e)
{
    bool own_group = st->st_gid == 0 || st->st_gid == getegid();
    mode_t forbidden = S_IWOTH | (own_group ? 0 : (mode_t)S_IWGRP);

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return err_set(e, ERR_TOKEN, "token.module",
                       "%s belongs to user %u, not to root or to this user", path,
                       (unsigned)st->st_uid);
    /* in a sticky directory only the owner can put another file in the place of ours */
    if ((st->st_mode & forbidden) != 0 &&
        !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0))
        return err_set(e, ERR_TOKEN, "token.module", "others may write %s", path);
    return true;
}

bool module_file_check(const char *path, char *real, struct err *e)
{
    struct stat st;
    AUTO(mem) char *resolved = NULL;
    char *slash;

    if (path[0] != '/')
        return err_set(e, ERR_TOKEN, "token.module", "%s: not an absolute path", path);
    resolved = realpath(path, NULL);
    if (resolved == NULL || stat(resolved, &st) != 0)
        return err_set(e, ERR_TOKEN, "token.module", "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || strlen(resolved) >= CONFIG_PATH_MAX)
        return err_set(e, ERR_TOKEN, "token.module", "%s: not a plain file", path);
    if (!trusted(resolved, &st, e))
        return false;
    (void)strcpy(real, resolved);
    slash = strrchr(resolved, '/');
    slash[slash == resolved ? 1 : 0] = '\0';
    if (stat(resolved, &st) != 0)
        return err_set(e, ERR_TOKEN, "token.module", "%s: %s", resolved, strerror(errno));
    return trusted(resolved, &st, e);
}

/* The value of directories.tokendir in an open configuration. */
static bool token_dir(FILE *f, char *dir, size_t cap)
{
    char line[512];

    while (fgets(line, sizeof line, f) != NULL) {
        char *p = line;

        while (isspace((unsigned char)*p))
            p++;
        if (strncmp(p, softhsm_key, sizeof softhsm_key - 1) != 0)
            continue;
        p += sizeof softhsm_key - 1;
        p += strspn(p, " \t=");
        p[strcspn(p, " \t\r\n")] = '\0';
        (void)snprintf(dir, cap, "%s", p);
        return true;
    }
    return false;
}

void module_file_hint(const char *path, char *hint, size_t cap)
{
    const char *conf = secure_getenv("SOFTHSM2_CONF");
    char dir[512];
    FILE *f;

    hint[0] = '\0';
    if (strstr(path, "softhsm") == NULL)
        return;
    if (conf == NULL)
        conf = softhsm_conf;
    f = fopen(conf, "re");
    if (f == NULL) {
        (void)snprintf(hint, cap,
                       "; user %u cannot read %s (%s): set SOFTHSM2_CONF or add the user "
                       "to the file's group",
                       (unsigned)geteuid(), conf, strerror(errno));
        return;
    }
    if (token_dir(f, dir, sizeof dir) && access(dir, R_OK | X_OK) != 0)
        (void)snprintf(hint, cap,
                       "; user %u cannot read the token directory %s (%s) named in %s",
                       (unsigned)geteuid(), dir, strerror(errno), conf);
    (void)fclose(f);
}
