/* SPDX-License-Identifier: MIT
 *
 * openapi - daemon/openapi.json, built into the service (see meson.build).
 */
#ifndef OPENAPI_H
#define OPENAPI_H

extern const char openapi_json[];

#endif
