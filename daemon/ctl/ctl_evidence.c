/* SPDX-License-Identifier: MIT
 *
 * audit verify, evidence export: what a stranger needs to judge what was signed, and the
 * judgement.
 *
 * evidence export fills one new folder; each file in it is what the service says, nothing is
 * made up here but the list of unused counters (from the trail itself), the sums and a
 * README that says how to check each. audit verify needs no service.
 */
#include "ctl.h"

#include "audit_check.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/pem.h>

#define HEAD_WAIT_S 60 /* for a signer to sign one */

/* --- audit verify --- */

/* Audit keys, one behind the other in PEM: a token that was replaced had its own. */
struct keys {
    EVP_PKEY *at[AUDIT_CHECK_KEYS];
    size_t n;
};

static void free_keys(struct keys *k)
{
    while (k->n > 0)
        EVP_PKEY_free(k->at[--k->n]);
}

static bool read_keys(const char *file, struct keys *k)
{
    FILE *f = fopen(file, "re");

    if (f == NULL) {
        ctl_say("%s: %s", file, strerror(errno));
        return false;
    }
    while (k->n < AUDIT_CHECK_KEYS &&
           (k->at[k->n] = PEM_read_PUBKEY(f, NULL, NULL, NULL)) != NULL)
        k->n++;
    (void)fclose(f);
    if (k->n == 0)
        ctl_say("%s: no public key in PEM", file);
    return k->n > 0;
}

static FILE *open_file(const char *file)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");

    if (f == NULL)
        ctl_say("%s: %s", file, strerror(errno));
    return f;
}

/* files[0] is the trail, the others are accounts. False: *e, or (code ERR_NONE) said on stderr
 * why a file cannot be read. */
static bool check_files(struct audit_check *c, char *const files[], int n,
                        struct audit_verdict *v, struct err *e)
{
    bool ok = true;

    memset(v, 0, sizeof *v);
    *e = (struct err){0};
    for (int i = 0; ok && i < n; i++) {
        FILE *f = open_file(files[i]);

        if (f == NULL)
            return false;
        ok = i == 0 ? audit_check_trail(c, f, files[i], e)
                    : audit_check_account(c, f, files[i], e);
        if (f != stdin)
            (void)fclose(f);
    }
    return ok && audit_check_end(c, v, e);
}

static json_t *verdict_json(const struct audit_verdict *v, bool keyed)
{
    json_t *j =
        json_pack("{s:I,s:I,s:s,s:I,s:I,s:I,s:s,s:I}", "records", (json_int_t)v->records,
                  "first", (json_int_t)v->first_seq, "last_hash", v->last_hash,
                  "signed_rows", (json_int_t)v->signed_rows, "counters_reserved",
                  (json_int_t)v->reserved, "heads", (json_int_t)v->heads, "heads_signed_by",
                  keyed ? "the key given" : "not judged: --audit-key",
                  "records_behind_last_head", (json_int_t)v->open_records);

    if (v->accounts > 0)
        (void)json_object_update_new(
            j, json_pack("{s:I,s:I,s:I,s:I,s:I}", "accounts", (json_int_t)v->accounts,
                         "account_records", (json_int_t)v->account_records, "account_rows",
                         (json_int_t)v->account_rows, "account_behind_last_head",
                         (json_int_t)v->account_open, "signed_and_not_kept",
                         (json_int_t)v->not_kept));
    return j;
}

static int run_audit_verify(struct ctl *c, const struct ctl_args *a)
{
    struct keys keys = {0};
    struct audit_check *check;
    struct audit_verdict v;
    struct err e;
    int rc;

    if (a->opt[0] != NULL && !read_keys(a->opt[0], &keys))
        return CTL_INPUT;
    if (!audit_check_new(keys.at, keys.n, &check, &e)) {
        free_keys(&keys);
        return ctl_failed_here(&e);
    }
    rc = check_files(check, a->v, a->n, &v, &e) ? CTL_OK
         : e.code == ERR_NONE                   ? CTL_MISSING
                                                : ctl_failed_here(&e);
    audit_check_free(check);
    if (rc == CTL_OK) {
        json_t *j = verdict_json(&v, keys.n > 0);

        (void)ctl_show(c, j, json_dumps(j, JSON_COMPACT));
    }
    free_keys(&keys);
    return rc;
}

/* --- evidence export --- */

struct folder {
    struct ctl *c;
    const char *dir;
    char incident[128];
    bool has_account, has_key; /* no signer may be left to ask */
    struct audit_verdict v;
    struct err fault; /* what does not hold; ERR_NONE: all does */
};

/* "DIR/NAME", kept until the next but three. */
static const char *in_folder(const struct folder *x, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, PATH_MAX, "%s/%s", x->dir, name);
    return path;
}

static int get(struct folder *x, const char *path, const char *name)
{
    return ctl_download(x->c, path, in_folder(x, name));
}

/* So that all that is exported is covered by a signed head. */
static int seal(struct folder *x)
{
    int64_t wanted = 0;

    for (int i = 0; i < HEAD_WAIT_S * 10; i++) {
        json_int_t records, covered;
        json_t *j;
        int rc = ctl_send(x->c, "POST", "/v1/audit/heads", NULL, &j, NULL);

        if (rc != CTL_OK)
            return rc;
        if (json_unpack(j, "{s:I,s:I}", "records", &records, "covered", &covered) != 0)
            records = covered = 0;
        json_decref(j);
        if (i == 0)
            wanted = records;
        if (wanted > 0 && covered >= wanted)
            return CTL_OK;
        (void)nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    ctl_say("no signer has signed a head of the audit trail; see status");
    return CTL_BUSY;
}

/* The papers of each decision, by their ids, which the service checked for letters. */
static int papers(struct folder *x, const json_t *story)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(story, "decisions"), i, one)
    {
        char path[512], name[300];
        const char *id = ctl_text(one, "id");
        int rc;

        if (!ctl_path(path, "/v1/incidents/{}/decisions/{}", x->incident, id))
            return CTL_INPUT;
        (void)snprintf(name, sizeof name, "decision-%.100s.json", id);
        rc = get(x, path, name);
        if (rc != CTL_OK)
            return rc;
        (void)strncat(path, "?form=cms", sizeof path - strlen(path) - 1);
        (void)snprintf(name, sizeof name, "decision-%.100s.cms", id);
        rc = get(x, path, name);
        if (rc != CTL_OK)
            return rc;
    }
    return CTL_OK;
}

static int commands(struct folder *x, const json_t *story)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(story, "batches"), i, one)
    {
        json_int_t id = json_integer_value(json_object_get(one, "id"));
        char path[512], name[64];
        int rc;

        if (json_integer_value(json_object_get(one, "signed")) == 0)
            continue;
        (void)snprintf(path, sizeof path, "/v1/batches/%" JSON_INTEGER_FORMAT "/commands",
                       id);
        (void)snprintf(name, sizeof name, "commands-%" JSON_INTEGER_FORMAT ".tar", id);
        rc = get(x, path, name);
        if (rc != CTL_OK)
            return rc;
    }
    return CTL_OK;
}

/* The story in full, as text. */
static int keep_story(const struct folder *x, const char *text)
{
    FILE *f = fopen(in_folder(x, "incident.json"), "wxe");

    bool ok = f != NULL && fprintf(f, "%s\n", text) > 0;

    if (f != NULL && fclose(f) != 0)
        ok = false;
    if (ok)
        return CTL_OK;
    ctl_say("%s/incident.json: %s", x->dir, strerror(errno));
    return CTL_STORE;
}

static json_int_t version_of(const json_t *paper)
{
    return json_integer_value(json_object_get(paper, "version"));
}

/* Each version of a paper but the one on file: a document may name it. */
static int earlier(struct folder *x, const json_t *versions, json_int_t on_file,
                   const char *what, const char *name, const char *ending)
{
    const json_t *one;
    size_t i;

    json_array_foreach(versions, i, one)
    {
        json_int_t n = version_of(one);
        char path[512];
        char file[64];
        int rc;

        if (n == on_file)
            continue;
        if (!ctl_path(path, "/v1/incidents/{}/{}", x->incident, what))
            return CTL_INPUT;
        (void)snprintf(path + strlen(path), sizeof path - strlen(path),
                       "?version=%" JSON_INTEGER_FORMAT, n);
        (void)snprintf(file, sizeof file, "%s-%" JSON_INTEGER_FORMAT "%s", name, n, ending);
        rc = get(x, path, file);
        if (rc != CTL_OK)
            return rc;
    }
    return CTL_OK;
}

/* An incident that was closed early has no list and no certificates. */
static int list_and_certificates(struct folder *x, const json_t *story)
{
    const json_t *rosters = json_object_get(story, "rosters");
    const json_t *bundles;
    char path[512];
    int rc;

    if (json_array_size(rosters) == 0)
        return CTL_OK;
    if (!ctl_path(path, "/v1/incidents/{}/roster", x->incident, NULL))
        return CTL_INPUT;
    rc = get(x, path, "roster.csv");
    if (rc == CTL_OK)
        rc = earlier(x, rosters, version_of(json_object_get(story, "roster")), "roster",
                     "roster", ".csv");
    if (rc != CTL_OK || json_array_size(json_object_get(story, "decisions")) == 0)
        return rc;
    if (!ctl_path(path, "/v1/incidents/{}/certificates", x->incident, NULL))
        return CTL_INPUT;
    rc = get(x, path, "certificates.pem");
    bundles = json_object_get(story, "bundles");
    if (rc == CTL_OK)
        rc = earlier(x, bundles,
                     version_of(json_array_get(bundles, json_array_size(bundles) - 1)),
                     "certificates", "certificates", ".pem");
    return rc;
}

static int story_and_parts(struct folder *x, bool with_commands)
{
    json_t *story;
    char *text;
    int rc = ctl_incident(x->c, x->incident, &story, &text);

    if (rc != CTL_OK)
        return rc;
    rc = keep_story(x, text);
    if (rc == CTL_OK)
        rc = papers(x, story);
    if (rc == CTL_OK)
        rc = list_and_certificates(x, story);
    if (rc == CTL_OK && with_commands)
        rc = commands(x, story);
    json_decref(story);
    free(text);
    return rc;
}

static void put_unused(void *arg, const char *originator, uint64_t first, uint64_t last)
{
    (void)fprintf(arg, "%s,%" PRIu64 ",%" PRIu64 "\n", originator, first, last);
}

static bool put_all_unused(const struct folder *x, const struct audit_check *check)
{
    FILE *f = fopen(in_folder(x, "unused-counters.csv"), "wxe");

    if (f == NULL)
        return false;
    (void)fputs("originator,first,last\n", f);
    audit_check_unused(check, put_unused, f);
    return fclose(f) == 0;
}

/* What does not hold is said in the README, and by the exit status: the folder is evidence all
 * the same. */
static int judge(struct folder *x)
{
    char trail[PATH_MAX], account[PATH_MAX];
    char *files[] = {trail, account};
    struct keys keys = {0};
    struct audit_check *check;
    struct err e;
    int rc = CTL_OK;

    (void)snprintf(trail, sizeof trail, "%s", in_folder(x, "audit.jsonl"));
    (void)snprintf(account, sizeof account, "%s", in_folder(x, "account.jsonl"));
    if (x->has_key && !read_keys(in_folder(x, "audit-key.pem"), &keys))
        return CTL_INPUT;
    if (!audit_check_new(keys.at, keys.n, &check, &e)) {
        free_keys(&keys);
        return ctl_failed_here(&e);
    }
    if (!check_files(check, files, x->has_account ? 2 : 1, &x->v, &x->fault) &&
        x->fault.code == ERR_NONE)
        rc = CTL_INPUT;
    else if (!put_all_unused(x, check)) {
        ctl_say("%s: %s", x->dir, strerror(errno));
        rc = CTL_STORE;
    }
    audit_check_free(check);
    free_keys(&keys);
    return rc;
}

static void say_how_it_stands(const struct folder *x, FILE *f)
{
    if (!x->has_account)
        (void)fputs(
            "There was no signer to ask for the account: take account.jsonl from the\n"
            "signers' folder (StateDirectory= of [Signer]) and check it with the trail.\n",
            f);
    if (!x->has_key)
        (void)fputs("There was no signer to ask for the audit key: take what the ceremony\n"
                    "printed.\n",
                    f);
    if (x->fault.code != ERR_NONE)
        (void)fprintf(f, "When this was written it did NOT hold:\n  %s [%s]\n",
                      x->fault.text, x->fault.id);
    else
        (void)fprintf(
            f,
            "When this was written it held: %" PRIu64 " records, %" PRIu64
            " commands signed, %" PRIu64
            " commands that signers\nmade and the service never kept (orders that were "
            "lost), %" PRIu64 " signed heads.\n",
            x->v.records, x->v.signed_rows, x->v.not_kept, x->v.heads);
}

static int readme(const struct folder *x)
{
    FILE *f = fopen(in_folder(x, "README.txt"), "wxe");

    if (f == NULL) {
        ctl_say("%s: %s", x->dir, strerror(errno));
        return CTL_STORE;
    }
    (void)fprintf(
        f,
        "Evidence of incident %s.\n\n"
        "incident.json          its story, as the service tells it: states, papers, "
        "batches\n"
        "decision-*.cms, .json  each paper as it was signed (a decision, an instruction, "
        "the\n"
        "                       custodians' activation), and how each signer was judged.\n"
        "                       check-decision.sh DECISION.cms ANCHOR.pem K N\n"
        "roster.csv             the devices, as on file now; its sha256sum stands in the\n"
        "                       decision about it. roster-N.csv: earlier versions, and\n"
        "                       corrections that were proposed\n"
        "certificates.pem       new and compromised certificates; the decision names "
        "their\n"
        "                       digests. certificates-N.pem: earlier versions\n"
        "commands-*.tar         what was signed, <device>-<counter>.bin each, and a "
        "record.json.\n"
        "                       verify-command.sh COMMAND.bin CERTIFICATE.pem\n"
        "audit.jsonl            the service's audit trail, whole; what was exported stands "
        "there\n"
        "                       as COMMANDS_EXPORTED\n"
        "account.jsonl          the signers' own account of what they signed\n"
        "audit-key.pem          the token's audit key. Compare it with what the ceremony\n"
        "                       printed when it was made: this copy comes from the "
        "service.\n"
        "record.json            how far counters and trail had come: what a restored state "
        "is\n"
        "                       held against (smki-recoveryctl audit expect record.json)\n"
        "unused-counters.csv    counters that were reserved and never used\n"
        "SHA256SUMS             sha256sum -c SHA256SUMS\n\n"
        "Trail and account against each other and the signed heads, by this software, and "
        "by\n"
        "jq, openssl and sha256sum alone:\n\n"
        "  smki-recoveryctl audit verify --audit-key audit-key.pem audit.jsonl "
        "account.jsonl\n"
        "  check-evidence.sh .\n\n",
        x->incident);
    say_how_it_stands(x, f);
    if (fclose(f) == 0)
        return CTL_OK;
    ctl_say("%s: %s", x->dir, strerror(errno));
    return CTL_STORE;
}

/* --- SHA256SUMS --- */

static bool sum_of(const char *path, char hex[HEX_LEN(32)])
{
    AUTO(mdctx) EVP_MD_CTX *x = EVP_MD_CTX_new();
    AUTO(mem) uint8_t *buf = malloc(1u << 16);
    FILE *f = fopen(path, "re");
    struct digest d;
    size_t n = 0;
    bool ok = f != NULL && x != NULL && buf != NULL &&
              EVP_DigestInit_ex(x, EVP_sha256(), NULL) == 1;

    while (ok && (n = fread(buf, 1, 1u << 16, f)) > 0)
        ok = EVP_DigestUpdate(x, buf, n) == 1;
    ok = ok && !ferror(f) && EVP_DigestFinal_ex(x, d.b, NULL) == 1;
    if (f != NULL)
        (void)fclose(f);
    if (ok)
        hex_encode_lower(d.b, sizeof d.b, hex);
    return ok;
}

static int is_visible(const struct dirent *d)
{
    return d->d_name[0] != '.' && strcmp(d->d_name, "SHA256SUMS") != 0;
}

/* As sha256sum writes and reads it, of all that is in the folder; the last file in it. */
static int sums(const struct folder *x)
{
    struct dirent **names;
    FILE *f = fopen(in_folder(x, "SHA256SUMS"), "wxe");
    int n = f != NULL ? scandir(x->dir, &names, is_visible, alphasort) : -1;
    bool ok = n >= 0;

    for (int i = 0; i < n; i++) {
        char hex[HEX_LEN(32)];

        ok = ok && sum_of(in_folder(x, names[i]->d_name), hex) &&
             fprintf(f, "%s  %s\n", hex, names[i]->d_name) > 0;
        free(names[i]);
    }
    if (n >= 0)
        free((void *)names);
    if (f != NULL && fclose(f) != 0)
        ok = false;
    if (ok)
        return CTL_OK;
    ctl_say("%s/SHA256SUMS: %s", x->dir, strerror(errno));
    return CTL_STORE;
}

/* What only signers have is left out where none is there: a lost token has its evidence too. */
static int from_signers(struct folder *x)
{
    int rc = get(x, "/v1/audit/account", "account.jsonl");

    x->has_account = rc == CTL_OK;
    if (rc != CTL_OK && rc != CTL_BUSY)
        return rc;
    rc = get(x, "/v1/audit/key", "audit-key.pem");
    x->has_key = rc == CTL_OK;
    return rc == CTL_BUSY ? CTL_OK : rc;
}

static int fill(struct folder *x, bool with_commands)
{
    int rc = story_and_parts(x, with_commands);

    if (rc != CTL_OK)
        return rc;
    rc = seal(x); /* so that all of it is covered; without, the last head stands */
    if (rc == CTL_OK || rc == CTL_BUSY)
        rc = get(x, "/v1/audit/record", "record.json"); /* first: the trail reaches it */
    if (rc == CTL_OK)
        rc = get(x, "/v1/audit?from=1", "audit.jsonl");
    if (rc == CTL_OK)
        rc = from_signers(x);
    if (rc == CTL_OK)
        rc = judge(x);
    if (rc == CTL_OK)
        rc = readme(x);
    return rc == CTL_OK ? sums(x) : rc;
}

static int run_evidence(struct ctl *c, const struct ctl_args *a)
{
    AUTO(mem) struct folder *x = calloc(1, sizeof *x);
    int rc;

    if (x == NULL)
        return CTL_STORE;
    *x = (struct folder){.c = c, .dir = a->opt[0]};
    if (x->dir == NULL) {
        ctl_say("say where to: --out DIR, a folder that is not there yet");
        return CTL_USAGE;
    }
    (void)snprintf(x->incident, sizeof x->incident, "%.127s", a->v[0]);
    if (mkdir(x->dir, 0750) != 0) {
        ctl_say("%s: %s", x->dir, strerror(errno));
        return CTL_INPUT;
    }
    rc = fill(x, a->opt[1] == NULL);
    if (rc != CTL_OK) {
        if (rmdir(x->dir) != 0) /* with something in it */
            ctl_say("%s is not complete: remove it and try again", x->dir);
        return rc;
    }
    if (x->fault.code != ERR_NONE)
        return ctl_failed_here(&x->fault);
    return ctl_done(c, verdict_json(&x->v, x->has_key), NULL);
}

const struct ctl_verb ctl_evidence_verbs[] = {
    {"audit verify",
     "TRAIL [ACCOUNT...]",
     1,
     16,
     "Check an exported audit trail, and the signers' accounts against it, offline",
     run_audit_verify,
     {{"audit-key", "FILE", "the token's audit key, PEM: judge the heads' signatures"}}},
    {"evidence export",
     "INCIDENT",
     1,
     1,
     "All that a stranger needs to judge an incident, in one folder",
     run_evidence,
     {{"out", "DIR", "a folder that is not there yet"},
      {"no-commands", NULL, "leave out the commands themselves"}}},
    {0},
};
