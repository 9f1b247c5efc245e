/* SPDX-License-Identifier: MIT */
    .section .rodata
    .global page_css
    .type page_css, @object
page_css:
    .incbin PAGE_CSS_FILE
    .byte 0
    .size page_css, . - page_css
    .section .note.GNU-stack, "", @progbits
