# What [Decision] says, laid over the completed draft. $d holds the certificates' digests; $wanted the section's fields;
# $symmetric the digest of the Symmetric Key, $review a month from now.
$wanted[0] as $w
| def pairs($name): [$w[$name][]? | capture("^(?<cell>[^ ]+) (?<certificate>.+)$")];
  def factors($name): [$w[$name][]? | capture("^(?<id>[^ ]+) (?<weight>[0-9]+) (?<value>.+)$") | .weight |= tonumber];
.id = $id | .outcome = $w.Outcome[0]
| if $w.Kind then .kind = $w.Kind[0] else . end
| if $w.By then .by = $w.By[0] else . end
| if $w.Bad then .compromised = (pairs("Bad") | map({cell, certificate: $d[.certificate], certainty: "actual", cause: "exposed"})) else . end
| if $w.New then .replacements = (pairs("New") | map({cell, certificate: $d[.certificate], key_origin: "separate"})) else . end
| if $w.Cause then .compromised[].cause = $w.Cause[0] else . end
| if $w.Origin then .replacements[].key_origin = $w.Origin[0] else . end
| if $w.Types then .device_types = ($w.Types[0] | split(" ")) else . end
| if $w.Shall then .guidance.shall = factors("Shall") else . end
| if $w.May then .guidance.may = factors("May") else . end
| if $before != "" then .supersedes = $before else . end
| reduce ($w.Set[]? | capture("^(?<name>[^ ]+) (?<value>.+)$")) as $s (.;
    .[$s.name] = if $s.name == "key_certificate" then $d[$s.value]
      elif $s.value == "@symmetric" then $symmetric
      elif $s.name == "review" then $review else $s.value end)
| if .kind == "instruction" then del(.conflicts, .meeting, .guidance, .residual_risk, .conditions, .initiator) else . end
| .attempts = 2
