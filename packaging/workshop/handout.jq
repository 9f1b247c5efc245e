# The hand-out as JSON, from: $log (what the room did), $incidents ({show, figures, decisions} of each), $audit,
# $rules (policy list), $settings (what is not as in life), $meters (a line for each device; $before: at the start), $lists ({incident, device, type, state, batch}), $digests, $fields, $people.

def fields: [$fields | split("\n")[] | select(. != "") | split("\t") | {section: .[0], name: .[1], key: .[2], value: .[4]}];
def of($section; $key): [fields[] | select(.section == $section and .key == $key)];
def one($section; $key): (of($section; $key)[0].value // "");
def named($section): reduce (fields[] | select(.section == $section)) as $f ({}; .[$f.name][$f.key] += [$f.value]);
# By cell and certificate: in how many of these devices.
def cells_of($called): reduce (.[] | .cells | to_entries[]) as $c ({}; .[$c.key][$called[$c.value.certificate] // "unknown"] += 1);
def rounded: . * 10 | round / 10;
def total: map(.) | add // 0;

($log[0].seconds) as $began
| ($digests[0] | to_entries | map({key: .value, value: .key}) | from_entries) as $called
| (reduce $rules[0].rules[] as $r ({}; .[$r.id] = $r)) as $rule
| (reduce $meters[] as $m ({}; .[$m.device] = ($m.cells | map_values(.certificate)))) as $cells
# With a second step after it: whoever has the next step has waited for this one.
| [$log[] | select(.kind == "step")] as $steps
| [range($steps | length) as $i | $steps[$i]
    | {step, of: .role, seconds: ([.seconds - .due, 0] | max | rounded), next: ($steps[$i + 1].role // "")}] as $waits
# The certificates that the last document under which something is signed would have in the cells.
| [$incidents[] | . as $one
    | ([.decisions[] | select(.outcome == "authorise") | .document] | last) as $last
    | [$lists[] | select(.incident == $one.show.id)] as $mine
    | ($last.replacements // [] | map({key: .cell, value: .certificate}) | from_entries) as $wanted
    | {own: (if .figures.by_key.own then [$mine[] | $cells[.device]["supplier-ds"] // "" | $called[.] // "" | select(endswith("-new"))] | length else null end),
       id: .show.id, title: .show.title, route: .show.route, state: .show.state, parent: .show.parent, devices: .show.devices, signed: .show.signed,
       recovered: .show.recovered, figures, children: .show.children, batches: .show.batches,
       meters: (if $last == null or $mine == [] then null else
           {devices: ($mine | length),
            new: [$mine[] | $cells[.device] as $c | select($c != null)
                | select($wanted | to_entries | map(select($c[.key] != null)) | length > 0 and all(.[]; $c[.key] == .value))] | length} end)}] as $told
| {handout: 1, exercise: true, play: $number,
   scenario: {name: $name, title: one("Scenario"; "Title"), source: one("Scenario"; "Source"), about: [of("Scenario"; "About")[].value],
     minutes: (one("Scenario"; "Minutes") | tonumber)},
   settings: $settings[0],
   began: $log[0].at, ended: $log[-1].at, seconds: (($log[-1].seconds - $began) | rounded),
   people: [$people | split("\n")[] | select(. != "") | split("\t") | {person: .[0], role: .[1], player: .[2], name: .[3], key_sha256: .[4]}],
   timeline: [$log[] | {at, minute: ((.seconds - $began) / 60 | rounded), kind, step, role, person, by, state, incident, text: (.text // .scenario // ""),
     vote, decision, rule, votes, inject, to, way} | with_entries(select(.value != null and .value != ""))],
   waits: $waits,
   waited: [$waits | group_by(.of)[] | {for: .[0].of, seconds: (map(.seconds) | total | rounded), steps: length,
     by: (map(select(.next != "" and .next != .of) | .next) | unique)}],
   votes: [$log[] | select(.kind == "vote") | {decision, person, vote, by}],
   decisions: [$incidents[] | .show.id as $id | (.show.decisions | map({key: .id, value: .}) | from_entries) as $state
     | .decisions[] | .document as $d | {id: $d.id, incident: $id, kind: $d.kind, outcome, state, method: $d.method, key: $d.key,
       votes: $d.meeting.votes, members: $d.meeting.members, shall: ($d.guidance.shall // []), may: ($d.guidance.may // []),
       weighting: $d.guidance.weighting, reasons: $d.reasons, residual_risk: $d.residual_risk, sha256,
       signers: [.signers[] | {holder, seat, organisation, counted, key_sha256}]}],
   injects: [named("Inject") | to_entries[] | .key as $n | {inject: $n, to: .value.To[0], says: .value.Says[0],
     played: ([$log[] | select(.kind == "inject" and .inject == $n) | .at] | first // null)}],
   refusals: [$audit[] | select(.kind == "REFUSED") | $rule[.data.rule] as $r | {at, incident, rule: .data.rule, why: .data.text, sentence: $r.sentence,
     source: $r.source, certainty: $r.certainty,
     expected: (.data.rule as $x | any($log[]; .kind == "refused" and .rule == $x))}],
   offline_refusals: ([$log[] | select(.kind == "refused") | .rule] - [$audit[] | select(.kind == "REFUSED") | .data.rule]
     | map($rule[.] | {rule: .id, sentence, source, certainty})),
   incidents: $told,
   sums: ([$told[] | select((.figures.by_state // {}) != {} and (.children // []) == []) | {incident: .id, what: "devices by state, with those that have not answered = devices of the list", left: ((.figures.by_state | [.[]] | total) + (.figures.unanswered // 0)), right: .figures.devices}]
     + [$told[] | select(.figures.commands_signed != null and .children == []) | {incident: .id, what: "commands signed for devices = signed by batches", left: .figures.commands_signed,
         right: ([.batches[].signed] | total)}]
     + [$told[] | select(.meters != null and .figures.holds != null) | {incident: .id, what: "holding the new certificates: service = the meters themselves",
         left: (.figures.holds.new // 0), right: .meters.new}]
     + [$told[] | select(.own != null and .meters == null and .children == []) | {incident: .id, what: "replaced by the supplier's own key: its progress files = the meters themselves",
         left: .figures.by_key.own, right: .own}]
     + [$told[] | select(.children != [] and .children != null) | . as $p | {incident: .id, what: "devices of the event = those of its incidents", left: .figures.devices,
         right: ([$told[] | select(.parent == $p.id) | .devices] | total)}]
     | map(.equal = (.left == .right))),
   meters: {devices: ($meters | length), cells: ($meters | cells_of($called))},
   evidence: [($lists | unique_by(.device) | group_by(.type))[] | map(.device) as $of | (reduce $of[] as $d ({}; .[$d] = true)) as $mine
     | {type: .[0].type, devices: length, commanded: ([$lists[] | select($mine[.device] and .batch != null) | .device] | unique | length),
        states: (reduce ($lists | group_by(.device)[] | last | select($mine[.device]) | .state) as $s ({}; .[$s] += 1)),
        before: ([$before[] | select($mine[.device])] | cells_of($called)), after: ([$meters[] | select($mine[.device])] | cells_of($called))}],
   unproven: [of("Scenario"; "Unproven")[].value],
   questions: [fields[] | select(.section == "Step" and .key == "Ask") | {step: .name, question: .value}],
   open: [of("Scenario"; "Open")[].value],
   feedback: ["What did you have to ask somebody that your card should have told you?", "Where did you wait, and for whom? Would it have been so in life?",
     "Which refusal surprised you? Was it right?", "What would you have decided with one fact less?", "What has to be written down before it happens?"],
   left: (if $log[-1].kind == "close" and $log[-1].left != "end" then $log[-1].left else null end)}
