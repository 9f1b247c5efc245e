/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned role;
} names[] = {
    {"viewer", PEER_VIEWER},
    {"operator", PEER_OPERATOR},
    {"approver", PEER_APPROVER},
    {"auditor", PEER_AUDITOR},
};
#define N_NAMES (sizeof names / sizeof names[0])

static unsigned role_of_name(const char *name)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].role;
    return 0;
}

/* Digits only, and not the value that means "nobody" to the kernel. */
static bool parse_id(const char *text, uint32_t *out)
{
    uint64_t v = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        v = v * 10 + (uint64_t)(*text - '0');
        if (v >= UINT32_MAX)
            return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool peer_find_user(const char *name, uid_t *out)
{
    const struct passwd *pw = getpwnam(name);

    if (pw == NULL)
        return parse_id(name, out);
    *out = pw->pw_uid;
    return true;
}

bool peer_find_group(const char *name, gid_t *out)
{
    const struct group *gr = getgrnam(name);

    if (gr == NULL)
        return parse_id(name, out);
    *out = gr->gr_gid;
    return true;
}

void peer_roles_resolve(const struct config *c, uid_t service_uid, struct peer_roles *out)
{
    *out = (struct peer_roles){.service_uid = service_uid,
                               .exercise_logins =
                                   c->service.exercise && c->service.exercise_logins};
    for (size_t i = 0; i < c->n_roles; i++) {
        const struct config_role *from = &c->roles[i];
        unsigned role = role_of_name(from->name);

        if (role == 0) {
            log_event(LOG_WARNING, MSG_ROLE_UNKNOWN_NAME, NULL,
                      "there is no role \"%s\"; nobody gets it", from->name);
            continue;
        }
        out->rows[out->n_rows].role = role;
        for (size_t k = 0; k < from->n_users; k++) {
            if (peer_find_user(
                    from->users[k],
                    &out->rows[out->n_rows].users[out->rows[out->n_rows].n_users]))
                out->rows[out->n_rows].n_users++;
            else
                log_event(LOG_WARNING, MSG_ROLE_UNKNOWN_NAME, NULL,
                          "role %s: no user \"%s\"; nobody gets it by that name",
                          from->name, from->users[k]);
        }
        for (size_t k = 0; k < from->n_groups; k++) {
            if (peer_find_group(
                    from->groups[k],
                    &out->rows[out->n_rows].groups[out->rows[out->n_rows].n_groups]))
                out->rows[out->n_rows].n_groups++;
            else
                log_event(LOG_WARNING, MSG_ROLE_UNKNOWN_NAME, NULL,
                          "role %s: no group \"%s\"; nobody gets it by that name",
                          from->name, from->groups[k]);
        }
        out->n_rows++;
    }
}

bool peer_logins_resolve(const struct config *c, struct peer_logins *out, struct err *e)
{
    out->n_rows = 0;
    for (size_t i = 0; i < c->n_people; i++)
        for (size_t k = 0; k < c->people[i].n_users; k++) {
            const struct config_person *other;
            uid_t uid;

            if (!peer_find_user(c->people[i].users[k], &uid)) {
                log_event(LOG_WARNING, MSG_ROLE_UNKNOWN_NAME, NULL,
                          "person %s: no user \"%s\"; it is nobody's login",
                          c->people[i].name, c->people[i].users[k]);
                continue;
            }
            other = peer_person(out, c, uid);
            if (other != NULL)
                return err_set(
                    e, ERR_INPUT, "config.people",
                    "uid %u is a login of [Person \"%s\"] and of [Person \"%s\"]",
                    (unsigned)uid, other->name, c->people[i].name);
            out->rows[out->n_rows].uid = uid;
            out->rows[out->n_rows++].person = i;
        }
    return true;
}

const struct config_person *peer_person(const struct peer_logins *l, const struct config *c,
                                        uid_t uid)
{
    for (size_t i = 0; i < l->n_rows; i++)
        if (l->rows[i].uid == uid)
            return &c->people[l->rows[i].person];
    return NULL;
}

unsigned peer_roles_of(const struct peer_roles *r, uid_t uid, gid_t gid,
                       const gid_t *groups, size_t n_groups)
{
    unsigned roles = 0;

    for (size_t i = 0; i < r->n_rows; i++) {
        bool has = false;

        for (size_t k = 0; k < r->rows[i].n_users && !has; k++)
            has = r->rows[i].users[k] == uid;
        for (size_t k = 0; k < r->rows[i].n_groups && !has; k++) {
            has = r->rows[i].groups[k] == gid;
            for (size_t g = 0; g < n_groups && !has; g++)
                has = r->rows[i].groups[k] == groups[g];
        }
        if (has)
            roles |= r->rows[i].role;
    }
    if (roles != 0 || uid == r->service_uid)
        roles |= PEER_VIEWER;
    return roles;
}

/* A small file of the process whose folder that is; false: it cannot be read. */
static bool read_of(int proc, const char *name, char *out, size_t cap)
{
    AUTO(fd) int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);

    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The effective uid, which is what SO_PEERCRED tells: "Uid:\treal\teffective\t...". */
static bool uid_is(int proc, uid_t uid)
{
    char status[4096];
    const char *at;
    unsigned long effective;

    if (!read_of(proc, "status", status, sizeof status))
        return false;
    at = strstr(status, "\nUid:");
    at = at != NULL ? strchr(at + 6, '\t') : NULL; /* before the real one */
    at = at != NULL ? strchr(at + 1, '\t') : NULL;
    if (at == NULL)
        return false;
    effective = strtoul(at, NULL, 10);
    return effective == uid;
}

static bool still_there(int fd)
{
    struct pollfd p = {.fd = fd};

    return poll(&p, 1, 0) == 0;
}

/* See peer.h for what is believed. */
static void find_login(int fd, struct peer *p)
{
    char path[32], text[16];
    AUTO(fd) int proc = -1;
    unsigned long login;
    char *end;

    (void)snprintf(path, sizeof path, "/proc/%ld", (long)p->pid);
    proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || !read_of(proc, "loginuid", text, sizeof text) ||
        !uid_is(proc, p->uid) || !still_there(fd))
        return;
    errno = 0;
    login = strtoul(text, &end, 10);
    if (errno != 0 || end == text || (*end != '\0' && *end != '\n') || login > UINT32_MAX)
        return;
    p->known = login == UINT32_MAX ? PEER_LOGIN_UNSET : PEER_LOGIN_IS;
    p->login = (uid_t)login;
}

void peer_text(const struct peer *p, char out[static PEER_TEXT])
{
    if (p->known == PEER_LOGIN_IS)
        (void)snprintf(out, PEER_TEXT, "uid %u login %u", (unsigned)p->uid,
                       (unsigned)p->login);
    else
        (void)snprintf(out, PEER_TEXT, "uid %u login %s", (unsigned)p->uid,
                       p->known == PEER_LOGIN_UNSET      ? "unset"
                       : p->known == PEER_LOGIN_EXERCISE ? "exercise"
                                                         : "unknown");
}

bool peer_plays(struct peer *p, const struct peer_roles *r, const char *login,
                struct err *e)
{
    uid_t uid;

    if (!r->exercise_logins)
        return err_set(e, ERR_DENIED, "request.exercise-login",
                       "a request with Exercise-Login: nobody plays logins here");
    if (p->uid != r->service_uid)
        return err_set(e, ERR_DENIED, "request.exercise-login",
                       "uid %u is not the user of the service", (unsigned)p->uid);
    if (!parse_id(login, &uid))
        return err_set(e, ERR_DENIED, "request.exercise-login",
                       "Exercise-Login \"%.12s\" is no uid", login);
    p->uid = uid;
    p->known = PEER_LOGIN_EXERCISE;
    p->roles = peer_roles_of(r, uid, (gid_t)-1, NULL, 0);
    return true;
}

bool peer_of(int fd, const struct peer_roles *r, struct peer *out, struct err *e)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    AUTO(mem) gid_t *groups = NULL;
    socklen_t groups_len = 64 * sizeof(gid_t);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || len != sizeof cred)
        return err_set(e, ERR_BUSY, "request.peer", "who is calling? %s", strerror(errno));
    for (int tries = 0; tries < 3; tries++) {
        free(groups);
        groups = malloc(groups_len);
        if (groups == NULL)
            return err_set(e, ERR_STORE, "store.memory", "out of memory");
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) == 0) {
            *out = (struct peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
            out->roles =
                peer_roles_of(r, cred.uid, cred.gid, groups, groups_len / sizeof(gid_t));
            find_login(fd, out);
            return true;
        }
        if (errno != ERANGE) /* ERANGE: groups_len now says how much room it takes */
            break;
    }
    return err_set(e, ERR_BUSY, "request.peer", "the caller's groups: %s", strerror(errno));
}

const char *peer_roles_text(unsigned roles, char out[static PEER_ROLES_TEXT])
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < N_NAMES; i++) {
        if ((roles & names[i].role) == 0)
            continue;
        if (at > 0)
            out[at++] = ' ';
        memcpy(out + at, names[i].name, strlen(names[i].name) + 1);
        at += strlen(names[i].name);
    }
    return at > 0 ? out : "no role";
}
