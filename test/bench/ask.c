/* SPDX-License-Identifier: MIT
 *
 * bench-ask - asks the service for its status, again and again, and says how long it took.
 *
 *   bench-ask --socket PATH --times N [--at-once N] [--uid UID] [--path PATH]
 *   bench-ask --socket PATH --while PID [--pause-us N] [--path PATH]
 *
 * --path: for that instead of /v1/status.
 * Each request has a connection of its own, read to its end. Prints how many there were, how
 * many were answered 200 and how many 403, and the time from connect to end in microseconds:
 * the half, 99 of 100, the worst. --at-once: so many processes share the work. --uid: under
 * that uid and its own group id, without others (root only).
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES_MAX 10000000u

struct wish {
    const char *socket;
    const char *path; /* what is asked for */
    unsigned times, at_once, pause_us;
    pid_t during;
};

struct result { /* shared by all processes */
    unsigned ok, denied, broken;
};

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The status of the answer, 0 when there was none. */
static int ask(const struct wish *w)
{
    char request[1024];
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char answer[65536];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status = 0;
    ssize_t n;

    (void)snprintf(request, sizeof request,
                   "GET %.512s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                   w->path);
    (void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s", w->socket);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, sizeof sa) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    /* who has no role is answered before anything is read: that the pipe is broken is no news */
    (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
    n = recv(fd, answer, sizeof answer - 1, 0);
    if (n > 12) {
        answer[n] = '\0';
        status = (int)strtol(answer + 9, NULL, 10);
    }
    while (n > 0)
        n = recv(fd, answer, sizeof answer, 0);
    (void)close(fd);
    return status;
}

static void work(const struct wish *w, unsigned first, unsigned step, uint32_t *took,
                 struct result *r)
{
    for (unsigned i = first; i < w->times; i += step) {
        uint64_t from = now_us();
        int status;

        if (w->during > 0 && kill(w->during, 0) != 0)
            return;
        status = ask(w);
        took[i] = (uint32_t)(now_us() - from) + 1; /* 0: not asked */
        (void)__atomic_add_fetch(status == 200   ? &r->ok
                                 : status == 403 ? &r->denied
                                                 : &r->broken,
                                 1, __ATOMIC_RELAXED);
        if (w->pause_us > 0)
            (void)usleep(w->pause_us);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void *shared(size_t len)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        abort();
    return at;
}

static int run(const struct wish *w)
{
    uint32_t *took = shared(w->times * sizeof *took);
    struct result *r = shared(sizeof *r);
    uint64_t from = now_us();
    unsigned n = 0;
    double seconds;

    for (unsigned k = 0; k < w->at_once; k++) {
        pid_t pid = fork();

        if (pid < 0)
            return 1;
        if (pid == 0) {
            work(w, k, w->at_once, took, r);
            _exit(0);
        }
    }
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    seconds = (double)(now_us() - from) / 1e6;
    qsort(took, w->times, sizeof *took, by_size);
    while (n < w->times && took[w->times - 1 - n] != 0)
        n++;
    took += w->times - n;
    (void)printf("{\"asked\":%u,\"answered\":%u,\"denied\":%u,\"broken\":%u,"
                 "\"seconds\":%.3f,\"p50_us\":%u,\"p99_us\":%u,\"worst_us\":%u}\n",
                 n, r->ok, r->denied, r->broken, seconds, n > 0 ? took[n / 2] : 0,
                 n > 0 ? took[n - 1 - n / 100] : 0, n > 0 ? took[n - 1] : 0);
    return n > 0 ? 0 : 1;
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},   {"times", required_argument, NULL, 't'},
        {"at-once", required_argument, NULL, 'a'},  {"while", required_argument, NULL, 'w'},
        {"pause-us", required_argument, NULL, 'p'}, {"uid", required_argument, NULL, 'u'},
        {"path", required_argument, NULL, 'f'},     {NULL, 0, NULL, 0}};
    struct wish w = {.at_once = 1, .path = "/v1/status"};
    unsigned uid = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (c) {
        case 's':
            w.socket = optarg;
            break;
        case 't':
            w.times = number(optarg);
            break;
        case 'a':
            w.at_once = number(optarg);
            break;
        case 'w':
            w.during = (pid_t)number(optarg);
            w.times = TIMES_MAX;
            break;
        case 'p':
            w.pause_us = number(optarg);
            break;
        case 'u':
            uid = number(optarg);
            break;
        case 'f':
            w.path = optarg;
            break;
        default:
            return 2;
        }
    if (w.socket == NULL || w.times == 0 || w.times > TIMES_MAX || w.at_once == 0 ||
        optind != argc)
        return 2;
    /* the group stays: it is what lets a process reach the socket at all */
    if (uid != 0 && (setgroups(0, NULL) != 0 || setuid(uid) != 0)) {
        perror("bench-ask: --uid");
        return 1;
    }
    return run(&w);
}
