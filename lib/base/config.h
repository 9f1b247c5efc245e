/* SPDX-License-Identifier: MIT
 *
 * config - the configuration file and its drop-ins, read strictly into a plain struct.
 *
 * systemd-style: [Section "name"], Key=Value, '#' and ';' comments, a value of nothing
 * resets to the default, lists add up, later files win. Order of files as
 * `systemd-analyze cat-config` shows it. An unknown section or key, a value out of range, a
 * repeated section name in one file: an error with file:line.
 *
 * The signer demands that every file belongs to root (or to the user it runs as) and that
 * nobody else may write it: see config_load's strict_owner.
 *
 * Effects: reads files.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "bytes.h"

#define CONFIG_FILE_MAX        ((size_t)256 * 1024)
#define CONFIG_PATH_MAX        256
#define CONFIG_NAME_MAX        40
#define CONFIG_ARGS_MAX        512
#define CONFIG_TOKENS_MAX      4
#define CONFIG_KEYS_MAX        12
#define CONFIG_AUTHORITIES_MAX 8
#define CONFIG_ROLES_MAX       4
#define CONFIG_SEATS_MAX       8
#define CONFIG_LIST_MAX        16
#define CONFIG_PEOPLE_MAX      96
#define CONFIG_RECIPIENTS_MAX  16
#define CONFIG_STANDARD_MAX    128
#define CONFIG_HOLDER_MAX      64 /* name of a person or an organisation, with its NUL */

struct config_token { /* [Token "recovery"] */
    char name[CONFIG_NAME_MAX];
    char module[CONFIG_PATH_MAX];         /* Module=, absolute */
    char init_args[CONFIG_ARGS_MAX];      /* InitArgs=, a string for C_Initialize */
    char label[33];                       /* Label= */
    char serial[17];                      /* Serial= */
    char pin_credential[CONFIG_NAME_MAX]; /* PinCredential=, file in $CREDENTIALS_DIRECTORY
                                           */
    char pin_file[CONFIG_PATH_MAX];       /* PinFile=, for rehearsals without systemd */
    char probe_id[65];                    /* ProbeId=, hex CKA_ID of the probe key */
    char audit_id[65];                    /* AuditId=, hex CKA_ID of the audit key */
    unsigned workers;                     /* Workers=, signer processes, default 1 */
    unsigned sessions;                    /* Sessions=, per worker, default 1 */
    char standard[CONFIG_STANDARD_MAX];   /* Standard=, by which the module is validated */
    bool low_pin_ok;                      /* AllowLowPinCount=, default no */
    bool copy_key; /* SessionKeyCopy=, default yes: try C_CopyObject */
    char mark[8];  /* Mark=: token (default), file */
};

struct config_key { /* [Key "recovery"] */
    char name[CONFIG_NAME_MAX];
    char token[CONFIG_NAME_MAX];       /* Token= */
    char id[65];                       /* Id=, hex CKA_ID */
    char label[CONFIG_NAME_MAX];       /* Label=, optional CKA_LABEL */
    char certificate[CONFIG_PATH_MAX]; /* Certificate=, PEM */
    char authority[CONFIG_NAME_MAX];   /* Authority=, who may order its use */
};

struct config_authority { /* [Authority "pma"] */
    char name[CONFIG_NAME_MAX];
    char anchor[CONFIG_PATH_MAX]; /* Anchor=, PEM */
    char crl[CONFIG_PATH_MAX];    /* Crl=, PEM or DER; empty: nobody is asked */
    unsigned threshold; /* Threshold=, k >= 2 (organisations: k >= 1); 0 = not set */
    unsigned members;   /* Members=, n >= k */
    char seats[CONFIG_SEATS_MAX][CONFIG_NAME_MAX]; /* RequiredSeats= */
    size_t n_seats;
    char organisation[17]; /* Organisation=, EUI-64; empty: not an organisation's */
    int64_t max_window_s;  /* MaxWindowSec=, longest valid_from..valid_to; 14 days */
};

struct
    config_person { /* [Person "ann"]: one human being, whatever certificates and logins */
    char name[CONFIG_NAME_MAX];
    char holder[CONFIG_HOLDER_MAX]; /* Name=, as certificates (CN) and documents say */
    char organisation[CONFIG_HOLDER_MAX]; /* Organisation=, as certificates (O) say */
    char users[4][CONFIG_NAME_MAX];       /* Users=, logins: names or numbers */
    size_t n_users;
    char keys[6][65]; /* Keys=, SHA-256 of the public keys, hex (X509_pubkey_digest) */
    size_t n_keys;
    char seats[4][CONFIG_NAME_MAX]; /* Seats=, which of RequiredSeats= the person fills */
    size_t n_seats;
};

struct config_recipient { /* [Recipient "ssc"]: who is told, by that word in notices */
    char name[CONFIG_NAME_MAX];
    char holder[CONFIG_HOLDER_MAX];                /* Name= */
    char address[CONFIG_HOLDER_MAX];               /* Address=, for whoever carries it */
    char events[CONFIG_LIST_MAX][CONFIG_NAME_MAX]; /* Events=, told of these too; "all" */
    size_t n_events;
};

struct config_role { /* [Role "operator"]: viewer, operator, approver, auditor */
    char name[CONFIG_NAME_MAX];
    char users[CONFIG_LIST_MAX][CONFIG_NAME_MAX]; /* Users= */
    size_t n_users;
    char groups[CONFIG_LIST_MAX][CONFIG_NAME_MAX]; /* Groups= */
    size_t n_groups;
};

struct config {
    struct {                                  /* [Service] */
        char socket[CONFIG_PATH_MAX];         /* Socket=, when systemd hands none over */
        char state_dir[CONFIG_PATH_MAX];      /* StateDirectory= */
        char signer_program[CONFIG_PATH_MAX]; /* SignerProgram=, spawned; or ... */
        char signer_socket[CONFIG_PATH_MAX];  /* SignerSocket=, a unit of its own */
        char anchor[CONFIG_PATH_MAX];         /* Anchor=, a second place (anchor.h) */
        bool exercise;                        /* Exercise= */
        bool exercise_logins;                 /* ExerciseLogins=, peer.h */
        int64_t max_roster_bytes;             /* MaxRosterBytes= */
        unsigned max_clients;                 /* MaxClients= */
        unsigned max_clients_per_uid;         /* MaxClientsPerUser= */
        unsigned two_person_s;      /* TwoPersonSec=, 0: single operator (rehearsal) */
        unsigned custodian_alarm_s; /* ConfirmAlarmSec= */
        unsigned pma_alarm_s;       /* NotifyPmaAlarmSec= */
        unsigned suspend_alarm_s;   /* SuspendAlarmSec= */
        unsigned decision_alarm_s;  /* DecisionAlarmSec= */
        unsigned reshare_alarm_d;   /* CeremonyAlarmDays= */
        unsigned refused_list_d;    /* RefusedListDays= */
        unsigned keep_uploads_d;    /* KeepUploadsDays= */
        unsigned keep_notices_d;    /* KeepNoticesDays=, 0: for ever */
        unsigned disk_alarm_mb;     /* DiskAlarmMB=, 0: none */
        char end_decision[16];      /* EndDecision=: pma, subscriber, dcc */
    } service;
    struct { /* [Signer] */
        char
            state_dir[CONFIG_PATH_MAX]; /* StateDirectory=, its revoked list and PIN mark */
        unsigned call_timeout_s;        /* CallTimeoutSec= */
        unsigned probe_interval_s;      /* ProbeIntervalSec= */
        unsigned head_interval_s;       /* HeadIntervalSec= */
        unsigned renew_after;           /* RenewAfter=, runs of counters; 0: never */
        unsigned token_lost_s; /* TokenLostSec=, after it a batch without signer is held */
    } signer;
    struct {            /* [Counter] */
        unsigned block; /* Block=, counters reserved at a time */
        unsigned
            skip; /* SkipAhead=, left out where nothing tells how far a copy is behind */
        bool has_start;
        uint64_t start; /* Start=, first counter ever; no default */
    } counter;
    struct {                /* [Command]: what GBCS leaves to policy */
        bool disapply_time; /* DisapplyTimeChecks= */
        bool has_floor;
        uint64_t floor; /* Floor=, newRemotePartyFloorSeqNumber */
        bool has_other_floor;
        uint64_t other_floor; /* OtherFloor=, of the other roles replaced */
        bool load_cells;      /* LoadControllerCells=, modes 8 and 9 may replace those */
    } command;
    struct {                           /* [Trust] */
        char root[CONFIG_PATH_MAX];    /* Root=, SMKI Root OCA, PEM */
        char issuing[CONFIG_PATH_MAX]; /* Issuing=, Issuing OCA(s), PEM */
        char custodians[8]; /* Custodians=none: it is meant that there are none */
    } trust;
    struct config_token tokens[CONFIG_TOKENS_MAX];
    size_t n_tokens;
    struct config_key keys[CONFIG_KEYS_MAX];
    size_t n_keys;
    struct config_authority authorities[CONFIG_AUTHORITIES_MAX];
    size_t n_authorities;
    struct config_role roles[CONFIG_ROLES_MAX];
    size_t n_roles;
    struct config_person people[CONFIG_PEOPLE_MAX];
    size_t n_people;
    struct config_recipient recipients[CONFIG_RECIPIENTS_MAX];
    size_t n_recipients;
};

/*
 * Read path and its drop-ins, the files *.conf in path.d.
 *   path          NULL: recovery.conf and recovery.conf.d of the three roots
 *                 /etc/smki-recovery, /run/smki-recovery, /usr/lib/smki-recovery
 *   strict_owner  refuse files that are not owned by root or the caller, or that others may
 *                 write (whoever loads a Module= asks the same of it)
 *
 * Errors: ERR_INPUT "config.*" with file:line.
 */
MUST_CHECK bool config_load(const char *path, bool strict_owner, struct config *out,
                            struct err *e);
/* Parse one text on top of *out; name is what errors call the file. The fuzz target. */
MUST_CHECK bool config_parse(struct span text, const char *name, struct config *out,
                             struct err *e);
/* Defaults: all zero but the few numbers that have one. */
void config_defaults(struct config *out);
/* What must hold across sections: keys name known tokens and authorities, and so on. */
MUST_CHECK bool config_check(const struct config *c, struct err *e);

/* One key of a file: where it comes from, and what holds where nobody sets it ("": nothing). */
struct config_setting {
    const char *section, *key;
    const char *certainty; /* choice, INFERRED, UNKNOWN: as of a rule */
    char value[64];
};
/* The i-th of all keys; false: there are no more, or no memory. */
bool config_setting(size_t i, struct config_setting *out);

/* The merged result in the file's own syntax; caller frees. NULL: out of memory. */
char *config_dump(const struct config *c);

extern const char config_mark_file[]; /* Mark=file */
/* [Authority "custodians"]: who switches keys on; NULL: there are none. */
extern const char config_custodians[];
const struct config_token *config_token_find(const struct config *c, const char *name);
const struct config_key *config_key_find(const struct config *c, const char *name);
const struct config_authority *config_authority_find(const struct config *c,
                                                     const char *name);

#endif
