/* SPDX-License-Identifier: MIT
 *
 * peer - who is at the other end of the Unix socket, and which roles configuration gives.
 *
 * The kernel says who: SO_PEERCRED and SO_PEERGROUPS, fixed when the peer connected. Roles
 * come from [Role "..."] Users= and Groups=, resolved once at start. Never by pid: a number
 * that is reused is no identity. Root is nobody special. Every role includes viewer, and a
 * peer with the service's own uid is a viewer (health checks), no more.
 *
 * Beside the uid the login uid is told: who logged in, before any su or sudo. The kernel keeps
 * it for a process (/proc/PID/loginuid) and not for a socket, so it is read when the peer is
 * met, and believed only if the process still is who connected: its folder under /proc is held
 * open, which no later process of that number can slip into; its uid there is the socket's;
 * and after the reading the other end is still open, so who connected had not ended before. A
 * process that hands its connection to another one and ends can still show a stranger's login
 * of its own uid. So it is for the record; no role, hat or count rests on it.
 *
 * EXERCISE: a room where everybody sits at one machine under one user plays several logins.
 * With ExerciseLogins=yes a request names the login it is played for (Exercise-Login), and
 * counts as that uid's: its roles, its [Person]. Only from the service's own user, who could
 * do to the service what he likes anyway; records show such a login as "exercise".
 *
 * Effects: reads the user database at start; logs names it does not know.
 */
#ifndef PEER_H
#define PEER_H

#include "config.h"
#include "err.h"

#include <sys/types.h>

enum peer_role {
    PEER_VIEWER = 1 << 0,
    PEER_OPERATOR = 1 << 1,
    PEER_APPROVER = 1 << 2,
    PEER_AUDITOR = 1 << 3,
};

#define PEER_ROLES_TEXT 48 /* "viewer operator approver auditor" and NUL */

enum peer_login {
    PEER_LOGIN_UNKNOWN, /* it cannot be read, or not believed */
    PEER_LOGIN_UNSET,   /* nobody logged in: a system service, a container */
    PEER_LOGIN_IS,
    PEER_LOGIN_EXERCISE, /* the uid is one that the service's own user plays */
};

#define PEER_TEXT 32 /* "uid 4294967295 login 4294967295" and NUL */

struct peer {
    uid_t uid;
    gid_t gid;
    pid_t pid; /* for the journal only */
    enum peer_login known;
    uid_t login;    /* PEER_LOGIN_IS: who logged in, for the record only */
    unsigned roles; /* enum peer_role, or-ed */
};

struct peer_roles {
    uid_t service_uid;
    bool exercise_logins; /* Exercise= and ExerciseLogins= */
    struct {
        unsigned role;
        uid_t users[CONFIG_LIST_MAX];
        size_t n_users;
        gid_t groups[CONFIG_LIST_MAX];
        size_t n_groups;
    } rows[CONFIG_ROLES_MAX];
    size_t n_rows;
};

/* A name that the system knows, or a number, as an id. False: neither. */
MUST_CHECK bool peer_find_user(const char *name, uid_t *out);
MUST_CHECK bool peer_find_group(const char *name, gid_t *out);

/* Names or numbers to ids. An unknown name gives nobody anything: logged and left out.
 *   service_uid  geteuid() of the service */
void peer_roles_resolve(const struct config *c, uid_t service_uid, struct peer_roles *out);

/* Whose logins these are: Users= of the [Person] sections. */
struct peer_logins {
    struct {
        uid_t uid;
        size_t person; /* index into config->people */
    } rows[4 * CONFIG_PEOPLE_MAX];
    size_t n_rows;
};
/* Names or numbers to ids; an unknown name is nobody's login: logged and left out. ERR_INPUT
 * "config.people": one login of two people. */
MUST_CHECK bool peer_logins_resolve(const struct config *c, struct peer_logins *out,
                                    struct err *e);
/* NULL: nobody's. */
const struct config_person *peer_person(const struct peer_logins *l, const struct config *c,
                                        uid_t uid);

/* The pure part: roles of these credentials. */
unsigned peer_roles_of(const struct peer_roles *r, uid_t uid, gid_t gid,
                       const gid_t *groups, size_t n_groups);

/* Ask the kernel about a connected Unix socket. Errors: ERR_BUSY "request.peer". */
MUST_CHECK bool peer_of(int fd, const struct peer_roles *r, struct peer *out,
                        struct err *e);

/*
 * The peer as the login that it plays.
 *
 *   login  a uid in digits, as a request's Exercise-Login has it
 *
 * Untouched on failure. Errors: ERR_DENIED "request.exercise-login": no exercise with logins,
 * not the service's own user, or no uid.
 */
MUST_CHECK bool peer_plays(struct peer *p, const struct peer_roles *r, const char *login,
                           struct err *e);

/* "uid 1000 login 1001", "... login unset", "... login unknown": as records tell of a peer. */
void peer_text(const struct peer *p, char out[static PEER_TEXT]);
/* "operator approver" for messages; "no role" when there is none. */
const char *peer_roles_text(unsigned roles, char out[static PEER_ROLES_TEXT]);

#endif
