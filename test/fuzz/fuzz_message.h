/* SPDX-License-Identifier: MIT
 *
 * fuzz_message - what must hold for any octets that message_decode accepts. A broken
 * promise aborts, which is how a fuzzer learns of it.
 */
#ifndef FUZZ_MESSAGE_H
#define FUZZ_MESSAGE_H

#include "mem.h"
#include "message_json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_must(bool ok)
{
    if (!ok)
        abort();
}

/* The same octets come out, by the struct and by JSON; printing does no harm. */
static inline void fuzz_message(const struct message *m, struct span octets)
{
    AUTO(mem) uint8_t *back = NULL;
    AUTO(mem) uint8_t *again = NULL;
    AUTO(mem) char *json = NULL;
    AUTO(mem) char *page = NULL;
    size_t len;
    size_t page_len;
    struct err e;
    FILE *f;

    fuzz_must(message_encode(m, &back, &len, &e));
    fuzz_must(span_equal(span_of(back, len), octets));
    fuzz_must(message_to_json(m, &json, &e));
    fuzz_must(
        message_from_json(span_of(json, strlen(json)), span_of(NULL, 0), &again, &len, &e));
    fuzz_must(span_equal(span_of(again, len), octets));
    f = open_memstream(&page, &page_len);
    fuzz_must(f != NULL);
    message_print(f, m);
    (void)fclose(f);
}

#endif
