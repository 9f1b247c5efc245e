/* SPDX-License-Identifier: MIT
 *
 * authority_rig - what the tests of authority documents share: a scene and how it opens.
 */
#ifndef AUTHORITY_RIG_H
#define AUTHORITY_RIG_H

#include "scene.h"

#include <check.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FROM 1767225600 /* 2026-01-01 */
#define TO   2082758400 /* 2036-01-01 */

static struct scene s;
static struct authority a;
static struct err e;

static inline void setup(void)
{
    scene_make(&s);
}

static inline void teardown(void)
{
    scene_done(&s);
}

static inline bool open_by(size_t who)
{
    memset(&e, 0, sizeof e);
    return authority_open(s.cms, &s.config, &s.config.authorities[who],
                          s.trust.anchors[who], SCENE_NOW, &a, &e);
}

static inline bool open_it(void)
{
    return open_by(0);
}

static inline void opens(void)
{
    bool ok = open_it();

    ck_assert_msg(ok, "%s: %s", e.id, e.text);
}

static inline void refused(const char *id)
{
    ck_assert_msg(!open_it(), "opened, where %s was due", id);
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s, where %s was due", e.id, e.text, id);
}

/* SignerInfos are a SET: their order says nothing. The nth of that holder. */
static inline const struct authority_signer *nth(const char *holder, size_t n)
{
    for (size_t i = 0; i < a.n_signers; i++)
        if (strcmp(a.signers[i].holder, holder) == 0 && n-- == 0)
            return &a.signers[i];
    ck_abort_msg("no such signer: %s", holder);
}

static inline void not_counted(const char *holder, const char *why)
{
    const struct authority_signer *one = nth(holder, 0);

    ck_assert(!one->counted);
    ck_assert_msg(strstr(one->reason, why) != NULL, "%s: %s", holder, one->reason);
}

static inline void release(struct span *p)
{
    free((void *)(uintptr_t)p->at);
    *p = (struct span){0};
}

static inline void use_cms(CMS_ContentInfo *ci)
{
    uint8_t *der = NULL, *copy;
    int len = i2d_CMS_ContentInfo(ci, &der);

    ck_assert_int_gt(len, 0);
    copy = malloc((size_t)len);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    CMS_ContentInfo_free(ci);
    release(&s.cms);
    s.cms = span_of(copy, (size_t)len);
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
