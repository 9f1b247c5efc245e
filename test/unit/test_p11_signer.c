/* SPDX-License-Identifier: MIT
 *
 * The signer as a process: what it answers, what it signs, how it ends. A real decision, a
 * real token, the real program.
 */
#include "mem.h"
#include "proto.h"
#include "signer_kit.h"
#include "verify.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define FIRST_COUNTER 1000

static struct trust trust;
static struct proto in, out;
static pid_t pid;
static int sock = -1;
static uint32_t seq;

/* --- set-up --- */

static void setup(void)
{
    ck_assert_ptr_nonnull(getenv("SMKI_SIGNER"));
    signer_kit_begin();
    signer_kit_certify(SCENE_RECOVERY, ROLE_RECOVERY,
                       &(struct eui64){{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0, 0, 0}},
                       KU_DIGITAL_SIGNATURE, &kit.trust.keys[0].cert.at[0].point);
    scene_set(&scene, "key_certificate", scene_digest(scene.keys[SCENE_RECOVERY].cert));
    signer_kit_now();
    scene_sign(&scene, 2);
    signer_kit_config();
    (void)setenv("P11_SHIM_COUNT_LABEL", "recovery", 1);
    (void)setenv("P11_SHIM_COUNT_FILE", kit_path("uses"), 1);
}

static void teardown(void)
{
    if (sock >= 0)
        (void)close(sock);
    if (pid > 0)
        (void)kill(pid, SIGKILL);
    signer_kit_end();
}

static void shim(const char *plan)
{
    token_kit_shim(&kit, plan);
    signer_kit_config();
}

/* --- the process --- */

static void redirect(const char *name, int to)
{
    int fd = open(kit_path(name), O_WRONLY | O_CREAT | O_APPEND, 0600);

    if (fd < 0 || dup2(fd, to) < 0)
        abort();
}

static void start_as(bool activated)
{
    const char *program = getenv("SMKI_SIGNER");
    const char *conf = kit_path("recovery.conf");
    int pair[2];

    ck_assert_ptr_nonnull(program);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char self[24];

        redirect("stdout", 1);
        redirect("stderr", 2);
        if (pair[1] == 3 ? fcntl(3, F_SETFD, 0) != 0 : dup2(pair[1], 3) != 3)
            abort();
        if (activated) {
            (void)snprintf(self, sizeof self, "%ld", (long)getpid());
            (void)setenv("LISTEN_PID", self, 1);
            (void)setenv("LISTEN_FDS", "1", 1);
            (void)execl(program, program, "--config", conf, (char *)NULL);
        } else {
            (void)execl(program, program, "--config", conf, "--fd", "3", (char *)NULL);
        }
        abort();
    }
    (void)close(pair[1]);
    sock = pair[0];
}

static void start(void)
{
    start_as(false);
}

static void hang_up(void)
{
    (void)close(sock);
    sock = -1;
}

/* waitpid's status. */
static int ended(void)
{
    int status = -1;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    pid = 0;
    return status;
}

static void ended_with(int want)
{
    int status = ended();

    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == want,
                  "status %x, want exit %d", status, want);
}

static size_t size_of(const char *name)
{
    struct stat st;

    return stat(kit_path(name), &st) == 0 ? (size_t)st.st_size : 0;
}

/* --- records --- */

static void send_it(enum proto_type type, const int fds[], size_t n)
{
    in.type = type;
    in.seq = ++seq;
    ck_assert_msg(proto_send(sock, &in, fds, n, &e), "%s", e.text);
}

static void receive(void)
{
    int fds[PROTO_FDS];
    size_t n;
    bool gone;

    ck_assert_msg(proto_recv(sock, &out, fds, &n, &gone, &e), "%s", e.text);
}

static void ask(enum proto_type type, const int fds[], size_t n, enum proto_type want)
{
    send_it(type, fds, n);
    receive();
    ck_assert_uint_eq(out.seq, seq);
    ck_assert_msg(out.type == want, "type %d: %s", (int)out.type,
                  out.type == PROTO_FAIL ? out.u.fail.text : "");
}

static void fails(enum proto_type type, const char *id)
{
    ask(type, NULL, 0, PROTO_FAIL);
    ck_assert_msg(strcmp(out.u.fail.id, id) == 0, "%s: %s", out.u.fail.id, out.u.fail.text);
}

static void hello(void)
{
    memset(&in, 0, sizeof in);
    (void)strcpy(in.u.hello.token, "main");
    ask(PROTO_HELLO, NULL, 0, PROTO_READY);
}

static int sealed(struct span s)
{
    int fd = memfd_create("part", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, s.at, s.len), (ssize_t)s.len);
    ck_assert_int_eq(
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
        0);
    return fd;
}

static struct digest open_decision(void)
{
    int fds[3] = {sealed(scene.cms), sealed(scene.roster_text), sealed(scene.pem)};

    memset(&in, 0, sizeof in);
    in.u.open.parts = PROTO_PARTS_ALWAYS;
    ask(PROTO_OPEN, fds, 3, PROTO_OPENED);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    return out.u.opened.authority;
}

static void reserve(uint64_t first, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.u.reserve.first = first;
    in.u.reserve.n = n;
}

static void order(struct digest authority, uint64_t counter, uint32_t n)
{
    memset(&in, 0, sizeof in);
    in.u.sign.authority = authority;
    in.u.sign.counter = counter;
    in.u.sign.n = n;
    for (uint32_t i = 0; i < n; i++)
        in.u.sign.rows[i] = i;
}

/* Up to a warrant and a run of counters. */
static struct digest ready(void)
{
    struct digest authority;

    start();
    hello();
    authority = open_decision();
    reserve(FIRST_COUNTER, 512);
    ask(PROTO_RESERVE, NULL, 0, PROTO_RESERVED);
    return authority;
}

/* --- tests --- */

START_TEST(signs_what_a_decision_names)
{
    struct warrant_parts parts = {
        .cms = scene.cms, .certs_pem = scene.pem, .roster = &scene.roster};
    AUTO(pkey) EVP_PKEY *key = verify_key(&kit.trust.keys[0].cert.at[0].point);
    struct digest authority;
    struct warrant *w;

    shim("");
    start();
    hello();
    ck_assert_uint_eq(out.u.ready.keys, 1); /* only the first key is in the token */
    ck_assert_uint_eq(out.u.ready.sessions, 1);
    authority = open_decision();
    ck_assert_uint_eq(out.u.opened.rows, 3);
    ck_assert_uint_eq(out.u.opened.mark, 0);
    ck_assert_uint_eq(size_of("uses"), 0); /* nothing of the Recovery key until here */
    reserve(FIRST_COUNTER, 512);
    ask(PROTO_RESERVE, NULL, 0, PROTO_RESERVED);
    order(authority, FIRST_COUNTER, 3);
    ask(PROTO_SIGN, NULL, 0, PROTO_SIGNED);
    ck_assert_uint_eq(out.u.signed_.n, 3);
    ck_assert_uint_eq(size_of("uses"), 3);
    ck_assert_msg(trust_load(&scene.config, &trust, &e), "%s", e.text);
    ck_assert_msg(warrant_open(&trust, &parts, (int64_t)time(NULL) * 1000000, &w, &e), "%s",
                  e.text);
    for (uint32_t i = 0; i < 3; i++) {
        struct digest d;

        ck_assert(warrant_digest(w, i, FIRST_COUNTER + i, &d, &e));
        ck_assert(verify_one(key, &d, &out.u.signed_.sigs[i]));
    }
    warrant_free(w);
    trust_done(&trust);
    in.u.mark.originator = (struct eui64){{0x90, 0xb3, 0xd5, 0x1f, 0x30, 0, 0, 0}};
    ask(PROTO_MARK, NULL, 0, PROTO_MARKED);
    ck_assert_uint_eq(out.u.marked.mark, FIRST_COUNTER + 511);
    ask(PROTO_PROBE, NULL, 0, PROTO_PROBED);
    hang_up();
    ended_with(0);
    ck_assert_uint_eq(size_of("stdout"), 0);
}
END_TEST

START_TEST(a_counter_is_signed_once_and_a_run_is_lent_once)
{
    struct digest authority = ready();

    order(authority, FIRST_COUNTER, 1);
    ask(PROTO_SIGN, NULL, 0, PROTO_SIGNED);
    order(authority, FIRST_COUNTER, 1);
    fails(PROTO_SIGN,
          "signer.attempts"); /* the row is used up before its counter is looked at */
    reserve(FIRST_COUNTER + 511, 10);
    fails(PROTO_RESERVE, "token.counter-mark");
    hang_up();
    ended_with(0);
    /* a fresh process, and a database from yesterday */
    start();
    hello();
    authority = open_decision();
    ck_assert_uint_eq(out.u.opened.mark, FIRST_COUNTER + 511);
    reserve(FIRST_COUNTER, 512);
    fails(PROTO_RESERVE, "token.counter-mark");
    order(authority, FIRST_COUNTER + 1, 1);
    fails(PROTO_SIGN, "signer.attempts"); /* that one is counted by the decision */
    in.u.sign.rows[0] = 1;
    fails(PROTO_SIGN, "signer.counter");
    hang_up();
    ended_with(0);
}
END_TEST

START_TEST(a_socket_from_systemd_serves_as_well)
{
    start_as(true);
    hello();
    ask(PROTO_PROBE, NULL, 0, PROTO_PROBED);
    hang_up();
    ended_with(0);
}
END_TEST

START_TEST(after_a_hang_up_no_row_is_begun)
{
    struct digest authority;

    shim("");
    authority = ready();
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    order(authority, FIRST_COUNTER, 3);
    send_it(PROTO_SIGN, NULL, 0);
    hang_up();
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    ended_with(0);
    ck_assert_uint_eq(size_of("uses"), 0);
}
END_TEST

START_TEST(a_revocation_overtakes_the_rows)
{
    struct digest authority;

    shim("");
    authority = ready();
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    order(authority, FIRST_COUNTER, 3);
    send_it(PROTO_SIGN, NULL, 0);
    memset(&in, 0, sizeof in);
    in.u.revoke.authority = authority;
    send_it(PROTO_REVOKE, NULL, 0);
    ck_assert_int_eq(kill(pid, SIGCONT), 0);
    receive();
    ck_assert_int_eq(out.type, PROTO_SIGNED);
    ck_assert_uint_eq(out.u.signed_.n, 0);
    receive();
    ck_assert_int_eq(out.type, PROTO_REVOKED);
    ck_assert_uint_eq(size_of("uses"), 0);
    hang_up();
    ended_with(0);
}
END_TEST

START_TEST(a_signature_that_hangs_never_leaves)
{
    struct digest authority;
    char octet;

    kit.config.signer.call_timeout_s = 1;
    shim("C_Sign:2=hang"); /* 1 is the probe */
    authority = ready();
    order(authority, FIRST_COUNTER, 3);
    send_it(PROTO_SIGN, NULL, 0);
    ck_assert_int_eq(recv(sock, &octet, 1, 0), 0); /* the end, and nothing before it */
    ck_assert_int_eq(WTERMSIG(ended()), SIGALRM);
}
END_TEST

START_TEST(a_wrong_pin_ends_for_good_and_is_not_told)
{
    AUTO(mem) char *text = NULL;
    size_t len = 0;
    FILE *f;

    token_kit_write("pin", "not-the-pin\n", 0600);
    for (int i = 0; i < 3; i++) {
        start();
        memset(&in, 0, sizeof in);
        (void)strcpy(in.u.hello.token, "main");
        fails(PROTO_HELLO, "token.pin-wrong");
        ended_with(EX_CONFIG);
    }
    f = fopen(kit_path("stderr"), "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_gt(getdelim(&text, &len, '\0', f), 0);
    (void)fclose(f);
    ck_assert_ptr_null(strstr(text, "not-the-pin"));
    ck_assert_ptr_nonnull(strstr(text, "<3>"));
}
END_TEST

START_TEST(a_lost_token_ends_with_a_try_again)
{
    start();
    hello();
    ck_assert_int_eq(rename(kit_path("tokens"), kit_path("away")), 0);
    fails(PROTO_PROBE, "token.lost");
    ended_with(EX_TEMPFAIL);
    ck_assert_int_eq(rename(kit_path("away"), kit_path("tokens")), 0);
    hang_up();
    start();
    hello();
    hang_up();
    ended_with(0);
}
END_TEST

START_TEST(rubbish_is_not_answered)
{
    char octet;

    start();
    ck_assert_int_eq(send(sock, "rubbish", 7, 0), 7);
    ck_assert_int_eq(recv(sock, &octet, 1, 0), 0);
    ended_with(EX_SOFTWARE);
}
END_TEST

START_TEST(a_configuration_of_others_is_not_read)
{
    ck_assert_int_eq(chmod(kit_path("recovery.conf"), 0666), 0);
    start();
    ended_with(EX_CONFIG);
}
END_TEST

START_TEST(without_a_socket_it_is_called_wrongly)
{
    const char *program = getenv("SMKI_SIGNER");

    ck_assert_ptr_nonnull(program);
    pid = fork();
    if (pid == 0) {
        redirect("stderr", 2);
        (void)execl(program, program, "--config", "/dev/null", "--fd", _i == 0 ? "99" : "2",
                    (char *)NULL);
        abort();
    }
    ended_with(EX_USAGE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("p11_signer");
    TCase *t = tcase_create("signer");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, signs_what_a_decision_names);
    tcase_add_test(t, a_counter_is_signed_once_and_a_run_is_lent_once);
    tcase_add_test(t, a_socket_from_systemd_serves_as_well);
    tcase_add_test(t, after_a_hang_up_no_row_is_begun);
    tcase_add_test(t, a_revocation_overtakes_the_rows);
    tcase_add_test(t, a_signature_that_hangs_never_leaves);
    tcase_add_test(t, a_wrong_pin_ends_for_good_and_is_not_told);
    tcase_add_test(t, a_lost_token_ends_with_a_try_again);
    tcase_add_test(t, rubbish_is_not_answered);
    tcase_add_test(t, a_configuration_of_others_is_not_read);
    tcase_add_loop_test(t, without_a_socket_it_is_called_wrongly, 0, 2);
    suite_add_tcase(s, t);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
