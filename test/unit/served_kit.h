/* SPDX-License-Identifier: MIT
 *
 * served_kit - the real server on a real Unix socket in a directory of its own, in a thread
 * of the test's process. The caller's uid is an operator, an approver and an auditor only
 * as far as `served_roles` says; 0: a stranger without any role.
 */
#ifndef SERVED_KIT_H
#define SERVED_KIT_H

#include "listening.h"
#include "log.h"
#include "server.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

static char served_dir[64], served_path[96];
static const struct router *served_router;
static unsigned served_roles = PEER_OPERATOR;
static unsigned served_max_clients, served_max_per_uid, served_idle_s;
static uint64_t served_wait_us;
static struct server *served; /* for handlers: they run in its thread */
static pthread_t served_thread;
static int served_stop_fd, served_ready_fd;

static int served_on_stop(sd_event_source *src, int fd, uint32_t events, void *arg)
{
    (void)fd;
    (void)events;
    (void)arg;
    return sd_event_exit(sd_event_source_get_event(src), 0);
}

static void *served_main(void *arg)
{
    struct peer_roles roles = {.service_uid = geteuid() + (served_roles == 0), .n_rows = 1};
    struct server_options o = {.router = served_router,
                               .roles = &roles,
                               .max_clients = served_max_clients,
                               .max_clients_per_uid = served_max_per_uid,
                               .idle_s = served_idle_s,
                               .wait_us = served_wait_us};
    sd_event *loop = NULL;
    struct err e;

    (void)arg;
    roles.rows[0].role = served_roles;
    roles.rows[0].users[0] = geteuid();
    roles.rows[0].n_users = served_roles != 0;
    ck_assert(listening_socket(served_path, &o.listen_fd, &e));
    ck_assert_int_ge(sd_event_new(&loop), 0);
    ck_assert_int_ge(
        sd_event_add_io(loop, NULL, served_stop_fd, EPOLLIN, served_on_stop, NULL), 0);
    ck_assert_msg(server_open(loop, &o, &served, &e), "%s", e.text);
    ck_assert_int_eq(eventfd_write(served_ready_fd, 1), 0);
    ck_assert_int_ge(sd_event_loop(loop), 0);
    server_close(served);
    sd_event_unref(loop);
    return NULL;
}

/* A directory and a name for the socket; limits back to what they are by default. */
static void served_place(void)
{
    strcpy(served_dir, "/tmp/test_served.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(served_dir));
    ck_assert_int_eq(chmod(served_dir, 0755), 0);
    strcpy(served_path, served_dir);
    strcat(served_path, "/sock");
    served_max_clients = served_max_per_uid = served_idle_s = 0;
    served_roles = PEER_OPERATOR;
    served_wait_us = 0;
}

static void served_start(const struct router *router)
{
    eventfd_t v;

    served_router = router;
    served_stop_fd = eventfd(0, EFD_CLOEXEC);
    served_ready_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_eq(pthread_create(&served_thread, NULL, served_main, NULL), 0);
    ck_assert_int_eq(eventfd_read(served_ready_fd, &v), 0);
}

static void served_stop(void)
{
    ck_assert_int_eq(eventfd_write(served_stop_fd, 1), 0);
    ck_assert_int_eq(pthread_join(served_thread, NULL), 0);
    (void)close(served_stop_fd);
    (void)close(served_ready_fd);
    (void)unlink(served_path);
    (void)rmdir(served_dir);
}

#endif
