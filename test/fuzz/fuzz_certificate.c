/* SPDX-License-Identifier: MIT
 *
 * Any octets as a bundle of certificates. What is accepted is what the octets said: one
 * certificate written again is the same, and its chain to itself never holds unless it is a
 * root.
 */
#include "contingency.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct certs list;
    static const uint8_t kek[16];
    struct err e;

    if (!certs_read(span_of(data, size), "fuzz", &list, &e))
        return 0;
    for (size_t i = 0; i < list.n; i++) {
        const struct cert *c = &list.at[i];
        struct point point;
        struct cert again;

        if (!cert_read(c->der, "again", &again, &e) ||
            !digest_equal(&again.sha256, &c->sha256) || again.usage != c->usage ||
            eui64_cmp(&again.eui, &c->eui) != 0)
            abort();
        cert_done(&again);
        if (contingency_present(c) &&
            contingency_unwrap(c, span_of(kek, sizeof kek), &point, &e) && point.b[0] != 4)
            abort();
        if (cert_chain(c, &list, &list.at[0], c->not_before_us, NULL, &e) &&
            list.at[0].role != ROLE_ROOT)
            abort();
    }
    certs_done(&list);
    return 0;
}
