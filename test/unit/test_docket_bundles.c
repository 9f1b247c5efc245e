/* SPDX-License-Identifier: MIT
 *
 * The certificates of an incident, in versions, and what one document is given of them.
 */
#include "certs_kit.h"
#include "mem.h"

static void end(void)
{
    certs_kit_end();
    incident_kit_end();
}

/* Hand in; the answer, or NULL and `e`. */
static json_t *hand_in(const char *letters)
{
    AUTO(mem) struct certs *given = calloc(1, sizeof *given);
    struct span pem = certs_kit_pem(letters);
    json_t *answer = NULL;
    bool ok;

    OK(certs_read(pem, "kit", given, &e));
    ok = docket_put_bundle(&docket, &inc, pem, given, "uid 1", &answer, &e);
    ck_assert(ok == (answer != NULL));
    certs_done(given);
    free((void *)(uintptr_t)pem.at);
    return answer;
}

/* Does the list of an answer name these, in this order? */
static bool says(const json_t *answer, const char *list, const char *letters)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(answer, list), i, one)
    {
        char hex[HEX_LEN(32)];

        if (letters[i] == '\0')
            return false;
        hex_encode_lower(certs_kit_one(letters[i])->sha256.b, 32, hex);
        if (strcmp(json_string_value(json_object_get(one, "sha256")), hex) != 0 ||
            strcmp(json_string_value(json_object_get(one, "subject")),
                   certs_kit_one(letters[i])->subject) != 0)
            return false;
    }
    return strlen(letters) == json_array_size(json_object_get(answer, list));
}

static void is(json_t *answer, int64_t version, const char *added, const char *removed)
{
    ck_assert_msg(answer != NULL, "%s: %s", e.id, e.text);
    ck_assert_int_eq(json_integer_value(json_object_get(answer, "version")), version);
    ck_assert(says(answer, "added", added));
    ck_assert(says(answer, "removed", removed));
    json_decref(answer);
}

START_TEST(other_certificates_are_a_version_with_a_difference)
{
    struct span pem, want;

    open_incident("I-1", ROUTE_UNDECIDED);
    OK(docket_bundle(store, "I-1", &pem, &e));
    ck_assert_ptr_null(pem.at);
    is(hand_in("ab"), 1, "ab", "");
    is(hand_in("bcd"), 2, "cd", "a");
    OK(docket_bundle(store, "I-1", &pem, &e));
    want = certs_kit_pem("bcd");
    ck_assert(span_equal(pem, want));
    free((void *)(uintptr_t)pem.at);
    free((void *)(uintptr_t)want.at);
    ck_assert_int_eq(number("SELECT count(*) FROM bundle WHERE incident = 'I-1'"
                            " AND certificates = version + 1"),
                     2);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%CERTIFICATES_RECEIVED%' AND"
                            " json_array_length(line, '$.data.added') = 2"),
                     2);
}
END_TEST

START_TEST(the_same_ones_are_no_version_and_answered_as_then)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    is(hand_in("a"), 1, "a", "");
    is(hand_in("bc"), 2, "bc", "a");
    is(hand_in("bc"), 2, "bc", "a");
    is(hand_in("cb"), 2, "bc", "a"); /* they stand in no order */
    ck_assert_int_eq(number("SELECT count(*) FROM bundle"), 2);
    ck_assert_int_eq(number("SELECT count(*) FROM audit WHERE line LIKE"
                            " '%CERTIFICATES_RECEIVED%'"),
                     2);
}
END_TEST

START_TEST(a_closed_incident_stays_as_it_is)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    is(hand_in("a"), 1, "a", "");
    set_state("I-1", "undecided", "CLOSED");
    REFUSED(hand_in("ab") != NULL, "incident.closed");
    REFUSED(hand_in("a") != NULL, "incident.closed");
    ck_assert_int_eq(number("SELECT count(*) FROM bundle"), 1);
}
END_TEST

START_TEST(what_a_document_in_force_names_stays)
{
    struct digest none = {{0}};

    open_incident("I-1", ROUTE_UNDECIDED);
    is(hand_in("abc"), 1, "abc", "");
    (void)certs_kit_decide("D-1", "I-1", KIND_DECISION, "a", "b");
    REFUSED_SAYING(hand_in("ac") != NULL, "incident.certificate-named", "D-1 names ");
    REFUSED_SAYING(hand_in("bc") != NULL, "incident.certificate-named", "D-1 names ");
    is(hand_in("abd"), 2, "d", "c");
    OK(docket_void_decisions(&docket, "I-1", &none, DECISION_SUPERSEDED, &e));
    is(hand_in("ad"), 3, "", "b");
}
END_TEST

START_TEST(with_the_acbs_certificates_in_place_only_a_hand_back_counts)
{
    open_incident("I-1", ROUTE_UNDECIDED);
    is(hand_in("ab"), 1, "ab", "");
    (void)certs_kit_decide("D-1", "I-1", KIND_DECISION, "a", "b");
    set_state("I-1", "method-2", "ACB_IN_PLACE");
    is(hand_in("ac"), 2, "c", "b");
    (void)certs_kit_decide("H-1", "I-1", KIND_INSTRUCTION, "a", "c");
    set_state("I-1", "method-2", "HANDBACK");
    REFUSED_SAYING(hand_in("ab") != NULL, "incident.certificate-named", "H-1 names ");
}
END_TEST

/* What a document that names these is given of the bundle. */
static void given(const char *bad, const char *new, const char *want)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    AUTO(mem) struct certs *got = calloc(1, sizeof *got);
    struct span pem;

    (void)strcpy(a->incident, "I-1");
    a->digest.b[0] = 99;
    for (const char *p = bad; *p != '\0'; p++)
        a->compromised[a->n_compromised++].sha256 = certs_kit_one(*p)->sha256;
    for (const char *p = new; *p != '\0'; p++)
        a->replacements[a->n_replacements++].sha256 = certs_kit_one(*p)->sha256;
    OK(docket_bundle_for(store, a, &pem, &e));
    OK(certs_read(pem, "given", got, &e));
    free((void *)(uintptr_t)pem.at);
    ck_assert_uint_eq(got->n, strlen(want));
    for (size_t i = 0; i < got->n; i++)
        ck_assert(digest_equal(&got->at[i].sha256, &certs_kit_one(want[i])->sha256));
    certs_done(got);
}

START_TEST(a_document_is_given_what_others_do_not_keep_there)
{
    struct digest none = {{0}};

    open_incident("I-1", ROUTE_UNDECIDED);
    OK(certs_kit_hand_in("I-1", "ab1d2s"));
    given("a", "b", "ab1d2s"); /* unnamed by anybody: the warrant says so */
    (void)certs_kit_decide("D-1", "I-1", KIND_DECISION, "a", "s");
    given("a", "b", "ab1d"); /* and what serves the others' only goes, too */
    given("a", "s", "ab1d2s");
    (void)certs_kit_decide("D-2", "I-1", KIND_DECISION, "a", "bd");
    given("a", "s", "a12s"); /* '1' serves 'a' */
    OK(docket_void_decisions(&docket, "I-1", &none, DECISION_SUPERSEDED, &e));
    given("a", "b", "ab1"); /* those of then lie there still */
}
END_TEST

START_TEST(no_bundle_is_none_for_a_document_too)
{
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct span pem = span_of("x", 1);

    (void)strcpy(a->incident, "I-1");
    OK(docket_bundle_for(store, a, &pem, &e));
    ck_assert_ptr_null(pem.at);
}
END_TEST

KIT_MAIN("docket_bundles", incident_kit_begin, end,
         other_certificates_are_a_version_with_a_difference,
         the_same_ones_are_no_version_and_answered_as_then,
         a_closed_incident_stays_as_it_is, what_a_document_in_force_names_stays,
         with_the_acbs_certificates_in_place_only_a_hand_back_counts,
         a_document_is_given_what_others_do_not_keep_there,
         no_bundle_is_none_for_a_document_too)
