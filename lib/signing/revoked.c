/* SPDX-License-Identifier: MIT */
#include "revoked.h"

#include "mem.h"
#include "statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define DAY_US  (INT64_C(86400) * 1000000)
#define TIME_ON 22 /* octets of a blank, a time and the end of the line */
#define LIST    "list "

static bool failed(const struct revoked *r, const char *why, struct err *e)
{
    return err_set(e, ERR_STORE, "signer.revoked-list", "%s: %s", r->path, why);
}

/* --- what is known: a hash table, as keys are hashes --- */

static struct digest key_of(const char *what)
{
    return digest_of(span_of(what, strlen(what)), span_of(NULL, 0));
}

/* Where the key is, or would be. The table is never full. */
static struct digest *place_of(struct digest *known, size_t cap, const struct digest *key)
{
    static const struct digest none;
    size_t at = get_be32(key->b) & (cap - 1);

    while (!digest_equal(&known[at], &none) && !digest_equal(&known[at], key))
        at = (at + 1) & (cap - 1);
    return &known[at];
}

bool revoked_has(const struct revoked *r, const char *what)
{
    struct digest key = key_of(what);

    return r->n > 0 && digest_equal(place_of(r->known, r->cap, &key), &key);
}

static bool grow(struct revoked *r, struct err *e)
{
    static const struct digest none;
    size_t cap = r->cap ? 2 * r->cap : 1024;
    struct digest *more = calloc(cap, sizeof *more);

    if (more == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t i = 0; i < r->cap; i++)
        if (!digest_equal(&r->known[i], &none))
            *place_of(more, cap, &r->known[i]) = r->known[i];
    free(r->known);
    r->known = more;
    r->cap = cap;
    return true;
}

static bool keep(struct revoked *r, const char *what, struct err *e)
{
    struct digest key = key_of(what);
    struct digest *at;

    if (2 * (r->n + 1) > r->cap && !grow(r, e))
        return false;
    at = place_of(r->known, r->cap, &key);
    r->n += !digest_equal(at, &key);
    *at = key;
    return true;
}

/* --- reading --- */

/* Cut the time off a line; INT64_MAX: it has none. */
static int64_t until_us(char *line)
{
    char *blank = strrchr(line, ' ');
    char *end;
    long long s;

    if (blank == NULL)
        return INT64_MAX;
    s = strtoll(blank + 1, &end, 10);
    if (end == blank + 1 || *end != '\0' || s < 0 || s > INT64_MAX / 1000000)
        return INT64_MAX;
    *blank = '\0';
    return s * 1000000;
}

/* Is it the line with the list's id? The first counts; it has no time, so it stays. */
static bool is_id(struct revoked *r, const char *line)
{
    struct proto_list id = {0};

    if (strncmp(line, LIST, strlen(LIST)) != 0 ||
        !hex_decode(line + strlen(LIST), strlen(line) - strlen(LIST), id.id, sizeof id.id))
        return false;
    if (!r->has_id)
        r->id = id;
    r->has_id = true;
    return true;
}

/* From r->len on. Lines that are over are left out; *over: how many. */
static bool read_lines(struct revoked *r, FILE *f, int64_t now_us, size_t *over,
                       struct err *e)
{
    AUTO(mem) char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    *over = 0;
    if (fseeko(f, r->len, SEEK_SET) != 0)
        return failed(r, strerror(errno), e);
    while ((n = getline(&line, &cap, f)) > 0) {
        int64_t until;

        /* cut by a crash: the promise it records was never given */
        if (line[n - 1] != '\n')
            break;
        r->len += n;
        line[--n] = '\0';
        if (strlen(line) != (size_t)n || (size_t)n >= REVOKED_WHAT + TIME_ON)
            return failed(r, "it is damaged", e);
        if (is_id(r, line))
            continue;
        until = until_us(line);
        if (until < now_us)
            ++*over;
        else if (!keep(r, line, e))
            return false;
    }
    return !ferror(f) || failed(r, "it cannot be read", e);
}

/* Add what the file says to what is known; nothing that was known is forgotten. A list that
 * is gone, or damaged, is not an empty one: only a new folder gets a new file. */
static bool load(struct revoked *r, int flags, int64_t now_us, size_t *over, struct err *e)
{
    AUTO(fd)
    int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    struct stat st;
    FILE *f = fd < 0 || fstat(fd, &st) != 0 ? NULL : fdopen(fd, "r");
    bool ok;

    if (f == NULL)
        return failed(r, strerror(errno), e);
    fd = -1; /* fclose has it now */
    if (st.st_dev != r->dev || st.st_ino != r->ino || st.st_size < r->len)
        r->len = 0;
    r->dev = st.st_dev;
    r->ino = st.st_ino;
    ok = read_lines(r, f, now_us, over, e);
    (void)fclose(f);
    return ok;
}

bool revoked_fresh(struct revoked *r, struct err *e)
{
    struct stat st;
    size_t over;

    if (stat(r->path, &st) == 0 && st.st_dev == r->dev && st.st_ino == r->ino &&
        st.st_size == r->len)
        return true;
    return load(r, 0, INT64_MIN, &over, e);
}

/* --- adding --- */

/* Does the file end within a line? */
static bool is_torn(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last;

    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* The file of that name, held against others; -1 when it is not to be had. */
static int hold(const struct revoked *r)
{
    for (;;) {
        AUTO(fd) int fd = open(r->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
        enum statefile_held got;

        if (fd < 0)
            return -1;
        got = statefile_hold(fd, r->path);
        if (got == STATEFILE_FAILED)
            return -1;
        /* a signer that began meanwhile may have put a shorter one in its place */
        if (got == STATEFILE_HELD) {
            int keep_fd = fd;

            fd = -1;
            return keep_fd;
        }
    }
}

bool revoked_add(struct revoked *r, const char *what, int64_t window_us, int64_t now_us,
                 struct err *e)
{
    char line[REVOKED_WHAT + TIME_ON + 4];
    int64_t until =
        window_us > 0 ? window_us + DAY_US : now_us + REVOKED_STAYS_DAYS * DAY_US;
    int n;

    if (revoked_has(r, what))
        return true;
    if (r->n >= REVOKED_MAX)
        return failed(r, "it is full; lines leave when their time is over", e);
    AUTO(fd) int fd = hold(r);
    /* two signers of a machine are told the same at once: the second finds it on disk */
    if (fd >= 0 && !revoked_fresh(r, e))
        return false;
    if (revoked_has(r, what))
        return true;
    /* a torn line is ended with what stands in no id, so that it says nothing */
    n = snprintf(line, sizeof line, "%s%s %lld\n", fd >= 0 && is_torn(fd) ? "?\n" : "",
                 what, (long long)(until / 1000000));
    if (fd < 0 || write(fd, line, (size_t)n) != n || fsync(fd) != 0)
        return failed(r, strerror(errno), e);
    return keep(r, what, e);
}

/* --- beginning --- */

/* A list without an id gets one, once: of several signers that begin, the first gives it. */
static bool name_list(struct revoked *r, struct err *e)
{
    char hex[HEX_LEN(sizeof r->id.id)];
    struct proto_list id = {0};
    char line[sizeof LIST + sizeof hex + 4];
    size_t over;
    int n;

    AUTO(fd) int fd = hold(r);
    if (fd < 0)
        return failed(r, strerror(errno), e);
    if (!load(r, 0, INT64_MIN, &over, e))
        return false;
    if (r->has_id)
        return true;
    if (getrandom(id.id, sizeof id.id, 0) != (ssize_t)sizeof id.id)
        return failed(r, "no randomness for its id", e);
    hex_encode_lower(id.id, sizeof id.id, hex);
    n = snprintf(line, sizeof line, "%s" LIST "%s\n", is_torn(fd) ? "?\n" : "", hex);
    if (write(fd, line, (size_t)n) != n || fsync(fd) != 0)
        return failed(r, strerror(errno), e);
    r->id = id;
    r->has_id = true;
    return true;
}

static bool sync_directory(const struct revoked *r, struct err *e)
{
    return statefile_sync_folder(r->path) || failed(r, strerror(errno), e);
}

static bool copy_live(FILE *from, FILE *to, int64_t now_us)
{
    AUTO(mem) char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, from)) > 0 && line[n - 1] == '\n') {
        AUTO(mem) char *text = strndup(line, (size_t)n - 1);

        if (text == NULL ||
            (until_us(text) >= now_us && fwrite(line, 1, (size_t)n, to) != (size_t)n))
            return false;
    }
    return !ferror(from) && fflush(to) == 0 && fsync(fileno(to)) == 0;
}

/* Put a list without what is over in its place, while no line can be added. */
static bool shorten(struct revoked *r, int64_t now_us, struct err *e)
{
    char path[PATH_MAX];
    FILE *from = NULL, *to = NULL;
    bool ok;

    if (snprintf(path, sizeof path, "%s.new", r->path) >= (int)sizeof path)
        return failed(r, "the path is too long", e);
    AUTO(fd) int held = hold(r);
    (void)unlink(path);
    if (held >= 0) {
        from = fopen(r->path, "re");
        to = fopen(path, "wxe");
    }
    ok = from != NULL && to != NULL && copy_live(from, to, now_us) &&
         fchmod(fileno(to), 0600) == 0 && rename(path, r->path) == 0;
    if (!ok)
        (void)failed(r, strerror(errno), e);
    if (from != NULL)
        (void)fclose(from);
    if (to != NULL)
        (void)fclose(to);
    return ok && sync_directory(r, e);
}

bool revoked_open(const char *path, const char *begun, int64_t now_us, struct revoked *out,
                  struct err *e)
{
    bool is_new = access(begun, F_OK) != 0;
    size_t over;

    *out = (struct revoked){.path = path};
    if (load(out, is_new ? O_CREAT : 0, now_us, &over, e) && sync_directory(out, e) &&
        (over == 0 || shorten(out, now_us, e)) && (out->has_id || name_list(out, e)))
        return true;
    revoked_done(out);
    return false;
}

void revoked_done(struct revoked *r)
{
    free(TAKE(r->known));
    r->n = r->cap = 0;
}
