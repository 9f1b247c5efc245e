# What the PMA has before it votes, as JSON, from: $draft (the decision's draft), $show and $figures of the incident, $table
# (incident states), $digests (certificates by name), $number. What nobody has said is null, and said to be.
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
   | {event, source, certainty}] | unique_by(.event)),
 factors: {shall: $d.guidance.shall, may: $d.guidance.may, weighting: $d.guidance.weighting},
 residual_risk: $d.residual_risk, reasons: $d.reasons}
