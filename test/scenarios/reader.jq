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
#            only       version of the list -> device -> cells, where it names some
#   DIGESTS  file name -> SHA-256 of the certificates of the story, so that people can read it
#
# Nothing of the service's own code is in here, and no number of the service's is believed.
# A decision NAMES cells of a device: those of its replacements that the device has and that its
# row of the list does not leave out. A row of a device has the decision under which it was commanded
# last, and cells, each with what the device last said of it. A cell is OPEN where its status
# is not 0, or a further decision asks for it ("owed"). What a state SAYS:
#
#   success       each cell named holds the certificate that the decision puts there; where the device
#                 has said something of it, it named that key, and the cell is not open
#   failed        no cell named was replaced: none has status 0; one that no answer names does not
#                 hold the decision's certificate
#   partly        the same cell by cell: not open, the decision's certificate lies there; no answer names
#                 it, it does not; and some cells are open or passed over, and some are not
#   of these three, whatever else the device has said of a cell: the key that it named lies there
#   pending, failed-alone
#                 nothing was signed for it: a device that was ever commanded by the Recovery or the
#                 Contingency key does not hold the decision's certificate in any cell named
#   sent, accepted, unknown, unreachable, excused
#                 a command is under way, or kept for later, or the service does not know and says so: it
#                 may hold either. Cells of an answer that are shown all the same hold the key that it
#                 named, or what a decision of the incident places there. A row may say what the device `holds`,
#                 because it was asked: new, each cell named holds the decision's certificate; old, none of
#                 them; whatever else stands there says nothing of single cells
#   The same of success, failed and partly where the row says that what the device `holds` is unclear: another
#   command is under way since.
#   any other     is not known to this reader: a difference
#
# An owed cell says nothing while its command may be under way.
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
  # by the Recovery or the Contingency key, ever
  def commanded: .counters.recovery > 0 or .counters.root > 0;

# Cell and certificate of everything that batches have placed -> the incident.
([$said[] | . as $i | used($i)[].decision_sha256 as $d | $i.documents[] | select(.sha256 == $d)
    | .document.replacements[] | {key: (.cell + .certificate), value: $i.show.id}] | from_entries) as $placed

# The document under which the row's device was commanded last; of a row without, the one that would have been.
| def document($i; $r):
    ($r.decision_sha256 // (used($i) | last | .decision_sha256) // ($i.documents | last | .sha256)) as $d
    | $i.documents | map(select(.sha256 == $d)) | last | .document // {};

def answer($r): $r.cells // {} | with_entries(select(.value | type == "object"));

# {cell, ok, says}: one for each cell that was compared.
def compare($r; $d; $named):
    answer($r) as $a
    | $d.cells as $has
    | ($named | map({key: .cell, value: .certificate}) | from_entries) as $want
    | def is_new($c): $want[$c] != null and $has[$c].certificate == $want[$c];
      def is_open($c): $a[$c].status != 0 or $a[$c].owed != null;
      # what the device said of the cells that a filter takes
      def told(take; or_else): $a | keys_unsorted[] as $c | $c | select($has[$c] != null and $a[$c].owed == null and take)
        | {cell: $c, ok: ($a[$c].new_key == $has[$c].key or or_else),
           says: (if $a[$c].status == 0 then "replaced" else "not replaced, status \($a[$c].status)" end)};
      def passed_over: $named[].cell as $c | select($a[$c] == null) | {cell: $c, ok: (is_new($c) | not), says: "not replaced"};
    if $r.holds == "unclear" and ($r.state | IN("success", "failed", "partly")) then
        told(true; $placed[. + $has[.].certificate] != null)
    elif $r.state == "success" then
        ($named[].cell as $c | {cell: $c, says: "it holds \($want[$c] | name)",
            ok: (is_new($c) and ($a[$c] == null or ((is_open($c) | not) and $a[$c].new_key == $has[$c].key)))}),
        told($want[.] == null; false),
        (select($named == []) | {cell: "none", says: "all replaced", ok: false})
    elif $r.state == "failed" then
        (told(true; false) | if $want[.cell] != null and $a[.cell].status == 0 then .ok = false else . end), passed_over
    elif $r.state == "partly" then
        (told(true; false) | .cell as $c | if $want[$c] != null and $a[$c].status == 0 and (is_new($c) | not) then .ok = false else . end),
        passed_over,
        (([$a | keys_unsorted[] | is_open(.)] + [$named[].cell | select($a[.] == null) | true]) | select(all or (any | not))
            | {cell: "all", says: "some replaced", ok: false})
    elif $r.state == "pending" or $r.state == "failed-alone" then
        $named[].cell as $c | {cell: $c, says: "nothing was signed", ok: ((is_new($c) and ($d | commanded)) | not)}
    elif $r.state | IN("sent", "accepted", "unknown", "unreachable", "excused") then
        told(true; $placed[. + $has[.].certificate] != null),
        # what it holds, because it was asked
        ($named[].cell as $c | if $r.holds == "new" then {cell: $c, says: "it holds the new ones", ok: is_new($c)}
            elif $r.holds == "old" then {cell: $c, says: "it holds the old ones", ok: (is_new($c) | not)} else empty end)
    else {cell: "all", says: "what this reader does not know", ok: false} end;

def row($i; $r):
    ($meters[$r.device] // []) as $m
    # batches are numbered over all incidents
    | {incident: $i.show.id, device: $r.device, state: $r.state, order: ($r.batch // 0)}
    + if ($m | length) != 1 then
        {cells: [{cell: "all", ok: false, says: "of one meter", holds: "none: there are \($m | length) of that name"}]}
      else
        ($m[0].cells) as $has
        | [document($i; $r).replacements // [] | .[] | select($has[.cell] != null
            and ($i.only["\($r.list)"][$r.device] as $only | $only == null or (.cell | IN($only[]))))] as $named
        | {cells: [compare($r; $m[0]; $named) | .holds = (.cell as $c | [$has[$c] // $has[$named[].cell]
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
   (([$rows[] | {key: .device, value: true}] | from_entries) as $listed
    | $held[] | select(commanded and ($listed[.device] | not)) as $d | $d.cells | to_entries[]
    | $placed[.key + .value.certificate] as $by | select($by)
    | "\($d.device) \(.key): no incident says anything of it; it holds \(.value.certificate | name) by \($by)"),
   ($said[] as $i | ([$rows[] | select(.incident == $i.show.id and (.last != true or .new))] | length) as $true
    | select($i.show.recovered > $true)
    | "- -: \($i.show.id) says \($i.show.recovered) recovered; of \($true) that is true or was")] as $differences
| $differences[],
  "reader: \($last | length) devices, \([$last[].cells[]] | length) cells, \($differences | length) differences"
