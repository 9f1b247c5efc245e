/* SPDX-License-Identifier: MIT
 *
 * samples - one message of every kind, made by our own encoder: what the fuzzers start from
 * and what test_message walks. None is a published message.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "bytes.h"

enum sample_sort {
    SAMPLE_COMMAND,  /* strict: encoding what was decoded is checked by the decoder */
    SAMPLE_RESPONSE, /* responses and alerts */
};

struct sample {
    const char *name;
    enum sample_sort sort;
    bool lenient; /* BER but not DER */
    uint8_t *octets;
    size_t len;
};

#define SAMPLES_MAX 64

/* Makes them all; aborts when it cannot. samples_free frees them. */
size_t samples_make(struct sample out[SAMPLES_MAX]);
void samples_free(struct sample s[], size_t n);

/* An X.509 certificate with the marks of an Organisation certificate, self-signed. */
struct span samples_certificate(void);

#endif
