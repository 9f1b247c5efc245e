/* SPDX-License-Identifier: MIT */
#include "memfd.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool seal(int fd, struct err *e)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
        0)
        return err_set(e, ERR_STORE, "store.memory", "cannot seal a memfd: %s",
                       strerror(errno));
    return true;
}

static int new_memfd(const char *name, struct err *e)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        (void)err_set(e, ERR_STORE, "store.memory", "memfd: %s", strerror(errno));
    return fd;
}

bool memfd_of_span(const char *name, struct span data, int *out, struct err *e)
{
    AUTO(fd) int fd = new_memfd(name, e);
    size_t at = 0;

    if (fd < 0)
        return false;
    while (at < data.len) {
        ssize_t n = write(fd, data.at + at, data.len - at);

        if (n <= 0)
            return err_set(e, ERR_STORE, "store.memory", "memfd: %s", strerror(errno));
        at += (size_t)n;
    }
    if (!seal(fd, e))
        return false;
    *out = fd;
    fd = -1;
    return true;
}

bool memfd_of_file(const char *name, const char *path, int *out, struct err *e)
{
    AUTO(fd) int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(fd) int fd = new_memfd(name, e);

    if (fd < 0)
        return false;
    if (from < 0)
        return err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, fd, NULL, (size_t)1 << 30, 0);

        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
                      errno == EOPNOTSUPP || errno == EBADF)) {
            char buf[65536];

            n = read(from, buf, sizeof buf);
            if (n > 0 && write(fd, buf, (size_t)n) != n)
                n = -1;
        }
        if (n < 0)
            return err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
    }
    if (!seal(fd, e))
        return false;
    *out = fd;
    fd = -1;
    return true;
}
