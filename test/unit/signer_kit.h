/* SPDX-License-Identifier: MIT
 *
 * signer_kit - what the signer program needs to sign by: the token of token_kit, the scene of
 * papers_kit with keys of that token in it, in one configuration file.
 */
#ifndef SIGNER_KIT_H
#define SIGNER_KIT_H

#include "papers_kit.h"
#include "token_kit.h"

extern struct token_kit kit;

/* Token and scene; signer_kit_end() removes both. */
void signer_kit_begin(void);
void signer_kit_end(void);
/* That key of the scene is the one with this point: a certificate says so, and the scene's
 * configuration finds it in the token under the number of the key, counted from 01. */
void signer_kit_certify(enum scene_key which, enum role role, const struct eui64 *eui,
                        enum key_usage usage, const struct point *point);
/* Let the decision hold now; it is not signed. */
void signer_kit_now(void);
/* Write the configuration as it stands, with the certificates; kit_path("recovery.conf"). */
void signer_kit_config(void);

#endif
