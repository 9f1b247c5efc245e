# Pieces of a page of HTML that needs nothing else; packaging/page.css is how it looks. include "page";
def t: tostring | @html;
def tag($class; $word): "<span class=\"tag \($class)\">" + ($word | t) + "</span>";
# 1234567 as 1,234,567
def number: tostring | if test("^[0-9]{4,}$") then (.[:-3] | number) + "," + .[-3:] else . end;
def code: "<span class=\"code\">" + t + "</span>";
def soft: "<span class=\"soft\">" + t + "</span>";
def section($title; $body): "<section>\n<h2>" + ($title | t) + "</h2>\n" + $body + "\n</section>\n";
# A head that begins with "#" is of a column of numbers. Cells are HTML already.
def table($head; $rows): if $rows == [] then "<p>None.</p>" else
    ($head | map(startswith("#"))) as $number
    | "<table><thead><tr>" + ($head | map("<th scope=\"col\"" + (if startswith("#") then " class=\"n\">" + (.[1:] | t) else ">" + t end) + "</th>") | join(""))
    + "</tr></thead><tbody>\n" + ($rows | map(. as $row | "<tr>" + ([range($row | length) as $i | "<td" + (if $number[$i] then " class=\"n\">" else ">" end) + $row[$i] + "</td>"] | join("")) + "</tr>") | join("\n"))
    + "\n</tbody></table>" end;
# {name: number, ...} as the few figures that matter most.
def figures: "<dl class=\"figures\">" + ([to_entries[] | "<div><dt>" + (.key | t) + "</dt><dd>" + (.value | number | t) + "</dd></div>"] | join("")) + "</dl>\n";
def pairs: "<dl class=\"pairs\">" + ([.[] | select(.[1] != "") | "<dt>" + (.[0] | t) + "</dt><dd>" + .[1] + "</dd>"] | join("")) + "</dl>\n";
def write($lines): "<div class=\"write\">" + ("<i></i>" * $lines) + "</div>\n";
def clock: .[11:19];

# States of devices: how they are drawn, and in which order. As in daemon/ctl/page.c.
def states: [["success", "c-good", "replaced"], ["own", "c-own", "replaced by the supplier's own key"], ["partly", "c-part", "replaced in part"], ["accepted", "c-soon", "accepted, to take effect later"],
    ["sent", "c-sent", "commanded"], ["pending", "c-wait", "no answer yet"], ["untouched", "c-wait", "with nothing signed"], ["unreachable", "c-warn", "unreachable"],
    ["failed-alone", "c-alone", "its row could not be signed"], ["failed", "c-bad", "refused by the device"],
    ["excused", "c-done", "excused, with a reason"], ["unknown", "c-away", "unknown"]];
# parts: [{class, words, n}], all on one scale of $most.
def strip($name; $parts; $most; $behind): ([$most, 1] | max) as $most
    | "<div class=\"bar\"><span>" + ($name | t) + "</span><svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" data-full=\"\($most | number)\" aria-label=\""
    + ([$name, ($parts[] | "\(.n | number) \(.words)")] | join(", ") | t) + "\">"
    + (reduce $parts[] as $p ({at: 0, out: ""}; ($p.n / $most * 1000) as $w | .out += "<rect class=\"\($p.class)\" x=\"\(.at)\" width=\"\($w)\" y=\"0\" height=\"10\"/>" | .at += $w) | .out)
    + "</svg><span class=\"n\">" + ($behind | t) + "</span></div>\n";
# Of so many devices those without a state have not answered yet.
def parts: (if .devices then .pending = ((.pending // 0) + ([.devices - (del(.devices) | add // 0), 0] | max)) else . end) as $by | [states[] | . as [$name, $class, $words] | ($by[$name] // 0) as $n | select($n > 0) | {class: $class, words: $words, n: $n}];
def bar($name): parts as $p | ([$p[].n] | add // 0) as $all | strip($name; $p; $all; "\((.success // 0) + (.own // 0) | number) of \($all | number)");
def bar_key: "<ul class=\"key\">" + ([parts[] | "<li><i class=\"\(.class)\"></i>\(.n | number) " + (.words | t) + "</li>"] | join("")) + "</ul>\n";
# Of an incident's figures: all devices, those that the supplier has replaced with its own key among them (nobody says of
# which type they are); by type where commands were signed.
def by_state: (.by_state | add // 0) as $n | .by_state + {devices, own: ([.by_key.own // 0, .devices - $n] | min)} | if .own == 0 then del(.own) else . end;
def all_states: .commands_signed as $signed | by_state | (.devices - (del(.devices) | add // 0)) as $left | if ($signed // 0) == 0 and $left > 0 then .untouched = $left else . end;
# In the order of the service, others behind them.
def types: to_entries | sort_by(.key as $k | ["GSME", "ESME", "CHF", "GPF", "HCALCS", "PPMID"] | index($k) // 9);
def bars($title): if . == [] then "" else "<h4>" + $title + "</h4>\n" + ([.[] | .key as $k | .value | bar($k)] | join("")) end;
def progress: all_states as $all | ($all | bar("All devices"))
    + (if $all.own or $all.untouched then "" else (.by_type // {} | types | bars("By type")) + (.by_region // {} | to_entries | bars("By region")) end) + ($all | bar_key);
# Where devices get their commands one wave after the other.
def waves: if .waves == null then "" else .waves as $w
    | "<h4>In waves</h4>\n" + ([$w.waves[] | ([.signed - .released, 0] | max) as $ready | ([.rows - .released - $ready, 0] | max) as $left
        | strip(.wave; [{class: "c-sent", words: "on their way", n: .released}, {class: "c-soon", words: "signed, to leave", n: $ready},
            {class: "c-wait", words: "to be signed", n: $left} | select(.n > 0)]; .rows; "\(.released | number) of \(.rows | number)")] | join(""))
    + "<p class=\"soft\">" + ({running: "The plan is running", done: "Every wave has left", stopped: "The plan was stopped"}[$w.state] | t)
    + (if $w.reason == "" then "" else ": " + ($w.reason | t) end) + (if $w.state == "running" and $w.due then "; who is silent is asked again at " + ($w.due | clock) else "" end) + ".</p>\n" end;

# By type of device: what was commanded and answered, which cells hold another certificate than before.
def counts: to_entries | map("\(.value | number) \(.key)") | join(", ");
def evidence: [(map({key: .type, value: .}) | from_entries | types)[].value | . as $e | "<h3>" + (.type | t) + "</h3>\n"
    + (.states + {devices} | del(.sent) | bar("\($e.commanded | number) commanded") + bar_key)
    + ([.before | keys[] | select($e.before[.] != $e.after[.])] as $changed
      | if $changed == [] then "<p class=\"soft\">No cell holds anything else than before.</p>" else table(["Cell", "Before", "After, by the devices\u0027 own word"];
          [$changed[] | [code, ($e.before[.] | counts | t), ($e.after[.] | counts | t)]])
        + "<p class=\"soft\">Every other cell is as it was.</p>" end)] | join("\n");

# One page. $exercise: what is not as in life.
def page($title; $exercise; $css; $script; $body): "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"
    + ($title | t) + "</title>\n<style>\n" + $css + "</style>\n" + (if $script == "" then "" else "<script>\n" + $script + "</script>\n" end) + "</head>\n<body>\n<main>\n<p class=\"exercise\"><b>EXERCISE</b> Nothing of this is real. "
    + ($exercise | t) + "</p>\n" + $body + "</main>\n</body>\n</html>";
def sped($settings): if $settings == [] then "No window or wait was shortened." else "Not as in life: " + ([$settings[] | .key + "=" + .value + " (else " + .life + ")"] | join(", ")) + "." end;
def follow: "<p class=\"screen\"><label><input type=\"checkbox\" id=\"follow\"> Follow: shows the next step by itself</label></p>\n";
