/* SPDX-License-Identifier: MIT */
#include "anchor.h"

#include "mem.h"
#include "statefile.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANCHOR_MAX 16384

AUTO_DEFINE(json, json_t *, NULL, json_decref)

static bool failed(const struct anchor *a, const char *what, struct err *e)
{
    return err_set(e, ERR_BUSY, "ledger.anchor", "%s: %s: %s", a->path, what,
                   strerror(errno));
}

/* Its text and length; -1: there is none; -2: it cannot be read. */
static ssize_t text_of(const struct anchor *a, char text[static ANCHOR_MAX], struct err *e)
{
    AUTO(fd) int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t len = fd >= 0 ? read(fd, text, ANCHOR_MAX) : -1;

    if (fd < 0 && errno == ENOENT)
        return -1;
    if (len >= 0)
        return len;
    (void)failed(a, "read", e);
    return -2;
}

bool anchor_read(struct anchor *a, struct place *out, bool *found, struct err *e)
{
    char text[ANCHOR_MAX];
    ssize_t len = text_of(a, text, e);
    struct err why;

    *found = len >= 0;
    if (len < 0)
        return len == -1;
    AUTO(json) json_t *j = json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
    if (j == NULL || !place_from_json(j, out, &why))
        return err_set(e, ERR_BUSY, "ledger.anchor", "%s is no anchor, or not whole",
                       a->path);
    a->there = true;
    a->text = digest_of(span_of(text, (size_t)len), span_of(NULL, 0));
    return true;
}

/* Still what this process knows? */
static bool unmoved(const struct anchor *a, struct err *e)
{
    char text[ANCHOR_MAX];
    ssize_t len = text_of(a, text, e);
    struct digest now;

    if (len == -2)
        return false;
    if (len == -1)
        return !a->there || err_set(e, ERR_BUSY, "ledger.anchor", "%s is gone", a->path);
    now = digest_of(span_of(text, (size_t)len), span_of(NULL, 0));
    return (a->there && digest_equal(&now, &a->text)) || digest_equal(&now, &a->tried) ||
           err_set(e, ERR_BUSY, "ledger.anchor",
                   "%s was written by somebody else: another service has this anchor, or "
                   "another copy of this one runs",
                   a->path);
}

static bool put(const struct anchor *a, const char *text, size_t len, struct err *e)
{
    char temp[512];

    if (snprintf(temp, sizeof temp, "%s.part", a->path) >= (int)sizeof temp) {
        errno = ENAMETOOLONG;
        return failed(a, "write", e);
    }
    (void)unlink(temp); /* of a crash */
    AUTO(fd)
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0 &&
        rename(temp, a->path) == 0 && statefile_sync_folder(a->path))
        return true;
    (void)failed(a, "write", e);
    if (fd >= 0)
        (void)unlink(temp);
    return false;
}

bool anchor_write(struct anchor *a, const struct place *p, int64_t now_us, struct err *e)
{
    AUTO(json) json_t *j = place_document(p, "smki-recovery/anchor/1", now_us);
    AUTO(mem) char *text = j != NULL ? json_dumps(j, JSON_INDENT(2)) : NULL;
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (!unmoved(a, e))
        return false;
    a->tried = digest_of(span_of(text, strlen(text)), span_of(NULL, 0));
    if (!put(a, text, strlen(text), e))
        return false;
    a->there = true;
    a->text = a->tried;
    return true;
}

bool anchor_known(struct store *s, const char *path, bool *known, struct err *e)
{
    int64_t n = 0;

    return store_number(s, &n, known, e, "SELECT 1 FROM anchored WHERE path = ?1", "t",
                        path);
}

bool anchor_begun(struct store *s, const char *path, int64_t now_us, struct err *e)
{
    return store_run(s, e, "INSERT OR IGNORE INTO anchored (path, at_us) VALUES (?1, ?2)",
                     "ti", path, now_us);
}
