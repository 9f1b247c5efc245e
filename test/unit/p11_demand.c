/* SPDX-License-Identifier: MIT */
#include "p11_demand.h"

#include <string.h>

const char *const phases[] = {"start", "work", "revive", "end"};
const char letters[] = ".srhBfX";

const struct place places[PLACES] = {
    {AT_START, "C_GetFunctionList", false},
    {AT_START, "C_Initialize", false},
    {AT_START, "C_GetInfo", false},
    {AT_START, "C_GetSlotList", false},
    {AT_START, "C_GetSlotInfo", false},
    {AT_START, "C_GetTokenInfo", false},
    {AT_START, "C_GetMechanismInfo", false},
    {AT_START, "C_OpenSession", false},
    {AT_START, "C_Login", true},
    {AT_START, "C_FindObjectsInit", false},
    {AT_START, "C_FindObjects", false},
    {AT_START, "C_FindObjectsFinal", false},
    {AT_START, "C_GetAttributeValue", false},
    {AT_START, "C_CopyObject", true},
    {AT_START, "C_SignInit", false},
    {AT_START, "C_Sign", true},
    {AT_WORK, "C_FindObjectsInit", false},
    {AT_WORK, "C_FindObjects", false},
    {AT_WORK, "C_FindObjectsFinal", false},
    {AT_WORK, "C_GetAttributeValue", false},
    {AT_WORK, "C_CreateObject", true},
    {AT_WORK, "C_DestroyObject", true},
    {AT_WORK, "C_SignInit", false},
    {AT_WORK, "C_Sign", true},
    {AT_WORK, "C_DeriveKey", true},
    {AT_REVIVE, "C_CloseSession", false},
    {AT_REVIVE, "C_OpenSession", false},
    {AT_END, "C_CloseAllSessions", true},
    {AT_END, "C_Finalize", true},
};

const char *const meanings[REACTIONS] = {
    "the code does not matter there",
    "the session is opened anew",
    "another signer is started, with pauses",
    "the batch is held, with the reason",
    "barred: a person acts first",
    "a row fails alone",
    "the batch is over",
};

/*
 * What is demanded: once, for ever, and (deeds) once with its answer lost. First, what each
 * class means, in the order of enum p11_class; then where it means something else, the first
 * that fits.
 *
 * Source: PKCS#11 v2.40, section 5.1; p11_error.h (what a class asks for), p11_pool.h (a fresh
 *         session first), pump_impl.h (STRIKES).
 */
static const struct demand {
    enum phase phase;
    const char *calls; /* NULL: each of that phase */
    CK_RV rv;          /* CKR_OK: each */
    const char *by_class[P11_BUG + 1];
    const char *why;
} demands[] = {
    {AT_START,
     "C_Initialize C_GetInfo",
     CKR_ARGUMENTS_BAD,
     {[P11_BUG] = "BB"},
     "the module may want InitArgs="},
    {AT_START,
     "C_GetFunctionList",
     CKR_OK,
     {"", "BB", "BB", "BB", "BB"},
     "a file that is no module is not there for the next signer either"},
    {AT_START,
     "C_Initialize C_GetInfo C_GetSlotList C_GetSlotInfo C_GetTokenInfo",
     CKR_OK,
     {"", "rr", "rr", "rr", "rr"},
     "libp11 calls, and keeps the code to itself"},
    {AT_START,
     "C_CopyObject",
     CKR_OK,
     {"", "...", "...", "...", "..."},
     "the token key itself signs as well"},
    {AT_START,
     "C_SignInit",
     CKR_SESSION_CLOSED,
     {[P11_REBUILD] = "sr"},
     "nothing was begun"},
    {AT_START,
     "C_SignInit",
     CKR_SESSION_HANDLE_INVALID,
     {[P11_REBUILD] = "sr"},
     "nothing was begun"},
    {AT_START,
     "C_GetAttributeValue",
     CKR_ATTRIBUTE_TYPE_INVALID,
     {[P11_BUG] = "BB"},
     "a key without that attribute does not fit"},
    {AT_WORK,
     "C_GetAttributeValue",
     CKR_ATTRIBUTE_TYPE_INVALID,
     {[P11_BUG] = "rB"},
     "so it is for the next signer"},
    {AT_WORK,
     "C_GetAttributeValue",
     CKR_OBJECT_HANDLE_INVALID,
     {[P11_REBUILD] = ".r"},
     "another machine destroyed the number: it is looked for again"},
    {AT_WORK,
     "C_GetAttributeValue",
     CKR_BUFFER_TOO_SMALL,
     {[P11_BUG] = "hh"},
     "a number that is none is for a person"},
    {AT_WORK,
     "C_DestroyObject",
     CKR_OBJECT_HANDLE_INVALID,
     {[P11_REBUILD] = "hh"},
     "another machine was faster: the counters may be used twice"},
    {AT_WORK,
     "C_SignInit C_Sign",
     CKR_OK,
     {"", "srs", "sBs", "BBB", "rrr"},
     "a fresh session first"},
    {AT_WORK,
     "C_CreateObject C_DestroyObject C_DeriveKey",
     CKR_OK,
     {"", "rhr", "rhr", "BBB", "rhr"},
     "each signer starts well: three, then no more"},
    {AT_REVIVE,
     "C_CloseSession",
     CKR_OK,
     {"", "ss", "ss", "ss", "ss"},
     "it is to go anyway"},
    {AT_END, NULL, CKR_OK, {"", "...", "...", "...", "..."}, "all is on disk"},
};

static const char *const by_class[P11_BUG + 1] = {"", "rrr", "rBr", "BBB", "rrr"};

static bool is_among(const char *call, const char *calls)
{
    size_t len = strlen(call);

    for (const char *at = calls; (at = strstr(at, call)) != NULL; at += len)
        if (at[len] == ' ' || at[len] == '\0') /* no call's name ends in another's */
            return true;
    return false;
}

static bool fits(const struct demand *d, const struct place *p, CK_RV rv)
{
    return d->phase == p->phase && (d->calls == NULL || is_among(p->call, d->calls)) &&
           (d->rv == CKR_OK || d->rv == rv);
}

char demanded(const struct place *p, CK_RV rv, enum how how)
{
    enum p11_class class = p11_code(rv)->class;

    for (size_t i = 0; i < sizeof demands / sizeof demands[0]; i++)
        if (fits(&demands[i], p, rv))
            return demands[i].by_class[class][how];
    return by_class[class][how];
}

bool has_its_own(const struct place *p, CK_RV rv)
{
    for (size_t i = 0; i < sizeof demands / sizeof demands[0]; i++)
        if (demands[i].rv == rv && fits(&demands[i], p, rv))
            return true;
    return false;
}

const char *demand_why(const struct place *p)
{
    for (size_t k = 0; k < sizeof demands / sizeof demands[0]; k++)
        if (demands[k].rv == CKR_OK && fits(&demands[k], p, CKR_OK))
            return demands[k].why;
    return "";
}
