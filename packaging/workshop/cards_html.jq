# Everybody's card, one below the other, to print and to cut: from the scenario's fields and $people (person, role, player,
# name on the certificate). $folder is the workshop's.
include "page";
def fields: [$fields | split("\n")[] | select(. != "") | split("\t") | {section: .[0], name: .[1], key: .[2], value: .[4]}];
def of($section; $name; $key): [fields[] | select(.section == $section and .name == $name and .key == $key) | .value];
[$people | split("\n")[] | select(. != "") | split("\t") | {person: .[0], role: .[1], player: .[2], name: .[3]}] as $people
| of("Scenario"; ""; "Title")[0] as $title
| page("Cards: " + $title; "Cards for " + $number + "."; $css; "";
  "<p class=\"soft\">Cards of a session</p>\n<h1>" + ($title | t) + "</h1>\n" + (of("Scenario"; ""; "About") | map("<p>" + t + "</p>") | join("\n"))
  + "<div class=\"cards\">\n" + ([$people[] | . as $p | "<section class=\"card\"><h2>" + (.player | t) + "</h2>\n"
      + ([["You are", "<b>" + (.person | t) + "</b>; on your certificate " + (.name | t)]] | pairs)
      + "<h3>What you know</h3>" + (of("Role"; $p.role; "Knows") | map("<p>" + t + "</p>") | join(""))
      + (of("Role"; $p.role; "Aim") | if . == [] then "" else "<h3>What you want</h3><p>" + (.[0] | t) + "</p>" end)
      + "<h3>Your shell</h3><pre>smki-recovery-workshop --folder " + ($folder | t) + " shell " + (.person | t) + "</pre>"
      + "<p class=\"soft\">In it: <span class=\"code\">smki-recovery-workshop turn</span> says what is due, and whether it is you; "
      + "<span class=\"code\">smki-recovery-workshop next</span> does it and shows every command"
      + (if .person | startswith("pma-") then "; <span class=\"code\">smki-recovery-workshop vote for</span>, against or abstain votes" else "" end) + ".</p></section>"] | join("\n")) + "\n</div>\n")
