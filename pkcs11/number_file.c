/* SPDX-License-Identifier: MIT */
#include "number_file.h"

#include "mem.h"
#include "statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_LEN (CONFIG_PATH_MAX + 48 + 16 + P11_LABEL_MAX)
#define LINE_LEN (HEX_LEN(P11_NUMBER_VALUE_MAX) + 1)

static void path_of(const struct session *s, const struct p11_number *which,
                    char path[PATH_LEN])
{
    (void)snprintf(path, PATH_LEN, "%snumber-%s", s->file_prefix, which->label);
    for (char *p = path + strlen(s->file_prefix); *p != '\0'; p++)
        if (*p == ' ')
            *p = '-';
}

bool number_file_read(const struct session *s, const struct p11_number *which,
                      uint64_t now[P11_NUMBER_WORDS], struct err *e)
{
    uint8_t value[P11_NUMBER_VALUE_MAX];
    char path[PATH_LEN], line[LINE_LEN + 1] = "";
    ssize_t n;

    memset(now, 0, P11_NUMBER_WORDS * sizeof now[0]);
    path_of(s, which, path);
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return true;
    n = fd < 0 ? -1 : read(fd, line, LINE_LEN);
    if (n < 0)
        return err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
    line[strcspn(line, "\n")] = '\0';
    return (strlen(line) % 2 == 0 && strlen(line) / 2 <= sizeof value &&
            hex_decode(line, strlen(line), value, strlen(line) / 2) &&
            p11_number_whole(which, value, strlen(line) / 2, now)) ||
           err_set(e, ERR_TOKEN, "token.counter-mark-bad", "%s is not whole", path);
}

static bool write_line(int fd, const char *line)
{
    size_t n = strlen(line);

    return write(fd, line, n) == (ssize_t)n && fsync(fd) == 0;
}

bool number_file_write(const struct session *s, const struct p11_number *which,
                       const uint64_t words[P11_NUMBER_WORDS], struct err *e)
{
    uint8_t value[P11_NUMBER_VALUE_MAX];
    char path[PATH_LEN], next[PATH_LEN + 8], line[LINE_LEN + 1];
    size_t n = p11_number_value(which, words, value);

    path_of(s, which, path);
    (void)snprintf(next, sizeof next, "%s.new", path);
    hex_encode_lower(value, n, line);
    line[2 * n] = '\n';
    line[2 * n + 1] = '\0';
    AUTO(fd)
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return (fd >= 0 && write_line(fd, line) && rename(next, path) == 0 &&
            statefile_sync_folder(path)) ||
           err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
}
