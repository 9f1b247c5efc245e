/* SPDX-License-Identifier: MIT */
#include "served_kit.h"

#include "core_kit.h"
#include "listening.h"

#include <pthread.h>
#include <sys/eventfd.h>

const char *served_dir, *served_path;
struct server *served;
unsigned served_roles;
unsigned served_max_clients, served_max_per_uid, served_idle_s;
uint64_t served_wait_us;

static const struct router *router_of_all;
static pthread_t thread;
static int stop_fd, ready_fd;

static int on_stop(sd_event_source *src, int fd, uint32_t events, void *arg)
{
    (void)fd;
    (void)events;
    (void)arg;
    return sd_event_exit(sd_event_source_get_event(src), 0);
}

static void *serve(void *arg)
{
    struct peer_roles roles = {.service_uid = geteuid() + (served_roles == 0), .n_rows = 1};
    struct server_options o = {.router = router_of_all,
                               .roles = &roles,
                               .max_clients = served_max_clients,
                               .max_clients_per_uid = served_max_per_uid,
                               .idle_s = served_idle_s,
                               .wait_us = served_wait_us};
    sd_event *loop = NULL;
    struct err why; /* `e` is the other thread's */

    (void)arg;
    roles.rows[0].role = served_roles;
    roles.rows[0].users[0] = geteuid();
    roles.rows[0].n_users = served_roles != 0;
    ck_assert(listening_socket(served_path, &o.listen_fd, &why));
    ck_assert_int_ge(sd_event_new(&loop), 0);
    ck_assert_int_ge(sd_event_add_io(loop, NULL, stop_fd, EPOLLIN, on_stop, NULL), 0);
    ck_assert_msg(server_open(loop, &o, &served, &why), "%s", why.text);
    ck_assert_int_eq(eventfd_write(ready_fd, 1), 0);
    ck_assert_int_ge(sd_event_loop(loop), 0);
    server_close(served);
    sd_event_unref(loop);
    return NULL;
}

void served_kit_begin(void)
{
    static char path[128];

    kit_begin();
    served_dir = kit_dir;
    ck_assert_int_eq(chmod(kit_dir, 0755), 0);
    (void)snprintf(path, sizeof path, "%s", kit_path("sock"));
    served_path = path;
    served_max_clients = served_max_per_uid = served_idle_s = 0;
    served_roles = PEER_OPERATOR;
    served_wait_us = 0;
}

void served_kit_end(void)
{
    kit_end();
}

void served_start(const struct router *router)
{
    eventfd_t v;

    router_of_all = router;
    stop_fd = eventfd(0, EFD_CLOEXEC);
    ready_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    ck_assert_int_eq(eventfd_read(ready_fd, &v), 0);
}

void served_stop(void)
{
    ck_assert_int_eq(eventfd_write(stop_fd, 1), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    (void)close(stop_fd);
    (void)close(ready_fd);
}
