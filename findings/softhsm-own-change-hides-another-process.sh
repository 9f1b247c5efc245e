#!/bin/sh
# SPDX-License-Identifier: MIT
# SoftHSM: what another process has put into a token stays hidden behind one's own change.
#
# Expected (PKCS#11 v2.40, 2.6.7: token objects are visible to all applications connected to the token): once another
# process has created a token object, a search finds it.
# Version: softhsm2 2.6.1-2.1 (Debian 12), objectstore.backend = file.
# Seen: process A has searched the token. Process B creates an object and says so. A creates an object of its own without
# searching in between. From then on A's searches find A's object and not B's, a second later as well: a change of one's
# own is taken as if everything had been read. Had A searched before its change it would have found B's object; a fresh
# login finds both.
#
# Consequence: of two processes that each "look, create, look again", both may believe that they were alone.
#
# Needs gcc and the Debian registry. Exit status 0: as described; 1: it behaves otherwise now; 2: it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cannot() {
    echo "$*" >&2
    exit 2
}
cd "$dir"
apt-get download -qq softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1 libp11-kit-dev=0.24.1-2 >/dev/null 2>&1 ||
    cannot 'the packages are not to be had'
for package in ./*.deb; do
    dpkg -x "$package" "$dir/root"
done
module=$dir/root/usr/lib/softhsm/libsofthsm2.so
mkdir tokens
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir/tokens" >softhsm2.conf
export SOFTHSM2_CONF="$dir/softhsm2.conf"

cat >two.c <<'END'
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE h;

static void ok(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(2);
    }
}

static void login(const char *module)
{
    void *so = dlopen(module, RTLD_NOW);
    CK_C_GetFunctionList get = so ? (CK_C_GetFunctionList)dlsym(so, "C_GetFunctionList") : NULL;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;

    if (get == NULL)
        exit(2);
    ok(get(&f), "C_GetFunctionList");
    ok(f->C_Initialize(NULL), "C_Initialize");
    ok(f->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    ok(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), "C_OpenSession");
    ok(f->C_Login(h, CKU_USER, (CK_UTF8CHAR *)"12345678", 8), "C_Login");
}

static CK_OBJECT_CLASS data = CKO_DATA;

static void create(const char *label)
{
    CK_BBOOL yes = CK_TRUE;
    CK_OBJECT_HANDLE o;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &data, sizeof data},
                        {CKA_TOKEN, &yes, sizeof yes},
                        {CKA_PRIVATE, &yes, sizeof yes},
                        {CKA_LABEL, (void *)label, strlen(label)}};

    ok(f->C_CreateObject(h, t, 4, &o), "C_CreateObject");
}

static unsigned long found(const char *label)
{
    CK_OBJECT_HANDLE o[8];
    CK_ULONG n = 0;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &data, sizeof data}, {CKA_LABEL, (void *)label, strlen(label)}};

    ok(f->C_FindObjectsInit(h, t, 2), "C_FindObjectsInit");
    ok(f->C_FindObjects(h, o, 8, &n), "C_FindObjects");
    ok(f->C_FindObjectsFinal(h), "C_FindObjectsFinal");
    return n;
}

static void take(int fd)
{
    char c;

    if (read(fd, &c, 1) != 1)
        exit(2);
}

static void give(int fd)
{
    if (write(fd, "x", 1) != 1)
        exit(2);
}

/* two MODULE yes|no: does A search between B's change and its own? */
int main(int argc, char **argv)
{
    int to_b[2], to_a[2];
    unsigned long between = 0;

    if (argc != 3 || pipe(to_b) != 0 || pipe(to_a) != 0)
        return 2;
    if (fork() == 0) {
        take(to_b[0]);
        login(argv[1]);
        create("of B");
        give(to_a[1]);
        take(to_b[0]);
        return 0;
    }
    login(argv[1]);
    (void)found("of A");
    give(to_b[1]);
    take(to_a[0]);
    if (strcmp(argv[2], "yes") == 0)
        between = found("of B");
    create("of A");
    printf("A finds %lu of A, %lu of B", found("of A"), found("of B"));
    sleep(1);
    printf(", a second later %lu of B (before its own change %lu)\n", found("of B"), between);
    give(to_b[1]);
    return 0;
}
END
gcc -o two two.c -I"$dir/root/usr/include/p11-kit-1" -ldl || cannot 'gcc'
fresh_token() {
    rm -rf "$dir/tokens" && mkdir "$dir/tokens"
    "$dir/root/usr/bin/softhsm2-util" --module "$module" --init-token --free --label t --pin 12345678 --so-pin 12345678 >/dev/null ||
        cannot 'softhsm2-util'
}
fresh_token
hidden=$(./two "$module" no)
fresh_token
seen=$(./two "$module" yes)
echo "no search in between: $hidden"
echo "a search in between:  $seen"
[ "$hidden" = 'A finds 1 of A, 0 of B, a second later 0 of B (before its own change 0)' ] &&
    [ "$seen" = 'A finds 1 of A, 1 of B, a second later 1 of B (before its own change 1)' ]
