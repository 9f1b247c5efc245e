/* SPDX-License-Identifier: MIT */
#include "witness.h"

#include "clock.h"
#include "mem.h"
#include "statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define LINE_MAX_LEN 2048 /* longer than any line that is written here */

static bool unusable(const struct witness *w, const char *why, struct err *e)
{
    return err_set(e, ERR_STORE, "signer.account", "%s: %s", w->path, why);
}

struct digest witness_rows(const uint32_t rows[], uint32_t n)
{
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    struct digest d;
    unsigned len = 0;
    bool ok = x != NULL && EVP_DigestInit_ex(x, EVP_sha256(), NULL) == 1;

    for (uint32_t i = 0; ok && i < n; i++) {
        uint8_t b[4];

        put_be32(b, rows[i]);
        ok = EVP_DigestUpdate(x, b, sizeof b) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(x, d.b, &len) == 1;
    EVP_MD_CTX_free(x);
    if (!ok)
        abort(); /* as digest_of: no memory, or no SHA-256 */
    return d;
}

/* --- lines --- */

/* A record with its place in front; data is taken over. */
static bool make_line(const struct witness *w, const char *kind, json_t *data,
                      int64_t now_us, char **line, size_t *len, struct chain_place *place,
                      struct err *e)
{
    char at[CLOCK_TEXT_LEN];
    AUTO(mem) char *text = NULL;
    FILE *f;
    bool ok;

    clock_text(now_us, at);
    place->seq = w->last.seq + 1;
    if (!chain_close(json_pack("{s:I,s:s,s:s,s:o}", "seq", (json_int_t)place->seq, "at", at,
                               "kind", kind, "data", data),
                     &w->last.hash, &text, &place->hash, e))
        return false;
    f = open_memstream(line, len);
    ok = f != NULL && chain_print(f, text, &place->hash);
    if (f != NULL && fclose(f) != 0)
        ok = false;
    return ok || err_set(e, ERR_STORE, "store.memory", "out of memory");
}

/* Held. One write, at the end of what was read, then to the disk. */
static bool add(struct witness *w, const char *kind, json_t *data, int64_t now_us,
                struct err *e)
{
    AUTO(mem) char *line = NULL;
    struct chain_place place;
    size_t len;

    if (!make_line(w, kind, data, now_us, &line, &len, &place, e))
        return false;
    if (pwrite(w->fd, line, len, w->len) != (ssize_t)len || fdatasync(w->fd) != 0)
        return unusable(w, strerror(errno), e);
    w->last = place;
    w->len += (off_t)len;
    return true;
}

/* --- reading the end --- */

/* The line that ends at `end`, of which its '\n' is the last octet. */
static bool read_line_before(const struct witness *w, off_t end, char buf[LINE_MAX_LEN],
                             char **line, size_t *n)
{
    size_t len = end < LINE_MAX_LEN ? (size_t)end : LINE_MAX_LEN;
    char *cut;

    if (len < 2 || pread(w->fd, buf, len, end - (off_t)len) != (ssize_t)len)
        return false;
    cut = memrchr(buf, '\n', len - 1);
    if (cut == NULL && (off_t)len != end)
        return false;
    *line = cut == NULL ? buf : cut + 1;
    *n = (size_t)(buf + len - 1 - *line);
    return true;
}

/* Where the last whole line ends; what is behind it never counted. */
static off_t whole_end(const struct witness *w, off_t size)
{
    char buf[LINE_MAX_LEN];
    size_t len = size < LINE_MAX_LEN ? (size_t)size : LINE_MAX_LEN;
    char *cut;

    if (len == 0 || pread(w->fd, buf, len, size - (off_t)len) != (ssize_t)len)
        return -1;
    cut = memrchr(buf, '\n', len);
    return cut == NULL ? -1 : size - (off_t)(buf + len - 1 - cut);
}

static bool read_end(struct witness *w, off_t size, struct err *e)
{
    char buf[LINE_MAX_LEN];
    struct chain_place place = {0};
    off_t end = whole_end(w, size);
    json_t *record;
    char *line;
    size_t n;

    if (end < 0 || !read_line_before(w, end, buf, &line, &n) ||
        !chain_follows(line, n, 1, &place, &record, e))
        return unusable(w, "it is damaged", e);
    json_decref(record);
    if (end < size && ftruncate(w->fd, end) != 0)
        return unusable(w, strerror(errno), e);
    w->last = place;
    w->len = end;
    return true;
}

/* The account's id, in its first line. */
static bool read_id(struct witness *w, struct err *e)
{
    char buf[LINE_MAX_LEN];
    struct chain_place place = {0};
    json_t *record = NULL;
    const char *kind, *hex;
    ssize_t n = pread(w->fd, buf, sizeof buf, 0);
    char *end = n > 0 ? memchr(buf, '\n', (size_t)n) : NULL;
    bool ok;

    ok = end != NULL && chain_follows(buf, (size_t)(end - buf), 1, &place, &record, e) &&
         json_unpack(record, "{s:s,s:{s:s}}", "kind", &kind, "data", "chain", &hex) == 0 &&
         strcmp(kind, "BEGUN") == 0 && hex_decode(hex, strlen(hex), w->id, sizeof w->id);
    json_decref(record);
    return ok || unusable(w, "it does not begin as an account", e);
}

/* --- holding --- */

static bool hold(struct witness *w, struct err *e)
{
    struct stat st;

    switch (statefile_hold(w->fd, w->path)) {
    case STATEFILE_HELD:
        break;
    case STATEFILE_MOVED:
        return unusable(w, "the file was taken away while it was in use", e);
    case STATEFILE_FAILED:
        return unusable(w, strerror(errno), e);
    }
    if (fstat(w->fd, &st) != 0)
        (void)unusable(w, strerror(errno), e);
    else if (st.st_size < w->len)
        (void)unusable(w, "it was cut while it was in use", e);
    else if (st.st_size == w->len || read_end(w, st.st_size, e))
        return true; /* another signer may have gone on with it */
    statefile_let_go(w->fd);
    return false;
}

/* --- beginning --- */

static bool begin_in(struct witness *w, int64_t now_us, struct err *e)
{
    char hex[HEX_LEN(sizeof w->id)];
    uint8_t id[sizeof w->id];
    json_t *data;

    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        return unusable(w, "no randomness for its id", e);
    hex_encode_lower(id, sizeof id, hex);
    data = json_pack("{s:s}", "chain", hex);
    return add(w, "BEGUN", data, now_us, e);
}

/* Under another name, then given its own: nobody finds half of one, and of two signers that
 * begin at once one is the first. */
static bool begin(struct witness *w, int64_t now_us, struct err *e)
{
    char temporary[PATH_MAX];
    bool ok;

    if (snprintf(temporary, sizeof temporary, "%s.new-%ld", w->path, (long)getpid()) >=
        (int)sizeof temporary)
        return unusable(w, "the path is too long", e);
    (void)unlink(temporary);
    w->fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return unusable(w, strerror(errno), e);
    ok = begin_in(w, now_us, e);
    if (ok && link(temporary, w->path) != 0 && errno != EEXIST)
        ok = unusable(w, strerror(errno), e);
    (void)unlink(temporary);
    witness_done(w);
    return ok && (statefile_sync_folder(w->path) || unusable(w, strerror(errno), e));
}

static bool open_it(struct witness *w)
{
    w->fd = open(w->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return w->fd >= 0;
}

bool witness_open(const char *path, const char *begun, int64_t now_us, struct witness *w,
                  struct err *e)
{
    bool is_new = access(begun, F_OK) != 0;
    bool ok;

    witness_none(w);
    w->path = path;
    ok = open_it(w);
    if (!ok && errno == ENOENT && is_new)
        ok = begin(w, now_us, e) && (open_it(w) || unusable(w, strerror(errno), e));
    else if (!ok)
        (void)unusable(w,
                       errno == ENOENT ? "it is gone, and signers have signed here"
                                       : strerror(errno),
                       e);
    if (ok && hold(w, e)) {
        ok = read_id(w, e);
        statefile_let_go(w->fd);
        if (ok)
            return true;
    }
    witness_done(w);
    return false;
}

void witness_none(struct witness *w)
{
    *w = (struct witness){.fd = -1};
}

void witness_done(struct witness *w)
{
    const char *path = w->path;

    fd_auto(&w->fd);
    witness_none(w);
    w->path = path;
}

int witness_reader(const struct witness *w)
{
    return w->fd < 0 ? -1 : open(w->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* --- what is set down --- */

bool witness_ready(struct witness *w, struct err *e)
{
    if (!hold(w, e))
        return false;
    statefile_let_go(w->fd);
    return true;
}

bool witness_signed(struct witness *w, const struct witness_signed *s, int64_t now_us,
                    struct err *e)
{
    struct digest d = witness_rows(s->rows, s->n);
    char decision[HEX_LEN(32)], rows[HEX_LEN(32)], sigs[HEX_LEN(32)],
        originator[HEX_LEN(8)];
    json_t *data;
    bool ok;

    hex_encode_lower(d.b, 32, rows);
    d = digest_of(span_of(s->sigs, s->n * sizeof s->sigs[0]), span_of(NULL, 0));
    hex_encode_lower(d.b, 32, sigs);
    hex_encode_lower(s->decision->b, 32, decision);
    hex_encode(s->originator->b, 8, originator);
    data =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:s}", "decision", decision, "key", s->key,
                  "originator", originator, "first_counter", (json_int_t)s->counter,
                  "last_counter", (json_int_t)(s->counter + s->n - 1), "count",
                  (json_int_t)s->n, "rows_sha256", rows, "signatures_sha256", sigs);
    if (!hold(w, e)) {
        json_decref(data);
        return false;
    }
    ok = add(w, "SIGNED", data, now_us, e);
    statefile_let_go(w->fd);
    w->unsealed += ok;
    return ok;
}

static bool sign_and_add(struct witness *w, struct token *t, int64_t now_us,
                         struct audit_head *h, struct err *e)
{
    struct digest d;

    memcpy(h->chain, w->id, sizeof h->chain);
    h->records = w->last.seq;
    h->hash = w->last.hash;
    h->key = digest_of(span_of(t->audit.b, sizeof t->audit.b), span_of(NULL, 0));
    d = audit_head_digest(h);
    return t->ops->seal(t, &d, &h->sig, e) &&
           add(w, AUDIT_HEAD, audit_head_json(h), now_us, e);
}

bool witness_head(struct witness *w, struct token *t, int64_t now_us, struct audit_head *h,
                  struct err *e)
{
    bool ok;

    if (!hold(w, e))
        return false;
    ok = sign_and_add(w, t, now_us, h, e);
    statefile_let_go(w->fd);
    if (ok)
        w->unsealed = 0;
    return ok;
}
