# What the PMA has before it votes, as JSON, from: $draft (the decision's draft), $show and $figures of the incident, $table
# (incident states), $digests (certificates by name), $number. What nobody has said is null, and said to be.
# What each course does to devices, in a sentence.
def course: {
  "authorise-method-2": ["Authorise Method 2", "The Recovery key places the DCC's ACB certificates on each device; the supplier's own follow by a second command, the hand-back."],
  "authorise-method-3": ["Authorise Method 3", "The Recovery key places the supplier's new certificates on each device, by one command."],
  "authorise-contingency": ["Authorise the contingency", "The Contingency and the Symmetric Key replace the root on each device. They can be used once."],
  "authorise-recovery-key": ["Authorise a new Recovery key", "The old Recovery key places the certificate of the new one on each device."],
  "authorise-issuing-oca": ["Authorise a new Issuing OCA", "Certificates are issued anew; devices get those that are named."],
  "authorise-contingency-key": ["Authorise new contingency keys", "A new root certificate, which carries them, is distributed."],
  "refuse": ["Refuse", "Nothing is signed. The devices are connected again, and somebody writes down what risk stays."],
  "abort": ["Call it off", "Nothing more is signed. What was done stays done."],
  "direct-other": ["Direct another course", "It is followed outside this service; nothing is signed here."],
  "defer-revocation": ["Defer revocation", "The old certificates stay valid for now. A review date and what ends the deferral are due."],
  "defer-id-transfer": ["Defer the transfer of identifiers", "Devices stay with whom they are. A review date and what ends the deferral are due."],
  "appoint": ["Name who takes the devices over", "Later papers are that supplier's. Nothing is signed by it."]
};

($digests[0] | to_entries | map({key: .value, value: .key}) | from_entries) as $called
| $draft[0] as $d | $show[0] as $i
| [($d.guidance.shall + $d.guidance.may)[] | {key: .id, value: .value}] as $said
| def fact($id): [$said[] | select(.key | startswith($id)) | .value] | first;
{pack: 1, exercise: $d.exercise, play: $number, decision: $d.id, incident: ($i | {id, title, route, state, initiator, subscriber, opened}),
 devices: {list: $i.devices, by_type: ($i.roster.by_type // {}), list_sha256: $i.roster.sha256, named: ($d.device_types // [])},
 cells: [$d.compromised[]? | {cell, certificate: ($called[.certificate] // .certificate), cause, certainty}],
 replacements: [$d.replacements[]? | {cell, certificate: ($called[.certificate] // .certificate), key_origin}],
 suspended: ($figures[0].smi_status // null), method_1_feasible: fact("method-1-feasible"), prepayment: fact("prepayment"),
 motion: {outcome: $d.outcome, method: $d.method, key: $d.key, valid_from: $d.valid_from, valid_to: $d.valid_to, attempts: $d.attempts},
 options: ([$table[0].transitions[] | select((.evidence[0] // "") | startswith("decision:")) | select((.from | index($i.state)) and (.routes | index($i.route)))
   | {event, course: (course[.event][0] // .event), does: (course[.event][1] // ""), source, certainty}] | unique_by(.event)
   | (course | keys_unsorted) as $order | sort_by(.event as $e | $order | index($e) // 99)),
 factors: {shall: $d.guidance.shall, may: $d.guidance.may, weighting: $d.guidance.weighting},
 residual_risk: $d.residual_risk, reasons: $d.reasons}
