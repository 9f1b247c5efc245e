# The hand-out as one page of HTML: no script, nothing from elsewhere, prints on A4. $css is packaging/page.css.
include "page";

def factor: (.id | t) + " (weight " + (.weight | t) + "): " + (.value | t);
def who: (.person // "") + (if .by == "facilitator" and (.person // "") != "" then " (played by the facilitator)" else "" end);
# Votes and signatures of one paper in a row are one entry of the time line.
def bundled: reduce .[] as $e ([]; if length > 0 and ($e.kind == "vote" or $e.kind == "sign") and .[-1].kind == $e.kind and .[-1].decision == $e.decision
    then .[-1].all += [$e] else . + [$e + {all: [$e]}] end);
# What its state is, where it is another than before.
def turned: [foreach .[] as $e ({}; {was: .is, is: ($e | .state // null) , e: $e} | if .is == null then .is = .was else . end; .e + {turned: (.e.state != null and .was != .is)})];
def told: if .kind == "start" then "The scenario begins" elif .kind == "step" then .text
    elif .kind == "vote" then "Votes on \(.decision): " + ([.all[] | "\(.person) \(.vote)"] | join(", "))
    elif .kind == "sign" then "\(.decision) is signed by " + ([.all[].person] | join(", "))
    elif .kind == "count" then "Counted: \(.votes.for) for, \(.votes.against) against, \(.votes.abstain) abstain"
    elif .kind == "refused" then "Refused by \(.rule)" elif .kind == "fell" then "The motion on \(.decision) fell"
    elif .kind == "inject" then "Inject for \(.to // "the room"): \(.text)" elif .kind == "close" then "The scenario is closed" else .kind end;
def way: "<ol class=\"way\">\n" + ([turned | bundled[] | "<li class=\"" + (if .kind == "refused" or .kind == "fell" then "no" elif .kind == "step" then "turn" elif .kind == "inject" then "ink" else "same" end)
    + "\"><time>" + (.at | clock) + "</time>" + (told | t)
    + (if .turned then " &rarr; <span class=\"to\">" + (.state | t) + "</span>" else "" end)
    + (if .kind == "step" and who != "" then (who | soft) else "" end) + "</li>"] | join("\n")) + "\n</ol>";
def decision: "<section class=\"card\"><h3>" + (.id | t) + ": " + (.outcome | t) + (if .method then " " + (.method | t) else "" end) + " " + tag(""; .state) + "</h3>\n"
    + ([["Votes", (if .votes then "\(.votes.for) for, \(.votes.against) against, \(.votes.abstain) abstain" else "" end)],
        ["Present", ([.members[]? | .holder + " (" + .seat + ")"] | join(", ") | t)],
        ["Shall be weighed", ([.shall[] | factor] | join("<br>"))], ["May be weighed", ([.may[] | factor] | join("<br>"))],
        ["Reasons", (.reasons // "" | t)], ["Risk that stays", (.residual_risk // "" | t)],
        ["Signed by", ([.signers[] | .holder + (if .seat then " (" + .seat + ")" else "" end) + (if .counted then "" else ", not counted" end)] | join(", ") | t)],
        ["SHA-256", (.sha256 | code)]] | pairs) + "</section>";

. as $h
| page("Hand-out: " + .scenario.title; sped(.settings); $css; "";
  "<p class=\"soft\">Hand-out of a session, " + (.play | t) + "</p>\n<h1>" + (.scenario.title | t) + "</h1>\n"
  + (.scenario.about | map("<p>" + t + "</p>") | join("\n"))
  + "<p class=\"soft\">Played " + (.began[:10] | t) + " from " + (.began | clock) + " to " + (.ended | clock) + " UTC. " + (.scenario.source | t) + "</p>\n"
  + (if .left then "<p class=\"bad\">Closed before its end: step " + (.left | t) + " was due.</p>" else "" end)
  + ({"Minutes, planned": .scenario.minutes, "Minutes, played": (.seconds / 60 | ceil), "Steps": ([.timeline[] | select(.kind == "step")] | length),
      "Decisions": (.decisions | length), "Refusals": ((.refusals | length) + (.offline_refusals | length)), "Devices": .meters.devices} | figures)
  + section("What came of it"; ([.incidents[] | "<h3>" + (.title | t) + " " + tag(if .state == "CLOSED" then "good" else "now" end; .state) + "</h3>\n"
      + (if (.figures.devices // 0) == 0 then "<p>No list of devices came in.</p>" else .figures | progress end)
      + "<p class=\"soft\">" + (.id | t) + ", route " + (.route | t) + ": \(.devices | number) devices, \(.signed | number) commands signed, \(.recovered | number) recovered.</p>"] | join("\n"))
    + "<h3>Do the figures add up?</h3>" + table(["Incident", "What", "#Left", "#Right", "Are they equal"]; [.sums[] | [(.incident | t), (.what | t), (.left | number | t), (.right | number | t),
        (if .equal then tag("good"; "equal") else tag("bad"; "NOT EQUAL") end)]])
    + (.evidence | map(select(.commanded > 0 or .before != .after)) | evidence)
    + "<h3>What the \(.meters.devices | number) meters hold, by their own word</h3>" + table(["Cell", "Of which certificates how many"]; [.meters.cells | to_entries[]
        | [(.key | code), (.value | counts | t)]]))
  + section("What happened"; .timeline | way)
  + section("What was decided, and by whom"; if .decisions == [] then "<p>Nothing was decided.</p>" else "<div class=\"cards\">\n" + ([.decisions[] | decision] | join("\n")) + "\n</div>" end)
  + section("Who waited for whom"; ([.waited[].seconds] | max // 1) as $longest
    | "<p>How long a step was due before it was done, and whose step came next.</p>\n"
    + ([.waited[] | strip(.for; [{class: "c-sent", words: "seconds", n: .seconds}]; $longest; "\(.seconds) s, \(.steps) step" + (if .steps == 1 then "" else "s" end))] | join(""))
    + "<ul>" + ([.waited[] | select(.by != []) | "<li>" + (.for | t) + " was waited for by " + (.by | join(", ") | t) + ".</li>"] | join("")) + "</ul>")
  + section("What the rules refused"; table(["UTC", "Rule, and what it says", "Source", "How sure", "In the script"]; [.refusals[]
      | [(.at | clock | t), ((.rule | code) + "<br>" + (.sentence // .why // "" | t)), (.source // "" | t), tag(""; .certainty // "unknown"), (if .expected then "yes" else "no" end)]]
      + [.offline_refusals[] | ["", ((.rule | code) + "<br>" + (.sentence | t)), (.source | t), tag(""; .certainty), "yes"]]))
  + section("Injects"; table(["For", "Text", "Played"]; [.injects[] | [(.to | t), (.says | t), (if .played then .played | clock | t else "no" end)]]))
  + section("Questions that the room was asked"; "<ul>" + ([.questions[] | "<li>" + (.question | t) + " " + "<small>" + (.step | t) + "</small></li>"] | join("")) + "</ul>")
  + section("Open questions"; "<ul>" + ([.open[] | "<li>" + t + "</li>"] | join("")) + "</ul>" + write(3))
  + section("Feedback"; [.feedback[] | "<p>" + t + "</p>" + write(2)] | join("\n"))
  + section("Who was there"; table(["Person", "Plays", "Name on the certificate", "Key, SHA-256"]; [.people[] | [(.person | t), (.player | t), (.name | t), (.key_sha256[:16] + "..." | code)]])))
