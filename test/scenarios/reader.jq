# SPDX-License-Identifier: MIT
#
# The independent reader: is what the service says of each device what lies in its cells?
#
#   jq -nr -f reader.jq --slurpfile held CELLS --slurpfile said SAID --slurpfile digests DIGESTS
#
#   CELLS    the meters' own word: `smki-meter cells`, one object for each meter
#   SAID     the service's word: {show, figures, devices, documents, only} for each incident with a list
#            show       `incident show`         devices  its rows of `devices`
#            figures    `figures`
#            documents  `decision show` of what authorises, {sha256, document}
#            only       device -> cells, where the list names some
#   DIGESTS  file name -> SHA-256 of the certificates of the story, so that people can read it
#
# Nothing of the service's own code is in here, and no number of the service's is believed.
# A decision NAMES cells of a device: those of its replacements that the device has and that its
# row of the list does not leave out. What a state SAYS of them:
#
#   success       each holds the certificate that the decision puts there; where the device's answer is
#                 on record, it names that key, with status 0, in each of them
#   failed        none was replaced: no cell of the answer has status 0, and each holds the key that the
#                 answer names; one that the answer passes over does not hold the decision's certificate
#   partly        the same cell by cell: status 0, the decision's certificate lies there; another
#                 status, what the answer names; and not every cell was replaced, nor none
#   pending, failed-alone
#                 nothing was signed for it here: none holds the decision's certificate
#   sent          a command is under way: it may hold either, nothing is said
#   accepted      the device keeps the command for later: likewise
#   unknown, unreachable, excused
#                 the service does not know, and says so: nothing is said, but for cells of an answer
#                 that it shows all the same: those hold the key that the answer names
#   any other     is not known to this reader: a difference
#
# Beside such a state a row may say what the device `holds`, because it was asked: new, each cell the
# decision's certificate; old, none of them. Whatever else stands there says nothing of single cells.
#
# A device in the lists of two incidents: what was commanded last counts, the other incident speaks
# of then. The same with two steps of one incident (hand-back): the page has the last.
# `recovered` of an incident is no more than what was found true, plus what was commanded elsewhere since; its figures
# count as many devices in each state as its rows say. A meter that holds what a command of some incident puts
# there is in a list: a service that has forgotten a device says nothing false of it.
#
# Out: a line for each difference, "DEVICE CELL: INCIDENT says STATE, ...; it holds ..."; the last
# line counts: "reader: N devices, M cells, K differences".

($digests[0] | to_entries | map({key: .value, value: .key}) | from_entries) as $names
| (reduce $held[] as $d ({}; .[$d.device] += [$d])) as $meters
| def name: $names[.] // "a certificate that nobody knows";
  def used($i): $i.show.batches | map(select(.signed > 0));

# The document under which the row's device was commanded last; of a row without, the one that would have been.
def document($i; $r):
    ($r.decision // (used($i) | last | .decision_sha256) // ($i.documents | last | .sha256)) as $d
    | $i.documents | map(select(.sha256 == $d or .document.id == $d)) | last | .document // {};

# The number of the last batch that the row is about: batches are numbered over all incidents. 0: none.
def order($i; $r):
    if ($r.counter // 0) == 0 then 0 else $r.batch // (used($i) | map(.id) | max) // 0 end;

def answer($r): $r.cells // {} | with_entries(select(.value | type == "object"));

# {cell, ok, says}: one for each cell that was compared.
def compare($r; $d; $named; $has):
    answer($r) as $a
    | ($named | map({key: .cell, value: .certificate}) | from_entries) as $want
    | def is_new($c): $has[$c].certificate == $want[$c];
      def told: $a | to_entries[] | select($has[.key] != null)
        | {cell: .key, ok: (.value.new_key == $has[.key].key and (.value.status != 0 or is_new(.key))),
           says: (if .value.status == 0 then "replaced" else "not replaced, status \(.value.status)" end)};
      def passed_over: $named[] | select($a[.cell] == null) | {cell, ok: (is_new(.cell) | not), says: "not replaced"};
    if $r.state == "success" then
        ($named[].cell as $c | {cell: $c, says: "it holds \($want[$c] | name)",
            ok: (is_new($c) and ($a == {} or ($a[$c] | .status == 0 and .new_key == $has[$c].key)))}),
        (select($named == []) | {cell: "none", says: "all replaced", ok: false})
    elif $r.state == "failed" then
        (told | if $a[.cell].status == 0 then .ok = false else . end), passed_over
    elif $r.state == "partly" then
        told, passed_over,
        ([$named[] | $a[.cell].status == 0] | select(all or (any | not)) | {cell: "all", says: "some replaced", ok: false})
    elif $r.state == "pending" or $r.state == "failed-alone" then
        $named[] | {cell, says: "nothing was signed", ok: (is_new(.cell) | not)}
    elif $r.state | IN("sent", "accepted", "unknown", "unreachable", "excused") then told
    else {cell: "all", says: "what this reader does not know", ok: false} end,
    # what the device holds, where its state says nothing of it
    (select($r.state | IN("sent", "accepted", "unknown", "unreachable", "excused")) | $named[]
        | if $r.holds == "new" then {cell, says: "it holds the new ones", ok: is_new(.cell)}
        elif $r.holds == "old" then {cell, says: "it holds the old ones", ok: (is_new(.cell) | not)} else empty end);

def row($i; $r):
    ($meters[$r.device] // []) as $m
    | {incident: $i.show.id, device: $r.device, state: $r.state, order: order($i; $r)}
    + if ($m | length) != 1 then
        {cells: [{cell: "all", ok: false, says: "of one meter", holds: "none: there are \($m | length) of that name"}]}
      else
        ($m[0].cells) as $has
        | [document($i; $r).replacements // [] | .[] | select($has[.cell] != null
            and ($i.only[$r.device] == null or (.cell | IN($i.only[$r.device][]))))] as $named
        | {cells: [compare($r; $m[0]; $named; $has) | .holds = (.cell as $c | [$has[$c] // $has[$named[].cell]
            | .certificate | name] | join(", "))],
           new: ($named != [] and all($named[]; .certificate == $has[.cell].certificate))}
      end;

[$said[] as $i | $i.devices[] as $r | row($i; $r)]
| group_by(.device) | map(sort_by(.order) | .[-1].last = true) as $devices
| [$devices[][]] as $rows
| [$devices[][-1]] as $last
| [($last[] as $r | $r.cells[] | select(.ok | not)
    | "\($r.device) \(.cell): \($r.incident) says \($r.state), \(.says); it holds \(.holds)"),
   ($said[] as $i | $i.figures.by_state | to_entries[] as $f
    | ([$rows[] | select(.incident == $i.show.id and .state == $f.key)] | length) as $true
    | select($f.value != $true) | "- -: \($i.show.id) says \($f.value) \($f.key) in figures; of \($true) devices it says so"),
   ([$said[] | . as $i | used($i)[].decision_sha256 as $d | $i.documents[] | select(.sha256 == $d)
        | .document.replacements[] | {key: (.cell + .certificate), value: $i.show.id}] | from_entries) as $placed
    | ([$rows[] | {key: .device, value: true}] | from_entries) as $listed
    | ($held[] | select($listed[.device] | not) as $d | $d.cells | to_entries[] | $placed[.key + .value.certificate] as $by | select($by)
       | "\($d.device) \(.key): no incident says anything of it; it holds \(.value.certificate | name) by \($by)"),
   ($said[] as $i | ([$rows[] | select(.incident == $i.show.id and (.last != true or .new))] | length) as $true
    | select($i.show.recovered > $true)
    | "- -: \($i.show.id) says \($i.show.recovered) recovered; of \($true) that is true or was")] as $differences
| $differences[],
  "reader: \($last | length) devices, \([$last[].cells[]] | length) cells, \($differences | length) differences"
