# The page for the room, from: $log, $told ({show, figures} of each incident, the one in hand first), $table (incident states),
# $settings (what is not as in life), $fields (the scenario), $votes, $step, $due, $minutes, $number.
include "page";

def fields: [$fields | split("\n")[] | select(. != "") | split("\t") | {section: .[0], name: .[1], key: .[2], value: .[4]}];
def one($section; $name; $key): ([fields[] | select(.section == $section and .name == $name and .key == $key) | .value] | first) // "";
def steps: reduce (fields[] | select(.section == "Step") | .name) as $n ([]; if index($n) then . else . + [$n] end);

# --- the way of the incident: stations that it has passed, and where it may go from the last one ---
def place($i): 26 + 44 * $i;
def station($y; $class; $state; $minor): "<circle cx=\"16\" cy=\"\($y)\" r=\"7\" class=\"\($class)\"/><text x=\"38\" y=\"\($y)\" dy=\".1em\"" + (if $class == "c-sent" then " class=\"here\"" else "" end) + ">" + ($state | t)
    + "</text><text x=\"38\" y=\"\($y)\" dy=\"1.35em\" class=\"minor\">" + ($minor | t) + "</text>";
def may_go: .state as $s | .route as $r | .next as $next
    | [$table[0].transitions[] | select(.event as $e | $next | index($e)) | select((.from | index($s)) and (.routes | index($r)) and .to != null and .to != $s) | {to, event}]
    | group_by(.to) | map({to: .[0].to, by: ([.[].event] | unique)}) | sort_by(.to | IN("CLOSED", "FALSE_ALARM", "HALTED", "TOKEN_LOST"));
def diagram: [.events[] | select(.from != .to)] as $way | may_go as $ways | ($way | length) as $n | ($ways | length) as $m | place($n - 1) as $here
    | "<svg class=\"diagram\" width=\"432\" height=\"\(place($n + $m) - 4)\" viewBox=\"0 0 432 \(place($n + $m) - 4)\" role=\"img\" aria-label=\""
    + ("The way of \(.id): " + ([$way[].to] | join(", ")) + (if $m > 0 then "; it may go to " + ([$ways[].to] | join(", ")) else "" end) | t) + "\">"
    + "<path d=\"M16 \(place(0)) V\($here)\" stroke=\"#1d4f7c\" stroke-width=\"3\" fill=\"none\"/>"
    + ([range($m) as $j | place($n + $j) as $y | "<path d=\"M16 \($here) V\($y - 14) Q16 \($y) 34 \($y)\" stroke=\"#8c96a1\" stroke-width=\"1.5\" stroke-dasharray=\"4 4\" fill=\"none\"/>"
        + "<circle cx=\"40\" cy=\"\($y)\" r=\"6\" fill=\"#fff\" stroke=\"#8c96a1\" stroke-width=\"1.5\"/><text x=\"56\" y=\"\($y)\" dy=\".1em\">" + ($ways[$j].to | if . == "(over)" then "at an end" else . end | t)
        + "</text><text x=\"56\" y=\"\($y)\" dy=\"1.35em\" class=\"minor\">" + ($ways[$j].by | .[:3] | join(", ") | gsub("-"; " ") | t) + (if ($ways[$j].by | length) > 3 then " ..." else "" end) + "</text>"] | join(""))
    + ([range($n) as $i | station(place($i); (if $i == $n - 1 then (if $way[$i].to == "CLOSED" then "c-good" else "c-sent" end) else "c-done" end); $way[$i].to; ($way[$i].at | clock) + "  " + ($way[$i].event | gsub("-"; " ")))] | join(""))
    + "</svg>";

one("Step"; $step; "Role") as $role
| (one("Role"; $role; "People") | split(" ")) as $people
| one("Step"; $step; "Vote") as $vote
| ([$votes | split("\n")[] | select(. != "") | capture("^(?<of>[^:]+)\\.(?<person>[^.:]+):(?<word>.*)$") | select(.of == $vote) | {key: .person, value: .word}] | from_entries) as $cast
| ([$log[] | select(.kind == "sign" and .decision == one("Step"; $step; "Sign")) | .person]) as $signed
| ([$told[] | select(.figures.by_state != null and .show.children == [])]) as $counted
| ([$told[].show.refusals[]] | sort_by(.at)) as $refusals
| page("The room: " + one("Scenario"; ""; "Title"); sped($settings[0]); $css; $script;
  "<p class=\"soft\">" + ($number | t) + ", minute \($minutes) of the story; planned for " + (one("Scenario"; ""; "Minutes") | t) + " minutes</p>\n<h1>" + (one("Scenario"; ""; "Title") | t) + "</h1>\n"
  + "<div class=\"room\">\n<div>\n<div class=\"due\">"
  + (if $log[-1].kind == "close" then "<p class=\"tell\">The scenario is closed.</p><p>The hand-out is written.</p>"
     elif $step == "end" then "<p class=\"tell\">No step is left.</p><p>The facilitator closes the scenario.</p>"
     else "<p>Step \((steps | index($step)) + 1) of \(steps | length), due for <b data-since=\"\($due)\">0:00</b></p><p><b>" + (one("Role"; $role; "Player") | t) + "</b></p><p class=\"tell\">" + (one("Step"; $step; "Tell") | t) + "</p>"
       + "<ul class=\"people\">" + ([$people[] | . as $p | (if $cast[$p] then "<li class=\"voted\">" + ($p | t) + ": " + ($cast[$p] | t) elif $signed | index($p) then "<li class=\"voted\">" + ($p | t) + ": signed" else "<li class=\"wanted\">" + ($p | t) end) + "</li>"] | join("")) + "</ul>"
       + (if $vote != "" then "<p>Each votes for, against or abstains.</p>" else "" end)
       + (if one("Step"; $step; "Refuses") != "" then "<p>The rules refuse this: " + (one("Step"; $step; "Refuses") | code) + "</p>" else "" end)
       + ([fields[] | select(.section == "Step" and .name == $step and .key == "Ask") | "<p><b>For the room:</b> " + (.value | t) + "</p>"] | join(""))
     end)
  + "</div>\n"
  + (if $step == "end" then "" else "<p>Everybody else waits for them: " + ([fields[] | select(.section == "Role" and .key == "Player" and .name != $role) | .value] | unique | join("; ") | t) + ".</p>\n" end)
  + section("Devices"; if $counted == [] then "<p>No list of devices is on file yet.</p>" else [$counted[] | . as $c
      | "<h3>" + (.show.title | t) + " " + tag(if .show.state == "CLOSED" then "good" else "now" end; .show.state) + "</h3>\n" + (.figures | progress + waves)] | join("\n") end)
  + section("Refused so far"; if $refusals == [] then "<p>Nothing yet.</p>" else table(["UTC", "Rule, and how sure", "Why"]; [$refusals[-5:][] | [(.at | clock | t), ((.rule | code) + "<br>" + tag(""; .certainty)), (.why | if length > 160 then .[:160] | sub("[ ,;:]+[^ ]*$"; " ...") else . end | t)]]) end)
  + section("Heard"; [$log[] | select(.kind == "inject")] | if . == [] then "<p>Nothing from outside yet.</p>" else table(["UTC", "For", "Text"]; [.[-3:][] | [(.at | clock | t), (.to | t), (.text | t)]]) end)
  + follow + "</div>\n<section>\n<h2>The way so far</h2>\n"
  + (if $told == [] then "<p>No incident is open yet.</p>" else $told[0].show | "<p class=\"soft\">" + (.id | t) + ", route " + (.route | t) + "</p>\n" + diagram end)
  + (if ($told | length) > 1 then "<h3>Other incidents</h3>" + table(["Incident", "State"]; [$told[1:][].show | [(.title | t), tag(""; .state)]]) else "" end)
  + "</section>\n</div>\n")
