# The PMA's pack as one page to print and to fill in. $css is packaging/page.css.
include "page";

# What each course does to devices, in a sentence.
def course: {
  "authorise-method-2": ["Authorise Method 2", "The Recovery key places the DCC's ACB certificates on each device; the supplier's own follow by a second command, the hand-back."],
  "authorise-method-3": ["Authorise Method 3", "The Recovery key places the supplier's new certificates on each device, by one command."],
  "authorise-contingency": ["Authorise the contingency", "The Contingency and the Symmetric Key replace the root on each device. They can be used once."],
  "authorise-recovery-key": ["Authorise a new Recovery key", "The old Recovery key places the certificate of the new one on each device."],
  "authorise-issuing-oca": ["Authorise a new Issuing OCA", "Certificates are issued anew; devices get those that are named."],
  "authorise-contingency-key": ["Authorise new contingency keys", "A new root certificate, which carries them, is distributed."],
  "refuse": ["Refuse", "Nothing is signed. The devices are connected again, and somebody writes down what risk stays."],
  "abort": ["Call it off", "Nothing more is signed. What was done stays done."],
  "direct-other": ["Direct another course", "It is followed outside this service; nothing is signed here."],
  "defer-revocation": ["Defer revocation", "The old certificates stay valid for now. A review date and what ends the deferral are due."],
  "defer-id-transfer": ["Defer the transfer of identifiers", "Devices stay with whom they are. A review date and what ends the deferral are due."],
  "appoint": ["Name who takes the devices over", "Later papers are that supplier's. Nothing is signed by it."]
};
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
  + section("What the PMA can do"; table(["Course", "What it does", "Source", "How sure"]; [(course | keys_unsorted) as $order | .options | sort_by(.event as $e | $order | index($e) // 99)[] | (course[.event] // [.event, ""]) as $c | ["<b>" + ($c[0] | t) + "</b>", ($c[1] | t), (.source | t), tag(""; .certainty)]]))
  + section("Guidance: weigh one by one"; "<h3>Shall be weighed</h3>" + (.factors.shall | form) + "<h3>May be weighed</h3>" + (.factors.may | form) + "<p>Further factors, with weight and reason:</p>" + write(3))
  + section("The decision"; "<p>For, against or abstain; reasons; the risk that stays; who was present and what conflicts were declared.</p>" + write(5)))
