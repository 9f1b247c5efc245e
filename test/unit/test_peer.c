/* SPDX-License-Identifier: MIT */
#include "log.h"
#include "mem.h"
#include "peer.h"

#include <check.h>
#include <grp.h>
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
    tcase_add_test(t, roles_have_a_text);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
