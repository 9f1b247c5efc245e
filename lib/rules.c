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
    {"command.recipe", "GBCS 13.3.3", "INFERRED",
     "An Update Security Credentials command has one mode, the cells that mode may "
     "replace, "
     "each once, and a certification path.",
     "Correct what the text names in the request; no command was built."},
    {"command.memory", "project", "choice", "Building a command needs memory.",
     "Look at the memory of the machine and at the limits of the service."},
    {"command.query", "GBCS 13.2", "INFERRED",
     "A Provide Security Credential Details command asks for 1 to 16 roles, each once.",
     "Correct what the text names in the request; no command was built."},
    {"mac.inner", "GBCS 6.2.3", "VERIFIED",
     "A MAC is made over a grouping header, a payload and a signature field.",
     "Hand over the message without its MAC header, beginning with DF."},
    {"mac.crypto", "project", "choice", "Making a MAC needs AES-128-GCM and memory.",
     "Look at the memory of the machine and at the OpenSSL it uses."},
    {"message.length", "GBCS 7.2.7", "VERIFIED",
     "A message is as long as its own lengths say, and at most 65536 octets.",
     "Fetch the message again; it was cut, or two were joined."},
    {"message.header", "GBCS 7.2.7", "VERIFIED",
     "A message begins with a grouping header, or a MAC header and a grouping header.",
     "Check that this is a GBCS message in binary or hexadecimal, and whole."},
    {"message.other-info", "GBCS 7.2.7", "VERIFIED",
     "A CS02a or CS02b command has two octets of other information, its message code.",
     "Do not send it: no command of this kind names a supplementary remote party."},
    {"message.envelope", "GBCS 6.2.3, 13.3.3", "VERIFIED",
     "After the payload come 40 and a signature or 00, and a MAC exactly behind a MAC "
     "header; "
     "modes 8 and 9 have no MAC, and only accessControlBrokerByACB goes unsigned.",
     "Check which form this message has, and whether all of it is here."},
    {"message.payload", "GBCS 13.2, 13.3.3, 13.3.4", "VERIFIED",
     "The payload follows the ASN.1 of its use case.",
     "Look at the octet the text names. From a device: keep the octets and report them."},
    {"message.not-der", "GBCS 13.3.3, X.690", "VERIFIED",
     "The payload of a command is DER: shortest lengths, no defaults spelled out.",
     "Do not send it; encode the command anew."},
    {"message.too-many", "project", "choice",
     "A payload has at most 32 replacements, outcomes or roles, 16 floors, 8 path "
     "certificates and 8 cells of a role.",
     "Split the command; a device that answers so should be reported."},
    {"message.mode", "GBCS 13.3.3", "VERIFIED",
     "The message code of an Update Security Credentials command is 0100 plus its mode.",
     "Do not send it; encode the command anew."},
    {"message.counter", "GBCS 13.3.3", "VERIFIED",
     "The counter in a command's payload equals the one in its grouping header.",
     "Do not send it; encode the command anew with one counter."},
    {"message.value", "GBCS 7.2.7, 13.3.3", "INFERRED",
     "What is to be encoded fits its field.",
     "Correct what the text names; nothing was encoded."},
    {"message.json", "project", "choice",
     "A message as JSON has the members that the manual lists, and no others.",
     "Correct the member the text names, or start from the output of decode."},
    {"message.raw", "project", "choice",
     "The received octets of a payload say the same as its readable form beside them.",
     "Take the member encoding out to encode the payload anew, or undo the change."},
    {"message.mac", "GBCS 6.2.3", "VERIFIED",
     "A message of a MAC form has its MAC or the 16 octets of its MAC key.",
     "Give the MAC or the key, or choose a form without MAC."},
    {"message.memory", "project", "choice", "Reading or making a message needs memory.",
     "Look at the memory of the machine and at the limits of the service."},

    /* response: what devices answered */
    {"response.kind", "GBCS 13.3.4, 13.3.5", "VERIFIED",
     "What is matched with commands is a response or an alert of CS02b.",
     "Leave other messages out; decode shows what it is."},
    {"response.unsigned", "GBCS 6.2.3", "VERIFIED",
     "A device signs its response to an Update Security Credentials command.",
     "Do not count the row as done; ask the device for its credentials (CS02a)."},
    {"response.inconsistent", "GBCS 13.3.4", "VERIFIED",
     "Header and payload of a response name the same counter and mode.",
     "Do not count the row as done; keep the octets and report them."},

    /* signer: the record protocol and the signer's own walls */

    /* token: the HSM */

    /* request: the operator socket */

    /* incident: the life of an incident */

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
