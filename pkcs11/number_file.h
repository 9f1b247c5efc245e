/* SPDX-License-Identifier: MIT
 *
 * number_file - a number of p11_number.h as this machine knows it, in a file.
 *
 * One file a name, token-S.number-<name> in the signers' folder: the octets of CKA_VALUE in
 * hexadecimal, one line. Written under another name, flushed, renamed, the folder flushed.
 *   Mark=token  what this machine made of the number last: p11_number.h says what for.
 *   Mark=file   the number itself, where a token keeps no data objects. A copy of the file
 *               put back rolls it back, and nothing tells.
 * The caller has the token's lock (session_lock), which is what keeps processes apart.
 *
 * Effects: the file.
 */
#ifndef NUMBER_FILE_H
#define NUMBER_FILE_H

#include "p11_number.h"

/* No file: zeros.
 * Errors: ERR_TOKEN "token.counter-mark-bad" not whole; ERR_STORE "token.state". */
MUST_CHECK bool number_file_read(const struct session *s, const struct p11_number *which,
                                 uint64_t now[P11_NUMBER_WORDS], struct err *e);
/* Errors: ERR_STORE "token.state". */
MUST_CHECK bool number_file_write(const struct session *s, const struct p11_number *which,
                                  const uint64_t words[P11_NUMBER_WORDS], struct err *e);

#endif
