/* SPDX-License-Identifier: MIT */
#include "rosters.h"

#include "mem.h"
#include "memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void rosters_path(const char *dir, const struct digest *name, char out[PATH_MAX])
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(name->b, 32, hex);
    (void)snprintf(out, PATH_MAX, "%s/%s.csv", dir, hex);
}

bool rosters_octets(const char *dir, const struct digest *name, int *fd, struct err *e)
{
    char path[PATH_MAX];

    rosters_path(dir, name, path);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ||
           err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
}

/* It was a list when it was taken in: one that is none any more was changed too. */
static bool open_named(int fd, const struct digest *name, struct roster *out, struct err *e)
{
    char hex[HEX_LEN(32)];
    struct err why;

    hex_encode_lower(name->b, 32, hex);
    if (!roster_open_fd(fd, "roster", out, &why)) {
        if (why.code != ERR_INPUT) {
            *e = why;
            return false;
        }
        return err_set(e, ERR_DENIED, "roster.digest", "the list on disk is not %s: %s",
                       hex, why.text);
    }
    if (digest_equal(&out->digest, name))
        return true;
    roster_done(out);
    return err_set(e, ERR_DENIED, "roster.digest",
                   "the list on disk is not %s: it was changed", hex);
}

bool rosters_open(const char *dir, const struct digest *name, struct roster *out,
                  struct err *e)
{
    AUTO(fd) int fd = -1;

    return rosters_octets(dir, name, &fd, e) && open_named(fd, name, out, e);
}

bool rosters_open_sealed(const char *dir, const struct digest *name, int *fd,
                         struct roster *out, struct err *e)
{
    char path[PATH_MAX];
    AUTO(fd) int sealed = -1;

    rosters_path(dir, name, path);
    if (!memfd_of_file("smki-roster", path, &sealed, e) ||
        !open_named(sealed, name, out, e))
        return false;
    *fd = sealed;
    sealed = -1;
    return true;
}

static bool sync_dir(const char *dir, struct err *e)
{
    AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return err_set(e, ERR_STORE, "store.upload", "%s: %s", dir, strerror(errno));
    return true;
}

bool rosters_keep(int fd, const char *path, const char *dir, const struct digest *name,
                  bool *known, struct err *e)
{
    char kept[PATH_MAX];

    rosters_path(dir, name, kept);
    *known = access(kept, F_OK) == 0;
    if (fsync(fd) != 0 || fchmod(fd, 0400) != 0 || rename(path, kept) != 0)
        return err_set(e, ERR_STORE, "store.upload", "%s: %s", kept, strerror(errno));
    if (sync_dir(dir, e))
        return true;
    if (!*known)
        (void)unlink(kept);
    return false;
}
