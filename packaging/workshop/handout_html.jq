# The hand-out as one page of HTML: no script, nothing from elsewhere, prints on A4.
def t: tostring | @html;
def row($tag): "<tr>" + (map("<" + $tag + ">" + . + "</" + $tag + ">") | join("")) + "</tr>";
def table($head; $rows): if $rows == [] then "<p>None.</p>" else "<table><thead>" + ($head | map("<th scope=\"col\">" + . + "</th>") | "<tr>" + join("") + "</tr>") + "</thead><tbody>\n"
  + ($rows | map(row("td")) | join("\n")) + "\n</tbody></table>" end;
def section($title; $body): "<section><h2>" + $title + "</h2>\n" + $body + "\n</section>\n";
def clock: .[11:19];
def factor: (.id | t) + " (" + (.weight | t) + "): " + (.value | t);
. as $h
| ([.waited[].seconds] | max // 1 | if . == 0 then 1 else . end) as $longest
| "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Exercise: " + (.scenario.title | t) + "</title>\n<style>
@page { size: A4; margin: 16mm }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62em; margin: 1.5em auto; padding: 0 1em; color: #1a1a1a; background: #fff }
h1 { font-size: 1.6em; margin: .2em 0 } h2 { font-size: 1.15em; border-bottom: 2px solid #1a1a1a; margin-top: 1.8em }
.exercise { border: 3px solid #8a1c1c; color: #8a1c1c; font-weight: bold; padding: .3em .8em }
table { border-collapse: collapse; width: 100%; font-size: .92em } th, td { text-align: left; vertical-align: top; padding: .25em .5em; border-bottom: 1px solid #bbb; overflow-wrap: anywhere }
th { background: #eee } thead { display: table-header-group } tr { break-inside: avoid } h2 { break-after: avoid }
.bad { color: #8a1c1c; font-weight: bold } .line { border-bottom: 1px solid #777; height: 2em } svg { max-width: 640px } svg text { font: 13px system-ui, sans-serif }
@media print { body { font-size: 11px; margin: 0; max-width: none } }
</style></head><body>\n<header><p class=\"exercise\">EXERCISE - nothing of this is real. " + (if $h.settings == [] then "No window or wait was shortened." else "Not as in life: " + ([$h.settings[] | (.key + "=" + .value) | t] | join(", ")) + "." end) + "</p>\n<h1>" + (.scenario.title | t) + "</h1>\n"
+ "<p>" + (.play | t) + ", " + (.began | t) + " to " + (.ended | clock | t) + " UTC; planned for " + (.scenario.minutes | t) + " minutes. " + (.scenario.source | t) + "</p></header>\n<main>\n"
+ (.scenario.about | map("<p>" + t + "</p>") | join("\n"))
+ (if .left then "<p class=\"bad\">Closed before its end: step " + (.left | t) + " was due.</p>" else "" end)
+ section("Who was there"; table(["Person", "Plays", "Name on the certificate", "Key (SHA-256)"]; [.people[] | [(.person | t), (.player | t), (.name | t), (.key_sha256[:16] + "..." | t)]]))
+ section("Time line"; table(["UTC", "Minute", "What", "Who", "Then"]; [.timeline[]
    | [(.at | clock | t), (.minute | t),
       ((if .kind == "step" then .text elif .kind == "vote" then "votes " + .vote + " on " + .decision elif .kind == "sign" then "signs " + .decision
         elif .kind == "count" then "counted: \(.votes.for) for, \(.votes.against) against, \(.votes.abstain) abstain" elif .kind == "refused" then "refused: " + .rule
         elif .kind == "inject" then "inject: " + .text elif .kind == "fell" then "the motion fell" else .kind end) | t),
       (((.person // "") + (if .by == "facilitator" and .person then " (played by the facilitator)" else "" end)) | t),
       (((.incident // "") + " " + (.state // "")) | t)]]))
+ section("Decisions"; if .decisions == [] then "<p>Nothing was decided.</p>" else [.decisions[]
    | "<h3>" + (.id | t) + ": " + (.outcome | t) + (if .method then ", " + (.method | t) else "" end) + " <small>(" + (.state | t) + ")</small></h3>"
    + (if .votes then "<p>Votes: \(.votes.for) for, \(.votes.against) against, \(.votes.abstain) abstain. Present: " + ([.members[] | .holder + " (" + .seat + ")"] | join(", ") | t) + "</p>" else "" end)
    + (if .shall != [] or .may != [] then "<p>Factors that shall be weighed: " + ([.shall[] | factor] | join("; ")) + ". That may be: " + ([.may[] | factor] | join("; ")) + ".</p>" else "" end)
    + (if .reasons then "<p>Reasons: " + (.reasons | t) + (if .residual_risk then " Risk that stays: " + (.residual_risk | t) else "" end) + "</p>" else "" end)
    + "<p>Signed by " + ([.signers[] | .holder + (if .seat then " (" + .seat + ")" else "" end) + (if .counted then "" else ", not counted" end)] | join(", ") | t) + "</p>"] | join("\n") end)
+ section("Who waited for whom"; "<svg role=\"img\" aria-label=\"Seconds that the others waited for each role\" viewBox=\"0 0 640 \(.waited | length * 24 + 4)\" width=\"100%\">"
    + ([range(.waited | length) as $i | .waited[$i] | "<text x=\"0\" y=\"\($i * 24 + 17)\">" + (.for | t) + "</text><rect x=\"170\" y=\"\($i * 24 + 4)\" height=\"16\" width=\"\(.seconds / $longest * 360 + 1 | floor)\" fill=\"#1f4e79\"/><text x=\"\(.seconds / $longest * 360 + 178 | floor)\" y=\"\($i * 24 + 17)\">\(.seconds) s</text>"] | join("")) + "</svg>"
    + table(["For", "Seconds", "Steps", "Waited, because the next step was theirs"]; [.waited[] | [(.for | t), (.seconds | t), (.steps | t), (.by | join(", ") | t)]]))
+ section("What the rules refused"; table(["UTC", "Incident", "Rule", "What it says", "Source", "Certainty", "In the script"]; [.refusals[]
    | [(.at | clock | t), (.incident // "" | t), (.rule | t), (.sentence // .why // "" | t), (.source // "" | t), (.certainty // "" | t), (if .expected then "yes" else "no" end)]]
    + [.offline_refusals[] | ["", "", (.rule | t), (.sentence | t), (.source | t), (.certainty | t), "yes"]]))
+ section("Figures"; table(["Incident", "Route", "State", "Devices", "Signed", "Recovered", "By state"]; [.incidents[]
    | [(.id + " " + .title | t), (.route | t), (.state | t), (.devices | t), (.signed | t), (.recovered | t), ((.figures.by_state // {}) | to_entries | map("\(.key) \(.value)") | join(", ") | t)]])
  + "<h3>Do they add up?</h3>" + table(["Incident", "What", "Left", "Right", ""]; [.sums[] | [(.incident | t), (.what | t), (.left | t), (.right | t), (if .equal then "equal" else "<span class=\"bad\">NOT EQUAL</span>" end)]])
  + "<h3>What the \(.meters.devices) meters hold, by their own word</h3>" + table(["Cell", "Certificate and how many"]; [.meters.cells | to_entries[] | [(.key | t), (.value | to_entries | map("\(.key): \(.value)") | join(", ") | t)]]))
+ section("Injects"; table(["Inject", "For", "Text", "Played"]; [.injects[] | [(.inject | t), (.to | t), (.says | t), (if .played then .played | clock | t else "no" end)]]))
+ section("Questions that the room was asked"; table(["Step", "Question"]; [.questions[] | [(.step | t), (.question | t)]]))
+ section("Open questions"; "<ul>" + ([.open[] | "<li>" + t + "</li>"] | join("")) + "</ul><div class=\"line\"></div><div class=\"line\"></div>")
+ section("Feedback"; [.feedback[] | "<p>" + t + "</p><div class=\"line\"></div><div class=\"line\"></div>"] | join("\n"))
+ "</main></body></html>"
