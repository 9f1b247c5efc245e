/* SPDX-License-Identifier: MIT */
#include "checkup.h"

#include "mem.h"
#include "owner.h"

#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OPERATORS_MAX 256

struct check {
    const struct config *c;
    const struct trust *t;
    int64_t now_us;
    FILE *to;
    unsigned n;
};

static void say(struct check *k, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct check *k, const char *fmt, ...)
{
    va_list ap;

    k->n++;
    va_start(ap, fmt);
    (void)vfprintf(k->to, fmt, ap);
    va_end(ap);
    (void)fputc('\n', k->to);
}

/* --- the service's own section --- */

static void check_path(struct check *k, const char *key, const char *path)
{
    const struct sockaddr_un a = {0};

    if (strlen(path) >= sizeof a.sun_path)
        say(k,
            "[Service] %s=%s: %zu octets, and a socket's path has at most %zu: choose a "
            "shorter one",
            key, path, strlen(path), sizeof a.sun_path - 1);
}

static void check_service(struct check *k)
{
    const struct config *c = k->c;
    struct err e;

    check_path(k, "Socket", c->service.socket);
    check_path(k, "SignerSocket", c->service.signer_socket);
    if (c->service.signer_program[0] == '\0' && c->service.signer_socket[0] == '\0')
        say(k, "[Service]: SignerProgram= or SignerSocket= is due: nobody would sign");
    if (c->service.signer_program[0] != '\0' &&
        access(c->service.signer_program, X_OK) != 0)
        say(k, "[Service] SignerProgram=%s: %s: name the signer as it is installed",
            c->service.signer_program, strerror(errno));
    if (c->n_keys > 0 && !c->counter.has_start)
        say(k,
            "[Counter]: Start= is not set and has no default: nothing can be signed. Put "
            "the first counter there, above any that these keys have used elsewhere");
    if (c->n_keys == 0)
        say(k, "no [Key] is configured: nothing can be signed");
    if (c->service.anchor[0] != '\0' && !owner_of_path(c->service.anchor, &e))
        say(k, "[Service] Anchor=: %s", e.text);
}

/* --- tokens --- */

static void check_module(struct check *k, const struct config_token *t)
{
    AUTO(fd) int fd = open(t->module, O_RDONLY | O_CLOEXEC);
    char magic[4];
    struct err e;

    if (fd < 0)
        say(k, "[Token \"%s\"] Module=%s: %s: name the vendor's PKCS#11 library", t->name,
            t->module, strerror(errno));
    else if (read(fd, magic, sizeof magic) != (ssize_t)sizeof magic ||
             memcmp(magic, "\177ELF", sizeof magic) != 0)
        say(k, "[Token \"%s\"] Module=%s: is no shared library", t->name, t->module);
    else if (!owner_of_open(fd, t->module, &e) || !owner_of_path(t->module, &e))
        say(k, "[Token \"%s\"] Module=: %s", t->name, e.text);
}

static void check_pin_file(struct check *k, const struct config_token *t)
{
    struct stat st;

    if (t->pin_file[0] == '\0')
        return;
    if (stat(t->pin_file, &st) != 0)
        say(k, "[Token \"%s\"] PinFile=%s: %s", t->name, t->pin_file, strerror(errno));
    else if ((st.st_mode & 077) != 0)
        say(k, "[Token \"%s\"] PinFile=%s: others may read it: chmod 600", t->name,
            t->pin_file);
}

static void check_tokens(struct check *k)
{
    for (size_t i = 0; i < k->c->n_tokens; i++) {
        const struct config_token *t = &k->c->tokens[i];

        check_module(k, t);
        check_pin_file(k, t);
        if (t->probe_id[0] == '\0')
            say(k,
                "[Token \"%s\"]: ProbeId= is not set: nothing proves that the token still "
                "signs; make a probe key with smki-recovery-ceremony generate",
                t->name);
        if (t->audit_id[0] == '\0')
            say(k,
                "[Token \"%s\"]: AuditId= is not set: no signer takes the token; make an "
                "audit key with smki-recovery-ceremony generate",
                t->name);
    }
}

/* --- keys --- */

static void check_cert(struct check *k, size_t i)
{
    const struct config_key *key = &k->c->keys[i];
    const struct cert *cert = &k->t->keys[i].cert.at[0];
    const struct config_authority *a = config_authority_find(k->c, key->authority);
    char eui[HEX_LEN(8)];
    struct err e;

    if (!cert_chain(cert, &k->t->issuing, &k->t->root.at[0], k->now_us, NULL, &e))
        say(k, "[Key \"%s\"] Certificate=%s: %s (%s)", key->name, key->certificate, e.text,
            e.id);
    hex_encode(cert->eui.b, 8, eui);
    if (a != NULL && a->organisation[0] != '\0' && strcasecmp(a->organisation, eui) != 0)
        say(k,
            "[Key \"%s\"]: its certificate is of %s, and [Authority \"%s\"] speaks for "
            "Organisation=%s: nobody could order its use",
            key->name, eui, a->name, a->organisation);
    for (size_t n = 0; n < i; n++)
        if (k->t->keys[n].present &&
            digest_equal(&k->t->keys[n].cert.at[0].key_sha256, &cert->key_sha256) &&
            strcasecmp(k->c->keys[n].id, key->id) != 0)
            say(k,
                "[Key \"%s\"] and [Key \"%s\"]: both certificates are over one key, and "
                "Id= "
                "names two: one certificate is of another key",
                k->c->keys[n].name, key->name);
}

static void check_keys(struct check *k)
{
    for (size_t i = 0; i < k->c->n_keys; i++) {
        const struct config_key *key = &k->c->keys[i];

        if (!k->t->keys[i].present)
            say(k, "[Key \"%s\"] Certificate=%s: %s", key->name, key->certificate,
                k->t->keys[i].missing);
        else
            check_cert(k, i);
        if (key->authority[0] == '\0')
            say(k, "[Key \"%s\"]: Authority= is not set: nobody may order its use",
                key->name);
    }
}

/* --- anchors --- */

static void check_trust(struct check *k)
{
    for (size_t i = 0; i < k->t->issuing.n; i++)
        if (!cert_issued_by(&k->t->issuing.at[i], &k->t->root.at[0]))
            say(k,
                "[Trust] Issuing=%s: certificate %zu was not issued by Root=%s: no "
                "certificate below it is believed",
                k->c->trust.issuing, i + 1, k->c->trust.root);
    if (k->t->root.at[0].not_after_us <= k->now_us)
        say(k, "[Trust] Root=%s: the certificate has ended", k->c->trust.root);
}

/* Every certificate of an anchor is a CA's, in date. */
static void check_anchor(struct check *k, size_t i)
{
    const struct config_authority *a = &k->c->authorities[i];
    STACK_OF(X509_OBJECT) * objects;
    time_t now = (time_t)(k->now_us / 1000000);

    if (k->t->anchors[i] == NULL) {
        say(k,
            "[Authority \"%s\"] Anchor=%s: no certificate can be read there: every "
            "document "
            "by it would be refused",
            a->name, a->anchor);
        return;
    }
    objects = X509_STORE_get0_objects(k->t->anchors[i]);
    for (int n = 0; n < sk_X509_OBJECT_num(objects); n++) {
        X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, n));

        if (x == NULL)
            continue;
        if (X509_check_ca(x) == 0)
            say(k,
                "[Authority \"%s\"] Anchor=%s: is no CA: it is somebody's own certificate, "
                "and nobody's signature chains to it",
                a->name, a->anchor);
        else if (X509_cmp_time(X509_get0_notAfter(x), &now) < 0)
            say(k, "[Authority \"%s\"] Anchor=%s: the certificate has ended", a->name,
                a->anchor);
    }
}

/* --- authorities --- */

static unsigned people_who_sign(const struct config *c, const char *seat)
{
    unsigned n = 0;

    for (size_t i = 0; i < c->n_people; i++) {
        const struct config_person *p = &c->people[i];
        bool has = seat == NULL;

        for (size_t s = 0; !has && s < p->n_seats; s++)
            has = strcmp(p->seats[s], seat) == 0;
        n += p->n_keys > 0 && has;
    }
    return n;
}

static void check_authorities(struct check *k)
{
    unsigned people = people_who_sign(k->c, NULL);

    for (size_t i = 0; i < k->c->n_authorities; i++) {
        const struct config_authority *a = &k->c->authorities[i];

        check_anchor(k, i);
        if (a->threshold == 0)
            say(k,
                "[Authority \"%s\"]: Threshold= is not set and has no default: every "
                "document by it would be refused",
                a->name);
        if (a->threshold > people)
            say(k,
                "[Authority \"%s\"]: Threshold=%u, and %u [Person] sections have Keys=: "
                "the "
                "quorum can never be reached",
                a->name, a->threshold, people);
        for (size_t s = 0; s < a->n_seats; s++)
            if (people_who_sign(k->c, a->seats[s]) == 0)
                say(k,
                    "[Authority \"%s\"] RequiredSeats=%s: no [Person] with Keys= has it in "
                    "Seats=",
                    a->name, a->seats[s]);
    }
}

/* --- roles and people --- */

struct operators {
    const struct config_person *at[OPERATORS_MAX];
    size_t n;
    bool any; /* somebody has the role, of whatever name */
};

static void add_operator(struct check *k, const struct peer_logins *logins,
                         struct operators *o, uid_t uid, const char *name)
{
    const struct config_person *p = peer_person(logins, k->c, uid);

    o->any = true;
    if (p == NULL) {
        say(k,
            "[Role \"operator\"]: %s is the login of no [Person]: what it asks for is "
            "refused (incident.operator)",
            name);
        return;
    }
    for (size_t i = 0; i < o->n; i++)
        if (o->at[i] == p)
            return;
    if (o->n < OPERATORS_MAX)
        o->at[o->n++] = p;
}

static void check_role(struct check *k, const struct peer_logins *logins,
                       const struct config_role *r, struct operators *o)
{
    bool operates = strcmp(r->name, "operator") == 0;

    for (size_t i = 0; i < r->n_users; i++) {
        uid_t uid;

        if (!peer_find_user(r->users[i], &uid))
            say(k, "[Role \"%s\"] Users=%s: the system knows no such user", r->name,
                r->users[i]);
        else if (operates)
            add_operator(k, logins, o, uid, r->users[i]);
    }
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = getgrnam(r->groups[i]);
        gid_t gid;

        if (!peer_find_group(r->groups[i], &gid)) {
            say(k, "[Role \"%s\"] Groups=%s: the system knows no such group", r->name,
                r->groups[i]);
            continue;
        }
        for (size_t m = 0; operates && g != NULL && g->gr_mem[m] != NULL; m++) {
            uid_t uid;

            if (peer_find_user(g->gr_mem[m], &uid))
                add_operator(k, logins, o, uid, g->gr_mem[m]);
        }
    }
}

/* Two people where one alone may not: TwoPersonSec=, a key of the contingency. */
static bool two_needed(const struct check *k)
{
    for (size_t i = 0; i < k->c->n_keys; i++)
        if (k->t->keys[i].present && k->t->keys[i].cert.at[0].role == ROLE_OTHER)
            return true;
    return k->c->service.two_person_s > 0;
}

static void check_people(struct check *k)
{
    AUTO(mem) struct peer_logins *logins = calloc(1, sizeof *logins);
    AUTO(mem) struct operators *o = calloc(1, sizeof *o);
    struct err e;

    if (logins == NULL || o == NULL) {
        say(k, "out of memory");
        return;
    }
    for (size_t i = 0; i < k->c->n_people; i++)
        for (size_t u = 0; u < k->c->people[i].n_users; u++) {
            uid_t uid;

            if (!peer_find_user(k->c->people[i].users[u], &uid))
                say(k, "[Person \"%s\"] Users=%s: the system knows no such user",
                    k->c->people[i].name, k->c->people[i].users[u]);
        }
    if (!peer_logins_resolve(k->c, logins, &e)) {
        say(k, "%s", e.text);
        return;
    }
    for (size_t i = 0; i < k->c->n_roles; i++)
        check_role(k, logins, &k->c->roles[i], o);
    if (!o->any)
        say(k, "[Role \"operator\"]: nobody has this role: name Users=, or Groups= with "
               "members, or no incident can be opened");
    else if (two_needed(k) && o->n < 2)
        say(k,
            "[Role \"operator\"]: %zu [Person] sections may operate, and batches need two: "
            "name another, or (rehearsals only) set TwoPersonSec=0",
            o->n);
}

unsigned checkup_config(const struct config *c, const struct trust *t, int64_t now_us,
                        FILE *to)
{
    struct check k = {.c = c, .t = t, .now_us = now_us, .to = to};
    const struct config_token *token;
    struct err e;

    check_service(&k);
    if (!checkup_signing_token(c, &token, &e))
        say(&k, "%s", e.text);
    check_tokens(&k);
    check_trust(&k);
    check_keys(&k);
    check_authorities(&k);
    check_people(&k);
    return k.n;
}

bool checkup_signing_token(const struct config *c, const struct config_token **out,
                           struct err *e)
{
    const struct config_key *first = &c->keys[0];

    *out = c->n_keys > 0 ? config_token_find(c, first->token) : &c->tokens[0];
    if (c->n_tokens == 0 || *out == NULL)
        return err_set(e, ERR_INPUT, "config.token", "no [Token] is configured");
    for (size_t i = 0; i < c->n_keys; i++)
        if (strcmp(c->keys[i].token, first->token) != 0)
            return err_set(e, ERR_INPUT, "config.token",
                           "[Key \"%s\"]: Token=%s, but [Key \"%s\"] is on %s: one service "
                           "signs with one token, start another for the other",
                           c->keys[i].name, c->keys[i].token, first->name, first->token);
    return true;
}
