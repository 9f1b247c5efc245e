/* SPDX-License-Identifier: MIT */
#include "p11_plan.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUNCTIONS_MAX 40

static struct {
    char name[40];
    unsigned long calls;
} counts[FUNCTIONS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned long count(const char *function)
{
    unsigned long n = 0;

    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < FUNCTIONS_MAX; i++) {
        if (counts[i].name[0] == '\0')
            (void)snprintf(counts[i].name, sizeof counts[i].name, "%s", function);
        if (strcmp(counts[i].name, function) == 0) {
            n = ++counts[i].calls;
            break;
        }
    }
    (void)pthread_mutex_unlock(&lock);
    return n;
}

static enum p11_plan act(const char *what, CK_RV *rv)
{
    if (strncmp(what, "hang", 4) == 0)
        for (;;)
            (void)pause();
    if (strncmp(what, "kill", 4) == 0)
        (void)kill(getpid(), SIGKILL);
    if (strncmp(what, "spoil", 5) == 0)
        return PLAN_SPOIL;
    if (strncmp(what, "short", 5) == 0)
        return PLAN_SHORT;
    *rv = strtoul(what, NULL, 0);
    return PLAN_NONE;
}

enum p11_plan p11_plan(const char *plan, const char *function, CK_RV *rv)
{
    unsigned long n = count(function);
    size_t len = strlen(function);

    *rv = CKR_OK;
    for (const char *p = plan; p != NULL && *p != '\0'; p = strchr(p, ',')) {
        char *end;
        unsigned long at;

        p += *p == ',';
        if (strncmp(p, function, len) != 0 || p[len] != ':')
            continue;
        at = strtoul(p + len + 1, &end, 10);
        if ((*end == '+' && end[1] == '=' && n >= at) ||
            (*end == '*' && end[1] == '=' && n % at == 0) || (*end == '=' && n == at))
            return act(strchr(end, '=') + 1, rv);
    }
    return PLAN_NONE;
}

/* Whoever takes the file away is the one that it is for; one that stays grows. */
static bool taken(const char *path, const char *how)
{
    FILE *f;

    if (strcmp(how, "ever") != 0)
        return unlink(path) == 0;
    f = fopen(path, "r+e");
    return f != NULL && fseek(f, 0, SEEK_END) == 0 && fputc('.', f) == '.' &&
           fclose(f) == 0;
}

enum p11_plan p11_plan_file(const char *path, const char *function, CK_RV *rv)
{
    FILE *f = path == NULL ? NULL : fopen(path, "re");
    char name[40] = "", how[8] = "";
    unsigned long code = CKR_OK;
    bool read;

    *rv = CKR_OK;
    if (f == NULL)
        return PLAN_NONE;
    read = fscanf(f, "%39s %li %7s", name, (long *)&code, how) == 3;
    (void)fclose(f);
    if (!read || strcmp(name, function) != 0 || !taken(path, how))
        return PLAN_NONE;
    *rv = code;
    return strcmp(how, "lost") == 0 ? PLAN_LOST : PLAN_NONE;
}

bool p11_plan_value(const char *plan, const char *key, char *out, size_t cap)
{
    size_t len = strlen(key);

    for (const char *p = plan; p != NULL && *p != '\0'; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, key, len) != 0 || p[len] != '=')
            continue;
        (void)snprintf(out, cap, "%.*s", (int)strcspn(p + len + 1, ","), p + len + 1);
        return true;
    }
    return false;
}
