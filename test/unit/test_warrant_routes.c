/* SPDX-License-Identifier: MIT */
#include "papers_kit.h"

/* --- the ways it opens --- */

START_TEST(method_3_opens_and_says_what_is_signed)
{
    const struct payload_update *u;
    struct message m;

    OK(read_warrant());
    ck_assert_uint_eq(warrant_rows(warrant), 3);
    ck_assert_uint_eq(warrant_key(warrant), SCENE_RECOVERY);
    ck_assert_str_eq(warrant_authority(warrant)->id, "D-1");
    decode_row(1, 7000, &m);
    u = &m.body.update;
    ck_assert_uint_eq(m.code, 0x0108);
    ck_assert_int_eq(m.form, FORM_SIGNED);
    ck_assert_mem_eq(&m.originator, &warrant_key_cert(warrant)->eui, 8);
    ck_assert_uint_eq(m.recipient.b[7], 0xa1);
    ck_assert(u->disapply_time && u->has_auth_cell && !u->has_symmetric_key);
    ck_assert_uint_eq(u->counter, 7000);
    ck_assert_uint_eq(u->n_replacements, 2);
    ck_assert(same_der(u->replacements[0].certificate, scene.new_ds.cert));
    ck_assert(same_der(u->replacements[1].certificate, scene.new_ka.cert));
    ck_assert_uint_eq(u->n_path, 1);
    ck_assert(same_der(u->path[0], scene.issuing.cert));
    ck_assert(!u->has_floor && u->has_changes);
    ck_assert_uint_eq(u->n_changes, 1);
    ck_assert_uint_eq(u->changes[0].role, ROLE_SUPPLIER);
    ck_assert(!u->changes[0].topups.present);
    message_done(&m);
}
END_TEST

/* Before the token is asked. */
START_TEST(no_mac_without_the_devices_own_key)
{
    struct sig_p256 sig = {{0}};
    uint8_t mac[12];

    OK(read_warrant());
    REFUSED(warrant_mac(warrant, 0, 1, &sig, NULL, 0, mac, &e), "row.no-agreement-key");
}
END_TEST

START_TEST(floors_follow_the_configuration)
{
    X509 *list[6] = {scene.old_ds.cert, scene.old_ka.cert, scene.new_ds.cert,
                     scene.new_ka.cert};
    const struct payload_update *u;
    struct message m;

    scene.config.command.disapply_time = false;
    scene.config.command.has_floor = true;
    scene.config.command.floor = 5;
    scene.config.command.other_floor = 6;
    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss},{ss,so,ss,ss}]", "cell", "supplier-ds",
                        "certificate", scene_digest(scene.old_ds.cert), "certainty",
                        "actual", "cause", "exposed", "cell", "supplier-pp", "certificate",
                        scene_digest(scene.old_ka.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "supplier-pp", "certificate",
                        scene_digest(scene.new_ka.cert), "cell", "supplier-ds",
                        "certificate", scene_digest(scene.new_ds.cert)));
    scene_bundle(&scene, list, 4);
    signed_by_two();
    OK(read_warrant());
    decode_row(0, 1, &m);
    u = &m.body.update;
    ck_assert(!u->disapply_time && u->has_floor);
    ck_assert_uint_eq(u->floor, 5);
    ck_assert_uint_eq(u->n_changes, 1);
    ck_assert_uint_eq(u->changes[0].floor, 6);
    ck_assert(u->changes[0].topups.present);
    ck_assert_uint_eq(u->changes[0].topups.at[0].floor, 6);
    ck_assert(same_der(u->replacements[0].certificate, scene.new_ds.cert));
    message_done(&m);
    scene.config.command.has_other_floor = false;
    OK(read_warrant());
    decode_row(0, 1, &m);
    ck_assert(!m.body.update.has_changes);
    message_done(&m);
}
END_TEST

START_TEST(a_load_controllers_cells_wait_for_configuration)
{
    struct pki_pair ds = issue(ROLE_LOAD_CONTROLLER, &scene.supplier, KU_DIGITAL_SIGNATURE,
                               NULL, FROM, TO, &scene.issuing);
    struct pki_pair ka = issue(ROLE_SUPPLIER, &scene.supplier, KU_KEY_AGREEMENT, NULL, FROM,
                               TO, &scene.issuing);
    X509 *list[4] = {scene.old_ds.cert, scene.old_ka.cert, ds.cert, ka.cert};
    const struct payload_update *u;
    struct message m;

    scene_roster(&scene, "device,type,status\n00DB1234567890A1,ESME,commissioned\n"
                         "00DB1234567890A2,GSME,commissioned\n");
    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss},{ss,so,ss,ss}]", "cell", "load-ds", "certificate",
                        scene_digest(scene.old_ds.cert), "certainty", "actual", "cause",
                        "exposed", "cell", "load-ka", "certificate",
                        scene_digest(scene.old_ka.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "load-ds", "certificate",
                        scene_digest(ds.cert), "cell", "load-ka", "certificate",
                        scene_digest(ka.cert)));
    scene_bundle(&scene, list, 4);
    signed_by_two();
    REFUSED(read_warrant(), "cell.open");
    scene.config.command.load_cells = true;
    OK(read_warrant());
    decode_row(0, 1, &m);
    u = &m.body.update;
    ck_assert_uint_eq(m.code, 0x0108);
    ck_assert_uint_eq(u->n_replacements, 2);
    ck_assert_uint_eq(u->replacements[0].cell.role, ROLE_LOAD_CONTROLLER);
    ck_assert(same_der(u->replacements[0].certificate, ds.cert));
    ck_assert(same_der(u->replacements[1].certificate, ka.cert));
    ck_assert_uint_eq(u->n_changes, 1);
    ck_assert_uint_eq(u->changes[0].role, ROLE_LOAD_CONTROLLER);
    message_done(&m);
    REFUSED(warrant_row(warrant, 1, &(struct roster_row){0}, &e), "row.no-cell");
    pki_pair_done(&ds);
    pki_pair_done(&ka);
}
END_TEST

START_TEST(method_2_places_the_brokers_certificates)
{
    struct pki_pair acb = issue(ROLE_ACB, &scene.trust.keys[SCENE_ACB].cert.at[0].eui,
                                KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &scene.issuing);
    X509 *list[3] = {scene.old_ds.cert, scene.old_ka.cert, acb.cert};

    scene_set(&scene, "method", json_string("M2"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(acb.cert)));
    scene_bundle(&scene, list, 3);
    signed_by_two();
    OK(read_warrant());
    scene_set(&scene, "method", json_string("M3")); /* not the Subscriber's */
    signed_by_two();
    REFUSED(read_warrant(), "replacement.role");
    pki_pair_done(&acb);
}
END_TEST

static void instruct(const char *by, const char *key, enum scene_key k, const char *method)
{
    scene_set(&scene, "kind", json_string("instruction"));
    scene_set(&scene, "by", json_string(by));
    scene_set(&scene, "key", json_string(key));
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[k].cert));
    scene_set(&scene, "method", json_string(method));
    scene_set(&scene, "mode", json_string("supplierBySupplier"));
}

START_TEST(method_1_is_the_organisations_own)
{
    struct digest d;

    instruct("supplier", "supplier", SCENE_SUPPLIER, "M1");
    scene_sign_by(&scene, scene.org, 1);
    OK(read_warrant());
    ck_assert_uint_eq(warrant_key(warrant), SCENE_SUPPLIER);
    ck_assert(warrant_digest(warrant, 0, 1, &d, &e));
    scene_sign(&scene, 2); /* the PMA does not instruct for it */
    REFUSED(read_warrant(), "decision.quorum");
}
END_TEST

START_TEST(handback_is_the_brokers)
{
    instruct("acb", "acb", SCENE_ACB, "handback");
    scene_sign_by(&scene, scene.acb_org, 1);
    OK(read_warrant());
    instruct("supplier", "acb", SCENE_ACB, "handback");
    scene_sign_by(&scene, scene.org, 1);
    REFUSED(read_warrant(), "key.authority");
    (void)snprintf(scene.config.keys[SCENE_ACB].authority, CONFIG_NAME_MAX, "supplier");
    REFUSED(read_warrant(),
            "key.organisation"); /* the supplier's officers and the broker's key */
}
END_TEST

START_TEST(an_organisation_never_gets_the_recovery_key)
{
    instruct("supplier", "recovery", SCENE_RECOVERY, "M1");
    scene_sign_by(&scene, scene.org, 1);
    REFUSED(read_warrant(), "key.authority");
    (void)snprintf(scene.config.keys[SCENE_RECOVERY].authority, CONFIG_NAME_MAX,
                   "supplier");
    REFUSED(read_warrant(), "key.organisation");
    (void)snprintf(scene.config.authorities[1].organisation, 17, "90B3D51F30000000");
    REFUSED(read_warrant(), "key.pma");
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
    scene_set(&scene, "key", json_string("contingency"));
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_CONTINGENCY].cert));
    scene_set(&scene, "method", json_string("contingency"));
    scene_set(&scene, "mode", json_string("anyByContingency"));
    scene_set(&scene, "initiator", json_string("dcc"));
    scene_set(
        &scene, "symmetric_key_sha256",
        json_string("be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991"));
    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "root", "certificate",
                        scene_digest(scene.root.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so}]", "cell", "root", "certificate",
                        scene_digest(new_root->cert)));
    scene_bundle(&scene, &new_root->cert, 1);
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
    OK(read_warrant());
    decode_row(0, 77, &m);
    ck_assert_uint_eq(m.code, 0x0109);
    ck_assert(m.body.update.has_symmetric_key && !m.body.update.has_changes);
    ck_assert_mem_eq(m.body.update.symmetric_key.at, scene.symmetric, 16);
    message_done(&m);
    /* Another symmetric key than the one named, or none. */
    scene.symmetric[0] ^= 1;
    REFUSED(read_warrant(), "contingency.symmetric-key");
    scene.symmetric[0] ^= 1;
    /* A new root without a wrapped key of its own. */
    pki_pair_done(&new_root);
    contingency(&new_root, &none);
    REFUSED(read_warrant(), "replacement.root-wrapped");
    /* Another key than the one wrapped in the present root. */
    pki_pair_done(&new_root);
    contingency(&new_root, &wrapped);
    (void)snprintf(scene.config.keys[SCENE_ACB].authority, CONFIG_NAME_MAX, "pma");
    scene_set(&scene, "key", json_string("acb"));
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_ACB].cert));
    signed_by_two();
    REFUSED(read_warrant(), "key.role");
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
    struct certs *held = &scene.trust.keys[SCENE_CONTINGENCY].cert;
    struct span der;

    contingency(&new_root, &wrapped);
    other = issue(ROLE_OTHER, &held->at[0].eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO,
                  &scene.issuing);
    certs_done(held);
    der = pki_der(other.cert);
    ck_assert(certs_read(der, "it", held, &e));
    scene_set(&scene, "key_certificate", scene_digest(other.cert));
    signed_by_two();
    REFUSED(read_warrant(), "contingency.key");
    free((void *)(uintptr_t)der.at);
    free((void *)(uintptr_t)wrapped.at);
    pki_pair_done(&other);
    pki_pair_done(&new_root);
    EVP_PKEY_free(next);
}
END_TEST

/* Everything below a compromised root comes from below the new one. */
START_TEST(contingency_brings_a_new_tree_along)
{
    EVP_PKEY *next = pki_key_new();
    uint8_t kek[16] = {9};
    struct span wrapped = pki_wrap_contingency(next, span_of(kek, sizeof kek));
    const struct eui64 *eui = &scene.trust.keys[SCENE_RECOVERY].cert.at[0].eui;
    struct pki_pair new_root, ca, good, stale;
    X509 *list[3];
    struct message m;

    contingency(&new_root, &wrapped);
    ca = issue_ca("Z9", ROLE_ISSUING_AUTHORITY, &new_root);
    good = issue(ROLE_RECOVERY, eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);
    stale = issue(ROLE_RECOVERY, eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &scene.issuing);
    scene_set(&scene, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "root", "certificate",
                        scene_digest(new_root.cert), "cell", "recovery-ds", "certificate",
                        scene_digest(good.cert)));
    list[0] = new_root.cert;
    list[1] = good.cert;
    list[2] = ca.cert;
    scene_bundle(&scene, list, 3);
    signed_by_two();
    OK(read_warrant());
    decode_row(0, 1, &m);
    ck_assert_uint_eq(m.body.update.n_replacements, 2);
    ck_assert_uint_eq(m.body.update.n_path, 1);
    ck_assert(same_der(m.body.update.path[0], ca.cert));
    message_done(&m);
    scene_bundle(&scene, list, 2); /* without the Issuing OCA between them */
    REFUSED(read_warrant(), "replacement.chain");
    scene_set(&scene, "replacements",
              json_pack("[{ss,so},{ss,so}]", "cell", "root", "certificate",
                        scene_digest(new_root.cert), "cell", "recovery-ds", "certificate",
                        scene_digest(stale.cert)));
    list[1] = stale.cert; /* below the compromised root */
    scene_bundle(&scene, list, 2);
    signed_by_two();
    REFUSED(read_warrant(), "replacement.chain");
    pki_pair_done(&stale);
    pki_pair_done(&good);
    pki_pair_done(&ca);
    pki_pair_done(&new_root);
    EVP_PKEY_free(next);
    free((void *)(uintptr_t)wrapped.at);
}
END_TEST

START_TEST(a_new_issuing_oca_takes_over)
{
    struct pki_pair ca = issue_ca("Z2", ROLE_ISSUING_AUTHORITY, &scene.root);
    struct pki_pair ds =
        issue(ROLE_SUPPLIER, &scene.supplier, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &ca);
    X509 *list[4] = {scene.old_ds.cert, scene.old_ka.cert, ds.cert, ca.cert};

    scene_set(&scene, "method", json_string("issuing-oca"));
    scene_set(&scene, "initiator", json_string("dcc"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so}]", "cell", "supplier-ds", "certificate",
                        scene_digest(ds.cert)));
    scene_bundle(&scene, list, 4);
    signed_by_two();
    OK(read_warrant());
    pki_pair_done(&ds);
    pki_pair_done(&ca);
}
END_TEST

static void acb_event(const struct pki_pair *old, const struct pki_pair *new,
                      const char *types)
{
    X509 *list[2] = {old->cert, new->cert};

    scene_set(&scene, "method", json_string("dcc"));
    scene_set(&scene, "initiator", json_string("dcc"));
    scene_set(&scene, "subscriber", json_string("90B3D51F30000200"));
    scene_set(&scene, "device_types", json_loads(types, 0, NULL));
    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "acb-ka", "certificate",
                        scene_digest(old->cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(
        &scene, "replacements",
        json_pack("[{ss,so}]", "cell", "acb-ka", "certificate", scene_digest(new->cert)));
    scene_bundle(&scene, list, 2);
}

START_TEST(ppmids_come_with_an_event_of_the_dcc)
{
    const struct eui64 *acb = &scene.trust.keys[SCENE_ACB].cert.at[0].eui;
    struct pki_pair old =
        issue(ROLE_ACB, acb, KU_KEY_AGREEMENT, NULL, FROM, TO, &scene.issuing);
    struct pki_pair new =
        issue(ROLE_ACB, acb, KU_KEY_AGREEMENT, NULL, FROM, TO, &scene.issuing);

    scene_roster(&scene, "device,type,status\n"
                         "00DB1234567890A0,ESME,commissioned\n"
                         "00DB1234567890A1,GSME,commissioned\n"
                         "00DB1234567890A4,PPMID,commissioned\n");
    signed_by_two();
    REFUSED(read_warrant(), "device.ppmid-key"); /* in a supplier's event */
    acb_event(&old, &new, "[\"ESME\",\"GSME\",\"PPMID\"]");
    signed_by_two();
    OK(read_warrant());
    acb_event(&old, &new, "[\"ESME\",\"GSME\"]");
    signed_by_two();
    REFUSED(read_warrant(), "device.not-named");
    scene_roster(&scene, "device,type,status\n00DB1234567890A4,PPMID,commissioned\n");
    acb_event(&old, &new, "[\"PPMID\"]");
    signed_by_two();
    REFUSED(read_warrant(), "device.ppmid-wider");
    scene_set(&scene, "ppmid_only", json_true());
    signed_by_two();
    OK(read_warrant());
    pki_pair_done(&old);
    pki_pair_done(&new);
}
END_TEST

START_TEST(the_recovery_key_replaces_itself)
{
    const struct eui64 *eui = &scene.trust.keys[SCENE_RECOVERY].cert.at[0].eui;
    struct pki_pair new =
        issue(ROLE_RECOVERY, eui, KU_DIGITAL_SIGNATURE, NULL, FROM, TO, &scene.issuing);

    scene_set(&scene, "method", json_string("recovery-key"));
    scene_set(&scene, "initiator", json_string("dcc"));
    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "recovery-ds", "certificate",
                        scene_digest(scene.keys[SCENE_RECOVERY].cert), "certainty",
                        "suspected", "cause", "suspected"));
    scene_set(&scene, "replacements",
              json_pack("[{ss,so}]", "cell", "recovery-ds", "certificate",
                        scene_digest(new.cert)));
    scene_bundle(&scene, &new.cert, 1);
    signed_by_two();
    OK(read_warrant());
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

    scene_set(&scene, "method", json_string("contingency-key"));
    scene_set(&scene, "initiator", json_string("dcc"));
    scene_set(&scene, "compromised",
              json_pack("[{ss,so,ss,ss}]", "cell", "root", "certificate",
                        scene_digest(scene.root.cert), "certainty", "actual", "cause",
                        "exposed"));
    scene_set(
        &scene, "replacements",
        json_pack("[{ss,so}]", "cell", "root", "certificate", scene_digest(other.cert)));
    scene_bundle(&scene, &other.cert, 1);
    signed_by_two();
    REFUSED(read_warrant(), "replacement.root-normal");
    spec.key = other.key;
    spec.issuer = &scene.root;
    link = pki_issue(&spec);
    list[0] = other.cert;
    list[1] = link.cert;
    scene_bundle(&scene, list, 2);
    OK(read_warrant());
    decode_row(0, 1, &m);
    ck_assert_uint_eq(m.body.update.n_path, 1);
    ck_assert(same_der(m.body.update.path[0], link.cert));
    message_done(&m);
    spec.key = scene.root.key;
    spec.issuer = NULL;
    same = pki_issue(&spec);
    scene_set(
        &scene, "replacements",
        json_pack("[{ss,so}]", "cell", "root", "certificate", scene_digest(same.cert)));
    scene_bundle(&scene, &same.cert, 1);
    signed_by_two();
    REFUSED(read_warrant(),
            "replacement.key"); /* the same key, and it is named as compromised */
    pki_pair_done(&same);
    pki_pair_done(&link);
    pki_pair_done(&other);
    EVP_PKEY_free(next);
    free((void *)(uintptr_t)wrapped.at);
}
END_TEST

/* --- rows --- */

static void row_refused(uint32_t i, const char *id)
{
    struct roster_row row;
    struct digest d;

    ck_assert(!warrant_row(warrant, i, &row, &e));
    ck_assert_msg(strcmp(e.id, id) == 0, "row %u: %s, where %s was due", i, e.id, id);
    ck_assert(!warrant_digest(warrant, i, 1, &d, &e));
    ck_assert_str_eq(e.id, id);
}

START_TEST(a_bad_row_fails_alone)
{
    static const struct sig_p256 none;
    struct span command;
    struct roster_row row;
    struct digest d;
    char text[1024], ds[HEX_LEN(8)], other[HEX_LEN(8)];
    struct certs c;

    ck_assert(certs_read(scene.pem, "it", &c, &e));
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
    scene_roster(&scene, text);
    scene_set(&scene, "device_types", json_pack("[sss]", "ESME", "GSME", "CHF"));
    signed_by_two();
    OK(read_warrant());
    ck_assert(warrant_row(warrant, 0, &row, &e));
    ck_assert_uint_eq(row.cells, CELL_BIT(CELL_SUPPLIER_DS) | CELL_BIT(CELL_SUPPLIER_KA));
    ck_assert(warrant_digest(warrant, 0, 1, &d, &e));
    row_refused(1, "row.status");
    row_refused(2, "row.no-cell");
    ck_assert(warrant_row(warrant, 3, &row, &e));
    ck_assert_uint_eq(row.cells, CELL_BIT(CELL_SUPPLIER_KA));
    row_refused(4, "row.cells");
    row_refused(5, "row.old");
    row_refused(6, "row.old");
    row_refused(7, "row.none");
    ck_assert(!warrant_digest(warrant, 0, (uint64_t)INT64_MAX + 1, &d, &e));
    ck_assert_str_eq(e.id, "row.counter");
    ck_assert(!warrant_command(warrant, 0, (uint64_t)INT64_MAX + 1, &none, &command, &e));
    ck_assert_str_eq(e.id, "row.counter");
    ck_assert(warrant_digest(warrant, 0, INT64_MAX, &d, &e));
}
END_TEST

START_TEST(rows_of_other_cells_have_other_commands)
{
    struct message m;

    scene_roster(&scene, "device,type,status,cells\n"
                         "00DB1234567890A0,ESME,commissioned,supplier-ds\n"
                         "00DB1234567890A1,GSME,commissioned,supplier-ka\n"
                         "00DB1234567890A2,ESME,commissioned,supplier-ds+supplier-ka\n");
    signed_by_two();
    OK(read_warrant());
    for (unsigned round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 3; i++) {
            decode_row(i, 100 + i, &m);
            ck_assert_uint_eq(m.body.update.n_replacements, i == 2 ? 2 : 1);
            ck_assert(same_der(m.body.update.replacements[0].certificate,
                               i == 1 ? scene.new_ka.cert : scene.new_ds.cert));
            message_done(&m);
        }
}
END_TEST

START_TEST(a_signature_over_the_digest_verifies)
{
    EVP_PKEY *key = scene.keys[SCENE_RECOVERY].key;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t der[80];
    size_t len = sizeof der;
    struct digest d;

    OK(read_warrant());
    ck_assert(warrant_digest(warrant, 2, 42, &d, &e));
    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_sign(ctx, der, &len, d.b, sizeof d.b), 1);
    ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_verify(ctx, der, len, d.b, sizeof d.b), 1);
    EVP_PKEY_CTX_free(ctx);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, method_3_opens_and_says_what_is_signed);
    tcase_add_test(t, no_mac_without_the_devices_own_key);
    tcase_add_test(t, floors_follow_the_configuration);
    tcase_add_test(t, a_load_controllers_cells_wait_for_configuration);
    tcase_add_test(t, method_2_places_the_brokers_certificates);
    tcase_add_test(t, method_1_is_the_organisations_own);
    tcase_add_test(t, handback_is_the_brokers);
    tcase_add_test(t, an_organisation_never_gets_the_recovery_key);
    tcase_add_test(t, contingency_places_a_new_root);
    tcase_add_test(t, the_contingency_key_is_the_one_devices_can_unwrap);
    tcase_add_test(t, contingency_brings_a_new_tree_along);
    tcase_add_test(t, a_new_issuing_oca_takes_over);
    tcase_add_test(t, ppmids_come_with_an_event_of_the_dcc);
    tcase_add_test(t, the_recovery_key_replaces_itself);
    tcase_add_test(t, a_root_in_mode_8_is_reached_by_key_or_link);
    tcase_add_test(t, a_bad_row_fails_alone);
    tcase_add_test(t, rows_of_other_cells_have_other_commands);
    tcase_add_test(t, a_signature_over_the_digest_verifies);
}

int main(void)
{
    return kit_run("warrant_routes", papers_kit_begin, papers_kit_end, add);
}
