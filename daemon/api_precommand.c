/* SPDX-License-Identifier: MIT
 *
 * Pre-commands made elsewhere, compared with what the signer would sign under a decision
 * (precommand.h). What was compared, and how it came out, is on record; nothing else
 * follows from it.
 */
#include "service.h"

#include "audit.h"
#include "beside.h"
#include "mem.h"
#include "precommand.h"
#include "rosters.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#define LINE_HEX   ((size_t)2 * CS02B_COMMAND_MAX)
#define LISTED_MAX 100

struct comparison {
    struct service *sv;
    struct request r;
    struct roster roster;
    struct warrant *w;
    struct span cms, pem;
    EVP_MD_CTX *hash;
    char line[LINE_HEX + 2];
    uint8_t octets[CS02B_COMMAND_MAX + 1];
    size_t len;
    uint8_t *seen; /* a bit per roster row: one that agrees was there */
    uint32_t devices;
    uint64_t no, lines, equal;
    json_t *different;
};

static void comparison_free(struct comparison *c)
{
    warrant_free(c->w);
    roster_done(&c->roster);
    free((void *)(uintptr_t)c->cms.at);
    free((void *)(uintptr_t)c->pem.at);
    EVP_MD_CTX_free(c->hash);
    free(c->seen);
    json_decref(c->different);
    free(c);
}

static void agrees(struct comparison *c, uint32_t row)
{
    c->equal++;
    if ((c->seen[row / 8] >> (row % 8) & 1) == 0)
        c->devices++;
    c->seen[row / 8] |= (uint8_t)(1u << (row % 8));
}

static void take_line(struct comparison *c)
{
    struct err why;
    uint32_t row;

    while (c->len > 0 && (c->line[c->len - 1] == '\r' || c->line[c->len - 1] == ' '))
        c->len--;
    c->no++;
    if (c->len == 0)
        return;
    c->lines++;
    if (c->len % 2 != 0 || c->len > LINE_HEX ||
        !hex_decode(c->line, c->len, c->octets, c->len / 2))
        (void)err_set(&why, ERR_INPUT, "precommand.kind", "not one hexadecimal message");
    else if (precommand_check(c->w, &c->roster, span_of(c->octets, c->len / 2), &row,
                              &why)) {
        agrees(c, row);
        c->len = 0;
        return;
    }
    c->len = 0;
    if (json_array_size(c->different) < LISTED_MAX)
        (void)json_array_append_new(c->different,
                                    json_pack("{s:I,s:s,s:s}", "line", (json_int_t)c->no,
                                              "rule", why.id, "reason", why.text));
}

static bool compare_write(void *arg, const char *data, size_t len, struct err *e)
{
    struct comparison *c = arg;

    if (EVP_DigestUpdate(c->hash, data, len) != 1)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n')
            take_line(c);
        else if (c->len < sizeof c->line)
            c->line[c->len++] = data[i]; /* what is longer is no message */
    }
    return true;
}

static bool record(struct comparison *c, const char *sha256, struct err *e)
{
    struct store *s = c->sv->store;
    char who[PEER_TEXT];

    service_who(&c->r, who);
    if (!store_begin(s, e))
        return false;
    if (audit_put(s, clock_now(&c->sv->clock), "PRE_COMMANDS_COMPARED", c->r.args[0], who,
                  e, "{s:s,s:s,s:I,s:I}", "decision", c->r.args[1], "sha256", sha256,
                  "count", (json_int_t)c->lines, "equal", (json_int_t)c->equal) &&
        store_commit(s, e))
        return true;
    store_rollback(s);
    return false;
}

static bool compare_end(void *arg, struct reply *out, struct err *e)
{
    struct comparison *c = arg;
    struct digest d;
    char hex[HEX_LEN(32)];
    bool ok;

    if (c->len > 0)
        take_line(c);
    ok = EVP_DigestFinal_ex(c->hash, d.b, NULL) == 1 ||
         err_set(e, ERR_STORE, "store.memory", "out of memory");
    if (ok) {
        hex_encode_lower(d.b, 32, hex);
        ok = record(c, hex, e) &&
             reply_json(out, 200,
                        json_pack("{s:s,s:I,s:I,s:I,s:I,s:O}", "sha256", hex, "lines",
                                  (json_int_t)c->lines, "equal", (json_int_t)c->equal,
                                  "different", (json_int_t)(c->lines - c->equal),
                                  "devices_without",
                                  (json_int_t)c->roster.n_rows - (json_int_t)c->devices,
                                  "differences", c->different),
                        e);
    }
    comparison_free(c);
    return ok;
}

static void compare_abort(void *arg)
{
    comparison_free(arg);
}

/* The decision as the signer would open it now, but for the custodians' word. */
static bool open_warrant(struct comparison *c, struct err *e)
{
    struct service *sv = c->sv;
    struct warrant_parts p = {.roster = &c->roster, .unreleased = true};
    AUTO(mem) struct authority *a = calloc(1, sizeof *a);
    struct docket_decision d;
    bool ok;

    if (a == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    ok = docket_decision(sv->store, c->r.args[0], c->r.args[1], &d, e);
    if (!ok && e->code != ERR_MISSING)
        return false;
    if (!ok || d.state != DECISION_LIVE ||
        strcmp(d.outcome, authority_outcome_name(AUTHORITY_AUTHORISE)) != 0)
        return err_set(e, ERR_MISSING, "decision.none",
                       "incident %s has no live decision %s that authorises", c->r.args[0],
                       c->r.args[1]);
    if (!docket_in_force(sv->store, &d.digest, a, e) ||
        !docket_bundle_for(sv->store, a, &c->pem, e) ||
        !rosters_open(sv->roster_dir, &a->roster, &c->roster, e) ||
        !docket_cms(sv->store, &d.digest, &c->cms, e))
        return false;
    p.cms = c->cms;
    p.certs_pem = c->pem;
    return warrant_open(&sv->trust, &p, clock_now(&sv->clock), &c->w, e);
}

bool api_precommands_begin(void *arg, const struct request *r, struct sink *out,
                           struct err *e)
{
    struct comparison *c = calloc(1, sizeof *c);
    const struct think_port *was;
    bool ok;

    if (c == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    c->sv = arg;
    c->r = *r;
    c->hash = EVP_MD_CTX_new();
    c->different = json_array();
    was = think_through(beside_port(c->sv->beside));
    ok = open_warrant(c, e);
    (void)think_through(was);
    if (!ok) {
        comparison_free(c);
        return false;
    }
    c->seen = calloc(c->roster.n_rows / 8 + 1, 1);
    if (c->hash == NULL || c->different == NULL || c->seen == NULL ||
        EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL) != 1) {
        comparison_free(c);
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    }
    *out = (struct sink){compare_write, compare_end, compare_abort, c, false};
    return true;
}
