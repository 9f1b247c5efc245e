/* SPDX-License-Identifier: MIT
 *
 * token_kit - a throw-away SoftHSM token, a configuration for it, and keys of every kind.
 *
 * The struct is the test's; the token lies in the test's folder (core_kit), which comes and
 * goes with it. Set-up that needs the module runs in a child process, so that the process
 * under test loads it once, as a signer does.
 */
#ifndef TOKEN_KIT_H
#define TOKEN_KIT_H

#include "core_kit.h"
#include "p11_key.h"
#include "trust.h"

#define TOKEN_KIT_PIN "rehearsal-7261"

struct token_kit {
    struct config config; /* token "main"; keys "recovery" 01, "acb-ka" 02; probe FF01,
                             audit FF02 */
    struct trust trust;   /* key points only */
    struct point probe, audit;
};

/* A token with the three keys of config. Aborts where SoftHSM is not there. */
void token_kit_new(struct token_kit *kit);
/* The same configuration for the mock module; no keys to make. */
void token_kit_new_mock(struct token_kit *kit);
/* Removes the folder, and the token with it. */
void token_kit_done(void);

/* A file of the folder with that mode. */
void token_kit_write(const char *name, const char *text, int mode);

struct token_kit_key {
    const char *id, *label;
    bool sensitive, extractable, sign, derive;
    bool p384;
};
/* Any key pair, fit or not; its point when P-256. */
struct point token_kit_make_key(struct token_kit *kit, const struct token_kit_key *k);

/* Run fn in a child; returns waitpid's status. */
int token_kit_child(struct token_kit *kit, int (*fn)(struct token_kit *kit, void *arg),
                    void *arg);
/* Put the shim in front of the module of the configuration. */
void token_kit_shim(struct token_kit *kit, const char *plan);

#endif
