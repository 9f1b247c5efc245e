/* SPDX-License-Identifier: MIT
 *
 * meter_util.c - see the header.
 */
#include "meter_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void die(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    exit(status);
}

void die_errno(const char *fmt, ...)
{
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    (void)vfprintf(stderr, fmt, ap);
    (void)fprintf(stderr, ": %s\n", strerror(saved));
    va_end(ap);
    exit(2);
}

void *must_realloc(void *p, size_t len)
{
    void *q = realloc(p, len ? len : 1);
    if (!q)
        die(2, "out of memory");
    return q;
}

void *must_zero(size_t n, size_t size)
{
    void *q = calloc(n ? n : 1, size);
    if (!q)
        die(2, "out of memory");
    return q;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool hex_read(const char *text, size_t chars, uint8_t *out, size_t len)
{
    if (chars != len * 2)
        return false;
    for (size_t i = 0; i < len; i++) {
        int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

bool hex_u64(const char *text, uint64_t *out)
{
    uint8_t b[8];
    if (!hex_read(text, strlen(text), b, sizeof b))
        return false;
    *out = octets_u64(b);
    return true;
}

void hex_write(char *out, const uint8_t *at, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[at[i] >> 4];
        out[2 * i + 1] = digits[at[i] & 15];
    }
    out[2 * len] = '\0';
}

uint8_t *file_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        die_errno("%s", path);
    struct out o = {0};
    uint8_t part[1 << 16];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        out_put(&o, part, n);
    if (ferror(f))
        die_errno("%s", path);
    (void)fclose(f);
    *len = o.len;
    out_octet(&o, 0);
    return o.at;
}

void file_begin(struct file_new *n, const char *dir, const char *name)
{
    int k = snprintf(n->path, sizeof n->path, "%s/%s", dir, name);
    if (k < 0 || (size_t)k >= sizeof n->path)
        die(2, "%s: path too long", dir);
    (void)snprintf(n->temp, sizeof n->temp, "%s.new", n->path);
    n->f = fopen(n->temp, "wbe");
    if (!n->f)
        die_errno("%s", n->temp);
}

void file_commit(struct file_new *n)
{
    if (fflush(n->f) != 0 || fsync(fileno(n->f)) != 0 || fclose(n->f) != 0)
        die_errno("%s", n->temp);
    if (rename(n->temp, n->path) != 0)
        die_errno("%s", n->path);
    char *slash = strrchr(n->path, '/');
    if (slash)
        *slash = '\0';
    int fd = open(slash ? n->path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        die_errno("%s", n->path);
    (void)close(fd);
    n->f = NULL;
}

uint64_t arg_u64(const char *option, const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || *end || *text < '0' || *text > '9' || v > max)
        die(2, "--%s %s: want a number from 0 to %llu", option, text,
            (unsigned long long)max);
    return v;
}

unsigned arg_hundredths(const char *option, const char *text)
{
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (errno || *end || *text < '0' || *text > '9' || !(v <= 100))
        die(2, "--%s %s: want a percentage from 0 to 100", option, text);
    return (unsigned)(v * 100 + 0.5);
}

bool time_wellformed(const char t[15])
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int f[7];
    for (int i = 0; i < 7; i++) {
        char hi = t[2 * i], lo = t[2 * i + 1];
        if (hi < '0' || hi > '9' || lo < '0' || lo > '9')
            return false;
        f[i] = (hi - '0') * 10 + lo - '0';
    }
    int year = f[0] * 100 + f[1];
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (f[2] < 1 || f[2] > 12 || f[3] < 1 || f[3] > days[f[2] - 1])
        return false;
    if (f[2] == 2 && f[3] == 29 && !leap)
        return false;
    return f[4] < 24 && f[5] < 60 && f[6] < 60 && t[14] == 'Z';
}

void arg_time(const char *option, const char *text, char out[TIME_LEN])
{
    if (!text) {
        time_t now = time(NULL);
        struct tm tm;
        (void)gmtime_r(&now, &tm);
        if (strftime(out, TIME_LEN, "%Y%m%d%H%M%SZ", &tm) != 15)
            die(2, "the clock is beyond the year 9999");
        return;
    }
    size_t n = 0;
    for (const char *p = text; *p && n < TIME_LEN; p++)
        if (*p != '-' && *p != ':' && !(*p == 'T' && n == 8))
            out[n++] = *p;
    if (n != 15 || !time_wellformed(out))
        die(2, "--%s %s: want a UTC time as 2026-11-24T12:00:00Z", option, text);
    out[15] = '\0';
}

void json_text(FILE *f, const char *text)
{
    (void)fputc('"', f);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            (void)fprintf(f, "\\%c", c);
        else if (c < 0x20)
            (void)fprintf(f, "\\u%04x", c);
        else
            (void)fputc(c, f);
    }
    (void)fputc('"', f);
}
