/* SPDX-License-Identifier: MIT */
#include "p11_pin.h"

#include "mem.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SECURE_HEAP  ((size_t)16 * 1024)
#define SECURE_PIECE 32
#define MARK_MAX     400

static const char from_credential[] = "credential";

static bool secure_memory(struct p11_pin *p, struct err *e)
{
    /* 1: locked, 2: reserved but not locked (RLIMIT_MEMLOCK) */
    int have = CRYPTO_secure_malloc_initialized()
                   ? 1
                   : CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_PIECE);

    p->at = have ? OPENSSL_secure_zalloc(P11_PIN_MAX + 1) : NULL;
    p->locked = have == 1;
    return p->at != NULL || err_set(e, ERR_STORE, "store.memory", "no memory for the PIN");
}

static bool source_path(const struct config_token *t, char *path, size_t cap, struct err *e)
{
    const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
    int n;

    if (t->pin_credential[0] == '\0') {
        if (t->pin_file[0] == '\0')
            return err_set(e, ERR_TOKEN, "token.pin-source",
                           "token %s has neither PinCredential= nor PinFile=", t->name);
        n = snprintf(path, cap, "%s", t->pin_file);
    } else if (dir == NULL || strchr(t->pin_credential, '/') != NULL) {
        return err_set(e, ERR_TOKEN, "token.pin-source",
                       "token %s: no credential %s: CREDENTIALS_DIRECTORY is not set",
                       t->name, t->pin_credential);
    } else {
        n = snprintf(path, cap, "%s/%s", dir, t->pin_credential);
    }
    return (n > 0 && (size_t)n < cap) ||
           err_set(e, ERR_TOKEN, "token.pin-source", "token %s: path of the PIN too long",
                   t->name);
}

static void fingerprint(const struct config_token *t, const struct stat *st,
                        struct p11_pin *out)
{
    uint8_t seen[32];
    struct digest d;

    put_be64(seen, (uint64_t)st->st_ino);
    put_be64(seen + 8, (uint64_t)st->st_size);
    put_be64(seen + 16, (uint64_t)st->st_mtim.tv_sec);
    put_be64(seen + 24, (uint64_t)st->st_mtim.tv_nsec);
    d = digest_of(span_of(seen, sizeof seen), span_of(NULL, 0));
    hex_encode_lower(d.b, sizeof d.b, out->copy);
    (void)snprintf(out->fingerprint, sizeof out->fingerprint, "%s",
                   t->pin_credential[0] != '\0' ? from_credential : out->copy);
}

/* Up to cap octets straight into secure memory: no stdio buffer keeps a copy. */
static ssize_t read_all(int fd, char *at, size_t cap)
{
    size_t have = 0;

    while (have < cap) {
        ssize_t n = read(fd, at + have, cap - have);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

bool p11_pin_read(const struct config_token *t, struct p11_pin *out, struct err *e)
{
    char path[CONFIG_PATH_MAX * 2];
    struct stat st;
    ssize_t n;

    *out = (struct p11_pin){0};
    if (!source_path(t, path, sizeof path, e))
        return false;
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, ERR_TOKEN, "token.pin-source", "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || (st.st_mode & S_IRWXO) != 0)
        return err_set(e, ERR_TOKEN, "token.pin-source",
                       "%s: not a plain file closed to others (chmod 600)", path);
    if (!secure_memory(out, e))
        return false;
    n = read_all(fd, out->at, P11_PIN_MAX + 1);
    if (n < 0) {
        p11_pin_wipe(out);
        return err_set(e, ERR_TOKEN, "token.pin-source", "%s: %s", path, strerror(errno));
    }
    out->len = (size_t)n;
    if (out->len > 0 && out->at[out->len - 1] == '\n')
        out->len--;
    if (out->len == 0 || out->len > P11_PIN_MAX ||
        memchr(out->at, '\0', out->len) != NULL) {
        p11_pin_wipe(out);
        return err_set(e, ERR_TOKEN, "token.pin-form",
                       "%s: a PIN has 1 to %d octets and no NUL", path, P11_PIN_MAX);
    }
    fingerprint(t, &st, out);
    return true;
}

void p11_pin_wipe(struct p11_pin *p)
{
    OPENSSL_secure_clear_free(p->at, P11_PIN_MAX + 1);
    p->at = NULL;
    p->len = 0;
}

/* The mark's lines; there: is there one? */
struct mark {
    bool there;
    char text[MARK_MAX + 1];
    const char *source, *since, *why, *copy; /* into text; "" where it was cut */
};

static const char *line_of(char **rest)
{
    const char *line = strsep(rest, "\n");

    return line != NULL ? line : "";
}

static bool read_mark(const char *path, struct mark *m, struct err *e)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *rest = m->text;

    memset(m->text, 0, sizeof m->text);
    m->there = fd >= 0;
    if ((fd < 0 && errno != ENOENT) || (fd >= 0 && read_all(fd, m->text, MARK_MAX) < 0))
        return err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
    m->source = line_of(&rest);
    m->since = line_of(&rest);
    m->why = line_of(&rest);
    m->copy = line_of(&rest);
    return true;
}

/* An empty mark was cut by a crash: it stands for any source. */
static bool stands_for(const struct mark *m, const struct p11_pin *p)
{
    return m->there &&
           (m->source[0] == '\0' || strcmp(m->source, from_credential) == 0 ||
            strcmp(m->source, p->fingerprint) == 0 || strcmp(m->source, p->copy) == 0);
}

static bool as_said_then(const struct mark *m, const char *path, struct err *e)
{
    if (m->why[0] == '\0')
        return err_set(e, ERR_TOKEN, "token.pin-blocked",
                       "the last PIN from this source was wrong; not tried again (%s)",
                       path);
    return err_set(e, ERR_TOKEN, "token.pin-wrong", "%s: %s (%s)", m->since, m->why, path);
}

bool p11_pin_allowed(const struct p11_pin *p, const char *path, struct err *e)
{
    struct mark m;

    return read_mark(path, &m, e) && (!stands_for(&m, p) || as_said_then(&m, path, e));
}

static bool put_mark(const char *path, const char *source, const char *since,
                     const char *why, const char *copy, struct err *e)
{
    char text[MARK_MAX];
    AUTO(fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int n = snprintf(text, sizeof text, "%s\n%s\n%.200s\n%s\n", source, since, why, copy);

    if (fd < 0 || n < 0 || write(fd, text, (size_t)n) != n || fsync(fd) != 0)
        return err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
    return true;
}

bool p11_pin_block(const struct p11_pin *p, const char *path, int64_t now_us,
                   const char *why, struct err *e)
{
    char at[CLOCK_TEXT_LEN];

    clock_text(now_us, at);
    return put_mark(path, p->fingerprint, at, why, p->copy, e);
}

bool p11_pin_unblock(const struct p11_pin *p, const char *path, bool *lifted, struct err *e)
{
    struct mark m;

    *lifted = false;
    if (!read_mark(path, &m, e))
        return false;
    if (p != NULL && strcmp(p->fingerprint, from_credential) != 0 &&
        strcmp(m.source, p->fingerprint) == 0) {
        (void)as_said_then(&m, path, e);
        return err_wrap(e, "the PIN in PinFile= is still the wrong one, and a try would be "
                           "lost: put the right one there, which lifts the bar");
    }
    if (m.there && m.copy[0] != '\0' && strcmp(m.source, m.copy) == 0 &&
        (p == NULL || strcmp(p->fingerprint, from_credential) == 0))
        return true; /* lifted before, but for that copy */
    if (m.there && strcmp(m.source, from_credential) == 0 && m.copy[0] != '\0') {
        *lifted = put_mark(path, m.copy, m.since, m.why, m.copy, e);
        return *lifted;
    }
    if (m.there && unlink(path) != 0)
        return err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
    *lifted = m.there;
    return true;
}
