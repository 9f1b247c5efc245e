/* SPDX-License-Identifier: MIT
 *
 * Any octets as a device's response or alert.
 */
#include "fuzz_message.h"
#include "response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span octets = span_of(data, size);
    struct response r;
    struct message m;
    struct err e = {0};

    if (response_read(octets, &r, &e)) {
        fuzz_must(r.signed_octets.at > data);
        fuzz_must(r.signed_octets.at + r.signed_octets.len < data + size);
        fuzz_must(r.n_outcomes <= PAYLOAD_REPLACEMENTS_MAX);
    } else {
        fuzz_must(e.code == ERR_INPUT && e.id != NULL && e.text[0] != '\0');
    }
    if (message_decode(octets, &m, &e)) {
        fuzz_message(&m, octets);
        message_done(&m);
    }
    return 0;
}
