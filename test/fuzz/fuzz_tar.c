/* SPDX-License-Identifier: MIT
 *
 * The reader of exported archives: any octets, in pieces of a size taken from the first
 * one.
 */
#include "tar.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_file(void *arg, const char *name, struct span data, struct err *e)
{
    (void)arg;
    (void)e;
    if (name[0] == '\0' || strchr(name, '/') != NULL || strlen(name) > TAR_NAME_MAX ||
        data.len > TAR_FILE_MAX)
        abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tar_reader t = {.file = on_file};
    struct err e;
    size_t piece = size > 0 ? (size_t)data[0] * 4 + 1 : 1;
    bool ok = true;

    for (size_t at = 0; ok && at < size; at += piece)
        ok = tar_read(&t, (const char *)data + at, size - at < piece ? size - at : piece,
                      &e);
    if (ok)
        (void)!tar_read_end(&t, &e);
    tar_reader_done(&t);
    return 0;
}
