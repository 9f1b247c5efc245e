/* SPDX-License-Identifier: MIT
 *
 * p11_rig - a throw-away SoftHSM token, a configuration for it, and keys of every kind.
 *
 * Everything lies in one temporary directory of this test. Set-up that needs the module
 * runs in a child process, so that the process under test loads it once, as a signer does.
 */
#ifndef P11_RIG_H
#define P11_RIG_H

#include "p11_key.h"
#include "trust.h"

#define RIG_PIN "rehearsal-7261"

struct rig {
    char dir[64];
    struct config config; /* token "main"; keys "recovery" 01, "acb-ka" 02; probe FF01 */
    struct trust trust;   /* key points only */
    struct point probe;
};

/* Token with the three keys of config. Exits 77 (skipped) where SoftHSM is not there. */
void rig_new(struct rig *r);
/* The same configuration for the mock module; no keys to make. */
void rig_new_mock(struct rig *r);
void rig_done(struct rig *r);

/* Path inside the directory; static buffer, four in turn. */
const char *rig_path(const struct rig *r, const char *name);
void rig_write(const struct rig *r, const char *name, const char *text, int mode);

struct rig_key {
    const char *id, *label;
    bool sensitive, extractable, sign, derive;
    bool p384;
};
/* Any key pair, fit or not; its point when P-256. */
struct point rig_make_key(struct rig *r, const struct rig_key *k);

/* Run fn in a child; returns waitpid's status. */
int rig_child(struct rig *r, int (*fn)(struct rig *r, void *arg), void *arg);
/* Put the shim in front of the module of the configuration. */
void rig_shim(struct rig *r, const char *plan);

#endif
