/* SPDX-License-Identifier: MIT
 *
 * tar - the few octets of POSIX ustar that an export of commands needs: regular files with
 * short names, written one after the other, read as they come.
 *
 * Reading is strict: a regular file, a name that fits the ustar name field and holds no
 * slash, a right checksum, a size below a cap; any other entry stops the reading.
 *
 * Source:  IEEE Std 1003.1-2017, pax, "ustar Interchange Format".
 * Effects: none; reader and writer call what they are given.
 */
#ifndef TAR_H
#define TAR_H

#include "bytes.h"

#include <sys/types.h>

#define TAR_BLOCK    512
#define TAR_NAME_MAX 99
#define TAR_FILE_MAX (1u << 20)
#define TAR_END      1024 /* zero octets that end an archive */
/* Zero octets that follow a file of n octets. */
#define TAR_PAD(n) ((TAR_BLOCK - (n) % TAR_BLOCK) % TAR_BLOCK)

/*
 * One header: mode 0644, uid and gid 0, no names of users.
 *   name     1..TAR_NAME_MAX octets
 *   size     any; what eleven octal digits do not hold is written in base 256, as GNU tar does
 *   mtime_s  seconds since 1970, 0 or more
 */
void tar_header(uint8_t out[static TAR_BLOCK], const char *name, uint64_t size,
                int64_t mtime_s);

#define TAR_WRITE_MAX 65536

struct tar_file { /* one to be written */
    char name[TAR_NAME_MAX + 1];
    struct span data; /* until the next is asked for; TAR_WRITE_MAX octets at most */
    int64_t mtime_s;
};

struct tar_writer {
    /* The next file; *found false after the last. False: there is no going on. */
    bool (*file)(void *arg, struct tar_file *out, bool *found);
    void *arg;
    uint8_t block[2 * TAR_BLOCK + TAR_WRITE_MAX];
    size_t len, at;
    bool ended;
};

/* As much of the archive as is at hand, max octets at most;
 * 0 at its end, -1 when file has failed. */
ssize_t tar_write(struct tar_writer *t, char *buf, size_t max);
/* Was the archive given out to its end? */
bool tar_written(const struct tar_writer *t);

struct tar_reader {
    /* A file is complete. data lasts until the call returns. */
    bool (*file)(void *arg, const char *name, struct span data, struct err *e);
    void *arg;
    uint8_t header[TAR_BLOCK];
    size_t header_len;
    char name[TAR_NAME_MAX + 1];
    uint8_t *data; /* of the file being read; free() when done, or tar_reader_done */
    size_t size, len, pad;
    unsigned zeros; /* blocks of zeros seen: two end the archive */
};

/* Errors: ERR_INPUT "export.archive", and what file says. */
MUST_CHECK bool tar_read(struct tar_reader *t, const char *data, size_t len, struct err *e);
/* After the last octet: was the archive whole? Errors: ERR_INPUT "export.archive". */
MUST_CHECK bool tar_read_end(const struct tar_reader *t, struct err *e);
void tar_reader_done(struct tar_reader *t);

#endif
