/* SPDX-License-Identifier: MIT
 *
 * reconcile - what devices answered, matched to what was sent, one outcome per device
 * (outcome.h).
 *
 * A part that failed is tried again only where the same command may succeed later
 * (resources busy, memory short, other); a certificate that a device refuses needs a new
 * decision. What a device holds may also be told by its answer to CS02a or CS02f (Provide
 * Security Credential Details, see device_query.h): that resolves "unknown" and
 * "unreachable" into success, or into something to be signed again. An answer to CS02g, by
 * which a supplier replaces the load controller's certificates, resolves them into success
 * where it names our keys in every cell that was to be replaced.
 *
 * A report does not say when it was made. It counts only if it answers a later question of
 * that party than the last one did; and since one from before a command could come in for the
 * first time behind it, it takes no success back: a later command does, or a person's word.
 *
 * A device's word goes by cell: what an earlier command did to cells that a later one does
 * not name stays on record, and a device is a success only if no cell is left that a command
 * named and of which it has not said that it holds the key of the last such.
 *
 * An answer also says who held each cell before. It is held against what the list and the
 * decision name and what was signed before (outcome.h): a change of supplier meanwhile, and
 * the use of a key that nobody named, come out here.
 *
 * An answer counts only if the device's own key signed it, over the received octets, and it
 * names a command of the ledger by device and counter. All others are set aside with the
 * reason: each is counted, and of an incident the first RECONCILE_KEPT_MAX of each reason
 * are kept octet for octet, so that a flood of one kind neither fills the disk nor drowns
 * another.
 *
 * Source:  GBCS 13.3.4, 13.3.5; SEC Appendix L 4.2.3 (reconciliation, INFERRED).
 * Effects: the store, inside the caller's transaction.
 */
#ifndef RECONCILE_H
#define RECONCILE_H

#include "lists.h"
#include "message.h"
#include "outcome.h"
#include "store.h"

#define RECONCILE_KEPT_MAX 1000 /* of an incident, for each reason */

enum reconcile_verdict {
    RECONCILE_SUCCESS,
    RECONCILE_PARTLY,
    RECONCILE_FAILED,
    RECONCILE_ACCEPTED,
    RECONCILE_RESOLVED, /* CS02a: the device does not hold the new keys, sign again */
    RECONCILE_TOLD,     /* CS02a, before anything was signed for it (preflight.h) */
    RECONCILE_ASIDE, /* kept with a reason: malformed, forged, duplicate, unmatched ... */
    RECONCILE_VERDICTS,
};

struct reconcile; /* opaque */

/* A message, as far as it is judged without the store. */
struct reconcile_read {
    struct span octets; /* borrowed */
    bool is_message;
    struct message m;
    struct err bad; /* why it is none */
    bool heard;     /* it answers, and a list has a key of the device: this one */
    uint8_t ds[33];
    bool genuine; /* ... and did it sign? */
};

/* lists: borrowed, the incident's. Errors: ERR_STORE. */
MUST_CHECK bool reconcile_open(struct store *s, const char *incident,
                               const struct lists *lists, struct reconcile **out,
                               struct err *e);
/* Take a message apart (octets, not hex), and ask its device's key: what is dear, looks at
 * nothing that changes, and may be done in any thread. */
void reconcile_read(const struct lists *lists, struct span octets,
                    struct reconcile_read *out);
void reconcile_read_done(struct reconcile_read *x);
/* Take one message in; everything wrong with it is a verdict. Errors: ERR_STORE only. */
MUST_CHECK bool reconcile_take(struct reconcile *r, const struct reconcile_read *x,
                               int64_t now_us, enum reconcile_verdict *verdict,
                               struct err *e);
/* Who held the cells of the device whose answer was taken last, by its own word. */
enum outcome_held reconcile_held(const struct reconcile *r);
/* Text that is no message at all (not hexadecimal): set aside too. */
MUST_CHECK bool reconcile_aside(struct reconcile *r, struct span text, const char *rule,
                                const char *reason, int64_t now_us, struct err *e);
/* The rule by which the last one was set aside, static; NULL: none was. */
const char *reconcile_rule(const struct reconcile *r);
/* Of what was set aside by that rule: is it an answer to a command of ours all the same, one
 * that came too often or too late? All else does not fit: the wrong list, another incident's,
 * forged, junk. */
bool reconcile_fits(const char *rule);
/*
 * What somebody says of a device that does not answer. A device that succeeded stays so.
 *   state  "unreachable"  tried again later
 *          "unknown"      sent, fate unclear: not signed again before CS02a resolves it
 *          "excused"      on the exception list, not tried again
 *   who    says so, for the record
 * What is said of a device makes the version of the list that has it count for good.
 *
 * Errors: ERR_INPUT "response.mark", "response.unknown-device"; ERR_STORE.
 */
MUST_CHECK bool reconcile_mark(struct reconcile *r, const struct eui64 *device,
                               const char *state, const char *reason, const char *who,
                               int64_t now_us, struct err *e);
void reconcile_close(struct reconcile *r);

/*
 * The next device behind that one (NULL: the first) that is "unknown" or "unreachable";
 * *found false at the end.
 *   cells  out: CELL_BIT of what the commands signed for it replace; 0 when none was signed
 */
MUST_CHECK bool reconcile_unclear(struct reconcile *r, const struct eui64 *behind,
                                  struct eui64 *device, uint32_t *cells, bool *found,
                                  struct err *e);

/* How many messages of the incident were set aside, by rule. fn false: stop. */
MUST_CHECK bool reconcile_asides(struct store *s, const char *incident,
                                 bool (*fn)(void *arg, const char *rule, int64_t n),
                                 void *arg, struct err *e);

const char *reconcile_verdict_name(enum reconcile_verdict v);

#endif
