/* SPDX-License-Identifier: MIT
 *
 * Write the samples as files: seed DIR makes DIR/command, DIR/response and DIR/json.
 */
#include "mem.h"
#include "message_json.h"
#include "samples.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool write_file(const char *dir, const char *sub, const char *name,
                       const void *octets, size_t len)
{
    AUTO(mem) char *folder = NULL;
    AUTO(mem) char *path = NULL;
    FILE *f;
    bool ok;

    if (asprintf(&folder, "%s/%s", dir, sub) < 0 ||
        asprintf(&path, "%s/%s/%s", dir, sub, name) < 0)
        return false;
    (void)mkdir(dir, 0777);
    (void)mkdir(folder, 0777);
    f = fopen(path, "wb");
    if (f == NULL)
        return false;
    ok = fwrite(octets, 1, len, f) == len;
    return fclose(f) == 0 && ok;
}

static bool write_json(const char *dir, const struct sample *s)
{
    AUTO(mem) char *json = NULL;
    struct message m;
    struct err e;
    bool ok;

    if (!message_decode(span_of(s->octets, s->len), &m, &e))
        return false;
    ok = message_to_json(&m, &json, &e);
    message_done(&m);
    return ok && write_file(dir, "json", s->name, json, strlen(json));
}

int main(int argc, char **argv)
{
    struct sample samples[SAMPLES_MAX];
    size_t n;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed DIR\n");
        return EXIT_FAILURE;
    }
    n = samples_make(samples);
    for (size_t i = 0; i < n; i++) {
        const struct sample *s = &samples[i];

        if (!write_file(argv[1], s->sort == SAMPLE_COMMAND ? "command" : "response",
                        s->name, s->octets, s->len) ||
            !write_json(argv[1], s)) {
            (void)fprintf(stderr, "seed: cannot write %s to %s\n", s->name, argv[1]);
            return EXIT_FAILURE;
        }
    }
    samples_free(samples, n);
    return EXIT_SUCCESS;
}
