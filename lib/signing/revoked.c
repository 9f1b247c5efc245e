/* SPDX-License-Identifier: MIT */
#include "revoked.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool revoked_has(const struct revoked *r, const char *what)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->lines[i], what) == 0)
            return true;
    return false;
}

static bool full(const struct revoked *r, struct err *e)
{
    if (r->n < REVOKED_MAX)
        return false;
    (void)err_set(e, ERR_STORE, "signer.revoked-list",
                  "%s: full at %d entries; rotate it in a ceremony", r->path, REVOKED_MAX);
    return true;
}

static bool keep(struct revoked *r, const char *what, struct err *e)
{
    if (revoked_has(r, what))
        return true;
    if (full(r, e))
        return false;
    (void)snprintf(r->lines[r->n++], REVOKED_LINE, "%s", what);
    return true;
}

/* Add what the file says to what is known; nothing that was known is forgotten. A list that
 * is gone, or damaged, is not an empty one: only a new desk makes the file. */
static bool load(struct revoked *r, int flags, struct err *e)
{
    AUTO(mem) char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    AUTO(fd)
    int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    struct stat st;
    FILE *f = fd < 0 || fstat(fd, &st) != 0 ? NULL : fdopen(fd, "r");
    bool ok = true;

    if (f == NULL)
        return err_set(e, ERR_STORE, "signer.revoked-list", "%s: %s", r->path,
                       strerror(errno));
    fd = -1; /* fclose has it now */
    r->len = st.st_size;
    while (ok && (n = getline(&line, &cap, f)) > 0) {
        /* a line without its end was cut by a crash:
         * the promise it records was never given */
        if (line[n - 1] != '\n')
            break;
        line[--n] = '\0';
        if (strlen(line) != (size_t)n || (size_t)n >= REVOKED_LINE)
            ok = err_set(e, ERR_STORE, "signer.revoked-list", "%s: it is damaged", r->path);
        else
            ok = keep(r, line, e);
    }
    if (ok && ferror(f))
        ok = err_set(e, ERR_STORE, "signer.revoked-list", "%s: cannot be read", r->path);
    (void)fclose(f);
    return ok;
}

/* Does the file end within a line? */
static bool is_torn(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last;

    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

bool revoked_fresh(struct revoked *r, struct err *e)
{
    struct stat st;

    if (stat(r->path, &st) == 0 && st.st_size == r->len)
        return true;
    return load(r, 0, e);
}

bool revoked_add(struct revoked *r, const char *what, struct err *e)
{
    char line[REVOKED_LINE + 4];
    int n;

    if (revoked_has(r, what))
        return true;
    if (full(r, e))
        return false;
    AUTO(fd) int fd = open(r->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    /* a torn line is ended with what stands in no id, so that it says nothing */
    n = snprintf(line, sizeof line, "%s%s\n", fd >= 0 && is_torn(fd) ? "?\n" : "", what);
    if (fd < 0 || write(fd, line, (size_t)n) != n || fsync(fd) != 0)
        return err_set(e, ERR_STORE, "signer.revoked-list", "%s: %s", r->path,
                       strerror(errno));
    return keep(r, what, e);
}

/* A file made just now is there after a power cut only once its directory says so. */
static bool sync_directory(const struct revoked *r, struct err *e)
{
    const char *slash = strrchr(r->path, '/');
    char dir[PATH_MAX];

    (void)snprintf(dir, sizeof dir, "%.*s", slash != NULL ? (int)(slash - r->path) + 1 : 1,
                   slash != NULL ? r->path : ".");
    AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_set(e, ERR_STORE, "signer.revoked-list", "%s: %s", dir, strerror(errno));
    return true;
}

bool revoked_open(const char *path, struct revoked *out, struct err *e)
{
    *out = (struct revoked){.path = path, .lines = calloc(REVOKED_MAX, REVOKED_LINE)};
    if (out->lines == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (load(out, O_CREAT, e) && sync_directory(out, e))
        return true;
    revoked_done(out);
    return false;
}

void revoked_done(struct revoked *r)
{
    free(TAKE(r->lines));
    r->n = 0;
}
