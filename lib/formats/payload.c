/* SPDX-License-Identifier: MIT
 *
 * Two halves that mirror each other, read and write, each in the order of the fields.
 */
#include "payload.h"
#include "asn1.h"
#include "mem.h"

#include <assert.h>
#include <string.h>

struct payload_cell payload_cell(enum cell cell)
{
    const struct cell_row *row = gbcs_cell(cell);

    return (struct payload_cell){(unsigned)row->role, asn1_usage_bits(row->usage),
                                 row->prepayment};
}

bool payload_cell_find(const struct payload_cell *c, enum cell *out)
{
    for (unsigned i = 0; i < CELL_COUNT; i++) {
        struct payload_cell b = payload_cell((enum cell)i);

        if (b.role == c->role && b.usage == c->usage && b.cell_usage == c->cell_usage) {
            *out = (enum cell)i;
            return true;
        }
    }
    return false;
}

/* ---- read. der_walk has checked every range, so numbers cannot fail. ---- */

static bool too_many(struct err *e, const char *what, size_t most)
{
    return err_set(e, ERR_INPUT, "message.too-many", "%s: more than %zu elements", what,
                   most);
}

static uint64_t number(const ASN1_INTEGER *a)
{
    uint64_t v = 0;
    bool ok = a == NULL || ASN1_INTEGER_get_uint64(&v, a) == 1;

    assert(ok);
    (void)ok;
    return v;
}

static unsigned small(const ASN1_INTEGER *a)
{
    return (unsigned)number(a);
}

static unsigned status_of(const ASN1_ENUMERATED *a)
{
    int64_t v = 0;
    bool ok = ASN1_ENUMERATED_get_int64(&v, a) == 1;

    assert(ok);
    (void)ok;
    return (unsigned)v;
}

static struct span octets(const ASN1_STRING *s)
{
    return span_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static unsigned bits(const ASN1_BIT_STRING *s)
{
    unsigned v = 0;

    for (int i = 0; i < 16; i++)
        if (ASN1_BIT_STRING_get_bit(s, i))
            v |= 0x8000u >> i;
    return v;
}

static struct payload_cell cell_of(const CELL_DER *c)
{
    return (struct payload_cell){small(c->trustAnchorCellRemotePartyRole),
                                 bits(c->trustAnchorCellKeyUsage),
                                 small(c->trustAnchorCellUsage)};
}

static void time_of(const ASN1_GENERALIZEDTIME *t, char out[16])
{
    struct span s = octets(t);

    assert(s.len == 15);
    memcpy(out, s.at, s.len);
    out[s.len] = '\0';
}

static bool read_topups(const STACK_OF(SPECIALIST_DER) * list, struct payload_topups *out,
                        struct err *e)
{
    int n = list != NULL ? sk_SPECIALIST_DER_num(list) : 0;

    if (n > PAYLOAD_TOPUPS_MAX)
        return too_many(e, "newRemotePartySpecialistFloorSeqNumber", PAYLOAD_TOPUPS_MAX);
    out->present = list != NULL;
    out->n = (size_t)n;
    for (int i = 0; i < n; i++) {
        const SPECIALIST_DER *s = sk_SPECIALIST_DER_value(list, i);

        out->at[i].usage = small(s->seqNumberUsage);
        out->at[i].floor = number(s->seqNumber);
    }
    return true;
}

static bool read_changes(const STACK_OF(CHANGE_DER) * list, struct payload_change *out,
                         size_t *n_out, struct err *e)
{
    int n = list != NULL ? sk_CHANGE_DER_num(list) : 0;

    if (n > PAYLOAD_CHANGES_MAX)
        return too_many(e, "remotePartySeqNumberChanges", PAYLOAD_CHANGES_MAX);
    for (int i = 0; i < n; i++) {
        const CHANGE_DER *c = sk_CHANGE_DER_value(list, i);

        out[i].role = small(c->otherRemotePartyRole);
        out[i].floor = number(c->otherRemotePartyFloorSeqNumber);
        if (!read_topups(c->newRemotePartySpecialistFloorSeqNumber, &out[i].topups, e))
            return false;
    }
    *n_out = (size_t)n;
    return true;
}

static bool read_update(const UPDATE_DER *d, struct payload_update *out, struct err *e)
{
    const CONTROL_DER *c = d->authorisingRemotePartyControl;
    int n = sk_REPLACEMENT_DER_num(d->replacements);
    int n_path = sk_ASN1_TYPE_num(d->certificationPathCertificates);

    out->mode = small(c->credentialsReplacementMode);
    if (c->plaintextSymmetricKey != NULL) {
        out->has_symmetric_key = true;
        out->symmetric_key = octets(c->plaintextSymmetricKey);
    }
    out->disapply_time = number(c->applyTimeBasedCPVChecks) != 0;
    if (c->authorisingRemotePartyTACellIdentifier != NULL) {
        out->has_auth_cell = true;
        out->auth_cell = cell_of(c->authorisingRemotePartyTACellIdentifier);
    }
    out->counter = number(c->authorisingRemotePartySeqNumber);
    out->has_floor = c->newRemotePartyFloorSeqNumber != NULL;
    out->floor = number(c->newRemotePartyFloorSeqNumber);
    out->has_changes = c->otherRemotePartySeqNumberChanges != NULL;
    if (!read_topups(c->newRemotePartySpecialistFloorSeqNumber, &out->topups, e) ||
        !read_changes(c->otherRemotePartySeqNumberChanges, out->changes, &out->n_changes,
                      e))
        return false;
    if (n > PAYLOAD_REPLACEMENTS_MAX)
        return too_many(e, "replacements", PAYLOAD_REPLACEMENTS_MAX);
    for (int i = 0; i < n; i++) {
        const REPLACEMENT_DER *r = sk_REPLACEMENT_DER_value(d->replacements, i);

        out->replacements[i].certificate =
            octets(r->replacementCertificate->value.sequence);
        out->replacements[i].cell = cell_of(r->targetTrustAnchorCell);
    }
    out->n_replacements = (size_t)n;
    if (n_path > PAYLOAD_PATH_MAX)
        return too_many(e, "certificationPathCertificates", PAYLOAD_PATH_MAX);
    for (int i = 0; i < n_path; i++)
        out->path[i] =
            octets(sk_ASN1_TYPE_value(d->certificationPathCertificates, i)->value.sequence);
    out->n_path = (size_t)n_path;
    if (d->executionDateTime != NULL)
        time_of(d->executionDateTime, out->execution_time);
    return true;
}

static bool read_outcome(const OUTCOME_DER *d, struct payload_reply *out, struct err *e)
{
    int n = sk_RESULT_DER_num(d->replacementOutcomes);

    out->has_outcome = true;
    out->counter = number(d->authorisingRemotePartySeqNumber);
    out->mode = small(d->credentialsReplacementMode);
    if (!read_changes(d->remotePartySeqNumberChanges, out->changes, &out->n_changes, e))
        return false;
    if (n > PAYLOAD_REPLACEMENTS_MAX)
        return too_many(e, "replacementOutcomes", PAYLOAD_REPLACEMENTS_MAX);
    for (int i = 0; i < n; i++) {
        const RESULT_DER *r = sk_RESULT_DER_value(d->replacementOutcomes, i);

        out->results[i] = (struct payload_result){
            .cell = cell_of(r->affectedTrustAnchorCell),
            .status = status_of(r->statusCode),
            .old_uid = octets(r->existingSubjectUniqueID),
            .old_key = octets(r->existingSubjectKeyIdentifier),
            .new_uid = octets(r->replacingSubjectUniqueID),
            .new_key = octets(r->replacingSubjectKeyIdentifier),
        };
    }
    out->n_results = (size_t)n;
    return true;
}

static bool read_answer(const ANSWER_DER *d, struct payload_reply *out, struct err *e)
{
    return d->executionOutcome == NULL || read_outcome(d->executionOutcome, out, e);
}

static bool read_alert(const ALERT_DER *d, struct payload_reply *out, struct err *e)
{
    out->alert_code = (uint32_t)number(d->alertCode);
    time_of(d->executionDateTime, out->execution_time);
    return read_outcome(d->executionOutcome, out, e);
}

static bool read_query(const QUERY_DER *d, struct payload_query *out, struct err *e)
{
    int n = sk_ASN1_INTEGER_num(d->remotePartyRolesCredentialsRequired);

    out->auth_cell = cell_of(d->authorisingRemotePartyTACellIdentifier);
    if (n > PAYLOAD_ROLES_MAX)
        return too_many(e, "remotePartyRolesCredentialsRequired", PAYLOAD_ROLES_MAX);
    for (int i = 0; i < n; i++)
        out->roles[i] =
            small(sk_ASN1_INTEGER_value(d->remotePartyRolesCredentialsRequired, i));
    out->n_roles = (size_t)n;
    return true;
}

static bool read_details(const DETAILS_DER *d, struct payload_details *out, struct err *e)
{
    int n = d->trustAnchorCellsDetails != NULL
                ? sk_CONTENT_DER_num(d->trustAnchorCellsDetails)
                : 0;

    out->role = small(d->remotePartyRole);
    out->status = status_of(d->statusCode);
    out->has_counter = d->currentSeqNumber != NULL;
    out->counter = number(d->currentSeqNumber);
    out->has_cells = d->trustAnchorCellsDetails != NULL;
    if (n > PAYLOAD_CELLS_MAX)
        return too_many(e, "trustAnchorCellsDetails", PAYLOAD_CELLS_MAX);
    for (int i = 0; i < n; i++) {
        const CONTENT_DER *c = sk_CONTENT_DER_value(d->trustAnchorCellsDetails, i);

        out->cells[i].usage = bits(c->trustAnchorCellKeyUsage);
        out->cells[i].cell_usage = small(c->trustAnchorCellUsage);
        out->cells[i].uid = octets(c->existingSubjectUniqueID);
        out->cells[i].key = octets(c->existingSubjectKeyIdentifier);
    }
    out->n_cells = (size_t)n;
    return true;
}

static bool read_report(const REPORT_DER *d, struct payload_report *out, struct err *e)
{
    int n = sk_DETAILS_DER_num(d);

    if (n > PAYLOAD_ROLES_MAX)
        return too_many(e, "remotePartyDetails", PAYLOAD_ROLES_MAX);
    for (int i = 0; i < n; i++)
        if (!read_details(sk_DETAILS_DER_value(d, i), &out->roles[i], e))
            return false;
    out->n_roles = (size_t)n;
    return true;
}

bool payload_read(enum payload_kind kind, const ASN1_VALUE *der, union payload *out,
                  struct err *e)
{
    const void *d = der;

    memset(out, 0, sizeof *out);
    switch (kind) {
    case PAYLOAD_UPDATE:
        return read_update(d, &out->update, e);
    case PAYLOAD_ANSWER:
        return read_answer(d, &out->reply, e);
    case PAYLOAD_ALERT:
        return read_alert(d, &out->reply, e);
    case PAYLOAD_QUERY:
        return read_query(d, &out->query, e);
    case PAYLOAD_REPORT:
        return read_report(d, &out->report, e);
    case PAYLOAD_RAW:
        break;
    }
    assert(kind != PAYLOAD_RAW); /* it has no template */
    return false;
}

/* ---- write ---- */

/* Push a new element of a list and hand it back to be filled; NULL when memory is out. */
#define GROW(type, list) grow_##type(list)
#define GROW_DEFINE(type)                                      \
    static type *grow_##type(STACK_OF(type) * list)            \
    {                                                          \
        type *item = list != NULL ? type##_new() : NULL;       \
                                                               \
        if (item != NULL && sk_##type##_push(list, item) == 0) \
            type##_free(TAKE(item));                           \
        return item;                                           \
    }
GROW_DEFINE(SPECIALIST_DER)
GROW_DEFINE(CHANGE_DER)
GROW_DEFINE(REPLACEMENT_DER)
GROW_DEFINE(RESULT_DER)
GROW_DEFINE(CONTENT_DER)
GROW_DEFINE(DETAILS_DER)
GROW_DEFINE(ASN1_TYPE)
GROW_DEFINE(ASN1_INTEGER)

static bool put_cell(CELL_DER **p, const struct payload_cell *c)
{
    return asn1_put_cell(p, c->role, c->usage, c->cell_usage);
}

static bool write_topups(const struct payload_topups *t, STACK_OF(SPECIALIST_DER) * *p)
{
    if (!t->present)
        return true;
    *p = sk_SPECIALIST_DER_new_null();
    for (size_t i = 0; i < t->n; i++) {
        SPECIALIST_DER *s = GROW(SPECIALIST_DER, *p);

        if (s == NULL || !asn1_put_uint(&s->seqNumberUsage, t->at[i].usage) ||
            !asn1_put_uint(&s->seqNumber, t->at[i].floor))
            return false;
    }
    return *p != NULL;
}

static bool write_changes(const struct payload_change *changes, size_t n,
                          STACK_OF(CHANGE_DER) * list)
{
    for (size_t i = 0; i < n; i++) {
        CHANGE_DER *c = GROW(CHANGE_DER, list);

        if (c == NULL || !asn1_put_uint(&c->otherRemotePartyRole, changes[i].role) ||
            !asn1_put_uint(&c->otherRemotePartyFloorSeqNumber, changes[i].floor) ||
            !write_topups(&changes[i].topups, &c->newRemotePartySpecialistFloorSeqNumber))
            return false;
    }
    return true;
}

static bool write_control(const struct payload_update *b, CONTROL_DER *c)
{
    if (!asn1_put_uint(&c->credentialsReplacementMode, b->mode) ||
        (b->has_symmetric_key &&
         !asn1_put_octets(&c->plaintextSymmetricKey, b->symmetric_key)) ||
        (b->disapply_time && !asn1_put_uint(&c->applyTimeBasedCPVChecks, 1)) ||
        (b->has_auth_cell &&
         !put_cell(&c->authorisingRemotePartyTACellIdentifier, &b->auth_cell)) ||
        !asn1_put_uint(&c->authorisingRemotePartySeqNumber, b->counter) ||
        (b->has_floor && !asn1_put_uint(&c->newRemotePartyFloorSeqNumber, b->floor)) ||
        !write_topups(&b->topups, &c->newRemotePartySpecialistFloorSeqNumber))
        return false;
    if (!b->has_changes)
        return true;
    c->otherRemotePartySeqNumberChanges = sk_CHANGE_DER_new_null();
    return c->otherRemotePartySeqNumberChanges != NULL &&
           write_changes(b->changes, b->n_changes, c->otherRemotePartySeqNumberChanges);
}

static bool write_update(const struct payload_update *b, UPDATE_DER *d)
{
    if (!write_control(b, d->authorisingRemotePartyControl))
        return false;
    for (size_t i = 0; i < b->n_replacements; i++) {
        REPLACEMENT_DER *r = GROW(REPLACEMENT_DER, d->replacements);

        if (r == NULL ||
            !asn1_put_raw(&r->replacementCertificate, b->replacements[i].certificate) ||
            !put_cell(&r->targetTrustAnchorCell, &b->replacements[i].cell))
            return false;
    }
    for (size_t i = 0; i < b->n_path; i++) {
        ASN1_TYPE *t = GROW(ASN1_TYPE, d->certificationPathCertificates);

        if (t == NULL || !asn1_put_raw(&t, b->path[i]))
            return false;
    }
    return b->execution_time[0] == '\0' ||
           asn1_put_time(&d->executionDateTime, b->execution_time);
}

static bool write_outcome(const struct payload_reply *b, OUTCOME_DER **p)
{
    OUTCOME_DER *d;

    if (*p == NULL)
        *p = (OUTCOME_DER *)ASN1_item_new(ASN1_ITEM_rptr(OUTCOME_DER));
    d = *p;
    if (d == NULL || !asn1_put_uint(&d->authorisingRemotePartySeqNumber, b->counter) ||
        !asn1_put_uint(&d->credentialsReplacementMode, b->mode) ||
        !write_changes(b->changes, b->n_changes, d->remotePartySeqNumberChanges))
        return false;
    for (size_t i = 0; i < b->n_results; i++) {
        const struct payload_result *from = &b->results[i];
        RESULT_DER *r = GROW(RESULT_DER, d->replacementOutcomes);

        if (r == NULL || !put_cell(&r->affectedTrustAnchorCell, &from->cell) ||
            !asn1_put_enum(&r->statusCode, from->status) ||
            !asn1_put_octets(&r->existingSubjectUniqueID, from->old_uid) ||
            !asn1_put_octets(&r->existingSubjectKeyIdentifier, from->old_key) ||
            !asn1_put_octets(&r->replacingSubjectUniqueID, from->new_uid) ||
            !asn1_put_octets(&r->replacingSubjectKeyIdentifier, from->new_key))
            return false;
    }
    return true;
}

static bool write_answer(const struct payload_reply *b, ANSWER_DER *d)
{
    return !b->has_outcome || write_outcome(b, &d->executionOutcome);
}

static bool write_alert(const struct payload_reply *b, ALERT_DER *d)
{
    return asn1_put_uint(&d->alertCode, b->alert_code) &&
           asn1_put_time(&d->executionDateTime, b->execution_time) &&
           write_outcome(b, &d->executionOutcome);
}

static bool write_query(const struct payload_query *b, QUERY_DER *d)
{
    if (!put_cell(&d->authorisingRemotePartyTACellIdentifier, &b->auth_cell))
        return false;
    for (size_t i = 0; i < b->n_roles; i++) {
        ASN1_INTEGER *role = GROW(ASN1_INTEGER, d->remotePartyRolesCredentialsRequired);

        if (role == NULL || !asn1_put_uint(&role, b->roles[i]))
            return false;
    }
    return true;
}

static bool write_details(const struct payload_details *b, DETAILS_DER *d)
{
    if (!asn1_put_uint(&d->remotePartyRole, b->role) ||
        !asn1_put_enum(&d->statusCode, b->status) ||
        (b->has_counter && !asn1_put_uint(&d->currentSeqNumber, b->counter)))
        return false;
    if (!b->has_cells)
        return true;
    d->trustAnchorCellsDetails = sk_CONTENT_DER_new_null();
    for (size_t i = 0; i < b->n_cells; i++) {
        CONTENT_DER *c = GROW(CONTENT_DER, d->trustAnchorCellsDetails);

        if (c == NULL || !asn1_put_usage(&c->trustAnchorCellKeyUsage, b->cells[i].usage) ||
            (b->cells[i].cell_usage != 0 &&
             !asn1_put_uint(&c->trustAnchorCellUsage, b->cells[i].cell_usage)) ||
            !asn1_put_octets(&c->existingSubjectUniqueID, b->cells[i].uid) ||
            !asn1_put_octets(&c->existingSubjectKeyIdentifier, b->cells[i].key))
            return false;
    }
    return d->trustAnchorCellsDetails != NULL;
}

static bool write_report(const struct payload_report *b, REPORT_DER *d)
{
    for (size_t i = 0; i < b->n_roles; i++) {
        DETAILS_DER *one = GROW(DETAILS_DER, d);

        if (one == NULL || !write_details(&b->roles[i], one))
            return false;
    }
    return true;
}

static bool write_any(enum payload_kind kind, const union payload *b, void *d)
{
    switch (kind) {
    case PAYLOAD_UPDATE:
        return write_update(&b->update, d);
    case PAYLOAD_ANSWER:
        return write_answer(&b->reply, d);
    case PAYLOAD_ALERT:
        return write_alert(&b->reply, d);
    case PAYLOAD_QUERY:
        return write_query(&b->query, d);
    case PAYLOAD_REPORT:
        return write_report(&b->report, d);
    case PAYLOAD_RAW:
        break;
    }
    assert(kind != PAYLOAD_RAW); /* it has no template */
    return false;
}

const ASN1_ITEM *payload_item(enum payload_kind kind)
{
    switch (kind) {
    case PAYLOAD_UPDATE:
        return ASN1_ITEM_rptr(UPDATE_DER);
    case PAYLOAD_ANSWER:
        return ASN1_ITEM_rptr(ANSWER_DER);
    case PAYLOAD_ALERT:
        return ASN1_ITEM_rptr(ALERT_DER);
    case PAYLOAD_QUERY:
        return ASN1_ITEM_rptr(QUERY_DER);
    case PAYLOAD_REPORT:
        return ASN1_ITEM_rptr(REPORT_DER);
    case PAYLOAD_RAW:
        break;
    }
    assert(kind != PAYLOAD_RAW); /* it has no template */
    return NULL;
}

bool payload_write(enum payload_kind kind, const union payload *b, ASN1_VALUE **out,
                   struct err *e)
{
    ASN1_VALUE *d = ASN1_item_new(payload_item(kind));

    if (d == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory: %s", err_openssl());
    if (!write_any(kind, b, d)) {
        ASN1_item_free(d, payload_item(kind));
        return err_set(e, ERR_INPUT, "message.value",
                       "the payload holds something that cannot be encoded: %s",
                       err_openssl());
    }
    *out = d;
    return true;
}
