/* SPDX-License-Identifier: MIT
 *
 * p11_shim - a module in front of a real one, that makes calls go wrong on demand.
 *
 * Environment:
 *   P11_SHIM_MODULE       the real module, absolute
 *   P11_SHIM_PLAN         see p11_plan.h; every call that a signer makes;
 *                         init_args=TEXT: what C_Initialize must be handed in pReserved
 *   P11_SHIM_PLAN_FILE    see p11_plan_file
 *   P11_SHIM_COUNT_FILE   a file to which every use of a key (each C_SignInit and
 *                         C_DeriveKey) adds one octet, so that its size is the count
 *   P11_SHIM_COUNT_LABEL  the CKA_LABEL of the keys that P11_SHIM_COUNT_FILE counts
 *   P11_SHIM_COUNT_DIR    a folder: every use of any key adds one to the file of its label
 *   P11_SHIM_GATE_DIR     a folder: while it has a file of a key's label, in it a number, uses
 *                         of that key beyond so many, as COUNT_DIR has them, wait
 *   P11_SHIM_SLOW_FILE    a file with a number: so many milliseconds each C_Sign takes; it may
 *                         change at any time
 *   P11_SHIM_LOGIN_FILE   a file to which every C_Login adds one octet
 *   P11_SHIM_SESSION_FILE ... and every C_OpenSession
 */
#include "p11_plan.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST mine;

/* False: the call is not made, and *rv is its answer. */
static bool planned(const char *function, enum p11_plan *p, CK_RV *rv)
{
    *p = p11_plan_file(getenv("P11_SHIM_PLAN_FILE"), function, rv);
    if (*rv == CKR_OK)
        *p = p11_plan(getenv("P11_SHIM_PLAN"), function, rv);
    return *rv == CKR_OK || *p == PLAN_LOST;
}

/* A call of that name, made as planned: what it answers. */
#define PLANNED(name, call)                     \
    do {                                        \
        enum p11_plan how_;                     \
        CK_RV rv_, made_;                       \
                                                \
        if (!planned(#name, &how_, &rv_))       \
            return rv_;                         \
        made_ = (call);                         \
        return how_ == PLAN_LOST ? rv_ : made_; \
    } while (0)

/* One that is handed on as it is. */
#define HANDED_ON(name, parameters, arguments) \
    static CK_RV shim_##name parameters        \
    {                                          \
        PLANNED(name, real->name arguments);   \
    }

HANDED_ON(C_Finalize, (void *reserved), (reserved))
HANDED_ON(C_GetInfo, (CK_INFO_PTR out), (out))
HANDED_ON(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID_PTR out, CK_ULONG_PTR n),
          (present, out, n))
HANDED_ON(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO_PTR out), (slot, out))
HANDED_ON(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO_PTR out), (slot, out))
HANDED_ON(C_GetMechanismInfo,
          (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR out),
          (slot, type, out))
HANDED_ON(C_CloseSession, (CK_SESSION_HANDLE h), (h))
HANDED_ON(C_CloseAllSessions, (CK_SLOT_ID slot), (slot))
HANDED_ON(C_FindObjectsInit, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n),
          (h, a, n))
HANDED_ON(C_FindObjects,
          (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR out, CK_ULONG max, CK_ULONG_PTR n),
          (h, out, max, n))
HANDED_ON(C_FindObjectsFinal, (CK_SESSION_HANDLE h), (h))
HANDED_ON(C_GetAttributeValue,
          (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n),
          (h, o, a, n))
HANDED_ON(C_CopyObject,
          (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n,
           CK_OBJECT_HANDLE_PTR out),
          (h, o, a, n, out))
HANDED_ON(C_CreateObject,
          (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_OBJECT_HANDLE_PTR out),
          (h, a, n, out))

static void count(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, ".", 1) != 1)
        abort();
    (void)close(fd);
}

/* Is the gate of that label shut, after so many uses as its file of counts is long? */
static bool shut(const char *dir, const char *label, const char *counts)
{
    struct stat used = {0};
    unsigned long long most;
    char path[4096];
    bool is;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", dir, label);
    f = fopen(path, "re");
    if (f == NULL)
        return false;
    (void)stat(counts, &used); /* none yet: no use */
    is = fscanf(f, "%llu", &most) == 1 && (unsigned long long)used.st_size >= most;
    (void)fclose(f);
    return is;
}

static void count_use(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
    const char *label = getenv("P11_SHIM_COUNT_LABEL");
    const char *file = getenv("P11_SHIM_COUNT_FILE");
    const char *dir = getenv("P11_SHIM_COUNT_DIR");
    const char *gates = getenv("P11_SHIM_GATE_DIR");
    char text[128];
    char path[4096];
    CK_ATTRIBUTE a = {CKA_LABEL, text, sizeof text - 1};

    if ((file == NULL && dir == NULL) ||
        real->C_GetAttributeValue(h, key, &a, 1) != CKR_OK || a.ulValueLen == 0)
        return;
    text[a.ulValueLen] = '\0';
    if (file != NULL && label != NULL && strcmp(text, label) == 0)
        count(file);
    if (dir != NULL && strchr(text, '/') == NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, text);
        while (gates != NULL && shut(gates, text, path))
            (void)usleep(5000);
        count(path);
    }
}

static CK_RV shim_sign_init(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key)
{
    PLANNED(C_SignInit, (count_use(h, key), real->C_SignInit(h, m, key)));
}

/* As slow as the file says just now. */
static void dawdle(void)
{
    const char *path = getenv("P11_SHIM_SLOW_FILE");
    FILE *f = path == NULL ? NULL : fopen(path, "re");
    unsigned ms = 0;

    if (f == NULL)
        return;
    if (fscanf(f, "%u", &ms) != 1)
        ms = 0;
    (void)fclose(f);
    (void)nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static CK_RV shim_sign(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR sig,
                       CK_ULONG_PTR sig_len)
{
    enum p11_plan p;
    CK_RV rv, made;

    if (!planned("C_Sign", &p, &rv))
        return rv;
    dawdle();
    made = real->C_Sign(h, data, len, sig, sig_len);
    if (made == CKR_OK && p == PLAN_SPOIL)
        sig[*sig_len - 1] ^= 1;
    if (made == CKR_OK && p == PLAN_SHORT)
        --*sig_len;
    return p == PLAN_LOST ? rv : made;
}

static CK_RV shim_derive(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key,
                         CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_OBJECT_HANDLE_PTR out)
{
    PLANNED(C_DeriveKey, (count_use(h, key), real->C_DeriveKey(h, m, key, a, n, out)));
}

static CK_RV shim_login(CK_SESSION_HANDLE h, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                        CK_ULONG len)
{
    const char *file = getenv("P11_SHIM_LOGIN_FILE");

    if (file != NULL)
        count(file);
    PLANNED(C_Login, real->C_Login(h, user, pin, len));
}

/* SoftHSM takes no text, but may be said to want one. */
static CK_RV initialize(void *args)
{
    CK_C_INITIALIZE_ARGS a = {0};
    char wanted[128];

    if (!p11_plan_value(getenv("P11_SHIM_PLAN"), "init_args", wanted, sizeof wanted))
        return real->C_Initialize(args);
    memcpy(&a, args, sizeof a);
    if (a.pReserved == NULL || strcmp(a.pReserved, wanted) != 0)
        return CKR_ARGUMENTS_BAD;
    a.pReserved = NULL;
    return real->C_Initialize(&a);
}

static CK_RV shim_open(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                       CK_SESSION_HANDLE_PTR out)
{
    const char *file = getenv("P11_SHIM_SESSION_FILE");

    if (file != NULL)
        count(file);
    PLANNED(C_OpenSession, real->C_OpenSession(slot, flags, app, notify, out));
}

static CK_RV shim_initialize(void *args)
{
    PLANNED(C_Initialize, initialize(args));
}

static CK_RV shim_destroy(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
    enum p11_plan p;
    CK_RV rv, made;

    if (!planned("C_DestroyObject", &p, &rv))
        return rv;
    made = p == PLAN_SPOIL ? CKR_OK /* so it says */ : real->C_DestroyObject(h, o);
    return p == PLAN_LOST ? rv : made;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
    CK_RV (*list)(CK_FUNCTION_LIST_PTR_PTR);
    const char *path = getenv("P11_SHIM_MODULE");
    void *module, *symbol;
    enum p11_plan p;
    CK_RV rv;

    if (!planned("C_GetFunctionList", &p, &rv))
        return rv;
    if (real == NULL) {
        module = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        symbol = module == NULL ? NULL : dlsym(module, "C_GetFunctionList");
        if (symbol == NULL)
            return CKR_GENERAL_ERROR;
        memcpy(&list, &symbol, sizeof list);
        if (list(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        mine = *real;
        mine.C_SignInit = shim_sign_init;
        mine.C_Sign = shim_sign;
        mine.C_DeriveKey = shim_derive;
        mine.C_Login = shim_login;
        mine.C_Initialize = shim_initialize;
        mine.C_DestroyObject = shim_destroy;
        mine.C_Finalize = shim_C_Finalize;
        mine.C_GetInfo = shim_C_GetInfo;
        mine.C_GetSlotList = shim_C_GetSlotList;
        mine.C_GetSlotInfo = shim_C_GetSlotInfo;
        mine.C_GetTokenInfo = shim_C_GetTokenInfo;
        mine.C_GetMechanismInfo = shim_C_GetMechanismInfo;
        mine.C_OpenSession = shim_open;
        mine.C_CloseSession = shim_C_CloseSession;
        mine.C_CloseAllSessions = shim_C_CloseAllSessions;
        mine.C_FindObjectsInit = shim_C_FindObjectsInit;
        mine.C_FindObjects = shim_C_FindObjects;
        mine.C_FindObjectsFinal = shim_C_FindObjectsFinal;
        mine.C_GetAttributeValue = shim_C_GetAttributeValue;
        mine.C_CopyObject = shim_C_CopyObject;
        mine.C_CreateObject = shim_C_CreateObject;
    }
    *out = &mine;
    return CKR_OK;
}
