/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <string.h>

/* One row per stable id, grouped by area; inside a group in the order of the code that uses
 * it. */
const struct rule rules[] = {
    /* config */
    {"config.line", "project", "choice", "A line is [Section], Key=Value or a comment.",
     "Mend the line named."},
    {"config.section", "project", "choice",
     "Sections are those of recovery.conf(5), each named section once in a file.",
     "Mend the header named."},
    {"config.key", "project", "choice", "Keys are those of recovery.conf(5).",
     "Mend or remove the key named; a key of another version is not guessed at."},
    {"config.value", "project", "choice", "A value has the form and range of its key.",
     "Mend the value named; recovery.conf(5) says what it may be."},
    {"config.file", "project", "choice", "The configuration can be read.",
     "Check the path and its permissions."},
    {"config.owner", "project", "choice",
     "Configuration and module belong to root and nobody else may write them.",
     "chown root and chmod go-w the file named."},
    {"config.token", "PKCS#11 v2.40", "choice",
     "A token is named by module, label and serial, with one source of its PIN.",
     "Complete the [Token] section."},
    {"config.service", "project", "choice",
     "Signers are spawned or reached by socket, not both.",
     "Remove one of SignerProgram= and SignerSocket=."},
    {"config.trust", "SEC Appendix B", "INFERRED",
     "The SMKI Root and Issuing OCA certificates are configured and readable.",
     "Complete the [Trust] section."},
    {"config.authority", "SEC L10.9", "UNKNOWN",
     "A quorum is set on purpose: k of n, k at least 2 for the Recovery key.",
     "Set Threshold= and Members= as the PMA decided them."},
    {"config.role", "project", "choice",
     "Roles are viewer, operator, approver and auditor.", "Mend the [Role] section."},

    /* roster */
    {"roster.empty", "SEC L10.30(a)", "INFERRED", "A roster names at least one device.",
     "Send the list of Relevant Devices."},
    {"roster.header", "project", "choice",
     "The first line names the columns device,type,status[,cells][,old][,ka][,ds].",
     "Mend line 1; smki-recovery-roster(5) describes the columns."},
    {"roster.row", "project", "choice",
     "A row has one field for each column, at most 1024 octets, and ends in a newline.",
     "Mend the line named; if it is the last one, the file may have been cut short."},
    {"roster.device", "GBCS 4.3", "CONFIRMED",
     "A device is named by an EUI-64: 16 hex digits.", "Mend the field named."},
    {"roster.type", "GBCS 13.3.3", "CONFIRMED",
     "A device type is ESME, GSME, CHF, GPF, HCALCS or PPMID.", "Mend the field named."},
    {"roster.type2", "SEC L10.30(a)", "INFERRED",
     "Type 2 devices (IHD, CAD) hold no trust anchor cells and are never recovered.",
     "Take the row out of the roster."},
    {"roster.status", "SEC Smart Metering Inventory", "CONFIRMED",
     "The status is an SMI status.", "Mend the field named."},
    {"roster.cells", "GBCS 13.3.3", "CONFIRMED",
     "Cells are named as in smki-recovery-roster(5), each once.", "Mend the field named."},
    {"roster.cell-not-held", "GBCS 4.3.2.5", "INFERRED",
     "A row names only cells that its device type holds.", "Take the cell out of the row."},
    {"roster.old", "GBCS 12.3", "VERIFIED",
     "Old certificates are named by key identifiers of 16 hex digits, at most four.",
     "Mend the field named."},
    {"roster.key", "GBCS 12.3", "VERIFIED",
     "Device keys are compressed P-256 points: 66 hex digits beginning 02 or 03.",
     "Mend the field named."},
    {"roster.duplicate", "SEC L10.30(a)", "INFERRED", "A device stands in a roster once.",
     "Take one of the two lines out."},
    {"roster.order", "project", "choice", "A canonical roster ascends by device.",
     "Sort it; the service does so itself when it takes a roster in."},
    {"roster.too-large", "project", "choice", "A roster has at most 100 million devices.",
     "Split it."},

    /* cert */

    /* decision: the authority document and its quorum */

    /* device, cell, row: who and what may be touched */

    /* command, message: GBCS octets */
    {"command.recipe", "GBCS 13.3.3", "INFERRED",
     "An Update Security Credentials command has one mode, the cells that mode may "
     "replace, "
     "each once, and a certification path.",
     "Correct what the text names in the request; no command was built."},
    {"command.memory", "project", "choice", "Building a command needs memory.",
     "Look at the memory of the machine and at the limits of the service."},

    /* response: what devices answered */

    /* signer: the record protocol and the signer's own walls */
    {"signer.record", "project", "choice",
     "A record has the fixed form of its type and every field in range.",
     "Service and signer are of different versions, or the service is not what it claims."},
    {"signer.order", "project", "choice", "HELLO comes first and once.",
     "Service and signer are of different versions, or the service is not what it claims."},
    {"signer.socket", "project", "choice", "Service and signer can talk.",
     "The service starts the signer anew; look at the journal if it keeps happening."},
    {"signer.not-sealed", "project", "choice",
     "Documents come in sealed memfds, so that they cannot change after they were checked.",
     "The service is not what it claims."},
    {"signer.part-size", "project", "choice", "A document has a size within its limit.",
     "Look at the document named."},
    {"signer.revoked-list", "SEC L10.9", "INFERRED",
     "The signer's list of revoked authorities can be read and written.",
     "Look at StateDirectory= of [Signer]; without the list nothing is signed."},
    {"signer.no-warrant", "SEC L10.9", "INFERRED",
     "Nothing is signed and no counter reserved without an open, checked authority.",
     "The service is not what it claims."},
    {"signer.other-authority", "SEC L10.9", "INFERRED",
     "An order names the authority it is given under.",
     "The service is not what it claims."},
    {"signer.counter", "GBCS 4.3.1.5", "INFERRED",
     "A counter is used once, inside the run that was reserved in the token.",
     "The service skips the run and reserves a new one."},
    {"signer.row", "SEC L10.30(a)", "INFERRED",
     "Only a row of the roster that the authority names is signed.",
     "The service is not what it claims."},
    {"signer.attempts", "SEC L10.9", "choice",
     "An authority allows a number of commands for each device, and no more.",
     "Ask for a new decision that allows more attempts."},

    /* token: the HSM */

    /* request: the operator socket */
    {"request.target", "project", "choice",
     "A target is /path?name=value of letters, digits, '.', '_' and '-'.",
     "Correct the request; identifiers never need a percent sign."},
    {"request.head", "project", "choice",
     "A head can be read in one way only: one Host, one length, no repeats.",
     "Correct the client; curl and smki-recoveryctl send it right."},
    {"request.path", "project", "choice",
     "Only the requests of the operator socket's table exist.",
     "See GET /v1/openapi.json, or smki-recoveryctl --help; check the name."},
    {"request.method", "project", "choice", "A path takes the methods of the table.",
     "Use one of the methods in the Allow header."},
    {"request.role", "project", "choice", "Each request needs one of the roles of its row.",
     "Ask for the role: [Role \"...\"] Users= and Groups= in the configuration."},
    {"request.key", "project", "choice",
     "An Idempotency-Key is 1 to 64 printable characters.",
     "Send a random identifier, such as a UUID."},
    {"request.type", "project", "choice",
     "A JSON request says application/json or nothing.",
     "Add: -H 'Content-Type: application/json'."},
    {"request.too-large", "project", "choice", "A body stays below the cap of its request.",
     "Check the file; a roster's cap is MaxRosterBytes= in the configuration."},
    {"request.query", "project", "choice",
     "A request has the parameters of its row, within their ranges.",
     "Correct the parameter; smki-recoveryctl --help shows it."},
    {"request.json", "project", "choice",
     "A body is one JSON object in UTF-8, no member twice, nothing after it.",
     "Correct the document at the line and column named."},
    {"request.member", "project", "choice",
     "A document holds the members of its schema and no other.",
     "Correct the member named; GET /v1/openapi.json lists them."},
    {"request.crowded", "project", "choice",
     "Connections are limited, in all and per user.",
     "Close idle clients, or raise MaxClients= and MaxClientsPerUser=."},
    {"request.peer", "project", "choice",
     "The kernel says who is calling before anything is read.",
     "Call over the Unix socket of this machine, not through a proxy."},
    {"request.socket", "project", "choice",
     "One service listens on the socket, and its path is a socket or free.",
     "Stop the other service, or correct Socket= in the configuration."},
    {"request.server", "project", "choice",
     "The operator socket needs the HTTP library to start.",
     "Look at the journal; file descriptors or memory may be short."},

    /* incident: the life of an incident */

    /* store, ledger, audit */
    {"store.failed", "project", "choice", "What was promised is on disk before it is said.",
     "Look at the disk and the journal; the service has stopped so that nothing leaves."},
    {"store.memory", "project", "choice", "There is memory for the work at hand.",
     "Give the machine more memory, or the request fewer rows."},
};
const size_t n_rules = sizeof rules / sizeof rules[0];

const struct rule *rule_find(const char *id)
{
    for (size_t i = 0; i < n_rules; i++)
        if (strcmp(rules[i].id, id) == 0)
            return &rules[i];
    return NULL;
}
