/* SPDX-License-Identifier: MIT
 *
 * meter_tlv - the meter's own reader and writer of DER, and its own octet types.
 *
 * Nothing here comes from the code under test: were the two to share a reader, they would
 * share its mistakes. The reader takes strict DER only (definite, minimal lengths;
 * one-octet tags); the writer can be told to spell lengths the long way, as real devices
 * do.
 *
 * Source:  X.690 clause 10; GBCS section 4 (messages to devices are DER).
 * Effects: heap; the program ends when there is none left.
 */
#ifndef METER_TLV_H
#define METER_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct octets { /* borrowed */
    const uint8_t *at;
    size_t len;
};

#define OCTETS(array) ((struct octets){(array), sizeof(array)})

struct tlv {
    unsigned tag;
    struct octets raw;  /* with tag and length */
    struct octets body; /* without */
};

/* What stopped a read: the judge tells a wrong length form from a wrong shape. */
enum tlv_fault { TLV_OK, TLV_SHORT, TLV_LENGTH, TLV_TAG, TLV_VALUE };

/* Take the first element off `rest`. */
enum tlv_fault tlv_next(struct octets *rest, struct tlv *out);
/* The same, and the tag must be that one; TLV_TAG when it is another or nothing is left. */
enum tlv_fault tlv_take(struct octets *rest, unsigned tag, struct tlv *out);
bool tlv_is(struct octets rest, unsigned tag);
/* INTEGER contents: minimal, fits 64 bits signed. */
enum tlv_fault tlv_int(struct octets body, int64_t *out);

bool octets_same(struct octets a, struct octets b);
uint64_t octets_u64(const uint8_t at[8]);
void octets_put_u64(uint8_t at[8], uint64_t v);

struct out { /* zeroed is empty and ready */
    uint8_t *at;
    size_t len, cap;
    bool loose; /* lengths as 82 xx xx always: BER, not DER */
};

void out_free(struct out *o);
void out_put(struct out *o, const void *at, size_t len);
void out_octet(struct out *o, unsigned v);
void out_length(struct out *o, size_t len); /* minimal 1, 2 or 3 octets */
/* Open a constructed element; the mark goes to the matching out_close. */
size_t out_open(struct out *o, unsigned tag);
void out_close(struct out *o, size_t mark);
void out_tlv(struct out *o, unsigned tag, struct octets body);
void out_int(struct out *o, unsigned tag, int64_t v);
struct octets out_octets(const struct out *o);

#endif
