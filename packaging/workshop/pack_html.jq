# The PMA's pack as one page to print and to fill in. $css is packaging/page.css.
include "page";

def unsaid: if . == null then "<b class=\"bad\">nobody has said</b>" else t end;
def form: table(["Factor", "What is known", "#Weight", "#Yours", "Your words" + ("\u2003" * 8)]; [.[] | [(.id | code), (.value | t), (.weight | t), "", ""]]);

. as $p
| page("PMA pack: " + .incident.title; "A pack for " + .play + "."; $css; "";
  "<p class=\"soft\">For the SMKI PMA, decision " + (.decision | t) + "</p>\n<h1>" + (.incident.title | t) + "</h1>\n<p>" + tag("now"; .incident.state) + " Notified by " + (.incident.initiator | t)
  + (if .incident.subscriber != "" then " about the keys of " + (.incident.subscriber | code) else "" end) + ", opened " + (.incident.opened[:19] | sub("T"; " ") | t) + " UTC.</p>\n"
  + ({"Devices on the list": .devices.list} + (.devices.by_type | types | from_entries) | figures)
  + section("The motion"; "<p>" + (if .motion.method then "To " + (.motion.outcome | t) + " " + (.motion.method | t) + " by the " + (.motion.key | t) + " key, from " + (.motion.valid_from[:16] | sub("T"; " ") | t) + " to " + (.motion.valid_to[:16] | sub("T"; " ") | t) + " UTC, at most \(.motion.attempts) commands a device."
      else "Outcome: " + (.motion.outcome | t) + "." end) + "</p>\n" + ([["Reasons", (.reasons // "" | t)], ["Risk that stays", (.residual_risk // "" | t)]] | pairs))
  + section("What has happened to which keys"; table(["Cell", "Certificate", "Cause", "How sure"]; [.cells[] | [(.cell | code), (.certificate | t), (.cause | t), tag(""; .certainty)]])
    + (if .replacements == [] then "" else "<h3>What would take their place</h3>" + table(["Cell", "Certificate", "Its key"]; [.replacements[] | [(.cell | code), (.certificate | t), (.key_origin | t)]]) end)
    + ([["Can the supplier do it with its own key (Method 1)?", (.method_1_feasible | unsaid)], ["Prepayment customers among them", (.prepayment | unsaid)],
        ["SMI status of the devices", (.suspended // {} | counts | if . == "" then null else . end | unsaid)],
        ["Digest of the list", (.devices.list_sha256 | code)]] | pairs))
  + section("What the PMA can do"; table(["Course", "What it does", "Source", "How sure"]; [.options[] | ["<b>" + (.course | t) + "</b>", (.does | t), (.source | t), tag(""; .certainty)]]))
  + section("Guidance: weigh one by one"; "<h3>Shall be weighed</h3>" + (.factors.shall | form) + "<h3>May be weighed</h3>" + (.factors.may | form) + "<p>Further factors, with weight and reason:</p>" + write(3))
  + section("The decision"; "<p>For, against or abstain; reasons; the risk that stays; who was present and what conflicts were declared.</p>" + write(5)))
