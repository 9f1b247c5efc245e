/* SPDX-License-Identifier: MIT
 *
 * meter_spoil - the kinds of spoiled command, as tables: what is done, what must follow.
 *
 * Three tables:
 *   - octets of the finished message are changed and nothing is signed again;
 *   - the command is built anew with something wrong in it and signed;
 *   - a certificate for one cell is wrong, which a device holds against that cell alone.
 *
 * Effects: none.
 */
#ifndef METER_SPOIL_H
#define METER_SPOIL_H

#include "meter_check.h"
#include "meter_issue.h"
#include "meter_message.h"

struct spoil { /* one mutation being made */
    const struct command *good;
    struct out message; /* octet mutations: starts as the good message */
    size_t header;      /* where its grouping header begins */
    struct command c;   /* rebuilt mutations: starts as the good command */
    unsigned quirks;
    struct device d;     /* the meter, which may be changed too */
    size_t target;       /* replacement that certificate mutations are about */
    struct issue i;      /* starts as a good certificate for that cell */
    struct out id, cert; /* room for what mutations make */
    uint8_t room[128];
    EVP_PKEY *other; /* a key nobody trusts */
    EVP_PKEY *signer, *issuer;
};

enum need {
    NEED_SIGNED = 1,  /* the command has a signature */
    NEED_MAC = 2,     /* ... a MAC */
    NEED_NO_MAC = 4,  /* ... none */
    NEED_CELL = 8,    /* ... a replacement of a cell other than root */
    NEED_ISSUER = 16, /* a key to issue certificates with */
    NEED_NAMED = 32,  /* the authorising cell is named */
    NEED_MODE_8 = 64,
    NEED_MODE_9 = 128,
    NEED_NOT_9 = 256,
    NEED_STAND_IN = 512,  /* supplier or network operator cell */
    NEED_LIMITED = 1024,  /* the mode may not touch every cell */
    NEED_PATH = 2048,     /* ... path certificates */
    ALL_CELLS = 1u << 16, /* other cells may change their verdict too */
};

struct spoil_row {
    const char *kind;
    void (*make)(struct spoil *s);
    enum refusal why;
    int status; /* of the target cell, when the command is accepted */
    unsigned needs;
    const char *because; /* which rule broke, for a target cell that fails; NULL: none */
};

extern const struct spoil_row spoil_octets[], spoil_rebuilt[], spoil_certs[];
extern const size_t n_spoil_octets, n_spoil_rebuilt, n_spoil_certs;

#endif
