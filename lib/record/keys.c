/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include "clock.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

static const char *const names[KEYS_WHATS] = {
    "compromised", "revoked", "replaced", "released", "spent", "named", "placed",
};

const char *keys_what_name(enum keys_what w)
{
    return (unsigned)w < KEYS_WHATS ? names[w] : "unknown";
}

struct hex { /* a digest as the register has it */
    char t[HEX_LEN(sizeof(struct digest))];
};

static struct hex hex_of(const struct digest *d)
{
    struct hex h = {""};

    hex_encode_lower(d->b, sizeof d->b, h.t);
    return h;
}

/* --- writing --- */

#define EUI_TEXT HEX_LEN(sizeof(struct eui64))

bool keys_noticed(struct store *s, const char *incident, const struct partyfile_header *h,
                  int64_t now_us, struct err *e)
{
    char source[PARTYFILE_ID_MAX + 8];

    (void)snprintf(source, sizeof source, "file %s", h->id);
    for (size_t i = 0; i < h->n_certificates; i++) {
        const struct partyfile_certificate *c = &h->certificates[i];
        char party[EUI_TEXT] = "";

        /* nobody ends another party's certificate; a key of the DCC is the DCC's to report */
        if (h->kind == PARTYFILE_ORGANISATION_NOTIFICATION &&
            (!c->has_subject || eui64_cmp(&c->subject, &h->subscriber) != 0))
            continue;
        if (c->has_subject)
            hex_encode(c->subject.b, sizeof c->subject.b, party);
        if (!store_run(s, e,
                       "INSERT INTO key_entry (incident, what, issuer, serial, party, cell,"
                       " source, at_us) VALUES (?1, 'compromised', ?2, ?3, ?4, ?5, ?6, ?7)",
                       "ttttt"
                       "ti",
                       incident, c->issuer, c->serial, party,
                       c->has_cell ? gbcs_cell(c->cell)->name : "", source, now_us))
            return false;
    }
    return true;
}

bool keys_decided(struct store *s, const struct authority *a, int64_t now_us, struct err *e)
{
    char source[AUTHORITY_ID_MAX + 16];

    (void)snprintf(source, sizeof source, "%s %s", authority_kind_name(a->kind), a->id);
    for (size_t i = 0; a->kind == KIND_DECISION && i < a->n_compromised; i++) {
        const struct authority_compromised *c = &a->compromised[i];

        if (!store_run(s, e,
                       "INSERT INTO key_entry (incident, what, sha256, key, cell, document,"
                       " source, at_us) VALUES (?1, 'compromised', ?2, ?3, ?4, ?5, ?6, ?7)",
                       "ttttt"
                       "ti",
                       a->incident, hex_of(&c->sha256).t,
                       c->has_key ? hex_of(&c->key_sha256).t : "", gbcs_cell(c->cell)->name,
                       hex_of(&a->digest).t, source, now_us))
            return false;
    }
    for (size_t i = 0; i < a->n_replacements; i++) {
        const struct authority_replacement *r = &a->replacements[i];

        if (!store_run(s, e,
                       "INSERT INTO key_entry (incident, what, sha256, cell, document,"
                       " source, at_us) VALUES (?1, 'named', ?2, ?3, ?4, ?5, ?6)",
                       "ttttti", a->incident, hex_of(&r->sha256).t,
                       gbcs_cell(r->cell)->name, hex_of(&a->digest).t, source, now_us))
            return false;
    }
    return true;
}

/* What it called compromised has ended so, too: one more entry for each certificate and cell. */
#define ALSO(what, where)                                                                 \
    "INSERT INTO key_entry (incident, what, sha256, key, subject, issuer, serial, party," \
    " cell, source, at_us) SELECT incident, '" what "', sha256, key, subject, issuer,"    \
    " serial, party, cell, ?2, ?3 FROM key_entry AS was WHERE incident = ?1"              \
    " AND what = 'compromised' AND back_us = 0 AND " where                                \
    " AND NOT EXISTS (SELECT 1 FROM key_entry AS done WHERE done.incident = ?1"           \
    " AND done.what = '" what "' AND done.cell = was.cell AND done.sha256 = was.sha256"   \
    " AND done.issuer = was.issuer AND done.serial = was.serial)"                         \
    " GROUP BY sha256, issuer, serial, cell ORDER BY min(n)"

static bool says_nothing_bad(enum state s)
{
    return s == STATE_FALSE_ALARM || s == STATE_STOPPED_MIDWAY || s == STATE_REFUSED;
}

/* The way from there to the end: the word stands. */
static bool on_the_way_out(enum state s)
{
    return says_nothing_bad(s) || s == STATE_RECONNECTING || s == STATE_RECONNECTED ||
           s == STATE_CLOSED;
}

bool keys_stepped(struct store *s, const char *incident, enum event event, enum state from,
                  enum state to, int64_t now_us, struct err *e)
{
    char source[48];

    (void)snprintf(source, sizeof source, "event %s", incident_event(event)->name);
    if (event == EVENT_REVOKED &&
        !store_run(s, e, ALSO("revoked", "TRUE"), "tti", incident, source, now_us))
        return false;
    if (to == STATE_RECOVERED && from != to &&
        !store_run(s, e,
                   ALSO("replaced", "EXISTS (SELECT 1 FROM key_entry AS new WHERE"
                                    " new.incident = ?1 AND new.what = 'named'"
                                    " AND new.cell = was.cell)"),
                   "tti", incident, source, now_us))
        return false;
    if (says_nothing_bad(to) && from != to)
        return store_run(s, e,
                         "UPDATE key_entry SET back_us = ?2 WHERE incident = ?1"
                         " AND what = 'compromised' AND back_us = 0",
                         "ti", incident, now_us);
    /* taken up again: what was notified counts anew, what is decided is said anew */
    if (says_nothing_bad(from) && !on_the_way_out(to))
        return store_run(s, e,
                         "UPDATE key_entry SET back_us = 0 WHERE incident = ?1"
                         " AND what = 'compromised' AND document = ''",
                         "t", incident);
    return true;
}

bool keys_released(struct store *s, const char *incident, const struct digest *symmetric,
                   int64_t now_us, struct err *e)
{
    return store_run(
        s, e,
        "INSERT INTO key_entry (incident, what, sha256, subject, source, at_us)"
        " SELECT ?1, 'released', ?2, 'Symmetric Key', 'custodians', ?3"
        " WHERE NOT EXISTS (SELECT 1 FROM key_entry WHERE incident = ?1"
        " AND what = 'released' AND sha256 = ?2)",
        "tti", incident, hex_of(symmetric).t, now_us);
}

static bool spend(struct store *s, const struct batch *b, const struct digest *sha256,
                  const struct cert *c, int64_t now_us, struct err *e)
{
    return store_run(
        s, e,
        "INSERT INTO key_entry (incident, what, sha256, key, subject, batch,"
        " source, at_us) SELECT ?1, 'spent', ?2, ?3, ?4, ?5, 'batch ' || ?5, ?6"
        " WHERE NOT EXISTS (SELECT 1 FROM key_entry WHERE incident = ?1"
        " AND what = 'spent' AND sha256 = ?2)",
        "ttttii", b->incident, hex_of(sha256).t, c != NULL ? hex_of(&c->key_sha256).t : "",
        c != NULL ? c->subject : "Symmetric Key", b->id, now_us);
}

bool keys_commanded(struct store *s, const struct batch *b, const struct authority *a,
                    const struct cert *by, int64_t now_us, struct err *e)
{
    if (!store_run(s, e,
                   "INSERT INTO key_entry (incident, what, sha256, key, subject, issuer,"
                   " serial, party, cell, document, batch, source, at_us) SELECT incident,"
                   " 'placed', sha256, key, subject, issuer, serial, party, cell, document,"
                   " ?3, 'batch ' || ?3, ?4 FROM key_entry WHERE incident = ?1"
                   " AND what = 'named' AND document = ?2 AND NOT EXISTS (SELECT 1"
                   " FROM key_entry AS done WHERE done.incident = ?1"
                   " AND done.what = 'placed' AND done.document = ?2) ORDER BY n",
                   "ttii", b->incident, hex_of(&a->digest).t, b->id, now_us))
        return false;
    return a->mode != MODE_ANY_BY_CONTINGENCY ||
           (spend(s, b, &by->sha256, by, now_us, e) &&
            spend(s, b, &a->symmetric_key_sha256, NULL, now_us, e));
}

/* As partyfile.h names it; "" where it has none, or more than one. */
static void issuer_name(const struct cert *c, char out[static PARTYFILE_NAME_MAX])
{
    const X509_NAME *name = X509_get_issuer_name(c->x);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const ASN1_STRING *v =
        at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

    out[0] = '\0';
    if (v == NULL || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0 ||
        ASN1_STRING_length(v) >= PARTYFILE_NAME_MAX)
        return;
    (void)snprintf(out, PARTYFILE_NAME_MAX, "%.*s", ASN1_STRING_length(v),
                   (const char *)ASN1_STRING_get0_data(v));
}

bool keys_learn(struct store *s, const struct certs *list, struct err *e)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct cert *c = &list->at[i];
        char issuer[PARTYFILE_NAME_MAX];
        char party[EUI_TEXT] = "";

        issuer_name(c, issuer);
        if (c->has_eui)
            hex_encode(c->eui.b, sizeof c->eui.b, party);
        if (!store_run(s, e,
                       "UPDATE key_entry SET sha256 = ?1, key = ?2, subject = ?3,"
                       " issuer = ?4, serial = ?5, party = ?6 WHERE subject = '' AND"
                       " (sha256 = ?1 OR (sha256 = '' AND issuer = ?4 AND serial = ?5"
                       " AND party IN ('', ?6)))",
                       "tttttt", hex_of(&c->sha256).t, hex_of(&c->key_sha256).t, c->subject,
                       issuer, c->serial, party))
            return false;
    }
    return true;
}

struct learning {
    struct store *store;
    struct certs *certs;
    struct err *e;
    bool ok;
};

static bool learn_bundle(void *arg, const struct store_row *row)
{
    struct learning *l = arg;
    struct err ignored;

    /* one that cannot be read any more teaches nothing */
    if (certs_read(store_blob(row, 0), "certificates", l->certs, &ignored))
        l->ok = keys_learn(l->store, l->certs, l->e);
    certs_done(l->certs);
    memset(l->certs, 0, sizeof *l->certs);
    return l->ok;
}

bool keys_learn_all(struct store *s, struct err *e)
{
    AUTO(mem) struct certs *certs = calloc(1, sizeof *certs);
    struct learning l = {s, certs, e, true};

    if (certs == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    return store_each(s, learn_bundle, &l, e,
                      "SELECT pem FROM bundle WHERE incident IN (SELECT incident FROM"
                      " key_entry WHERE subject = '')"
                      " UNION SELECT certs FROM batch WHERE incident IN (SELECT incident"
                      " FROM key_entry WHERE subject = '')",
                      "") &&
           l.ok;
}

/* --- asking --- */

struct found {
    struct keys_end end;
    char cell[24], subject[160];
    bool found;
};

static bool take(void *arg, const struct store_row *row)
{
    struct found *f = arg;

    f->found = true;
    for (unsigned w = 0; w < KEYS_WHATS; w++)
        if (strcmp(store_text(row, 0), names[w]) == 0)
            f->end.what = (enum keys_what)w;
    store_copy(row, 1, f->end.incident, sizeof f->end.incident);
    f->end.at_us = store_i64(row, 2);
    store_copy(row, 3, f->cell, sizeof f->cell);
    store_copy(row, 4, f->subject, sizeof f->subject);
    return false;
}

bool keys_ended(struct store *s, bool exercise, const char *incident, const struct cert *c,
                struct keys_end *out, bool *found, struct err *e)
{
    struct found f = {0};

    if (!store_each(s, take, &f, e,
                    "SELECT what, k.incident, at_us, cell, subject FROM key_entry AS k"
                    " JOIN incident AS i ON i.id = k.incident WHERE (sha256 = ?1"
                    " OR key = ?2) AND (what = 'replaced' OR (what = 'spent'"
                    " AND k.incident != ?3)) AND i.exercise = ?4 ORDER BY n LIMIT 1",
                    "ttti", hex_of(&c->sha256).t, hex_of(&c->key_sha256).t, incident,
                    (int64_t)exercise))
        return false;
    *out = f.end;
    *found = f.found;
    return true;
}

bool keys_may_sign(struct store *s, bool exercise, const char *incident,
                   const struct cert *c, struct err *e)
{
    struct keys_end end;
    char at[CLOCK_TEXT_LEN];
    bool found;

    if (!keys_ended(s, exercise, incident, c, &end, &found, e))
        return false;
    if (!found)
        return true;
    clock_text(end.at_us, at);
    if (end.what == KEYS_SPENT)
        return err_set(e, ERR_DENIED, "contingency.spent",
                       "spent by incident %s on %s: the key of %.120s", end.incident, at,
                       c->subject);
    return err_set(
        e, ERR_DENIED, "key.replaced",
        "replaced by incident %s on %s, the configuration has to follow: the key "
        "of %.100s",
        end.incident, at, c->subject);
}

bool keys_may_release(struct store *s, const char *incident, const struct digest *symmetric,
                      struct err *e)
{
    struct found f = {0};
    char at[CLOCK_TEXT_LEN];

    if (!store_each(s, take, &f, e,
                    "SELECT what, k.incident, at_us, cell, subject FROM key_entry AS k"
                    " JOIN incident AS i ON i.id = k.incident WHERE sha256 = ?1"
                    " AND k.incident != ?2 AND (what = 'spent' OR (what = 'released'"
                    " AND i.state = 'CLOSED')) AND i.exercise = (SELECT exercise"
                    " FROM incident WHERE id = ?2) ORDER BY what = 'released', n LIMIT 1",
                    "tt", hex_of(symmetric).t, incident))
        return false;
    if (!f.found)
        return true;
    clock_text(f.end.at_us, at);
    return err_set(e, ERR_DENIED, "contingency.spent",
                   "the Symmetric Key was %s in incident %s on %s",
                   keys_what_name(f.end.what), f.end.incident, at);
}

bool keys_may_place(struct store *s, const struct digest *document, struct err *e)
{
    struct found f = {0};
    char at[CLOCK_TEXT_LEN];

    if (!store_each(
            s, take, &f, e,
            "SELECT bad.what, bad.incident, bad.at_us, new.cell, new.subject"
            " FROM key_entry AS new JOIN key_entry AS bad ON (bad.sha256 = new.sha256"
            " OR (bad.key = new.key AND bad.key != '' AND bad.what != 'revoked')"
            " OR (bad.sha256 = '' AND bad.issuer = new.issuer AND bad.serial = new.serial"
            " AND bad.party IN ('', new.party))) JOIN incident AS i ON i.id = bad.incident"
            " WHERE new.document = ?1 AND new.what = 'named'"
            " AND bad.what IN ('compromised', 'revoked', 'replaced', 'spent')"
            " AND bad.back_us = 0 AND i.exercise = (SELECT exercise FROM incident"
            " WHERE id = new.incident) ORDER BY bad.n LIMIT 1",
            "t", hex_of(document).t))
        return false;
    if (!f.found)
        return true;
    clock_text(f.end.at_us, at);
    return err_set(e, ERR_DENIED, "replacement.ended",
                   "%s: %s in incident %s on %s: the certificate of %.100s, or its key",
                   f.cell, keys_what_name(f.end.what), f.end.incident, at, f.subject);
}
