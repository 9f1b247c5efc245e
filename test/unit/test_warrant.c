/* SPDX-License-Identifier: MIT */
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

static void setup(void)
{
    scene_make(&s);
    w = NULL;
}

static void teardown(void)
{
    warrant_free(w);
    scene_done(&s);
}

static void opens_at(int64_t now_us)
{
    bool ok;

    warrant_free(w);
    ok = scene_open(&s, now_us, &w, &e);
    ck_assert_msg(ok, "%s: %s", e.id, e.text);
}

static void opens(void)
{
    opens_at(SCENE_NOW);
}

static void refused_at(const char *id, int64_t now_us)
{
    warrant_free(w);
    w = NULL;
    ck_assert_msg(!scene_open(&s, now_us, &w, &e), "opened, where %s was due", id);
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s, where %s was due", e.id, e.text, id);
}

static void refused(const char *id)
{
    refused_at(id, SCENE_NOW);
}

static void signed_by_two(void)
{
    scene_sign(&s, 2);
}

static struct pki_pair issue(enum role role, const struct eui64 *eui, enum key_usage usage,
                             EVP_PKEY *key, int64_t from, int64_t to,
                             const struct pki_pair *issuer)
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
static void replace_with(X509 *x, X509 *more)
{
    X509 *list[5] = {s.old_ds.cert, s.old_ka.cert, x, s.new_ka.cert, more};

    scene_set(&s, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(x), "cell", "supplier-ka", "certificate",
                        scene_digest(s.new_ka.cert)));
    scene_bundle(&s, list, more != NULL ? 5 : 4);
    signed_by_two();
}

/* --- the ways it opens --- */

static void decode_row(uint32_t i, uint64_t counter, struct message *m)
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

static bool same_der(struct span der, X509 *x)
{
    struct span other = pki_der(x);
    bool same = span_equal(der, other);

    free((void *)(uintptr_t)other.at);
    return same;
}

START_TEST(method_3_opens_and_says_what_is_signed)
{
    const struct body_update *u;
    struct message m;

    opens();
    ck_assert_uint_eq(warrant_rows(w), 3);
    ck_assert_uint_eq(warrant_key(w), SCENE_RECOVERY);
    ck_assert_str_eq(warrant_authority(w)->id, "D-1");
    decode_row(1, 7000, &m);
    u = &m.body.update;
    ck_assert_uint_eq(m.code, 0x0108);
    ck_assert_int_eq(m.form, FORM_SIGNED);
    ck_assert_mem_eq(&m.originator, &warrant_key_cert(w)->eui, 8);
    ck_assert_uint_eq(m.recipient.b[7], 0xa1);
    ck_assert(u->disapply_time && u->has_auth_cell && !u->has_symmetric_key);
    ck_assert_uint_eq(u->counter, 7000);
    ck_assert_uint_eq(u->n_replacements, 2);
    ck_assert(same_der(u->replacements[0].certificate, s.new_ds.cert));
    ck_assert(same_der(u->replacements[1].certificate, s.new_ka.cert));
    ck_assert_uint_eq(u->n_path, 1);
    ck_assert(same_der(u->path[0], s.issuing.cert));
    ck_assert(!u->has_floor && u->has_changes);
    ck_assert_uint_eq(u->n_changes, 1);
    ck_assert_uint_eq(u->changes[0].role, ROLE_SUPPLIER);
    ck_assert(!u->changes[0].topups.present);
    message_done(&m);
}
END_TEST

START_TEST(floors_follow_the_configuration)
{
    X509 *list[6] = {s.old_ds.cert, s.old_ka.cert, s.new_ds.cert, s.new_ka.cert};
    const struct body_update *u;
    struct message m;

    s.config.command.disapply_time = false;
    s.config.command.has_floor = true;
    s.config.command.floor = 5;
    s.config.command.other_floor = 6;
    scene_set(&s, "compromised",
              json_pack("[{ss,so,ss,ss},{ss,so,ss,ss}]", "cell", "supplier-ds",
                        "certificate", scene_digest(s.old_ds.cert), "certainty", "actual",
                        "cause", "exposed", "cell", "supplier-pp", "certificate",
                        scene_digest(s.old_ka.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(&s, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-pp", "certificate",
                        scene_digest(s.new_ka.cert), "cell", "supplier-ds", "certificate",
                        scene_digest(s.new_ds.cert)));
    scene_bundle(&s, list, 4);
    signed_by_two();
    opens();
    decode_row(0, 1, &m);
    u = &m.body.update;
    ck_assert(!u->disapply_time && u->has_floor);
    ck_assert_uint_eq(u->floor, 5);
    ck_assert_uint_eq(u->n_changes, 1);
    ck_assert_uint_eq(u->changes[0].floor, 6);
    ck_assert(u->changes[0].topups.present);
    ck_assert_uint_eq(u->changes[0].topups.at[0].floor, 6);
    ck_assert(same_der(u->replacements[0].certificate, s.new_ds.cert));
    message_done(&m);
    s.config.command.has_other_floor = false;
    opens();
    decode_row(0, 1, &m);
    ck_assert(!m.body.update.has_changes);
    message_done(&m);
}
END_TEST

START_TEST(method_2_places_the_brokers_certificates)
{
    struct pki_pair acb = issue(ROLE_ACB, &s.trust.keys[SCENE_ACB].cert.at[0].eui,
                                KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &s.issuing);
    X509 *list[3] = {s.old_ds.cert, s.old_ka.cert, acb.cert};

    scene_set(&s, "method", json_string("M2"));
    scene_set(&s, "replacements",
              json_pack("[{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(acb.cert)));
    scene_bundle(&s, list, 3);
    signed_by_two();
    opens();
    scene_set(&s, "method", json_string("M3")); /* not the Subscriber's */
    signed_by_two();
    refused("replacement.role");
    pki_pair_done(&acb);
}
END_TEST

static void instruct(const char *by, const char *key, enum scene_key k, const char *method)
{
    scene_set(&s, "kind", json_string("instruction"));
    scene_set(&s, "by", json_string(by));
    scene_set(&s, "key", json_string(key));
    scene_set(&s, "key_certificate", scene_digest(s.keys[k].cert));
    scene_set(&s, "method", json_string(method));
    scene_set(&s, "mode", json_string("supplierBySupplier"));
}

START_TEST(method_1_is_the_organisations_own)
{
    struct digest d;

    instruct("supplier", "supplier", SCENE_SUPPLIER, "M1");
    scene_sign_by(&s, s.org, 1);
    opens();
    ck_assert_uint_eq(warrant_key(w), SCENE_SUPPLIER);
    ck_assert(warrant_digest(w, 0, 1, &d, &e));
    scene_sign(&s, 2); /* the PMA does not instruct for it */
    refused("decision.quorum");
}
END_TEST

START_TEST(handback_is_the_brokers)
{
    instruct("acb", "acb", SCENE_ACB, "handback");
    scene_sign_by(&s, s.acb_org, 1);
    opens();
    instruct("supplier", "acb", SCENE_ACB, "handback");
    scene_sign_by(&s, s.org, 1);
    refused("key.authority");
    (void)snprintf(s.config.keys[SCENE_ACB].authority, CONFIG_NAME_MAX, "supplier");
    refused("key.organisation"); /* the supplier's officers and the broker's key */
}
END_TEST

START_TEST(an_organisation_never_gets_the_recovery_key)
{
    instruct("supplier", "recovery", SCENE_RECOVERY, "M1");
    scene_sign_by(&s, s.org, 1);
    refused("key.authority");
    (void)snprintf(s.config.keys[SCENE_RECOVERY].authority, CONFIG_NAME_MAX, "supplier");
    refused("key.organisation");
    (void)snprintf(s.config.authorities[1].organisation, 17, "90B3D51F30000000");
    refused("key.pma");
}
END_TEST

static void contingency(struct pki_pair *new_root, const struct span *wrapped)
{
    *new_root = pki_issue(&(struct pki_spec){.cn = "ZB",
                                             .role = ROLE_ROOT,
                                             .usage = KU_KEY_CERT_SIGN,
                                             .contingency = *wrapped,
                                             .not_before = FROM,
                                             .not_after = TO});
    scene_set(&s, "key", json_string("contingency"));
    scene_set(&s, "key_certificate", scene_digest(s.keys[SCENE_CONTINGENCY].cert));
    scene_set(&s, "method", json_string("contingency"));
    scene_set(&s, "mode", json_string("anyByContingency"));
    scene_set(&s, "initiator", json_string("dcc"));
    scene_set(
        &s, "symmetric_key_sha256",
        json_string("be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991"));
    scene_set(&s, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "root", "certificate",
                        scene_digest(s.root.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(&s, "replacements",
              json_pack("[{ss,so}]", "cell", "root", "certificate",
                        scene_digest(new_root->cert)));
    scene_bundle(&s, &new_root->cert, 1);
    signed_by_two();
}

START_TEST(contingency_places_a_new_root)
{
    EVP_PKEY *next = pki_key_new();
    uint8_t kek[16] = {9};
    struct span wrapped = pki_wrap_contingency(next, span_of(kek, sizeof kek));
    static const struct span none = {0};
    struct pki_pair new_root;
    struct message m;

    contingency(&new_root, &wrapped);
    opens();
    decode_row(0, 77, &m);
    ck_assert_uint_eq(m.code, 0x0109);
    ck_assert(m.body.update.has_symmetric_key && !m.body.update.has_changes);
    ck_assert_mem_eq(m.body.update.symmetric_key.at, s.symmetric, 16);
    message_done(&m);
    /* Another symmetric key than the one named, or none. */
    s.symmetric[0] ^= 1;
    refused("contingency.symmetric-key");
    s.symmetric[0] ^= 1;
    /* A new root without a wrapped key of its own. */
    pki_pair_done(&new_root);
    contingency(&new_root, &none);
    refused("replacement.root-wrapped");
    /* Another key than the one wrapped in the present root. */
    pki_pair_done(&new_root);
    contingency(&new_root, &wrapped);
    (void)snprintf(s.config.keys[SCENE_ACB].authority, CONFIG_NAME_MAX, "pma");
    scene_set(&s, "key", json_string("acb"));
    scene_set(&s, "key_certificate", scene_digest(s.keys[SCENE_ACB].cert));
    signed_by_two();
    refused("key.role");
    pki_pair_done(&new_root);
    EVP_PKEY_free(next);
    free((void *)(uintptr_t)wrapped.at);
}
END_TEST

START_TEST(the_contingency_key_is_the_one_devices_can_unwrap)
{
    EVP_PKEY *next = pki_key_new();
    uint8_t kek[16] = {9};
    struct span wrapped = pki_wrap_contingency(next, span_of(kek, sizeof kek));
    struct pki_pair new_root, other;
    struct certs *held = &s.trust.keys[SCENE_CONTINGENCY].cert;
    struct span der;

    contingency(&new_root, &wrapped);
    other = issue(ROLE_OTHER, &held->at[0].eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO,
                  &s.issuing);
    certs_done(held);
    der = pki_der(other.cert);
    ck_assert(certs_read(der, "it", held, &e));
    scene_set(&s, "key_certificate", scene_digest(other.cert));
    signed_by_two();
    refused("contingency.key");
    free((void *)(uintptr_t)der.at);
    free((void *)(uintptr_t)wrapped.at);
    pki_pair_done(&other);
    pki_pair_done(&new_root);
    EVP_PKEY_free(next);
}
END_TEST

static void acb_event(const struct pki_pair *old, const struct pki_pair *new,
                      const char *types)
{
    X509 *list[2] = {old->cert, new->cert};

    scene_set(&s, "method", json_string("dcc"));
    scene_set(&s, "initiator", json_string("dcc"));
    scene_set(&s, "subscriber", json_string("90B3D51F30000200"));
    scene_set(&s, "device_types", json_loads(types, 0, NULL));
    scene_set(&s, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "acb-ka", "certificate",
                        scene_digest(old->cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(
        &s, "replacements",
        json_pack("[{ss,so}]", "cell", "acb-ka", "certificate", scene_digest(new->cert)));
    scene_bundle(&s, list, 2);
}

START_TEST(ppmids_come_with_an_event_of_the_dcc)
{
    const struct eui64 *acb = &s.trust.keys[SCENE_ACB].cert.at[0].eui;
    struct pki_pair old =
        issue(ROLE_ACB, acb, KU_KEY_AGREEMENT, NULL, FROM, TO, &s.issuing);
    struct pki_pair new =
        issue(ROLE_ACB, acb, KU_KEY_AGREEMENT, NULL, FROM, TO, &s.issuing);

    scene_roster(&s, "device,type,status\n"
                     "00DB1234567890A0,ESME,commissioned\n"
                     "00DB1234567890A1,GSME,commissioned\n"
                     "00DB1234567890A4,PPMID,commissioned\n");
    signed_by_two();
    refused("device.ppmid-key"); /* in a supplier's event */
    acb_event(&old, &new, "[\"ESME\",\"GSME\",\"PPMID\"]");
    signed_by_two();
    opens();
    acb_event(&old, &new, "[\"ESME\",\"GSME\"]");
    signed_by_two();
    refused("device.not-named");
    scene_roster(&s, "device,type,status\n00DB1234567890A4,PPMID,commissioned\n");
    acb_event(&old, &new, "[\"PPMID\"]");
    signed_by_two();
    refused("device.ppmid-wider");
    scene_set(&s, "ppmid_only", json_true());
    signed_by_two();
    opens();
    pki_pair_done(&old);
    pki_pair_done(&new);
}
END_TEST

START_TEST(the_recovery_key_replaces_itself)
{
    const struct eui64 *eui = &s.trust.keys[SCENE_RECOVERY].cert.at[0].eui;
    struct pki_pair new =
        issue(ROLE_RECOVERY, eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &s.issuing);

    scene_set(&s, "method", json_string("recovery-key"));
    scene_set(&s, "initiator", json_string("dcc"));
    scene_set(&s, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "recovery-ds", "certificate",
                        scene_digest(s.keys[SCENE_RECOVERY].cert), "certainty", "suspected",
                        "cause", "suspected"));
    scene_set(&s, "replacements",
              json_pack("[{ss,so}]", "cell", "recovery-ds", "certificate",
                        scene_digest(new.cert)));
    scene_bundle(&s, &new.cert, 1);
    signed_by_two();
    opens();
    pki_pair_done(&new);
}
END_TEST

START_TEST(a_root_in_mode_8_is_reached_by_key_or_link)
{
    EVP_PKEY *next = pki_key_new();
    uint8_t kek[16] = {9};
    struct span wrapped = pki_wrap_contingency(next, span_of(kek, sizeof kek));
    struct pki_spec spec = {.cn = "ZA",
                            .role = ROLE_ROOT,
                            .usage = KU_KEY_CERT_SIGN,
                            .contingency = wrapped,
                            .not_before = FROM,
                            .not_after = TO};
    struct pki_pair other = pki_issue(&spec), same, link;
    X509 *list[2];
    struct message m;

    scene_set(&s, "method", json_string("contingency-key"));
    scene_set(&s, "initiator", json_string("dcc"));
    scene_set(&s, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "root", "certificate",
                        scene_digest(s.root.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(
        &s, "replacements",
        json_pack("[{ss,so}]", "cell", "root", "certificate", scene_digest(other.cert)));
    scene_bundle(&s, &other.cert, 1);
    signed_by_two();
    refused("replacement.root-normal");
    spec.key = other.key;
    spec.issuer = &s.root;
    link = pki_issue(&spec);
    list[0] = other.cert;
    list[1] = link.cert;
    scene_bundle(&s, list, 2);
    opens();
    decode_row(0, 1, &m);
    ck_assert_uint_eq(m.body.update.n_path, 1);
    ck_assert(same_der(m.body.update.path[0], link.cert));
    message_done(&m);
    spec.key = s.root.key;
    spec.issuer = NULL;
    same = pki_issue(&spec);
    scene_set(
        &s, "replacements",
        json_pack("[{ss,so}]", "cell", "root", "certificate", scene_digest(same.cert)));
    scene_bundle(&s, &same.cert, 1);
    signed_by_two();
    refused("replacement.key"); /* the same key, and it is named as compromised */
    pki_pair_done(&same);
    pki_pair_done(&link);
    pki_pair_done(&other);
    EVP_PKEY_free(next);
    free((void *)(uintptr_t)wrapped.at);
}
END_TEST

/* --- the ways it does not --- */

START_TEST(the_window_is_kept)
{
    int64_t from = SCENE_NOW - 3600 * INT64_C(1000000);
    int64_t to = SCENE_NOW + (6 * 86400 - 3600) * INT64_C(1000000);

    opens_at(from);
    opens_at(to);
    ck_assert(warrant_live(w, to, &e));
    ck_assert(!warrant_live(w, to + 1, &e));
    ck_assert_str_eq(e.id, "decision.window");
    ck_assert(!warrant_live(w, from - 1, &e));
    refused_at("decision.window", from - 1);
    refused_at("decision.window", to + 1);
    s.config.authorities[0].max_window_s = 6 * 86400 - 1;
    refused("decision.window-length");
    s.config.authorities[0].max_window_s = 6 * 86400;
    opens();
}
END_TEST

START_TEST(the_quorum_is_kept)
{
    scene_sign(&s, 1);
    refused("decision.quorum");
    s.config.authorities[0].threshold = 0;
    signed_by_two();
    refused("decision.no-quorum-configured");
    s.config.authorities[0].threshold = 2;
    (void)snprintf(s.config.authorities[0].seats[0], CONFIG_NAME_MAX, "networks");
    s.config.authorities[0].n_seats = 1;
    refused("decision.seats");
    scene_sign(&s, 5);
    opens();
}
END_TEST

START_TEST(an_authority_without_anchor_decides_nothing)
{
    X509_STORE_free(s.trust.anchors[0]);
    s.trust.anchors[0] = NULL;
    refused("decision.no-quorum-configured");
}
END_TEST

START_TEST(an_unknown_authority_decides_nothing)
{
    scene_set(&s, "by", json_string("nobody"));
    signed_by_two();
    refused("decision.addressee");
}
END_TEST

START_TEST(exercise_and_live_do_not_mix)
{
    s.config.service.exercise = true;
    refused("decision.exercise");
    scene_set(&s, "exercise", json_true());
    signed_by_two();
    opens();
    s.config.service.exercise = false;
    refused("decision.exercise");
}
END_TEST

START_TEST(another_roster_is_refused)
{
    json_t *named = json_deep_copy(json_object_get(s.doc, "roster"));

    scene_roster(&s, "device,type,status\n00DB1234567890A0,ESME,commissioned\n");
    scene_set(&s, "roster", named);
    signed_by_two();
    refused("decision.roster");
}
END_TEST

START_TEST(a_larger_count_is_refused)
{
    scene_set(&s, "roster.count", json_integer(2));
    signed_by_two();
    refused("decision.count");
    scene_set(&s, "roster.count", json_integer(3));
    signed_by_two();
    opens();
}
END_TEST

START_TEST(other_outcomes_sign_nothing)
{
    static const char *const outcomes[] = {"refuse", "abort", "defer-revocation",
                                           "defer-id-transfer"};

    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        scene_set(&s, "outcome", json_string(outcomes[i]));
        signed_by_two();
        refused("decision.outcome");
    }
}
END_TEST

START_TEST(an_activation_signs_nothing)
{
    scene_set(&s, "kind", json_string("activation"));
    scene_set(&s, "decision", scene_digest(s.root.cert));
    scene_set(&s, "ceremony", json_string("C-1"));
    signed_by_two();
    refused("decision.outcome");
}
END_TEST

START_TEST(the_key_is_the_one_named)
{
    scene_set(&s, "key_certificate", scene_digest(s.keys[SCENE_ACB].cert));
    signed_by_two();
    refused("key.certificate");
    scene_set(&s, "key", json_string("nokey"));
    signed_by_two();
    refused("key.unusable");
    scene_set(&s, "key", json_string("recovery"));
    scene_set(&s, "key_certificate", scene_digest(s.keys[SCENE_RECOVERY].cert));
    signed_by_two();
    s.trust.keys[SCENE_RECOVERY].present = false;
    refused("key.unusable");
    s.trust.keys[SCENE_RECOVERY].present = true;
    opens();
}
END_TEST

START_TEST(a_key_outside_the_tree_is_refused)
{
    struct pki_pair root = pki_issue(&(struct pki_spec){.cn = "ZA",
                                                        .role = ROLE_ROOT,
                                                        .usage = KU_KEY_CERT_SIGN,
                                                        .not_before = FROM,
                                                        .not_after = TO});
    struct pki_pair ca = pki_issue(&(struct pki_spec){.cn = "Z1",
                                                      .role = ROLE_ISSUING_AUTHORITY,
                                                      .usage = KU_KEY_CERT_SIGN,
                                                      .issuer = &root,
                                                      .not_before = FROM,
                                                      .not_after = TO});
    struct certs *held = &s.trust.keys[SCENE_RECOVERY].cert;
    struct pki_pair alien =
        issue(ROLE_RECOVERY, &held->at[0].eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);
    struct span der = pki_der(alien.cert);

    certs_done(held);
    ck_assert(certs_read(der, "it", held, &e));
    scene_set(&s, "key_certificate", scene_digest(alien.cert));
    signed_by_two();
    refused("cert.chain");
    free((void *)(uintptr_t)der.at);
    pki_pair_done(&alien);
    pki_pair_done(&ca);
    pki_pair_done(&root);
}
END_TEST

START_TEST(a_certificate_of_another_party_is_refused)
{
    static const struct eui64 other = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x01}};
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &other, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &s.issuing);

    replace_with(p.cert, NULL);
    refused("replacement.party");
    /* The Supplier of Last Resort: appointed, and all certificates its own. */
    scene_set(&s, "replacement_subscriber", json_string("90B3D51F30010001"));
    signed_by_two();
    refused("request.appointment");
    scene_set(&s, "appointment", json_string("SoLR-1"));
    signed_by_two();
    refused("replacement.party"); /* supplier-ka is still the old one's */
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_of_another_role_is_refused)
{
    struct pki_pair p = issue(ROLE_NETWORK_OPERATOR, &s.supplier, KU_DIGITAL_SIGNATURE,
                              NULL, FROM, TO, &s.issuing);

    replace_with(p.cert, NULL);
    refused("replacement.role");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_of_another_usage_is_refused)
{
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &s.supplier, KU_KEY_AGREEMENT, NULL, FROM, TO, &s.issuing);

    replace_with(p.cert, NULL);
    refused("replacement.usage");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_out_of_date_is_refused)
{
    struct pki_pair p = issue(ROLE_SUPPLIER, &s.supplier, KU_DIGITAL_SIGNATURE, NULL, FROM,
                              FROM + 86400, &s.issuing);

    replace_with(p.cert, NULL);
    refused("replacement.date");
    pki_pair_done(&p);
    p = issue(ROLE_SUPPLIER, &s.supplier, KU_DIGITAL_SIGNATURE, NULL, TO - 86400, TO,
              &s.issuing);
    replace_with(p.cert, NULL);
    refused("replacement.date");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_of_another_chain_is_refused)
{
    struct pki_pair root = pki_issue(&(struct pki_spec){.cn = "ZA",
                                                        .role = ROLE_ROOT,
                                                        .usage = KU_KEY_CERT_SIGN,
                                                        .not_before = FROM,
                                                        .not_after = TO});
    struct pki_pair ca = pki_issue(&(struct pki_spec){.cn = "Z1",
                                                      .role = ROLE_ISSUING_AUTHORITY,
                                                      .usage = KU_KEY_CERT_SIGN,
                                                      .issuer = &root,
                                                      .not_before = FROM,
                                                      .not_after = TO});
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &s.supplier, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);

    replace_with(p.cert, NULL);
    refused("replacement.chain");
    replace_with(p.cert, ca.cert); /* its issuer in the bundle does not help */
    refused("replacement.chain");
    pki_pair_done(&p);
    pki_pair_done(&ca);
    pki_pair_done(&root);
}
END_TEST

START_TEST(a_further_issuing_oca_may_come_along)
{
    struct pki_pair ca = pki_issue(&(struct pki_spec){.cn = "Z2",
                                                      .role = ROLE_ISSUING_AUTHORITY,
                                                      .usage = KU_KEY_CERT_SIGN,
                                                      .issuer = &s.root,
                                                      .not_before = FROM,
                                                      .not_after = TO});
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &s.supplier, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);
    struct message m;

    replace_with(p.cert, ca.cert);
    opens();
    decode_row(0, 1, &m);
    ck_assert_uint_eq(m.body.update.n_path, 2);
    ck_assert(same_der(m.body.update.path[0], ca.cert));
    ck_assert(same_der(m.body.update.path[1], s.issuing.cert));
    message_done(&m);
    pki_pair_done(&p);
    pki_pair_done(&ca);
}
END_TEST

START_TEST(a_compromised_key_is_not_placed_again)
{
    struct pki_pair p = issue(ROLE_SUPPLIER, &s.supplier, KU_DIGITAL_SIGNATURE,
                              s.old_ds.key, FROM, TO, &s.issuing);

    replace_with(p.cert, NULL);
    refused("replacement.key");
    pki_pair_done(&p);
    /* Not even the other compromised key. */
    p = issue(ROLE_SUPPLIER, &s.supplier, KU_DIGITAL_SIGNATURE, s.old_ka.key, FROM, TO,
              &s.issuing);
    replace_with(p.cert, NULL);
    refused("replacement.key");
    pki_pair_done(&p);
}
END_TEST

START_TEST(another_certificate_than_the_one_named_is_refused)
{
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &s.supplier, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &s.issuing);
    X509 *list[5] = {s.old_ds.cert, s.old_ka.cert, p.cert, s.new_ka.cert, s.new_ds.cert};

    scene_bundle(&s, list, 4);
    refused("replacement.missing");
    scene_bundle(&s, list, 5); /* the right one, and one more that nobody named */
    refused("cert.unnamed");
    pki_pair_done(&p);
}
END_TEST

START_TEST(an_issuing_oca_that_is_not_needed_is_refused)
{
    struct pki_pair ca = pki_issue(&(struct pki_spec){.cn = "Z2",
                                                      .role = ROLE_ISSUING_AUTHORITY,
                                                      .usage = KU_KEY_CERT_SIGN,
                                                      .issuer = &s.root,
                                                      .not_before = FROM,
                                                      .not_after = TO});

    replace_with(s.new_ds.cert, ca.cert);
    refused("cert.unnamed");
    replace_with(s.new_ds.cert, s.issuing.cert); /* this one is needed */
    opens();
    pki_pair_done(&ca);
}
END_TEST

START_TEST(a_compromised_certificate_is_given_and_the_subscribers)
{
    static const struct eui64 other = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x01}};
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &other, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &s.issuing);
    X509 *list[4] = {p.cert, s.old_ka.cert, s.new_ds.cert, s.new_ka.cert};
    json_t *first = json_array_get(json_object_get(s.doc, "compromised"), 0);

    ck_assert_int_eq(json_object_set_new(first, "certificate", scene_digest(p.cert)), 0);
    signed_by_two();
    refused("compromised.missing");
    scene_bundle(&s, list, 4);
    refused("compromised.party");
    ck_assert_int_eq(json_object_set_new(first, "certificate", scene_digest(s.old_ds.cert)),
                     0);
    list[0] = s.old_ds.cert;
    scene_bundle(&s, list, 4);
    ck_assert_int_eq(json_object_set_new(first, "key", scene_digest(s.old_ds.cert)), 0);
    signed_by_two();
    refused("compromised.key");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_cell_that_is_not_notified_is_not_replaced)
{
    X509 *list[3] = {s.old_ds.cert, s.new_ds.cert, s.new_ka.cert};

    scene_set(&s, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "supplier-ds", "certificate",
                        scene_digest(s.old_ds.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_bundle(&s, list, 3);
    signed_by_two();
    refused("cell.compromised");
}
END_TEST

START_TEST(modes_keep_to_their_method)
{
    scene_set(&s, "mode", json_string("anyByContingency"));
    signed_by_two();
    refused("method.mode");
    scene_set(&s, "mode", json_string("supplierBySupplier"));
    signed_by_two();
    refused("method.mode");
}
END_TEST

START_TEST(a_roster_needs_a_device_that_was_commissioned)
{
    scene_roster(&s, "device,type,status\n00DB1234567890A0,ESME,suspended\n");
    signed_by_two();
    refused("device.status");
}
END_TEST

/* --- the anchors of a machine --- */

static char dir[] = "/tmp/test_warrant.XXXXXX";

static void save(char *into, size_t cap, const char *name, X509 *x)
{
    (void)snprintf(into, cap, "%s/%s", dir, name);
    pki_save_cert(into, x);
}

START_TEST(trust_is_loaded_and_default_is_no)
{
    struct config c = s.config;
    struct trust t;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    save(c.trust.root, sizeof c.trust.root, "root.pem", s.root.cert);
    save(c.trust.issuing, sizeof c.trust.issuing, "issuing.pem", s.issuing.cert);
    save(c.keys[0].certificate, sizeof c.keys[0].certificate, "recovery.pem",
         s.keys[0].cert);
    save(c.keys[1].certificate, sizeof c.keys[1].certificate, "ca.pem", s.issuing.cert);
    (void)snprintf(c.keys[2].certificate, sizeof c.keys[2].certificate, "%s/none.pem", dir);
    save(c.authorities[0].anchor, sizeof c.authorities[0].anchor, "pma.pem",
         s.pma_anchor.cert);
    ck_assert_msg(trust_load(&c, &t, &e), "%s", e.text);
    ck_assert_uint_eq(t.root.n, 1);
    ck_assert_uint_eq(t.issuing.n, 1);
    ck_assert(t.keys[0].present);
    ck_assert(!t.keys[1].present && t.keys[1].missing[0] != '\0'); /* an OCA's */
    ck_assert(!t.keys[2].present && t.keys[2].missing[0] != '\0'); /* no file */
    ck_assert(!t.keys[3].present && t.keys[3].missing[0] != '\0'); /* not said */
    ck_assert_ptr_nonnull(t.anchors[0]);
    ck_assert_ptr_null(t.anchors[1]);
    trust_done(&t);
    save(c.trust.root, sizeof c.trust.root, "root.pem", s.issuing.cert);
    ck_assert(!trust_load(&c, &t, &e));
    ck_assert_str_eq(e.id, "config.trust");
    save(c.trust.root, sizeof c.trust.root, "root.pem", s.root.cert);
    save(c.trust.issuing, sizeof c.trust.issuing, "issuing.pem", s.new_ds.cert);
    ck_assert(!trust_load(&c, &t, &e));
    ck_assert_str_eq(e.id, "config.trust");
    c.trust.root[0] = '\0';
    ck_assert(!trust_load(&c, &t, &e));
    ck_assert_str_eq(e.id, "config.trust");
    {
        static const char *const files[] = {"root", "issuing", "recovery", "ca", "pma"};
        char path[64];

        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            (void)snprintf(path, sizeof path, "%s/%s.pem", dir, files[i]);
            ck_assert_int_eq(unlink(path), 0);
        }
        ck_assert_int_eq(rmdir(dir), 0);
    }
}
END_TEST

/* --- rows --- */

static void row_refused(uint32_t i, const char *id)
{
    struct roster_row row;
    struct digest d;

    ck_assert(!warrant_row(w, i, &row, &e));
    ck_assert_msg(strcmp(e.id, id) == 0, "row %u: %s, where %s was due", i, e.id, id);
    ck_assert(!warrant_digest(w, i, 1, &d, &e));
    ck_assert_str_eq(e.id, id);
}

START_TEST(a_bad_row_fails_alone)
{
    struct roster_row row;
    struct digest d;
    char text[1024], ds[HEX_LEN(8)], other[HEX_LEN(8)];
    struct certs c;

    ck_assert(certs_read(s.pem, "it", &c, &e));
    hex_encode(c.at[0].ski.b, 8, ds);
    hex_encode(c.at[2].ski.b, 8, other);
    certs_done(&c);
    (void)snprintf(text, sizeof text,
                   "device,type,status,cells,old\n"
                   "00DB1234567890A0,ESME,commissioned,,\n"
                   "00DB1234567890A1,GSME,suspended,,\n"
                   "00DB1234567890A2,CHF,commissioned,,\n"
                   "00DB1234567890A3,ESME,commissioned,supplier-ka,%s\n"
                   "00DB1234567890A4,ESME,commissioned,supplier-pp,\n"
                   "00DB1234567890A5,ESME,commissioned,,%s\n"
                   "00DB1234567890A6,ESME,commissioned,,%s+%s\n",
                   ds, other, ds, other);
    scene_roster(&s, text);
    scene_set(&s, "device_types", json_pack("[sss]", "ESME", "GSME", "CHF"));
    signed_by_two();
    opens();
    ck_assert(warrant_row(w, 0, &row, &e));
    ck_assert_uint_eq(row.cells, CELL_BIT(CELL_SUPPLIER_DS) | CELL_BIT(CELL_SUPPLIER_KA));
    ck_assert(warrant_digest(w, 0, 1, &d, &e));
    row_refused(1, "row.status");
    row_refused(2, "row.no-cell");
    ck_assert(warrant_row(w, 3, &row, &e));
    ck_assert_uint_eq(row.cells, CELL_BIT(CELL_SUPPLIER_KA));
    row_refused(4, "row.cells");
    row_refused(5, "row.old");
    row_refused(6, "row.old");
    row_refused(7, "row.none");
    ck_assert(!warrant_digest(w, 0, (uint64_t)INT64_MAX + 1, &d, &e));
    ck_assert_str_eq(e.id, "row.counter");
    ck_assert(warrant_digest(w, 0, INT64_MAX, &d, &e));
}
END_TEST

START_TEST(rows_of_other_cells_have_other_commands)
{
    struct message m;

    scene_roster(&s, "device,type,status,cells\n"
                     "00DB1234567890A0,ESME,commissioned,supplier-ds\n"
                     "00DB1234567890A1,GSME,commissioned,supplier-ka\n"
                     "00DB1234567890A2,ESME,commissioned,supplier-ds+supplier-ka\n");
    signed_by_two();
    opens();
    for (unsigned round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 3; i++) {
            decode_row(i, 100 + i, &m);
            ck_assert_uint_eq(m.body.update.n_replacements, i == 2 ? 2 : 1);
            ck_assert(same_der(m.body.update.replacements[0].certificate,
                               i == 1 ? s.new_ka.cert : s.new_ds.cert));
            message_done(&m);
        }
}
END_TEST

START_TEST(a_signature_over_the_digest_verifies)
{
    EVP_PKEY *key = s.keys[SCENE_RECOVERY].key;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t der[80];
    size_t len = sizeof der;
    struct digest d;

    opens();
    ck_assert(warrant_digest(w, 2, 42, &d, &e));
    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_sign(ctx, der, &len, d.b, sizeof d.b), 1);
    ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_verify(ctx, der, len, d.b, sizeof d.b), 1);
    EVP_PKEY_CTX_free(ctx);
}
END_TEST

START_TEST(the_facts_can_be_judged_again)
{
    struct policy_facts f;
    struct verdict v;

    opens();
    warrant_facts(w, &f);
    policy_judge(&f, SCENE_NOW, &v);
    ck_assert(v.allowed);
    f.incident = INCIDENT_ABORTED;
    f.operator_is_approver = true;
    f.other_incident_document = true;
    policy_judge(&f, SCENE_NOW, &v);
    ck_assert(!v.allowed);
    ck_assert_uint_eq(v.n, 3);
    ck_assert_str_eq(v.failed[0].id, "decision.incident");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("warrant");
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, method_3_opens_and_says_what_is_signed);
    tcase_add_test(t, floors_follow_the_configuration);
    tcase_add_test(t, method_2_places_the_brokers_certificates);
    tcase_add_test(t, method_1_is_the_organisations_own);
    tcase_add_test(t, handback_is_the_brokers);
    tcase_add_test(t, an_organisation_never_gets_the_recovery_key);
    tcase_add_test(t, contingency_places_a_new_root);
    tcase_add_test(t, the_contingency_key_is_the_one_devices_can_unwrap);
    tcase_add_test(t, ppmids_come_with_an_event_of_the_dcc);
    tcase_add_test(t, the_recovery_key_replaces_itself);
    tcase_add_test(t, a_root_in_mode_8_is_reached_by_key_or_link);
    tcase_add_test(t, the_window_is_kept);
    tcase_add_test(t, the_quorum_is_kept);
    tcase_add_test(t, an_authority_without_anchor_decides_nothing);
    tcase_add_test(t, an_unknown_authority_decides_nothing);
    tcase_add_test(t, exercise_and_live_do_not_mix);
    tcase_add_test(t, another_roster_is_refused);
    tcase_add_test(t, a_larger_count_is_refused);
    tcase_add_test(t, other_outcomes_sign_nothing);
    tcase_add_test(t, an_activation_signs_nothing);
    tcase_add_test(t, the_key_is_the_one_named);
    tcase_add_test(t, a_key_outside_the_tree_is_refused);
    tcase_add_test(t, a_certificate_of_another_party_is_refused);
    tcase_add_test(t, a_certificate_of_another_role_is_refused);
    tcase_add_test(t, a_certificate_of_another_usage_is_refused);
    tcase_add_test(t, a_certificate_out_of_date_is_refused);
    tcase_add_test(t, a_certificate_of_another_chain_is_refused);
    tcase_add_test(t, a_further_issuing_oca_may_come_along);
    tcase_add_test(t, a_compromised_key_is_not_placed_again);
    tcase_add_test(t, another_certificate_than_the_one_named_is_refused);
    tcase_add_test(t, an_issuing_oca_that_is_not_needed_is_refused);
    tcase_add_test(t, a_compromised_certificate_is_given_and_the_subscribers);
    tcase_add_test(t, a_cell_that_is_not_notified_is_not_replaced);
    tcase_add_test(t, modes_keep_to_their_method);
    tcase_add_test(t, a_roster_needs_a_device_that_was_commissioned);
    tcase_add_test(t, trust_is_loaded_and_default_is_no);
    tcase_add_test(t, a_bad_row_fails_alone);
    tcase_add_test(t, rows_of_other_cells_have_other_commands);
    tcase_add_test(t, a_signature_over_the_digest_verifies);
    tcase_add_test(t, the_facts_can_be_judged_again);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}
