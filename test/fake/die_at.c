/* SPDX-License-Identifier: MIT
 *
 * die_at - preloaded: the program dies by SIGKILL at its n-th durable step.
 *
 * Environment:
 *   DIE_AT_PROGRAM  which one; the others that inherit the environment live on
 *   DIE_AT          n, from 1; the step is not done, and a write only half
 *   DIE_AT_COUNT    a file: how many steps there were, when the program ends in order
 *
 * Durable steps are fsync, fdatasync, pwrite, ftruncate, rename and unlink: what SQLite and
 * the service do to files.
 */
#undef _FILE_OFFSET_BITS /* pwrite and pwrite64 are two names here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long die_at = -1; /* 0: count only; -1: not this program */
static atomic_long steps;

/* The next function of that name. */
#define REAL(name)                           \
    __typeof__(&name) real;                  \
    void *symbol_ = dlsym(RTLD_NEXT, #name); \
    if (symbol_ == NULL)                     \
        abort();                             \
    memcpy(&real, &symbol_, sizeof real)

__attribute__((constructor)) static void begin(void)
{
    const char *program = getenv("DIE_AT_PROGRAM");
    const char *n = getenv("DIE_AT");

    if (program != NULL && strcmp(program, program_invocation_short_name) == 0)
        die_at = n == NULL ? 0 : strtol(n, NULL, 10);
}

__attribute__((destructor)) static void end(void)
{
    const char *file = getenv("DIE_AT_COUNT");
    FILE *f;

    if (die_at < 0 || file == NULL)
        return;
    f = fopen(file, "w");
    if (f == NULL || fprintf(f, "%ld\n", atomic_load(&steps)) < 0 || fclose(f) != 0)
        abort();
}

static int last_step(void)
{
    return die_at >= 0 && atomic_fetch_add(&steps, 1) + 1 == die_at;
}

static void step(void)
{
    if (last_step())
        (void)kill(getpid(), SIGKILL);
}

int fsync(int fd)
{
    REAL(fsync);
    step();
    return real(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    step();
    return real(fd);
}

int ftruncate(int fd, off_t len)
{
    REAL(ftruncate);
    step();
    return real(fd, len);
}

int ftruncate64(int fd, off64_t len)
{
    REAL(ftruncate64);
    step();
    return real(fd, len);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    step();
    return real(from, to);
}

int unlink(const char *path)
{
    REAL(unlink);
    step();
    return real(path);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
    REAL(pwrite);
    if (last_step()) {
        (void)real(fd, buf, n / 2, at);
        (void)kill(getpid(), SIGKILL);
    }
    return real(fd, buf, n, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
    REAL(pwrite64);
    if (last_step()) {
        (void)real(fd, buf, n / 2, at);
        (void)kill(getpid(), SIGKILL);
    }
    return real(fd, buf, n, at);
}
