/* SPDX-License-Identifier: MIT
 *
 * mem - scope-bound release, so that an early return is the normal shape.
 */
#ifndef MEM_H
#define MEM_H

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <unistd.h>

#define AUTO(name) __attribute__((cleanup(name##_auto)))
#define AUTO_DEFINE(name, type, nothing, release) \
    static inline void name##_auto(type *p)       \
    {                                             \
        if (*p != (nothing))                      \
            release(*p);                          \
        *p = (nothing);                           \
    }
/* Hand a pointer over and clear it here. */
#define TAKE(p)                    \
    __extension__({                \
        __typeof__(p) take_ = (p); \
        (p) = NULL;                \
        take_;                     \
    })

static inline void fd_auto(int *p)
{
    if (*p >= 0)
        (void)close(*p);
    *p = -1;
}
static inline void mem_auto(void *p)
{
    free(*(void **)p);
}
AUTO_DEFINE(pkey, EVP_PKEY *, NULL, EVP_PKEY_free)
AUTO_DEFINE(mdctx, EVP_MD_CTX *, NULL, EVP_MD_CTX_free)
AUTO_DEFINE(x509, X509 *, NULL, X509_free)
AUTO_DEFINE(bio, BIO *, NULL, BIO_free_all)
AUTO_DEFINE(cms, CMS_ContentInfo *, NULL, CMS_ContentInfo_free)

#endif
