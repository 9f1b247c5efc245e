/* SPDX-License-Identifier: MIT */
#include "spent.h"

#include "mem.h"
#include "statefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD_ROOM 4096 /* rows begin on a page of their own */
#define HEAD_LEN  96
#define CHECK_LEN 8
#define ROW_LEN   2
#define RUN_MAX   256 /* rows of one call, as PROTO_ROWS */
#define DAY_US    (INT64_C(86400) * 1000000)

static const uint8_t magic[4] = {'S', 'M', 'C', '1'};

struct spent {
    char path[PATH_MAX];
    int fd;
    struct digest decision;
    uint32_t rows;
    unsigned attempts;
    int64_t valid_to_us;
    struct spent_sums sums;
    bool under_way; /* of a step */
};

struct row {
    uint8_t made, granted;
};
_Static_assert(sizeof(struct row) == ROW_LEN, "a row has two octets in the file");

static bool unusable(const struct spent *s, const char *why, struct err *e)
{
    return err_set(e, ERR_STORE, "signer.count-file", "%s: %s", s->path, why);
}

static bool lost(const struct spent *s, const char *why, struct err *e)
{
    return err_set(e, ERR_DENIED, "signer.count-lost", "%s: %s", s->path, why);
}

/* --- the head --- */

static void head_encode(const struct spent *s, uint8_t out[HEAD_LEN])
{
    struct digest d;

    memset(out, 0, HEAD_LEN);
    memcpy(out, magic, sizeof magic);
    put_be32(out + 4, s->rows);
    memcpy(out + 8, s->decision.b, 32);
    put_be64(out + 40, s->sums.step);
    put_be64(out + 48, s->under_way);
    put_be64(out + 56, s->sums.made);
    put_be64(out + 64, s->sums.lost);
    put_be64(out + 72, (uint64_t)s->valid_to_us);
    d = digest_of(span_of(out, HEAD_LEN - CHECK_LEN), span_of(NULL, 0));
    memcpy(out + HEAD_LEN - CHECK_LEN, d.b, CHECK_LEN);
}

/* Is it a head? Everything but what it must agree with is taken from it. */
static bool head_decode(const uint8_t in[HEAD_LEN], struct spent *s)
{
    struct digest d = digest_of(span_of(in, HEAD_LEN - CHECK_LEN), span_of(NULL, 0));

    if (memcmp(in, magic, sizeof magic) != 0 ||
        memcmp(in + HEAD_LEN - CHECK_LEN, d.b, CHECK_LEN) != 0)
        return false;
    s->rows = get_be32(in + 4);
    memcpy(s->decision.b, in + 8, 32);
    s->sums.step = get_be64(in + 40);
    s->under_way = get_be64(in + 48) != 0;
    s->sums.made = get_be64(in + 56);
    s->sums.lost = get_be64(in + 64);
    s->valid_to_us = (int64_t)get_be64(in + 72);
    return true;
}

static bool head_read(struct spent *s, struct err *e)
{
    uint8_t octets[HEAD_LEN];
    struct spent found = {0};
    struct stat st;

    if (pread(s->fd, octets, sizeof octets, 0) != HEAD_LEN || fstat(s->fd, &st) != 0 ||
        !head_decode(octets, &found))
        return lost(s, "the count is damaged", e);
    if (!digest_equal(&found.decision, &s->decision) || found.rows != s->rows ||
        st.st_size != HEAD_ROOM + (off_t)s->rows * ROW_LEN)
        return lost(s, "it counts for other rows", e);
    s->sums = found.sums;
    s->under_way = found.under_way;
    return true;
}

static bool head_write(struct spent *s, struct err *e)
{
    uint8_t octets[HEAD_LEN];

    head_encode(s, octets);
    return (pwrite(s->fd, octets, sizeof octets, 0) == HEAD_LEN && fdatasync(s->fd) == 0) ||
           unusable(s, strerror(errno), e);
}

/* --- folder and file --- */

static bool sync_folder(const char *dir, struct err *e)
{
    AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return (fd >= 0 && fsync(fd) == 0) ||
           err_set(e, ERR_STORE, "signer.count-file", "%s: %s", dir, strerror(errno));
}

/* 0: no such file, or not to be read. */
static int64_t window_of(int dir, const char *name)
{
    uint8_t octets[HEAD_LEN];
    struct spent found;
    AUTO(fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && pread(fd, octets, sizeof octets, 0) == HEAD_LEN &&
                   head_decode(octets, &found)
               ? found.valid_to_us
               : 0;
}

int64_t spent_window(const char *dir, const struct digest *decision)
{
    AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[HEX_LEN(32)];

    hex_encode_lower(decision->b, 32, name);
    return fd < 0 ? 0 : window_of(fd, name);
}

/* A decision whose window is over opens nowhere, so nobody misses its count. */
static bool is_over(int dir, const char *name, int64_t now_us)
{
    int64_t end = window_of(dir, name);

    return end > 0 && end < now_us - SPENT_KEEP_DAYS * DAY_US;
}

bool spent_folder(const char *dir, int64_t now_us, struct err *e)
{
    struct dirent *entry;
    DIR *d;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_STORE, "signer.count-file", "%s: %s", dir, strerror(errno));
    d = opendir(dir);
    if (d == NULL)
        return err_set(e, ERR_STORE, "signer.count-file", "%s: %s", dir, strerror(errno));
    while ((entry = readdir(d)) != NULL)
        if (strlen(entry->d_name) == 64 && is_over(dirfd(d), entry->d_name, now_us))
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    (void)closedir(d);
    return sync_folder(dir, e);
}

/* All rows at zero, written out: what is written over later needs no room any more. */
static bool fill(int fd, const struct spent *s)
{
    static const uint8_t zero[1 << 16];
    uint64_t left = (uint64_t)s->rows * ROW_LEN;
    uint8_t head[HEAD_ROOM] = {0};

    head_encode(s, head);
    if (write(fd, head, sizeof head) != HEAD_ROOM)
        return false;
    while (left > 0) {
        size_t part = left < sizeof zero ? (size_t)left : sizeof zero;

        if (write(fd, zero, part) != (ssize_t)part)
            return false;
        left -= part;
    }
    return fsync(fd) == 0;
}

/* Under another name, then given its own: nobody finds half a file, and of two signers that
 * begin at once one is the first. */
static bool create(struct spent *s, const char *dir, struct err *e)
{
    char temporary[PATH_MAX];
    bool ok;

    if (snprintf(temporary, sizeof temporary, "%s/new-%ld", dir, (long)getpid()) >=
        (int)sizeof temporary)
        return unusable(s, "the path is too long", e);
    (void)unlink(temporary);
    AUTO(fd) int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ok = fd >= 0 && fill(fd, s) && (link(temporary, s->path) == 0 || errno == EEXIST);
    if (!ok)
        (void)unusable(s, strerror(errno), e);
    (void)unlink(temporary);
    return ok && sync_folder(dir, e);
}

static bool open_file(struct spent *s)
{
    s->fd = open(s->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return s->fd >= 0;
}

bool spent_open(const char *dir, const struct spent_paper *p, bool known,
                struct spent **out, struct err *e)
{
    struct spent *s = calloc(1, sizeof *s);
    char name[HEX_LEN(32)];
    bool ok;

    if (s == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    hex_encode_lower(p->decision->b, 32, name);
    (void)snprintf(s->path, sizeof s->path, "%s/%s", dir, name);
    s->decision = *p->decision;
    s->rows = p->rows;
    s->attempts = p->attempts;
    s->valid_to_us = p->valid_to_us;
    ok = open_file(s);
    if (!ok && errno == ENOENT && known)
        (void)lost(s, "it is gone, and the token says that the decision was used", e);
    else if (!ok && errno == ENOENT)
        ok = create(s, dir, e) && (open_file(s) || unusable(s, strerror(errno), e));
    else if (!ok)
        (void)unusable(s, strerror(errno), e);
    if (ok && spent_lock(s, e)) {
        spent_unlock(s);
        *out = s;
        return true;
    }
    spent_close(s);
    return false;
}

void spent_close(struct spent *s)
{
    if (s == NULL)
        return;
    fd_auto(&s->fd);
    free(s);
}

bool spent_lock(struct spent *s, struct err *e)
{
    switch (statefile_hold(s->fd, s->path)) {
    case STATEFILE_HELD:
        break;
    case STATEFILE_MOVED:
        return lost(s, "the file was taken away while it was in use", e);
    case STATEFILE_FAILED:
        return unusable(s, strerror(errno), e);
    }
    if (head_read(s, e))
        return true;
    spent_unlock(s);
    return false;
}

void spent_unlock(struct spent *s)
{
    statefile_let_go(s->fd);
}

/* --- steps --- */

bool spent_in_step(struct spent *s, uint64_t token_step, struct err *e)
{
    if (s->under_way && token_step == s->sums.step + 1) {
        s->sums.step++; /* the token had it; only the file did not say so yet */
        s->under_way = false;
        return head_write(s, e);
    }
    return token_step == s->sums.step ||
           err_set(e, ERR_DENIED, "signer.count-lost",
                   "%s: the file is at step %llu, the token at step %llu: one of them was "
                   "put back, or another machine has used this decision",
                   s->path, (unsigned long long)s->sums.step,
                   (unsigned long long)token_step);
}

bool spent_step_begins(struct spent *s, struct err *e)
{
    s->under_way = true;
    return head_write(s, e);
}

bool spent_step_done(struct spent *s, struct err *e)
{
    s->sums.step++;
    s->under_way = false;
    return head_write(s, e);
}

/* --- rows --- */

static off_t place_of(uint32_t row)
{
    return HEAD_ROOM + (off_t)row * ROW_LEN;
}

/* Rows that follow each other go in one call; `put` writes, else reads. */
static bool transfer(struct spent *s, const uint32_t rows[], struct row at[], size_t n,
                     bool put, struct err *e)
{
    for (size_t i = 0, next; i < n; i = next) {
        size_t len;
        ssize_t got;

        for (next = i + 1; next < n && rows[next] == rows[next - 1] + 1;)
            next++;
        len = (next - i) * ROW_LEN;
        got = put ? pwrite(s->fd, at + i, len, place_of(rows[i]))
                  : pread(s->fd, at + i, len, place_of(rows[i]));
        if (got != (ssize_t)len)
            return unusable(s, got < 0 ? strerror(errno) : "cut short", e);
    }
    return true;
}

static bool in_order(const struct spent *s, const uint32_t rows[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i] >= s->rows || (i > 0 && rows[i] <= rows[i - 1]))
            return false;
    return n > 0 && n <= RUN_MAX;
}

static bool has_left(const struct spent *s, const struct row *r)
{
    return r->made < s->attempts + r->granted;
}

static bool take(struct spent *s, const uint32_t rows[], size_t n, struct err *e)
{
    struct row at[RUN_MAX];

    if (!transfer(s, rows, at, n, false, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!has_left(s, &at[i]))
            return err_set(e, ERR_DENIED, "signer.attempts",
                           "row %u was signed %u times; its decision allows %u commands "
                           "for each device, %u more were granted for lost answers",
                           rows[i], at[i].made, s->attempts, at[i].granted);
        at[i].made++;
    }
    s->sums.made += n;
    return transfer(s, rows, at, n, true, e) && head_write(s, e);
}

static bool give_back(struct spent *s, const uint32_t rows[], size_t n, struct err *e)
{
    struct row at[RUN_MAX];

    if (!transfer(s, rows, at, n, false, e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (at[i].made > 0) {
            at[i].made--;
            s->sums.made--;
        }
    return transfer(s, rows, at, n, true, e) && head_write(s, e);
}

static bool claim(struct spent *s, const uint32_t rows[], size_t n, uint32_t *granted,
                  struct err *e)
{
    struct row at[RUN_MAX];

    if (!transfer(s, rows, at, n, false, e))
        return false;
    *granted = 0;
    for (size_t i = 0; i < n; i++) {
        if (has_left(s, &at[i]))
            continue;
        if (at[i].granted >= SPENT_LOST_ROW)
            return err_set(e, ERR_DENIED, "signer.lost-budget",
                           "row %u was lost %d times already", rows[i], SPENT_LOST_ROW);
        at[i].granted++;
        ++*granted;
    }
    if (s->sums.lost + *granted > SPENT_LOST_ALL)
        return err_set(e, ERR_DENIED, "signer.lost-budget",
                       "%llu commands of this decision were lost already, %u are allowed",
                       (unsigned long long)s->sums.lost, SPENT_LOST_ALL);
    s->sums.lost += *granted;
    return transfer(s, rows, at, n, true, e) && head_write(s, e);
}

static bool held(struct spent *s, const uint32_t rows[], size_t n, struct err *e)
{
    return in_order(s, rows, n) ? spent_lock(s, e)
                                : err_set(e, ERR_DENIED, "signer.row",
                                          "rows that the decision does not have");
}

bool spent_take(struct spent *s, const uint32_t rows[], size_t n, struct err *e)
{
    bool ok;

    if (!held(s, rows, n, e))
        return false;
    ok = take(s, rows, n, e);
    spent_unlock(s);
    return ok;
}

bool spent_give_back(struct spent *s, const uint32_t rows[], size_t n, struct err *e)
{
    bool ok;

    if (!held(s, rows, n, e))
        return false;
    ok = give_back(s, rows, n, e);
    spent_unlock(s);
    return ok;
}

bool spent_claim(struct spent *s, const uint32_t rows[], size_t n, uint32_t *granted,
                 struct err *e)
{
    bool ok;

    if (!held(s, rows, n, e))
        return false;
    ok = claim(s, rows, n, granted, e);
    spent_unlock(s);
    return ok;
}

const struct spent_sums *spent_sums(const struct spent *s)
{
    return &s->sums;
}

uint64_t spent_allowed(const struct spent *s)
{
    return (uint64_t)s->rows * s->attempts;
}

uint64_t spent_ceiling(const struct spent *s)
{
    return (uint64_t)s->rows * (s->attempts + SPENT_LOST_ROW);
}
