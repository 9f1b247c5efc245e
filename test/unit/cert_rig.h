/* SPDX-License-Identifier: MIT
 *
 * cert_rig - what the tests of certificates share: a root and an Issuing OCA.
 */
#ifndef CERT_RIG_H
#define CERT_RIG_H

#include "cert.h"
#include "contingency.h"
#include "pki.h"

#include <check.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW  1795525200000000 /* 2026-11-24T13:00:00Z */
#define FROM 1767225600       /* 2026-01-01 */
#define TO   2082758400       /* 2036-01-01 */

static struct pki_pair root, issuing;
static const struct eui64 eui = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00}};
static struct err e;

static inline struct pki_spec leaf_spec(void)
{
    return (struct pki_spec){.role = ROLE_SUPPLIER,
                             .eui = &eui,
                             .usage = KU_DIGITAL_SIGNATURE,
                             .issuer = &issuing,
                             .not_before = FROM,
                             .not_after = TO};
}

static inline struct pki_pair oca(const char *cn, enum role role,
                                  const struct pki_pair *issuer)
{
    return pki_issue(&(struct pki_spec){.cn = cn,
                                        .role = (int)role,
                                        .usage = KU_KEY_CERT_SIGN,
                                        .issuer = issuer,
                                        .not_before = FROM,
                                        .not_after = TO});
}

static inline void setup(void)
{
    root = oca("ZA", ROLE_ROOT, NULL);
    issuing = oca("Z1", ROLE_ISSUING_AUTHORITY, &root);
}

static inline void teardown(void)
{
    pki_pair_done(&root);
    pki_pair_done(&issuing);
}

static inline bool read_x509(X509 *x, struct cert *out)
{
    struct span der = pki_der(x);
    bool ok = cert_read(der, "it", out, &e);

    free((void *)(uintptr_t)der.at);
    return ok;
}

static inline void read_certs(X509 *x, struct certs *out)
{
    struct span der = pki_der(x);

    ck_assert_msg(certs_read(der, "it", out, &e), "%s", e.text);
    free((void *)(uintptr_t)der.at);
}

static inline int run(const char *name, void (*add)(TCase *))
{
    Suite *suite = suite_create(name);
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    add(t);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}

#endif
