/* SPDX-License-Identifier: MIT
 *
 * Any octets as a document and as the CMS around one; and the octets of a document signed
 * by a member of an authority that needs two: nothing a single signer writes is valid.
 */
#include "pki.h"
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1795525200000000 /* 2026-11-24T13:00:00Z */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_authority who = {
        .name = "pma", .threshold = 2, .members = 5};
    static struct config config = {
        .n_people = 1, .people = {{.holder = "Member 1", .organisation = "Party 1"}}};
    static X509_STORE *anchor;
    static struct pki_pair ca;
    static struct authority a;
    struct policy_facts f;
    struct verdict v;
    struct span json;
    int64_t now = NOW;
    struct err e;

    if (anchor == NULL) {
        ca = pki_person("CA", NULL, "Test", true, NULL, NULL, 1767225600, 2082758400);
        anchor = X509_STORE_new();
        if (anchor == NULL || X509_STORE_add_cert(anchor, ca.cert) != 1)
            abort();
    }
    if (authority_open(span_of(data, size), &config, &who, anchor, NOW, &a, &e))
        abort(); /* nobody knows the anchor's key */
    if (authority_content(span_of(data, size), &json, &e))
        free((void *)(uintptr_t)json.at);
    if (authority_parse(span_of(data, size), &a, &e)) {
        policy_facts_of(&a, &f);
        policy_judge(&f, NOW, &v);
        if (v.allowed && a.outcome == AUTHORITY_AUTHORISE)
            abort(); /* a document alone allows nothing */
    }
    if (policy_facts_from_json(span_of(data, size), &f, &now, &e))
        policy_judge(&f, now, &v);
    return 0;
}
