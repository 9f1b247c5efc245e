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
    {"signer.harden", "project", "choice",
     "The process that holds the PIN cannot be dumped or traced.",
     "Look at the limits in the unit file."},

    /* token: the HSM */
    {"token.unknown", "project", "choice", "A token is named by a [Token] section.",
     "Name a configured token."},
    {"token.in-use", "project", "choice",
     "A ceremony and signers never use one token at the same time.",
     "Stop the service for the ceremony, or wait until the ceremony is over."},
    {"token.state", "project", "choice",
     "The signer can keep its locks and marks in its state directory.",
     "Look at StateDirectory= of [Signer] and at the file named."},
    {"token.module", "project", "choice",
     "The module is a file of root or of the signer's user, closed to others, and starts.",
     "Mend Module=, the file's owner and mode, or what the text names."},
    {"token.not-found", "PKCS#11 v2.40", "VERIFIED",
     "Exactly one initialised token has the configured label and serial number.",
     "Connect the token; compare Label= and Serial= with what the token's own tool shows."},
    {"token.mechanism", "PKCS#11 v2.40", "VERIFIED",
     "The token signs ready digests with CKM_ECDSA.",
     "Use a token that has the mechanism, or enable it there."},
    {"token.pin-source", "project", "choice",
     "The PIN comes from a systemd credential or from a file closed to others.",
     "Mend PinCredential= or PinFile=; chmod 600."},
    {"token.pin-form", "PKCS#11 v2.40", "VERIFIED",
     "A PIN is one line without NUL, as long as the token allows.",
     "Write the PIN anew into its source."},
    {"token.pin-wrong", "project", "choice",
     "The PIN is right; it is tried once and never again.",
     "Correct the PIN's source; for a credential then run smki-recovery-ceremony "
     "pin-retry."},
    {"token.pin-blocked", "project", "choice",
     "After a wrong PIN the source must change before the next try.",
     "Correct the PIN's source; for a credential then run smki-recovery-ceremony "
     "pin-retry."},
    {"token.pin-low", "project", "choice",
     "No try is spent while the token reports an earlier wrong PIN.",
     "Find out who tried; log in with the vendor's tool, or set AllowLowPinCount=yes."},
    {"token.pin-locked", "project", "choice", "The last try before locking is not ours.",
     "Unlock the PIN with the vendor's tool, by the security officer."},
    {"token.key-missing", "PKCS#11 v2.40", "VERIFIED",
     "The configured key is in the token. A lost token looks like an empty one.",
     "Look at the token and at Id= and Label=; never make the key anew to be rid of this."},
    {"token.key-duplicate", "PKCS#11 v2.40", "VERIFIED",
     "One id (and label) names exactly one key.",
     "Find out where the second key comes from; name the right one by Label=."},
    {"token.key-exists", "project", "choice",
     "A ceremony never makes a second key of one id.",
     "Choose a new id; keys are rotated, not replaced."},
    {"token.key-attributes", "PKCS#11 v2.40", "VERIFIED",
     "A key is P-256, lives in the token, is sensitive, cannot be extracted and has its "
     "one "
     "use.",
     "This key is not fit; make a fit one in a ceremony."},
    {"token.key-public", "PKCS#11 v2.40", "VERIFIED",
     "Beside the private key lies its public key, a point of P-256.",
     "Import the public key object with the vendor's tool."},
    {"token.key-certificate", "project", "choice",
     "A key is used only with its certificate at hand.", "Mend Certificate= of the key."},
    {"token.key-mismatch", "project", "choice",
     "The token's public key is the one in the key's certificate.",
     "Id= or Certificate= names the wrong thing; nothing is signed with it."},
    {"token.probe", "project", "choice",
     "The probe key's signatures are right on every session.",
     "Take the token out of service and call the vendor."},
    {"token.counter-mark", "GBCS 4.3.1.5", "INFERRED",
     "Counters at or below the mark in the token are never handed out again.",
     "The database may be an older copy: find out before raising anything; then a ceremony "
     "(smki-recovery-ceremony mark) or a higher start."},
    {"token.counter-mark-bad", "project", "choice",
     "The counter mark in the token is whole and reads back as written.",
     "Find the highest counter ever used in the audit trail, then set the mark in a "
     "ceremony."},
    {"token.agree", "PKCS#11 v2.40", "VERIFIED", "A key agreement gives 32 octets.",
     "Look at the token."},
    {"token.lost", "PKCS#11 v2.40", "VERIFIED", "Module, session and token answer.",
     "The signer is started anew; if it keeps happening look at the HSM and its link."},
    {"token.unknown-code", "PKCS#11 v2.40", "VERIFIED",
     "The module's return codes are known.",
     "The signer is started anew once; then ask the vendor what the code means."},
    {"token.refused", "PKCS#11 v2.40", "VERIFIED", "The token allows what is asked of it.",
     "Only a person can help: look up the code named; the signer is not started again."},
    {"token.bug", "PKCS#11 v2.40", "VERIFIED", "This program and the module agree.",
     "Report the text; the signer is not at fault of configuration."},
    {"token.spent", "project", "choice",
     "After trouble with the token nothing is signed until a fresh signer has proven it.",
     "None: the service starts the signer anew."},

    /* request: the operator socket */

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
