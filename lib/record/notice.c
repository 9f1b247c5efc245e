/* SPDX-License-Identifier: MIT */
#include "notice.h"

#include "clock.h"
#include "mem.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

const char *const notice_recipients[NOTICE_TO_COUNT] = {
    [NOTICE_DCC] = "dcc",
    [NOTICE_PMA] = "pma",
    [NOTICE_PARTIES] = "parties",
    [NOTICE_RDP] = "rdp",
    [NOTICE_SUBSCRIBER] = "subscriber",
    [NOTICE_SRP] = "srp",
    [NOTICE_OFGEM] = "ofgem",
    [NOTICE_SOLR] = "solr",
    [NOTICE_SSC] = "ssc",
    [NOTICE_CUSTODIANS] = "custodians",
};

static const char *to_name(enum notice_to to)
{
    return notice_recipients[to];
}

static bool failed(const char *dir, const char *what, struct err *e)
{
    return err_set(e, ERR_STORE, "notice.write", "outbox %s: %s: %s", dir, what,
                   strerror(errno));
}

/* The id becomes part of a file name. */
static bool good_id(const char *id)
{
    size_t len =
        strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return len > 0 && id[len] == '\0' && len < NOTICE_ID_MAX;
}

/* "20261124T130000.000000Z-pma-<id>.json": RFC 3339 without what file names dislike. */
static bool name_of(const struct notice *n, char *out, struct err *e)
{
    char at[CLOCK_TEXT_LEN];
    size_t k = 0;
    int len;

    clock_text(n->at_us, at);
    for (size_t i = 0; at[i] != '\0'; i++)
        if (at[i] != '-' && at[i] != ':')
            at[k++] = at[i];
    at[k] = '\0';
    len = snprintf(out, NOTICE_NAME_MAX, "%s-%s-%s.json", at, to_name(n->to), n->id);
    return (len > 0 && len < NOTICE_NAME_MAX) ||
           err_set(e, ERR_INPUT, "notice.content", "notice %s: the name is too long",
                   n->id);
}

static bool text_of(const struct notice *n, char **text, struct err *e)
{
    char at[CLOCK_TEXT_LEN];
    AUTO(json) json_t *all = NULL;
    json_error_t why;
    json_t *body = strlen(n->body) > NOTICE_BODY_MAX
                       ? NULL
                       : json_loads(n->body, JSON_REJECT_DUPLICATES, &why);

    if (!json_is_object(body)) {
        json_decref(body);
        return err_set(e, ERR_INPUT, "notice.content",
                       "notice %s: the body must be a JSON object of at most %u octets",
                       n->id, NOTICE_BODY_MAX);
    }
    clock_text(n->at_us, at);
    all = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:o}", "schema",
                    "smki-recovery/notice/1", "id", n->id, "to", to_name(n->to), "kind",
                    n->kind, "incident", n->incident, "at", at, "body", body);
    *text = all != NULL ? json_dumps(all, JSON_INDENT(2)) : NULL;
    return *text != NULL ||
           err_set(e, ERR_STORE, "notice.write", "notice %s: out of memory", n->id);
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Is that file there with exactly that text? Then this is the same step taken again. */
static bool same(int dir, const char *name, const char *text, size_t len)
{
    AUTO(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char chunk[4096];
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)len)
        return false;
    while (len > 0) {
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || (size_t)n > len || memcmp(chunk, text, (size_t)n) != 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool put(int dir, const char *where, const char *name, const char *text,
                struct err *e)
{
    AUTO(fd) int fd = -1;
    char temp[NOTICE_NAME_MAX + 8];
    size_t len = strlen(text);
    bool named;

    /* What a crash left under the temporary name is nobody's: it never had a name. */
    if (snprintf(temp, sizeof temp, ".%s.part", name) >= (int)sizeof temp)
        return err_set(e, ERR_INPUT, "notice.content", "notice %s: name too long", name);
    if (unlinkat(dir, temp, 0) != 0 && errno != ENOENT)
        return failed(where, temp, e);
    fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 || !write_all(fd, text, len) || fsync(fd) != 0) {
        failed(where, temp, e);
        (void)unlinkat(dir, temp, 0);
        return false;
    }
    named = renameat2(dir, temp, dir, name, RENAME_NOREPLACE) == 0;
    if (!named) {
        bool there = errno == EEXIST;

        if (!there)
            failed(where, name, e);
        (void)unlinkat(dir, temp, 0);
        if (!there)
            return false;
        if (!same(dir, name, text, len))
            return err_set(e, ERR_DENIED, "notice.exists",
                           "outbox %s: %s holds another notice", where, name);
    }
    return fsync(dir) == 0 || failed(where, "flush", e);
}

bool notice_put(const char *dir, const struct notice *n, char name[static NOTICE_NAME_MAX],
                struct err *e)
{
    AUTO(fd) int fd = -1;
    AUTO(mem) char *text = NULL;

    if (!good_id(n->id))
        return err_set(e, ERR_INPUT, "notice.content",
                       "a notice's id is 1 to 64 letters, digits, '.', '_' and '-'");
    if (!text_of(n, &text, e) || !name_of(n, name, e))
        return false;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(dir, "open", e);
    return put(fd, dir, name, text, e);
}
