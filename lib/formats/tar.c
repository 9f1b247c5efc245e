/* SPDX-License-Identifier: MIT */
#include "tar.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Offsets and lengths of the ustar header. */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
};

/* Octal digits, zero-padded, ended by NUL: len - 1 digits. */
static void put_octal(uint8_t *at, size_t len, uint64_t v)
{
    at[len - 1] = 0;
    for (size_t i = len - 1; i-- > 0; v >>= 3)
        at[i] = (uint8_t)('0' + (v & 7));
}

static bool get_octal(const uint8_t *at, size_t len, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0;

    while (i < len && at[i] >= '0' && at[i] <= '7')
        v = v << 3 | (uint64_t)(at[i++] - '0');
    if (i == 0 || (i < len && at[i] != 0 && at[i] != ' '))
        return false;
    *out = v;
    return true;
}

/* The checksum counts its own field as spaces. */
static uint64_t checksum(const uint8_t *h)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : h[i];
    return sum;
}

void tar_header(uint8_t out[static TAR_BLOCK], const char *name, uint64_t size,
                int64_t mtime_s)
{
    memset(out, 0, TAR_BLOCK);
    memcpy(out + AT_NAME, name, strnlen(name, TAR_NAME_MAX));
    put_octal(out + AT_MODE, 8, 0644);
    put_octal(out + AT_UID, 8, 0);
    put_octal(out + AT_GID, 8, 0);
    if (size >> 33 == 0) {
        put_octal(out + AT_SIZE, 12, size);
    } else {
        out[AT_SIZE] = 0x80;
        put_be64(out + AT_SIZE + 4, size);
    }
    put_octal(out + AT_MTIME, 12, mtime_s > 0 ? (uint64_t)mtime_s : 0);
    out[AT_TYPE] = '0';
    memcpy(out + AT_MAGIC, "ustar\00000", 8);
    put_octal(out + AT_SUM, 7, checksum(out));
    out[AT_SUM + 7] = ' ';
}

/* The next file, or the end of the archive, into block. */
static bool fill(struct tar_writer *t)
{
    struct tar_file f;
    bool found;

    t->at = t->len = 0;
    if (!t->file(t->arg, &f, &found))
        return false;
    t->ended = !found;
    if (!found) {
        memset(t->block, 0, TAR_END);
        t->len = TAR_END;
        return true;
    }
    assert(f.data.len <= TAR_WRITE_MAX);
    tar_header(t->block, f.name, f.data.len, f.mtime_s);
    memcpy(t->block + TAR_BLOCK, f.data.at, f.data.len);
    memset(t->block + TAR_BLOCK + f.data.len, 0, TAR_PAD(f.data.len));
    t->len = TAR_BLOCK + f.data.len + TAR_PAD(f.data.len);
    return true;
}

ssize_t tar_write(struct tar_writer *t, char *buf, size_t max)
{
    size_t n = 0;

    while (n < max) {
        size_t k = t->len - t->at;

        if (k == 0) {
            if (t->ended)
                break;
            if (!fill(t))
                return -1;
            continue;
        }
        if (k > max - n)
            k = max - n;
        memcpy(buf + n, t->block + t->at, k);
        t->at += k;
        n += k;
    }
    return (ssize_t)n;
}

bool tar_written(const struct tar_writer *t)
{
    return t->ended && t->at == t->len;
}

static bool bad(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "export.archive", "the archive %s", what);
}

static bool all_zero(const uint8_t *h)
{
    for (size_t i = 0; i < TAR_BLOCK; i++)
        if (h[i] != 0)
            return false;
    return true;
}

static bool take_header(struct tar_reader *t, struct err *e)
{
    const uint8_t *h = t->header;
    uint64_t sum, size;
    size_t name_len = strnlen((const char *)h, 100);

    t->header_len = 0;
    if (all_zero(h)) {
        t->zeros++;
        return true;
    }
    if (t->zeros > 0)
        return bad(e, "goes on after its end");
    if (!get_octal(h + AT_SUM, 8, &sum) || sum != checksum(h))
        return bad(e, "has a header with a wrong checksum");
    if (memcmp(h + AT_MAGIC, "ustar", 6) != 0 || h[AT_TYPE] != '0' || h[AT_PREFIX] != 0)
        return bad(e, "holds something other than regular files with short names");
    if (name_len == 0 || name_len > TAR_NAME_MAX || memchr(h, '/', name_len) != NULL)
        return bad(e, "holds a file with an impossible name");
    if (!get_octal(h + AT_SIZE, 12, &size) || size > TAR_FILE_MAX)
        return bad(e, "holds a file that is too large");
    memcpy(t->name, h, name_len);
    t->name[name_len] = '\0';
    t->size = (size_t)size;
    t->len = 0;
    t->data = malloc(t->size > 0 ? t->size : 1);
    if (t->data == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return true;
}

static bool take_file(struct tar_reader *t, struct err *e)
{
    bool ok = t->file(t->arg, t->name, span_of(t->data, t->size), e);

    free(t->data);
    t->data = NULL;
    t->pad = TAR_PAD(t->size);
    return ok;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool tar_read(struct tar_reader *t, const char *data, size_t len, struct err *e)
{
    size_t n;

    while (len > 0) {
        if (t->data != NULL) {
            n = smaller(len, t->size - t->len);
            memcpy(t->data + t->len, data, n);
            t->len += n;
        } else if (t->pad > 0) {
            n = smaller(len, t->pad);
            t->pad -= n;
        } else {
            n = smaller(len, TAR_BLOCK - t->header_len);
            memcpy(t->header + t->header_len, data, n);
            t->header_len += n;
            if (t->header_len == TAR_BLOCK && !take_header(t, e))
                return false;
        }
        data += n;
        len -= n;
        if (t->data != NULL && t->len == t->size && !take_file(t, e))
            return false;
    }
    return true;
}

bool tar_read_end(const struct tar_reader *t, struct err *e)
{
    if (t->data != NULL || t->pad > 0 || t->header_len > 0 || t->zeros < 2)
        return bad(e, "ends early");
    return true;
}

void tar_reader_done(struct tar_reader *t)
{
    free(t->data);
    t->data = NULL;
}
