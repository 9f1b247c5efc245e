/* SPDX-License-Identifier: MIT
 *
 * bridge - a module that hands on the function list of another one.
 *
 * libp11 takes a file's name and calls its C_GetFunctionList itself. Of some modules each
 * call makes an instance of its own (p11-kit's client and proxy): what one instance has
 * initialised and logged in the other knows nothing of. So C_GetFunctionList of the real
 * module is called once, by module_load.c, and libp11 is given this file, which answers with
 * that very list. It is loaded RTLD_LOCAL and exports two names; nothing of the real
 * module's can be bound to it.
 *
 * Effects: none.
 */
#include "bridge.h"

static CK_FUNCTION_LIST *held;

__attribute__((visibility("default"))) void smki_recovery_bridge(CK_FUNCTION_LIST *list)
{
    held = list;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
    *out = held;
    return held != NULL ? CKR_OK : CKR_GENERAL_ERROR;
}
