/* SPDX-License-Identifier: MIT
 *
 * bridge - what the module that hands on a function list exports; see bridge.c.
 *
 * Effects: none.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <p11-kit/pkcs11.h>

#define BRIDGE_HOLD "smki_recovery_bridge"

/* What C_GetFunctionList of this file answers from now on; NULL: nothing. Before libp11 loads
 * it, by dlsym(BRIDGE_HOLD). */
void smki_recovery_bridge(CK_FUNCTION_LIST *list);

#endif
