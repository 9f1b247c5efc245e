/* SPDX-License-Identifier: MIT
 *
 * smki-recoveryd - options, wiring, watchdog.
 *
 * What is said here is the order of things: start is the same as restart after a crash.
 */
#include "abreast.h"
#include "adopt.h"
#include "audit.h"
#include "beside.h"
#include "checkup.h"
#include "intake.h"
#include "keys.h"
#include "listening.h"
#include "log.h"
#include "outbox.h"
#include "restore.h"
#include "server.h"
#include "service.h"
#include "sound.h"
#include "standard.h"
#include "steps.h"
#include "upload.h"

#include <systemd/sd-daemon.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE  64
#define EXIT_CONFIG 78 /* not restarted: a person has to mend it */

struct running {
    struct service sv;
    sd_event_source *watch;
    uint64_t watchdog_us;
};

static int usage(FILE *to, int status)
{
    (void)fputs(
        "Usage: smki-recoveryd [--config FILE] [--check [--token] | --dump-config | "
        "--restore DIR]\n"
        "The SMKI recovery service: takes requests on a Unix socket, signs what the PMA\n"
        "has authorised. See smki-recoveryd(8).\n\n"
        "  --config FILE   read FILE and FILE.d/*.conf instead of the three roots\n"
        "  --check         say everything in configuration and anchors that cannot work, "
        "end\n"
        "  --token         with --check: look at the token too (one login)\n"
        "  --restore DIR   put an unpacked backup back where there is no state, end\n"
        "  --dump-config   print the merged configuration, end\n"
        "  --version       print the version, end\n"
        "Exit status: 0 ended in order, 1 stopped on a failure of the store, 64 usage,\n"
        "78 configuration or a damaged database (restarting does not help).\n",
        to);
    return status;
}

static int complain(const struct err *e)
{
    log_event(LOG_ERR, MSG_CONFIG_BAD, &(struct log_fields){.err = e}, "%s (%s)", e->text,
              e->id);
    listening_refuse(e);
    return EXIT_CONFIG;
}

static bool make_dir(const char *path, struct err *e)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_STORE, "store.failed", "%s: %s", path, strerror(errno));
    return true;
}

/* One service per state directory. */
static bool lock_state(const char *dir, struct err *e)
{
    char path[CONFIG_PATH_MAX + 16];
    int fd;

    (void)snprintf(path, sizeof path, "%s/lock", dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_BUSY, "store.locked", "%s: %s", path,
                       fd < 0 ? strerror(errno)
                              : "another service uses this state directory");
    return true; /* held until the process ends */
}

/* All pages of the database are read: systemd waits as long as a slow disk may take. */
static void ask_for_time(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && st.st_size > 0)
        (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%lld\nSTATUS=checking %lld MB of database",
                         30000000LL + (long long)st.st_size / 10, /* 10 MB/s */
                         (long long)st.st_size / 1000000);
}

static bool open_state(struct service *sv, struct err *e)
{
    const char *dir = sv->config.service.state_dir;
    char path[CONFIG_PATH_MAX + 16];

    (void)snprintf(sv->roster_dir, sizeof sv->roster_dir, "%s/rosters", dir);
    (void)snprintf(sv->incoming_dir, sizeof sv->incoming_dir, "%s/incoming", dir);
    (void)snprintf(sv->outbox_dir, sizeof sv->outbox_dir, "%s/outbox", dir);
    (void)snprintf(sv->files_dir, sizeof sv->files_dir, "%s/files", dir);
    (void)snprintf(sv->backup_dir, sizeof sv->backup_dir, "%s/backup", dir);
    (void)snprintf(path, sizeof path, "%s/recovery.db", dir);
    ask_for_time(path);
    return make_dir(dir, e) && lock_state(dir, e) && make_dir(sv->roster_dir, e) &&
           make_dir(sv->incoming_dir, e) && make_dir(sv->outbox_dir, e) &&
           make_dir(sv->files_dir, e) && store_open(path, &sv->store, e) &&
           sound_check(sv->store, e);
}

static bool begin_record(struct service *sv, const char *kind, struct err *e)
{
    int64_t adopted;

    if (!store_begin(sv->store, e))
        return false;
    if (adopt_outcomes(sv->store, sv->roster_dir, &adopted, e) &&
        intake_left(sv->store, &sv->config, clock_now(&sv->clock), e) &&
        (adopted == 0 ||
         audit_put(sv->store, clock_now(&sv->clock), "ANSWERS_ADOPTED", "",
                   AUDIT_ACTOR_SYSTEM, e, "{s:I}", "count", (json_int_t)adopted)) &&
        audit_put(sv->store, clock_now(&sv->clock), kind, "", AUDIT_ACTOR_SYSTEM, e,
                  "{s:s,s:b,s:s}", "version", SMKI_VERSION, "exercise",
                  (int)sv->config.service.exercise, "standard", standard_stated(sv)) &&
        store_commit(sv->store, e))
        return true;
    store_rollback(sv->store);
    return false;
}

/* What is known of the keys that incidents ended, and which configured ones these are. */
static bool recall_keys(struct service *sv, struct err *e)
{
    if (!store_begin(sv->store, e))
        return false;
    if (keys_learn_all(sv->store, e) && service_learn_keys(sv, e) &&
        store_commit(sv->store, e))
        return service_tell_keys(sv, e);
    store_rollback(sv->store);
    return false;
}

static bool begin_beside(struct service *sv, struct err *e)
{
    char path[CONFIG_PATH_MAX + 16];

    (void)snprintf(path, sizeof path, "%s/recovery.db", sv->config.service.state_dir);
    return service_beside(sv, path, e);
}

static bool wire(struct running *run, const char *config_path, struct err *e)
{
    struct service *sv = &run->sv;
    struct engine_setup es = {.store = sv->store,
                              .config = &sv->config,
                              .trust = &sv->trust,
                              .clock = sv->clock,
                              .roster_dir = sv->roster_dir,
                              .allowed = service_may_sign,
                              .aside = service_batch_aside,
                              .arg = sv};
    struct pump_setup ps = {.loop = sv->loop,
                            .config = &sv->config,
                            .config_path = config_path,
                            .ended = service_batch_ended,
                            .lost = service_token_lost,
                            .store = sv->store,
                            .ready = service_signer_ready,
                            .trust = &sv->trust,
                            .marked = bars_marked,
                            .leased = bars_leased,
                            .sealed = bars_sealed,
                            .think = beside_port(sv->beside),
                            .arg = sv};

    if (!checkup_signing_token(&sv->config, &ps.token, e))
        return false;
    if (sv->config.service.signer_program[0] == '\0' &&
        sv->config.service.signer_socket[0] == '\0')
        return err_set(e, ERR_INPUT, "config.service",
                       "[Service]: SignerProgram= or SignerSocket= is due");
    if (!engine_new(&es, &sv->engine, e))
        return false;
    ps.engine = sv->engine;
    return pump_new(&ps, &sv->pump, e);
}

static bool listen_on(struct running *run, struct router *router, struct peer_roles *roles,
                      struct err *e)
{
    struct service *sv = &run->sv;
    struct server_options o = {.router = router,
                               .roles = roles,
                               .max_clients = sv->config.service.max_clients,
                               .max_clients_per_uid =
                                   sv->config.service.max_clients_per_uid};

    *router = (struct router){.routes = api_rows,
                              .n_routes = api_n_rows,
                              .arg = sv,
                              .stream_max = sv->config.service.max_roster_bytes,
                              .refused = service_refused};
    peer_roles_resolve(&sv->config, geteuid(), roles);
    return listening_socket(sv->config.service.socket, &o.listen_fd, e) &&
           server_open(sv->loop, &o, &run->sv.server, e);
}

static int on_signal(sd_event_source *src, const struct signalfd_siginfo *si, void *arg)
{
    struct running *run = arg;

    (void)src;
    (void)si;
    (void)sd_notify(0, "STOPPING=1");
    log_event(LOG_NOTICE, MSG_STOPPING, NULL, "stopping");
    return sd_event_exit(run->sv.loop, 0);
}

/* Half of a configuration is none: a new one is read by whoever starts. */
static int on_hang_up(sd_event_source *src, const struct signalfd_siginfo *si, void *arg)
{
    (void)src;
    (void)si;
    (void)arg;
    log_event(LOG_NOTICE, NULL, NULL,
              "SIGHUP is ignored: the configuration is read at the start, so restart "
              "smki-recovery.service; a batch goes on where it was");
    return 0;
}

/* Fed only while the loop turns and no signer has been silent beyond patience. */
static int on_watchdog(sd_event_source *src, uint64_t usec, void *arg)
{
    struct running *run = arg;
    const struct batch *b = engine_batch(run->sv.engine);
    char status[256];

    if (b != NULL)
        (void)snprintf(status, sizeof status,
                       "batch %lld: %lld of %u signed, %.0f per second", (long long)b->id,
                       (long long)b->signed_, b->n_rows, pump_rate(run->sv.pump));
    else
        (void)snprintf(status, sizeof status, "idle");
    steps_begin("what is due now and then");
    service_tick(&run->sv);
    if (engine_batch(run->sv.engine) == NULL)
        signers_renew(pump_signers(run->sv.pump));
    log_catch_up();
    if (pump_alive(run->sv.pump))
        (void)sd_notifyf(0, "WATCHDOG=1\nSTATUS=%s", status);
    (void)sd_event_source_set_time(src, usec + run->watchdog_us);
    return sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
}

static bool watch(struct running *run, struct err *e)
{
    sd_event *loop = run->sv.loop;
    sigset_t set;
    uint64_t now;
    uint64_t us = 0;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    run->watchdog_us = sd_watchdog_enabled(0, &us) > 0 ? us / 3 : 5000000;
    if (sd_event_add_signal(loop, NULL, SIGTERM, on_signal, run) < 0 ||
        sd_event_add_signal(loop, NULL, SIGINT, on_signal, run) < 0 ||
        sd_event_add_signal(loop, NULL, SIGHUP, on_hang_up, run) < 0 ||
        sd_event_now(loop, CLOCK_MONOTONIC, &now) < 0 ||
        sd_event_add_time(loop, &run->watch, CLOCK_MONOTONIC, now + 100000, 0, on_watchdog,
                          run) < 0)
        return err_set(e, ERR_STORE, "store.memory", "cannot set up the event loop");
    return true;
}

static int serve(struct running *run, const char *config_path)
{
    struct service *sv = &run->sv;
    struct router router;
    struct peer_roles roles;
    struct err e = {0};
    int rc = 1;
    bool ok;

    sv->clock = clock_system();
    sv->started_us = clock_now(&sv->clock);
    if (sd_event_default(&sv->loop) < 0)
        return 1;
    ok = watch(run, &e) && open_state(sv, &e) && begin_record(sv, "SERVICE_STARTED", &e) &&
         recall_keys(sv, &e) && upload_sweep(sv, &e) && api_backup_end(sv, &e) &&
         bars_start(sv, &e) && abreast_new(&sv->abreast, &e) && begin_beside(sv, &e) &&
         wire(run, config_path, &e) && listen_on(run, &router, &roles, &e);
    if (ok) {
        (void)sd_notify(0, "READY=1\nSTATUS=idle");
        log_event(LOG_NOTICE, MSG_READY, NULL, "ready%s",
                  sv->config.service.exercise ? " (exercise)" : "");
        pump_wake(sv->pump); /* whatever was being signed goes on */
        service_notices(sv); /* what a crash left in the queue */
        rc = steps_run(sv->loop);
        if (rc < 0)
            rc = 1;
    }
    server_close(run->sv.server);
    abreast_free(sv->abreast);
    service_beside_end(sv);
    if (ok && !api_backup_end(sv, &e))
        log_event(LOG_ERR, NULL, &(struct log_fields){.err = &e}, "%s", e.text);
    if (ok && rc == 0 &&
        (!pump_settle(sv->pump, &e) || !service_refusals(sv, true, &e) ||
         !begin_record(sv, "SERVICE_STOPPED", &e)))
        ok = false;
    pump_free(sv->pump);
    engine_free(sv->engine);
    store_close(sv->store);
    (void)sd_event_source_disable_unref(run->watch);
    (void)sd_event_unref(sv->loop);
    if (!ok) {
        log_event(LOG_EMERG, MSG_STORE_FAILED, &(struct log_fields){.err = &e},
                  "the service cannot run: %s (%s)", e.text, e.id);
        rc = e.code == ERR_INPUT || e.code == ERR_DENIED ||
                     strcmp(e.id, "store.damaged") == 0
                 ? EXIT_CONFIG
                 : 1;
        if (rc == EXIT_CONFIG)
            listening_refuse(&e);
    }
    return rc;
}

static int put_back(struct service *sv, const char *dir)
{
    struct err e;

    sv->clock = clock_system();
    if (!make_dir(sv->config.service.state_dir, &e) ||
        !lock_state(sv->config.service.state_dir, &e) || !restore(sv, dir, &e)) {
        (void)complain(&e);
        return e.code == ERR_INPUT || e.code == ERR_DENIED ? EXIT_CONFIG : 1;
    }
    (void)puts(
        "The backup is in place. Start the service: it signs nothing until two operators "
        "have\nraised the counters as far as status says (counter raise).");
    return 0;
}

static int report(struct service *sv, const char *config_path, bool token)
{
    struct clock clock = clock_system();
    unsigned n = checkup_config(&sv->config, &sv->trust, clock_now(&clock), stdout);

    if (token)
        n += checkup_token(&sv->config, config_path, stdout);
    if (n > 0)
        (void)printf("%u %s cannot work\n", n, n == 1 ? "thing" : "things");
    else
        (void)printf("configuration and trust anchors can be read, and %s\n",
                     token ? "the token holds every key" : "nothing in them is amiss");
    return n > 0 ? EXIT_CONFIG : fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},  {"check", no_argument, NULL, 'k'},
        {"token", no_argument, NULL, 't'},         {"dump-config", no_argument, NULL, 'd'},
        {"version", no_argument, NULL, 'v'},       {"help", no_argument, NULL, 'h'},
        {"restore", required_argument, NULL, 'r'}, {0}};
    static struct running run;
    const char *config_path = NULL;
    const char *backup = NULL;
    bool check = false;
    bool token = false;
    bool dump = false;
    struct err e;
    int rc;

    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'c':
            config_path = optarg;
            break;
        case 'k':
            check = true;
            break;
        case 't':
            token = true;
            break;
        case 'd':
            dump = true;
            break;
        case 'r':
            backup = optarg;
            break;
        case 'v':
            (void)puts("smki-recoveryd " SMKI_VERSION);
            return 0;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, EXIT_USAGE);
        }
    if (optind != argc || (token && !check))
        return usage(stderr, EXIT_USAGE);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(0077);
    if (!config_load(config_path, true, &run.sv.config, &e) ||
        !outbox_check(&run.sv.config, &e))
        return complain(&e);
    if (dump) {
        char *text = config_dump(&run.sv.config);

        (void)fputs(text != NULL ? text : "", stdout);
        free(text);
        return 0;
    }
    if ((!check && !peer_logins_resolve(&run.sv.config, &run.sv.logins, &e)) ||
        !trust_load(&run.sv.config, &run.sv.trust, &e))
        return complain(&e);
    if (check)
        rc = report(&run.sv, config_path, token);
    else
        rc = backup != NULL ? put_back(&run.sv, backup) : serve(&run, config_path);
    trust_done(&run.sv.trust);
    return rc;
}
