/* SPDX-License-Identifier: MIT */
#include "config.h"
#include "core_kit.h"

#include <sys/stat.h>

static struct config c;

static void setup(void)
{
    kit_begin();
    config_defaults(&c);
}

static bool parse(const char *text)
{
    return config_parse(span_of(text, strlen(text)), "a.conf", &c, &e);
}

/* A configuration that stands on its own. */
#define SOUND                                                          \
    "[Trust]\nRoot=/r.pem\nIssuing=/i.pem\nCustodians=none\n"          \
    "[Token \"t\"]\nModule=/m.so\nLabel=l\nSerial=s\nPinFile=/pin\n"   \
    "[Authority \"pma\"]\nAnchor=/a.pem\nThreshold=2\nMembers=3\n"     \
    "[Key \"k\"]\nToken=t\nId=01\nCertificate=/c.pem\nAuthority=pma\n" \
    "[Role \"operator\"]\nUsers=root\n"

#define KEY_UPPER "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"
#define KEY_LOWER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ANN \
    "[Person \"a\"]\nName=Ann Evans\nOrganisation=O\nUsers=ann\nKeys=" KEY_UPPER "\n"

START_TEST(each_type_of_value_is_read)
{
    OK(parse("# a comment\n; another\n\n"
             "[Service]\nSocket=/s\nExercise=yes\nMaxRosterBytes=1099511627776\n"
             "MaxClients=7\n"
             "[Counter]\nBlock=256\nStart=9223372036854775807\n"
             "[Command]\nFloor=0\n"
             "[Token \"t one\"]\nInitArgs=  a='sql:/b c' d=\"\\\" #e= \nLabel=a "
             "b\nProbeId=0aFF\nWorkers=64\nSessionKeyCopy=no\n"
             "[Role \"viewer\"]\nUsers=a b,c\td\n"));
    ck_assert_str_eq(c.service.socket, "/s");
    ck_assert_str_eq(c.tokens[0].init_args, "a='sql:/b c' d=\"\\\" #e=");
    ck_assert(c.service.exercise);
    ck_assert_int_eq(c.service.max_roster_bytes, INT64_C(1) << 40);
    ck_assert_uint_eq(c.service.max_clients, 7);
    ck_assert_uint_eq(c.counter.block, 256);
    ck_assert(c.counter.has_start && c.counter.start == INT64_MAX);
    ck_assert(c.command.has_floor && c.command.floor == 0 && !c.command.has_other_floor);
    ck_assert_uint_eq(c.n_tokens, 1);
    ck_assert_str_eq(c.tokens[0].name, "t one");
    ck_assert_str_eq(c.tokens[0].label, "a b");
    ck_assert_str_eq(c.tokens[0].probe_id, "0aFF");
    ck_assert_uint_eq(c.tokens[0].workers, 64);
    ck_assert_uint_eq(c.tokens[0].sessions, 1);
    ck_assert(!c.tokens[0].copy_key);
    ck_assert_uint_eq(c.roles[0].n_users, 4);
    ck_assert_str_eq(c.roles[0].users[3], "d");
}
END_TEST

START_TEST(blanks_around_a_line_and_its_equals_sign_do_not_count)
{
    OK(parse("  [Service]  \r\n\tSocket =  /s \r\n[Token \"t\"]\nLabel = two words \n"));
    ck_assert_str_eq(c.service.socket, "/s");
    ck_assert_str_eq(c.tokens[0].label, "two words");
}
END_TEST

START_TEST(a_value_of_nothing_resets_to_the_default)
{
    struct config d;

    config_defaults(&d);
    OK(parse("[Service]\nSocket=/s\nMaxClients=7\nMaxRosterBytes=9\nExercise=yes\n"
             "[Counter]\nStart=1\nBlock=300\n"
             "[Token \"t\"]\nWorkers=9\nSessionKeyCopy=no\nAllowLowPinCount=yes\n"
             "[Authority \"a\"]\nThreshold=3\nRequiredSeats=x y\nMaxWindowSec=60\n"));
    OK(parse("[Service]\nSocket=\nMaxClients=\nMaxRosterBytes=\nExercise=\n"
             "[Counter]\nStart=\nBlock=\n"
             "[Token \"t\"]\nWorkers=\nSessionKeyCopy=\nAllowLowPinCount=\n"
             "[Authority \"a\"]\nThreshold=\nRequiredSeats=\nMaxWindowSec=\n"));
    ck_assert_int_eq(c.authorities[0].max_window_s, 14 * 86400);
    ck_assert_str_eq(c.service.socket, d.service.socket);
    ck_assert_uint_eq(c.service.max_clients, d.service.max_clients);
    ck_assert_int_eq(c.service.max_roster_bytes, d.service.max_roster_bytes);
    ck_assert(!c.service.exercise && !c.counter.has_start);
    ck_assert_uint_eq(c.counter.block, d.counter.block);
    ck_assert_uint_eq(c.tokens[0].workers, 1);
    ck_assert(c.tokens[0].copy_key && !c.tokens[0].low_pin_ok);
    ck_assert_uint_eq(c.authorities[0].threshold, 0);
    ck_assert_uint_eq(c.authorities[0].n_seats, 0);
}
END_TEST

START_TEST(lists_add_up_until_they_are_reset)
{
    OK(parse("[Role \"operator\"]\nUsers=a b\nUsers=c\n"));
    OK(parse("[Role \"operator\"]\nUsers=d\n"));
    ck_assert_uint_eq(c.roles[0].n_users, 4);
    OK(parse("[Role \"operator\"]\nUsers=\nUsers=e\n"));
    ck_assert_uint_eq(c.roles[0].n_users, 1);
    ck_assert_str_eq(c.roles[0].users[0], "e");
}
END_TEST

START_TEST(each_fault_names_file_and_line)
{
    static const struct {
        const char *text, *rule, *words;
    } faults[] = {
        {"\nnonsense\n", "config.line", "a.conf:2:"},
        {"Socket=/s\n", "config.line", "a.conf:1: a key before"},
        {"[Service]\n\n[Nowhere]\n", "config.section", "a.conf:3: unknown section"},
        {"[Service\n", "config.section", "a.conf:1:"},
        {"[Service] x\n", "config.section", "a.conf:1:"},
        {"[Service \"x\"]\n", "config.section", "takes no name"},
        {"[Token]\n", "config.section", "needs a name"},
        {"[Token t]\n", "config.section", "in quotes"},
        {"[Token \"\"]\n", "config.section", "1 to 39"},
        {"[Token \"1234567890123456789012345678901234567890\"]\n", "config.section",
         "1 to 39"},
        {"[Token \"a\"]\n[Service]\n[Token \"a\"]\n", "config.section",
         "a.conf:3: the same section twice"},
        {"[Token \"1\"]\n[Token \"2\"]\n[Token \"3\"]\n[Token \"4\"]\n[Token \"5\"]\n",
         "config.section", "a.conf:5: too many"},
        {"[Service]\nSoket=/s\n", "config.key", "a.conf:2: unknown key"},
        {"[Signer]\nSocket=/s\n", "config.key", "a.conf:2: unknown key"},
        {"[Service]\nSocket=s\n", "config.value", "absolute path"},
        {"[Service]\nExercise=true\n", "config.value", "yes or no"},
        {"[Service]\nMaxClients=0\n", "config.value", "a.conf:2:"},
        {"[Service]\nMaxClients=10001\n", "config.value", "a.conf:2:"},
        {"[Service]\nMaxClients=1x\n", "config.value", "a.conf:2:"},
        {"[Service]\nMaxClients=-1\n", "config.value", "a.conf:2:"},
        {"[Service]\nMaxClients=+1\n", "config.value", "a.conf:2:"},
        {"[Service]\nMaxClients=0x10\n", "config.value", "a.conf:2:"},
        {"[Counter]\nStart=9223372036854775808\n", "config.value", "a.conf:2:"},
        {"[Counter]\nBlock=255\n", "config.value", "a.conf:2:"},
        {"[Token \"t\"]\nMark=filesystem\n", "config.value", "too long"},
        {"[Token \"t\"]\nProbeId=0\n", "config.value", "hex digits"},
        {"[Token \"t\"]\nProbeId=0g\n", "config.value", "hex digits"},
        {"[Token \"t\"]\nSerial=12345678901234567\n", "config.value", "too long"},
        {"[Role \"viewer\"]\nUsers=a b c d e f g h i j k l m n o p q\n", "config.value",
         "list too long"},
        {"[Role \"viewer\"]\nUsers=1234567890123456789012345678901234567890\n",
         "config.value", "entry too long"},
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        config_defaults(&c);
        REFUSED_SAYING(parse(faults[i].text), faults[i].rule, faults[i].words);
    }
    REFUSED(config_parse(span_of("[Service]\0\n", 11), "a.conf", &c, &e), "config.line");
    OK(config_parse(span_of(NULL, 0), "a.conf", &c, &e));
}
END_TEST

START_TEST(a_section_twice_is_found_behind_many_plain_ones)
{
    char text[4096] = "[Token \"a\"]\n";

    for (int i = 0; i < 100; i++)
        (void)strcat(text, "[Service]\n");
    (void)strcat(text, "[Token \"b\"]\n[Token \"b\"]\n");
    REFUSED_SAYING(parse(text), "config.section", "a.conf:103:");
}
END_TEST

START_TEST(the_dump_parses_back_to_the_same)
{
    struct config again;
    char *first;
    char *second;

    OK(parse(SOUND
             "[Service]\nExercise=yes\nMaxClients=3\nEndDecision=dcc\n[Counter]\nStart=5\n"
             "[Command]\nOtherFloor=7\nLoadControllerCells=yes\n[Authority "
             "\"unset\"]\nAnchor=/x\n"
             "[Role \"auditor\"]\nUsers=a b\nGroups=g\n"));
    first = config_dump(&c);
    ck_assert_ptr_nonnull(first);
    config_defaults(&again);
    OK(config_parse(span_of(first, strlen(first)), "dump", &again, &e));
    second = config_dump(&again);
    ck_assert_str_eq(first, second);
    ck_assert_mem_eq(&again, &c, sizeof c);
    free(first);
    free(second);
}
END_TEST

/* --- files --- */

START_TEST(dropins_come_in_the_order_of_their_names)
{
    kit_text("r.conf", SOUND "[Service]\nMaxClients=1\nTwoPersonSec=1\n");
    (void)mkdir(kit_path("r.conf.d"), 0700);
    kit_text("r.conf.d/20-b.conf", "[Service]\nMaxClients=2\n");
    kit_text("r.conf.d/10-a.conf", "[Service]\nMaxClients=3\nTwoPersonSec=3\n");
    kit_text("r.conf.d/30-c.txt", "nonsense");
    OK(config_load(kit_path("r.conf"), true, &c, &e));
    ck_assert_uint_eq(c.service.max_clients, 2);
    ck_assert_uint_eq(c.service.two_person_s, 3);
    kit_text("r.conf.d/20-b.conf", "[Service]\nMaxClients=x\n");
    REFUSED_SAYING(config_load(kit_path("r.conf"), true, &c, &e), "config.value",
                   "r.conf.d/20-b.conf:2:");
}
END_TEST

START_TEST(a_link_to_dev_null_masks_a_dropin)
{
    kit_text("r.conf", SOUND);
    (void)mkdir(kit_path("r.conf.d"), 0700);
    ck_assert_int_eq(symlink("/dev/null", kit_path("r.conf.d/10.conf")), 0);
    OK(config_load(kit_path("r.conf"), true, &c, &e));
    /* a link to nowhere is no mask */
    ck_assert_int_eq(symlink("/dev/nullify", kit_path("r.conf.d/20.conf")), 0);
    REFUSED(config_load(kit_path("r.conf"), true, &c, &e), "config.file");
}
END_TEST

START_TEST(what_cannot_be_read_is_no_configuration)
{
    REFUSED_SAYING(config_load(kit_path("none.conf"), false, &c, &e), "config.file",
                   "none.conf");
    REFUSED(config_load(kit_dir, false, &c, &e), "config.file");
    kit_text("r.conf", SOUND);
    kit_text("r.conf.d", "a file where a directory is due");
    REFUSED(config_load(kit_path("r.conf"), false, &c, &e), "config.file");
}
END_TEST

START_TEST(a_file_too_large_is_refused)
{
    char *text = malloc(CONFIG_FILE_MAX + 1);

    memset(text, '\n', CONFIG_FILE_MAX + 1);
    memcpy(text, SOUND, strlen(SOUND));
    kit_write("r.conf", text, CONFIG_FILE_MAX + 1);
    REFUSED(config_load(kit_path("r.conf"), false, &c, &e), "config.line");
    kit_write("r.conf", text, CONFIG_FILE_MAX);
    OK(config_load(kit_path("r.conf"), false, &c, &e));
    free(text);
}
END_TEST

START_TEST(files_that_others_may_write_are_refused)
{
    kit_text("r.conf", SOUND);
    ck_assert_int_eq(chmod(kit_path("r.conf"), 0620), 0);
    REFUSED_SAYING(config_load(kit_path("r.conf"), true, &c, &e), "config.owner", "r.conf");
    OK(config_load(kit_path("r.conf"), false, &c, &e));
    ck_assert_int_eq(chmod(kit_path("r.conf"), 0602), 0);
    REFUSED(config_load(kit_path("r.conf"), true, &c, &e), "config.owner");
    ck_assert_int_eq(chmod(kit_path("r.conf"), 0644), 0);
    OK(config_load(kit_path("r.conf"), true, &c, &e));
    if (geteuid() != 0)
        return; /* only root can give a file away */
    ck_assert_int_eq(chown(kit_path("r.conf"), 65534, 0), 0);
    REFUSED(config_load(kit_path("r.conf"), true, &c, &e), "config.owner");
    OK(config_load(kit_path("r.conf"), false, &c, &e));
}
END_TEST

START_TEST(a_dropin_is_held_to_its_owner_too)
{
    kit_text("r.conf", SOUND);
    (void)mkdir(kit_path("r.conf.d"), 0700);
    kit_text("r.conf.d/10.conf", "");
    ck_assert_int_eq(chmod(kit_path("r.conf.d/10.conf"), 0666), 0);
    REFUSED_SAYING(config_load(kit_path("r.conf"), true, &c, &e), "config.owner",
                   "10.conf");
}
END_TEST

START_TEST(sections_fit_together)
{
    static const struct {
        const char *more, *rule, *words;
    } faults[] = {
        {"[Service]\nSignerProgram=/p\nSignerSocket=/s\n", "config.service", "exclude"},
        {"[Service]\nExerciseLogins=yes\n", "config.service", "needs Exercise=yes"},
        {"[Service]\nEndDecision=anybody\n", "config.service", "not \"anybody\""},
        {"[Trust]\nRoot=\n", "config.trust", "Root="},
        {"[Trust]\nIssuing=\n", "config.trust", "Issuing="},
        {"[Token \"t\"]\nModule=\n", "config.token", "\"t\""},
        {"[Token \"t\"]\nLabel=\n", "config.token", "\"t\""},
        {"[Token \"t\"]\nSerial=\n", "config.token", "\"t\""},
        {"[Token \"t\"]\nPinFile=\n", "config.token", "exactly one"},
        {"[Token \"t\"]\nPinCredential=p\n", "config.token", "exactly one"},
        {"[Key \"k\"]\nId=\n", "config.key", "\"k\""},
        {"[Key \"k\"]\nCertificate=\n", "config.key", "\"k\""},
        {"[Key \"k\"]\nToken=u\n", "config.key", "no [Token \"u\"]"},
        {"[Key \"k\"]\nAuthority=u\n", "config.key", "no [Authority \"u\"]"},
        {"[Authority \"pma\"]\nMembers=1\n", "config.authority", "\"pma\""},
        {"[Authority \"pma\"]\nThreshold=1\n", "config.authority", "at least 2"},
        {"[Authority \"pma\"]\nOrganisation=90B3\n", "config.authority", "EUI-64"},
        {"[Role \"boss\"]\n", "config.role", "\"boss\""},
        {"[Token \"t\"]\nProbeId=0a\n[Key \"k\"]\nId=0A\n", "config.token", "ProbeId="},
        {"[Trust]\nCustodians=\n", "config.authority", "Custodians=none"},
        {"[Trust]\nCustodians=no\n", "config.authority", "\"no\""},
        {"[Authority \"custodians\"]\n", "config.authority", "Custodians=none, and"},
        {ANN "Name=\n", "config.people", "mandatory"},
        {ANN "Organisation=\n", "config.people", "mandatory"},
        {ANN "Name=\xff\n", "config.people", "UTF-8"},
        {ANN "Keys=ab\n", "config.people", "64 hex"},
        {ANN "Keys=" KEY_LOWER "\n", "config.people", "named twice"},
        {ANN "[Person \"b\"]\nName=B\nOrganisation=O\nKeys=" KEY_LOWER "\n",
         "config.people", "named twice"},
        {ANN "[Person \"b\"]\nName=B\nOrganisation=O\nUsers=x ann\n", "config.people",
         "login ann"},
        {ANN "[Person \"b\"]\nName=ann  EVANS\nOrganisation=o\n", "config.people",
         "are both"},
    };

    OK(parse(SOUND));
    OK(config_check(&c, &e));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        config_defaults(&c);
        OK(parse(SOUND));
        OK(parse(faults[i].more));
        REFUSED_SAYING(config_check(&c, &e), faults[i].rule, faults[i].words);
    }
    config_defaults(&c);
    OK(parse(
        SOUND
        "[Authority \"org\"]\nThreshold=1\nMembers=1\nOrganisation=90B3D51F30010000\n"));
    OK(config_check(&c, &e));
    ck_assert_int_eq(c.authorities[1].max_window_s, 14 * 86400);
    /* two people may share a name, not the organisation with it */
    OK(parse(ANN "[Person \"b\"]\nName=Ann Evans\nOrganisation=P\nSeats=chair\n"));
    OK(config_check(&c, &e));
    ck_assert_str_eq(c.people[1].seats[0], "chair");
    /* where custodians are configured there is nothing to say */
    OK(parse("[Trust]\nCustodians=\n[Authority \"custodians\"]\nThreshold=2\nMembers=3\n"));
    OK(config_check(&c, &e));
}
END_TEST

START_TEST(elements_are_found_by_name)
{
    OK(parse(SOUND));
    ck_assert_ptr_eq(config_token_find(&c, "t"), &c.tokens[0]);
    ck_assert_ptr_eq(config_key_find(&c, "k"), &c.keys[0]);
    ck_assert_ptr_eq(config_authority_find(&c, "pma"), &c.authorities[0]);
    ck_assert_ptr_null(config_token_find(&c, "T"));
    ck_assert_ptr_null(config_key_find(&c, ""));
}
END_TEST

KIT_MAIN("config", setup, kit_end, each_type_of_value_is_read,
         blanks_around_a_line_and_its_equals_sign_do_not_count,
         a_value_of_nothing_resets_to_the_default, lists_add_up_until_they_are_reset,
         each_fault_names_file_and_line, a_section_twice_is_found_behind_many_plain_ones,
         the_dump_parses_back_to_the_same, dropins_come_in_the_order_of_their_names,
         a_link_to_dev_null_masks_a_dropin, what_cannot_be_read_is_no_configuration,
         a_file_too_large_is_refused, files_that_others_may_write_are_refused,
         a_dropin_is_held_to_its_owner_too, sections_fit_together,
         elements_are_found_by_name)
