/* SPDX-License-Identifier: MIT */
#include "stderr_line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t lost, told;

/* What stands behind stderr, by a descriptor that does not wait; -1: none is to be had. */
static struct {
    bool tried;
    dev_t dev;
    ino_t ino;
    int fd;
} own = {.fd = -1};

/* Opened anew, a pipe or a terminal has a description of ours, with flags of ours. */
static int reopened(const struct stat *st)
{
    if (own.tried && own.dev == st->st_dev && own.ino == st->st_ino)
        return own.fd;
    if (own.fd >= 0)
        (void)close(own.fd);
    own.fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    own.tried = true;
    own.dev = st->st_dev;
    own.ino = st->st_ino;
    return own.fd;
}

static ssize_t put(const char *at, size_t len)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    struct stat st;
    int fd;

    if (fstat(STDERR_FILENO, &st) != 0)
        return -1;
    if (S_ISSOCK(st.st_mode))
        return send(STDERR_FILENO, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return write(STDERR_FILENO, at, len);
    fd = reopened(&st);
    if (fd >= 0)
        return write(fd, at, len);
    /* another user's: room for a whole line now, unless somebody takes it in between */
    return poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0
               ? write(STDERR_FILENO, at, len)
               : -1;
}

static int told_first(char *line, size_t cap)
{
    if (lost == told)
        return 0;
    return snprintf(line, cap,
                    "<4>%llu lines were lost here: nobody read them in time. The audit "
                    "trail has what counts\n",
                    (unsigned long long)(lost - told));
}

static bool put_all(const char *line, size_t len)
{
    ssize_t n;

    do
        n = put(line, len);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    told = lost;
    return true;
}

bool stderr_line(const char *text)
{
    char line[STDERR_LINE_MAX + 200];
    int before = told_first(line, sizeof line);
    int n = snprintf(line + before, STDERR_LINE_MAX, "%s", text);
    size_t len = (size_t)before + (n < STDERR_LINE_MAX ? (size_t)n : STDERR_LINE_MAX - 1);

    line[len] = '\n';
    if (put_all(line, len + 1))
        return true;
    lost++;
    return false;
}

void stderr_lines_tell(void)
{
    char line[200];
    int n = told_first(line, sizeof line);

    if (n > 0)
        (void)put_all(line, (size_t)n);
}

uint64_t stderr_lines_lost(void)
{
    return lost;
}
