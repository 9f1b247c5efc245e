/* SPDX-License-Identifier: MIT
 *
 * What evidence is made of: the service's audit trail, the signers' own account, heads that
 * cover both, and the key that they are signed with.
 */
#include "audit.h"
#include "mem.h"
#include "service.h"
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

/* --- the trail --- */

#define AUDIT_PAGE 1000

struct trail {
    struct store *store;
    int64_t next;
    char *text;
    size_t len, at;
};

static ssize_t trail_read(void *arg, char *buf, size_t max)
{
    struct trail *t = arg;
    size_t n;

    if (t->at == t->len) {
        int64_t next;
        struct err e;

        free(TAKE(t->text));
        t->at = t->len = 0;
        if (!audit_lines(t->store, t->next, AUDIT_PAGE, &t->text, &t->len, &next, &e))
            return -1;
        t->next = next;
    }
    n = t->len - t->at < max ? t->len - t->at : max;
    if (n > 0)
        memcpy(buf, t->text + t->at, n);
    t->at += n;
    return (ssize_t)n;
}

static void trail_close(void *arg)
{
    struct trail *t = arg;

    free(t->text);
    free(t);
}

HANDLER(api_audit)
{
    struct service *sv = arg;
    struct trail *t;
    uint64_t from;

    (void)body;
    if (!request_number(r, "from", 1, INT64_MAX, 1, &from, e))
        return false;
    t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    t->store = sv->store;
    t->next = (int64_t)from;
    return reply_stream(out, "application/x-ndjson",
                        (struct stream){trail_read, trail_close, t, -1});
}

/* --- the signers' account --- */

struct account {
    int fd;
    off_t at, end; /* whole lines only */
};

static ssize_t account_read(void *arg, char *buf, size_t max)
{
    struct account *a = arg;
    size_t left = (size_t)(a->end - a->at);
    ssize_t n;

    if (left == 0)
        return 0;
    n = pread(a->fd, buf, left < max ? left : max, a->at);
    if (n <= 0)
        return -1;
    a->at += n;
    return n;
}

static void account_close(void *arg)
{
    struct account *a = arg;

    fd_auto(&a->fd);
    free(a);
}

/* The end of its last whole line: a signer may be writing the next. */
static bool whole_lines(struct account *a)
{
    struct stat st;
    char last;

    if (fstat(a->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    for (a->end = st.st_size; a->end > 0; a->end--)
        if (pread(a->fd, &last, 1, a->end - 1) != 1 || last == '\n')
            break;
    return true;
}

static bool nobody_spoke(struct err *e)
{
    return err_set(e, ERR_BUSY, "signer.not-ready",
                   "no signer was ready since the service started");
}

HANDLER(api_account)
{
    struct service *sv = arg;
    int theirs = signers_account(pump_signers(sv->pump));
    struct account *a;

    (void)r;
    (void)body;
    if (theirs < 0)
        return nobody_spoke(e);
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    a->fd = fcntl(theirs, F_DUPFD_CLOEXEC, 3);
    if (a->fd < 0 || !whole_lines(a)) {
        account_close(a);
        return err_set(e, ERR_STORE, "store.memory", "the signers' account: %s",
                       strerror(errno));
    }
    return reply_stream(out, "application/x-ndjson",
                        (struct stream){account_read, account_close, a, -1});
}

/* --- heads --- */

static const struct point *audit_key(const struct signers *s)
{
    for (unsigned i = 0; i < signers_count(s); i++)
        if (signers_info(s, i)->audit.b[0] != 0)
            return &signers_info(s, i)->audit;
    return NULL;
}

HANDLER(api_audit_key)
{
    struct service *sv = arg;
    const struct point *point = audit_key(pump_signers(sv->pump));
    char *text;
    long len;

    (void)r;
    (void)body;
    if (point == NULL)
        return nobody_spoke(e);
    AUTO(pkey) EVP_PKEY *key = verify_key(point);
    AUTO(bio) BIO *bio = BIO_new(BIO_s_mem());
    if (key == NULL || bio == NULL || PEM_write_bio_PUBKEY(bio, key) != 1)
        return err_set(e, ERR_STORE, "store.memory", "%s", err_openssl());
    len = BIO_get_mem_data(bio, &text);
    text = span_text(span_of(text, (size_t)len));
    if (text == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return reply_text(out, 200, "application/x-pem-file", text, (size_t)len, e);
}

/* Asks for a head, and says how far the trail is and how far heads cover it: whoever wants
 * all of it covered asks until they do. */
HANDLER(api_audit_head)
{
    struct service *sv = arg;
    struct chain_place last;

    (void)r;
    (void)body;
    if (audit_key(pump_signers(sv->pump)) == NULL)
        return nobody_spoke(e);
    if (!audit_last(sv->store, &last, e))
        return false;
    pump_seal(sv->pump);
    return reply_json(out, 202,
                      json_pack("{s:I,s:I}", "records", (json_int_t)last.seq, "covered",
                                (json_int_t)pump_sealed(sv->pump)),
                      e);
}
