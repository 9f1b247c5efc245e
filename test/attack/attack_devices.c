/* SPDX-License-Identifier: MIT
 *
 * Rosters other than the one decided, and rows that nobody may sign.
 */
#include "attack.h"

#include <string.h>
#include <unistd.h>

#define HEAD "device,type,status\n"
#define ROW0 "00DB1234567890A0,ESME,commissioned\n"
#define ROW1 "00DB1234567890A1,GSME,commissioned\n"
#define ROW2 "00DB1234567890A2,ESME,commissioned\n"

/* Handed in instead of the roster that was decided. */
static void instead(struct stage *s, const char *text)
{
    s->given[PROTO_PART_ROSTER] = span_of(text, strlen(text));
    stage_attempt(s);
}

static void longer(struct stage *s)
{
    s->rows[STAGE_ROWS] = STAGE_ROWS;
    s->n_rows = STAGE_ROWS + 1;
    instead(s, HEAD ROW0 ROW1 ROW2 "00DB1234567890A3,ESME,commissioned\n");
}

static void shorter(struct stage *s)
{
    s->n_rows = 2;
    instead(s, HEAD ROW0 ROW1);
}

static void reordered(struct stage *s)
{
    instead(s, HEAD ROW1 ROW0 ROW2);
}

static void one_device(struct stage *s)
{
    instead(s, HEAD ROW0 ROW1 "00DB1234567890A9,ESME,commissioned\n");
}

static void others(struct stage *s)
{
    instead(s, HEAD "00DB1234567890B0,ESME,commissioned\n"
                    "00DB1234567890B1,GSME,commissioned\n"
                    "00DB1234567890B2,ESME,commissioned\n");
}

static void one_column(struct stage *s)
{
    instead(s, "device,type,status,cells\n"
               "00DB1234567890A0,ESME,commissioned,supplier-ds\n"
               "00DB1234567890A1,GSME,commissioned,\n"
               "00DB1234567890A2,ESME,commissioned,\n");
}

static void twice(struct stage *s)
{
    instead(s, HEAD ROW0 ROW0 ROW2);
}

static void no_newline(struct stage *s)
{
    instead(s, HEAD ROW0 ROW1 "00DB1234567890A2,ESME,commissioned");
}

static void count_lower(struct stage *s)
{
    stage_set(s, "roster.count", json_integer(2));
    stage_sign(s);
    stage_attempt(s);
}

/* --- decided so, and still not to be signed; the last row is the bad one --- */

static void decided(struct stage *s, const char *text, uint32_t row)
{
    scene_roster(&s->sc, text);
    stage_sign(s);
    s->rows[0] = row;
    s->n_rows = 1;
    stage_attempt(s);
}

static void ppmid(struct stage *s)
{
    stage_set(s, "device_types", json_pack("[sss]", "ESME", "GSME", "PPMID"));
    decided(s, HEAD ROW0 ROW1 "00DB1234567890A2,PPMID,commissioned\n", 2);
}

static void ppmid_unnamed(struct stage *s)
{
    decided(s, HEAD ROW0 ROW1 "00DB1234567890A2,PPMID,commissioned\n", 2);
}

/* A roster that our own tools would not write. */
static void type2(struct stage *s)
{
    static const char text[] = HEAD ROW0 ROW1 "00DB1234567890A2,IHD,commissioned\n";
    struct digest d = digest_of(span_of(text, sizeof text - 1), span_of(NULL, 0));
    char hex[HEX_LEN(32)];

    hex_encode_lower(d.b, 32, hex);
    stage_set(s, "roster.sha256", json_string(hex));
    stage_sign(s);
    s->rows[0] = 2;
    s->n_rows = 1;
    instead(s, text);
}

static void type2_named(struct stage *s)
{
    stage_set(s, "device_types", json_pack("[sss]", "ESME", "GSME", "IHD"));
    stage_sign(s);
    stage_attempt(s);
}

static void other_type(struct stage *s)
{
    decided(s, HEAD ROW0 ROW1 "00DB1234567890A2,GPF,commissioned\n", 2);
}

/* It holds neither of the cells that the decision replaces. */
static void no_cell(struct stage *s)
{
    stage_set(s, "device_types", json_pack("[sss]", "ESME", "GSME", "CHF"));
    decided(s, HEAD ROW0 ROW1 "00DB1234567890A2,CHF,commissioned\n", 2);
}

static void suspended(struct stage *s)
{
    decided(s, HEAD ROW0 ROW1 "00DB1234567890A2,ESME,decommissioned\n", 2);
}

static void pending(struct stage *s)
{
    decided(s, HEAD ROW0 ROW1 "00DB1234567890A2,ESME,pending\n", 2);
}

static void none_commissioned(struct stage *s)
{
    decided(s, HEAD "00DB1234567890A0,ESME,pending\n", 0);
}

static void other_cell(struct stage *s)
{
    decided(s, "device,type,status,cells\n00DB1234567890A0,ESME,commissioned,network-ds\n",
            0);
}

static void other_old(struct stage *s)
{
    decided(s,
            "device,type,status,old\n00DB1234567890A0,ESME,commissioned,4123456789ABCDEF\n",
            0);
}

/* --- parts that stay open to change --- */

static void unsealed(struct stage *s, enum proto_part p)
{
    s->unsealed = PROTO_PART_BIT(p);
    stage_attempt(s);
}

static void roster_open_to_change(struct stage *s)
{
    unsealed(s, PROTO_PART_ROSTER);
}

static void authority_open_to_change(struct stage *s)
{
    unsealed(s, PROTO_PART_AUTHORITY);
}

static void certificates_open_to_change(struct stage *s)
{
    unsealed(s, PROTO_PART_CERTIFICATES);
}

static void activation_open_to_change(struct stage *s)
{
    unsealed(s, PROTO_PART_ACTIVATION);
}

/* The check passes, and then the device is another one. */
static void changed_after(struct stage *s)
{
    s->unsealed = PROTO_PART_BIT(PROTO_PART_ROSTER);
    stage_start(s, 0);
    (void)stage_hello(s);
    (void)stage_open(s);
    if (pwrite(s->fds[PROTO_PART_ROSTER], "F", 1, sizeof HEAD - 1 + 15) != 1)
        abort();
    (void)stage_reserve(s, s->first, 10);
    (void)stage_order(s, s->first);
}

static void changed_sealed(struct stage *s)
{
    stage_ready(s);
    if (pwrite(s->fds[PROTO_PART_ROSTER], "F", 1, sizeof HEAD - 1 + 15) >= 0 ||
        ftruncate(s->fds[PROTO_PART_ROSTER], 4096) == 0)
        abort(); /* the kernel keeps the seal */
    s->rows[STAGE_ROWS] = STAGE_ROWS;
    s->n_rows = STAGE_ROWS + 1;
    (void)stage_order(s, s->first);
}

static void empty_part(struct stage *s)
{
    int fds[4];

    stage_start(s, 0);
    (void)stage_hello(s);
    for (int i = 0; i < 4; i++)
        fds[i] =
            stage_sealed(i == PROTO_PART_ROSTER ? (struct span){0} : s->given[i], true);
    memset(&s->in, 0, sizeof s->in);
    s->in.u.open.parts = 15;
    (void)stage_ask(s, PROTO_OPEN, fds, 4);
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
    (void)stage_reserve(s, s->first, 10);
    (void)stage_order(s, s->first);
}

static void socket_as_part(struct stage *s)
{
    int fds[4];

    stage_start(s, 0);
    (void)stage_hello(s);
    for (int i = 0; i < 4; i++)
        fds[i] = s->peers[0].sock;
    memset(&s->in, 0, sizeof s->in);
    s->in.u.open.parts = 15;
    (void)stage_ask(s, PROTO_OPEN, fds, 4);
    (void)stage_reserve(s, s->first, 10);
    (void)stage_order(s, s->first);
}

const struct attack attack_devices[] = {
    {"roster-longer", "one row more than decided", "decision.roster", longer},
    {"roster-shorter", "one row fewer", "decision.roster", shorter},
    {"roster-order", "rows in another order", "roster.order", reordered},
    {"roster-device", "one device changed", "decision.roster", one_device},
    {"roster-other", "another roster of the same count", "decision.roster", others},
    {"roster-cells", "the same devices, other cells", "decision.roster", one_column},
    {"roster-twice", "a device twice", "roster.duplicate", twice},
    {"roster-cut", "a roster cut short", "roster.row", no_newline},
    {"count-lower", "more devices than the decision counts", "decision.count", count_lower},
    {"ppmid", "a PPMID in a supplier's decision", "device.ppmid-key", ppmid},
    {"ppmid-unnamed", "a PPMID that is not named", "device.ppmid-key", ppmid_unnamed},
    {"type2", "a Type 2 device in the roster", "roster.type2", type2},
    {"type2-named", "Type 2 devices in the decision", "device.type2", type2_named},
    {"device-type", "a device of a type not named", "device.not-named", other_type},
    {"decommissioned", "a device that was decommissioned", "row.status", suspended},
    {"pending", "a device that was pending", "row.status", pending},
    {"no-device", "no device was commissioned", "device.status", none_commissioned},
    {"row-cell", "a cell of the network operator in a row", "row.cells", other_cell},
    {"row-no-cell", "a device that holds none of the cells", "row.no-cell", no_cell},
    {"row-old", "a device with another certificate", "row.old", other_old},
    {"roster-unsealed", "the roster not sealed", "signer.not-sealed",
     roster_open_to_change},
    {"authority-unsealed", "the authority not sealed", "signer.not-sealed",
     authority_open_to_change},
    {"certs-unsealed", "the certificates not sealed", "signer.not-sealed",
     certificates_open_to_change},
    {"activation-unsealed", "the activation not sealed", "signer.not-sealed",
     activation_open_to_change},
    {"changed-after", "the roster changed after it was checked", "signer.not-sealed",
     changed_after},
    {"changed-sealed", "the same, sealed; a row behind the last", "signer.row",
     changed_sealed},
    {"part-empty", "an empty roster", "signer.part-size", empty_part},
    {"part-socket", "the signer's own socket as documents", "signer.not-sealed",
     socket_as_part},
    {0},
};
