/* SPDX-License-Identifier: MIT
 *
 * upload - a streamed body into a file of its own, which gets its name when it is whole.
 *
 * Until then it has a random name in the incoming folder and goes with the request.
 *
 * What is on its way and what waits for its use (uploads.h) has a quota, for a uid and in
 * all: nobody fills the disk with files that nobody signs. In octets it is twice the largest
 * file that is taken for a uid, and eight times that file in all. One that is on its way for
 * more than a day is let go.
 *
 * Effects: files in the state directory; the store.
 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include "service.h"

#include <limits.h>

struct upload {
    struct service *sv;
    struct request r;
    struct upload *next; /* in service.uploads: on its way */
    int64_t octets, since_us;
    int fd;
    bool taken_in; /* it was read and checked; its */
    struct digest digest;
    char path[PATH_MAX]; /* goes with the upload; "": nothing does */
};

/* A sink for the route; end takes the upload over and frees it either way. */
MUST_CHECK bool upload_begin(struct service *sv, const struct request *r,
                             bool (*end)(void *arg, struct reply *out, struct err *e),
                             struct sink *out, struct err *e);
/* On disk and under its name, DIR/<digest in hex>.csv, before the store speaks of it. */
MUST_CHECK bool upload_keep(struct upload *u, const char *dir, const struct digest *name,
                            struct err *e);
/* What became of the request: a file that was refused, or of a dry run, goes, unless it was
 * there before. */
void upload_settle(struct upload *u, bool ok, const struct err *e);
void upload_free(struct upload *u);

/* At the start: what a crash has left in the folders goes, or waits for its time. */
MUST_CHECK bool upload_sweep(struct service *sv, struct err *e);
/* Uploads whose time is over go, with a record of each. */
MUST_CHECK bool upload_expire(struct service *sv, struct err *e);

#endif
