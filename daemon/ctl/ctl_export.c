/* SPDX-License-Identifier: MIT
 *
 * commands export, queries export: the tar stream of a batch, or of an incident's queries,
 * into a directory, one file per message.
 *
 * A file gets its name when it is whole and on disk, so what is there is right. Another name
 * than <EUI-64>-<counter>.bin ends the export: nothing the service says may choose
 * where a file goes. Beside them comes record.json (place.h), the last of the archive. An export that breaks off says where to go on.
 */
#include "ctl.h"

#include "mem.h"
#include "progress.h"
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_NAME ".smki-recovery.part"

struct unpack {
    struct tar_reader tar;
    struct progress bar;
    int dir;
    int64_t n, total;
};

/* 16 hexadecimal digits in upper case, '-', 1 to 20 decimal digits, ".bin". */
static bool name_ok(const char *name)
{
    size_t hex = strspn(name, "0123456789ABCDEF");
    size_t digits;

    if (hex != 16 || name[hex] != '-')
        return false;
    digits = strspn(name + hex + 1, "0123456789");
    return digits >= 1 && digits <= 20 && strcmp(name + hex + 1 + digits, ".bin") == 0;
}

static bool write_all(int fd, struct span data)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.at, data.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data.at += n;
        data.len -= (size_t)n;
    }
    return true;
}

static bool on_file(void *arg, const char *name, struct span data, struct err *e)
{
    struct unpack *x = arg;
    AUTO(fd) int fd = -1;

    bool record = strcmp(name, "record.json") == 0; /* how far the service's record was */

    if (!record && !name_ok(name))
        return err_set(e, ERR_INPUT, "export.name",
                       "the service sent a file called \"%s\"; nothing more is written",
                       name);
    (void)unlinkat(x->dir, TEMP_NAME, 0); /* of a run that was cut short */
    fd = openat(x->dir, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                0640);
    if (fd < 0 || !write_all(fd, data) || renameat(x->dir, TEMP_NAME, x->dir, name) < 0)
        return err_set(e, ERR_STORE, "client.file", "%s: %s", name, strerror(errno));
    x->n += !record;
    progress_show(&x->bar, x->n, x->total, -1, NULL);
    return true;
}

static bool on_data(void *arg, const char *data, size_t len, struct err *e)
{
    return tar_read(&((struct unpack *)arg)->tar, data, len, e);
}

/* How many commands there will be, for the bar; 0 when that cannot be told. */
static int64_t signed_rows(struct ctl *c, const char *id, int *rc)
{
    char path[512];
    json_t *j;
    int64_t n;

    *rc = CTL_INPUT;
    if (!ctl_path(path, "/v1/batches/{}", id, NULL))
        return 0;
    *rc = ctl_get(c, path, &j, NULL);
    if (*rc != CTL_OK)
        return 0;
    n = json_integer_value(json_object_get(j, "signed"));
    json_decref(j);
    return n;
}

static void show_count(const char *what, int64_t n)
{
    json_t *j = json_pack("{s:I}", what, (json_int_t)n);

    ctl_json(j);
    json_decref(j);
}

/* from: position of the first one; below 0: it begins anew each time */
static int to_directory(struct ctl *c, const char *path, const char *what, const char *dir,
                        int64_t total, long long from)
{
    struct unpack x = {.total = total};
    struct client_call get = {.method = "GET", .path = path, .fd = -1};
    struct client_answer a = {0};
    struct err e;
    int rc = CTL_OK;

    if (mkdir(dir, 0750) < 0 && errno != EEXIST) {
        ctl_say("%s: %s", dir, strerror(errno));
        return CTL_INPUT;
    }
    x.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (x.dir < 0) {
        ctl_say("%s: %s", dir, strerror(errno));
        return CTL_INPUT;
    }
    x.tar.file = on_file;
    x.tar.arg = &x;
    progress_start(&x.bar, stderr, what, false, c->quiet || c->json);
    get.socket = c->socket;
    get.login = c->login;
    get.stop = &ctl_stop;
    get.dry_run = c->dry_run; /* what is handed out is on record: the service refuses */
    get.receive = on_data;
    get.arg = &x;
    if (!client_call(&get, &a, &e) || !tar_read_end(&x.tar, &e)) {
        progress_end(&x.bar);
        rc = a.status >= 300 ? ctl_failed(&a, &e) : ctl_failed_here(&e);
    } else if (syncfs(x.dir) < 0) { /* one flush for all of them */
        progress_end(&x.bar);
        ctl_say("%s: %s", dir, strerror(errno));
        rc = CTL_STORE;
    }
    progress_end(&x.bar);
    (void)unlinkat(x.dir, TEMP_NAME, 0);
    (void)close(x.dir);
    tar_reader_done(&x.tar);
    client_answer_done(&a);
    if (rc == CTL_OK && c->json)
        show_count(what, x.n);
    else if (rc == CTL_OK && !c->quiet)
        (void)printf("%lld %s in %s\n", (long long)x.n, what, dir);
    /* A position of the batch is never less than the number of commands before it. */
    if (rc != CTL_OK && x.n > 0 && from >= 0)
        ctl_say("%lld commands are in %s; go on with --from %lld", (long long)x.n, dir,
                from + (long long)x.n);
    return rc;
}

static bool one_place(const char *dir, const char *tar)
{
    if ((dir == NULL) != (tar == NULL))
        return true;
    ctl_say("say either --out DIR or --tar FILE");
    return false;
}

int ctl_queries(struct ctl *c, const struct ctl_args *a)
{
    const char *dir = a->opt[0], *tar = a->opt[1];
    char pattern[512], path[512];

    if (!one_place(dir, tar))
        return CTL_USAGE;
    if (a->opt[2] == NULL) {
        ctl_say("say who will ask: --originator EUI64");
        return CTL_USAGE;
    }
    if (!ctl_path(pattern, "/v1/incidents/{}/queries?originator={}", a->v[0], a->opt[2]))
        return CTL_INPUT;
    (void)strncat(pattern, "&cell={}", sizeof pattern - strlen(pattern) - 1);
    if (!ctl_path(path, pattern, a->opt[3] != NULL ? a->opt[3] : "tcos-ds", NULL))
        return CTL_INPUT;
    if (a->opt[4] != NULL) {
        (void)strncat(path, "&when=before&every=", sizeof path - strlen(path) - 1);
        (void)strncat(path, a->opt[5] != NULL ? a->opt[5] : "1",
                      sizeof path - strlen(path) - 1);
    } else if (a->opt[5] != NULL) {
        ctl_say("--every goes with --before");
        return CTL_USAGE;
    }
    return tar != NULL ? ctl_download(c, path, tar)
                       : to_directory(c, path, "queries", dir, 0, -1);
}

int ctl_export(struct ctl *c, const struct ctl_args *a)
{
    const char *dir = a->opt[0], *tar = a->opt[1];
    const char *from = a->opt[2] != NULL ? a->opt[2] : "0";
    char path[512], *end;
    long long pos = strtoll(from, &end, 10);
    int64_t total;
    int rc;

    if (!one_place(dir, tar))
        return CTL_USAGE;
    if (*end != '\0' || end == from || pos < 0) {
        ctl_say("--from %s: not a position", from);
        return CTL_USAGE;
    }
    if (!ctl_path(path, "/v1/batches/{}/commands?from={}", a->v[0], from))
        return CTL_INPUT;
    if (tar != NULL)
        return ctl_download(c, path, tar);
    total = signed_rows(c, a->v[0], &rc);
    if (rc != CTL_OK)
        return rc;
    return to_directory(c, path, "commands", dir, total > pos ? total - pos : 0, pos);
}
