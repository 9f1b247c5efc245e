/* SPDX-License-Identifier: MIT
 *
 * warrant_rig - what the tests of warrants share: a scene and how it opens.
 */
#ifndef WARRANT_RIG_H
#define WARRANT_RIG_H

#include "message.h"
#include "scene.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FROM 1767225600 /* 2026-01-01 */
#define TO   2082758400 /* 2036-01-01 */

static struct scene s;
static struct warrant *w;
static struct err e;

static inline void setup(void)
{
    scene_make(&s);
    w = NULL;
}

static inline void teardown(void)
{
    warrant_free(w);
    scene_done(&s);
}

static inline void opens_at(int64_t now_us)
{
    bool ok;

    warrant_free(w);
    ok = scene_open(&s, now_us, &w, &e);
    ck_assert_msg(ok, "%s: %s", e.id, e.text);
}

static inline void opens(void)
{
    opens_at(SCENE_NOW);
}

static inline void refused_at(const char *id, int64_t now_us)
{
    warrant_free(w);
    w = NULL;
    ck_assert_msg(!scene_open(&s, now_us, &w, &e), "opened, where %s was due", id);
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s, where %s was due", e.id, e.text, id);
}

static inline void refused(const char *id)
{
    refused_at(id, SCENE_NOW);
}

static inline void signed_by_two(void)
{
    scene_sign(&s, 2);
}

static inline struct pki_pair issue(enum role role, const struct eui64 *eui,
                                    enum key_usage usage, EVP_PKEY *key, int64_t from,
                                    int64_t to, const struct pki_pair *issuer)
{
    return pki_issue(&(struct pki_spec){.role = (int)role,
                                        .eui = eui,
                                        .usage = usage,
                                        .key = key,
                                        .issuer = issuer,
                                        .not_before = from,
                                        .not_after = to});
}

/* Put x in the place of the new supplier-ds certificate, in bundle and decision. */
static inline void replace_with(X509 *x, X509 *more)
{
    X509 *list[5] = {s.old_ds.cert, s.old_ka.cert, x, s.new_ka.cert, more};

    scene_set(&s, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(x), "cell", "supplier-ka", "certificate",
                        scene_digest(s.new_ka.cert)));
    scene_bundle(&s, list, more != NULL ? 5 : 4);
    signed_by_two();
}

static inline void decode_row(uint32_t i, uint64_t counter, struct message *m)
{
    static const struct sig_p256 sig = {{1, 2, 3}};
    struct digest d, again;
    struct span command;

    ck_assert_msg(warrant_digest(w, i, counter, &d, &e), "%s", e.text);
    ck_assert_msg(warrant_command(w, i, counter, &sig, &command, &e), "%s", e.text);
    ck_assert_msg(message_decode(command, m, &e), "%s", e.text);
    again = digest_of(m->signed_octets, span_of(NULL, 0));
    ck_assert(digest_equal(&d, &again));
    ck_assert_mem_eq(m->sig.b, sig.b, sizeof sig.b);
    ck_assert_uint_eq(m->counter, counter);
}

static inline bool same_der(struct span der, X509 *x)
{
    struct span other = pki_der(x);
    bool same = span_equal(der, other);

    free((void *)(uintptr_t)other.at);
    return same;
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
