/* SPDX-License-Identifier: MIT
 *
 * The roster: any text. What is taken in can be read row by row and found again; what is
 * refused for its order sorts into something that is taken in, or is refused by name.
 */
#include "roster.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct roster *r)
{
    struct roster_row row;
    uint32_t at;

    for (uint32_t i = 0; i < r->n_rows; i++) {
        roster_get(r, i, &row);
        if (!roster_find(r, &row.device, &at) || at != i)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct roster r;
    struct err e;
    int fd;

    if (roster_open(span_of(data, size), "roster", &r, &e)) {
        walk(&r);
        roster_done(&r);
        return 0;
    }
    if (strcmp(e.id, "roster.order") != 0)
        return 0;
    fd = memfd_create("sorted", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    if (roster_sort(span_of(data, size), "roster", fd, &e)) {
        if (!roster_open_fd(fd, "sorted", &r, &e))
            abort();
        walk(&r);
        roster_done(&r);
    }
    (void)close(fd);
    return 0;
}
