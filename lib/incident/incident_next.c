/* SPDX-License-Identifier: MIT */
#include "incident.h"

#define UND    ROUTE_BIT(ROUTE_UNDECIDED)
#define M1     ROUTE_BIT(ROUTE_METHOD_1)
#define M2     ROUTE_BIT(ROUTE_METHOD_2)
#define M3     ROUTE_BIT(ROUTE_METHOD_3)
#define CONT   ROUTE_BIT(ROUTE_CONTINGENCY)
#define CKEY   ROUTE_BIT(ROUTE_CONTINGENCY_KEY)
#define SHARED ROUTE_BIT(ROUTE_SHARED_EVENT)
#define ALL    (ROUTE_BIT(ROUTE_COUNT) - 1)
#define S(s)   STATE_BIT(STATE_##s)

static const char operator[] = "an operator";
static const char pma[] = "the PMA";
static const char custodians[] = "the custodians";
static const char subscriber[] = "the subscriber";

/* The first row that fits counts. */
static const struct row {
    uint32_t routes;
    uint64_t states;
    struct incident_next next;
} rows[] = {
    {ALL,
     S(NOTIFIED),
     {operator, "incident event {} confirm --evidence TEXT --facts notifier_authenticated",
      EVENT_CONFIRM}},
    {UND,
     S(CONFIRMED_SUSPECTED),
     {subscriber, "incident event {} receive-file --as subscriber --evidence TEXT",
      EVENT_RECEIVE_FILE}},
    {SHARED,
     S(CONFIRMED_SUSPECTED),
     {operator, "incident event {} open-children --evidence TEXT", EVENT_OPEN_CHILDREN}},
    {ALL,
     S(CONFIRMED_SUSPECTED) | S(SUSPENDED) | S(DIRECTED),
     {operator, "incident event {} refer-to-pma --evidence TEXT", EVENT_REFER_TO_PMA}},
    {ALL,
     S(FILE_RECEIVED),
     {subscriber, "incident event {} ask-suspension --as subscriber --evidence TEXT",
      EVENT_ASK_SUSPENSION}},
    {ALL,
     S(M1_DECLARED) | S(M1_IN_PROGRESS),
     {subscriber, "incident event {} progress --as subscriber --evidence TEXT",
      EVENT_PROGRESS}},
    {ALL,
     S(SUSPENDING),
     {operator, "incident event {} devices-suspended --evidence TEXT",
      EVENT_DEVICES_SUSPENDED}},
    {ALL,
     S(SETTING_RECOVERY),
     {operator, "incident event {} recovery-set --evidence TEXT", EVENT_RECOVERY_SET}},
    {ALL,
     S(REVOKING),
     {operator, "incident event {} revoked --evidence TEXT", EVENT_REVOKED}},
    {ALL, S(WITH_PMA) | S(HALTED), {pma, "decision submit {} FILE", EVENT_COUNT}},
    {ALL,
     S(AUTHORISED),
     {operator, "incident event {} call-custodians --evidence TEXT",
      EVENT_CALL_CUSTODIANS}},
    {ALL, S(CUSTODIANS_CALLED), {custodians, "decision submit {} FILE", EVENT_COUNT}},
    {ALL, S(KEY_ACTIVE), {operator, "batch start {} DECISION", EVENT_COUNT}},
    {ALL,
     S(EXECUTING),
     {operator, "incident event {} deactivate-key --evidence TEXT", EVENT_DEACTIVATE_KEY}},
    {ALL, S(TOKEN_LOST), {custodians, "decision submit {} FILE", EVENT_COUNT}},
    {ALL,
     S(HANDBACK_TOKEN_LOST),
     {operator, "incident event {} restore-token --evidence TEXT", EVENT_RESTORE_TOKEN}},
    {ALL, S(AWAITING_RESPONSES), {"the devices", "responses add {} FILE", EVENT_COUNT}},
    {ALL, S(ACB_IN_PLACE), {subscriber, "decision submit {} FILE", EVENT_COUNT}},
    {ALL, S(HANDBACK), {"the devices", "responses add {} FILE", EVENT_COUNT}},
    {ALL, S(CONTINGENCY_CONSUMED), {custodians, "decision submit {} FILE", EVENT_COUNT}},
    {CKEY,
     S(NEW_CONTINGENCY_ESTABLISHED),
     {operator, "incident event {} distribute-root", EVENT_DISTRIBUTE_ROOT}},
    {ALL, S(NEW_OCA_ESTABLISHED), {operator, "incident event {} reissue", EVENT_REISSUE}},
    {ALL,
     S(NEW_CONTINGENCY_ESTABLISHED) | S(DISTRIBUTING_ROOT) | S(REISSUING),
     {operator, "incident event {} recovered --evidence TEXT", EVENT_RECOVERED}},
    {ALL,
     S(RECONNECTING),
     {operator, "incident event {} reconnected --evidence TEXT", EVENT_RECONNECTED}},
    {UND | M2 | M3,
     S(FALSE_ALARM) | S(REFUSED),
     {operator, "incident event {} reconnect --evidence TEXT", EVENT_RECONNECT}},
    {M2 | M3,
     S(STOPPED_MIDWAY),
     {operator, "incident event {} reconnect --evidence TEXT", EVENT_RECONNECT}},
    {ALL,
     S(REFUSED) | S(STOPPED_MIDWAY),
     {operator, "incident event {} close --evidence TEXT", EVENT_CLOSE}},
    {ALL,
     S(REJECTED_UNAUTHENTICATED) | S(M1_COMPLETE) | S(RECOVERED) | S(FALSE_ALARM) |
         S(RECONNECTED) | S(CHILDREN_OPEN),
     {operator, "incident event {} close", EVENT_CLOSE}},
};

const struct incident_next *incident_waits(enum route route, enum state state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((rows[i].routes & ROUTE_BIT(route)) != 0 &&
            (rows[i].states & STATE_BIT(state)) != 0)
            return &rows[i].next;
    return NULL;
}
