#!/bin/sh
# SPDX-License-Identifier: MIT
# p11-kit server: a remote token makes a key for key agreement that nobody can agree with.
#
# Expected (PKCS#11 v2.40, 5.5: C_GetMechanismInfo tells of what the token can do): a token that is reached through
# `p11-kit server` can do over the socket what it can do beside it, or refuses a key that is of no use there.
# Version: p11-kit 0.24.1-2 before softhsm2 2.6.1-2.1 (Debian 12).
# Seen: asked directly SoftHSM has CKM_ECDH1_DERIVE, and derives. Through the socket C_GetMechanismInfo answers
# CKR_MECHANISM_INVALID (0x70) for it, and so does C_DeriveKey. Yet C_GenerateKeyPair makes a P-256 key pair whose private
# half is for derivation alone (CKA_DERIVE, not CKA_SIGN), without a word.
#
# Consequence: a ceremony over the socket that trusts a key's attributes ends with a certified key agreement key that
# fails at its first use. Ask for the mechanism before the key is made.
#
# Needs gcc and the Debian registry. Exit status 0: as described; 1: it behaves otherwise now; 2: it could not be tried.
set -eu
dir=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$dir"
}
trap finish EXIT
cannot() {
    echo "$*" >&2
    exit 2
}
cd "$dir"
apt-get download -qq softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1 p11-kit=0.24.1-2 p11-kit-modules=0.24.1-2 libp11-kit0=0.24.1-2 \
    libp11-kit-dev=0.24.1-2 >/dev/null 2>&1 || cannot 'the packages are not to be had'
for package in ./*.deb; do
    dpkg -x "$package" "$dir/root"
done
libs=$dir/root/usr/lib/$(gcc -print-multiarch)
module=$dir/root/usr/lib/softhsm/libsofthsm2.so
export LD_LIBRARY_PATH="$libs"
mkdir tokens
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir/tokens" >softhsm2.conf
export SOFTHSM2_CONF="$dir/softhsm2.conf"
"$dir/root/usr/bin/softhsm2-util" --module "$module" --init-token --free --label t --pin 12345678 --so-pin 12345678 >/dev/null ||
    cannot 'no token'

cat >agree.c <<'END'
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ok(CK_RV rv, const char *what)
{
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, rv);
        exit(2);
    }
}

int main(int argc, char *argv[])
{
    void *so = dlopen(argv[1], RTLD_NOW);
    CK_C_GetFunctionList get = so ? (CK_C_GetFunctionList)dlsym(so, "C_GetFunctionList") : NULL;
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE h;
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8, size = 32;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
    CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
    CK_MECHANISM make = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM_INFO info;
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &no, 1}};
    CK_ATTRIBUTE private[] = {{CKA_TOKEN, &no, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_DERIVE, &yes, 1}, {CKA_SIGN, &no, 1}};
    CK_ATTRIBUTE shared[] = {{CKA_CLASS, &secret, sizeof secret}, {CKA_KEY_TYPE, &generic, sizeof generic},
                             {CKA_VALUE_LEN, &size, sizeof size}, {CKA_TOKEN, &no, 1}};
    CK_BYTE point[80];
    CK_ATTRIBUTE read = {CKA_EC_POINT, point, sizeof point};
    CK_ECDH1_DERIVE_PARAMS with = {.kdf = CKD_NULL};
    CK_MECHANISM derive = {CKM_ECDH1_DERIVE, &with, sizeof with};
    CK_OBJECT_HANDLE a, b, z;

    if (argc != 2 || get == NULL)
        return 2;
    ok(get(&f), "C_GetFunctionList");
    ok(f->C_Initialize(NULL), "C_Initialize");
    ok(f->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");
    ok(n == 0 ? CKR_TOKEN_NOT_PRESENT : CKR_OK, "no token yet");
    ok(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), "C_OpenSession");
    ok(f->C_Login(h, CKU_USER, (CK_UTF8CHAR *)"12345678", 8), "C_Login");
    printf("mechanism: 0x%lx\n", f->C_GetMechanismInfo(slots[0], CKM_ECDH1_DERIVE, &info));
    ok(f->C_GenerateKeyPair(h, &make, public, 2, private, 5, &a, &b), "C_GenerateKeyPair");
    ok(f->C_GetAttributeValue(h, a, &read, 1), "C_GetAttributeValue");
    with.pPublicData = point; /* its own public half will do */
    with.ulPublicDataLen = read.ulValueLen;
    printf("derived: 0x%lx\n", f->C_DeriveKey(h, &derive, b, shared, 4, &z));
    return 0;
}
END
gcc -o agree agree.c -I "$dir/root/usr/include/p11-kit-1" -ldl || cannot 'it does not compile'
PATH=$dir/root/usr/bin:$PATH
"$dir/root/usr/libexec/p11-kit/p11-kit-server" --help >/dev/null 2>&1 || cannot 'no server'
"$dir/root/usr/libexec/p11-kit/p11-kit-server" --provider "$module" -f -n "$dir/sock" pkcs11: >/dev/null 2>&1 &
server=$!
export P11_KIT_SERVER_ADDRESS="unix:path=$dir/sock"
# It listens a moment before it shows its token.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    ./agree "$libs/pkcs11/p11-kit-client.so" >remote 2>/dev/null && break
    sleep 1
done
{ ./agree "$module" && cat remote; } >seen || cannot 'the token could not be used'
cat seen
printf 'mechanism: 0x0\nderived: 0x0\nmechanism: 0x70\nderived: 0x70\n' | cmp -s - seen || {
    echo 'it behaves otherwise now'
    exit 1
}
