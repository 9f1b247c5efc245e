/* SPDX-License-Identifier: MIT */
#include "listening.h"

#include "mem.h"
#include "request.h"

#include <systemd/sd-daemon.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool bad_socket(struct err *e, const char *path, const char *what)
{
    return err_set(e, ERR_INPUT, "request.socket", "%s: %s", path, what);
}

/* From systemd: the only one, or the one named "operator". -1: none was handed over. */
static int listen_inherited(void)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);
    int fd = -1;

    for (int i = 0; i < n; i++) {
        if (sd_is_socket_unix(SD_LISTEN_FDS_START + i, SOCK_STREAM, 1, NULL, 0) > 0 &&
            (n == 1 || strcmp(names[i], "operator") == 0))
            fd = SD_LISTEN_FDS_START + i;
        free(names[i]);
    }
    free(names);
    return fd;
}

/* A socket file nobody listens on may go; anything else stays. */
static bool remove_stale(const char *path, const struct sockaddr_un *sa, struct err *e)
{
    struct stat st;
    AUTO(fd) int fd = -1;

    if (lstat(path, &st) < 0)
        return errno == ENOENT || bad_socket(e, path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return bad_socket(e, path, "exists and is not a socket");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bad_socket(e, path, strerror(errno));
    if (connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0 || errno != ECONNREFUSED)
        return bad_socket(e, path, "another service listens there");
    if (unlink(path) < 0)
        return bad_socket(e, path, strerror(errno));
    return true;
}

bool listening_socket(const char *path, int *out, struct err *e)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    AUTO(fd) int fd = listen_inherited();
    mode_t old;
    int rc;

    if (fd >= 0) {
        *out = fd;
        fd = -1;
        return true;
    }
    if (path[0] != '/' || strlen(path) >= sizeof sa.sun_path)
        return bad_socket(e, path, "not an absolute path of at most 107 octets");
    memcpy(sa.sun_path, path, strlen(path) + 1);
    if (!remove_stale(path, &sa, e))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bad_socket(e, path, strerror(errno));
    old = umask(0117); /* the mode is right from the first moment: 0660 */
    rc = bind(fd, (const struct sockaddr *)&sa, sizeof sa);
    (void)umask(old);
    if (rc < 0 || listen(fd, 64) < 0)
        return bad_socket(e, path, strerror(errno));
    *out = fd;
    fd = -1;
    return true;
}

/* What was sent is read, so that the end of the connection does not overtake the answer. */
static void refuse_one(int fd, const struct reply *r)
{
    char head[200], rest[4096];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 503 Service Unavailable\r\nContent-Type: %s\r\n"
                     "Content-Length: %zu\r\nRetry-After: 5\r\nConnection: close\r\n\r\n",
                     r->type, r->len);

    if (send(fd, head, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n)
        (void)send(fd, r->body, r->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
}

void listening_refuse(const struct err *why)
{
    AUTO(fd) int fd = listen_inherited();
    struct pollfd waits = {.fd = fd, .events = POLLIN};
    struct reply r = {0};
    struct err e;

    if (fd < 0)
        return;
    (void)err_set(&e, ERR_BUSY, "request.not-started", "the service cannot start: %s",
                  why->id);
    reply_problem(&r, &e);
    while (r.len > 0 && poll(&waits, 1, 0) == 1) {
        AUTO(fd) int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        if (one < 0)
            break;
        refuse_one(one, &r);
    }
    reply_done(&r);
}
