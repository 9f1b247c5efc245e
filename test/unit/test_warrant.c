/* SPDX-License-Identifier: MIT */
#include "warrant_rig.h"

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

START_TEST(a_symmetric_key_without_contingency_is_refused)
{
    struct warrant_parts parts = {
        .cms = s.cms,
        .certs_pem = s.pem,
        .roster = &s.roster,
        .symmetric_key = span_of(s.symmetric, sizeof s.symmetric),
    };

    ck_assert(!warrant_open(&s.trust, &parts, SCENE_NOW, &w, &e));
    ck_assert_str_eq(e.id, "contingency.symmetric-key");
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

static void add(TCase *t)
{
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
    tcase_add_test(t, a_symmetric_key_without_contingency_is_refused);
    tcase_add_test(t, a_roster_needs_a_device_that_was_commissioned);
    tcase_add_test(t, trust_is_loaded_and_default_is_no);
}

int main(void)
{
    return run("warrant", add);
}
