/* SPDX-License-Identifier: MIT
 *
 * incident - the life of an incident, as tables: which event leads from which state to
 * which, who may bring it, on what evidence, and what it does to the devices.
 *
 * An incident about an organisation's key starts undecided and takes its route by an
 * election (Method 1) or by a decision (Methods 2 and 3); one about a key of the DCC itself
 * starts on the route of that key. Keys of DCC roles (ACB, TCoS, WAN provider) count as
 * organisation keys: placing new certificates by the Recovery key is Method 3. A shared
 * resource provider's event is a parent without devices whose children each have a route of
 * their own.
 *
 * Invariants, each held by a test that searches the graph:
 *   - nothing is signed outside EXECUTING and HANDBACK;
 *   - EXECUTING is reached through AUTHORISED and KEY_ACTIVE only;
 *   - Method 1 signs nothing;
 *   - FALSE_ALARM says that nothing was signed: an alarm that is over once commands were signed
 *     is STOPPED_MIDWAY, and from either a key is used again only by a new authority;
 *   - CLOSED is the only end and can be reached from everywhere.
 *
 * Source:  SEC Appendix L (titles and step numbers as far as public text shows them), SEC
 *          L10.9, L10.30; every row says its own source and how certain it is.
 * Effects: none; incident_dot and incident_table_print write to the stream they are given.
 */
#ifndef INCIDENT_H
#define INCIDENT_H

#include "authority.h"

#include <stdint.h>
#include <stdio.h>

enum route {
    ROUTE_UNDECIDED,
    ROUTE_METHOD_1,        /* the subscriber's own key; this service only keeps count */
    ROUTE_METHOD_2,        /* Recovery key places ACB certificates, then hand-back */
    ROUTE_METHOD_3,        /* Recovery key places new Organisation certificates */
    ROUTE_CONTINGENCY,     /* Contingency key and Symmetric key replace the root */
    ROUTE_RECOVERY_KEY,    /* the Recovery key itself is compromised */
    ROUTE_ISSUING_OCA,     /* the Issuing OCA key is compromised */
    ROUTE_CONTINGENCY_KEY, /* the Contingency or Symmetric key is compromised */
    ROUTE_SHARED_EVENT,    /* parent of the incidents of a shared resource provider */
    ROUTE_COUNT,
};
#define ROUTE_SAME   ROUTE_COUNT
#define ROUTE_BIT(r) (1u << (unsigned)(r))

enum state {
    STATE_NONE, /* before the notice */
    STATE_NOTIFIED,
    STATE_CONFIRMED_SUSPECTED,
    STATE_REJECTED_UNAUTHENTICATED,
    STATE_FILE_RECEIVED,
    STATE_M1_DECLARED,
    STATE_M1_IN_PROGRESS,
    STATE_M1_COMPLETE,
    STATE_SUSPENDING, /* the three steps of suspension, each resumed after a crash */
    STATE_SETTING_RECOVERY,
    STATE_REVOKING,
    STATE_SUSPENDED,
    STATE_WITH_PMA,
    STATE_DIRECTED, /* the PMA directed another course: nothing is signed here */
    STATE_AUTHORISED,
    STATE_CUSTODIANS_CALLED,
    STATE_KEY_ACTIVE,
    STATE_EXECUTING,
    STATE_HALTED,             /* signing is stopped: the PMA decides again */
    STATE_TOKEN_LOST,         /* the HSM is gone */
    STATE_AWAITING_RESPONSES, /* key off, answers come in */
    STATE_ACB_IN_PLACE,
    STATE_HANDBACK,
    STATE_HANDBACK_TOKEN_LOST,
    STATE_CONTINGENCY_CONSUMED,
    STATE_NEW_CONTINGENCY_ESTABLISHED,
    STATE_DISTRIBUTING_ROOT,
    STATE_NEW_OCA_ESTABLISHED,
    STATE_REISSUING,
    STATE_RECOVERED,
    STATE_FALSE_ALARM,
    STATE_STOPPED_MIDWAY, /* the same after commands were signed: devices hold this and that */
    STATE_REFUSED,
    STATE_RECONNECTING,
    STATE_RECONNECTED,
    STATE_CHILDREN_OPEN, /* shared event: its children live */
    STATE_CLOSED,
    STATE_COUNT,
};
#define STATE_SAME   STATE_COUNT
#define STATE_BACK   (STATE_COUNT + 1) /* where the custodians were called */
#define STATE_OVER   (STATE_COUNT + 2) /* as an alarm ends that is over: incident_over() */
#define STATE_BIT(s) (UINT64_C(1) << (unsigned)(s))

enum event {
    EVENT_NOTIFY,
    EVENT_CONFIRM,
    EVENT_REJECT,
    EVENT_INFORM_PMA,
    EVENT_RECEIVE_FILE,
    EVENT_ELECT_METHOD_1,
    EVENT_PROGRESS,
    EVENT_COMPLETE,
    EVENT_ASK_SUSPENSION,
    EVENT_DEVICES_SUSPENDED,
    EVENT_RECOVERY_SET,
    EVENT_SKIP_REVOCATION,
    EVENT_REVOKED,
    EVENT_REFER_TO_PMA,
    EVENT_AUTHORISE_METHOD_2,
    EVENT_AUTHORISE_METHOD_3,
    EVENT_AUTHORISE_CONTINGENCY,
    EVENT_AUTHORISE_RECOVERY_KEY,
    EVENT_AUTHORISE_ISSUING_OCA,
    EVENT_AUTHORISE_CONTINGENCY_KEY,
    EVENT_REFUSE,
    EVENT_ABORT,
    EVENT_DEFER_REVOCATION,
    EVENT_DEFER_ID_TRANSFER,
    EVENT_END_DEFERRAL,
    EVENT_DIRECT_OTHER,
    EVENT_APPOINT, /* who takes the devices over is named */
    EVENT_AMEND,   /* a file that takes the place of the notification on file ... */
    EVENT_CONFIRM_AMENDMENT, /* ... counts from here on */
    EVENT_CALL_CUSTODIANS,
    EVENT_DISMISS_CUSTODIANS,
    EVENT_ACTIVATE_KEY,
    EVENT_EXECUTE,
    EVENT_DEACTIVATE_KEY,
    EVENT_EXPIRE,
    EVENT_FREEZE, /* another incident put the Recovery key in doubt */
    EVENT_LOSE_TOKEN,
    EVENT_RESTORE_TOKEN,
    EVENT_EXECUTED,
    EVENT_BEGIN_HANDBACK,
    EVENT_HANDED_BACK,
    EVENT_ESTABLISH_CONTINGENCY,
    EVENT_DISTRIBUTE_ROOT,
    EVENT_ESTABLISH_OCA,
    EVENT_REISSUE,
    EVENT_RECOVERED,
    EVENT_WITHDRAW,
    EVENT_CONFIRM_WITHDRAWAL,
    EVENT_REJECT_WITHDRAWAL,
    EVENT_REOPEN, /* what was over is taken up again */
    EVENT_RECONNECT,
    EVENT_RECONNECTED,
    EVENT_OPEN_CHILDREN,
    EVENT_CLOSE,
    EVENT_COUNT,
};

/* In whose name an event comes; who may speak in it is the daemon's role table. */
enum actor {
    ACTOR_SUBSCRIBER, /* its Authorised Responsible Officer */
    ACTOR_SRP,        /* shared resource provider */
    ACTOR_RDP,        /* registration data provider */
    ACTOR_DCC,        /* operator */
    ACTOR_PMA,        /* by a decision document, never by hand */
    ACTOR_CUSTODIANS, /* by ceremony */
    ACTOR_DEVICES,    /* by their responses */
    ACTOR_OFGEM,
    ACTOR_SYSTEM, /* this service: a step done, a window lapsed, a token gone */
    ACTOR_COUNT,
};
#define ACTOR_BIT(a) (1u << (unsigned)(a))

enum evidence {
    EVIDENCE_NOTICE,       /* names the key and who says so */
    EVIDENCE_CONFIRMATION, /* method, person, second channel; failed ones too */
    EVIDENCE_NOTIFICATION_FILE,
    EVIDENCE_ELECTION, /* Method 1 chosen, in the file or on its own */
    EVIDENCE_SUSPENSION_REQUEST,
    EVIDENCE_DEVICES_DONE, /* every device has the new status, or is an exception */
    EVIDENCE_REVOCATION,
    EVIDENCE_PMA_NOTICE,
    EVIDENCE_DECISION_AUTHORISE,
    EVIDENCE_DECISION_REFUSE,
    EVIDENCE_DECISION_ABORT,
    EVIDENCE_DECISION_DEFER_REVOCATION,
    EVIDENCE_DECISION_DEFER_ID_TRANSFER,
    EVIDENCE_DECISION_DIRECT_OTHER,
    EVIDENCE_DECISION_APPOINT, /* the PMA's document, which names the appointment */
    EVIDENCE_DEFERRAL_END,
    EVIDENCE_CALL_LOG,
    EVIDENCE_CUSTODIAN_ACTIVATION, /* ceremony, attendance, shares accepted */
    EVIDENCE_BATCH_MANIFEST,
    EVIDENCE_POINT_OF_NO_RETURN,
    EVIDENCE_KEY_DEACTIVATION,
    EVIDENCE_TOKEN_PROOF, /* test signature verified by the certificate devices hold */
    EVIDENCE_RESPONSES_COMPLETE,
    EVIDENCE_INSTRUCTION, /* hand-back, signed by the organisation's officers */
    EVIDENCE_CEREMONY,    /* new keys made */
    EVIDENCE_PROGRESS_FILE,
    EVIDENCE_WITHDRAWAL,
    EVIDENCE_RESIDUAL_RISK,
    EVIDENCE_RECONNECTION_ROUTE, /* how the connection comes back after revocation */
    EVIDENCE_CHILDREN,           /* the child incidents, by id */
    EVIDENCE_NEW_FINDING,        /* what is known now and was not when the alarm ended */
    EVIDENCE_NEW_CERTIFICATES,   /* whose word it is that devices keep the new ones */
    EVIDENCE_HSM_LOSS,           /* what hsmloss answered when the incident was opened */
    EVIDENCE_COUNT,
};
#define EVIDENCE_BIT(k) (UINT64_C(1) << (unsigned)(k))

/* What begins with the step; the event that ends it is another row. */
enum effect {
    EFFECT_NONE,
    EFFECT_FREEZE,  /* EVENT_FREEZE to every other incident that uses the Recovery key */
    EFFECT_SUSPEND, /* devices to 'suspended', status before kept */
    EFFECT_SET_RECOVERY,
    EFFECT_REVOKE,    /* the affected Organisation certificates */
    EFFECT_RECONNECT, /* each device to its stored status before the incident */
    EFFECT_RECOVERED,
    EFFECT_COMMISSIONED,
    EFFECT_COUNT,
};

enum guard {
    GUARD_NOTIFIER,
    GUARD_THIRD_PARTY,
    GUARD_PARENT,
    GUARD_SRP_AUTHORITY,
    GUARD_SPEAKS_FOR,
    GUARD_DEVICES_FREE,
    GUARD_LIST_FRESH,
    GUARD_DEFERRAL_NONE,
    GUARD_DEFERRAL_LIVE,
    GUARD_DEFERRAL_BOUNDED,
    GUARD_DEFERRAL_RISK,
    GUARD_DECISION,
    GUARD_SUPERSEDES,
    GUARD_ONLY_REMAINING,
    GUARD_SOLR,
    GUARD_KEY_ORIGIN,
    GUARD_NEW_CONTINGENCY,
    GUARD_EXERCISE_DECISION,
    GUARD_CUSTODIANS,
    GUARD_RECOVERY_SOUND,
    GUARD_NOT_CONSUMED,
    GUARD_HANDED_BACK,
    GUARD_TOKEN_KEY,
    GUARD_COUNTER,
    GUARD_ROWS_KNOWN,
    GUARD_ROWS_SETTLED,
    GUARD_SOME_DONE,
    GUARD_BATCH_IDLE,
    GUARD_KEY_OFF,
    GUARD_WITHDRAWAL_OPEN,
    GUARD_WITHDRAWAL_KEY,
    GUARD_WITHDRAWAL_PERSON,
    GUARD_DEVICES_CLEAR,
    GUARD_NONE_SUSPENDED,
    GUARD_REVOKED,
    GUARD_PMA_INFORMED,
    GUARD_CHILDREN_CLOSED,
    GUARD_COUNT,
};
#define GUARD_BIT(g) (UINT64_C(1) << (unsigned)(g))

enum alarm {
    ALARM_NONE,
    ALARM_CONFIRM,
    ALARM_NOTIFY_PMA,
    ALARM_SUSPEND,
    ALARM_DECISION,
    ALARM_CEREMONY,
    ALARM_COUNT,
};

/* Whose key a state may use. */
enum signing {
    SIGNING_NOTHING,
    SIGNING_RECOVERY,    /* mode 8 */
    SIGNING_CONTINGENCY, /* mode 9 */
    SIGNING_ACB,         /* hand-back: the ACB certificate sits in the subscriber's cell */
    SIGNING_COUNT,
};

struct transition {
    uint32_t routes; /* ROUTE_BIT */
    uint64_t from;   /* STATE_BIT */
    enum event event;
    unsigned to;      /* enum state; STATE_SAME: stays; STATE_BACK; STATE_OVER */
    enum route takes; /* ROUTE_SAME: keeps the route it has */
    uint32_t actors;  /* ACTOR_BIT */
    uint64_t evidence;
    uint64_t guards;
    enum effect effect;
    const char *also; /* second audit kind, or NULL */
    const char *source;
    const char *certainty; /* CONFIRMED, INFERRED, UNKNOWN, choice */
};

struct state_row {
    const char *name; /* "WITH_PMA" */
    const char *sentence;
    enum alarm alarm;
    uint32_t signs; /* ROUTE_BIT of the routes that may sign in this state */
    bool final;
};

struct event_row {
    const char *name;  /* "refer-to-pma" */
    const char *audit; /* "PMA_INFORMED" */
};

struct route_row {
    const char *name; /* "method-2" */
    const char *sentence;
    bool opens;           /* an incident may be opened on it */
    enum signing signing; /* what EXECUTING signs with */
};

/* Everything a guard may look at, gathered by the caller from its store. Zero: nothing is
 * known, nothing granted. */
struct incident_facts {
    enum route route;
    enum state state;
    enum actor initiator; /* who notified */

    bool notifier_authenticated; /* over a second channel */
    bool notifier_third_party;   /* speaks as the subscriber without being it */
    bool has_parent, parent_open;
    bool srp_authority; /* of the provider, to ask for this user */
    unsigned children_open;

    uint32_t devices_elsewhere; /* also in another open incident that may not share them */
    uint32_t devices_suspended; /* by this incident, not yet reconnected */
    uint32_t rows_pending;      /* neither done nor failed for good */
    uint32_t rows_done;
    uint32_t rows_unknown;        /* in flight when a token was lost */
    uint32_t rows_replaced_named; /* authorised although Method 1 did them already */
    uint32_t rows_acb;            /* hold an ACB certificate in a subscriber's cell */
    uint32_t devices_unclear; /* a command was signed for them, and nobody knows what they
                                     hold; who is excused by name is none of them */
    uint32_t devices_refused; /* of the list, refused elsewhere within the cool-off ... */
    bool notified_anew;       /* ... and a new notification came since */

    bool exercise, decision_exercise;
    bool decision_live;       /* verified, in its window, not superseded */
    bool decision_earlier;    /* another decision stands for this incident ... */
    bool decision_supersedes; /* ... and this one names it */
    bool pma_informed;

    bool deferral_live;
    bool deferral_end_condition;
    int64_t deferral_review_us;
    bool holder_hostile, hostile_risk_weighed;
    bool revoked; /* the compromised certificates */

    bool replacement_is_solr, solr_appointed;
    bool replacements_from_suspect_hsm;
    bool new_contingency_wrapped; /* the new root carries a new wrapped key */

    unsigned custodians_present, custodians_needed;
    enum state called_from;    /* where custodians were last called; STATE_NONE: never */
    bool recovery_key_suspect; /* an incident about the Recovery key is open */
    bool contingency_used;     /* a mode 9 command has left */
    bool commands_signed;      /* any, by any key */

    bool token_key_proved;
    bool
        token_silent; /* its signers are coming back: whether the key is there is not known */
    bool counter_above_reserved;
    bool batch_running, key_active;

    bool withdrawal_open;    /* brought, and neither confirmed nor rejected */
    enum actor withdrawn_by; /* who brought the last one */
    uint32_t
        may_end; /* ACTOR_BIT: whose withdrawal ends a decision to recover that stands */
    bool withdrawal_by_suspect_key;
    bool withdrawer_authenticated; /* and of no lower role than the notifier */

    int64_t now_us;
};

struct evidence_set {
    uint64_t have; /* EVIDENCE_BIT of what is on file for this step */
};

struct incident_move {
    enum route route; /* after the step */
    enum state state;
    const struct transition *row; /* effect, second audit kind */
};

/* The tables. */
extern const struct transition incident_transitions[];
extern const size_t incident_n_transitions;
const struct state_row *incident_state(enum state s);
const struct event_row *incident_event(enum event v);
const struct route_row *incident_route(enum route r);

/* How sure the rows of that event are that have this source; "UNKNOWN": no row has it any more. */
const char *incident_certainty(const char *event, const char *source);

/* The one row for that event; NULL: it has no place there. */
const struct transition *incident_next(enum route route, enum state from, enum event event);

/*
 * May this happen, and what is the incident then? Pure. *to is untouched on failure.
 *
 * Errors (ERR_DENIED): "incident.no-transition", "incident.actor", "incident.evidence"
 * (naming what is missing), and the rule of each guard (incident_guard_rule).
 */
MUST_CHECK bool incident_step(const struct incident_facts *f, enum event event,
                              enum actor actor, const struct evidence_set *have,
                              struct incident_move *to, struct err *e);
/* One guard on its own, as the step to row->to would ask it. */
bool incident_guard_holds(enum guard g, const struct incident_facts *f, enum actor actor,
                          const struct transition *row);
const char *incident_guard_rule(enum guard g); /* "incident.deferral-live" */

/* How the alarm ends by that event, abort or confirm-withdrawal: FALSE_ALARM where nothing was
 * signed, else STOPPED_MIDWAY; HALTED where who withdrew may not end the decision that stands, or
 * where the contingency is used up: the PMA decides. */
enum state incident_over(const struct incident_facts *f, enum event event);

/* May a key be used at all in this state, and which? */
bool incident_may_sign(enum route route, enum state state);
enum signing incident_signing(enum route route, enum state state);

/* The event that a verified decision brings; false: it fits none. */
MUST_CHECK bool incident_event_of(enum route route, enum authority_outcome outcome,
                                  enum method method, enum event *out);

/* May that event still come, by any way that leads on from there? Evidence and guards aside. */
bool incident_leads_to(enum route route, enum state state, enum event event);

/* Whom an incident in that state waits for, and the command that leads on: "{}" is its name,
 * words in capitals are to be filled in. NULL: for nobody (NONE, CLOSED). Where more than one
 * event may come this is the common one; `incident states` has all. */
struct incident_next {
    const char *who;
    const char *command; /* of smki-recoveryctl */
    enum event event;    /* that it brings; EVENT_COUNT: a document or a file does */
};
const struct incident_next *incident_waits(enum route route, enum state state);

/* When the alarm of that state rings; INT64_MAX: never. since_us: when it was entered. */
int64_t incident_due_us(enum state state, int64_t since_us, const struct config *c);

/* Facts that nobody can see in a store: somebody declares them and answers for them. By number,
 * below INCIDENT_FACTS: the name, and which member of the facts it is. */
#define INCIDENT_FACTS 9
const char *incident_fact_name(unsigned i);
bool *incident_fact(unsigned i, struct incident_facts *f);

/* Names. The _find functions are false for a name that is none. */
const char *incident_actor_name(enum actor a);
const char *incident_evidence_name(enum evidence k);
const char *incident_effect_name(enum effect x);
const char *incident_alarm_name(enum alarm a);
const char *incident_signing_name(enum signing s);
MUST_CHECK bool incident_route_find(const char *name, enum route *out);
MUST_CHECK bool incident_state_find(const char *name, enum state *out);
MUST_CHECK bool incident_event_find(const char *name, enum event *out);
MUST_CHECK bool incident_actor_find(const char *name, enum actor *out);
MUST_CHECK bool incident_evidence_find(const char *name, enum evidence *out);

/* The graph of one route for Graphviz. */
void incident_dot(FILE *to, enum route route);
/* All tables as text in columns; as JSON (caller frees; NULL: out of memory). */
void incident_table_print(FILE *to);
char *incident_table_json(void);

#endif
