/* SPDX-License-Identifier: MIT
 *
 * Which files make up the configuration, in which order, and who may own them.
 */
#include "config.h"

#include "mem.h"
#include "owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_file(const char *path, bool strict_owner, struct config *out,
                      struct err *e)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO(mem) char *text = malloc(CONFIG_FILE_MAX + 1);
    size_t len = 0;

    if (fd < 0 || text == NULL)
        return err_set(e, ERR_INPUT, "config.file", "%s: %s", path, strerror(errno));
    if (strict_owner && (!owner_of_open(fd, path, e) || !owner_of_path(path, e)))
        return false;
    for (;;) {
        ssize_t n = read(fd, text + len, CONFIG_FILE_MAX + 1 - len);

        if (n < 0)
            return err_set(e, ERR_INPUT, "config.file", "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > CONFIG_FILE_MAX)
            break;
    }
    return config_parse(span_of(text, len), path, out, e);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

struct found {
    char path[PATH_MAX];
};

static int by_base(const void *a, const void *b)
{
    return strcmp(base_name(((const struct found *)a)->path),
                  base_name(((const struct found *)b)->path));
}

/* Add dir/ *.conf; a name already there (from a root of higher rank) masks this one. */
static bool add_dropins(const char *dir, struct found *list, size_t *n, size_t max,
                        struct err *e)
{
    char pattern[PATH_MAX];
    glob_t g;
    DIR *d;

    (void)snprintf(pattern, sizeof pattern, "%s/*.conf", dir);
    /* settings that cannot be read are not settings that are not there */
    d = opendir(dir);
    if (d == NULL)
        return errno == ENOENT ||
               err_set(e, ERR_INPUT, "config.file", "%s: %s", dir, strerror(errno));
    (void)closedir(d);
    if (glob(pattern, 0, NULL, &g) != 0)
        return true;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        bool masked = false;

        for (size_t k = 0; k < *n; k++)
            masked =
                masked || strcmp(base_name(list[k].path), base_name(g.gl_pathv[i])) == 0;
        if (masked)
            continue;
        if (*n == max || strlen(g.gl_pathv[i]) >= PATH_MAX) {
            globfree(&g);
            return err_set(e, ERR_INPUT, "config.file", "%s: too many drop-in files", dir);
        }
        (void)strcpy(list[(*n)++].path, g.gl_pathv[i]);
    }
    globfree(&g);
    return true;
}

bool config_load(const char *path, bool strict_owner, struct config *out, struct err *e)
{
    static const char *const roots[] = {"/etc/smki-recovery", "/run/smki-recovery",
                                        "/usr/lib/smki-recovery"};
    enum { MAX = 128 };
    AUTO(mem) struct found *list = calloc(MAX, sizeof *list);
    char name[PATH_MAX];
    size_t n = 0;
    bool any = false;

    config_defaults(out);
    if (list == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (path != NULL) {
        (void)snprintf(name, sizeof name, "%s.d", path);
        if (!read_file(path, strict_owner, out, e) || !add_dropins(name, list, &n, MAX, e))
            return false;
    } else {
        for (size_t i = 0; i < 3; i++) {
            (void)snprintf(name, sizeof name, "%s/recovery.conf", roots[i]);
            if (!any && access(name, F_OK) == 0) {
                any = true;
                if (!read_file(name, strict_owner, out, e))
                    return false;
            }
            (void)snprintf(name, sizeof name, "%s/recovery.conf.d", roots[i]);
            if (!add_dropins(name, list, &n, MAX, e))
                return false;
        }
        if (!any)
            return err_set(e, ERR_INPUT, "config.file",
                           "no recovery.conf in /etc/smki-recovery, /run/smki-recovery or "
                           "/usr/lib/smki-recovery");
    }
    qsort(list, n, sizeof *list, by_base);
    for (size_t i = 0; i < n; i++) {
        char target[16];
        ssize_t len = readlink(list[i].path, target, sizeof target);

        if (len == 9 && memcmp(target, "/dev/null", 9) == 0)
            continue; /* masked on purpose */
        if (!read_file(list[i].path, strict_owner, out, e))
            return false;
    }
    return config_check(out, e);
}
