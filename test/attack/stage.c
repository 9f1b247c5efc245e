/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include "mem.h"
#include "verify.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FROM 1767225600 /* as the scene */
#define TO   2082758400

__attribute__((noreturn)) static void broken(const char *what)
{
    (void)fprintf(stderr, "stage: %s\n", what);
    abort();
}

static void release(struct span *p)
{
    free((void *)(uintptr_t)p->at);
    *p = (struct span){0};
}

/* --- set-up --- */

static void save(const char *name, X509 *x, char *path)
{
    (void)snprintf(path, CONFIG_PATH_MAX, "%s", kit_path(name));
    pki_save_cert(path, x);
}

/* A command key in the token, certified in place of the one the scene made in software. */
static void certify(struct stage *s, enum scene_key k, const char *id, enum role role)
{
    struct pki_pair *pair = &s->sc.keys[k];
    struct eui64 eui = s->sc.trust.keys[k].cert.at[0].eui;
    struct point point =
        k == SCENE_RECOVERY
            ? s->kit.trust.keys[0].cert.at[0].point
            : token_kit_make_key(&s->kit, &(struct token_kit_key){.id = id,
                                                                  .label = "recovery",
                                                                  .sensitive = true,
                                                                  .sign = true});
    AUTO(pkey) EVP_PKEY *key = verify_key(&point);

    pki_pair_done(pair);
    *pair = pki_issue(&(struct pki_spec){.role = (int)role,
                                         .eui = &eui,
                                         .usage = KU_DIGITAL_SIGNATURE,
                                         .key = key,
                                         .issuer = &s->sc.issuing,
                                         .not_before = FROM,
                                         .not_after = TO});
    (void)snprintf(s->sc.config.keys[k].id, sizeof s->sc.config.keys[k].id, "%s", id);
}

static void make_custodians(struct stage *s)
{
    struct config *c = &s->sc.config;
    struct config_authority *a = &c->authorities[c->n_authorities++];
    char holder[32], party[32];

    (void)strcpy(a->name, "custodians");
    a->threshold = 2;
    a->members = STAGE_CUSTODIANS;
    a->max_window_s = 2 * 86400;
    s->custodian_anchor =
        pki_person("Custodian CA", NULL, "Test", true, NULL, NULL, FROM, TO);
    for (int i = 0; i < STAGE_CUSTODIANS; i++) {
        (void)snprintf(holder, sizeof holder, "Custodian %d", i + 1);
        (void)snprintf(party, sizeof party, "Keeper %d", i + 1);
        s->custodians[i] = pki_person(holder, "custodian", party, false, NULL,
                                      &s->custodian_anchor, FROM, TO);
        scene_person(&s->sc, holder, party, NULL, s->custodians[i].key);
    }
    c->trust.custodians[0] = '\0';
}

/* Who is known and has no certificate yet. */
static void make_people(struct stage *s)
{
    s->second_key = pki_key_new();
    s->sixth = pki_key_new();
    s->of_supplier = pki_key_new();
    s->colleague = pki_key_new();
    scene_person(&s->sc, "Member 1", "Party 1", NULL, s->second_key);
    scene_person(&s->sc, "Member 6", "Party 6", NULL, s->sixth);
    scene_person(&s->sc, "Member 9", "Supplier Ltd", NULL, s->of_supplier);
    scene_person(&s->sc, "Custodian 9", "Keeper 1", NULL, s->colleague);
}

void stage_configure(struct stage *s)
{
    struct config *c = &s->sc.config;
    X509 *const anchors[] = {s->sc.pma_anchor.cert, s->sc.org_anchor.cert,
                             s->sc.acb_anchor.cert, s->custodian_anchor.cert};
    char name[64];
    char *text;

    save("root.pem", s->sc.root.cert, c->trust.root);
    save("issuing.pem", s->sc.issuing.cert, c->trust.issuing);
    for (size_t i = 0; i < c->n_authorities; i++) {
        (void)snprintf(name, sizeof name, "anchor-%zu.pem", i);
        save(name, anchors[i], c->authorities[i].anchor);
    }
    for (size_t i = 0; i < c->n_keys; i++) {
        (void)snprintf(name, sizeof name, "key-%zu.pem", i);
        save(name, s->sc.keys[i].cert, c->keys[i].certificate);
        (void)strcpy(c->keys[i].token, "main");
    }
    text = config_dump(c);
    if (text == NULL)
        broken("configuration");
    token_kit_write("recovery.conf", text, 0600);
    free(text);
}

void stage_machine(struct stage *s, const char *folder)
{
    const char *path = kit_path(folder);

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        abort();
    (void)snprintf(s->sc.config.signer.state_dir, sizeof s->sc.config.signer.state_dir,
                   "%s", path);
    stage_configure(s);
}

void stage_make(struct stage *s)
{
    struct config *c = &s->sc.config;

    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < STAGE_PEERS; i++)
        s->peers[i].sock = -1;
    token_kit_new(&s->kit);
    scene_make(&s->sc);
    certify(s, SCENE_RECOVERY, "01", ROLE_RECOVERY);
    certify(s, SCENE_SUPPLIER, "12", ROLE_SUPPLIER);
    certify(s, SCENE_ACB, "13", ROLE_ACB);
    (void)strcpy(c->keys[SCENE_CONTINGENCY].id, "11");
    pki_pair_done(&s->sc.old_ds);
    s->sc.old_ds = s->sc.keys[SCENE_SUPPLIER];
    if (X509_up_ref(s->sc.old_ds.cert) != 1 || EVP_PKEY_up_ref(s->sc.old_ds.key) != 1)
        broken("certificate");
    scene_set(&s->sc, "key_certificate", scene_digest(s->sc.keys[SCENE_RECOVERY].cert));
    (void)json_object_set_new(json_array_get(json_object_get(s->sc.doc, "compromised"), 0),
                              "certificate", scene_digest(s->sc.old_ds.cert));
    s->pristine = json_deep_copy(s->sc.doc);
    make_custodians(s);
    make_people(s);
    token_kit_shim(&s->kit, "");
    (void)setenv("P11_SHIM_COUNT_LABEL", "recovery", 1);
    (void)setenv("P11_SHIM_COUNT_FILE", kit_path("uses"), 1);
    c->signer = s->kit.config.signer;
    c->tokens[0] = s->kit.config.tokens[0];
    c->n_tokens = 1;
    c->counter.has_start = true;
    c->counter.start = s->next = 1000;
    (void)strcpy(c->authorities[0].seats[c->authorities[0].n_seats++], "chair");
    stage_configure(s);
}

void stage_done(struct stage *s)
{
    for (unsigned i = 0; i < STAGE_PEERS; i++)
        stage_stop(s, i);
    for (size_t i = 0; i < s->n_fds; i++)
        (void)close(s->fds[i]);
    for (int i = 0; i < STAGE_CUSTODIANS; i++)
        pki_pair_done(&s->custodians[i]);
    pki_pair_done(&s->custodian_anchor);
    EVP_PKEY_free(s->second_key);
    EVP_PKEY_free(s->sixth);
    EVP_PKEY_free(s->of_supplier);
    EVP_PKEY_free(s->colleague);
    json_decref(s->pristine);
    json_decref(s->activation);
    release(&s->activation_cms);
    scene_done(&s->sc);
    token_kit_done();
}

static size_t uses(void)
{
    struct stat st;

    return stat(kit_path("uses"), &st) == 0 ? (size_t)st.st_size : 0;
}

void stage_reset(struct stage *s)
{
    static unsigned n;
    X509 *const bundle[] = {s->sc.old_ds.cert, s->sc.old_ka.cert, s->sc.new_ds.cert,
                            s->sc.new_ka.cert};
    char id[32];

    for (unsigned i = 0; i < STAGE_PEERS; i++)
        stage_stop(s, i);
    s->now = 0;
    json_decref(s->sc.doc);
    s->sc.doc = json_deep_copy(s->pristine);
    (void)snprintf(id, sizeof id, "D-%u", ++n);
    stage_set(s, "id", json_string(id));
    stage_time(s, "valid_from", -3600);
    stage_time(s, "valid_to", 86400);
    scene_roster(&s->sc, "device,type,status\n"
                         "00DB1234567890A0,ESME,commissioned\n"
                         "00DB1234567890A1,GSME,commissioned\n"
                         "00DB1234567890A2,ESME,commissioned\n");
    scene_bundle(&s->sc, bundle, 4);
    s->signers = s->sc.pma;
    s->n_signers = 2;
    memcpy(s->keepers, s->custodians, sizeof s->keepers);
    s->n_keepers = 2;
    s->unsealed = 0;
    s->n_rows = STAGE_ROWS;
    for (uint32_t i = 0; i < STAGE_ROWS; i++)
        s->rows[i] = i;
    s->rows[STAGE_ROWS] = 0;
    stage_sign(s);
    token_kit_write("state/revoked", "", 0600);
    s->first = s->next;
    s->next += 1000;
    s->came = s->honest = 0;
    s->crashed = false;
    s->uses = uses();
    s->rule[0] = '\0';
}

/* --- papers --- */

void stage_set(struct stage *s, const char *path, json_t *value)
{
    scene_set(&s->sc, path, value);
}

static json_t *utc(long from_now_s)
{
    time_t t = time(NULL) + from_now_s;
    char text[32];
    struct tm tm;

    (void)gmtime_r(&t, &tm);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

void stage_time(struct stage *s, const char *path, long from_now_s)
{
    stage_set(s, path, utc(from_now_s));
}

char *stage_text(const struct stage *s)
{
    char *text = json_dumps(s->sc.doc, JSON_INDENT(2));

    if (text == NULL)
        broken("memory");
    return text;
}

static void activate(struct stage *s, const struct digest *decision)
{
    char hex[HEX_LEN(32)];
    const char *id = json_string_value(json_object_get(s->sc.doc, "id"));
    char name[64];

    s->authority = *decision;
    hex_encode_lower(decision->b, 32, hex);
    (void)snprintf(name, sizeof name, "A-%s", id);
    json_decref(s->activation);
    s->activation =
        json_pack("{ss,ss,ss,sO,ss,ss,sO,sO,ss,ss,so,so}", "schema",
                  "smki-recovery/authority/1", "kind", "activation", "id", name, "incident",
                  json_object_get(s->sc.doc, "incident"), "by", "custodians", "outcome",
                  "authorise", "exercise", json_object_get(s->sc.doc, "exercise"), "key",
                  json_object_get(s->pristine, "key"), "decision", hex, "ceremony",
                  "two of three present", "valid_from", utc(-3600), "valid_to", utc(3600));
    if (s->activation == NULL)
        broken("activation");
    if (json_object_get(s->sc.doc, "key") != NULL)
        (void)json_object_set(s->activation, "key", json_object_get(s->sc.doc, "key"));
    stage_sign_activation(s);
}

void stage_sign_activation(struct stage *s)
{
    char *text = json_dumps(s->activation, JSON_INDENT(2));

    release(&s->activation_cms);
    s->activation_cms = pki_cms(span_of(text, strlen(text)), s->keepers, s->n_keepers);
    free(text);
    s->given[PROTO_PART_ACTIVATION] = s->activation_cms;
}

void stage_sign_text(struct stage *s, char *text)
{
    struct digest d = digest_of(span_of(text, strlen(text)), span_of(NULL, 0));

    stage_cms(s, pki_cms(span_of(text, strlen(text)), s->signers, s->n_signers));
    free(text);
    s->given[PROTO_PART_ROSTER] = s->sc.roster_text;
    s->given[PROTO_PART_CERTIFICATES] = s->sc.pem;
    s->given[PROTO_PART_SYMMETRIC_KEY] = (struct span){0};
    activate(s, &d);
}

void stage_sign(struct stage *s)
{
    stage_sign_text(s, stage_text(s));
}

void stage_cms(struct stage *s, struct span cms)
{
    release(&s->sc.cms);
    s->sc.cms = cms;
    s->given[PROTO_PART_AUTHORITY] = cms;
}

void stage_replace(struct stage *s, X509 *x, X509 *more)
{
    X509 *list[] = {s->sc.old_ds.cert, s->sc.old_ka.cert, x, s->sc.new_ka.cert, more};

    stage_set(s, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(x), "cell", "supplier-ka", "certificate",
                        scene_digest(s->sc.new_ka.cert)));
    scene_bundle(&s->sc, list, more != NULL ? 5 : 4);
    stage_sign(s);
}

struct pki_pair stage_certificate(struct stage *s, const struct pki_spec *spec)
{
    struct pki_spec copy = *spec;

    copy.role = spec->role == 0 ? ROLE_SUPPLIER : spec->role;
    copy.eui = spec->eui == NULL ? &s->sc.supplier : spec->eui;
    copy.issuer = spec->issuer == NULL ? &s->sc.issuing : spec->issuer;
    copy.not_before = spec->not_before == 0 ? FROM : spec->not_before;
    copy.not_after = spec->not_after == 0 ? TO : spec->not_after;
    return pki_issue(&copy);
}
