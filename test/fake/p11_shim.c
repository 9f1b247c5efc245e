/* SPDX-License-Identifier: MIT
 *
 * p11_shim - a module in front of a real one, that makes calls go wrong on demand.
 *
 * Environment:
 *   P11_SHIM_MODULE       the real module, absolute
 *   P11_SHIM_PLAN         see p11_plan.h; C_SignInit, C_Sign, C_Login, C_OpenSession,
 *                         C_Initialize, C_FindObjects, C_CopyObject, C_CreateObject,
 *                         C_DestroyObject, C_GetFunctionList;
 *                         init_args=TEXT: what C_Initialize must be handed in pReserved
 *   P11_SHIM_COUNT_FILE   a file to which every use of a key (each C_SignInit and
 *                         C_DeriveKey) adds one octet, so that its size is the count
 *   P11_SHIM_COUNT_LABEL  the CKA_LABEL of the keys that P11_SHIM_COUNT_FILE counts
 *   P11_SHIM_COUNT_DIR    a folder: every use of any key adds one to the file of its label
 *   P11_SHIM_GATE_DIR     a folder: while it has a file of a key's label, in it a number, uses
 *                         of that key beyond so many, as COUNT_DIR has them, wait
 *   P11_SHIM_SLOW_FILE    a file with a number: so many milliseconds each C_Sign takes; it may
 *                         change at any time
 *   P11_SHIM_LOGIN_FILE   a file to which every C_Login adds one octet
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

static enum p11_plan plan(const char *function, CK_RV *rv)
{
    return p11_plan(getenv("P11_SHIM_PLAN"), function, rv);
}

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
    CK_RV rv;

    (void)plan("C_SignInit", &rv);
    if (rv != CKR_OK)
        return rv;
    count_use(h, key);
    return real->C_SignInit(h, m, key);
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
    CK_RV rv;
    enum p11_plan p = plan("C_Sign", &rv);

    if (rv != CKR_OK)
        return rv;
    dawdle();
    rv = real->C_Sign(h, data, len, sig, sig_len);
    if (rv == CKR_OK && p == PLAN_SPOIL)
        sig[*sig_len - 1] ^= 1;
    if (rv == CKR_OK && p == PLAN_SHORT)
        --*sig_len;
    return rv;
}

static CK_RV shim_derive(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key,
                         CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_OBJECT_HANDLE_PTR out)
{
    CK_RV rv;

    (void)plan("C_DeriveKey", &rv);
    if (rv != CKR_OK)
        return rv;
    count_use(h, key);
    return real->C_DeriveKey(h, m, key, a, n, out);
}

static CK_RV shim_login(CK_SESSION_HANDLE h, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                        CK_ULONG len)
{
    const char *file = getenv("P11_SHIM_LOGIN_FILE");
    CK_RV rv;

    if (file != NULL)
        count(file);
    (void)plan("C_Login", &rv);
    return rv != CKR_OK ? rv : real->C_Login(h, user, pin, len);
}

static CK_RV shim_open(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                       CK_SESSION_HANDLE_PTR out)
{
    CK_RV rv;

    (void)plan("C_OpenSession", &rv);
    return rv != CKR_OK ? rv : real->C_OpenSession(slot, flags, app, notify, out);
}

static CK_RV shim_initialize(void *args)
{
    CK_C_INITIALIZE_ARGS a = {0};
    char wanted[128];
    CK_RV rv;

    (void)plan("C_Initialize", &rv);
    if (rv != CKR_OK)
        return rv;
    if (!p11_plan_value(getenv("P11_SHIM_PLAN"), "init_args", wanted, sizeof wanted))
        return real->C_Initialize(args);
    memcpy(&a, args, sizeof a);
    if (a.pReserved == NULL || strcmp(a.pReserved, wanted) != 0)
        return CKR_ARGUMENTS_BAD;
    a.pReserved = NULL; /* SoftHSM takes none */
    return real->C_Initialize(&a);
}

static CK_RV shim_find(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR out, CK_ULONG max,
                       CK_ULONG_PTR n)
{
    CK_RV rv;

    (void)plan("C_FindObjects", &rv);
    return rv != CKR_OK ? rv : real->C_FindObjects(h, out, max, n);
}

static CK_RV shim_copy(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a,
                       CK_ULONG n, CK_OBJECT_HANDLE_PTR out)
{
    CK_RV rv;

    (void)plan("C_CopyObject", &rv);
    return rv != CKR_OK ? rv : real->C_CopyObject(h, o, a, n, out);
}

static CK_RV shim_create(CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n,
                         CK_OBJECT_HANDLE_PTR out)
{
    CK_RV rv;

    (void)plan("C_CreateObject", &rv);
    return rv != CKR_OK ? rv : real->C_CreateObject(h, a, n, out);
}

static CK_RV shim_destroy(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
    CK_RV rv;

    if (plan("C_DestroyObject", &rv) == PLAN_SPOIL)
        return CKR_OK; /* so it says */
    return rv != CKR_OK ? rv : real->C_DestroyObject(h, o);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out)
{
    CK_RV (*list)(CK_FUNCTION_LIST_PTR_PTR);
    const char *path = getenv("P11_SHIM_MODULE");
    void *module, *symbol;
    CK_RV rv;

    (void)plan("C_GetFunctionList", &rv);
    if (rv != CKR_OK)
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
        mine.C_OpenSession = shim_open;
        mine.C_Initialize = shim_initialize;
        mine.C_FindObjects = shim_find;
        mine.C_CopyObject = shim_copy;
        mine.C_CreateObject = shim_create;
        mine.C_DestroyObject = shim_destroy;
    }
    *out = &mine;
    return CKR_OK;
}
