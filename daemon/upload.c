/* SPDX-License-Identifier: MIT */
#include "upload.h"

#include "mem.h"
#include "rosters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void upload_free(struct upload *u)
{
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
    if (ok || e->code == ERR_STORE)
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
    u = calloc(1, sizeof *u);
    if (u == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    u->sv = sv;
    u->r = *r;
    (void)snprintf(u->path, sizeof u->path, "%s/upload-XXXXXX", sv->incoming_dir);
    u->fd = mkostemp(u->path, O_CLOEXEC);
    if (u->fd < 0) {
        (void)err_set(e, ERR_STORE, "store.upload", "%s: %s", u->path, strerror(errno));
        u->path[0] = '\0';
        upload_free(u);
        return false;
    }
    *out = (struct sink){upload_write, end, upload_abort, u};
    return true;
}
