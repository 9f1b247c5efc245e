/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <string.h>

/* One row per stable id, grouped by area; inside a group in the order of the code that uses
 * it. */
const struct rule rules[] = {
    /* config */

    /* roster */

    /* cert */

    /* decision: the authority document and its quorum */

    /* device, cell, row: who and what may be touched */

    /* command, message: GBCS octets */

    /* response: what devices answered */

    /* signer: the record protocol and the signer's own walls */

    /* token: the HSM */

    /* request: the operator socket */

    /* incident: the life of an incident */
    {"incident.no-transition", "project", "choice",
     "An event has its place only in the states that the table gives it.",
     "Look at the incident's state and at `incident table` for what can follow."},
    {"incident.actor", "SEC Appendix L 1.2, 2", "INFERRED",
     "An event comes from those who may bring it.",
     "Have it brought by one of those that the table names."},
    {"incident.evidence", "SEC Appendix L 2", "INFERRED",
     "No step is taken without its evidence on file.",
     "File what the text names as missing, then bring the event again."},
    {"incident.notifier", "SEC Appendix L 2, permitted confirmation mechanisms",
     "CONFIRMED",
     "A notice counts only when its notifier is authenticated over a second channel.",
     "Confirm by a permitted mechanism, or reject the notice."},
    {"incident.third-party", "SEC L10 (a)", "INFERRED",
     "Who holds a key is not thereby its subscriber: a third party does not notify in the "
     "subscriber's name.",
     "Reject it, and tell the subscriber or Ofgem."},
    {"incident.parent-closed", "project", "choice",
     "No child incident opens under a closed parent.", "Open a new shared event."},
    {"incident.srp-authority", "SEC Appendix L 2", "INFERRED",
     "A shared resource provider asks for a user only with that user's authority.",
     "File the user's authority, or have the user ask."},
    {"incident.speaks-for", "SEC Appendix L 2; SEC MP134A", "INFERRED",
     "The DCC and Ofgem ask on their own only where they are the ones who notified.",
     "Have the subscriber ask."},
    {"incident.device-elsewhere", "project", "choice",
     "A device's cell is in one open incident only.",
     "Take the devices out of the list, or close the other incident."},
    {"incident.list-refused", "project", "choice",
     "A list that the PMA has just refused does not come back under another incident "
     "without a new notification.",
     "Wait for the cool-off to end, or have the subscriber notify anew."},
    {"incident.deferral-live", "SEC MP134A, MP185", "CONFIRMED",
     "Nothing is revoked, and nothing closed, while a deferral is live.",
     "End the deferral when its end condition is met."},
    {"incident.no-deferral", "SEC MP134A", "INFERRED",
     "Revocation is skipped, and a deferral ended, only where a deferral is live.",
     "Revoke, or have the PMA decide a deferral."},
    {"incident.deferral-unbounded", "SEC MP134A, MP185", "INFERRED",
     "A deferral has an end condition and a review date still to come.",
     "Ask the PMA for a decision that has both."},
    {"incident.deferral-risk", "project", "INFERRED",
     "Where the holder of the key is believed hostile, a deferral says that this risk was "
     "weighed.",
     "Ask the PMA for a decision that says so."},
    {"incident.decision", "SEC L10 (b), L10.9", "CONFIRMED",
     "The Recovery and Contingency keys are used only as a PMA decision requires: "
     "verified, within its window, not superseded.",
     "Ask the PMA for a decision, or for one that supersedes the lapsed one."},
    {"incident.decision-route", "SEC L10 (b)", "CONFIRMED",
     "A decision authorises the method it names and no other.",
     "Ask the PMA for a decision that names this method."},
    {"incident.supersedes", "project", "INFERRED",
     "A decision after another one names the one it supersedes.",
     "Ask the PMA for a decision that does."},
    {"incident.already-replaced", "SEC Appendix L 4.1, 4.2", "INFERRED",
     "Only devices that Method 1 has not replaced already enter the authorised list.",
     "Take the replaced devices out of the roster and have it decided anew."},
    {"incident.solr-appointment", "SEC MP134A, MP185", "INFERRED",
     "Certificates of a supplier of last resort are placed only after evidence of its "
     "appointment.",
     "File the appointment."},
    {"incident.replacements", "SEC Appendix L 4.3", "INFERRED",
     "The replacement certificates are here and stand every check.",
     "Upload the certificates, or those that pass."},
    {"incident.key-origin", "project", "INFERRED",
     "A replacement key was not generated in the HSM that is suspected.",
     "Have the subscriber generate keys elsewhere and declare their origin."},
    {"incident.new-contingency", "SEC L10.30(e)", "INFERRED",
     "A new root certificate carries a new wrapped contingency key.",
     "Establish the new contingency key pair first and embed it."},
    {"incident.exercise-decision", "SEC L10 (e)", "INFERRED",
     "A decision for an exercise serves an exercise, a live one a live incident.",
     "Use the decision of the right kind."},
    {"incident.exercise-key", "SEC L10 (e)", "INFERRED",
     "An exercise uses exercise keys, a live incident live ones.",
     "Activate the key of the right kind."},
    {"incident.custodians", "SEC Appendix L 3", "CONFIRMED",
     "As many Key Custodians as configured are present, two at least.",
     "Call the missing custodians; set the number in the configuration."},
    {"incident.custodian-repeated", "SEC Appendix L 3", "INFERRED",
     "One person, and one Party, counts once in a ceremony.",
     "Call a custodian of another Party."},
    {"incident.recovery-key-suspect",
     "SEC Appendix L, compromise of the Recovery Private Key", "INFERRED",
     "While the Recovery key is suspected no organisation's incident uses it.",
     "Settle the incident about the Recovery key first."},
    {"incident.point-of-no-return", "project", "INFERRED",
     "Before the first contingency command two persons have confirmed that there is no way "
     "back.",
     "Have a second person confirm."},
    {"incident.contingency-used", "GBCS 13.3.3", "INFERRED",
     "After the first contingency command the incident is not called off: the symmetric "
     "key has travelled in clear.",
     "Go on to the end, or ask the PMA to direct another course."},
    {"incident.acb-in-place", "SEC Appendix L 4.2.3.2", "INFERRED",
     "No incident ends while devices hold an ACB certificate in a subscriber's cell.",
     "Finish the execution with exceptions and hand back."},
    {"incident.token-key", "project", "choice",
     "A token is used after a test signature that the certificate on the devices verifies.",
     "Restore the right key; never create one in its place."},
    {"incident.counter", "GBCS 4.3.1.5", "CONFIRMED",
     "Signing goes on above every counter that was ever reserved.",
     "Run the counter ceremony."},
    {"incident.rows-unknown", "project", "choice",
     "Rows in flight at a loss are resolved by asking the device before anything is signed "
     "again.",
     "Read the devices' credentials and record the answers."},
    {"incident.rows-pending", "SEC Appendix L 4.1, 4.2.3", "INFERRED",
     "Nothing is complete while rows are pending that no exception list names.",
     "Wait for the answers, or list the exceptions."},
    {"incident.nothing-done", "project", "choice",
     "An execution that changed no device is refused, aborted or authorised anew, not "
     "completed.",
     "Have the PMA decide again."},
    {"incident.batch-running", "project", "choice",
     "No batch runs where signing has no place.", "Wait until the batch has stopped."},
    {"incident.key-active", "project", "choice", "The key is off where it may not be used.",
     "Deactivate the key."},
    {"incident.withdrawal-key", "project", "INFERRED",
     "A withdrawal signed by the suspected key proves nothing.",
     "Confirm the withdrawal over another channel."},
    {"incident.withdrawal-person", "SEC Appendix L 4.2.2.1", "CONFIRMED",
     "A withdrawal comes from an authenticated representative of no lower role than the "
     "notifier.",
     "Have such a person withdraw."},
    {"incident.status-unknown", "SEC L10.30(a)", "INFERRED",
     "A device is reconnected to the status it had before the incident, so that status "
     "must be known.",
     "File the status before the incident for the devices that lack it."},
    {"incident.devices-suspended", "SEC Appendix L 4.2.2.1", "CONFIRMED",
     "No incident that recovers nothing ends while its devices are cut off.",
     "Reconnect the devices first."},
    {"incident.not-revoked", "SEC Appendix L 4.1, 4.2.1", "INFERRED",
     "The compromised certificates are revoked before the incident is closed.",
     "Revoke them and file the evidence."},
    {"incident.pma-informed", "SEC Appendix L 4.2.1.3", "INFERRED",
     "The PMA has been told before the incident is closed.",
     "Send the notice and record it."},
    {"incident.children-open", "project", "INFERRED",
     "A shared event closes after all of its incidents.", "Close the children first."},

    /* file: notification and progress files; notice: the outbox */
    {"file.format", "project", "choice",
     "A file says its format and kind in its first two lines, and the format is one that "
     "is known.",
     "Write the file in the format that conf/files.md shows."},
    {"file.header", "SEC Appendix L, file formats", "UNKNOWN",
     "The header has each field that its kind needs, once, with a good value, and no "
     "other.",
     "Mend the field that the text names."},
    {"file.row", "SEC Appendix L, file formats", "UNKNOWN",
     "A row has the columns that its kind needs, in printable ASCII, on one line.",
     "Mend the line that the text names."},
    {"file.device", "SEC Appendix L, file formats", "UNKNOWN",
     "A device is named by its EUI-64, 16 hexadecimal digits.",
     "Mend the line that the text names."},
    {"file.type", "SEC L10.30(a)", "CONFIRMED",
     "Only devices that have an SMI status can be recovered: no IHD, no CAD.",
     "Take the row out, or mend its type."},
    {"file.cells", "GBCS 4.3.2.5", "INFERRED",
     "A row names cells that its device holds and that a listed certificate sits in.",
     "Mend the cells, or list the certificate."},
    {"file.certificate", "SEC Appendix L, file formats", "UNKNOWN",
     "The old certificate of a row is one that the file lists, the new one is another.",
     "Mend the serial numbers, or list the certificate."},
    {"file.state", "SEC Appendix L, Recovery Progress File", "UNKNOWN",
     "A row's state goes with its code (failed only) and its new certificate (success).",
     "Mend the line that the text names."},
    {"file.order", "project", "choice",
     "Rows ascend by device, and no device stands twice.", "Sort the rows."},
    {"file.count", "SEC Appendix L, file formats", "INFERRED",
     "The counts in the header agree with the rows.",
     "Count again; a part of the list may be missing."},
    {"file.too-large", "project", "choice",
     "A file has no more rows than there can be devices.", "Split the incident."},
    {"file.incident", "SEC Appendix L, file formats", "INFERRED",
     "A file is for the incident it names.", "Hand it in for that incident."},
    {"file.replayed", "project", "choice", "A file is accepted once.",
     "Give a new file a new id."},
    {"file.not-notified", "SEC Appendix L 4.1", "INFERRED",
     "Progress is reported for notified devices only.", "Notify the device first."},
    {"file.backwards", "SEC Appendix L 4.1", "INFERRED", "Progress never goes backwards.",
     "Ask the sender which of the two files is right."},
    {"file.cms", "project", "choice",
     "A file's signature is a detached CMS SignedData with one signer and its certificate.",
     "Sign with `openssl cms -sign -binary -outform DER`."},
    {"file.signature", "SEC Appendix L, file formats", "INFERRED",
     "The signature is over exactly this file.", "Sign the file as it is sent."},
    {"file.chain", "SEC Appendix L, file formats", "INFERRED",
     "The signer's certificate is in date, leads to a configured anchor and is for "
     "signing.",
     "Sign with a certificate that does, or configure the anchor."},
    {"file.signer", "SEC Appendix N 2.3", "INFERRED",
     "The officer named in the file is the one who signed it.",
     "Name the signer, or have the named one sign."},
    {"file.compromised-signer", "SEC Appendix L, file formats", "INFERRED",
     "No file is accepted on the word of a compromised certificate or key.",
     "Sign with another officer's token."},
    {"file.write", "project", "choice", "A file is written whole.", "Look at the disk."},
    {"notice.content", "project", "choice",
     "A notice has an id that can be a file name and a JSON object as its body.",
     "Report this: the service makes its notices itself."},
    {"notice.exists", "project", "choice", "A notice in the outbox is never overwritten.",
     "Look at both notices; one id was given twice."},
    {"notice.write", "project", "choice",
     "A notice is on disk before the step that it tells of is done.",
     "Look at the outbox directory and the disk."},

    /* store, ledger, audit */
    {"store.failed", "project", "choice", "What was promised is on disk before it is said.",
     "Look at the disk and the journal; the service has stopped so that nothing leaves."},
};
const size_t n_rules = sizeof rules / sizeof rules[0];

const struct rule *rule_find(const char *id)
{
    for (size_t i = 0; i < n_rules; i++)
        if (strcmp(rules[i].id, id) == 0)
            return &rules[i];
    return NULL;
}
