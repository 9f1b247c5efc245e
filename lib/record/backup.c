/* SPDX-License-Identifier: MIT */
#include "backup_impl.h"

#include "clock.h"
#include "mem.h"

#include <openssl/evp.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGES  64        /* of the database, in a slice */
#define OCTETS (1 << 20) /* of the copy, read for its digest in a slice */

AUTO_DEFINE(dir, DIR *, NULL, (void)closedir)

const char *const backup_rooms[3] = {"rosters", "files", "outbox"};

struct backup {
    struct store *store;
    struct store_copy *copy; /* NULL: the pages are there */
    const char *state_dir;   /* borrowed */
    char dir[PATH_MAX / 2];
    int64_t at_us;
    struct place place;
    json_t *files;
    EVP_MD_CTX *digest;
    uint8_t *chunk;
    int fd; /* of the copy, while it is read */
    int64_t size, read;
    int percent;
};

bool backup_failed(const char *path, struct err *e)
{
    return err_set(e, ERR_BUSY, "backup.failed", "%s: %s", path, strerror(errno));
}

bool backup_digest(const char *path, struct digest *out, int64_t *size)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    AUTO(mem) uint8_t *chunk = malloc(OCTETS);
    bool ok = fd >= 0 && x != NULL && chunk != NULL &&
              EVP_DigestInit_ex(x, EVP_sha256(), NULL) == 1;
    ssize_t n = 0;

    *size = 0;
    while (ok && (n = read(fd, chunk, OCTETS)) > 0) {
        ok = EVP_DigestUpdate(x, chunk, (size_t)n) == 1;
        *size += n;
    }
    ok = ok && n == 0 && EVP_DigestFinal_ex(x, out->b, NULL) == 1;
    EVP_MD_CTX_free(x);
    return ok;
}

/* --- the folder --- */

static bool empty(const char *path, bool *gone, struct err *e)
{
    AUTO(dir) DIR *d = opendir(path);
    struct dirent *f;

    *gone = d == NULL && errno == ENOENT;
    if (d == NULL)
        return *gone || backup_failed(path, e);
    while ((f = readdir(d)) != NULL)
        if (f->d_type != DT_DIR && unlinkat(dirfd(d), f->d_name, 0) != 0)
            return backup_failed(path, e);
    return true;
}

bool backup_remove(const char *dir, struct err *e)
{
    char path[PATH_MAX];
    struct stat st;
    bool gone;

    if (lstat(dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return backup_failed(dir, e);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, backup_rooms[i]);
        if (!empty(path, &gone, e) ||
            (!gone && rmdir(path) != 0 && !backup_failed(path, e)))
            return false;
    }
    return empty(dir, &gone, e) && (gone || rmdir(dir) == 0 || backup_failed(dir, e));
}

static bool make_rooms(const char *dir, struct err *e)
{
    char path[PATH_MAX];

    if (mkdir(dir, 0700) != 0)
        return backup_failed(dir, e);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, backup_rooms[i]);
        if (mkdir(path, 0700) != 0)
            return backup_failed(path, e);
    }
    return true;
}

bool backup_begin(struct store *s, const char *state_dir, const char *dir, int64_t now_us,
                  struct backup **out, struct err *e)
{
    struct backup *b;
    char path[PATH_MAX];

    if (!backup_remove(dir, e) || !make_rooms(dir, e))
        return false;
    b = calloc(1, sizeof *b);
    if (b == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    b->store = s;
    b->state_dir = state_dir;
    b->at_us = now_us;
    b->fd = -1;
    b->files = json_array();
    (void)snprintf(b->dir, sizeof b->dir, "%s", dir);
    (void)snprintf(path, sizeof path, "%s/" BACKUP_DB, dir);
    if (!store_copy_begin(s, path, &b->copy, e)) {
        backup_free(b);
        return false;
    }
    *out = b;
    return true;
}

void backup_free(struct backup *b)
{
    if (b == NULL)
        return;
    store_copy_end(b->copy);
    fd_auto(&b->fd);
    EVP_MD_CTX_free(b->digest);
    json_decref(b->files);
    free(b->chunk);
    free(b);
}

/* --- the files beside the database --- */

static bool add_file(struct backup *b, const char *name, const struct digest *sha256,
                     int64_t size, struct err *e)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(sha256->b, 32, hex);
    return json_array_append_new(b->files, json_pack("{s:s,s:I,s:s}", "name", name, "size",
                                                     (json_int_t)size, "sha256", hex)) ==
               0 ||
           err_set(e, ERR_STORE, "store.memory", "out of memory");
}

/* Lists go by their digest, so they need not be read now. */
static bool link_one(struct backup *b, const char *room, const char *file, struct err *e)
{
    char from[PATH_MAX], to[PATH_MAX], name[NAME_MAX + 16];
    struct digest sha256;
    struct stat st;
    size_t len = strlen(file);
    int64_t size;

    (void)snprintf(name, sizeof name, "%s/%s", room, file);
    (void)snprintf(from, sizeof from, "%s/%s", b->state_dir, name);
    (void)snprintf(to, sizeof to, "%s/%s", b->dir, name);
    if (!backup_name(name))
        return true; /* on its way, or nobody's */
    if (link(from, to) != 0 || stat(to, &st) != 0)
        return backup_failed(from, e);
    size = st.st_size;
    if (!(len == 68 && hex_decode(file, 64, sha256.b, 32)) &&
        !backup_digest(to, &sha256, &size))
        return backup_failed(from, e);
    return add_file(b, name, &sha256, size, e);
}

static bool link_rooms(struct backup *b, struct err *e)
{
    for (size_t i = 0; i < 3; i++) {
        char path[PATH_MAX];
        struct dirent *f;

        (void)snprintf(path, sizeof path, "%s/%s", b->state_dir, backup_rooms[i]);
        AUTO(dir) DIR *d = opendir(path);
        if (d == NULL)
            return backup_failed(path, e);
        while ((f = readdir(d)) != NULL)
            if (f->d_type == DT_REG && !link_one(b, backup_rooms[i], f->d_name, e))
                return false;
    }
    return true;
}

/* --- slices --- */

/* The last page is copied: what stands now is what the copy holds. */
static bool pages_done(struct backup *b, struct err *e)
{
    char path[PATH_MAX];
    struct stat st;

    store_copy_end(b->copy);
    b->copy = NULL;
    (void)snprintf(path, sizeof path, "%s/" BACKUP_DB, b->dir);
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (b->fd < 0 || fstat(b->fd, &st) != 0)
        return backup_failed(path, e);
    b->size = st.st_size;
    b->digest = EVP_MD_CTX_new();
    b->chunk = malloc(OCTETS);
    if (b->digest == NULL || b->chunk == NULL ||
        EVP_DigestInit_ex(b->digest, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return place_take(b->store, &b->place, e) && link_rooms(b, e);
}

static bool write_manifest(const struct backup *b, struct err *e)
{
    char path[PATH_MAX], at[CLOCK_TEXT_LEN];
    json_t *j;
    int fd;
    bool ok;

    clock_text(b->at_us, at);
    j = json_pack("{s:s,s:s,s:o,s:O}", "schema", "smki-recovery/backup/1", "at", at,
                  "record", place_json(&b->place), "files", b->files);
    (void)snprintf(path, sizeof path, "%s/" BACKUP_MANIFEST, b->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ok = j != NULL && fd >= 0 && json_dumpfd(j, fd, JSON_INDENT(1)) == 0 && fsync(fd) == 0;
    if (!ok)
        (void)backup_failed(path, e);
    json_decref(j);
    fd_auto(&fd);
    return ok;
}

static bool whole(struct backup *b, struct err *e)
{
    struct digest sha256;

    if (EVP_DigestFinal_ex(b->digest, sha256.b, NULL) != 1)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (fsync(b->fd) != 0)
        return backup_failed(b->dir, e);
    return add_file(b, BACKUP_DB, &sha256, b->size, e) && write_manifest(b, e);
}

bool backup_step(struct backup *b, bool *done, struct err *e)
{
    ssize_t n;

    *done = false;
    if (b->copy != NULL) {
        bool copied;

        if (!store_copy_step(b->copy, PAGES, &copied, &b->percent, e))
            return false;
        b->percent = b->percent * 9 / 10;
        return !copied || pages_done(b, e);
    }
    n = read(b->fd, b->chunk, OCTETS);
    if (n < 0 || (n > 0 && EVP_DigestUpdate(b->digest, b->chunk, (size_t)n) != 1))
        return backup_failed(b->dir, e);
    b->read += n;
    b->percent = b->size > 0 ? 90 + (int)(b->read * 10 / b->size) : 100;
    *done = n == 0;
    return n > 0 || whole(b, e);
}

int backup_percent(const struct backup *b)
{
    return b->percent;
}

const struct place *backup_place(const struct backup *b)
{
    return &b->place;
}
