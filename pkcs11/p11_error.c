/* SPDX-License-Identifier: MIT */
#include "p11_error.h"

#include <sysexits.h>

#define ROW(name, class, session)   \
    {                               \
        name, #name, class, session \
    }

static const struct p11_code codes[] = {
    ROW(CKR_OK, P11_FINE, false),

    /* our bug */
    ROW(CKR_ARGUMENTS_BAD, P11_BUG, false),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, P11_BUG, false),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, P11_BUG, false),
    ROW(CKR_BUFFER_TOO_SMALL, P11_BUG, false),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, P11_BUG, false),
    ROW(CKR_DATA_INVALID, P11_BUG, false),
    ROW(CKR_DATA_LEN_RANGE, P11_BUG, false),
    ROW(CKR_OPERATION_ACTIVE, P11_BUG, false),
    ROW(CKR_OPERATION_NOT_INITIALIZED, P11_BUG, false),
    ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, P11_BUG, false),
    ROW(CKR_SLOT_ID_INVALID, P11_BUG, false),
    ROW(CKR_TEMPLATE_INCOMPLETE, P11_BUG, false),
    ROW(CKR_TEMPLATE_INCONSISTENT, P11_BUG, false),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, P11_BUG, false),
    ROW(CKR_USER_TYPE_INVALID, P11_BUG, false),

    /* build anew; a fresh session alone may do */
    ROW(CKR_SESSION_CLOSED, P11_REBUILD, true),
    ROW(CKR_SESSION_HANDLE_INVALID, P11_REBUILD, true),

    /* build anew */
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, P11_REBUILD, false),
    ROW(CKR_DEVICE_ERROR, P11_REBUILD, false),
    ROW(CKR_DEVICE_MEMORY, P11_REBUILD, false),
    ROW(CKR_DEVICE_REMOVED, P11_REBUILD, false),
    ROW(CKR_FUNCTION_CANCELED, P11_REBUILD, false),
    ROW(CKR_FUNCTION_FAILED, P11_REBUILD, false),
    ROW(CKR_GENERAL_ERROR, P11_REBUILD, false),
    ROW(CKR_HOST_MEMORY, P11_REBUILD, false),
    ROW(CKR_KEY_HANDLE_INVALID, P11_REBUILD, false),
    ROW(CKR_OBJECT_HANDLE_INVALID, P11_REBUILD, false),
    ROW(CKR_SESSION_COUNT, P11_REBUILD, false),
    ROW(CKR_TOKEN_NOT_PRESENT, P11_REBUILD, false),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, P11_REBUILD, false),
    ROW(CKR_USER_NOT_LOGGED_IN, P11_REBUILD, false),

    /* stop and call a person */
    ROW(CKR_ATTRIBUTE_READ_ONLY, P11_STOP, false),
    ROW(CKR_ATTRIBUTE_SENSITIVE, P11_STOP, false),
    ROW(CKR_CANT_LOCK, P11_STOP, false),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, P11_STOP, false),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, P11_STOP, false),
    ROW(CKR_KEY_SIZE_RANGE, P11_STOP, false),
    ROW(CKR_KEY_TYPE_INCONSISTENT, P11_STOP, false),
    ROW(CKR_MECHANISM_INVALID, P11_STOP, false),
    ROW(CKR_MECHANISM_PARAM_INVALID, P11_STOP, false),
    ROW(CKR_NEED_TO_CREATE_THREADS, P11_STOP, false),
    ROW(CKR_PIN_EXPIRED, P11_STOP, false),
    ROW(CKR_PIN_INCORRECT, P11_STOP, false),
    ROW(CKR_PIN_INVALID, P11_STOP, false),
    ROW(CKR_PIN_LEN_RANGE, P11_STOP, false),
    ROW(CKR_PIN_LOCKED, P11_STOP, false),
    ROW(CKR_SESSION_READ_ONLY, P11_STOP, false),
    ROW(CKR_TOKEN_WRITE_PROTECTED, P11_STOP, false),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, P11_STOP, false),
    ROW(CKR_USER_TOO_MANY_TYPES, P11_STOP, false),
};

const struct p11_code *p11_code(CK_RV rv)
{
    static const struct p11_code unknown = {0, "unknown code", P11_UNKNOWN, false};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].rv == rv)
            return &codes[i];
    return &unknown;
}

bool p11_error(const char *call, CK_RV rv, struct err *e)
{
    const struct p11_code *c = p11_code(rv);

    switch (c->class) {
    case P11_BUG:
        return err_set(e, ERR_TOKEN, "token.bug", "%s: %s (0x%lx)", call, c->name, rv);
    case P11_STOP:
        return err_set(e, ERR_TOKEN, "token.refused", "%s: %s (0x%lx)", call, c->name, rv);
    case P11_UNKNOWN:
        return err_set(e, ERR_TOKEN, "token.unknown-code", "%s: %s 0x%lx", call, c->name,
                       rv);
    case P11_FINE:
    case P11_REBUILD:
        break;
    }
    return err_set(e, ERR_TOKEN, "token.lost", "%s: %s (0x%lx)", call, c->name, rv);
}

int p11_exit_status(enum p11_class class)
{
    switch (class) {
    case P11_FINE:
        return 0;
    case P11_REBUILD:
    case P11_UNKNOWN:
        return EX_TEMPFAIL;
    case P11_STOP:
        return EX_CONFIG;
    case P11_BUG:
        break;
    }
    return EX_SOFTWARE;
}
