/* SPDX-License-Identifier: MIT */
#include "crl.h"

#include "mem.h"
#include "owner.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void crl_free(STACK_OF(X509_CRL) * list)
{
    sk_X509_CRL_pop_free(list, X509_CRL_free);
}
AUTO_DEFINE(crls, STACK_OF(X509_CRL) *, NULL, crl_free)

static bool unusable(const char *path, const char *why, struct err *e)
{
    ERR_clear_error();
    return err_set(e, ERR_DENIED, "decision.crl", "%s: %s", path, why);
}

/* A regular file of a sane size, and whose it may be. */
static bool contents(const char *path, uint8_t **out, size_t *len, struct err *e)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    AUTO(mem) uint8_t *at = NULL;
    struct stat st;
    size_t n = 0;
    ssize_t got;

    if (fd < 0 || fstat(fd, &st) != 0)
        return unusable(path, strerror(errno), e);
    if (!owner_of_open(fd, path, e) || !owner_of_path(path, e))
        return false;
    if (!S_ISREG(st.st_mode) || st.st_size > CRL_FILE_MAX)
        return unusable(path, "not a file of at most 16 MiB", e);
    at = malloc((size_t)st.st_size + 1);
    if (at == NULL)
        return err_set(e, ERR_STORE, "store.memory", "%s: out of memory", path);
    while (n < (size_t)st.st_size && (got = read(fd, at + n, (size_t)st.st_size - n)) > 0)
        n += (size_t)got;
    if (n != (size_t)st.st_size)
        return unusable(path, "cannot be read whole", e);
    *len = n;
    *out = TAKE(at);
    return true;
}

static bool push(STACK_OF(X509_CRL) * list, X509_CRL *crl)
{
    if (sk_X509_CRL_push(list, crl) > 0)
        return true;
    X509_CRL_free(crl);
    return false;
}

/* PEM to its end, or one list in DER and nothing behind it. */
static bool parse(const uint8_t *at, size_t len, STACK_OF(X509_CRL) * list)
{
    AUTO(bio) BIO *in = BIO_new_mem_buf(at, (int)len);
    const uint8_t *p = at;
    X509_CRL *crl;

    if (in == NULL)
        return false;
    while ((crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL)
        if (!push(list, crl))
            return false;
    if (sk_X509_CRL_num(list) > 0)
        return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    crl = d2i_X509_CRL(NULL, &p, (long)len);
    return crl != NULL && push(list, crl) && p == at + len;
}

static bool by_one_of(X509_STORE *anchors, X509_CRL *crl)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(anchors);
    bool signed_so = false;

    for (int i = 0; !signed_so && i < sk_X509_OBJECT_num(all); i++) {
        X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

        signed_so =
            ca != NULL &&
            X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl)) == 0 &&
            X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;
    }
    return signed_so;
}

/* Why the list says nothing today; NULL: it does. */
static const char *fault(X509_CRL *crl, X509_STORE *anchors, int64_t now_us)
{
    time_t now = (time_t)(now_us / 1000000);
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

    if (!by_one_of(anchors, crl))
        return "a list is not signed by a certificate of Anchor=";
    if (next == NULL)
        return "a list says no nextUpdate";
    /* 0: it cannot be read */
    if (X509_cmp_time(X509_CRL_get0_lastUpdate(crl), &now) >= 0)
        return "a list is not in force yet";
    if (X509_cmp_time(next, &now) <= 0)
        return "a list is out of date: nextUpdate has passed";
    return NULL;
}

bool crl_read(const char *path, X509_STORE *anchors, int64_t now_us,
              STACK_OF(X509_CRL) * *out, struct err *e)
{
    AUTO(crls) STACK_OF(X509_CRL) *list = sk_X509_CRL_new_null();
    AUTO(mem) uint8_t *octets = NULL;
    size_t len;

    *out = NULL;
    if (list == NULL)
        return err_set(e, ERR_STORE, "store.memory", "%s: out of memory", path);
    if (!contents(path, &octets, &len, e))
        return false;
    ERR_clear_error();
    if (!parse(octets, len, list))
        return unusable(path, "neither PEM nor DER of X.509 CRLs", e);
    ERR_clear_error();
    for (int i = 0; i < sk_X509_CRL_num(list); i++) {
        const char *why = fault(sk_X509_CRL_value(list, i), anchors, now_us);

        if (why != NULL)
            return unusable(path, why, e);
    }
    *out = TAKE(list);
    return true;
}
