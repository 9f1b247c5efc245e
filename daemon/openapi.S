/* SPDX-License-Identifier: MIT
 *
 * A build does not see a change of openapi.json by itself: touch this file with it. */
    .section .rodata
    .global openapi_json
    .type openapi_json, @object
openapi_json:
    .incbin OPENAPI_FILE
    .byte 0
    .size openapi_json, . - openapi_json
    .section .note.GNU-stack, "", @progbits
