/* SPDX-License-Identifier: MIT
 *
 * fuzz_signer - what an input of fuzz_signer is: steps, one behind the other.
 *
 *   octet    how many descriptors come along, modulo PROTO_FDS + 1
 *   octets   which, one for each, modulo PALETTE_SIZE
 *   16 bits  the record's length; 0: the desk is closed and another one made
 *   octets   the record, as on the socket
 *
 * A decision may be bent before its signers sign it: the input's last octet says by how many
 * bends (two low bits, one to four) and by how many members (the next two, one to four), and
 * in the pairs before it stand, for each bend, which member and which value it gets.
 *
 * A SIGN, LOST or REVOKE of the authority 00..00 means the authority that was opened last: its
 * digest is another one in each process.
 */
#ifndef FUZZ_SIGNER_H
#define FUZZ_SIGNER_H

enum palette {
    PALETTE_AUTHORITY,
    PALETTE_ROSTER,
    PALETTE_CERTIFICATES,
    PALETTE_UNSEALED, /* the roster, open to change */
    PALETTE_INPUT,    /* the input itself */
    PALETTE_SYMMETRIC,
    PALETTE_BENT, /* a decision that says something else, signed anew */
    PALETTE_SIZE
};

#endif
