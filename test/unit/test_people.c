/* SPDX-License-Identifier: MIT
 *
 * Who is who and who wears which hat: names, persons, and an activation beside its decision.
 */
#include "papers_kit.h"

#include "activation.h"
#include "name.h"
#include "people.h"

/* --- names --- */

START_TEST(one_name_has_many_spellings)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"Member Two", "MEMBER TWO", true},
        {"Si\xc3\xa2n \xc5\xb4yn", "SI\xc3\x82N \xc5\xb5YN", true}, /* case, not ASCII */
        {"Member Two", "Member Two ", true},
        {"Member Two", "\tMember  Two", true},
        {"Member Two", "Member\xc2\xa0Two", true},         /* no-break space */
        {"Member Two", "Member\xe2\x80\x83Two", true},     /* em space */
        {"Sia\xcc\x82n", "Si\xc3\xa2n", true},             /* NFD, NFC */
        {"Sia\xe2\x80\x8d\xcc\x82n", "Si\xc3\xa2n", true}, /* a joiner between */
        {"\357\274\255ember", "Member", true},             /* full width */
        {"\xef\xac\x81nch", "finch", true},                /* ligature */
        {"Stra\303\237e", "STRASSE", true},
        {"Mem\302\255ber", "Member", true},     /* soft hyphen */
        {"Mem\342\200\213ber", "Member", true}, /* zero width space */
        {"Member Two", "MemberTwo", false},
        {"Member Two", "Member Tw\xc3\xb6", false},
        {"Member", "M\xd0\xb5mber", false}, /* a Cyrillic letter is another letter */
        {"", "", false},
        {" ", " ", false},
        {"\xff", "\xff", false},                   /* no UTF-8 */
        {"a\xef\xbf\xbd", "a\xef\xbf\xbd", false}, /* U+FFFD stands for anything */
        {"a\xee\x80\x80", "a\xee\x80\x80", false}, /* private use */
        {"a\xcd\xb8", "a\xcd\xb8", false},         /* unassigned */
    };
    char longest[NAME_MAX_OCTETS + 1];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(name_same(rows[i].a, rows[i].b) == rows[i].same, "\"%s\" \"%s\"",
                      rows[i].a, rows[i].b);
    memset(longest, 'a', sizeof longest);
    longest[NAME_MAX_OCTETS - 2] = '\0';
    ck_assert(name_same(longest, longest));
    longest[NAME_MAX_OCTETS - 2] = 'a';
    longest[NAME_MAX_OCTETS] = '\0';
    ck_assert(!name_same(longest, longest));
}
END_TEST

START_TEST(a_label_is_of_letters_that_nobody_mistakes)
{
    static const char *const labels[] = {"I-2026-0001", "a", "0", "Z9._-", "x.y_z"};
    static const char *const none[] = {"",
                                       "-a",
                                       ".a",
                                       "_",
                                       "a b",
                                       "a/b",
                                       "a%b",
                                       "a\n",
                                       "\303\251",
                                       "a\xe2\x80\x8b",
                                       "I-2026\342\200\2230001",
                                       "a:b",
                                       "a\xff"};
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"I-2026-0001", "i-2026-0001", true},
        {"I-2026-0001", "l-2026-0001", true},
        {"I-2026-0001", "1-2026-0001", true},
        {"I-2026-0001", "I-2O26-OOO1", true},
        {"I-2026-0001", "I_2026.0001", true},
        {"I-2026-0001", "I--2026-0001", true},
        {"I-2026-0001", "I-2026-0002", false},
        {"I-2026-0001", "I-2026-00011", false},
        {"storm", "storrn", true},
        {"window", "vvindow", true},
        {"S-8-Z-G", "5-B-2-6", true},
        {"P", "C", false},
        {"a b", "a b", false},
        /* no labels */ {"", "", false},
    };
    char longest[NAME_LABEL_MAX + 1];

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        ck_assert_msg(name_is_label(labels[i]), "%s", labels[i]);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        ck_assert_msg(!name_is_label(none[i]), "%s", none[i]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(name_looks_same(rows[i].a, rows[i].b) == rows[i].same, "%s %s",
                      rows[i].a, rows[i].b);
        ck_assert(name_looks_same(rows[i].b, rows[i].a) == rows[i].same);
    }
    for (char c = '0'; c <= '9'; c++) /* no two numbers are one */
        for (char d = '0'; d <= '9'; d++)
            ck_assert(name_looks_same((char[]){c, '\0'}, (char[]){d, '\0'}) == (c == d));
    memset(longest, 'a', sizeof longest);
    longest[NAME_LABEL_MAX] = '\0';
    ck_assert(!name_is_label(longest));
    longest[NAME_LABEL_MAX - 1] = '\0';
    ck_assert(name_is_label(longest));
    ck_assert(name_looks_same(longest, longest));
}
END_TEST

/* --- hats --- */

START_TEST(each_pair_of_hats_is_refused_by_name)
{
    static const char *const rules[HAT_COUNT][HAT_COUNT] = {
        [HAT_APPROVER] = {[HAT_CUSTODIAN] = "activation.people",
                          [HAT_REQUESTER] = "activation.people",
                          [HAT_CONFLICTED] = "activation.people",
                          [HAT_OPERATOR] = "incident.operator",
                          [HAT_SECOND_OPERATOR] = "incident.operator"},
        [HAT_CUSTODIAN] = {[HAT_REQUESTER] = "activation.people",
                           [HAT_CONFLICTED] = "activation.people",
                           [HAT_OPERATOR] = "incident.operator",
                           [HAT_SECOND_OPERATOR] = "incident.operator"},
        [HAT_REQUESTER] = {[HAT_OPERATOR] = "incident.operator",
                           [HAT_SECOND_OPERATOR] = "incident.operator"},
        [HAT_CONFLICTED] = {[HAT_OPERATOR] = "incident.operator",
                            [HAT_SECOND_OPERATOR] = "incident.operator"},
        [HAT_OPERATOR] = {[HAT_SECOND_OPERATOR] = "batch.second-person"},
    };

    for (enum hat one = 0; one < HAT_COUNT; one++)
        for (enum hat two = one + 1; two < HAT_COUNT; two++) {
            struct people m = {.config = &scene.config};

            people_wear(&m, &scene.config.people[1], one);
            people_wear(&m, &scene.config.people[2], two);
            ck_assert(people_apart(&m, &e)); /* two people */
            people_wear(&m, &scene.config.people[1], two);
            if (rules[one][two] == NULL) {
                ck_assert(people_apart(&m, &e));
                continue;
            }
            ck_assert(!people_apart(&m, &e));
            ck_assert_str_eq(e.id, rules[one][two]);
            ck_assert_ptr_nonnull(strstr(e.text, "\"Member 2\""));
            ck_assert_ptr_nonnull(strstr(e.text, people_hat(one)));
            ck_assert_ptr_nonnull(strstr(e.text, people_hat(two)));
        }
}
END_TEST

START_TEST(a_name_means_everybody_who_bears_it)
{
    struct people m = {.config = &scene.config};

    scene_person(&scene, "Member 1", "Another Party", NULL, NULL);
    scene_set(&scene, "conflicts",
              json_pack("[{ss,ss}]", "holder", "member 1", "reason", "employed there"));
    scene_sign(&scene, 3);
    OK(read_decision());
    people_of_document(&m, &decision);
    ck_assert_uint_eq(m.hats[0], 1u << HAT_CONFLICTED);
    ck_assert_uint_eq(m.hats[1], 1u << HAT_APPROVER);
    ck_assert_uint_eq(m.hats[scene.config.n_people - 1], 1u << HAT_CONFLICTED);
    ck_assert_ptr_eq(people_of_key(&scene.config, &signer_of("Member 2", 0)->key_sha256),
                     &scene.config.people[1]);
}
END_TEST

/* --- an activation beside its decision --- */

static struct activation given;

static void decided(void)
{
    struct config_authority *who = &scene.config.authorities[scene.config.n_authorities];

    OK(read_decision());
    (void)strcpy(who->name, config_custodians);
    who->threshold = 2;
    who->members = SCENE_MEMBERS;
    who->max_window_s = 86400;
    scene.trust.anchors[scene.config.n_authorities++] = scene.trust.anchors[0];
    ck_assert_int_eq(X509_STORE_up_ref(scene.trust.anchors[0]), 1);
    scene.config.trust.custodians[0] = '\0';
}

static void activation_of(const struct authority *of)
{
    char hex[HEX_LEN(32)];

    hex_encode_lower(of->digest.b, 32, hex);
    json_decref(scene.doc);
    scene.doc =
        json_pack("{ss,ss,ss,ss,ss,ss,sb,ss,ss,ss,ss,ss}", "schema",
                  "smki-recovery/authority/1", "kind", "activation", "id", "A-1",
                  "incident", of->incident, "by", config_custodians, "outcome", "authorise",
                  "exercise", 0, "key", "recovery", "decision", hex, "ceremony", "C-1",
                  "valid_from", "2026-11-24T12:00:00Z", "valid_to", "2026-11-24T18:00:00Z");
}

static bool activates(const struct pki_pair *by, size_t n, int64_t now)
{
    scene_sign_by(&scene, by, n);
    memset(&e, 0, sizeof e);
    return activation_open(&scene.trust, scene.cms, &decision, now, &given, &e);
}

static void not_activated(const char *id, const char *words)
{
    struct pki_pair by[2] = {scene.pma[2], scene.pma[3]};

    ck_assert(!activates(by, 2, SCENE_NOW));
    ck_assert_msg(strcmp(e.id, id) == 0, "%s: %s", e.id, e.text);
    ck_assert_msg(strstr(e.text, words) != NULL, "%s: %s", e.id, e.text);
}

static void afresh(json_t *doc)
{
    json_decref(scene.doc);
    scene.doc = json_deep_copy(doc);
}

START_TEST(an_activation_fits_one_decision)
{
    struct pki_pair by[2] = {scene.pma[2], scene.pma[3]};
    json_t *fits;

    decided();
    activation_of(&decision);
    ck_assert_msg(activates(by, 2, SCENE_NOW), "%s: %s", e.id, e.text);
    ck_assert_uint_eq(given.custodians, 2);
    ck_assert(!activates(by, 2, given.valid_to_us + 1));
    ck_assert_str_eq(e.id, "activation.window");
    fits = json_deep_copy(scene.doc);
    scene_set(&scene, "key", json_string("contingency"));
    not_activated("activation.key", "contingency");
    afresh(fits);
    scene_set(&scene, "exercise", json_true());
    not_activated("activation.exercise", "exercise");
    afresh(fits);
    scene_set(&scene, "incident", json_string("I-2"));
    not_activated("activation.decision", "another decision");
    afresh(fits);
    scene_set(&scene, "outcome", json_string("refuse"));
    not_activated("activation.kind", "refuse");
    afresh(fits);
    scene_set(&scene, "valid_to", json_string("2026-11-26T18:00:00Z"));
    not_activated("decision.window-length", "86400");
    json_decref(fits);
}
END_TEST

START_TEST(who_decided_asked_or_is_in_conflict_activates_nothing)
{
    scene_set(&scene, "conflicts",
              json_pack("[{ss,ss}]", "holder", "Member 3", "reason", "employed there"));
    scene_set(&scene, "requester", json_string("Member 4"));
    scene_sign(&scene, 2);
    decided();
    activation_of(&decision);
    {
        static const struct {
            size_t member;
            const char *words;
        } rows[] = {{0, "\"Member 1\" is approver and custodian"},
                    {2, "\"Member 3\" is custodian and conflicted"},
                    {3, "\"Member 4\" is custodian and requester"}};

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct pki_pair by[2] = {scene.pma[rows[i].member], scene.pma[4]};

            ck_assert(!activates(by, 2, SCENE_NOW));
            ck_assert_msg(strcmp(e.id, "activation.people") == 0, "%s: %s", e.id, e.text);
            ck_assert_msg(strstr(e.text, rows[i].words) != NULL, "%s", e.text);
        }
    }
}
END_TEST

START_TEST(without_custodians_nothing_is_switched_on_unless_it_is_meant)
{
    uint32_t needed = 7;

    ck_assert(!activation_needed(&scene.config, "pma", &needed)); /* Custodians=none */
    scene.config.trust.custodians[0] = '\0';
    ck_assert(activation_needed(&scene.config, "pma", &needed));
    ck_assert(!activation_needed(&scene.config, "supplier", &needed));
    OK(read_decision());
    ck_assert(!activation_open(&scene.trust, scene.cms, &decision, SCENE_NOW, &given, &e));
    ck_assert_str_eq(e.id, "activation.missing");
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, one_name_has_many_spellings);
    tcase_add_test(t, a_label_is_of_letters_that_nobody_mistakes);
    tcase_add_test(t, each_pair_of_hats_is_refused_by_name);
    tcase_add_test(t, a_name_means_everybody_who_bears_it);
    tcase_add_test(t, an_activation_fits_one_decision);
    tcase_add_test(t, who_decided_asked_or_is_in_conflict_activates_nothing);
    tcase_add_test(t, without_custodians_nothing_is_switched_on_unless_it_is_meant);
}

int main(void)
{
    return kit_run("people", papers_kit_begin, papers_kit_end, add);
}
