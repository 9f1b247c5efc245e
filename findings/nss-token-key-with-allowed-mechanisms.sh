#!/bin/sh
# SPDX-License-Identifier: MIT
# NSS softokn: a key that is to be bound to a mechanism cannot be kept.
#
# Expected (PKCS#11 v2.40, 4.7: CKA_ALLOWED_MECHANISMS is an attribute of every key object; 4.1.1: a template with an
# attribute that a token does not support is refused with CKR_ATTRIBUTE_TYPE_INVALID): a P-256 key pair whose private
# half allows CKM_ECDSA alone is made, as token object and as session object, or both are refused by that code.
# Version: libnss3 2:3.87.1-1+deb12u4 (Debian 12), a database of kind sql.
# Seen: as session object it is made. As token object the same template is refused with CKR_GENERAL_ERROR (0x5), which says
# nothing of attributes. Without CKA_ALLOWED_MECHANISMS the token object is made.
#
# Consequence: whoever binds keys to mechanisms has to try again without, and cannot tell this refusal from a broken token.
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
apt-get download -qq libnss3=2:3.87.1-1+deb12u4 libnss3-tools=2:3.87.1-1+deb12u4 libnspr4 libp11-kit-dev=0.24.1-2 >/dev/null 2>&1 ||
    cannot 'the packages are not to be had'
for package in ./*.deb; do
    dpkg -x "$package" "$dir/root"
done
LD_LIBRARY_PATH=$dir/root/usr/lib/$(gcc -print-multiarch)
export LD_LIBRARY_PATH
mkdir db
openssl rand -hex 8 >pin
"$dir/root/usr/bin/certutil" -N -d "sql:$dir/db" -f pin || cannot 'no database'

cat >keys.c <<'END'
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE h;

static void ok(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(2);
    }
}

static void pair(CK_BBOOL token, CK_ULONG bound)
{
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_BBOOL yes = CK_TRUE;
    CK_MECHANISM_TYPE allowed = CKM_ECDSA;
    CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &token, 1}, {CKA_VERIFY, &yes, 1}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &token, 1},     {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1},
                              {CKA_SIGN, &yes, 1}, {CKA_ALLOWED_MECHANISMS, &allowed, sizeof allowed}};
    CK_OBJECT_HANDLE a, b;
    CK_RV rv = f->C_GenerateKeyPair(h, &m, public, 3, private, 4 + bound, &a, &b);

    printf("%s %s: 0x%lx\n", token ? "token" : "session", bound ? "bound" : "free", rv);
}

int main(int argc, char *argv[])
{
    void *so = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get = so ? (CK_C_GetFunctionList)dlsym(so, "C_GetFunctionList") : NULL;
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK, .pReserved = argv[2]};
    CK_TOKEN_INFO info;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8, i;

    if (argc != 4 || get == NULL)
        return 2;
    ok(get(&f), "C_GetFunctionList");
    ok(f->C_Initialize(&args), "C_Initialize");
    ok(f->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    for (i = 0; i < n; i++)
        if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK && memcmp(info.label, "NSS Certificate DB", 18) == 0)
            break;
    if (i == n)
        return 2;
    ok(f->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), "C_OpenSession");
    ok(f->C_Login(h, CKU_USER, (CK_UTF8CHAR *)argv[3], strlen(argv[3])), "C_Login");
    pair(CK_FALSE, 1);
    pair(CK_TRUE, 1);
    pair(CK_TRUE, 0);
    return 0;
}
END
gcc -o keys keys.c -I "$dir/root/usr/include/p11-kit-1" -ldl || cannot 'it does not compile'
./keys "$LD_LIBRARY_PATH/libsoftokn3.so" "configdir='sql:$dir/db' certPrefix='' keyPrefix='' secmod='' flags=" "$(cat pin)" >seen ||
    cannot 'the token could not be used'
cat seen
printf 'session bound: 0x0\ntoken bound: 0x5\ntoken free: 0x0\n' | cmp -s - seen || {
    echo 'it behaves otherwise now'
    exit 1
}
