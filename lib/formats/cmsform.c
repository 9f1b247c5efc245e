/* SPDX-License-Identifier: MIT */
#include "cmsform.h"

#include "mem.h"
#include "textform.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const labels[] = {"CMS", "PKCS7", "PKCS #7 SIGNED DATA",
                                     "SIGNED MESSAGE", NULL};

static bool labelled(const char *label)
{
    for (size_t i = 0; labels[i] != NULL; i++)
        if (strcmp(labels[i], label) == 0)
            return true;
    return false;
}

static bool copy(const uint8_t *at, size_t len, struct span *out, struct err *e)
{
    uint8_t *to = malloc(len + 1);

    if (to == NULL)
        return err_set(e, ERR_STORE, "store.memory", "decision: out of memory");
    memcpy(to, at, len);
    to[len] = '\0';
    *out = span_of(to, len);
    return true;
}

/* Nothing but white space may stand around the one block. */
static bool nothing_else(BIO *in, struct err *e)
{
    char rest[64];
    int got;

    while ((got = BIO_read(in, rest, (int)sizeof rest - 1)) > 0) {
        rest[got] = '\0';
        if (strspn(rest, " \t\r\n") != (size_t)got)
            return err_set(e, ERR_INPUT, "decision.trailing", "text follows the PEM block");
    }
    return true;
}

static bool from_pem(struct span text, struct span *out, struct err *e)
{
    static const char begin[] = "-----BEGIN ";
    AUTO(bio) BIO *in = BIO_new_mem_buf(text.at, (int)text.len);
    char *label = NULL, *header = NULL;
    uint8_t *der = NULL;
    long n = 0;
    bool ok;

    if (in == NULL)
        return err_set(e, ERR_STORE, "store.memory", "decision: out of memory");
    if (text.len < sizeof begin || memcmp(text.at, begin, sizeof begin - 1) != 0 ||
        PEM_read_bio(in, &label, &header, &der, &n) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_INPUT, "decision.cms",
                       "neither DER nor PEM of a CMS message");
    }
    ok = (labelled(label) && header[0] == '\0') ||
         err_set(e, ERR_INPUT, "decision.cms",
                 "the PEM block is a \"%.40s\" and not a CMS message", label);
    ok = ok && nothing_else(in, e) && copy(der, (size_t)n, out, e);
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(der);
    return ok;
}

static bool begins(struct span in, const char *word)
{
    size_t n = strlen(word);

    return in.len >= n && strncasecmp((const char *)in.at, word, n) == 0;
}

static bool is_base64(struct span in)
{
    size_t i = 0;

    while (i < in.len && i < 64 && in.at[i] != '\n' &&
           (isalnum(in.at[i]) || strchr("+/=\r", in.at[i]) != NULL))
        i++;
    return i >= 16 && (i == 64 || i == in.len || in.at[i] == '\n');
}

/* What people hand in instead, and what to do about it. */
static const char *other_form(struct span in)
{
    const char *odd = textform_odd(in, false, false);

    if (odd != NULL)
        return odd;
    if (begins(in, "MIME-Version:") || begins(in, "Content-Type:"))
        return "is an S/MIME mail: openssl cms -cmsout -inform SMIME -outform DER takes "
               "the "
               "message out of it";
    if (in.len > 0 && in.at[0] == '{')
        return "is the document itself: nobody has signed it";
    if (is_base64(in))
        return "is base64 without its PEM lines: base64 -d makes DER of it";
    return "is neither DER nor PEM of a CMS message";
}

bool cmsform_octets(struct span in, struct span *out, struct err *e)
{
    if (in.len > 0 && in.at[0] == '-')
        return from_pem(in, out, e);
    if (in.len > 0 && in.at[0] == 0x30)
        return copy(in.at, in.len, out, e);
    return err_set(e, ERR_INPUT, "decision.cms", "it %s", other_form(in));
}
