/* SPDX-License-Identifier: MIT */
#include "session.h"

#include "mem.h"
#include "p11_pin.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LABEL_LEN  32
#define SERIAL_LEN 16

#define LOCK_PAUSE_MS 5

/* --- what went wrong --- */

static void worse(struct session *s, enum p11_class class)
{
    if (class > s->worst)
        s->worst = class;
}

/* Keep the worst, and count a rebuild on disk when the code is one that nobody knows. */
static void note(struct session *s, CK_RV rv)
{
    enum p11_class class = p11_code(rv)->class;

    if (class == P11_UNKNOWN) {
        /* build anew once, and stop when the fresh process meets such a code again */
        AUTO(fd) int fd = open(s->rebuilt_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (s->was_rebuilt || fd < 0)
            class = P11_STOP;
    }
    worse(s, class);
}

bool session_failed(struct session *s, const char *call, CK_RV rv, struct err *e)
{
    note(s, rv);
    return p11_error(call, rv, e);
}

void session_proven(struct session *s)
{
    if (s->was_rebuilt && unlink(s->rebuilt_path) == 0)
        s->was_rebuilt = false;
}

/* A state that only a person can mend. */
static bool stop(struct session *s, const char *id, const char *text, struct err *e)
{
    worse(s, P11_STOP);
    return err_set(e, ERR_TOKEN, id, "%s", text);
}

/* An alarm() is a system call, dear beside a signature made in software: one that was set
 * less than a second ago stands, and a second more makes up for it. */
static _Atomic int64_t fresh_until_ms; /* monotonic; 0: none is set */

void session_deadline(const struct session *s)
{
    struct timespec t;
    int64_t now;

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    if (now < fresh_until_ms)
        return;
    (void)alarm(s->call_timeout_s + 1);
    fresh_until_ms = now + 1000;
}

void session_idle(void)
{
    (void)alarm(0);
    fresh_until_ms = 0;
}

/* --- files beside the token --- */

static void paths(struct session *s, const char *dir, const struct config_token *t,
                  char *use)
{
    char name[SERIAL_LEN + 1];

    (void)snprintf(name, sizeof name, "%s", t->serial);
    for (char *p = name; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && *p != '-')
            *p = '_';
    (void)snprintf(use, sizeof s->lock_path, "%s/token-%s.use", dir, name);
    (void)snprintf(s->file_prefix, sizeof s->file_prefix, "%s/token-%s.", dir, name);
    (void)snprintf(s->lock_path, sizeof s->lock_path, "%s/token-%s.lock", dir, name);
    (void)snprintf(s->wrong_pin_path, sizeof s->wrong_pin_path, "%s/token-%s.wrong-pin",
                   dir, name);
    (void)snprintf(s->rebuilt_path, sizeof s->rebuilt_path, "%s/token-%s.rebuilt", dir,
                   name);
    s->was_rebuilt = access(s->rebuilt_path, F_OK) == 0;
}

/* "process 12 (name)", for whoever wonders what is waited for. */
static void name_process(pid_t pid, char *out, size_t cap)
{
    char path[40], name[32] = "?";
    FILE *f;

    if (pid <= 0) {
        (void)snprintf(out, cap, "a process that cannot be seen from here");
        return;
    }
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
    f = fopen(path, "re");
    if (f != NULL && fgets(name, sizeof name, f) != NULL)
        name[strcspn(name, "\n")] = '\0';
    if (f != NULL)
        (void)fclose(f);
    (void)snprintf(out, cap, "process %ld (%s)", (long)pid, name);
}

/* 1: ours, 0: *other has it, -1: errno. */
static int try_lock(int fd, short type, pid_t *other)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET};

    if (fcntl(fd, F_SETLK, &l) == 0)
        return 1;
    if (errno != EACCES && errno != EAGAIN && errno != EINTR)
        return -1;
    if (fcntl(fd, F_GETLK, &l) != 0)
        return -1;
    *other = l.l_type == F_UNLCK ? 0 : l.l_pid;
    return 0;
}

/* Record locks of fcntl(2), and not flock(2): they are the process's own, so that a child
 * that the module forks keeps none, and they tell whose they are. The file is opened once at
 * a time: closing any descriptor of it lets go.
 *   wait_s  for one holder; the next one may take as long again */
static int lock_file(struct session *s, const char *path, bool exclusive, unsigned wait_s,
                     struct err *e)
{
    AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    unsigned waited_ms = 0;
    pid_t other = 0, last = 0;
    char who[80];
    int got, keep;

    while ((got = fd < 0 ? -1 : try_lock(fd, exclusive ? F_WRLCK : F_RDLCK, &other)) == 0) {
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};

        waited_ms = other == last ? waited_ms + LOCK_PAUSE_MS : 0;
        last = other;
        if (waited_ms >= wait_s * 1000)
            break;
        (void)nanosleep(&pause, NULL);
    }
    if (got < 0) {
        worse(s, P11_STOP);
        (void)err_set(e, ERR_STORE, "token.state", "%s: %s", path, strerror(errno));
        return -1;
    }
    if (got == 0) {
        worse(s, P11_REBUILD);
        name_process(other, who, sizeof who);
        (void)(wait_s == 0
                   ? err_set(e, ERR_BUSY, "token.in-use",
                             "%s: %s has it; a signer and a ceremony do not share a token",
                             path, who)
                   : err_set(e, ERR_BUSY, "token.lock-held",
                             "%s: %s has held it for %u seconds (CallTimeoutSec=)", path,
                             who, wait_s));
        return -1;
    }
    keep = fd;
    fd = -1;
    return keep;
}

int session_lock(struct session *s, bool exclusive, struct err *e)
{
    session_idle(); /* whoever holds it has a deadline of its own */
    return lock_file(s, s->lock_path, exclusive, s->call_timeout_s, e);
}

/* --- module and token --- */

static bool load(struct session *s, const struct config_token *t, struct err *e)
{
    enum p11_class class;
    CK_INFO info;
    CK_RV rv;

    session_deadline(s);
    if (!module_load(t, &s->module, &class, e)) {
        worse(s, class);
        return false;
    }
    s->f = s->module.f;
    rv = s->f->C_GetInfo(&info);
    return rv == CKR_OK || session_failed(s, "C_GetInfo", rv, e);
}

/* libp11 hands out padded fields as text; cut the blanks on both sides. */
static bool same_text(const char *padded, const char *wanted, size_t max)
{
    size_t n = strnlen(padded, max), m = strlen(wanted);

    while (n > 0 && padded[n - 1] == ' ')
        n--;
    while (m > 0 && wanted[m - 1] == ' ')
        m--;
    return n == m && memcmp(padded, wanted, n) == 0;
}

static bool find_token(struct session *s, const struct config_token *t, struct err *e)
{
    unsigned found = 0;

    session_deadline(s);
    if (PKCS11_enumerate_slots(s->module.ctx, &s->slots, &s->n_slots) != 0) {
        worse(s, P11_REBUILD);
        return err_set(e, ERR_TOKEN, "token.lost", "listing the slots: %s", err_openssl());
    }
    for (unsigned i = 0; i < s->n_slots; i++) {
        PKCS11_TOKEN *k = s->slots[i].token;

        if (k == NULL || !k->initialized || !same_text(k->label, t->label, LABEL_LEN) ||
            !same_text(k->serialnr, t->serial, SERIAL_LEN))
            continue;
        found++;
        s->token = k;
        s->slot = PKCS11_get_slotid_from_slot(&s->slots[i]);
    }
    if (found == 1) {
        (void)snprintf(s->model, sizeof s->model, "%.32s", s->token->model);
        for (size_t n = strlen(s->model); n > 0 && s->model[n - 1] == ' '; n--)
            s->model[n - 1] = '\0';
        return true;
    }
    s->token = NULL;
    worse(s, P11_REBUILD); /* an HSM may come back; it never means "empty" */
    return err_set(e, ERR_TOKEN, "token.not-found",
                   "%u tokens with label \"%s\" and serial \"%s\" in %u slots, want 1",
                   found, t->label, t->serial, s->n_slots);
}

static bool has_ecdsa(struct session *s, struct err *e)
{
    CK_MECHANISM_INFO info;
    CK_RV rv;

    session_deadline(s);
    rv = s->f->C_GetMechanismInfo(s->slot, CKM_ECDSA, &info);
    if (rv != CKR_OK && p11_code(rv)->class != P11_STOP)
        return session_failed(s, "C_GetMechanismInfo", rv, e);
    if (rv != CKR_OK || (info.flags & CKF_SIGN) == 0)
        return stop(s, "token.mechanism", "the token does not sign with CKM_ECDSA", e);
    return true;
}

/* --- login --- */

static bool open_anchor(struct session *s, struct err *e)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    CK_RV rv;

    session_deadline(s);
    s->writable = true;
    rv = s->f->C_OpenSession(s->slot, flags, NULL, NULL, &s->anchor);
    if (rv == CKR_TOKEN_WRITE_PROTECTED) {
        s->writable = false;
        rv = s->f->C_OpenSession(s->slot, CKF_SERIAL_SESSION, NULL, NULL, &s->anchor);
    }
    if (rv != CKR_OK)
        return session_failed(s, "C_OpenSession", rv, e);
    s->has_anchor = true;
    return true;
}

/* What the token itself says of its PIN. PKCS#11 knows no number of tries: "low", the last
 * one, and none. */
static bool flags_allow(const CK_TOKEN_INFO *info, const struct config_token *t,
                        struct err *e)
{
    if (info->flags & CKF_USER_PIN_LOCKED)
        return err_set(e, ERR_TOKEN, "token.pin-locked",
                       "the token has locked its PIN: no try is left");
    if (info->flags & CKF_USER_PIN_FINAL_TRY)
        return err_set(e, ERR_TOKEN, "token.pin-locked",
                       "the token has one try left before it locks; not used");
    if ((info->flags & CKF_USER_PIN_COUNT_LOW) && !t->low_pin_ok)
        return err_set(e, ERR_TOKEN, "token.pin-low",
                       "a wrong PIN was entered since the last good one; by its flags the "
                       "token has two tries left, or more. AllowLowPinCount=no");
    return true;
}

static bool length_allowed(const CK_TOKEN_INFO *info, const struct p11_pin *pin,
                           struct err *e)
{
    if (info->ulMaxPinLen == CK_UNAVAILABLE_INFORMATION || info->ulMaxPinLen == 0 ||
        pin->len <= info->ulMaxPinLen)
        return true;
    return err_set(e, ERR_TOKEN, "token.pin-form",
                   "the PIN is longer than the token allows");
}

/* Before a PIN is spent. The bar comes first: it says what was wrong, while the token's flags
 * only tell that something was. */
static bool may_try(struct session *s, const struct config_token *t,
                    const struct p11_pin *pin, struct err *e)
{
    CK_TOKEN_INFO info;
    CK_RV rv;

    if (!p11_pin_allowed(pin, s->wrong_pin_path, e)) {
        worse(s, P11_STOP);
        return false;
    }
    session_deadline(s);
    rv = s->f->C_GetTokenInfo(s->slot, &info);
    if (rv != CKR_OK)
        return session_failed(s, "C_GetTokenInfo", rv, e);
    if (flags_allow(&info, t, e) && length_allowed(&info, pin, e))
        return true;
    worse(s, P11_STOP);
    return false;
}

static bool try_pin(struct session *s, const struct config_token *t,
                    const struct p11_pin *pin, struct err *e)
{
    struct clock clock = clock_system();
    CK_RV rv;

    if (!may_try(s, t, pin, e))
        return false;
    session_deadline(s);
    rv = s->f->C_Login(s->anchor, CKU_USER, (CK_UTF8CHAR_PTR)pin->at, pin->len);
    session_idle();
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
        (void)unlink(s->wrong_pin_path); /* of an earlier source */
        return true;
    }
    if (rv == CKR_PIN_LOCKED)
        return stop(s, "token.pin-locked", "the token has locked its PIN: no try is left",
                    e);
    if (rv != CKR_PIN_INCORRECT && rv != CKR_PIN_INVALID && rv != CKR_PIN_LEN_RANGE)
        return session_failed(s, "C_Login", rv, e);
    worse(s, P11_STOP);
    (void)err_set(e, ERR_TOKEN, "token.pin-wrong", "C_Login: %s; tried once, not again",
                  p11_code(rv)->name);
    struct err bad;
    if (p11_pin_block(pin, s->wrong_pin_path, clock_now(&clock), e->text, &bad))
        return false;
    *e = bad;
    return err_wrap(e, "wrong PIN, and this could not be recorded");
}

static bool log_in(struct session *s, const struct config_token *t, struct err *e)
{
    struct p11_pin pin;
    bool ok;

    if (!p11_pin_read(t, &pin, e)) {
        worse(s, P11_STOP);
        return false;
    }
    s->pin_memory_locked = pin.locked;
    ok = try_pin(s, t, &pin, e);
    p11_pin_wipe(&pin);
    return ok;
}

bool session_open(struct session *s, const struct config *c, const char *token,
                  bool exclusive, struct err *e)
{
    const struct config_token *t = config_token_find(c, token);
    char use[sizeof s->lock_path];
    bool ok;

    *s = (struct session){.use_fd = -1, .call_timeout_s = c->signer.call_timeout_s};
    if (t == NULL) {
        worse(s, P11_STOP);
        return err_set(e, ERR_TOKEN, "token.unknown", "no [Token \"%s\"] is configured",
                       token);
    }
    paths(s, c->signer.state_dir, t, use);
    s->exclusive = exclusive;
    s->in_file = strcmp(t->mark, config_mark_file) == 0;
    s->use_fd = lock_file(s, use, exclusive, 0, e);
    AUTO(fd) int lock = s->use_fd < 0 ? -1 : session_lock(s, true, e);
    if (lock < 0)
        return false;
    ok = load(s, t, e) && find_token(s, t, e) && has_ecdsa(s, e) && open_anchor(s, e) &&
         log_in(s, t, e);
    session_idle();
    return ok || err_wrap(e, "token %s", token);
}

struct telling {
    void (*tell)(void *arg, const struct err *why);
    void *arg;
    unsigned n;
};

static bool told(struct telling *t, const struct err *why)
{
    t->tell(t->arg, why);
    t->n++;
    return false;
}

/* All that comes before the PIN in session_open, without it. */
static void look_at_token(struct session *s, const struct config_token *t,
                          const struct p11_pin *pin, struct telling *to)
{
    CK_TOKEN_INFO info;
    struct err e;
    CK_RV rv;

    AUTO(fd) int lock = session_lock(s, true, &e);
    if (lock < 0 || !load(s, t, &e) || !find_token(s, t, &e)) {
        (void)told(to, &e);
        return;
    }
    session_deadline(s);
    rv = s->f->C_GetTokenInfo(s->slot, &info);
    session_idle();
    if (rv != CKR_OK) {
        (void)session_failed(s, "C_GetTokenInfo", rv, &e);
        (void)told(to, &e);
        return;
    }
    if (!flags_allow(&info, t, &e))
        (void)told(to, &e);
    if (pin != NULL && !length_allowed(&info, pin, &e))
        (void)told(to, &e);
}

bool session_forgive(const struct config *c, const char *token,
                     void (*tell)(void *arg, const struct err *why), void *arg,
                     bool *lifted, unsigned *n, struct err *e)
{
    const struct config_token *t = config_token_find(c, token);
    struct session s = {.use_fd = -1, .call_timeout_s = c->signer.call_timeout_s};
    struct telling to = {tell, arg, 0};
    char use[sizeof s.lock_path];
    struct p11_pin pin;
    struct err why;
    bool has_pin, ok;

    if (t == NULL)
        return err_set(e, ERR_TOKEN, "token.unknown", "no [Token \"%s\"] is configured",
                       token);
    paths(&s, c->signer.state_dir, t, use);
    has_pin = p11_pin_read(t, &pin, &why);
    if (!has_pin &&
        (t->pin_credential[0] == '\0' || secure_getenv("CREDENTIALS_DIRECTORY") != NULL))
        (void)told(&to, &why);
    ok = p11_pin_unblock(has_pin ? &pin : NULL, s.wrong_pin_path, lifted, &why);
    if (!ok && why.code == ERR_STORE) {
        *e = why;
    } else {
        if (!ok)
            (void)told(&to, &why);
        ok = true;
        s.use_fd = lock_file(&s, use, false, 0, &why);
        if (s.use_fd < 0)
            (void)told(&to, &why);
        else
            look_at_token(&s, t, has_pin ? &pin : NULL, &to);
    }
    session_close(&s);
    if (has_pin)
        p11_pin_wipe(&pin);
    *n = to.n;
    return ok;
}

void session_close(struct session *s)
{
    session_deadline(s);
    if (s->f != NULL && s->token != NULL)
        (void)s->f->C_CloseAllSessions(s->slot);
    if (s->slots != NULL)
        PKCS11_release_all_slots(s->module.ctx, s->slots, s->n_slots);
    module_unload(&s->module);
    session_idle();
    if (s->use_fd >= 0)
        (void)close(s->use_fd);
    *s = (struct session){.use_fd = -1, .worst = s->worst};
}
