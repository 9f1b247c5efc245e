/* SPDX-License-Identifier: MIT */
#include "module_load.h"

#include "bridge.h"
#include "module_file.h"

#include <openssl/err.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char bridge_name[] = "smki-recovery-bridge.so";

/* Beside this program (so it is where it was built), or where it was installed. */
static bool bridge_file(char *real, struct err *e)
{
    char path[CONFIG_PATH_MAX + sizeof bridge_name] = "";
    ssize_t n = readlink("/proc/self/exe", path, CONFIG_PATH_MAX);
    char *slash = n > 0 && n < CONFIG_PATH_MAX ? strrchr(path, '/') : NULL;

    if (slash != NULL)
        (void)strcpy(slash + 1, bridge_name);
    if (slash == NULL || access(path, F_OK) != 0)
        (void)snprintf(path, sizeof path, "%s/%s", BRIDGE_DIR, bridge_name);
    return module_file_check(path, real, e);
}

typedef void function(void); /* of any type; cast before it is called */

/* Never unloaded, and nobody else's names are bound to it. */
static function *map(const char *path, const char *name, struct err *e)
{
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    union {
        void *object; /* what dlsym says; ISO C has no cast from it */
        function *function;
    } symbol = {.object = file == NULL ? NULL : dlsym(file, name)};

    if (symbol.object == NULL)
        (void)err_set(e, ERR_TOKEN, "token.module", "%s", dlerror());
    return symbol.function;
}

/* The only call of the module's own C_GetFunctionList. */
static CK_FUNCTION_LIST *list_of(const char *path, struct err *e)
{
    CK_C_GetFunctionList get = (CK_C_GetFunctionList)map(path, "C_GetFunctionList", e);
    CK_FUNCTION_LIST *f = NULL;
    CK_RV rv;

    if (get == NULL)
        return NULL;
    rv = get(&f);
    if (rv == CKR_OK && f != NULL)
        return f;
    (void)err_set(e, ERR_TOKEN, "token.module", "%s: C_GetFunctionList: %s (0x%lx)", path,
                  p11_code(rv)->name, rv);
    return NULL;
}

static bool hand_on(const char *bridge, CK_FUNCTION_LIST *f, struct err *e)
{
    void (*hold)(CK_FUNCTION_LIST *) =
        (void (*)(CK_FUNCTION_LIST *))map(bridge, BRIDGE_HOLD, e);

    if (hold == NULL)
        return false;
    hold(f);
    return true;
}

static bool start(const struct config_token *t, const char *real, const char *bridge,
                  struct module *m, enum p11_class *worst, struct err *e)
{
    char hint[300];
    bool wants_text;

    m->ctx = PKCS11_CTX_new();
    if (m->ctx == NULL)
        return err_set(e, ERR_STORE, "store.memory", "no memory for the module");
    if (t->init_args[0] != '\0')
        PKCS11_CTX_init_args(m->ctx, t->init_args);
    if (PKCS11_CTX_load(m->ctx, bridge) == 0)
        return true;
    wants_text = ERR_GET_REASON(ERR_peek_last_error()) == CKR_ARGUMENTS_BAD;
    module_file_hint(real, hint, sizeof hint);
    *worst = hint[0] != '\0' || wants_text ? P11_STOP : P11_REBUILD;
    PKCS11_CTX_free(m->ctx); /* unloading what was not loaded would crash */
    m->ctx = NULL;
    return err_set(e, ERR_TOKEN, "token.module", "%s does not start: %s%s%s", real,
                   err_openssl(), hint,
                   !wants_text               ? ""
                   : t->init_args[0] == '\0' ? "; it may want a string: set InitArgs="
                                             : "; InitArgs= may not be what it wants");
}

bool module_load(const struct config_token *t, struct module *out, enum p11_class *worst,
                 struct err *e)
{
    char real[CONFIG_PATH_MAX], bridge[CONFIG_PATH_MAX];

    *out = (struct module){0};
    *worst = P11_STOP;
    if (!module_file_check(t->module, real, e) || !bridge_file(bridge, e) ||
        (out->f = list_of(real, e)) == NULL || !hand_on(bridge, out->f, e) ||
        !start(t, real, bridge, out, worst, e)) {
        out->f = NULL;
        return false;
    }
    *worst = P11_FINE;
    return true;
}

void module_unload(struct module *m)
{
    if (m->ctx != NULL) {
        PKCS11_CTX_unload(m->ctx);
        PKCS11_CTX_free(m->ctx);
    }
    *m = (struct module){0};
}
