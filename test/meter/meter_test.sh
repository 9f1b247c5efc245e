#!/bin/sh
# SPDX-License-Identifier: MIT
#
# meter_test.sh METER PKI FORGE - the simulated meters, tried on commands made with software
# keys of a throw-away PKI. Everything happens in a temporary folder; output is TAP.
set -eu

absolute() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
    esac
}

meter=$(absolute "$1")
pki=$(absolute "$2")
forge=$(absolute "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
now=2026-06-01T00:00:00Z
n=0

# check SENTENCE COMMAND... - one test
check() {
    what=$1
    shift
    n=$((n + 1))
    if "$@" >out.new 2>err.new; then
        echo "ok $n - $what"
    else
        echo "not ok $n - $what"
        sed 's/^/# /' out.new err.new
    fi
    # A test may look at what the one before it printed.
    [ ! -s out.new ] || mv out.new out
    [ ! -s err.new ] || mv err.new err
}

# status WANT COMMAND... - the command ends with that exit status
status() {
    want=$1
    shift
    got=0
    "$@" || got=$?
    [ "$got" -eq "$want" ]
}

has() {
    grep -q -e "$1" "$2"
}

count() {
    [ "$(grep -c -e "$2" "$3")" -eq "$1" ]
}

same() {
    cmp "$1" "$2"
}

init() { # STATE OPTION...
    state=$1
    shift
    "$meter" init --state "$state" --cell root=pki/root.pem \
        --cell recovery-ds=pki/old-recovery-ds.pem \
        --cell supplier-ds=pki/old-supplier-ds.pem \
        --cell supplier-ka=pki/old-supplier-ka.pem \
        --cell supplier-pp=pki/old-supplier-pp.pem \
        --cell network-ds=pki/old-network-ds.pem \
        --cell network-ka=pki/old-network-ka.pem \
        --cell acb-ds=pki/old-acb-ds.pem --cell acb-ka=pki/old-acb-ka.pem \
        --cell tcos-ds=pki/old-tcos-ds.pem --cell wan-ds=pki/old-wan-ds.pem "$@"
}

point() { # STATE EUI - key agreement point of a device
    sed -n "s/^$2,[^,]*,[^,]*,\([0-9A-F]*\),.*/\1/p" "$1/roster.csv"
}

run() { # STATE COMMANDS OPTION...
    state=$1
    commands=$2
    shift 2
    "$meter" run --state "$state" --commands "$commands" --responses answers --log log \
        --now "$now" "$@"
}

pass() { # STATE OPTION... - time passes, no command comes
    state=$1
    shift
    "$meter" run --state "$state" --responses answers --log log "$@"
}

# EUI-64 of a role in the throw-away PKI, set 0
recovery=90B3D51F30010000
supplier=90B3D51F30020000
network=90B3D51F30030000
broker=90B3D51F30040000
tcos=90B3D51F30050000
wan=90B3D51F30060000
esme=00DB123400000000
gsme=00DB123400000001
hub=00DB123400000002

recover() { # DEVICE COUNTER FILE OPTION... - mode 8, cells by options
    device=$1
    counter=$2
    file=$3
    shift 3
    "$forge" --mode 8 --target "$device" --originator $recovery --counter "$counter" \
        --signer pki/old-recovery-ds.key.pem --path pki/issuing.pem --out "$file" "$@"
}

by_party() { # MODE DEVICE ORIGINATOR SIGNER_CELL FILE OPTION... - with the broker's MAC
    mode=$1
    device=$2
    originator=$3
    signer=$4
    file=$5
    shift 5
    "$forge" --mode "$mode" --target "$device" --originator "$originator" --counter 1000 \
        --signer "pki/old-$signer.key.pem" --path pki/issuing.pem \
        --broker pki/old-acb-ka.key.pem --device "$(point all "$device")" \
        --out "$file" "$@"
}

eight="--cell recovery-ds=pki/new-recovery-ds.pem --cell supplier-ds=pki/new-supplier-ds.pem
 --cell supplier-ka=pki/new-supplier-ka.pem --cell supplier-pp=pki/new-supplier-pp.pem
 --cell network-ds=pki/new-network-ds.pem --cell network-ka=pki/new-network-ka.pem
 --cell acb-ka=pki/new-acb-ka.pem --cell tcos-ds=pki/new-tcos-ds.pem"
floors="--floor 0 --other supplier=0:0 --other network=0 --other acb=0 --other tcos=0"

check "a throw-away PKI is made" "$pki" pki

# --- making meters

check "meters of every type are made" init all --devices 6 --keys \
    --mix ESME:1,GSME:1,CHF:1,GPF:1,HCALCS:1,PPMID:1
check "the roster names its columns" has '^device,type,status,ka,ds$' all/roster.csv
check "the roster has a row for each meter with two compressed points" \
    count 6 '^[0-9A-F]\{16\},[A-Z]*,commissioned,0[23][0-9A-F]\{64\},0[23][0-9A-F]\{64\}$' \
    all/roster.csv
check "the roster ascends" sh -c "sed 1d all/roster.csv | LC_ALL=C sort -c -u -t , -k 1,1"
check "without --keys the roster has three columns" init few --devices 2
check "its header says so" has '^device,type,status$' few/roster.csv
check "a cell that a device type holds must be given" status 2 \
    "$meter" init --state none --devices 1 --cell root=pki/root.pem
check "a certificate of the wrong key usage is not put into a cell" status 2 \
    init none --devices 1 --cell tcos-ds=pki/old-acb-ka.pem

# --- recovery

mkdir good
# shellcheck disable=SC2086 # word splitting is the point
recover $esme 100 good/esme.bin $eight $floors --disapply
recover $gsme 100 good/gsme.bin --cell supplier-ds=pki/new-supplier-ds.pem \
    --cell supplier-ka=pki/new-supplier-ka.pem --floor 500 --other supplier=7:8
init rec --devices 2 >/dev/null
cp rec/meters.state before
check "judging accepts a good recovery command" "$meter" judge --state rec --now $now \
    good/esme.bin good/gsme.bin
check "and names a status for every cell" count 10 'status   0' out
check "judging as JSON gives one object a file" \
    "$meter" judge --json --state rec --now $now good/esme.bin good/gsme.bin
check "each with its verdict" count 2 '"verdict":"accepted","reason":"accepted"' out
check "judging changes nothing" same rec/meters.state before
check "a recovery runs" run rec good --json
check "and its summary counts" has '"accepted":2,"partly":0,"refused":0' out
check "every cell was replaced" count 10 '":0[,}]' /dev/stdin <<END
$(grep -o '"[a-z-]*":0[,}]' log | grep -v answers)
END
check "each meter answers once, in hexadecimal" count 2 '^DF0902[0-9A-F]*$' answers
check "with counter, own identifier, originator, date-time and code" has \
    "^DF0902000000000000006408${esme}08${recovery}0C07DF0101FF000000008000FF02010882" answers
check "the authorising role's floor comes first, then the others" has \
    3006020101020100301002010202010030083006020100020100300602010302 answers
check "floors become the counters held" has \
    ' 0 1,2,[0-9,]* 0,500,7,0,0,0,0,8 -$' rec/meters.state
check "the same commands again are refused" status 3 run rec good
check "because their counters are used up" count 1 counter-not-higher log
recover $esme 101 other.bin --cell supplier-ds=pki/old-supplier-ds.pem
check "the old recovery key has lost its power" status 3 "$meter" judge --state rec \
    --now $now other.bin
check "and the reason is the signature" has '(signature)' out

# --- the other modes

mkdir modes
by_party 2 $esme $supplier supplier-ds modes/2.bin --floor 0 --topup 0 \
    --cell supplier-ds=pki/new-supplier-ds.pem --cell supplier-ka=pki/new-supplier-ka.pem \
    --cell supplier-pp=pki/new-supplier-pp.pem
by_party 3 $esme $network network-ds modes/3.bin --floor 0 \
    --cell network-ds=pki/new-network-ds.pem --cell network-ka=pki/new-network-ka.pem
by_party 5 $hub $wan wan-ds modes/5.bin --cell wan-ds=pki/new-wan-ds.pem
by_party 6 $gsme $tcos tcos-ds modes/6.bin --cell tcos-ds=pki/new-tcos-ds.pem
by_party 7 00DB123400000003 $tcos tcos-ds modes/7.bin --other supplier=3:4 \
    --cell supplier-ds=pki/new-supplier-ds.pem --cell supplier-pp=pki/new-supplier-pp.pem
"$forge" --mode 4 --target $gsme --originator $broker --counter 1000 \
    --path pki/issuing.pem --broker pki/old-acb-ka.key.pem --device "$(point all $gsme)" \
    --cell acb-ka=pki/new-acb-ka.pem --out modes/9-broker.bin
"$forge" --mode 4 --target 00DB123400000005 --originator $broker --counter 1000 \
    --path pki/issuing.pem --broker pki/old-acb-ka.key.pem \
    --device "$(point all 00DB123400000005)" \
    --cell acb-ka=pki/new-acb-ka.pem --out 4.bin
by_party 4 $hub $broker acb-ds hub.bin --authority acb-ds \
    --cell acb-ds=pki/new-acb-ds.pem --cell acb-ka=pki/new-acb-ka.pem
by_party 0 $esme $supplier supplier-ds root.bin --cell root=pki/root2.pem \
    --path pki/root-link.pem
cp -r all before-modes
for mode in 2 3 5 6 7; do
    check "mode $mode is accepted with signature and MAC" "$meter" judge --state all \
        --now $now "modes/$mode.bin"
done
check "mode 4 is accepted with a MAC alone" "$meter" judge --state all --now $now 4.bin
check "mode 4 to a hub is accepted with signature and MAC" \
    "$meter" judge --state all --now $now hub.bin
check "mode 0 puts in a root that the present one vouches for" \
    "$meter" judge --state all --now $now root.bin
check "all modes run from a folder" run all modes
check "each meter took its counter" count 6 '"verdict":"accepted","reason":"executed"' log
cp answers from-folder

# --- archives

cp -r before-modes archive
check "the same commands run from a tar archive" \
    sh -c "tar -cf modes.tar --format=ustar modes/*.bin &&
    '$meter' run --state archive --commands modes.tar --responses a1 --log l1 --now $now"
check "and leave the same state" same archive/meters.state all/meters.state
rm -rf archive && cp -r before-modes archive
check "and from a tar on standard input, pax headers and all" \
    sh -c "tar -cf - --format=pax modes/*.bin |
    '$meter' run --state archive --commands - --responses a2 --log l2 --now $now"
check "and leave the same state again" same archive/meters.state all/meters.state
for format in pax gnu; do
    rm -rf archive && cp -r before-modes archive
    long=$(printf '%0120d' 0)
    check "long names in a $format archive are not passed over" \
        sh -c "tar -cf - --format=$format --transform 's,^modes,$long/modes,' modes/*.bin |
        '$meter' run --state archive --commands - --responses a2 --log l2 --now $now"
    check "and name the files in the log" count 6 "\"file\":\"$long/modes/" l2
done
check "an archive cut off is not obeyed in part" status 2 \
    sh -c "head -c 3000 modes.tar | '$meter' run --state before-modes --commands - \
    --responses a3 --log l3 --now $now"
check "and changes no meter" status 1 grep -q ' 1000' before-modes/meters.state

# --- contingency and roots

init con --devices 2 >/dev/null
symmetric=$(cat pki/contingency.hex)
mkdir nine
"$forge" --mode 9 --target $esme --originator 70B3D51F300017FF --counter 1 \
    --signer pki/contingency.key.pem --symmetric "$symmetric" --floor 0 \
    --path pki/issuing2.pem --cell root=pki/root2.pem \
    --cell recovery-ds=pki/next-recovery-ds.pem \
    --cell supplier-ds=pki/next-supplier-ds.pem --out nine/esme.bin
"$forge" --mode 9 --target $gsme --originator 70B3D51F300017FF --counter 1 \
    --signer pki/contingency2.key.pem --symmetric "$symmetric" \
    --path pki/issuing2.pem --cell root=pki/root2.pem --out other.bin
cp nine/esme.bin nine.bin
check "mode 9 by another key than the wrapped one is refused" status 3 \
    "$meter" judge --state con --now $now other.bin
check "mode 9 unwraps the contingency key and puts in a new root" run con nine
check "with the cells below it" has \
    '"cells":{"root":0,"recovery-ds":0,"supplier-ds":0}' log
check "the answer names the root without identifier" has \
    300702010003020204.*0A010004080000000000000000 answers
"$forge" --mode 8 --target $esme --originator 90B3D51F30010200 --counter 9 \
    --signer pki/next-recovery-ds.key.pem --path pki/issuing2.pem \
    --cell supplier-ka=pki/next-supplier-ka.pem --out after.bin
check "the recovery key under the new root is obeyed" \
    "$meter" judge --state con --now $now after.bin
recover $gsme 5 other.bin --cell root=pki/root2.pem
check "recovery may not bring a foreign root" "$meter" judge --state con --now $now other.bin
check "the root cell says so" has 'root *status  10' out
recover $gsme 5 other.bin --cell root=pki/root2.pem --path pki/root-link.pem \
    --path pki/issuing2.pem --cell supplier-ds=pki/next-supplier-ds.pem
check "recovery may bring a root the present one vouches for" \
    "$meter" judge --state con --now $now other.bin
check "and certificates below it in the same command" count 2 'status   0' out

# --- later

init fut --devices 2 >/dev/null
mkdir future cancel
recover $esme 10 future/1.bin --cell supplier-ds=pki/new-supplier-ds.pem \
    --execute 2026-07-01T00:00:00Z
recover $gsme 10 future/2.bin --cell supplier-ds=pki/new-supplier-ds.pem \
    --cell network-ds=pki/new-network-ds.pem --execute 2026-07-01T00:00:00Z
check "future-dated commands are accepted" run fut future
check "with commandAccepted and no more" count 2 '0201080430020500' answers
check "and wait" count 2 '"reason":"pending","cells":{}' log
check "their counters are used at once" status 3 run fut future
check "nothing happens a second before" pass fut --now 2026-06-30T23:59:59Z
check "no alert" count 0 . answers
cp -r fut took-back
check "at the hour they are executed" pass fut --now 2026-07-01T00:00:00Z
tr '\n' ' ' <out >summary
check "and counted" has ' 0 accepted.* 2 alerts raised' summary
check "alert 8F66 tells of success" has \
    "^DF0903000000000000000108${esme}08${recovery}00020 *0CB.*0203008F66180F32303236" answers
check "alert 8F67 tells of a cell that failed" has \
    "^DF0903000000000000000108${gsme}.*0203008F67" answers
check "the log says the same" has '"verdict":"partly","reason":"executed"' log
recover $esme 11 cancel/1.bin --cell supplier-ds=pki/new-supplier-ds.pem \
    --execute 9999-12-31T23:59:59Z
check "a command dated to the end of time takes back" run took-back cancel
check "and is answered with commandAccepted" has '"reason":"cancelled"' log
check "then only the other meter acts" pass took-back --now 2026-08-01T00:00:00Z
check "with one alert" count 1 '^DF0903' answers

# --- asking (CS02a)

mkdir ask
"$forge" --roles 0,1,2,3,6 --authority tcos-ds --target $gsme --originator $tcos \
    --counter 1705416979790 --signer pki/old-tcos-ds.key.pem --out ask/1.bin
"$forge" --roles 4 --authority acb-ka --target $esme --originator $broker --counter 50 \
    --broker pki/old-acb-ka.key.pem --device "$(point before-modes $esme)" --out ask/2.bin
init asked --devices 2 >/dev/null
check "a party with a signing cell may ask what the cells hold" run asked ask
check "it gets a signed answer without date-time" has \
    "^DF09020000018D12C5F54E08${gsme}08${tcos}00020008" answers
check "a role not held has status 25 and no more" has 30060201030A0119 answers
check "the root reports eight zero octets" has \
    0201000A0100301A30180302020404080000000000000000 answers
check "the access control broker gets its answer with a MAC" has \
    '^DD000000000000[0-9A-F]*1100000000DF0902' answers
recover $esme 5 other.bin --cell supplier-ds=pki/new-supplier-ds.pem
check "asking uses up no other role's counter" "$meter" judge --state asked --now $now \
    other.bin

# --- what somebody else does to a meter

holds() { # STATE DEVICE CELL PEM - that certificate, by its digest, its key and its party
    digest=$(openssl x509 -in "$4" -outform DER | openssl dgst -sha256 | sed 's/.*= *//')
    key=$(openssl x509 -in "$4" -noout -ext subjectKeyIdentifier | sed -n 's/://g;s/^ *\([0-9A-F]\{16\}\)$/\1/p')
    "$meter" cells --state "$1" | grep "^{\"device\":\"$2\"" |
        grep -q "\"$3\":{\"party\":\"$5\",\"key\":\"$key\",\"certificate\":\"$digest\"}"
}
key_in() { # STATE DEVICE CELL
    "$meter" cells --state "$1" | sed -n "s/^{\"device\":\"$2\".*\"$3\":{\"party\":\"$supplier\",\"key\":\"\([0-9A-F]*\)\".*/\1/p"
}
init chg --devices 3 --mix ESME:2,GSME:1 --counter tcos=40 >/dev/null
other=90B3D51F30020100
twin=00DB123400000001
check "meters tell what they hold" "$meter" cells --state chg
check "a line for each" count 3 '^{"device":"[0-9A-F]\{16\}","type":"[EG]SME","pending":false,"counters":{"root":0,.*"tcos":40,.*},"cells":{' out
check "nine cells of electricity, seven of gas" test "$(grep -o party out | wc -l)" -eq 25
check "a cell by party, key and certificate" holds chg $esme supplier-ds pki/old-supplier-ds.pem $supplier
check "a meter changes its supplier" "$meter" change --state chg --mode 7 --responses moved \
    --cell supplier-ds=pki/new-supplier-ds.pem --cell supplier-ka=pki/new-supplier-ka.pem \
    --cell supplier-pp=pki/new-supplier-pp.pem $esme
for use in ds ka pp; do
    check "its cell supplier-$use is the other's" holds chg $esme supplier-$use pki/new-supplier-$use.pem $other
done
check "that of its twin is not" holds chg $twin supplier-ds pki/old-supplier-ds.pem $supplier
check "who transferred it is told, under the next counter" has \
    "^DF0902000000000000002908${esme}08${tcos}0C07DF0101FF000000008000FF020107" moved
check "three cells, who was there and who is there" test \
    "$(grep -o "0408${supplier}0408[0-9A-F]\{16\}0408${other}" moved | wc -l)" -eq 3
check "the counter is used" has "^$esme ESME 0 [0-9,]* 0,0,0,0,0,41,0,0 -\$" chg/meters.state
old_key=$(key_in chg $twin supplier-ds)
check "somebody places a key with the kept one" "$meter" change --state chg --mode 2 --responses misused \
    --unknown supplier-ds $twin
unknown=$(key_in chg $twin supplier-ds)
check "in the supplier's name, and it is none of the supplier's" test -n "$unknown" -a "$unknown" != "$old_key"
check "the supplier is told of it, signed, both keys named" has \
    "^DF0902.*08${twin}08${supplier}.*0408${supplier}0408${old_key}0408${supplier}0408${unknown}" misused
check "a change that nobody tells of" "$meter" change --state chg --cell supplier-ds=pki/new-supplier-ds.pem 00DB123400000002
check "uses up no counter" has "^00DB123400000002 GSME 0 [0-9,]* 0,0,0,0,0,40,0,0 -\$" chg/meters.state
# A question as the service hands it to the party that asks: no counter, no signature field.
mkdir queries
for device in $esme $twin; do
    "$forge" --roles 2 --authority tcos-ds --target $device --originator $tcos --counter 0 --out whole.bin
    head -c -1 whole.bin >"queries/$device-0.bin"
done
check "a question without signature is no command" status 3 "$meter" judge --state chg --now $now queries/$esme-0.bin
check "the party puts it in, and meters that were sent nothing answer" run chg queries --signer pki/old-tcos-ds.key.pem
check "both" count 2 '"verdict":"accepted","reason":"details"' log
check "each by its next counter" has "^DF0902000000000000002A08${esme}" answers
check "one with the other supplier" test "$(grep "08${esme}08" answers | grep -o "0408$other" | wc -l)" -eq 3
check "one with the unknown key" has "08${twin}08.*0408${supplier}0408${unknown}" answers
check "another's signature gets no answer" status 3 run chg queries --signer pki/new-tcos-ds.key.pem
mkdir recovered
for device in $esme $twin; do
    recover $device 100 "recovered/$device.bin" --cell supplier-ds=pki/old-supplier-ds.pem
done
check "then they are recovered" run chg recovered
check "who had changed names the other supplier" has "08${esme}08${recovery}.*0408${other}0408[0-9A-F]*0408${supplier}0408${old_key}" answers
check "who was misused names the unknown key" has "08${twin}08${recovery}.*0408${supplier}0408${unknown}0408${supplier}0408${old_key}" answers
cp chg/meters.state before
check "a meter that is not there" status 2 "$meter" change --state chg --unknown supplier-ds $twin 00DB1234000000FF
check "a cell that it does not hold" status 2 "$meter" change --state chg --unknown network-ds 00DB123400000002
check "a cell that the mode does not replace" status 2 "$meter" change --state chg --mode 3 --unknown supplier-ds $twin
check "a mode that is the recovery's own" status 2 "$meter" change --state chg --mode 8 --unknown supplier-ds $twin
check "a certificate that does not fit" status 2 "$meter" change --state chg --cell supplier-ka=pki/new-supplier-ds.pem $twin
check "nothing to change" status 2 "$meter" change --state chg $twin
check "nobody to change" status 2 "$meter" change --state chg --unknown supplier-ds
check "and nothing was changed by these" same chg/meters.state before

# --- meters that misbehave

init bad --devices 60 --mix ESME:1 >/dev/null
mkdir many
i=0
while [ $i -lt 60 ]; do
    recover "$(printf '00DB1234%08X' $i)" 7 "$(printf 'many/%02d.bin' $i)" \
        --cell supplier-ds=pki/new-supplier-ds.pem \
        --cell supplier-ka=pki/new-supplier-ka.pem
    i=$((i + 1))
done
cp -r bad bad-again
check "faulty meters run" run bad many --unreachable 20 --cell-fail 20 --duplicate 20 \
    --late 20 --non-minimal 30 --wrong-counter 20 --seed 7
cp log log1
cp answers answers1
check "a meter out of reach sends nothing and changes nothing" \
    sh -c "grep -q '\"verdict\":\"unreachable\".*\"answers\":0' log1 &&
    [ \$(grep -c '^00DB[0-9A-F]* ESME\$' bad/meters.state) -eq \
      \$(grep -c unreachable\\\",\\\"reason log1) ]"
check "a failing cell is named with its status" \
    has '"faults":\["cell-fail:supplier-[dk][sa]:[0-9]*"' log1
check "the log accounts for every answer" \
    sh -c "[ \$(sed 's/.*\"answers\":\([0-9]*\).*/\1/' log1 | awk '{ s += \$1 } END { print s }') \
    -eq \$(wc -l <answers1) ]"
check "long lengths are seen" has '3082[0-9A-F]*30820' answers1
check "a wrong counter is seen" has '^DF09020000000000000008' answers1
check "the same seed gives the same faults" run bad-again many --unreachable 20 \
    --cell-fail 20 --duplicate 20 --late 20 --non-minimal 30 --wrong-counter 20 --seed 7
check "to the octet of the log" same log log1
check "and of the state" same bad/meters.state bad-again/meters.state
rm -rf bad-again
init bad-again --devices 60 --mix ESME:1 >/dev/null
check "late answers come after all others" run bad-again many --late 30 --seed 3
check "in the order of the file" sh -c "
    grep -o '\"device\":\"[0-9A-F]*\".*' log | grep -v late | cut -c11-26 >order
    grep -o '\"device\":\"[0-9A-F]*\".*' log | grep late | cut -c11-26 >>order
    cut -c25-40 answers | cmp - order"

# --- mutations

all_right() {
    "$meter" mutate --now $now "$@" >out2 || { cat out2; return 1; }
    grep -v ' ok$' out2
    # kind and reason of each that counts: controls stand in brackets
    sed -n '2,${/^(/d;s/ ok$//p;}' out2 | sed 's/^\(.\{50\}\) \(.\{26\}\).*/\1|\2/;s/ *|/|/;s/ *$//' >>kinds
    tail -n 1 out2 | {
        read -r made _ right _
        [ "$made" -ge 36 ] && [ "$made" -eq "$right" ]
    }
}

init mut --devices 6 --mix ESME:1,GSME:1,CHF:1,GPF:1,HCALCS:1,PPMID:1 --keys >/dev/null
check "spoiled recovery commands are refused for the right reasons" all_right \
    --state mut --signer pki/old-recovery-ds.key.pem --issuer pki/issuing.pem \
    --issuer-key pki/issuing.key.pem good/esme.bin
check "also without the true keys at hand" all_right --state mut good/esme.bin
for mode in 2 3 5 6 7; do
    check "spoiled commands of mode $mode are refused for the right reasons" all_right \
        --state mut --issuer pki/issuing.pem --issuer-key pki/issuing.key.pem \
        "modes/$mode.bin"
done
check "spoiled commands of mode 4 are refused for the right reasons" all_right \
    --state mut --issuer pki/issuing.pem --issuer-key pki/issuing.key.pem 4.bin
check "spoiled contingency commands are refused for the right reasons" all_right \
    --state mut --signer pki/contingency.key.pem --issuer pki/issuing2.pem \
    --issuer-key pki/issuing2.key.pem nine.bin
check "another signer's key is turned away" status 2 "$meter" mutate --state mut \
    --now $now --signer pki/new-recovery-ds.key.pem good/esme.bin
# A kind is counted once, on however many commands it was tried.
sort -u kinds >each_kind
different() {
    cut -d '|' -f "$1" each_kind | sort -u | wc -l
}
check "at least 30 kinds of spoiled command are refused" test "$(different 1)" -ge 30
echo "# $(different 1) kinds, $(different 2) reasons," \
    "$(wc -l <kinds) commands refused for the right one"

# --- wrong use

check "help is help" "$meter" --help
check "an unknown verb is wrong use" status 2 "$meter" frob
check "an unknown option is wrong use" status 2 "$meter" judge --frob
check "a percentage beyond 100 is wrong use" status 2 run mut modes --late 101
check "a state that is none is named with its line" status 2 \
    sh -c "mkdir -p broken && cp mut/meters.certs broken && head -n 3 mut/meters.state \
    >broken/meters.state && echo junk >>broken/meters.state &&
    exec '$meter' judge --state broken x.bin"
check "file and line" has 'broken/meters.state:4:' err
check "vectors that are not there are skipped" status 77 "$meter" selfcheck --vectors nowhere
check "a variable says where they are" status 77 env SMKI_VECTORS=nowhere-else "$meter" selfcheck
check "and is named" has 'nowhere-else' err

echo "1..$n"
