/* SPDX-License-Identifier: MIT */
#include "core_kit.h"

#include <errno.h>
#include <ftw.h>

struct err e;
static char dir[64];
const char *const kit_dir = dir;
struct store *store;

void kit_broken(const char *what)
{
    (void)fprintf(stderr, "kit: %s\n", what);
    abort();
}

void kit_begin(void)
{
    const char *tmp = getenv("TMPDIR");
    int len = snprintf(dir, sizeof dir, "%s/smki-test-XXXXXX", tmp != NULL ? tmp : "/tmp");

    if (len < 0 || (size_t)len >= sizeof dir || mkdtemp(dir) == NULL)
        kit_broken("no folder under TMPDIR");
    memset(&e, 0, sizeof e);
    store = NULL;
}

void kit_reopen_store(void)
{
    store_close(store);
    store = NULL;
    OK(store_open(kit_path("db"), &store, &e));
}

void kit_begin_store(void)
{
    kit_begin();
    kit_reopen_store();
}

int64_t number(const char *sql)
{
    int64_t n = -1;
    bool found;

    OK(store_number(store, &n, &found, &e, sql, ""));
    return found ? n : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void kit_end(void)
{
    store_close(store);
    store = NULL;
    (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

bool kit_trail_verifies(FILE *f, struct audit_verdict *v)
{
    struct audit_check *c;
    struct err ignored;
    bool ok;

    memset(v, 0, sizeof *v);
    if (!audit_check_new(NULL, 0, &c, &e))
        return false;
    ok = audit_check_trail(c, f, "the file", &e);
    if (!audit_check_end(c, v, ok ? &e : &ignored))
        ok = false;
    audit_check_free(c);
    return ok;
}

const char *kit_path(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *p = paths[turn++ % 4];

    (void)snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

void kit_write(const char *name, const void *at, size_t len)
{
    FILE *f = fopen(kit_path(name), "w");

    if (f == NULL || fwrite(at, 1, len, f) != len || fclose(f) != 0)
        kit_broken(name);
}

void kit_text(const char *name, const char *text)
{
    kit_write(name, text, strlen(text));
}

size_t kit_open_fds(void)
{
    size_t n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
    return n;
}

int kit_run(const char *name, void (*setup)(void), void (*teardown)(void),
            void (*add)(TCase *t))
{
    Suite *suite = suite_create(name);
    TCase *t = tcase_create("all");
    SRunner *r;
    int bad;

    if (setup != NULL)
        tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 300); /* a busy machine is no fault */
    add(t);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_ENV);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad != 0;
}

const struct eui64 *kit_device(uint32_t no)
{
    static struct eui64 turns[4];
    static unsigned turn;
    struct eui64 *d = &turns[turn++ % 4];

    *d = (struct eui64){{0x00, 0xdb}};
    put_be32(d->b + 4, no);
    return d;
}
