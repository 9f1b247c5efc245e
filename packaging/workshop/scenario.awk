# SPDX-License-Identifier: MIT
# A scenario of the workshop, read strictly: smki-recovery-workshop(1) describes the format. On standard output
# a line for each field, "SECTION name key line value" with tabs between; what is wrong is said as
# FILE:LINE: FIELD: WHAT, every mistake of the file, and makes the exit status 1.
#
#   -v states='A B'  -v events='a b'  -v rules='x.y z.w'    the words that the service knows
#   -v people='org-1 duty'  -v certificates='root acb-ds'    who can play, and what lies ready for each scenario

function words(list, into,   n, i, w) {
    n = split(list, w, " ")
    for (i = 1; i <= n; i++) into[w[i]] = 1
}
function wrong(line, field, what) {
    printf "%s:%d: %s: %s\n", FILENAME, line, field, what >"/dev/stderr"
    bad = 1
}
# kind: "one" or "many", and whether the section must have it
function field(section, key, how, shape) {
    known[section, key] = how
    shapes[section, key] = shape
    if (how ~ /must/) musts[section] = musts[section] " " key
}
BEGIN {
    words(states, is_state); words(events, is_event); words(rules, is_rule)
    words("ds ka pp", usage)
    words(people, is_person); words(certificates, is_certificate)
    words("ESME GSME CHF GPF HCALCS PPMID", is_type)
    # what a step can do, and how many words follow: at least, at most
    n = split("open 5 99 incident 1 1 event 2 99 certificates 1 99 devices 1 2 notify 4 4 progress 3 3 file 1 1 own-key 3 3 draft 1 1 submit 1 1 " \
        "activation 1 2 batch 0 99 confirm 0 1 send 1 99 excuse 1 2 unreachable 1 2 hsm-loss 1 99 token 1 1 vault 0 1 symmetric-key 1 1 " \
        "root 1 1 letter 2 2 await 1 1 wave 0 0", w, " ")
    for (i = 1; i < n; i += 3) { is_action[w[i]]; least[w[i]] = w[i + 1]; most[w[i]] = w[i + 2] }
    field("Scenario", "Format", "one must", "^1$")
    field("Scenario", "Title", "one must", ".")
    field("Scenario", "Order", "one must", "^[0-9]+$")
    field("Scenario", "Minutes", "one must", "^[1-9][0-9]?[0-9]?$")
    field("Scenario", "Source", "one must", ".")
    field("Scenario", "About", "many must", ".")
    field("Scenario", "Open", "many", ".")
    field("Scenario", "Unproven", "many", ".")
    field("Scenario", "Token", "one", "^(daily|vault)$")
    field("Setting", "RefusedListDays", "one", "^[0-9]+$")
    field("Setting", "TwoPersonSec", "one", "^[0-9]+$")
    field("Setting", "TokenLostSec", "one", "^[1-9][0-9]*$")
    field("Setting", "WindowHours", "one", "^[1-9][0-9]?[0-9]?$")
    field("Setting", "Clock", "one", "^[1-9][0-9]*$")
    field("Supplier", "Eui", "one must", "^[0-9A-F]+$")
    field("Certificate", "Role", "one must", "^0[1-7]$")
    field("Certificate", "Eui", "one must", "^[0-9A-F]+$")
    field("Certificate", "Usage", "one must", "^(ds|ka)$")
    field("Devices", "Supplier", "one must", "^[a-z]+$")
    field("Devices", "Count", "one must", "^([1-9][0-9]?[0-9]?[0-9]?|10000)$")
    field("Devices", "Types", "one", "^[A-Z]+:[0-9]+(,[A-Z]+:[0-9]+)*$")
    field("Devices", "Regions", "one", "^[A-Za-z][A-Za-z-]*:[1-9][0-9]*(,[A-Za-z][A-Za-z-]*:[1-9][0-9]*)*$")
    field("Devices", "Waves", "one", "^[A-Za-z][A-Za-z-]*(,[A-Za-z][A-Za-z-]*)*$")
    field("Role", "Player", "one must", ".")
    field("Role", "People", "one must", "^[a-z0-9-]+( [a-z0-9-]+)*$")
    field("Role", "Knows", "many must", ".")
    field("Role", "Aim", "one", ".")
    field("Decision", "Outcome", "one must", "^(authorise|refuse|abort|appoint|defer-revocation|defer-id-transfer)$")
    field("Decision", "Kind", "one", "^instruction$")
    field("Decision", "By", "one", "^[a-z]+$")
    field("Decision", "Supplier", "one", "^[a-z]+$")
    field("Decision", "Cause", "one", "^(exposed|suspected|loss-of-use|lost-control)$")
    field("Decision", "Origin", "one", "^(separate|same|unsaid)$")
    field("Decision", "Bad", "many", "^[a-z]+(-[a-z]+)* [a-z0-9-]+$")
    field("Decision", "New", "many", "^[a-z]+(-[a-z]+)* [a-z0-9-]+$")
    field("Decision", "Types", "one", "^[A-Z]+( [A-Z]+)*$")
    field("Decision", "Supersedes", "one", "^[a-z0-9-]+$")
    field("Decision", "Set", "many", "^[a-z_0-9]+ .")
    field("Decision", "Shall", "many", "^[a-z0-9-]+ [0-9]+ .")
    field("Decision", "May", "many", "^[a-z0-9-]+ [0-9]+ .")
    field("Step", "Role", "one must", ".")
    field("Step", "Tell", "one must", ".")
    field("Step", "Do", "many", ".")
    field("Step", "Vote", "one", ".")
    field("Step", "Sign", "one", "^[a-z0-9-]+$")
    field("Step", "Need", "one", "^[1-9]$")
    field("Step", "Expect", "one", ".")
    field("Step", "Refuses", "one", ".")
    field("Step", "Ask", "many", ".")
    field("Step", "Otherwise", "one", ".")
    field("Step", "Then", "one", ".")
    field("Inject", "To", "one must", ".")
    field("Inject", "Says", "one must", ".")
    field("Inject", "At", "one", "^[0-9]+$")
    field("Inject", "By", "one", "^hand$")
    named = " Supplier Certificate Devices Role Decision Step Inject "
}
function leave(   list, n, i) {
    if (section == "") return
    n = split(musts[section], list, " ")
    for (i = 1; i <= n; i++)
        if (!((id, list[i]) in seen)) wrong(at, list[i], "missing in [" head "]")
}
{ sub(/\r$/, "") }
/^[ \t]*(#|$)/ { next }
/^\[/ {
    leave()
    section = name = ""
    at = NR
    if (match($0, /^\[[A-Z][a-z]+\]$/)) section = substr($0, 2, length($0) - 2)
    else if (match($0, /^\[[A-Z][a-z]+ "[a-z0-9][a-z0-9-]*"\]$/)) {
        section = substr($0, 2, index($0, " ") - 2)
        name = $0
        sub(/^[^"]*"/, "", name)
        sub(/".*/, "", name)
    } else { wrong(NR, $0, "a header is [Section] or [Section \"name\"], the name of a-z, 0-9 and -"); next }
    head = section (name == "" ? "" : " \"" name "\"")
    if (!(section in musts) && section != "Setting") { wrong(NR, head, "no such section"); section = ""; next }
    if ((name != "") != (index(named, " " section " ") > 0)) { wrong(NR, head, name == "" ? "this section has a name" : "this section has no name"); section = ""; next }
    id = section "/" name
    if (id in begun) { wrong(NR, head, "is there already, in line " begun[id]); section = ""; next }
    if (NR_first == "" && section != "Scenario") wrong(NR, head, "the first section is [Scenario]")
    NR_first = NR
    begun[id] = NR
    if (section == "Step") n_steps++
    if (section == "Step" && name == "end") wrong(NR, head, "no step is called so: Then=end is the end")
    next
}
{
    equal = index($0, "=")
    if (equal < 2) { wrong(NR, $0, "a line is [Section], Key=Value or a comment"); next }
    key = substr($0, 1, equal - 1)
    value = substr($0, equal + 1)
    if (section == "") { if (NR_first == "") wrong(NR, key, "stands before the first section"); next }
    if (!((section, key) in known)) { wrong(NR, key, "no field of [" section "]"); next }
    if (value ~ /\t/) { wrong(NR, key, "holds a tab"); next }
    if ((id, key) in seen && known[section, key] ~ /one/) { wrong(NR, key, "is there already, in line " seen[id, key]); next }
    seen[id, key] = NR
    if (value !~ shapes[section, key]) { wrong(NR, key, value == "" ? "is empty" : "\"" value "\" is none"); next }
    if (key == "Eui" && length(value) != 16) { wrong(NR, key, "\"" value "\" has not 16 digits"); next }
    count++
    f_section[count] = section; f_name[count] = name; f_key[count] = key; f_line[count] = NR; f_value[count] = value
    print section "\t" name "\t" key "\t" NR "\t" value
}
# The words of an action; false where a quotation does not end.
function split_words(text, into,   n, rest) {
    n = 0
    rest = text
    while (rest != "") {
        sub(/^ +/, "", rest)
        if (rest == "") break
        if (substr(rest, 1, 1) == "'") {
            if (!match(rest, /^'[^']*'( |$)/)) return -1
            into[++n] = substr(rest, 2, index(substr(rest, 2), "'") - 1)
        } else {
            match(rest, /^[^ ']+/)
            if (RLENGTH < 1) return -1
            into[++n] = substr(rest, 1, RLENGTH)
            if (substr(rest, RLENGTH + 1, 1) == "'") return -1
            rest = substr(rest, RLENGTH + 1)
            continue
        }
        sub(/^'[^']*'/, "", rest)
    }
    return n
}
function supplied(name,   u) {
    for (u in usage) { is_certificate[name "-" u "-old"]; is_certificate[name "-" u "-new"] }
}
function refers(i, section, name, what) {
    if (!((section "/" name) in begun)) wrong(f_line[i], f_key[i], "there is no " what " \"" name "\"")
}
function in_list(i, list, known, what,   n, j, part) {
    n = split(list, part, /[ ,]/)
    for (j = 1; j <= n; j++) {
        sub(/:.*/, "", part[j])
        if (!(part[j] in known)) wrong(f_line[i], f_key[i], "there is no " what " \"" part[j] "\"")
    }
}
# Those who have to sign are in the role.
function can_sign(i,   who, n, need, w) {
    who = of["Role/" of[f_section[i] "/" f_name[i], "Role"], "People"]
    n = split(who, w, " ")
    need = of[f_section[i] "/" f_name[i], "Need"]
    if (need == "") need = who ~ /pma-/ ? 3 : who ~ /custodian-/ ? 2 : 1
    if (who != "" && n < need) wrong(f_line[i], f_key[i], need " have to sign, and the role has " n)
}
END {
    leave()
    if (NR_first == "") { wrong(NR, "[Scenario]", "missing"); exit 1 }
    if (n_steps == 0) wrong(NR, "[Step \"...\"]", "there is none")
    # what can be signed and handed in: decisions, their activations
    for (i = 1; i <= count; i++) {
        if (f_section[i] == "Decision") { paper[f_name[i]]; paper[f_name[i] "-key"] }
        if (f_key[i] == "Do" && split(f_value[i], w, " ") == 3 && w[1] == "activation") paper[w[3]]
        if (f_key[i] == "Do" && w[1] == "open") is_incident[w[2]]
        of[f_section[i] "/" f_name[i], f_key[i]] = f_value[i]
        if (f_section[i] == "Certificate") is_certificate[f_name[i]]
        if (f_section[i] == "Supplier") supplied(f_name[i])
    }
    supplied("supplier")
    for (i = 1; i <= count; i++) {
        s = f_section[i]; k = f_key[i]; v = f_value[i]
        if (s == "Step" && k == "Role") refers(i, "Role", v, "[Role]")
        if (s == "Step" && k == "Vote") refers(i, "Decision", v, "[Decision]")
        if (s == "Step" && k == "Sign" && !(v in paper)) wrong(f_line[i], k, "there is no document \"" v "\" to sign")
        if (s == "Step" && (k == "Otherwise" || k == "Then") && v != "end") refers(i, "Step", v, "[Step]")
        if (s == "Inject" && k == "To" && v != "room") refers(i, "Role", v, "[Role]")
        if (s == "Step" && k == "Expect" && !(v in is_state)) wrong(f_line[i], k, "\"" v "\" is no state of an incident")
        if (s == "Step" && k == "Refuses" && !(v in is_rule)) wrong(f_line[i], k, "\"" v "\" is no rule")
        if ((s == "Devices" || s == "Decision") && k == "Supplier" && v != "supplier") refers(i, "Supplier", v, "[Supplier]")
        if (s == "Decision" && k == "Supersedes") refers(i, "Decision", v, "[Decision]")
        if (k == "People") in_list(i, v, is_person, "person")
        if (k == "Types") in_list(i, v, is_type, "type of device")
        if (s == "Decision" && (k == "Bad" || k == "New")) { sub(/^[^ ]+ /, "", v); in_list(i, v, is_certificate, "certificate") }
        if (s == "Step" && k == "Sign") can_sign(i)
        if (s == "Step" && (k == "Vote" || k == "Sign") && ((s "/" f_name[i], "Do") in seen || (k == "Sign" && (s "/" f_name[i], "Vote") in seen)))
            wrong(f_line[i], k, "a step is one of Do=, Vote= and Sign=")
        if (k == "Do") {
            delete w
            n = split_words(v, w)
            if (n < 0) wrong(f_line[i], k, "a quotation does not end")
            else if (!(w[1] in is_action)) wrong(f_line[i], k, "\"" w[1] "\" is no action")
            else if (n - 1 < least[w[1]] || n - 1 > most[w[1]]) wrong(f_line[i], k, "\"" w[1] "\" has " least[w[1]] (most[w[1]] == least[w[1]] ? "" : most[w[1]] == 99 ? " or more" : " to " most[w[1]]) " words behind it, not " n - 1)
            else if (w[1] == "event" && !(w[2] in is_event)) wrong(f_line[i], k, "\"" w[2] "\" is no event")
            else if (w[1] == "draft" || w[1] == "activation") refers(i, "Decision", w[2], "[Decision]")
            else if (w[1] == "submit" && !(w[2] in paper)) wrong(f_line[i], k, "there is no document \"" w[2] "\" to hand in")
            else if ((w[1] == "devices" || w[1] == "send" || w[1] == "own-key") && w[2] !~ /-/) refers(i, "Devices", w[2], "[Devices]")
            else if ((w[1] == "notify" || w[1] == "progress") && w[3] !~ /-/) refers(i, "Devices", w[3], "[Devices]")
            else if (w[1] == "certificates") for (j = 2; j <= n; j++) in_list(i, w[j], is_certificate, "certificate")
            else if (w[1] == "incident" && !(w[2] in is_incident)) wrong(f_line[i], k, "no step opens an incident \"" w[2] "\"")
            else if (w[1] == "await" && !(w[2] in is_state)) wrong(f_line[i], k, "\"" w[2] "\" is no state of an incident")
        }
    }
    for (id in begun)
        if (id ~ /^Inject\// && !((id, "At") in seen) && !((id, "By") in seen)) wrong(begun[id], "At", "missing in [Inject]: At=MINUTES or By=hand")
    exit bad
}
