/* SPDX-License-Identifier: MIT */
#include "backup_impl.h"

#include "mem.h"
#include "tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct backup_tar {
    char dir[PATH_MAX / 2];
    json_t *names;
    size_t next;
    int fd;       /* of the file being read; -1: none */
    int64_t left; /* of it */
    size_t pad;   /* zeros due */
    uint8_t head[TAR_BLOCK];
    size_t head_left;
    bool ended;
};

bool backup_tar_open(const char *dir, struct backup_tar **out, struct err *e)
{
    struct backup_tar *t = calloc(1, sizeof *t);
    json_t *manifest = backup_manifest(dir, e);
    json_t *one;
    size_t i;

    if (t == NULL || manifest == NULL) {
        free(t);
        json_decref(manifest);
        return manifest == NULL ? false
                                : err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    (void)snprintf(t->dir, sizeof t->dir, "%s", dir);
    t->fd = -1;
    t->names = json_pack("[s]", BACKUP_MANIFEST);
    json_array_foreach(json_object_get(manifest, "files"), i, one)(void)
        json_array_append(t->names, json_object_get(one, "name"));
    json_decref(manifest);
    *out = t;
    return true;
}

void backup_tar_free(struct backup_tar *t)
{
    if (t == NULL)
        return;
    fd_auto(&t->fd);
    json_decref(t->names);
    free(t);
}

/* The next file's header, or the zeros at the end. */
static bool next_file(struct backup_tar *t)
{
    const char *name = json_string_value(json_array_get(t->names, t->next++));
    char path[PATH_MAX];
    struct stat st;

    if (name == NULL) {
        t->ended = true;
        t->pad = TAR_END;
        return true;
    }
    (void)snprintf(path, sizeof path, "%s/%s", t->dir, name);
    t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (t->fd < 0 || fstat(t->fd, &st) != 0)
        return false;
    t->left = st.st_size;
    t->pad = (size_t)TAR_PAD(st.st_size);
    tar_header(t->head, name, (uint64_t)st.st_size, st.st_mtim.tv_sec);
    t->head_left = TAR_BLOCK;
    return true;
}

static ssize_t file_data(struct backup_tar *t, char *buf, size_t max)
{
    ssize_t n = read(t->fd, buf, (int64_t)max < t->left ? max : (size_t)t->left);

    if (n <= 0)
        return -1;
    t->left -= n;
    return n;
}

ssize_t backup_tar_read(struct backup_tar *t, char *buf, size_t max)
{
    for (;;) {
        if (t->head_left > 0) {
            size_t n = t->head_left < max ? t->head_left : max;

            memcpy(buf, t->head + TAR_BLOCK - t->head_left, n);
            t->head_left -= n;
            return (ssize_t)n;
        }
        if (t->left > 0)
            return file_data(t, buf, max);
        fd_auto(&t->fd);
        if (t->pad > 0) {
            size_t n = t->pad < max ? t->pad : max;

            memset(buf, 0, n);
            t->pad -= n;
            return (ssize_t)n;
        }
        if (t->ended)
            return 0;
        if (!next_file(t))
            return -1;
    }
}
