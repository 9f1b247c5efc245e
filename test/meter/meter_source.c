/* SPDX-License-Identifier: MIT
 *
 * meter_source.c - see the header.
 */
#include "meter_source.h"

#include "meter_util.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static bool is_bin(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".bin") == 0;
}

static size_t each_in_folder(const char *path, source_fn *fn, void *arg)
{
    struct dirent **names;
    size_t skipped = 0;
    int n = scandir(path, &names, NULL, alphasort);
    if (n < 0)
        die_errno("%s", path);
    for (int i = 0; i < n; i++) {
        char *file;
        struct stat st;
        if (names[i]->d_name[0] != '.') {
            if (asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
                die(2, "out of memory");
            if (stat(file, &st) != 0)
                die_errno("%s", file);
            if (S_ISDIR(st.st_mode)) {
                skipped += each_in_folder(file, fn, arg);
            } else if (is_bin(file)) {
                size_t len;
                uint8_t *text = file_read(file, &len);
                fn(arg, file, (struct octets){text, len});
                free(text);
            } else {
                skipped++;
            }
            free(file);
        }
        free(names[i]);
    }
    free(names);
    return skipped;
}

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155],
        pad[12];
};
_Static_assert(sizeof(struct tar_header) == 512, "ustar block");

static uint64_t octal(const char *at, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len && at[i]; i++)
        if (at[i] >= '0' && at[i] <= '7')
            v = v * 8 + (uint64_t)(at[i] - '0');
    return v;
}

static bool sum_good(const struct tar_header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof *h; i++)
        sum +=
            i >= offsetof(struct tar_header, sum) && i < offsetof(struct tar_header, type)
                ? ' '
                : p[i];
    return sum == octal(h->sum, sizeof h->sum);
}

static void skip(FILE *f, uint64_t len, const char *path)
{
    char part[4096];
    while (len) {
        size_t n = len < sizeof part ? (size_t)len : sizeof part;
        if (fread(part, 1, n, f) != n)
            die(2, "%s: archive cut off", path);
        len -= n;
    }
}

#define NAME_MAX_LEN 4096

static void read_whole(FILE *f, char *buf, uint64_t size, const char *path)
{
    if (size >= NAME_MAX_LEN * 2)
        die(2, "%s: an extended header of %llu octets", path, (unsigned long long)size);
    if (fread(buf, 1, size, f) != size)
        die(2, "%s: archive cut off", path);
    buf[size] = '\0';
    skip(f, (size + 511) / 512 * 512 - size, path);
}

/* pax: "LENGTH KEY=VALUE\n" records; of interest is the path of the file that follows. A
 * long name must not be passed over for having lost its ".bin". */
static void pax_path(const char *rest, char name[NAME_MAX_LEN])
{
    while (*rest) {
        char *key;
        unsigned long len = strtoul(rest, &key, 10);
        if (*key != ' ' || len <= (size_t)(key + 1 - rest) || len > strlen(rest))
            return;
        key++;
        if (strncmp(key, "path=", 5) == 0)
            (void)snprintf(name, NAME_MAX_LEN, "%.*s", (int)(rest + len - 1 - (key + 5)),
                           key + 5);
        rest += len;
    }
}

static void ustar_name(const struct tar_header *h, char name[NAME_MAX_LEN])
{
    bool split = memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0];
    (void)snprintf(name, NAME_MAX_LEN, "%.155s%s%.100s", split ? h->prefix : "",
                   split ? "/" : "", h->name);
}

static size_t each_in_tar(FILE *f, const char *path, source_fn *fn, void *arg)
{
    size_t skipped = 0;
    struct tar_header h;
    uint8_t *buf = must_realloc(NULL, COMMAND_MAX);
    char name[NAME_MAX_LEN] = "";
    size_t n;
    while ((n = fread(&h, 1, sizeof h, f)) == sizeof h) {
        if (h.name[0] == '\0')
            continue; /* the zero blocks at the end */
        if (!sum_good(&h))
            die(2, "%s: not a tar archive, or damaged", path);
        uint64_t size = octal(h.size, sizeof h.size), whole = (size + 511) / 512 * 512;
        if (h.type == 'x' || h.type == 'L') {
            char text[NAME_MAX_LEN * 2];
            read_whole(f, text, size, path);
            if (h.type == 'x')
                pax_path(text, name);
            else
                (void)snprintf(name, sizeof name, "%.4000s", text);
            continue;
        }
        if (!name[0])
            ustar_name(&h, name);
        bool file = h.type == '0' || h.type == '\0';
        if (!file || !is_bin(name)) {
            skip(f, whole, path);
            skipped += file;
            name[0] = '\0';
            continue;
        }
        if (size > COMMAND_MAX)
            die(2, "%s: %s: %llu octets are no command", path, name,
                (unsigned long long)size);
        if (fread(buf, 1, size, f) != size)
            die(2, "%s: archive cut off in %s", path, name);
        skip(f, whole - size, path);
        fn(arg, name, (struct octets){buf, size});
        name[0] = '\0';
    }
    if (n)
        die(2, "%s: archive cut off", path);
    if (ferror(f))
        die_errno("%s", path);
    free(buf);
    return skipped;
}

size_t source_each(const char *path, source_fn *fn, void *arg)
{
    struct stat st;
    size_t skipped = 0;
    if (strcmp(path, "-") == 0)
        return each_in_tar(stdin, "standard input", fn, arg);
    if (stat(path, &st) != 0)
        die_errno("%s", path);
    if (S_ISDIR(st.st_mode))
        return each_in_folder(path, fn, arg);
    if (is_bin(path)) {
        size_t len;
        uint8_t *text = file_read(path, &len);
        fn(arg, path, (struct octets){text, len});
        free(text);
        return 0;
    }
    FILE *f = fopen(path, "rbe");
    if (!f)
        die_errno("%s", path);
    skipped = each_in_tar(f, path, fn, arg);
    (void)fclose(f);
    return skipped;
}
