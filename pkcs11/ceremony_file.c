/* SPDX-License-Identifier: MIT */
#include "ceremony_file.h"

#include "mem.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

static void wipe(void *at)
{
    if (at != NULL)
        OPENSSL_cleanse(at, malloc_usable_size(at));
    free(at);
}

void ceremony_file_wipe(void)
{
    json_set_alloc_funcs(malloc, wipe);
}

static bool write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* The name is on disk, too. */
static bool flush_folder(const char *path)
{
    AUTO(mem) char *folder = strdup(path);
    char *end = folder != NULL ? strrchr(folder, '/') : NULL;

    if (end != NULL)
        end[end == folder] = '\0';
    AUTO(fd)
    int fd = folder == NULL
                 ? -1
                 : open(end != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* a medium of a custodian may have a file system that knows no such thing */
    return fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
}

bool ceremony_file_write(const char *path, mode_t mode, const char *text, struct err *e)
{
    AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0)
        return err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
    if (write_all(fd, text, strlen(text)) && write_all(fd, "\n", 1) && fsync(fd) == 0 &&
        flush_folder(path))
        return true;
    (void)err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
    (void)unlink(path);
    return false;
}

/* Up to max octets; more are none. */
static bool read_all(int fd, char *at, size_t max, size_t *len)
{
    ssize_t n = 1;

    for (*len = 0; *len < max && n > 0; *len += n > 0 ? (size_t)n : 0)
        do
            n = read(fd, at + *len, max - *len);
        while (n < 0 && errno == EINTR);
    return n == 0;
}

bool ceremony_file_read(const char *path, size_t max, const char *id,
                        const struct strictjson_member table[], void *base, struct err *e)
{
    AUTO(fd)
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct strictjson_at at = {.id = id, .e = e};
    char *text = fd < 0 ? NULL : malloc(max + 1);
    json_t *whole = NULL;
    size_t len = 0;
    bool ok;

    if (text == NULL || !read_all(fd, text, max + 1, &len)) {
        (void)err_set(e, ERR_STORE, "token.state", "%s: %s", path,
                      len > max ? "too long" : strerror(errno));
        wipe(text);
        return false;
    }
    ok = strictjson_load(span_of(text, len), &whole, &at) &&
         strictjson_read(&at, whole, table, base);
    json_decref(whole);
    wipe(text);
    return ok || err_wrap(e, "%s", path);
}
