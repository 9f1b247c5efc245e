/* SPDX-License-Identifier: MIT
 *
 * meter_pem - private keys and certificates in PEM files, for the test programs.
 *
 * Effects: files; ends the program when one cannot be read or written.
 */
#ifndef METER_PEM_H
#define METER_PEM_H

#include "meter_tlv.h"

#include <openssl/evp.h>

EVP_PKEY *pem_key_read(const char *path);
void pem_key_write(const char *dir, const char *name, EVP_PKEY *key);
void pem_cert_write(const char *dir, const char *name, struct octets der);

#endif
