/* SPDX-License-Identifier: MIT */
#include "signer_kit.h"

#include "mem.h"
#include "verify.h"

#include <time.h>

struct token_kit kit;

static void save(const char *name, X509 *x, char *path)
{
    (void)snprintf(path, CONFIG_PATH_MAX, "%s", kit_path(name));
    pki_save_cert(path, x);
}

void signer_kit_begin(void)
{
    token_kit_new(&kit);
    scene_make(&scene);
}

void signer_kit_end(void)
{
    scene_done(&scene);
    token_kit_done();
}

void signer_kit_certify(enum scene_key which, enum role role, const struct eui64 *eui,
                        enum key_usage usage, const struct point *point)
{
    AUTO(pkey) EVP_PKEY *key = verify_key(point);

    pki_pair_done(&scene.keys[which]);
    scene.keys[which] = pki_issue(&(struct pki_spec){.role = (int)role,
                                                     .eui = eui,
                                                     .usage = usage,
                                                     .key = key,
                                                     .issuer = &scene.issuing});
}

static void utc(char out[32], time_t t)
{
    struct tm tm;

    (void)gmtime_r(&t, &tm);
    (void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void signer_kit_now(void)
{
    char from[32], to[32];

    utc(from, time(NULL) - 3600);
    utc(to, time(NULL) + 86400);
    scene_set(&scene, "valid_from", json_string(from));
    scene_set(&scene, "valid_to", json_string(to));
}

void signer_kit_config(void)
{
    struct config *c = &scene.config;
    X509 *const anchors[] = {scene.pma_anchor.cert, scene.org_anchor.cert,
                             scene.acb_anchor.cert};
    char *text;

    c->signer = kit.config.signer;
    c->tokens[0] = kit.config.tokens[0];
    c->n_tokens = 1;
    ck_assert_uint_eq(c->n_authorities, sizeof anchors / sizeof anchors[0]);
    c->counter.has_start = true;
    c->counter.start = 1;
    save("root.pem", scene.root.cert, c->trust.root);
    save("issuing.pem", scene.issuing.cert, c->trust.issuing);
    for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "anchor-%zu.pem", i);
        save(name, anchors[i], c->authorities[i].anchor);
    }
    for (size_t i = 0; i < c->n_keys; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "key-%zu.pem", i);
        save(name, scene.keys[i].cert, c->keys[i].certificate);
        (void)strcpy(c->keys[i].token, "main");
        (void)snprintf(c->keys[i].id, sizeof c->keys[i].id, "%02zX", i + 1);
    }
    text = config_dump(c);
    ck_assert_ptr_nonnull(text);
    token_kit_write("recovery.conf", text, 0600);
    free(text);
}
