/* SPDX-License-Identifier: MIT
 *
 * proto - the records between the service and a signer process.
 *
 * SOCK_SEQPACKET; one record per message; every type has one fixed size; all numbers
 * big-endian; flat, no nesting, no lengths inside. Documents travel beside an OPEN as
 * sealed memfds (SCM_RIGHTS), one for each bit of its `parts`, in the order of the bits.
 * The service asks, the signer answers each request with exactly one record of the same
 * seq, in order: the wanted one or FAIL. While it works on a SIGN, the signer checks, counts and
 * builds the next. REVOKE alone may overtake: the signer looks for it before each row (a SIGN
 * that was sent before the REVOKE and is not taken yet is taken first, and stops at once). Beside a REVOKE may travel the document itself, as a
 * sealed memfd: one that counts here is marked in the token as well. What is no record at all
 * ends the signer: it is not answered.
 *
 * A SIGN is answered within PROTO_SIGN_MS and one call into the token: what is not signed by
 * then is not begun. So an answer may come with fewer rows than were asked for, at any speed
 * of the token; and what was signed before a failure comes with the word of the failure.
 *
 *   octets  head of every record
 *   0..3    "SMR2"
 *   4..5    type (enum proto_type)
 *   6..7    zero
 *   8..11   seq, chosen by the service, echoed
 *
 * There is deliberately no record that carries the digest of a command towards the signer.
 * HEAD brings the hash of the service's trail, which goes into a text under the audit key
 * (audit_head.h), and that key signs no command.
 *
 * Beside READY comes one descriptor: the signers' account (witness.h), to read.
 *
 * Effects: none (proto.c encodes and decodes; proto_send and proto_recv do the socket).
 */
#ifndef PROTO_H
#define PROTO_H

#include "bytes.h"

#define PROTO_ROWS      256
#define PROTO_FDS       PROTO_PARTS
#define PROTO_NAME      40
#define PROTO_KEYS      12
#define PROTO_SIGN_MS   1000 /* of a SIGN: then no other row is begun */
#define PROTO_NO_MEMBER 0xFFFFFFFFu

enum proto_part { /* what comes beside an OPEN; bits of its `parts` */
                  PROTO_PART_AUTHORITY,
                  PROTO_PART_ROSTER,
                  PROTO_PART_CERTIFICATES,  /* these three always */
                  PROTO_PART_ACTIVATION,    /* of the custodians, where there are any */
                  PROTO_PART_SYMMETRIC_KEY, /* contingency only */
                  PROTO_PARTS
};
#define PROTO_PART_BIT(p)  (1u << (p))
#define PROTO_PARTS_ALWAYS 7u

enum proto_type {
    PROTO_HELLO = 1, /* token: load module, find token, log in            -> READY  */
    PROTO_READY,
    PROTO_OPEN, /* + one descriptor for each part                       -> OPENED */
    PROTO_OPENED,
    PROTO_RESERVE, /* counters first..first+n-1 of the open warrant        -> RESERVED */
    PROTO_RESERVED,
    PROTO_SIGN, /* rows and their first counter                         -> SIGNED */
    PROTO_SIGNED,
    PROTO_REVOKE, /* a decision's or activation's digest is void for ever -> REVOKED */
    PROTO_REVOKED,
    PROTO_PROBE, /* a probe-key signature on every session               -> PROBED */
    PROTO_PROBED,
    PROTO_MARK, /* read the mark of an originator                       -> MARKED */
    PROTO_MARKED,
    PROTO_FAIL,
    PROTO_LOST, /* rows whose answers never came: one more for each -> GRANTED */
    PROTO_GRANTED,
    PROTO_HEAD, /* sign a head; how far the service's trail is           -> HEADED */
    PROTO_HEADED,
    PROTO_TYPES
};

struct proto_hello {
    char token[PROTO_NAME];
};
struct proto_list { /* which list of what was revoked this is (revoked.h) */
    uint8_t id[16];
};
struct
    proto_unusable { /* a key of this token, and why it does nothing; "" and "": it does */
    char id[64];
    char text[160];
};
struct proto_ready {
    char what[128]; /* token_what */
    uint32_t
        keys; /* bit i: config key i is on this token and proven equal to its certificate */
    uint32_t sessions;
    uint32_t pid;
    struct proto_list list;
    struct point audit;                         /* public part of the audit key */
    struct proto_unusable unusable[PROTO_KEYS]; /* as config keys; none that is in `keys` */
};
struct proto_open {
    uint32_t parts; /* PROTO_PART_BIT of each descriptor beside it */
};
struct proto_count {  /* under the open decision, by all signers of the machine */
    uint64_t used;    /* commands signed */
    uint64_t allowed; /* by the decision, for all rows */
    uint64_t lost;    /* granted again, because their answers were lost */
};
struct proto_opened {
    struct digest authority; /* digest of the content */
    uint32_t rows;
    uint32_t key;  /* index into config keys */
    uint64_t mark; /* the originator's mark in the token */
    struct proto_count count;
};
struct proto_reserve {
    uint64_t first;
    uint32_t n;
    uint64_t known; /* a mark that the token had: one that has less now is an older copy */
};
struct proto_sign {
    struct digest
        authority;    /* must be the open one: an order cannot slip to another warrant */
    uint64_t counter; /* of rows[0]; rows[i] gets counter + i */
    uint32_t n;       /* 1..PROTO_ROWS */
    uint32_t rows[PROTO_ROWS]; /* indexes into the roster, ascending */
};
enum proto_end { /* what becomes of the process that says it */
                 PROTO_GOES_ON,
                 PROTO_ENDS, /* starting another may help */
                 PROTO_PERSON, /* it ends, and no other is to be started: a person acts first */
                 PROTO_END_N
};
struct proto_fail {
    uint32_t code; /* enum err_code */
    uint32_t end;  /* enum proto_end */
    char id[64];
    char text[512];
};
struct proto_signed {
    uint64_t counter;
    uint32_t n;     /* signed from the front; fewer than asked: stopped between rows */
    uint32_t spent; /* counters that are used up, from the front; n or more: a call that
                       failed may have signed. Those beyond were never used */
    uint32_t maced; /* 1: macs holds the ACB MAC of each (modes 0 to 7, key in the token) */
    struct sig_p256 sigs[PROTO_ROWS];
    uint8_t macs[PROTO_ROWS][12];
    struct proto_count count;
    struct proto_fail stop; /* the token failed at row n; code ERR_NONE: it did not */
};
struct proto_lost {
    struct digest authority;   /* must be the open one */
    uint32_t n;                /* 1..PROTO_ROWS */
    uint32_t rows[PROTO_ROWS]; /* ascending */
};
struct proto_granted {
    uint32_t n; /* rows that had no command left and have one now */
    struct proto_count count;
};
struct proto_revoke {
    struct digest authority;
};
struct proto_mark {
    struct eui64 originator;
};
struct proto_marked {
    uint64_t mark;
};
struct proto_head {
    uint64_t records; /* of the service's trail; 0: none to name */
    struct digest hash;
};
struct proto_headed { /* with what was asked: an audit_head */
    uint8_t chain[16];
    uint64_t records; /* of the account */
    struct digest hash;
    struct sig_p256 sig;
};

struct proto {
    enum proto_type type;
    uint32_t seq;
    union {
        struct proto_hello hello;
        struct proto_ready ready;
        struct proto_open open;
        struct proto_opened opened;
        struct proto_reserve reserve;
        struct proto_sign sign;
        struct proto_signed signed_;
        struct proto_lost lost;
        struct proto_granted granted;
        struct proto_revoke revoke;
        struct proto_mark mark;
        struct proto_marked marked;
        struct proto_head head;
        struct proto_headed headed;
        struct proto_fail fail;
    } u;
};

#define PROTO_FAIL_SIZE (4 + 4 + 64 + 512)
#define PROTO_SIZE_MAX  (12 + 8 + 4 + 4 + 4 + PROTO_ROWS * (64 + 12) + 24 + PROTO_FAIL_SIZE)

/* Octets of a record of that type; 0: no such type. */
size_t proto_size(uint16_t type);
/* Encode into buf (PROTO_SIZE_MAX); returns proto_size. */
size_t proto_encode(const struct proto *p, uint8_t *buf);
/* Errors: ERR_INPUT "signer.record": wrong magic, type, size, non-zero filler, unterminated
 * text, n out of range, rows not ascending. */
MUST_CHECK bool proto_decode(struct span octets, struct proto *out, struct err *e);

/* One record with up to PROTO_FDS descriptors; blocks unless the socket does not.
 * Errors: ERR_BUSY "signer.socket" (peer gone, would block). */
MUST_CHECK bool proto_send(int fd, const struct proto *p, const int fds[], size_t n_fds,
                           struct err *e);
/* fds gets what came along (close-on-exec), the caller closes; *n_fds how many. *gone: the
 * peer closed; then nothing else is set. */
MUST_CHECK bool proto_recv(int fd, struct proto *out, int fds[static PROTO_FDS],
                           size_t *n_fds, bool *gone, struct err *e);
/* What waits first in line, not taken: it stays the first until it is taken. */
enum proto_first {
    PROTO_FIRST_NONE,
    PROTO_FIRST_STOP,
    PROTO_FIRST_SIGN,
    PROTO_FIRST_OTHER
};
enum proto_first proto_first(int fd);

#endif
