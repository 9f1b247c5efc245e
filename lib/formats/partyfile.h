/* SPDX-License-Identifier: MIT
 *
 * partyfile - compromise notification and recovery progress files: header block, device
 * rows, a detached signature; read and written row by row.
 *
 *   organisation-notification  subscriber to DCC, DCC to PMA: which certificates, devices
 *   organisation-progress      the same ways: how far the recovery is, device by device
 *   other-notification         which certificates and devices, for a key of the DCC itself
 *   other-progress             how far that recovery is
 *
 * Form (version 1): lines of printable ASCII ended by '\n', no quoting.
 *   - first the header, one field a line: "field,value[,value...]",
 *   - one empty line,
 *   - the line naming the columns,
 *   - one row per device, ascending by EUI-64.
 * conf/files.md shows each field.
 *
 * Source:    SEC Appendix L (that the four files exist, and between whom). Their columns,
 *            encoding and signature rule are UNKNOWN in public text: this form is the
 *            project's choice and carries its version, so that another can take its place.
 * Invariant: counts in the header agree with the rows; a file is accepted once; progress
 *            never goes backwards; nothing is accepted on the word of a compromised key.
 * Effects:   none but the callbacks'; partyfile_write_* write to the stream given. Time is
 *            a parameter.
 */
#ifndef PARTYFILE_H
#define PARTYFILE_H

#include "gbcs.h"

#include <openssl/x509.h>

#include <stdio.h>

#define PARTYFILE_FORMAT     "smki-recovery/file/1"
#define PARTYFILE_ID_MAX     65
#define PARTYFILE_NAME_MAX   65
#define PARTYFILE_SERIAL_MAX 41 /* RFC 5280: 20 octets */
#define PARTYFILE_CERTS_MAX  16
#define PARTYFILE_LINE_MAX   512
#define PARTYFILE_ROWS_MAX   100000000u
#define PARTYFILE_CMS_MAX    (64u << 10)

enum partyfile_kind {
    PARTYFILE_ORGANISATION_NOTIFICATION,
    PARTYFILE_ORGANISATION_PROGRESS,
    PARTYFILE_OTHER_NOTIFICATION,
    PARTYFILE_OTHER_PROGRESS,
    PARTYFILE_KIND_COUNT,
};

enum partyfile_state {
    PARTYFILE_PENDING,
    PARTYFILE_SENT,
    PARTYFILE_SUCCESS,
    PARTYFILE_FAILED, /* with the code of the device's response */
    PARTYFILE_UNREACHABLE,
    PARTYFILE_EXCLUDED,
    PARTYFILE_STATE_COUNT,
};

/* By whose key devices were replaced. */
enum partyfile_key {
    PARTYFILE_KEY_OWN, /* the subscriber's, before this file's list: they have no row in it */
    PARTYFILE_KEY_RECOVERY,
    PARTYFILE_KEY_CONTINGENCY,
    PARTYFILE_KEY_COUNT,
};

enum partyfile_method {
    PARTYFILE_METHOD_UNDECIDED,
    PARTYFILE_METHOD_1,
    PARTYFILE_METHOD_2,
    PARTYFILE_METHOD_3,
    PARTYFILE_METHOD_COUNT,
};

struct partyfile_certificate {
    char issuer[PARTYFILE_NAME_MAX];   /* common name */
    char serial[PARTYFILE_SERIAL_MAX]; /* hex, upper case, no leading zero octet */
    bool has_subject;
    struct eui64 subject;
    bool has_cell; /* certificates of authorities sit in no cell */
    enum cell cell;
};

struct partyfile_header {
    enum partyfile_kind kind;
    char id[PARTYFILE_ID_MAX];
    char incident[PARTYFILE_ID_MAX];
    char amends
        [PARTYFILE_ID_MAX]; /* the notification whose place it takes; "": a first one */
    bool has_subscriber;    /* mandatory in organisation files */
    struct eui64 subscriber;
    char srp[PARTYFILE_NAME_MAX]; /* "" unless sent for others */
    char key[PARTYFILE_NAME_MAX]; /* other-notification: which key */
    struct partyfile_certificate certificates[PARTYFILE_CERTS_MAX]; /* notifications */
    size_t n_certificates;
    bool actual; /* certainty: actual, else suspected */
    int64_t found_us;
    bool has_suspected_from;
    int64_t suspected_from_us;
    enum partyfile_method method; /* organisation-notification */
    bool suspend;
    uint32_t anticipated[DEVICE_COUNT];
    int64_t as_at_us; /* progress */
    uint32_t total[PARTYFILE_STATE_COUNT];
    unsigned percent;                     /* of all rows, success, rounded down */
    uint32_t by_key[PARTYFILE_KEY_COUNT]; /* progress, where it is said */
    char organisation[PARTYFILE_NAME_MAX], role[PARTYFILE_NAME_MAX],
        aro[PARTYFILE_NAME_MAX];

    uint32_t n_rows; /* out only: counted */
};

struct partyfile_row {
    uint32_t line;
    struct eui64 device;
    enum device_type type;
    uint32_t cells;                         /* CELL_BIT, at least one */
    char old[PARTYFILE_SERIAL_MAX];         /* serial of the compromised certificate */
    char replacement[PARTYFILE_SERIAL_MAX]; /* "": not known yet */
    enum partyfile_state state;             /* progress */
    unsigned code;                          /* of PARTYFILE_FAILED */
};

/* Totals of the progress file before. */
struct partyfile_previous {
    int64_t as_at_us;
    uint32_t total[PARTYFILE_STATE_COUNT];
};

/* Who asks, and what the caller knows. Callbacks may be NULL: then that is not asked. */
struct partyfile_reader {
    const char *incident;                    /* reference the file must carry; NULL: any */
    bool (*seen)(void *arg, const char *id); /* true: replay */
    bool (*notified)(void *arg, const struct eui64 *device); /* progress */
    bool (*row)(void *arg, const struct partyfile_header *h,
                const struct partyfile_row *row, struct err *e); /* false: stop */
    const struct partyfile_previous *previous; /* NULL: this is the first */
    void *arg;
};

/* Whose signature counts. */
struct partyfile_trust {
    X509_STORE *store; /* anchors and intermediates; borrowed */
    const char *crl;   /* the file of their Crl=; NULL, "": nobody is asked */
    int64_t now_us;
    const struct partyfile_certificate *compromised; /* besides those the file lists */
    size_t n_compromised;
    const struct digest *compromised_keys; /* SHA-256 of the 65-octet points */
    size_t n_compromised_keys;
};

/*
 * Read a file from outside: the header is read, then the signature is judged, then the rows
 * are handed out.
 *   cms   detached CMS SignedData (DER or PEM) with one signer
 *   name  what errors call it; they name line and field
 *   out   the header, filled on success only
 *
 * Errors: what the row callback says, and
 *   ERR_INPUT   "file.format", "file.header", "file.row", "file.device", "file.type",
 *               "file.cells", "file.certificate", "file.state", "file.order", "file.count",
 *               "request.too-large", "file.cms"
 *   ERR_DENIED  "file.incident", "file.replayed", "file.not-notified", "file.backwards",
 *               "file.signature", "file.chain", "file.signer", "file.compromised-signer"
 */
MUST_CHECK bool partyfile_accept(struct span text, struct span cms, const char *name,
                                 const struct partyfile_reader *r,
                                 const struct partyfile_trust *t,
                                 struct partyfile_header *out, struct err *e);
/* A file that was accepted once, as it was kept: its rows are handed out again (row is all
 * that is asked of the reader). Errors: those of its form, and what the callback says. */
MUST_CHECK bool partyfile_again(struct span text, const char *name,
                                const struct partyfile_reader *r,
                                struct partyfile_header *out, struct err *e);
/* The header alone, to see whose file it claims to be. */
MUST_CHECK bool partyfile_header_read(struct span text, const char *name,
                                      struct partyfile_header *out, struct err *e);
/* The signature alone, over the whole text, for a header already read. */
MUST_CHECK bool partyfile_verify(struct span text, struct span cms, const char *name,
                                 const struct partyfile_header *h,
                                 const struct partyfile_trust *t, struct err *e);

/* Header block, empty line, column line. Errors: ERR_STORE "file.write". */
MUST_CHECK bool partyfile_write_header(FILE *to, const struct partyfile_header *h,
                                       struct err *e);
MUST_CHECK bool partyfile_write_row(FILE *to, const struct partyfile_header *h,
                                    const struct partyfile_row *row, struct err *e);

const char *partyfile_kind_name(enum partyfile_kind k);
const char *partyfile_state_name(enum partyfile_state s);
const char *partyfile_key_name(enum partyfile_key k);
const char *partyfile_method_name(enum partyfile_method m);
MUST_CHECK bool partyfile_state_find(const char *name, size_t len,
                                     enum partyfile_state *out);

#endif
