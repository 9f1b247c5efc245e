/* SPDX-License-Identifier: MIT
 *
 * One example for each verb, as its --help shows it. A test reads every line as the command
 * would: verb, options, number of arguments.
 */
#include "ctl.h"

#include <string.h>

static const char *const examples[][2] = {
    {"status", "status"},
    {"keys list", "keys list"},
    {"figures", "figures I-2026-0001"},
    {"devices", "devices I-2026-0001 --all"},
    {"audit export", "audit export --out audit.jsonl"},
    {"audit expect", "audit expect anchor.json"},
    {"backup", "backup --out recovery.tar"},
    {"metrics", "metrics"},
    {"incident open", "incident open --initiator subscriber --subscriber 90B3D51F30020001 "
                      "--notice 'Officer One, by telephone' 'Supplier X: key exposed'"},
    {"incident list", "incident list"},
    {"incident show", "incident show I-2026-0001"},
    {"incident report", "incident report I-2026-0001 --html --out report.html"},
    {"incident event", "incident event I-2026-0001 confirm --evidence 'called back' "
                       "--facts notifier_authenticated"},
    {"roster add", "roster add I-2026-0001 roster.csv"},
    {"roster confirm",
     "roster confirm I-2026-0001 2 --reason 'three meters were exchanged'"},
    {"roster get", "roster get I-2026-0001 --out roster.csv"},
    {"certificates add", "certificates add I-2026-0001 bundle.pem"},
    {"certificates get", "certificates get I-2026-0001 --out bundle.pem"},
    {"responses add", "responses add I-2026-0001 responses.hex"},
    {"symmetric-key add", "symmetric-key add I-2026-0001 key.bin"},
    {"devices mark", "devices mark I-2026-0001 marks.csv"},
    {"file add", "file add I-2026-0001 notification.csv notification.p7s"},
    {"file progress",
     "file progress I-2026-0001 --id P-1 --organisation DCC --role operator "
     "--officer 'Officer Two' --out progress.csv"},
    {"counter raise", "counter raise 90B3D51F30010001 500000 --ceremony 'C-7: restored'"},
    {"counter confirm", "counter confirm 90B3D51F30010001"},
    {"ceremony add", "ceremony add record.json"},
    {"ceremony list", "ceremony list"},
    {"custodians list", "custodians list"},
    {"custodians leave", "custodians leave ann --reason 'has left the company'"},
    {"decision submit", "decision submit I-2026-0001 decision.cms"},
    {"decision sheet", "decision sheet I-2026-0001 D-1 --html --out sheet.html"},
    {"decision show", "decision show I-2026-0001 D-1 --cms decision.cms"},
    {"decision draft", "decision draft I-2026-0001 --hours 48 >decision.json"},
    {"decision merge", "decision merge anne.cms ben.p7m -o decision.cms"},
    {"decision review", "decision review --ask decision.json"},
    {"batch start", "batch start I-2026-0001 D-1 --watch"},
    {"batch list", "batch list"},
    {"batch show", "batch show 1"},
    {"batch watch", "batch watch 1"},
    {"batch pause", "batch pause 1"},
    {"batch stop-waves", "batch stop-waves I-2026-0001"},
    {"batch resume", "batch resume 1"},
    {"batch confirm", "batch confirm 1"},
    {"pre-commands compare", "pre-commands compare I-2026-0001 D-1 pre-commands.hex"},
    {"commands export", "commands export 1 --out commands"},
    {"queries export",
     "queries export I-2026-0001 --before --originator 90B3D51F30020001 --out questions"},
    {"hsm-loss", "hsm-loss recovery-key"},
    {"incident states", "incident states --dot method-3"},
    {"policy list", "policy list decision"},
    {"policy settings", "policy settings"},
    {"policy explain", "policy explain decision.window"},
    {"policy test", "policy test facts.json"},
    {"message decode", "message decode command.bin"},
    {"message encode", "message encode message.json --out command.bin"},
    {"audit verify", "audit verify --audit-key ceremony.pem audit.jsonl account.jsonl"},
    {"evidence export", "evidence export I-2026-0001 --out evidence"},
};

const char *ctl_example(const char *verb)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        if (strcmp(examples[i][0], verb) == 0)
            return examples[i][1];
    return "";
}
