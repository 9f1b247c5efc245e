/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fixed dates, so that the scene plays on any day: 2026-01-01 to 2036-01-01. */
#define FROM 1767225600
#define TO   2082758400

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "scene.c: %s\n", what);
    abort();
}

static void release(struct span *s)
{
    free((void *)(uintptr_t)s->at);
    *s = (struct span){0};
}

static struct pki_pair organisation(const struct scene *s, enum role role,
                                    const struct eui64 *eui, enum key_usage usage)
{
    return pki_issue(&(struct pki_spec){.role = (int)role,
                                        .eui = eui,
                                        .usage = usage,
                                        .issuer = &s->issuing,
                                        .not_before = FROM,
                                        .not_after = TO});
}

static void read_into(struct certs *out, X509 *x)
{
    struct span der = pki_der(x);
    struct err e;

    need(certs_read(der, "scene", out, &e), e.text);
    release(&der);
}

static X509_STORE *store_of(X509 *anchor)
{
    X509_STORE *store = X509_STORE_new();

    need(store != NULL && X509_STORE_add_cert(store, anchor) == 1, "anchor");
    return store;
}

void scene_person(struct scene *s, const char *holder, const char *organisation,
                  const char *seat, EVP_PKEY *key)
{
    struct config *c = &s->config;
    struct config_person *p = NULL;
    struct digest d;
    struct span point;

    for (size_t i = 0; i < c->n_people; i++)
        if (strcmp(c->people[i].holder, holder) == 0 &&
            strcmp(c->people[i].organisation, organisation) == 0)
            p = &c->people[i];
    if (p == NULL) {
        need(c->n_people < CONFIG_PEOPLE_MAX, "people");
        p = &c->people[c->n_people++];
        (void)snprintf(p->name, sizeof p->name, "person-%zu", c->n_people);
        (void)snprintf(p->holder, sizeof p->holder, "%s", holder);
        (void)snprintf(p->organisation, sizeof p->organisation, "%s", organisation);
        if (seat != NULL)
            (void)snprintf(p->seats[p->n_seats++], sizeof p->seats[0], "%s", seat);
    }
    if (key == NULL)
        return;
    need(p->n_keys < sizeof p->keys / sizeof p->keys[0], "keys");
    point = pki_key_octets(key);
    d = digest_of(point, span_of(NULL, 0));
    release(&point);
    hex_encode_lower(d.b, sizeof d.b, p->keys[p->n_keys++]);
}

struct pki_pair scene_pma_person(struct scene *s, const char *holder, const char *seat,
                                 const char *organisation)
{
    struct pki_pair made =
        pki_person(holder, seat, organisation, false, NULL, &s->pma_anchor, FROM, TO);

    scene_person(s, holder, organisation, seat, made.key);
    return made;
}

static void make_people(struct scene *s)
{
    static const char *const seats[SCENE_MEMBERS] = {"chair", "tabasc", "specialist",
                                                     "large-supplier", "networks"};
    char holder[32], organisation_name[32];

    s->pma_anchor = pki_person("PMA Approver CA", NULL, "Test", true, NULL, NULL, FROM, TO);
    s->org_anchor = pki_person("Officer CA", NULL, "Test", true, NULL, NULL, FROM, TO);
    s->acb_anchor = pki_person("ACB Officer CA", NULL, "Test", true, NULL, NULL, FROM, TO);
    for (int i = 0; i < SCENE_MEMBERS; i++) {
        (void)snprintf(holder, sizeof holder, "Member %d", i + 1);
        (void)snprintf(organisation_name, sizeof organisation_name, "Party %d", i + 1);
        s->pma[i] = pki_person(holder, seats[i], organisation_name, false, NULL,
                               &s->pma_anchor, FROM, TO);
        scene_person(s, holder, organisation_name, seats[i], s->pma[i].key);
    }
    for (int i = 0; i < 2; i++) {
        (void)snprintf(holder, sizeof holder, "Officer %d", i + 1);
        s->org[i] = pki_person(holder, "officer", "Supplier Ltd", false, NULL,
                               &s->org_anchor, FROM, TO);
        scene_person(s, holder, "Supplier Ltd", NULL, s->org[i].key);
        (void)snprintf(holder, sizeof holder, "ACB Officer %d", i + 1);
        s->acb_org[i] =
            pki_person(holder, "officer", "DCC", false, NULL, &s->acb_anchor, FROM, TO);
        scene_person(s, holder, "DCC", NULL, s->acb_org[i].key);
    }
    scene_person(s, "Requester One", "Supplier Ltd", NULL, NULL);
}

static void authority(struct config *c, const char *name, unsigned k, unsigned n,
                      const char *eui)
{
    struct config_authority *a = &c->authorities[c->n_authorities++];

    (void)snprintf(a->name, sizeof a->name, "%s", name);
    (void)snprintf(a->organisation, sizeof a->organisation, "%s", eui);
    a->threshold = k;
    a->members = n;
    a->max_window_s = 14 * 86400;
}

static void make_config(struct scene *s)
{
    static const char *const names[SCENE_KEYS] = {"recovery", "contingency", "supplier",
                                                  "acb"};
    static const char *const by[SCENE_KEYS] = {"pma", "pma", "supplier", "acb"};
    struct config *c = &s->config;
    struct trust *t = &s->trust;

    (void)strcpy(c->trust.custodians, "none");
    authority(c, "pma", 2, SCENE_MEMBERS, "");
    authority(c, "supplier", 1, 2, "90B3D51F30010000");
    authority(c, "acb", 1, 2, "90B3D51F30000200");
    c->command.has_other_floor = true;
    c->command.disapply_time = true;
    t->config = c;
    read_into(&t->root, s->root.cert);
    read_into(&t->issuing, s->issuing.cert);
    for (size_t i = 0; i < SCENE_KEYS; i++) {
        struct config_key *k = &c->keys[c->n_keys++];

        (void)snprintf(k->name, sizeof k->name, "%s", names[i]);
        (void)snprintf(k->authority, sizeof k->authority, "%s", by[i]);
        read_into(&t->keys[i].cert, s->keys[i].cert);
        t->keys[i].present = true;
    }
    t->anchors[0] = store_of(s->pma_anchor.cert);
    t->anchors[1] = store_of(s->org_anchor.cert);
    t->anchors[2] = store_of(s->acb_anchor.cert);
}

json_t *scene_digest(X509 *x)
{
    struct span der = pki_der(x);
    struct digest d = digest_of(der, span_of(NULL, 0));
    char hex[HEX_LEN(32)];

    hex_encode_lower(d.b, sizeof d.b, hex);
    release(&der);
    return json_string(hex);
}

void scene_present(struct scene *s, const char *holder)
{
    json_t *meeting = json_object_get(s->doc, "meeting");

    need(json_array_append_new(json_object_get(meeting, "members"),
                               json_pack("{s:s,s:s,s:b}", "holder", holder, "seat",
                                         "as called", "alternate", 0)) == 0,
         "member");
}

static json_t *factor(const char *id)
{
    return json_pack("{ss,ss,si,ss}", "id", id, "value", "weighed", "weight", 50, "note",
                     "");
}

static void make_document(struct scene *s)
{
    char holder[32];
    char supplier[HEX_LEN(8)];

    hex_encode(s->supplier.b, sizeof s->supplier.b, supplier);
    s->doc =
        json_pack("{ss,ss,ss,ss,ss,ss,sb,ss,so,ss,ss,ss,ss,ss}", "schema",
                  "smki-recovery/authority/1", "kind", "decision", "id", "D-1", "incident",
                  "I-1", "by", "pma", "outcome", "authorise", "exercise", 0, "key",
                  "recovery", "key_certificate", scene_digest(s->keys[SCENE_RECOVERY].cert),
                  "method", "M3", "mode", "anyExceptAbnormalRootByRecovery", "subscriber",
                  supplier, "subscriber_name", "Supplier Ltd", "initiator", "subscriber");
    need(s->doc != NULL, "document");
    scene_set(s, "compromised",
              json_pack("[{ss,so,ss,ss},{ss,so,ss,ss}]", "cell", "supplier-ds",
                        "certificate", scene_digest(s->old_ds.cert), "certainty",
                        "suspected", "cause", "exposed", "cell", "supplier-ka",
                        "certificate", scene_digest(s->old_ka.cert), "certainty", "actual",
                        "cause", "exposed"));
    scene_set(s, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(s->new_ds.cert), "cell", "supplier-ka", "certificate",
                        scene_digest(s->new_ka.cert)));
    scene_set(s, "device_types", json_pack("[ss]", "ESME", "GSME"));
    scene_set(s, "attempts", json_integer(1));
    scene_set(s, "valid_from", json_string("2026-11-24T12:00:00Z"));
    scene_set(s, "valid_to", json_string("2026-11-30T12:00:00Z"));
    scene_set(s, "requester", json_string("Requester One"));
    scene_set(s, "conflicts", json_array());
    scene_set(s, "meeting",
              json_pack("{ss,so,ss,s{si,si,si}}", "reference", "PMA-2026-11", "members",
                        json_array(), "quorum", "two of five, all present", "votes", "for",
                        2, "against", 0, "abstain", 0));
    for (int i = 0; i < SCENE_MEMBERS; i++) {
        (void)snprintf(holder, sizeof holder, "Member %d", i + 1);
        scene_present(s, holder);
    }
    scene_set(s, "guidance",
              json_pack("{ss,s[o],s[o],ss,s[s]}", "version", "1.0", "shall",
                        factor("devices-affected"), "may", factor("cost"), "weighting",
                        "shall before may", "steps", "read the notification"));
    scene_set(s, "reasons", json_string("The key is in other hands."));
    scene_set(s, "residual_risk", json_string("Devices that cannot be reached."));
    scene_set(s, "conditions", json_array());
}

void scene_make(struct scene *s)
{
    struct span wrapped;
    X509 *bundle[4];

    memset(s, 0, sizeof *s);
    config_defaults(&s->config);
    need(eui64_parse("90B3D51F30010000", 16, &s->supplier), "supplier");
    for (size_t i = 0; i < sizeof s->symmetric; i++)
        s->symmetric[i] = (uint8_t)i;
    s->audit = pki_key_new();
    s->keys[SCENE_CONTINGENCY].key = pki_key_new();
    wrapped = pki_wrap_contingency(s->keys[SCENE_CONTINGENCY].key,
                                   span_of(s->symmetric, sizeof s->symmetric));
    s->root = pki_issue(&(struct pki_spec){.cn = "ZA",
                                           .role = ROLE_ROOT,
                                           .usage = KU_KEY_CERT_SIGN,
                                           .contingency = wrapped,
                                           .not_before = FROM,
                                           .not_after = TO});
    s->issuing = pki_issue(&(struct pki_spec){.cn = "Z1",
                                              .role = ROLE_ISSUING_AUTHORITY,
                                              .usage = KU_KEY_CERT_SIGN,
                                              .issuer = &s->root,
                                              .not_before = FROM,
                                              .not_after = TO});
    release(&wrapped);
    make_people(s);
    s->old_ds = organisation(s, ROLE_SUPPLIER, &s->supplier, KU_DIGITAL_SIGNATURE);
    s->old_ka = organisation(s, ROLE_SUPPLIER, &s->supplier, KU_KEY_AGREEMENT);
    s->new_ds = organisation(s, ROLE_SUPPLIER, &s->supplier, KU_DIGITAL_SIGNATURE);
    s->new_ka = organisation(s, ROLE_SUPPLIER, &s->supplier, KU_KEY_AGREEMENT);
    s->keys[SCENE_RECOVERY] = organisation(
        s, ROLE_RECOVERY, &(struct eui64){{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0, 0, 0}},
        KU_DIGITAL_SIGNATURE);
    s->keys[SCENE_ACB] =
        organisation(s, ROLE_ACB, &(struct eui64){{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0, 2, 0}},
                     KU_DIGITAL_SIGNATURE);
    s->keys[SCENE_SUPPLIER].cert = s->old_ds.cert;
    s->keys[SCENE_SUPPLIER].key = s->old_ds.key;
    need(X509_up_ref(s->old_ds.cert) == 1 && EVP_PKEY_up_ref(s->old_ds.key) == 1, "ref");
    {
        EVP_PKEY *key = s->keys[SCENE_CONTINGENCY].key;

        s->keys[SCENE_CONTINGENCY] = pki_issue(&(struct pki_spec){
            .role = ROLE_OTHER,
            .eui = &(struct eui64){{0x70, 0xb3, 0xd5, 0x1f, 0x30, 0, 0x17, 0xff}},
            .usage = KU_DIGITAL_SIGNATURE,
            .key = key,
            .issuer = &s->issuing,
            .not_before = FROM,
            .not_after = TO});
        EVP_PKEY_free(key);
    }
    make_config(s);
    make_document(s);
    scene_roster(s, "device,type,status\n"
                    "00DB1234567890A0,ESME,commissioned\n"
                    "00DB1234567890A1,GSME,commissioned\n"
                    "00DB1234567890A2,ESME,commissioned\n");
    bundle[0] = s->old_ds.cert;
    bundle[1] = s->old_ka.cert;
    bundle[2] = s->new_ds.cert;
    bundle[3] = s->new_ka.cert;
    scene_bundle(s, bundle, 4);
    scene_sign(s, 2);
}

void scene_done(struct scene *s)
{
    struct pki_pair *pairs[] = {&s->root,       &s->issuing,    &s->pma_anchor,
                                &s->org_anchor, &s->acb_anchor, &s->old_ds,
                                &s->old_ka,     &s->new_ds,     &s->new_ka};

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        pki_pair_done(pairs[i]);
    for (size_t i = 0; i < SCENE_MEMBERS; i++)
        pki_pair_done(&s->pma[i]);
    for (size_t i = 0; i < 2; i++) {
        pki_pair_done(&s->org[i]);
        pki_pair_done(&s->acb_org[i]);
    }
    for (size_t i = 0; i < SCENE_KEYS; i++)
        pki_pair_done(&s->keys[i]);
    EVP_PKEY_free(s->audit);
    trust_done(&s->trust);
    roster_done(&s->roster);
    release(&s->roster_text);
    release(&s->pem);
    release(&s->cms);
    json_decref(s->doc);
}

void scene_set(struct scene *s, const char *path, json_t *value)
{
    const char *dot = strchr(path, '.');
    char first[64];

    if (dot == NULL) {
        need(value == NULL ? json_object_del(s->doc, path) == 0
                           : json_object_set_new(s->doc, path, value) == 0,
             path);
        return;
    }
    (void)snprintf(first, sizeof first, "%.*s", (int)(dot - path), path);
    need(json_object_set_new(json_object_get(s->doc, first), dot + 1, value) == 0, path);
}

void scene_roster(struct scene *s, const char *text)
{
    struct err e;
    char hex[HEX_LEN(32)];
    char *copy = strdup(text);

    need(copy != NULL, "memory");
    if (s->roster_text.at != NULL)
        roster_done(&s->roster);
    release(&s->roster_text);
    s->roster_text = span_of(copy, strlen(copy));
    need(roster_open(s->roster_text, "roster.csv", &s->roster, &e), e.text);
    hex_encode_lower(s->roster.digest.b, 32, hex);
    scene_set(s, "roster",
              json_pack("{ss,si}", "sha256", hex, "count", (int)s->roster.n_rows));
}

void scene_bundle(struct scene *s, X509 *const certs[], size_t n)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *at;
    long len;
    uint8_t *copy;

    need(b != NULL, "memory");
    for (size_t i = 0; i < n; i++) {
        struct span pem = pki_pem(certs[i]);

        need(BIO_write(b, pem.at, (int)pem.len) == (int)pem.len, "memory");
        release(&pem);
    }
    len = BIO_get_mem_data(b, &at);
    copy = malloc((size_t)len);
    need(copy != NULL, "memory");
    memcpy(copy, at, (size_t)len);
    BIO_free(b);
    release(&s->pem);
    s->pem = span_of(copy, (size_t)len);
}

void scene_sign_by(struct scene *s, const struct pki_pair *signers, size_t n)
{
    char *text = json_dumps(s->doc, JSON_INDENT(2));

    need(text != NULL, "memory");
    release(&s->cms);
    s->cms = pki_cms(span_of(text, strlen(text)), signers, n);
    free(text);
}

void scene_sign(struct scene *s, size_t n)
{
    scene_sign_by(s, s->pma, n);
}

bool scene_open(struct scene *s, int64_t now_us, struct warrant **w, struct err *e)
{
    struct warrant_parts parts = {.cms = s->cms, .certs_pem = s->pem, .roster = &s->roster};
    const char *mode = json_string_value(json_object_get(s->doc, "mode"));

    if (mode != NULL && strcmp(mode, "anyByContingency") == 0)
        parts.symmetric_key = span_of(s->symmetric, sizeof s->symmetric);
    *w = NULL;
    return warrant_open(&s->trust, &parts, now_us, w, e);
}
