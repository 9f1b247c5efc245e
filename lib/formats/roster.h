/* SPDX-License-Identifier: MIT
 *
 * roster - the list of devices that an authority names: CSV text by EUI-64, used in place.
 *
 * The text itself is the list: it sits in a sealed memfd or a mapped file, shared by all
 * processes, with one offset kept per ROSTER_STRIDE rows. So memory stays at the size of
 * the file however many processes look at it, and its SHA-256 is what `sha256sum` prints
 * and what a decision names.
 *
 * Form: a header line naming the columns, then one row per device, each ended by '\n'.
 *   device   16 hex digits, EUI-64                                     mandatory
 *   type     ESME GSME CHF GPF HCALCS PPMID (IHD, CAD: refused)        mandatory
 *   status   SMI status before the incident                            mandatory
 *   cells    cells to replace, '+' between; empty or absent: all that  optional
 *            the decision names and the device type holds
 *   old      key identifiers (16 hex digits, '+' between) of the       optional
 *            notified certificates the device holds
 *   ka, ds   device public keys, 66 hex digits, compressed P-256       optional
 *   payment  prepayment or credit; empty: not known                    optional
 *   region   1 to 23 of A-Z a-z 0-9 . _ -; empty: not known            optional
 * The last two decide nothing: they say which devices come first (waves.h).
 *
 * Source:  SEC L10.30(a) (Relevant Device), SEC Appendix L 1.2; the columns are this
 *          project's choice (UNKNOWN in public text).
 * Effects: none; roster_open_fd maps a file descriptor.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include "gbcs.h"

#define ROSTER_STRIDE   16 /* a row is found in 100 ns, half an octet a row */
#define ROSTER_LINE_MAX 1024
#define ROSTER_OLD_MAX  4
#define ROSTER_REGION   24
#define ROSTER_ROWS_MAX 100000000u

enum smi_status { /* SMI status values in use; CONFIRMED as an enumeration */
                  STATUS_PENDING,
                  STATUS_WHITELISTED,
                  STATUS_INSTALLED_NOT_COMMISSIONED,
                  STATUS_COMMISSIONED,
                  STATUS_DECOMMISSIONED,
                  STATUS_WITHDRAWN,
                  STATUS_SUSPENDED,
                  STATUS_RECOVERY,
                  STATUS_RECOVERED,
                  STATUS_COUNT,
};

enum payment {
    PAYMENT_UNSAID,
    PAYMENT_PREPAYMENT,
    PAYMENT_CREDIT,
    PAYMENT_COUNT,
};

struct roster_row {
    struct eui64 device;
    enum device_type type;
    enum smi_status status;
    uint32_t cells; /* CELL_BIT; 0: not said */
    struct key_id old[ROSTER_OLD_MAX];
    size_t n_old;
    bool has_ka, has_ds;
    uint8_t ka[33], ds[33]; /* compressed points */
    enum payment payment;
    char region[ROSTER_REGION]; /* "" */
};

struct roster {
    struct span text;
    uint64_t *offsets; /* of row 0, ROSTER_STRIDE, 2*ROSTER_STRIDE, ... */
    uint32_t n_rows;
    uint32_t by_type[DEVICE_COUNT];
    uint32_t by_status[STATUS_COUNT];
    uint32_t cells_named; /* CELL_BIT of every cell some row names */
    struct digest digest; /* of the whole text */
    unsigned columns[10]; /* column no. -> field; private */
    unsigned n_columns;
    void *map; /* set when roster_open_fd mapped it */
    size_t map_len;
    void (*release)(
        void *owner); /* text and offsets are the owner's (rosters.h); or NULL */
    void *owner;
};

/*
 * Check every row of text and index it. text is borrowed for the life of *out.
 *   name  what errors call it ("roster.csv"); errors name line and field
 *
 * Errors (ERR_INPUT): "roster.header", "roster.row", "roster.device", "roster.type",
 *   "roster.type2", "roster.status", "roster.cells", "roster.cell-not-held", "roster.old",
 *   "roster.key", "roster.duplicate", "roster.order", "roster.empty", "request.too-large".
 */
MUST_CHECK bool roster_open(struct span text, const char *name, struct roster *out,
                            struct err *e);
/* Map fd (kept open by the caller) and roster_open it. */
MUST_CHECK bool roster_open_fd(int fd, const char *name, struct roster *out, struct err *e);
void roster_done(struct roster *r);

/* Row i, 0 <= i < n_rows (assert). Never fails: every row was checked at opening. */
void roster_get(const struct roster *r, uint32_t i, struct roster_row *out);
/* Binary search; false when the device is not in the roster. */
MUST_CHECK bool roster_find(const struct roster *r, const struct eui64 *device,
                            uint32_t *i);
/* The first row from `from` on whose device is not below that one; n_rows where there is
 * none. Quick where it is near: for walks side by side with something that ascends. */
uint32_t roster_seek(const struct roster *r, const struct eui64 *device, uint32_t from);

/*
 * Sort a roster text by device: header first, rows ascending; lines end in '\n', upper-case
 * device. Writes to fd. Needs 16 octets of memory per row. Refuses what roster_open
 * refuses, duplicates included, naming the line of the *given* text.
 */
MUST_CHECK bool roster_sort(struct span text, const char *name, int fd, struct err *e);

/* Is that a name of a region? */
bool roster_region(const char *text, size_t len);
const char *roster_status_name(enum smi_status s);
MUST_CHECK bool roster_status_find(const char *name, size_t len, enum smi_status *out);

#endif
