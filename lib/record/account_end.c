/* SPDX-License-Identifier: MIT */
#include "account_end.h"

#include "audit_head.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL 262144

AUTO_DEFINE(json, json_t *, NULL, json_decref)

static void take_line(const char *line, size_t len, struct place *out)
{
    AUTO(json) json_t *j = json_loadb(line, len, 0, NULL);
    const char *kind = json_string_value(json_object_get(j, "kind"));
    const json_t *data = json_object_get(j, "data");
    const char *hex = json_string_value(json_object_get(data, "originator"));
    json_int_t last = json_integer_value(json_object_get(data, "last_counter"));
    struct audit_head h;
    struct eui64 originator;
    struct err ignored;

    if (kind == NULL)
        return;
    if (strcmp(kind, AUDIT_HEAD) == 0 && audit_head_from_json(data, &h, &ignored) &&
        h.service_records > 0) {
        out->records = h.service_records;
        out->hash = h.service_hash;
    }
    if (strcmp(kind, "SIGNED") == 0 && hex != NULL && last > 0 &&
        eui64_parse(hex, strlen(hex), &originator))
        place_set(out, &originator, (uint64_t)last);
}

bool account_end_read(int fd, struct place *out)
{
    AUTO(mem) char *text = malloc(TAIL);
    struct stat st;
    off_t from;
    ssize_t n;
    char *at;

    *out = (struct place){0};
    if (fd < 0 || text == NULL || fstat(fd, &st) != 0)
        return false;
    from = st.st_size > TAIL ? st.st_size - TAIL : 0;
    n = pread(fd, text, TAIL, from);
    at = text;
    for (char *end; n > 0 && (end = memchr(at, '\n', (size_t)(text + n - at))) != NULL;
         at = end + 1)
        if (from == 0 || at != text) /* the first may be half a line */
            take_line(at, (size_t)(end - at), out);
    return out->records > 0 || out->n > 0;
}
