/* SPDX-License-Identifier: MIT
 *
 * module_load - a module, loaded once and initialised once, by one function list that both
 * libp11 and this program call.
 *
 * Source:  PKCS#11 v2.40, 4.5 (C_GetFunctionList), 5.4 (C_Initialize).
 * Effects: maps the module and bridge.c, for the life of the process.
 */
#ifndef MODULE_LOAD_H
#define MODULE_LOAD_H

#include "config.h"
#include "p11_error.h"

#include <libp11.h>

struct module {
    CK_FUNCTION_LIST *f;
    PKCS11_CTX *ctx; /* of libp11, on the same list */
};

/*
 * Load Module=, and initialise it with InitArgs= for its string.
 *   worst  out, where it fails: may another process fare better?
 *
 * Errors: ERR_TOKEN "token.module".
 */
MUST_CHECK bool module_load(const struct config_token *t, struct module *out,
                            enum p11_class *worst, struct err *e);
/* C_Finalize. What was mapped stays so: modules leave exit handlers behind that call into
 * themselves. */
void module_unload(struct module *m);

#endif
