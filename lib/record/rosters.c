/* SPDX-License-Identifier: MIT */
#include "rosters.h"

#include "mem.h"
#include "memfd.h"
#include "think.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

/* --- lists that are open --- */

#define OPENINGS 3

struct kept {
    struct kept *next;
    struct roster roster; /* mapped from: */
    int sealed;
    char path[PATH_MAX]; /* of its file; "": it was not kept under its digest yet */
    struct stat was;     /* the file, when it was read or got its name */
    unsigned users;
    unsigned idle; /* turns without any */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static struct kept *all;
static uint64_t n_read;

static void drop(struct kept *k)
{
    roster_done(&k->roster);
    fd_auto(&k->sealed);
    free(k);
}

/* Out of the list: it goes with its last user. */
static void forget(struct kept **at)
{
    struct kept *k = *at;

    *at = k->next;
    k->next = NULL;
    k->idle = ROSTERS_TURNS;
    if (k->users == 0)
        drop(k);
}

static struct kept **find(const struct digest *name)
{
    struct kept **at = &all;

    while (*at != NULL && !digest_equal(&(*at)->roster.digest, name))
        at = &(*at)->next;
    return at;
}

static void release(void *owner)
{
    struct kept *k = owner;
    struct kept **at;

    (void)pthread_mutex_lock(&mutex);
    at = find(&k->roster.digest);
    if (--k->users == 0 && *at != k)
        drop(k); /* another took its place */
    (void)pthread_mutex_unlock(&mutex);
}

/* Of the times that of its content: a backup adds a name to the file and takes it away. */
static bool same_file(const struct kept *k, const char *path)
{
    const struct stat *was = &k->was;
    struct stat is;

    if (k->path[0] == '\0')
        return true;
    return lstat(path, &is) == 0 && is.st_dev == was->st_dev && is.st_ino == was->st_ino &&
           is.st_size == was->st_size && is.st_mtim.tv_sec == was->st_mtim.tv_sec &&
           is.st_mtim.tv_nsec == was->st_mtim.tv_nsec;
}

static void share(struct kept *k, struct roster *out)
{
    k->users++;
    k->idle = 0;
    *out = k->roster;
    out->map = NULL;
    out->release = release;
    out->owner = k;
}

/* Is it open? fd: may be NULL. */
static bool take(const char *dir, const struct digest *name, int *fd, struct roster *out)
{
    struct kept **at;
    char path[PATH_MAX];
    bool found;

    rosters_path(dir, name, path);
    (void)pthread_mutex_lock(&mutex);
    at = find(name);
    if (*at != NULL && !same_file(*at, path))
        forget(at);
    found = *at != NULL && digest_equal(&(*at)->roster.digest, name);
    if (found && fd != NULL) {
        *fd = fcntl((*at)->sealed, F_DUPFD_CLOEXEC, 0);
        found = *fd >= 0;
    }
    if (found)
        share(*at, out);
    (void)pthread_mutex_unlock(&mutex);
    return found;
}

/* k is taken over. */
static void add(struct kept *k, struct roster *out)
{
    struct kept **at;

    (void)pthread_mutex_lock(&mutex);
    n_read++;
    at = find(&k->roster.digest);
    if (*at != NULL && k->path[0] == '\0' && same_file(*at, (*at)->path)) {
        /* it is known already, by its name, and was not taken away since */
        share(*at, out);
        drop(k);
    } else {
        if (*at != NULL)
            forget(at);
        k->next = all;
        all = k;
        share(k, out);
    }
    (void)pthread_mutex_unlock(&mutex);
}

void rosters_tidy(void)
{
    struct kept **at = &all;

    (void)pthread_mutex_lock(&mutex);
    while (*at != NULL) {
        struct kept *k = *at;

        if (k->users == 0 && ++k->idle > ROSTERS_TURNS)
            forget(at);
        else
            at = &k->next;
    }
    (void)pthread_mutex_unlock(&mutex);
}

uint64_t rosters_read(void)
{
    uint64_t n;

    (void)pthread_mutex_lock(&mutex);
    n = n_read;
    (void)pthread_mutex_unlock(&mutex);
    return n;
}

/* --- opening --- */

static bool read_file(const char *path, struct kept **out, struct err *e)
{
    struct kept *k = calloc(1, sizeof *k);

    if (k == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    k->sealed = -1;
    /* what changes while it is copied has another time or size afterwards */
    if (lstat(path, &k->was) != 0)
        (void)err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
    else if (memfd_of_file("smki-roster", path, &k->sealed, e) &&
             roster_open_fd(k->sealed, "roster", &k->roster, e)) {
        *out = k;
        return true;
    }
    drop(k);
    return false;
}

bool rosters_open_new(const char *path, struct roster *out, struct err *e)
{
    struct kept *k;

    if (!read_file(path, &k, e))
        return false;
    add(k, out);
    return true;
}

/* It was a list when it was taken in: one that is none any more was changed too. */
static bool open_named(const char *dir, const struct digest *name, struct roster *out,
                       struct err *e)
{
    char path[PATH_MAX], hex[HEX_LEN(32)];
    struct kept *k;
    struct err why;

    rosters_path(dir, name, path);
    hex_encode_lower(name->b, 32, hex);
    if (!read_file(path, &k, &why)) {
        if (why.code != ERR_INPUT) {
            *e = why;
            return false;
        }
        return err_set(e, ERR_DENIED, "roster.digest", "the list on disk is not %s: %s",
                       hex, why.text);
    }
    if (!digest_equal(&k->roster.digest, name)) {
        drop(k);
        return err_set(e, ERR_DENIED, "roster.digest",
                       "the list on disk is not %s: it was changed", hex);
    }
    (void)snprintf(k->path, sizeof k->path, "%s", path);
    add(k, out);
    return true;
}

/* in: the digest, then the folder. The answer is that it is open. */
static bool work(struct store *s, struct span in, struct span *out, struct err *e)
{
    const char *dir = (const char *)in.at + sizeof(struct digest);
    struct digest name;
    struct roster r;

    (void)s;
    (void)out;
    memcpy(name.b, in.at, sizeof name.b);
    if (!take(dir, &name, NULL, &r) && !open_named(dir, &name, &r, e))
        return false;
    roster_done(&r);
    return true;
}

static const struct think_kind opening = {
    .name = "a list is read", .work = work, .once = true};

static bool open_kept(const char *dir, const struct digest *name, int *fd,
                      struct roster *out, struct err *e)
{
    uint8_t in[sizeof(struct digest) + PATH_MAX];
    struct span nothing;
    size_t len = strlen(dir) + 1;

    memset(out, 0, sizeof *out);
    assert(len <= PATH_MAX);
    memcpy(in, name->b, sizeof name->b);
    memcpy(in + sizeof name->b, dir, len);
    /* its file may be replaced again and again, but hardly each time in between */
    for (int i = 0; i < OPENINGS; i++) {
        if (take(dir, name, fd, out))
            return true;
        if (!think(&opening, NULL, span_of(in, sizeof name->b + len), &nothing, e))
            return false;
    }
    return take(dir, name, fd, out) ||
           err_set(e, ERR_STORE, "store.memory", "a list that was opened cannot be held");
}

bool rosters_open(const char *dir, const struct digest *name, struct roster *out,
                  struct err *e)
{
    return open_kept(dir, name, NULL, out, e);
}

bool rosters_open_sealed(const char *dir, const struct digest *name, int *fd,
                         struct roster *out, struct err *e)
{
    return open_kept(dir, name, fd, out, e);
}

static bool sync_dir(const char *dir, struct err *e)
{
    AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return err_set(e, ERR_STORE, "store.upload", "%s: %s", dir, strerror(errno));
    return true;
}

/* One that was open before it got its name: from here on its file counts. */
static void named(const char *dir, const struct digest *name)
{
    char path[PATH_MAX];
    struct kept **at;

    rosters_path(dir, name, path);
    (void)pthread_mutex_lock(&mutex);
    at = find(name);
    if (*at != NULL && lstat(path, &(*at)->was) == 0)
        (void)snprintf((*at)->path, sizeof(*at)->path, "%s", path);
    (void)pthread_mutex_unlock(&mutex);
}

bool rosters_keep(int fd, const char *path, const char *dir, const struct digest *name,
                  bool *known, struct err *e)
{
    char kept[PATH_MAX];

    rosters_path(dir, name, kept);
    *known = access(kept, F_OK) == 0;
    if (fsync(fd) != 0 || fchmod(fd, 0400) != 0 || rename(path, kept) != 0)
        return err_set(e, ERR_STORE, "store.upload", "%s: %s", kept, strerror(errno));
    named(dir, name);
    if (sync_dir(dir, e))
        return true;
    if (!*known)
        (void)unlink(kept);
    return false;
}
