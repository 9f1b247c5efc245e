/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "mem.h"
#include "near.h"
#include "textform.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the table: one row per key; a newcomer who adds a setting adds a row --- */

enum type { T_TEXT, T_PATH, T_BOOL, T_UINT, T_S64, T_U64, T_LIST, T_HEX };

struct key_row {
    const char *section;
    const char *key;
    enum type type;
    size_t offset; /* in struct config, or in the section's element */
    size_t size;   /* of the field, or of one list element */
    size_t extra;  /* T_LIST: offset of the count; T_U64: offset of the has_ flag, or 0 */
    size_t list_max;
    long long lo, hi;
    const char *certainty;
};

#define AT(s, f)  offsetof(struct s, f)
#define LEN(s, f) sizeof(((struct s *)0)->f)
#define TEXT(sec, k, s, f, sure)                              \
    {                                                         \
        sec, k, T_TEXT, AT(s, f), LEN(s, f), 0, 0, 0, 0, sure \
    }
#define PATH(sec, k, s, f, sure)                              \
    {                                                         \
        sec, k, T_PATH, AT(s, f), LEN(s, f), 0, 0, 0, 0, sure \
    }
#define HEXT(sec, k, s, f, sure)                             \
    {                                                        \
        sec, k, T_HEX, AT(s, f), LEN(s, f), 0, 0, 0, 0, sure \
    }
#define BOOL(sec, k, s, f, sure)                              \
    {                                                         \
        sec, k, T_BOOL, AT(s, f), LEN(s, f), 0, 0, 0, 0, sure \
    }
#define UINT(sec, k, s, f, lo, hi, sure)                        \
    {                                                           \
        sec, k, T_UINT, AT(s, f), LEN(s, f), 0, 0, lo, hi, sure \
    }
#define S64(sec, k, s, f, lo, hi, sure)                        \
    {                                                          \
        sec, k, T_S64, AT(s, f), LEN(s, f), 0, 0, lo, hi, sure \
    }
#define U64(sec, k, s, f, has, sure)                                          \
    {                                                                         \
        sec, k, T_U64, AT(s, f), LEN(s, f), AT(s, has), 0, 0, INT64_MAX, sure \
    }
#define LIST(sec, k, s, f, n, sure)                                                       \
    {                                                                                     \
        sec, k, T_LIST, AT(s, f), LEN(s, f[0]), AT(s, n), LEN(s, f) / LEN(s, f[0]), 0, 0, \
            sure                                                                          \
    }

/* Where a key comes from. Public text says nothing of most; where it names the thing and not the
 * number, a default is this house's (RefusedListDays=), or there is none (Threshold=). */
static const char CHOICE[] = "choice", UNKNOWN[] = "UNKNOWN", INFERRED[] = "INFERRED";

static const struct key_row table[] = {
    PATH("Service", "Socket", config, service.socket, CHOICE),
    PATH("Service", "StateDirectory", config, service.state_dir, CHOICE),
    PATH("Service", "SignerProgram", config, service.signer_program, CHOICE),
    PATH("Service", "SignerSocket", config, service.signer_socket, CHOICE),
    PATH("Service", "Anchor", config, service.anchor, CHOICE),
    BOOL("Service", "Exercise", config, service.exercise, CHOICE),
    BOOL("Service", "ExerciseLogins", config, service.exercise_logins, CHOICE),
    S64("Service", "MaxRosterBytes", config, service.max_roster_bytes, 1, 1LL << 40,
        CHOICE),
    UINT("Service", "MaxClients", config, service.max_clients, 1, 10000, CHOICE),
    UINT("Service", "MaxClientsPerUser", config, service.max_clients_per_uid, 1, 10000,
         CHOICE),
    UINT("Service", "TwoPersonSec", config, service.two_person_s, 0, 86400, UNKNOWN),
    UINT("Service", "ConfirmAlarmSec", config, service.custodian_alarm_s, 0, 31536000,
         UNKNOWN),
    UINT("Service", "NotifyPmaAlarmSec", config, service.pma_alarm_s, 0, 31536000, UNKNOWN),
    UINT("Service", "SuspendAlarmSec", config, service.suspend_alarm_s, 0, 31536000,
         UNKNOWN),
    UINT("Service", "DecisionAlarmSec", config, service.decision_alarm_s, 0, 31536000,
         UNKNOWN),
    UINT("Service", "CeremonyAlarmDays", config, service.reshare_alarm_d, 0, 36500,
         UNKNOWN),
    UINT("Service", "RefusedListDays", config, service.refused_list_d, 0, 36500, UNKNOWN),
    UINT("Service", "KeepUploadsDays", config, service.keep_uploads_d, 1, 36500, CHOICE),
    UINT("Service", "KeepNoticesDays", config, service.keep_notices_d, 0, 36500, CHOICE),
    UINT("Service", "DiskAlarmMB", config, service.disk_alarm_mb, 0, 1000000000, CHOICE),
    TEXT("Service", "EndDecision", config, service.end_decision, UNKNOWN),
    PATH("Signer", "StateDirectory", config, signer.state_dir, CHOICE),
    UINT("Signer", "CallTimeoutSec", config, signer.call_timeout_s, 1, 3600, CHOICE),
    UINT("Signer", "ProbeIntervalSec", config, signer.probe_interval_s, 1, 86400, CHOICE),
    UINT("Signer", "HeadIntervalSec", config, signer.head_interval_s, 1, 86400, CHOICE),
    UINT("Signer", "RenewAfter", config, signer.renew_after, 0, 1000000, CHOICE),
    UINT("Signer", "TokenLostSec", config, signer.token_lost_s, 1, 86400, CHOICE),
    UINT("Counter", "Block", config, counter.block, 256, 1000000, CHOICE),
    UINT("Counter", "SkipAhead", config, counter.skip, 1, UINT32_MAX, CHOICE),
    U64("Counter", "Start", config, counter.start, counter.has_start, UNKNOWN),
    BOOL("Command", "DisapplyTimeChecks", config, command.disapply_time, INFERRED),
    U64("Command", "Floor", config, command.floor, command.has_floor, INFERRED),
    U64("Command", "OtherFloor", config, command.other_floor, command.has_other_floor,
        INFERRED),
    BOOL("Command", "LoadControllerCells", config, command.load_cells, UNKNOWN),
    PATH("Trust", "Root", config, trust.root, INFERRED),
    PATH("Trust", "Issuing", config, trust.issuing, INFERRED),
    TEXT("Trust", "Custodians", config, trust.custodians, UNKNOWN),
    PATH("Token", "Module", config_token, module, CHOICE),
    TEXT("Token", "InitArgs", config_token, init_args, CHOICE),
    TEXT("Token", "Label", config_token, label, CHOICE),
    TEXT("Token", "Serial", config_token, serial, CHOICE),
    TEXT("Token", "PinCredential", config_token, pin_credential, CHOICE),
    PATH("Token", "PinFile", config_token, pin_file, CHOICE),
    HEXT("Token", "ProbeId", config_token, probe_id, CHOICE),
    HEXT("Token", "AuditId", config_token, audit_id, CHOICE),
    UINT("Token", "Workers", config_token, workers, 1, 64, CHOICE),
    UINT("Token", "Sessions", config_token, sessions, 1, 64, CHOICE),
    TEXT("Token", "Standard", config_token, standard, UNKNOWN),
    BOOL("Token", "AllowLowPinCount", config_token, low_pin_ok, CHOICE),
    BOOL("Token", "SessionKeyCopy", config_token, copy_key, CHOICE),
    TEXT("Token", "Mark", config_token, mark, CHOICE),
    TEXT("Key", "Token", config_key, token, CHOICE),
    HEXT("Key", "Id", config_key, id, CHOICE),
    TEXT("Key", "Label", config_key, label, CHOICE),
    PATH("Key", "Certificate", config_key, certificate, CHOICE),
    TEXT("Key", "Authority", config_key, authority, INFERRED),
    PATH("Authority", "Anchor", config_authority, anchor, CHOICE),
    PATH("Authority", "Crl", config_authority, crl, CHOICE),
    UINT("Authority", "Threshold", config_authority, threshold, 1, 31, UNKNOWN),
    UINT("Authority", "Members", config_authority, members, 1, 32, UNKNOWN),
    LIST("Authority", "RequiredSeats", config_authority, seats, n_seats, UNKNOWN),
    HEXT("Authority", "Organisation", config_authority, organisation, INFERRED),
    S64("Authority", "MaxWindowSec", config_authority, max_window_s, 60, 315360000,
        UNKNOWN),
    TEXT("Person", "Name", config_person, holder, CHOICE),
    TEXT("Person", "Organisation", config_person, organisation, CHOICE),
    LIST("Person", "Users", config_person, users, n_users, CHOICE),
    LIST("Person", "Keys", config_person, keys, n_keys, CHOICE),
    LIST("Person", "Seats", config_person, seats, n_seats, CHOICE),
    LIST("Role", "Users", config_role, users, n_users, CHOICE),
    LIST("Role", "Groups", config_role, groups, n_groups, CHOICE),
    TEXT("Recipient", "Name", config_recipient, holder, CHOICE),
    TEXT("Recipient", "Address", config_recipient, address, CHOICE),
    LIST("Recipient", "Events", config_recipient, events, n_events, CHOICE),
};

/* Sections that come by name, and where their elements lie. */
static const struct named_row {
    const char *section;
    size_t offset, size, count, max;
} named[] = {
    {"Token", AT(config, tokens), sizeof(struct config_token), AT(config, n_tokens),
     CONFIG_TOKENS_MAX},
    {"Key", AT(config, keys), sizeof(struct config_key), AT(config, n_keys),
     CONFIG_KEYS_MAX},
    {"Authority", AT(config, authorities), sizeof(struct config_authority),
     AT(config, n_authorities), CONFIG_AUTHORITIES_MAX},
    {"Role", AT(config, roles), sizeof(struct config_role), AT(config, n_roles),
     CONFIG_ROLES_MAX},
    {"Person", AT(config, people), sizeof(struct config_person), AT(config, n_people),
     CONFIG_PEOPLE_MAX},
    {"Recipient", AT(config, recipients), sizeof(struct config_recipient),
     AT(config, n_recipients), CONFIG_RECIPIENTS_MAX},
};

/* Every element begins with its name. */
_Static_assert(AT(config_token, name) == 0 && AT(config_key, name) == 0 &&
                   AT(config_authority, name) == 0 && AT(config_role, name) == 0 &&
                   AT(config_person, name) == 0 && AT(config_recipient, name) == 0,
               "elements are found by the name at their front");

void config_defaults(struct config *c)
{
    memset(c, 0, sizeof *c);
    (void)strcpy(c->service.socket, "/run/smki-recovery/operator.sock");
    (void)strcpy(c->service.state_dir, "/var/lib/smki-recovery");
    c->service.max_roster_bytes = (int64_t)16 << 30;
    c->service.max_clients = 64;
    c->service.max_clients_per_uid = 16;
    c->service.two_person_s = 600;
    (void)strcpy(c->signer.state_dir, "/var/lib/smki-recovery-signer");
    c->service.refused_list_d = 28;
    c->service.keep_uploads_d = 14;
    c->service.disk_alarm_mb = 1024;
    (void)strcpy(c->service.end_decision, "pma");
    c->signer.call_timeout_s = 30;
    c->signer.probe_interval_s = 10;
    c->signer.head_interval_s = 600;
    c->signer.token_lost_s = 300;
    c->signer.renew_after = 1000;
    c->counter.block = 8192;
    c->counter.skip = 10000000;
}

static void token_defaults(struct config_token *t)
{
    t->workers = t->sessions = 1;
    t->copy_key = true;
    (void)strcpy(t->mark, "token");
}

static void authority_defaults(struct config_authority *a)
{
    a->max_window_s = INT64_C(14) * 86400;
}

#define NAMED_MAX                                                                      \
    (CONFIG_TOKENS_MAX + CONFIG_KEYS_MAX + CONFIG_AUTHORITIES_MAX + CONFIG_ROLES_MAX + \
     CONFIG_PEOPLE_MAX + CONFIG_RECIPIENTS_MAX)

struct parser {
    struct config *c;
    const char *file;
    unsigned line;
    const char *section;          /* of the table; NULL before the first */
    const struct named_row *kind; /* NULL: a section without a name */
    char *element;                /* base of what keys fill */
    const char *seen[NAMED_MAX];  /* elements whose header stood in this file */
    size_t n_seen;
};

static bool bad(const struct parser *p, struct err *e, const char *id, const char *what,
                const char *value)
{
    return err_set(e, ERR_INPUT, id, "%s:%u: %s%s%.60s%s", p->file, p->line, what,
                   value ? " \"" : "", value ? value : "", value ? "\"" : "");
}

static bool add_element(struct parser *p, const struct named_row *n, const char *name,
                        struct err *e)
{
    char *base = (char *)p->c + n->offset;
    size_t *count = (size_t *)(void *)((char *)p->c + n->count);

    if (strlen(name) >= CONFIG_NAME_MAX || name[0] == '\0')
        return bad(p, e, "config.section",
                   "a section name of 1 to 39 characters is due:", name);
    for (size_t i = 0; i < *count; i++)
        if (strcmp(base + i * n->size, name) == 0) {
            p->element = base + i * n->size;
            return true;
        }
    if (*count == n->max)
        return bad(p, e, "config.section", "too many sections of this kind:", name);
    p->element = base + (*count)++ * n->size;
    (void)strcpy(p->element, name);
    if (strcmp(n->section, "Token") == 0)
        token_defaults((struct config_token *)(void *)p->element);
    if (strcmp(n->section, "Authority") == 0)
        authority_defaults((struct config_authority *)(void *)p->element);
    return true;
}

/* A word that is no key of that section, or (NULL) no section. */
static bool unknown(const struct parser *p, struct err *e, const char *id, const char *what,
                    const char *word, const char *section)
{
    enum { N = sizeof table / sizeof table[0] };
    const char *words[N] = {NULL};
    char hint[NEAR_TEXT];
    size_t n = 0;

    for (size_t i = 0; i < N; i++)
        if (section != NULL ? strcmp(table[i].section, section) == 0
                            : n == 0 || strcmp(words[n - 1], table[i].section) != 0)
            words[n++] = section != NULL ? table[i].key : table[i].section;
    return err_set(e, ERR_INPUT, id, "%s:%u: unknown %s \"%.60s\"%s", p->file, p->line,
                   what, word, near_hint(hint, word, words, n));
}

static bool begin_section(struct parser *p, char *line, struct err *e)
{
    char *end = strchr(line, ']');
    char *name;

    if (end == NULL || end[1] != '\0')
        return bad(p, e, "config.section", "a section header ends in ']':", line);
    *end = '\0';
    line++;
    name = strchr(line, ' ');
    if (name != NULL) {
        size_t n;

        *name++ = '\0';
        n = strlen(name);
        if (n < 2 || name[0] != '"' || name[n - 1] != '"')
            return bad(p, e, "config.section", "a section's name stands in quotes:", name);
        name[n - 1] = '\0';
        name++;
    }
    p->section = NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].section, line) == 0) {
            p->section = table[i].section;
            break;
        }
    if (p->section == NULL)
        return unknown(p, e, "config.section", "section", line, NULL);
    p->element = (char *)p->c;
    p->kind = NULL;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(named[i].section, p->section) == 0) {
            p->kind = &named[i];
            if (name == NULL)
                return bad(p, e, "config.section", "this section needs a name:", line);
            if (!add_element(p, &named[i], name, e))
                return false;
            name = NULL;
        }
    if (name != NULL)
        return bad(p, e, "config.section", "this section takes no name:", line);
    if (p->kind == NULL)
        return true;
    for (size_t i = 0; i < p->n_seen; i++)
        if (p->seen[i] == p->element)
            return bad(p, e, "config.section",
                       "the same section twice in one file:", p->element);
    p->seen[p->n_seen++] = p->element;
    return true;
}

/* A value of nothing: back to what an empty file would give. */
static bool reset(const struct parser *p, const struct key_row *k)
{
    struct config d;
    const char *from = (const char *)&d + (p->kind != NULL ? p->kind->offset : 0);

    config_defaults(&d);
    token_defaults(&d.tokens[0]);
    authority_defaults(&d.authorities[0]);
    if (k->type == T_LIST)
        *(size_t *)(void *)(p->element + k->extra) = 0;
    else
        memcpy(p->element + k->offset, from + k->offset, k->size);
    if (k->type == T_U64)
        *(bool *)(void *)(p->element + k->extra) = false;
    return true;
}

static bool set_list(const struct parser *p, const struct key_row *k, char *value,
                     struct err *e)
{
    size_t *n = (size_t *)(void *)(p->element + k->extra);
    char *save = NULL;

    for (char *one = strtok_r(value, " \t,", &save); one;
         one = strtok_r(NULL, " \t,", &save)) {
        if (*n == k->list_max || strlen(one) >= k->size)
            return bad(p, e, "config.value", "list too long or entry too long:", one);
        (void)strcpy(p->element + k->offset + (*n)++ * k->size, one);
    }
    return true;
}

static bool set_text(const struct parser *p, const struct key_row *k, const char *value,
                     struct err *e)
{
    if (strlen(value) >= k->size)
        return bad(p, e, "config.value", "value too long:", value);
    if (k->type == T_PATH && value[0] != '/')
        return bad(p, e, "config.value", "an absolute path is due:", value);
    if (k->type == T_HEX) {
        size_t n = strlen(value);

        if (n % 2 != 0 || strspn(value, "0123456789abcdefABCDEF") != n)
            return bad(p, e, "config.value", "pairs of hex digits are due:", value);
    }
    (void)strcpy(p->element + k->offset, value);
    return true;
}

static bool set_number(const struct parser *p, const struct key_row *k, const char *value,
                       struct err *e)
{
    void *at = p->element + k->offset;
    char *end;
    long long v;

    errno = 0;
    v = strtoll(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || v < k->lo ||
        v > k->hi)
        return bad(p, e, "config.value", "a number out of range, or none:", value);
    if (k->type == T_UINT)
        *(unsigned *)at = (unsigned)v;
    else if (k->type == T_S64)
        *(int64_t *)at = v;
    else {
        *(uint64_t *)at = (uint64_t)v;
        *(bool *)(void *)(p->element + k->extra) = true;
    }
    return true;
}

static void trim(char **line)
{
    size_t n;

    while (**line == ' ' || **line == '\t')
        (*line)++;
    n = strlen(*line);
    while (n > 0 && strchr(" \t\r", (*line)[n - 1]) != NULL)
        (*line)[--n] = '\0';
}

static bool set_key(const struct parser *p, char *line, struct err *e)
{
    char *value = strchr(line, '=');
    const struct key_row *k = NULL;

    if (value == NULL)
        return bad(p, e, "config.line", "neither [Section] nor Key=Value:", line);
    *value++ = '\0';
    trim(&line);
    trim(&value);
    if (p->section == NULL)
        return bad(p, e, "config.line", "a key before the first section:", line);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].section, p->section) == 0 && strcmp(table[i].key, line) == 0)
            k = &table[i];
    if (k == NULL)
        return unknown(p, e, "config.key", "key", line, p->section);
    if (value[0] == '\0')
        return reset(p, k);
    switch (k->type) {
    case T_TEXT:
    case T_PATH:
    case T_HEX:
        return set_text(p, k, value, e);
    case T_LIST:
        return set_list(p, k, value, e);
    case T_UINT:
    case T_S64:
    case T_U64:
        return set_number(p, k, value, e);
    case T_BOOL:
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
            return bad(p, e, "config.value", "yes or no is due:", value);
        *(bool *)(void *)(p->element + k->offset) = strcmp(value, "yes") == 0;
        return true;
    }
    return false;
}

bool config_parse(struct span text, const char *name, struct config *out, struct err *e)
{
    struct parser p = {.c = out, .file = name};
    const char *odd = textform_odd(text, false, false);
    AUTO(mem) char *copy = NULL;
    char *at;

    if (odd != NULL)
        return err_set(e, ERR_INPUT, "config.line", "%s %s", name, odd);
    if (text.len > CONFIG_FILE_MAX ||
        (text.len > 0 && memchr(text.at, 0, text.len) != NULL))
        return err_set(e, ERR_INPUT, "config.line", "%s: too large, or holds a NUL", name);
    copy = span_text(text);
    if (copy == NULL)
        return err_set(e, ERR_STORE, "store.memory", "out of memory");
    at = copy;
    for (char *line = strsep(&at, "\n"); line != NULL; line = strsep(&at, "\n")) {
        p.line++;
        trim(&line);
        if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
            continue;
        if (line[0] == '[' ? !begin_section(&p, line, e) : !set_key(&p, line, e))
            return false;
    }
    return true;
}

/* --- finding --- */

#define FIND(what, list)                                                     \
    const struct config_##what *config_##what##_find(const struct config *c, \
                                                     const char *name)       \
    {                                                                        \
        for (size_t i = 0; i < c->n_##list; i++)                             \
            if (strcmp(c->list[i].name, name) == 0)                          \
                return &c->list[i];                                          \
        return NULL;                                                         \
    }
FIND(token, tokens)
FIND(key, keys)
FIND(authority, authorities)

/* --- dump --- */

/* What was never set may lie outside the range of what can be: then it is nothing. */
static void put_number(FILE *f, const struct key_row *k, int64_t v)
{
    if (v >= k->lo && v <= k->hi)
        (void)fprintf(f, "%lld", (long long)v);
    (void)fputc('\n', f);
}

/* Its value and the end of the line. base: of the struct that the key's section fills. */
static void put_value(FILE *f, const struct key_row *k, const char *base)
{
    const char *at = base + k->offset;

    switch (k->type) {
    case T_TEXT:
    case T_PATH:
    case T_HEX:
        (void)fprintf(f, "%s\n", at);
        break;
    case T_BOOL:
        (void)fprintf(f, "%s\n", *(const bool *)(const void *)at ? "yes" : "no");
        break;
    case T_UINT:
        put_number(f, k, *(const unsigned *)(const void *)at);
        break;
    case T_S64:
        put_number(f, k, *(const int64_t *)(const void *)at);
        break;
    case T_U64:
        if (*(const bool *)(const void *)(base + k->extra))
            (void)fprintf(f, "%llu",
                          (unsigned long long)*(const uint64_t *)(const void *)at);
        (void)fputc('\n', f);
        break;
    case T_LIST:
        for (size_t n = 0; n < *(const size_t *)(const void *)(base + k->extra); n++)
            (void)fprintf(f, "%s%s", n ? " " : "", at + n * k->size);
        (void)fputc('\n', f);
        break;
    }
}

static void dump_keys(FILE *f, const char *section, const char *base)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].section, section) != 0)
            continue;
        (void)fprintf(f, "%s=", table[i].key);
        put_value(f, &table[i], base);
    }
}

/* What a key of that row has in a file that says nothing. */
static bool put_default(FILE *f, const struct key_row *k)
{
    AUTO(mem) struct config *c = calloc(1, sizeof *c);
    const char *base = (const char *)c;

    if (c == NULL)
        return false;
    config_defaults(c);
    token_defaults(&c->tokens[0]);
    authority_defaults(&c->authorities[0]);
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (strcmp(named[i].section, k->section) == 0)
            base = (const char *)c + named[i].offset;
    put_value(f, k, base);
    return true;
}

bool config_setting(size_t i, struct config_setting *out)
{
    FILE *f;

    if (i >= sizeof table / sizeof table[0])
        return false;
    *out = (struct config_setting){table[i].section, table[i].key, table[i].certainty, ""};
    f = fmemopen(out->value, sizeof out->value, "w");
    if (f == NULL)
        return false;
    (void)put_default(f, &table[i]);
    (void)fclose(f);
    out->value[strcspn(out->value, "\n")] = '\0';
    return true;
}

char *config_dump(const struct config *c)
{
    static const char *const plain[] = {"Service", "Signer", "Counter", "Command", "Trust"};
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (f == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        (void)fprintf(f, "%s[%s]\n", i ? "\n" : "", plain[i]);
        dump_keys(f, plain[i], (const char *)c);
    }
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        size_t n = *(const size_t *)(const void *)((const char *)c + named[i].count);

        for (size_t k = 0; k < n; k++) {
            const char *at = (const char *)c + named[i].offset + k * named[i].size;

            (void)fprintf(f, "\n[%s \"%s\"]\n", named[i].section, at);
            dump_keys(f, named[i].section, at);
        }
    }
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
