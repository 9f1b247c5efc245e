/* SPDX-License-Identifier: MIT */
#include "log.h"
#include "mem.h"
#include "peer.h"

#include <check.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static const char file[] =
    "[Role \"viewer\"]\nUsers=65534\n"
    "[Role \"operator\"]\nUsers=root 4001\nGroups=4100\n"
    "[Role \"approver\"]\nGroups=4200 nobody-knows-this\n"
    "[Role \"auditor\"]\nUsers=nobody-knows-this 4294967295 -1 0x10\n"
    "Groups=4100\n";

static void resolve(struct peer_roles *r)
{
    static struct config c;
    struct err e;

    config_defaults(&c);
    ck_assert_msg(config_parse(span_of(file, sizeof file - 1), "test", &c, &e), "%s",
                  e.text);
    ck_assert_uint_eq(c.n_roles, 4);
    peer_roles_resolve(&c, 999, r);
}

START_TEST(names_and_numbers_become_ids_and_unknown_ones_nobody)
{
    struct peer_roles r;

    resolve(&r);
    ck_assert_uint_eq(r.n_rows, 4);
    ck_assert_uint_eq(r.rows[1].n_users, 2);
    ck_assert_uint_eq(r.rows[1].users[0], 0);
    ck_assert_uint_eq(r.rows[2].n_groups, 1);
    ck_assert_uint_eq(r.rows[3].n_users, 0);
}
END_TEST

START_TEST(roles_follow_user_group_and_supplementary_groups)
{
    static const gid_t none[1], some[] = {7, 4200}, both[] = {4100, 4200};
    static const struct {
        uid_t uid;
        gid_t gid;
        const gid_t *groups;
        size_t n;
        unsigned roles;
    } t[] = {
        {65534, 65534, none, 0, PEER_VIEWER},
        {4001, 1, none, 0, PEER_VIEWER | PEER_OPERATOR},
        {5000, 4100, none, 0, PEER_VIEWER | PEER_OPERATOR | PEER_AUDITOR},
        {5000, 1, some, 2, PEER_VIEWER | PEER_APPROVER},
        {5000, 1, both, 2, PEER_VIEWER | PEER_OPERATOR | PEER_APPROVER | PEER_AUDITOR},
        {5000, 1, none, 0, 0},
        {999, 1, none, 0, PEER_VIEWER}, /* the service's own uid */
    };
    struct peer_roles r, empty = {.service_uid = 999};

    resolve(&r);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        ck_assert_uint_eq(peer_roles_of(&r, t[i].uid, t[i].gid, t[i].groups, t[i].n),
                          t[i].roles);
    ck_assert_uint_eq(peer_roles_of(&empty, 0, 0, none, 0), 0); /* root is nobody special */
}
END_TEST

START_TEST(the_kernel_says_who_is_there)
{
    struct peer_roles r;
    struct peer p;
    struct err e;
    int fd[2], status;
    pid_t pid;

    resolve(&r);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    ck_assert(peer_of(fd[0], &r, &p, &e));
    ck_assert_uint_eq(p.uid, geteuid());
    ck_assert_int_eq(p.pid, getpid());
    (void)close(fd[0]);
    (void)close(fd[1]);
    ck_assert(!peer_of(fd[0], &r, &p, &e));
    ck_assert_str_eq(e.id, "request.peer");
    if (geteuid() != 0)
        return;
    pid = fork();
    if (pid == 0) { /* more groups than fit at the first try */
        gid_t many[200];

        for (unsigned i = 0; i < 200; i++)
            many[i] = 10000 + i;
        many[150] = 4200;
        if (setgroups(200, many) < 0 || setgid(4100) < 0 || setuid(4999) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0 || !peer_of(fd[0], &r, &p, &e))
            _exit(9);
        _exit(p.uid == 4999 && p.roles == (PEER_VIEWER | PEER_OPERATOR | PEER_APPROVER |
                                           PEER_AUDITOR)
                  ? 0
                  : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* What the kernel says of this very process. */
static unsigned long own_login(void)
{
    FILE *f = fopen("/proc/self/loginuid", "r");
    unsigned long login = UINT32_MAX;

    if (f != NULL) {
        ck_assert_int_eq(fscanf(f, "%lu", &login), 1);
        (void)fclose(f);
    }
    return login;
}

START_TEST(a_login_is_told_of_a_peer_that_is_there)
{
    static const struct {
        struct peer p;
        const char *text;
    } t[] = {
        {{.uid = 1000, .known = PEER_LOGIN_IS, .login = 1001}, "uid 1000 login 1001"},
        {{.uid = 0, .known = PEER_LOGIN_UNSET, .login = 7}, "uid 0 login unset"},
        {{.uid = 0}, "uid 0 login unknown"},
        {{.uid = UINT32_MAX, .known = PEER_LOGIN_IS, .login = UINT32_MAX},
         "uid 4294967295 login 4294967295"},
    };
    struct peer_roles r;
    struct peer p;
    struct err e;
    char text[PEER_TEXT];
    int fd[2];

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        peer_text(&t[i].p, text);
        ck_assert_str_eq(text, t[i].text);
    }
    resolve(&r);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    ck_assert(peer_of(fd[0], &r, &p, &e));
    if (access("/proc/self/loginuid", R_OK) == 0) {
        ck_assert_int_eq(p.known,
                         own_login() == UINT32_MAX ? PEER_LOGIN_UNSET : PEER_LOGIN_IS);
        ck_assert_uint_eq(p.login, own_login());
    }
    (void)close(fd[1]); /* it has gone: that number may be anybody's by now */
    ck_assert(peer_of(fd[0], &r, &p, &e));
    ck_assert_int_eq(p.known, PEER_LOGIN_UNKNOWN);
    (void)close(fd[0]);
}
END_TEST

/* Who connected has become somebody else since, or has ended while its socket lives on. */
START_TEST(a_login_of_somebody_else_is_not_believed)
{
    struct peer_roles r;
    struct peer p;
    struct err e;
    int fd[2], go[2], status;
    char c;
    pid_t pid;

    if (geteuid() != 0)
        return;
    resolve(&r);
    pid = fork();
    if (pid == 0) { /* the socket says this process and its uid, which then changes */
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0 || setuid(4999) < 0 ||
            !peer_of(fd[0], &r, &p, &e))
            _exit(9);
        _exit(p.uid == 0 && p.known == PEER_LOGIN_UNKNOWN ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
    pid = fork();
    if (pid == 0) { /* sends its end to the test, and ends */
        union {
            char room[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } u = {{0}};
        struct iovec v = {"x", 1};
        struct msghdr m = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = u.room,
                           .msg_controllen = sizeof u.room};
        int mine[2];

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, mine) < 0)
            _exit(9);
        for (int i = 0; i < 2; i++) {
            struct cmsghdr *h = CMSG_FIRSTHDR(&m);

            h->cmsg_level = SOL_SOCKET;
            h->cmsg_type = SCM_RIGHTS;
            h->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(h), &mine[i], sizeof(int));
            if (sendmsg(fd[1], &m, 0) != 1)
                _exit(9);
        }
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    for (int i = 0; i < 2; i++) {
        union {
            char room[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } u = {{0}};
        struct iovec v = {&c, 1};
        struct msghdr m = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = u.room,
                           .msg_controllen = sizeof u.room};

        ck_assert_int_eq(recvmsg(fd[0], &m, 0), 1);
        memcpy(&go[i], CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    }
    ck_assert(peer_of(go[0], &r, &p, &e)); /* still open, and whose it was is no more */
    ck_assert_int_eq(p.known, PEER_LOGIN_UNKNOWN);
}
END_TEST

START_TEST(a_login_is_played_in_an_exercise_by_the_own_user_alone)
{
    static const struct {
        bool exercise;
        uid_t uid;
        const char *login;
        bool ok;
    } t[] = {
        {true, 999, "4001", true},        {false, 999, "4001", false},
        {true, 4001, "4001", false},      {true, 0, "4001", false},
        {true, 999, "root", false},       {true, 999, "", false},
        {true, 999, "4294967295", false},
    };
    char text[PEER_TEXT];
    struct peer_roles r;
    struct err e;

    resolve(&r);
    ck_assert(!r.exercise_logins); /* without a word in the configuration nobody plays */
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct peer p = {.uid = t[i].uid, .roles = PEER_VIEWER};

        r.exercise_logins = t[i].exercise;
        ck_assert_int_eq(peer_plays(&p, &r, t[i].login, &e), t[i].ok);
        if (!t[i].ok) {
            ck_assert_str_eq(e.id, "request.exercise-login");
            ck_assert_uint_eq(p.uid, t[i].uid);
            ck_assert_uint_eq(p.roles, PEER_VIEWER);
            continue;
        }
        ck_assert_uint_eq(p.roles, PEER_VIEWER | PEER_OPERATOR);
        peer_text(&p, text);
        ck_assert_str_eq(text, "uid 4001 login exercise");
    }
}
END_TEST

START_TEST(roles_have_a_text)
{
    char text[PEER_ROLES_TEXT];

    ck_assert_str_eq(peer_roles_text(0, text), "no role");
    ck_assert_str_eq(peer_roles_text(15, text), "viewer operator approver auditor");
    ck_assert_str_eq(peer_roles_text(PEER_AUDITOR, text), "auditor");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("peer");
    TCase *t = tcase_create("roles");
    SRunner *r;
    int failed;

    tcase_add_test(t, names_and_numbers_become_ids_and_unknown_ones_nobody);
    tcase_add_test(t, roles_follow_user_group_and_supplementary_groups);
    tcase_add_test(t, the_kernel_says_who_is_there);
    tcase_add_test(t, a_login_is_told_of_a_peer_that_is_there);
    tcase_add_test(t, a_login_of_somebody_else_is_not_believed);
    tcase_add_test(t, a_login_is_played_in_an_exercise_by_the_own_user_alone);
    tcase_add_test(t, roles_have_a_text);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
