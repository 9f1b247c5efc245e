/* SPDX-License-Identifier: MIT */
#include "papers_kit.h"

#include <sys/stat.h>

/* Put x in the place of the new supplier-ds certificate, in bundle and decision. */
static void replace_with(X509 *x, X509 *more)
{
    X509 *list[5] = {scene.old_ds.cert, scene.old_ka.cert, x, scene.new_ka.cert, more};

    scene_set(&scene, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(x), "cell", "supplier-ka", "certificate",
                        scene_digest(scene.new_ka.cert)));
    scene_bundle(&scene, list, more != NULL ? 5 : 4);
    signed_by_two();
}

/* --- the ways it does not --- */

START_TEST(the_window_is_kept)
{
    int64_t from = SCENE_NOW - 3600 * INT64_C(1000000);
    int64_t to = SCENE_NOW + (6 * 86400 - 3600) * INT64_C(1000000);

    OK(read_warrant_at(from));
    OK(read_warrant_at(to));
    ck_assert(warrant_live(warrant, to, &e));
    ck_assert(!warrant_live(warrant, to + 1, &e));
    ck_assert_str_eq(e.id, "decision.window");
    ck_assert(!warrant_live(warrant, from - 1, &e));
    REFUSED(read_warrant_at(from - 1), "decision.early");
    REFUSED(read_warrant_at(to + 1), "decision.window");
    scene.config.authorities[0].max_window_s = 6 * 86400 - 1;
    REFUSED(read_warrant(), "decision.window-length");
    scene.config.authorities[0].max_window_s = 6 * 86400;
    OK(read_warrant());
}
END_TEST

START_TEST(the_quorum_is_kept)
{
    scene_sign(&scene, 1);
    REFUSED(read_warrant(), "decision.quorum");
    scene.config.authorities[0].threshold = 0;
    signed_by_two();
    REFUSED(read_warrant(), "decision.no-quorum-configured");
    scene.config.authorities[0].threshold = 2;
    (void)snprintf(scene.config.authorities[0].seats[0], CONFIG_NAME_MAX, "networks");
    scene.config.authorities[0].n_seats = 1;
    REFUSED(read_warrant(), "decision.seats");
    scene_sign(&scene, 5);
    OK(read_warrant());
}
END_TEST

START_TEST(an_authority_without_anchor_decides_nothing)
{
    X509_STORE_free(scene.trust.anchors[0]);
    scene.trust.anchors[0] = NULL;
    REFUSED(read_warrant(), "decision.no-quorum-configured");
}
END_TEST

START_TEST(an_unknown_authority_decides_nothing)
{
    scene_set(&scene, "by", json_string("nobody"));
    signed_by_two();
    REFUSED(read_warrant(), "decision.addressee");
}
END_TEST

START_TEST(exercise_and_live_do_not_mix)
{
    scene.config.service.exercise = true;
    REFUSED(read_warrant(), "decision.exercise");
    scene_set(&scene, "exercise", json_true());
    signed_by_two();
    OK(read_warrant());
    scene.config.service.exercise = false;
    REFUSED(read_warrant(), "decision.exercise");
}
END_TEST

START_TEST(another_roster_is_refused)
{
    json_t *named = json_deep_copy(json_object_get(scene.doc, "roster"));

    scene_roster(&scene, "device,type,status\n00DB1234567890A0,ESME,commissioned\n");
    scene_set(&scene, "roster", named);
    signed_by_two();
    REFUSED(read_warrant(), "decision.roster");
}
END_TEST

START_TEST(a_larger_count_is_refused)
{
    scene_set(&scene, "roster.count", json_integer(2));
    signed_by_two();
    REFUSED(read_warrant(), "decision.count");
    scene_set(&scene, "roster.count", json_integer(3));
    signed_by_two();
    OK(read_warrant());
}
END_TEST

START_TEST(other_outcomes_sign_nothing)
{
    static const char *const outcomes[] = {"refuse", "abort", "defer-revocation",
                                           "defer-id-transfer"};

    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        scene_set(&scene, "outcome", json_string(outcomes[i]));
        signed_by_two();
        REFUSED(read_warrant(), "decision.outcome");
    }
}
END_TEST

START_TEST(an_activation_signs_nothing)
{
    scene_set(&scene, "kind", json_string("activation"));
    scene_set(&scene, "decision", scene_digest(scene.root.cert));
    scene_set(&scene, "ceremony", json_string("C-1"));
    signed_by_two();
    REFUSED(read_warrant(), "decision.outcome");
}
END_TEST

START_TEST(the_key_is_the_one_named)
{
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_ACB].cert));
    signed_by_two();
    REFUSED(read_warrant(), "key.certificate");
    scene_set(&scene, "key", json_string("nokey"));
    signed_by_two();
    REFUSED(read_warrant(), "key.unusable");
    scene_set(&scene, "key", json_string("recovery"));
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_RECOVERY].cert));
    signed_by_two();
    scene.trust.keys[SCENE_RECOVERY].present = false;
    REFUSED(read_warrant(), "key.unusable");
    scene.trust.keys[SCENE_RECOVERY].present = true;
    OK(read_warrant());
}
END_TEST

START_TEST(a_key_outside_the_tree_is_refused)
{
    struct pki_pair root = issue_ca("ZA", ROLE_ROOT, NULL);
    struct pki_pair ca = issue_ca("Z1", ROLE_ISSUING_AUTHORITY, &root);
    struct certs *held = &scene.trust.keys[SCENE_RECOVERY].cert;
    struct pki_pair alien =
        issue(ROLE_RECOVERY, &held->at[0].eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);
    struct span der = pki_der(alien.cert);

    certs_done(held);
    ck_assert(certs_read(der, "it", held, &e));
    scene_set(&scene, "key_certificate", scene_digest(alien.cert));
    signed_by_two();
    REFUSED(read_warrant(), "cert.chain");
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
        issue(ROLE_SUPPLIER, &other, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &scene.issuing);

    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.party");
    /* The Supplier of Last Resort: appointed, and all certificates its own. */
    scene_set(&scene, "replacement_subscriber", json_string("90B3D51F30010001"));
    signed_by_two();
    REFUSED(read_warrant(), "request.appointment");
    scene_set(&scene, "appointment", json_string("SoLR-1"));
    signed_by_two();
    REFUSED(read_warrant(), "replacement.party"); /* supplier-ka is still the old one's */
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_of_another_role_is_refused)
{
    struct pki_pair p = issue(ROLE_NETWORK_OPERATOR, &scene.supplier, KU_DIGITAL_SIGNATURE,
                              NULL, FROM, TO, &scene.issuing);

    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.role");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_of_another_usage_is_refused)
{
    struct pki_pair p = issue(ROLE_SUPPLIER, &scene.supplier, KU_KEY_AGREEMENT, NULL, FROM,
                              TO, &scene.issuing);

    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.usage");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_out_of_date_is_refused)
{
    struct pki_pair p = issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE, NULL,
                              FROM, FROM + 86400, &scene.issuing);

    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.date");
    pki_pair_done(&p);
    p = issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE, NULL, TO - 86400, TO,
              &scene.issuing);
    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.date");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_certificate_of_another_chain_is_refused)
{
    struct pki_pair root = issue_ca("ZA", ROLE_ROOT, NULL);
    struct pki_pair ca = issue_ca("Z1", ROLE_ISSUING_AUTHORITY, &root);
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);

    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.chain");
    replace_with(p.cert, ca.cert); /* its issuer in the bundle does not help */
    REFUSED(read_warrant(), "replacement.chain");
    pki_pair_done(&p);
    pki_pair_done(&ca);
    pki_pair_done(&root);
}
END_TEST

START_TEST(a_further_issuing_oca_may_come_along)
{
    struct pki_pair ca = issue_ca("Z2", ROLE_ISSUING_AUTHORITY, &scene.root);
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);
    struct message m;

    replace_with(p.cert, ca.cert);
    OK(read_warrant());
    decode_row(0, 1, &m);
    ck_assert_uint_eq(m.body.update.n_path, 2);
    ck_assert(same_der(m.body.update.path[0], ca.cert));
    ck_assert(same_der(m.body.update.path[1], scene.issuing.cert));
    message_done(&m);
    pki_pair_done(&p);
    pki_pair_done(&ca);
}
END_TEST

START_TEST(a_compromised_key_is_not_placed_again)
{
    struct pki_pair p = issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE,
                              scene.old_ds.key, FROM, TO, &scene.issuing);

    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.key");
    pki_pair_done(&p);
    /* Not even the other compromised key. */
    p = issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE, scene.old_ka.key, FROM,
              TO, &scene.issuing);
    replace_with(p.cert, NULL);
    REFUSED(read_warrant(), "replacement.key");
    pki_pair_done(&p);
}
END_TEST

START_TEST(another_certificate_than_the_one_named_is_refused)
{
    struct pki_pair p = issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE, NULL,
                              FROM, TO, &scene.issuing);
    X509 *list[5] = {scene.old_ds.cert, scene.old_ka.cert, p.cert, scene.new_ka.cert,
                     scene.new_ds.cert};

    scene_bundle(&scene, list, 4);
    REFUSED(read_warrant(), "replacement.missing");
    scene_bundle(&scene, list, 5); /* the right one, and one more that nobody named */
    REFUSED(read_warrant(), "cert.unnamed");
    pki_pair_done(&p);
}
END_TEST

START_TEST(an_issuing_oca_that_is_not_needed_is_refused)
{
    struct pki_pair ca = issue_ca("Z2", ROLE_ISSUING_AUTHORITY, &scene.root);

    replace_with(scene.new_ds.cert, ca.cert);
    REFUSED(read_warrant(), "cert.unnamed");
    replace_with(scene.new_ds.cert, scene.issuing.cert); /* this one is needed */
    OK(read_warrant());
    pki_pair_done(&ca);
}
END_TEST

START_TEST(a_compromised_certificate_is_given_and_the_subscribers)
{
    static const struct eui64 other = {{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x01}};
    struct pki_pair p =
        issue(ROLE_SUPPLIER, &other, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &scene.issuing);
    X509 *list[4] = {p.cert, scene.old_ka.cert, scene.new_ds.cert, scene.new_ka.cert};
    json_t *first = json_array_get(json_object_get(scene.doc, "compromised"), 0);

    ck_assert_int_eq(json_object_set_new(first, "certificate", scene_digest(p.cert)), 0);
    signed_by_two();
    REFUSED(read_warrant(), "compromised.missing");
    scene_bundle(&scene, list, 4);
    REFUSED(read_warrant(), "compromised.party");
    ck_assert_int_eq(
        json_object_set_new(first, "certificate", scene_digest(scene.old_ds.cert)), 0);
    list[0] = scene.old_ds.cert;
    scene_bundle(&scene, list, 4);
    ck_assert_int_eq(json_object_set_new(first, "key", scene_digest(scene.old_ds.cert)), 0);
    signed_by_two();
    REFUSED(read_warrant(), "compromised.key");
    pki_pair_done(&p);
}
END_TEST

START_TEST(a_cell_that_is_not_notified_is_not_replaced)
{
    X509 *list[3] = {scene.old_ds.cert, scene.new_ds.cert, scene.new_ka.cert};

    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "supplier-ds", "certificate",
                        scene_digest(scene.old_ds.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_bundle(&scene, list, 3);
    signed_by_two();
    REFUSED(read_warrant(), "cell.compromised");
}
END_TEST

START_TEST(modes_keep_to_their_method)
{
    scene_set(&scene, "mode", json_string("anyByContingency"));
    signed_by_two();
    REFUSED(read_warrant(), "method.mode");
    scene_set(&scene, "mode", json_string("supplierBySupplier"));
    signed_by_two();
    REFUSED(read_warrant(), "method.mode");
}
END_TEST

START_TEST(a_symmetric_key_without_contingency_is_refused)
{
    struct warrant_parts parts = {
        .cms = scene.cms,
        .certs_pem = scene.pem,
        .roster = &scene.roster,
        .symmetric_key = span_of(scene.symmetric, sizeof scene.symmetric),
    };

    ck_assert(!warrant_open(&scene.trust, &parts, SCENE_NOW, &warrant, &e));
    ck_assert_str_eq(e.id, "contingency.symmetric-key");
}
END_TEST

START_TEST(a_draft_is_judged_and_nothing_is_signed_under_it)
{
    char *text = json_dumps(scene.doc, JSON_COMPACT);
    struct warrant_parts parts = {
        .draft = span_of(text, strlen(text)),
        .certs_pem = scene.pem,
        .roster = &scene.roster,
    };
    struct roster_row row;
    struct digest d;
    struct sig_p256 sig = {{0}};
    struct span out;

    OK(warrant_open(&scene.trust, &parts, SCENE_NOW, &warrant, &e));
    OK(warrant_row(warrant, 0, &row, &e));
    REFUSED(warrant_digest(warrant, 0, 1, &d, &e), "decision.not-signed");
    REFUSED(warrant_command(warrant, 0, 1, &sig, &out, &e), "decision.not-signed");
    warrant_free(warrant);
    warrant = NULL;
    parts.signing = true; /* whoever signs looks at the CMS, and there is none */
    REFUSED(warrant_open(&scene.trust, &parts, SCENE_NOW, &warrant, &e), "decision.cms");
    free(text);
    scene_set(&scene, "by", json_string("nobody"));
    text = json_dumps(scene.doc, JSON_COMPACT);
    parts.signing = false;
    parts.draft = span_of(text, strlen(text));
    REFUSED(warrant_open(&scene.trust, &parts, SCENE_NOW, &warrant, &e),
            "decision.addressee");
    free(text);
}
END_TEST

START_TEST(a_roster_needs_a_device_that_was_commissioned)
{
    scene_roster(&scene, "device,type,status\n00DB1234567890A0,ESME,suspended\n");
    signed_by_two();
    REFUSED(read_warrant(), "device.status");
}
END_TEST

/* --- the anchors of a machine --- */

static void save(char *into, size_t cap, const char *name, X509 *x)
{
    (void)snprintf(into, cap, "%s", kit_path(name));
    pki_save_cert(into, x);
}

START_TEST(trust_is_loaded_and_default_is_no)
{
    struct config c = scene.config;
    struct trust t;

    save(c.trust.root, sizeof c.trust.root, "root.pem", scene.root.cert);
    save(c.trust.issuing, sizeof c.trust.issuing, "issuing.pem", scene.issuing.cert);
    save(c.keys[0].certificate, sizeof c.keys[0].certificate, "recovery.pem",
         scene.keys[0].cert);
    save(c.keys[1].certificate, sizeof c.keys[1].certificate, "ca.pem", scene.issuing.cert);
    (void)snprintf(c.keys[2].certificate, sizeof c.keys[2].certificate, "%s",
                   kit_path("none.pem"));
    save(c.authorities[0].anchor, sizeof c.authorities[0].anchor, "pma.pem",
         scene.pma_anchor.cert);
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
    save(c.trust.root, sizeof c.trust.root, "root.pem", scene.issuing.cert);
    ck_assert(!trust_load(&c, &t, &e));
    ck_assert_str_eq(e.id, "config.trust");
    save(c.trust.root, sizeof c.trust.root, "root.pem", scene.root.cert);
    save(c.trust.issuing, sizeof c.trust.issuing, "issuing.pem", scene.new_ds.cert);
    ck_assert(!trust_load(&c, &t, &e));
    ck_assert_str_eq(e.id, "config.trust");
    c.trust.root[0] = '\0';
    ck_assert(!trust_load(&c, &t, &e));
    ck_assert_str_eq(e.id, "config.trust");
}
END_TEST

/* As the configuration that names them; and the folder, where a file can be put in place of
 * another. */
START_TEST(trust_that_others_may_write_is_none)
{
    struct config c = scene.config;
    struct trust t;

    save(c.trust.root, sizeof c.trust.root, "root.pem", scene.root.cert);
    save(c.trust.issuing, sizeof c.trust.issuing, "issuing.pem", scene.issuing.cert);
    save(c.keys[0].certificate, sizeof c.keys[0].certificate, "recovery.pem",
         scene.keys[0].cert);
    save(c.authorities[0].anchor, sizeof c.authorities[0].anchor, "pma.pem",
         scene.pma_anchor.cert);
    for (size_t i = 0; i < 4; i++) {
        const char *path = i == 0   ? c.trust.root
                           : i == 1 ? c.trust.issuing
                           : i == 2 ? c.keys[0].certificate
                                    : c.authorities[0].anchor;

        ck_assert_int_eq(chmod(path, 0664), 0);
        REFUSED_SAYING(trust_load(&c, &t, &e), "config.owner", strrchr(path, '/'));
        ck_assert_int_eq(chmod(path, 0644), 0);
        OK(trust_load(&c, &t, &e));
        trust_done(&t);
    }
    ck_assert_int_eq(chmod(kit_dir, 0777), 0);
    REFUSED_SAYING(trust_load(&c, &t, &e), "config.owner", kit_dir);
    ck_assert_int_eq(chmod(kit_dir, 01777), 0);
    OK(trust_load(&c, &t, &e));
    trust_done(&t);
    if (geteuid() != 0)
        return; /* only root can give a file away */
    ck_assert_int_eq(chown(c.authorities[0].anchor, 65534, 0), 0);
    REFUSED(trust_load(&c, &t, &e), "config.owner");
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
    tcase_add_test(t, a_draft_is_judged_and_nothing_is_signed_under_it);
    tcase_add_test(t, a_roster_needs_a_device_that_was_commissioned);
    tcase_add_test(t, trust_is_loaded_and_default_is_no);
    tcase_add_test(t, trust_that_others_may_write_is_none);
}

int main(void)
{
    return kit_run("warrant", papers_kit_begin, papers_kit_end, add);
}
