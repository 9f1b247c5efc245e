/* SPDX-License-Identifier: MIT
 *
 * Any octets as a command; any text as a message in JSON (when it begins with a brace).
 */
#include "fuzz_message.h"

static void any_json(struct span text)
{
    AUTO(mem) uint8_t *octets = NULL;
    size_t len;
    struct message m;
    struct err e;

    if (!message_from_json(text, span_of(NULL, 0), &octets, &len, &e)) {
        fuzz_must(e.code == ERR_INPUT && e.id != NULL && e.text[0] != '\0');
        return;
    }
    fuzz_must(message_decode(span_of(octets, len), &m, &e));
    fuzz_message(&m, span_of(octets, len));
    message_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message m;
    struct err e = {0};

    if (size > 0 && data[0] == '{') {
        any_json(span_of(data, size));
        return 0;
    }
    if (!message_decode(span_of(data, size), &m, &e)) {
        fuzz_must(e.code == ERR_INPUT && e.id != NULL && e.text[0] != '\0');
        return 0;
    }
    fuzz_message(&m, span_of(data, size));
    message_done(&m);
    return 0;
}
