/* SPDX-License-Identifier: MIT
 *
 * The configuration file: any text. What is taken in prints itself in a form that is taken
 * in again and prints the same.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config a, b;
    struct err e;
    char *once;
    char *twice;

    config_defaults(&a);
    if (!config_parse(span_of(data, size), "config", &a, &e))
        return 0;
    if (!config_check(&a, &e))
        e.code = ERR_NONE; /* across sections it may be wrong; it prints all the same */
    once = config_dump(&a);
    config_defaults(&b);
    if (once == NULL || !config_parse(span_of(once, strlen(once)), "dump", &b, &e))
        abort();
    twice = config_dump(&b);
    if (twice == NULL || strcmp(once, twice) != 0)
        abort();
    free(once);
    free(twice);
    return 0;
}
