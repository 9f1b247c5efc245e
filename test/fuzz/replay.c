/* SPDX-License-Identifier: MIT
 *
 * main for compilers without libFuzzer: run the corpus, files or folders, once. Options
 * (-runs=0) are libFuzzer's and are passed over.
 */
#include "bytes.h"
#include "mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t n_run;

static bool run_file(const char *path)
{
    AUTO(mem) uint8_t *octets = NULL;
    FILE *f = fopen(path, "rb");
    size_t cap = 1 << 20;
    size_t len;

    octets = malloc(cap);
    if (f == NULL || octets == NULL) {
        if (f != NULL)
            (void)fclose(f);
        return false;
    }
    len = fread(octets, 1, cap, f);
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(octets, len);
    n_run++;
    return true;
}

static bool run(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    bool ok = true;

    if (d == NULL)
        return run_file(path);
    while (ok && (entry = readdir(d)) != NULL) {
        AUTO(mem) char *inner = NULL;

        if (entry->d_name[0] == '.')
            continue;
        ok = asprintf(&inner, "%s/%s", path, entry->d_name) > 0 && run_file(inner);
    }
    closedir(d);
    return ok;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        if (!run(argv[i])) {
            (void)fprintf(stderr, "replay: cannot read %s\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    printf("replayed %zu\n", n_run);
    return n_run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
