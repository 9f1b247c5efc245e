#!/bin/sh
# SPDX-License-Identifier: MIT
# SoftHSM: a token object that was created and destroyed again keeps memory until C_Finalize.
#
# Expected: who creates a token object and destroys it, again and again, needs no more memory in the end than at first.
# Version: softhsm2 2.6.1-2.1 (Debian 12), objectstore.backend = file.
# Seen: each pair of C_CreateObject and C_DestroyObject of a small private data object leaves some 800 octets of the heap
# in use, as many for the fourth hundred as for the second. C_Finalize gives them back.
#
# Consequence: a process that keeps a number in a token by making the new object before it destroys the old one grows
# with every change, for as long as it is logged in.
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

cat >grow.c <<'END'
#include <dlfcn.h>
#include <malloc.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>

static CK_FUNCTION_LIST *f;

static void ok(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(2);
    }
}

static long in_use(void)
{
    struct mallinfo2 m = mallinfo2();

    return (long)(m.uordblks + m.hblkhd);
}

int main(int argc, char **argv)
{
    void *so = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    CK_C_GetFunctionList get = so ? (CK_C_GetFunctionList)dlsym(so, "C_GetFunctionList") : NULL;
    CK_OBJECT_CLASS data = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &data, sizeof data},
                        {CKA_TOKEN, &yes, sizeof yes},
                        {CKA_PRIVATE, &yes, sizeof yes},
                        {CKA_LABEL, "number", 6},
                        {CKA_VALUE, "0123456789abcdef", 16}};
    long begun, at, last = 0, grown = 0;
    CK_SLOT_ID slots[8];
    CK_SESSION_HANDLE h;
    CK_OBJECT_HANDLE o;
    CK_ULONG n = 8;

    if (get == NULL)
        return 2;
    ok(get(&f), "C_GetFunctionList");
    ok(f->C_Initialize(NULL), "C_Initialize");
    ok(f->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    ok(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), "C_OpenSession");
    ok(f->C_Login(h, CKU_USER, (CK_UTF8CHAR *)"12345678", 8), "C_Login");
    begun = in_use();
    for (int round = 1; round <= 4; round++) {
        at = in_use();
        for (int i = 0; i < 100; i++) {
            ok(f->C_CreateObject(h, t, 5, &o), "C_CreateObject");
            ok(f->C_DestroyObject(h, o), "C_DestroyObject");
        }
        last = (in_use() - at) / 100;
        grown = in_use() - begun;
        printf("hundred %d: %ld octets for each object created and destroyed\n", round, last);
    }
    ok(f->C_Finalize(NULL), "C_Finalize");
    printf("given back by C_Finalize: %s\n", in_use() < begun + grown / 4 ? "yes" : "no");
    return last >= 400 && last <= 2000 && in_use() < begun + grown / 4 ? 0 : 1;
}
END
gcc -o grow grow.c -I"$dir/root/usr/include/p11-kit-1" -ldl || cannot 'gcc'
"$dir/root/usr/bin/softhsm2-util" --module "$module" --init-token --free --label t --pin 12345678 --so-pin 12345678 >/dev/null ||
    cannot 'softhsm2-util'
./grow "$module"
