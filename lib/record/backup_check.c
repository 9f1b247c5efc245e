/* SPDX-License-Identifier: MIT */
#include "backup_impl.h"

#include "mem.h"
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

AUTO_DEFINE(json, json_t *, NULL, json_decref)

static bool bad(struct err *e, const char *name, const char *what)
{
    return err_set(e, ERR_INPUT, "backup.manifest", "%s: %s", name, what);
}

bool backup_name(const char *name)
{
    static const char good[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    if (strcmp(name, BACKUP_DB) == 0)
        return true;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(backup_rooms[i]);

        if (strncmp(name, backup_rooms[i], n) == 0 && name[n] == '/')
            return name[n + 1] != '.' && name[n + 1] != '\0' &&
                   strlen(name) <= TAR_NAME_MAX &&
                   name[n + 1 + strspn(name + n + 1, good)] == '\0';
    }
    return false;
}

json_t *backup_manifest(const char *dir, struct err *e)
{
    char path[PATH_MAX];
    json_error_t why;
    json_t *j;

    (void)snprintf(path, sizeof path, "%s/" BACKUP_MANIFEST, dir);
    j = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (j == NULL)
        (void)bad(e, path, why.text);
    return j;
}

static bool check_file(const char *dir, json_t *one, struct err *e)
{
    const char *name, *sha256;
    char path[PATH_MAX], hex[HEX_LEN(32)];
    struct digest is;
    json_int_t size;
    int64_t len;

    if (json_unpack(one, "{s:s,s:I,s:s}", "name", &name, "size", &size, "sha256",
                    &sha256) != 0 ||
        !backup_name(name))
        return bad(e, BACKUP_MANIFEST, "an entry that is none");
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!backup_digest(path, &is, &len))
        return bad(e, path, "it cannot be read");
    hex_encode_lower(is.b, 32, hex);
    return (len == size && strcmp(hex, sha256) == 0) ||
           bad(e, path, "it is not what the manifest says");
}

bool backup_check(const char *dir, struct place *record, struct err *e)
{
    AUTO(json) json_t *j = backup_manifest(dir, e);
    json_t *files = json_object_get(j, "files");
    bool db = false;
    json_t *one;
    size_t i;

    if (j == NULL)
        return false;
    if (!place_from_json(j, record, e))
        return bad(e, BACKUP_MANIFEST, "it does not say how far the record had come");
    json_array_foreach(files, i, one)
    {
        if (!check_file(dir, one, e))
            return false;
        db |= strcmp(json_string_value(json_object_get(one, "name")), BACKUP_DB) == 0;
    }
    return db || bad(e, BACKUP_MANIFEST, "it names no database");
}

static bool copy(const char *from, const char *to, struct err *e)
{
    AUTO(fd) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(fd) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = 0;

    if (in < 0 || out < 0)
        return backup_failed(in < 0 ? from : to, e);
    while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
        ;
    return (n == 0 && fsync(out) == 0) || backup_failed(to, e);
}

static bool sync_dir(const char *dir, struct err *e)
{
    AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return (fd >= 0 && fsync(fd) == 0) || backup_failed(dir, e);
}

bool backup_unpack(const char *dir, const char *state_dir, const char *db, struct err *e)
{
    AUTO(json) json_t *j = backup_manifest(dir, e);
    char from[PATH_MAX], to[PATH_MAX];
    json_t *one;
    size_t i;

    if (j == NULL)
        return false;
    for (i = 0; i < 3; i++) {
        (void)snprintf(to, sizeof to, "%s/%s", state_dir, backup_rooms[i]);
        if (mkdir(to, 0700) != 0 && errno != EEXIST)
            return backup_failed(to, e);
    }
    json_array_foreach(json_object_get(j, "files"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));

        (void)snprintf(from, sizeof from, "%s/%s", dir, name);
        (void)snprintf(to, sizeof to, "%s/%s", state_dir,
                       strcmp(name, BACKUP_DB) == 0 ? db : name);
        (void)unlink(to); /* of a restore that was cut off: there is no database yet */
        if (!copy(from, to, e))
            return false;
    }
    for (i = 0; i < 3; i++) {
        (void)snprintf(to, sizeof to, "%s/%s", state_dir, backup_rooms[i]);
        if (!sync_dir(to, e))
            return false;
    }
    return sync_dir(state_dir, e);
}
