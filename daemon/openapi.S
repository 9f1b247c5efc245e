/* SPDX-License-Identifier: MIT */
    .section .rodata
    .global openapi_json
    .type openapi_json, @object
openapi_json:
    .incbin OPENAPI_FILE
    .byte 0
    .size openapi_json, . - openapi_json
    .section .note.GNU-stack, "", @progbits
