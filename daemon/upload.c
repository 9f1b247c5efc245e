/* SPDX-License-Identifier: MIT */
#include "upload.h"

#include "audit.h"
#include "log.h"
#include "mem.h"
#include "rosters.h"
#include "uploads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ON_THE_WAY_US INT64_C(86400000000)

/* --- the quota --- */

struct on_the_way {
    int64_t n, octets, octets_all;
};

static struct on_the_way on_the_way(const struct service *sv, uid_t uid)
{
    struct on_the_way w = {0};

    for (const struct upload *u = sv->uploads; u != NULL; u = u->next) {
        w.octets_all += u->octets;
        if (u->r.peer.uid == uid) {
            w.octets += u->octets;
            w.n++;
        }
    }
    return w;
}

/* Is there room for so many octets more? more 0: for another upload. */
static bool room(struct service *sv, uid_t uid, int64_t more, struct err *e)
{
    struct on_the_way w = on_the_way(sv, uid);
    int64_t largest = sv->config.service.max_roster_bytes;
    struct uploads_sum waits;

    if (!uploads_sum(sv->store, (int64_t)uid, &waits, e))
        return false;
    if (more == 0 && (waits.n + w.n >= UPLOADS_PER_UID || waits.n_all >= UPLOADS_IN_ALL))
        return err_set(
            e, ERR_BUSY, "upload.quota",
            "%lld files of uid %u wait for their signature (at most %d), %lld of "
            "all users (at most %d)",
            (long long)(waits.n + w.n), (unsigned)uid, UPLOADS_PER_UID,
            (long long)waits.n_all, UPLOADS_IN_ALL);
    if (waits.octets + w.octets + more > 2 * largest ||
        waits.octets_all + w.octets_all + more > 8 * largest)
        return err_set(
            e, ERR_BUSY, "upload.quota",
            "unsigned files of uid %u have %lld octets (at most %lld), those of "
            "all users %lld (at most %lld)",
            (unsigned)uid, (long long)(waits.octets + w.octets), (long long)(2 * largest),
            (long long)(waits.octets_all + w.octets_all), (long long)(8 * largest));
    return true;
}

/* --- one upload --- */

void upload_free(struct upload *u)
{
    for (struct upload **p = &u->sv->uploads; *p != NULL; p = &(*p)->next)
        if (*p == u) {
            *p = u->next;
            break;
        }
    if (u->path[0] != '\0')
        (void)unlink(u->path);
    fd_auto(&u->fd);
    free(u);
}

static void upload_abort(void *arg)
{
    upload_free(arg);
}

static bool upload_write(void *arg, const char *data, size_t len, struct err *e)
{
    struct upload *u = arg;

    if (clock_now(&u->sv->clock) - u->since_us > ON_THE_WAY_US)
        return err_set(e, ERR_BUSY, "upload.late", "after a day %lld octets have come",
                       (long long)u->octets);
    if (!room(u->sv, u->r.peer.uid, (int64_t)len, e))
        return false;
    u->octets += (int64_t)len;
    while (len > 0) {
        ssize_t n = write(u->fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, errno == ENOSPC ? ERR_BUSY : ERR_STORE, "store.upload",
                           "%s: %s", u->path, strerror(errno));
        data += n;
        len -= (size_t)n;
    }
    return true;
}

bool upload_keep(struct upload *u, const char *dir, const struct digest *name,
                 struct err *e)
{
    bool known;

    if (!rosters_keep(u->fd, u->path, dir, name, &known, e))
        return false;
    /* its name is its content: one that was there may be another incident's */
    if (known)
        u->path[0] = '\0';
    else
        rosters_path(dir, name, u->path);
    return true;
}

void upload_settle(struct upload *u, bool ok, const struct err *e)
{
    if (!u->r.dry_run && (ok || e->code == ERR_STORE))
        u->path[0] = '\0';
}

bool upload_begin(struct service *sv, const struct request *r,
                  bool (*end)(void *arg, struct reply *out, struct err *e),
                  struct sink *out, struct err *e)
{
    struct docket_incident i;
    struct upload *u;

    if (!docket_get(sv->store, r->args[0], &i, e))
        return false;
    docket_incident_done(&i);
    if (!room(sv, r->peer.uid, 0, e))
        return false;
    u = calloc(1, sizeof *u);
    if (u == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    u->sv = sv;
    u->r = *r;
    u->since_us = clock_now(&sv->clock);
    u->next = sv->uploads;
    sv->uploads = u;
    (void)snprintf(u->path, sizeof u->path, "%s/upload-XXXXXX", sv->incoming_dir);
    u->fd = mkostemp(u->path, O_CLOEXEC);
    if (u->fd < 0) {
        (void)err_set(e, ERR_STORE, "store.upload", "%s: %s", u->path, strerror(errno));
        u->path[0] = '\0';
        upload_free(u);
        return false;
    }
    *out = (struct sink){upload_write, end, upload_abort, u, false};
    return true;
}

/* --- what nobody uses --- */

static const char *dir_of(const struct service *sv, enum uploads_kind kind)
{
    return kind == UPLOADS_FILE ? sv->files_dir : sv->roster_dir;
}

/* A file that neither an incident nor the list of uploads knows: it waits from now on. */
static bool adopt(struct service *sv, enum uploads_kind kind, const char *name,
                  struct err *e)
{
    struct uploads_one u = {
        .kind = kind, .uid = UPLOADS_NOBODY, .at_us = clock_now(&sv->clock)};
    char path[PATH_MAX];
    struct stat st;
    bool known;

    if (strlen(name) != 64 + 4 || strcmp(name + 64, ".csv") != 0 ||
        !hex_decode(name, 64, u.sha256.b, sizeof u.sha256.b))
        return true; /* none of ours */
    rosters_path(dir_of(sv, kind), &u.sha256, path);
    if (stat(path, &st) != 0)
        return true;
    u.octets = st.st_size;
    if (!uploads_used(sv->store, kind, &u.sha256, &known, e))
        return false;
    if (!known && !uploads_known(sv->store, kind, &u.sha256, &known, e))
        return false;
    return known || (uploads_named(sv->store, &u.sha256, &u.named, e) &&
                     uploads_put(sv->store, &u, e));
}

static bool sweep_dir(struct service *sv, const char *dir, const enum uploads_kind *kind,
                      struct err *e)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    bool ok =
        d != NULL || err_set(e, ERR_STORE, "store.failed", "%s: %s", dir, strerror(errno));

    while (ok && (entry = readdir(d)) != NULL) {
        if (kind != NULL)
            ok = adopt(sv, *kind, entry->d_name, e);
        else if (strncmp(entry->d_name, "upload-", 7) == 0)
            (void)unlinkat(dirfd(d), entry->d_name, 0); /* its request is over */
    }
    if (d != NULL)
        (void)closedir(d);
    return ok;
}

bool upload_sweep(struct service *sv, struct err *e)
{
    static const enum uploads_kind file = UPLOADS_FILE, roster = UPLOADS_ROSTER;

    if (!store_begin(sv->store, e))
        return false;
    if (sweep_dir(sv, sv->incoming_dir, NULL, e) &&
        sweep_dir(sv, sv->files_dir, &file, e) &&
        sweep_dir(sv, sv->roster_dir, &roster, e) && store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

static int64_t wait_us(const struct service *sv)
{
    return sv->config.service.keep_uploads_d * INT64_C(86400000000);
}

#define OVER_MAX 64 /* at a time; more wait for the next tick */

struct over {
    struct service *sv;
    int64_t now_us;
    struct uploads_one at[OVER_MAX];
    size_t n;
};

static bool note_over(void *arg, const struct uploads_one *u)
{
    struct over *o = arg;
    char path[PATH_MAX];

    rosters_path(dir_of(o->sv, u->kind), &u->sha256, path);
    /* one that a record names has no end; somebody may have put it elsewhere */
    if ((!u->named && o->now_us - u->at_us >= wait_us(o->sv)) || access(path, F_OK) != 0)
        o->at[o->n++] = *u;
    return o->n < OVER_MAX;
}

/* The file first: a crash in between leaves a row without a file, which goes at the next
 * tick. */
static bool end_one(struct service *sv, const struct uploads_one *u, struct err *e)
{
    char path[PATH_MAX], hex[HEX_LEN(32)];
    bool used;

    if (!uploads_used(sv->store, u->kind, &u->sha256, &used, e) ||
        !store_begin(sv->store, e))
        return false;
    rosters_path(dir_of(sv, u->kind), &u->sha256, path);
    hex_encode_lower(u->sha256.b, sizeof u->sha256.b, hex);
    if (!used && unlink(path) != 0 && errno != ENOENT)
        log_event(LOG_WARNING, NULL, NULL, "%s: %s", path, strerror(errno));
    if (uploads_drop(sv->store, u->kind, &u->sha256, e) &&
        (used || audit_put(sv->store, clock_now(&sv->clock), "UPLOAD_DROPPED", "",
                           AUDIT_ACTOR_SYSTEM, e, "{s:s,s:s,s:I,s:I}", "kind",
                           uploads_kind_name(u->kind), "sha256", hex, "octets",
                           (json_int_t)u->octets, "uid", (json_int_t)u->uid)) &&
        store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

bool upload_expire(struct service *sv, struct err *e)
{
    struct over o = {.sv = sv, .now_us = clock_now(&sv->clock)};

    if (!uploads_each(sv->store, note_over, &o, e))
        return false;
    for (size_t i = 0; i < o.n; i++)
        if (!end_one(sv, &o.at[i], e))
            return false;
    return true;
}
