# The evidence sheet: what was commanded and answered, cells before and after, what a simulator cannot prove. From handout.json.
include "page";
page("Evidence: " + .scenario.title; sped(.settings); $css; "";
  "<p class=\"soft\">Evidence sheet, " + (.play | t) + "</p>\n<h1>" + (.scenario.title | t) + "</h1>\n<p>Simulated devices, at " + (.ended[:16] | sub("T"; " ") | t) + " UTC.</p>\n"
  + ({"Devices": .meters.devices, "Commanded": ([.evidence[].commanded] | add // 0), "Recovered": ([.incidents[] | select(.children == [] or .children == null) | .recovered] | add // 0)} | figures)
  + section("Commanded, answered, and what the devices hold"; .evidence | evidence)
  + section("Does the service's word agree with the devices'?"; table(["Incident", "What", "#Service", "#Devices", "Are they equal"]; [.sums[]
      | [(.incident | t), (.what | t), (.left | number | t), (.right | number | t), (if .equal then tag("good"; "equal") else tag("bad"; "NOT EQUAL") end)]]))
  + section("By which decision"; table(["Decision", "Outcome", "Signed by", "SHA-256"]; [.decisions[] | [(.id | t), (.outcome | t), ([.signers[].holder] | join(", ") | t), (.sha256[:16] + "..." | code)]]))
  + section("What a simulator cannot prove"; "<ul>" + ([.unproven[] | "<li>" + t + "</li>"] | join("")) + "</ul>")
  + section("Seen and agreed"; write(3)))
