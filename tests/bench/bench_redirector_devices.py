#!/usr/bin/env python3
"""First boots with ten million devices on record against ten thousand: the same phones boot, only the tables differ."""
import tempfile

from tests.bench.rounds import Bench, size
from tests.bench.storm import Fleet, Ours

DEVICES = size("DEVICES", 1000000)  # the goal is for 10,000,000, which takes ten minutes to fill
FEW = 10000
BOOTS = size("BOOTS", 4000)


def fill(ours, first, count):
    """Devices with a live certificate each, half of them claimed; no phone comes with them."""
    model = ours.model("json")
    ours.psql(f"""
        set session_replication_role = replica;
        insert into firstring.device (mac, serial_number, model, source)
          select lpad(to_hex(x'0a0000000000'::bigint + n), 12, '0')::macaddr, 'F' || n, '{model}', 'import'
          from generate_series({first}, {first + count - 1}) n;
        insert into firstring.certificate (fingerprint, mac)
          select sha256(('f' || n)::bytea), lpad(to_hex(x'0a0000000000'::bigint + n), 12, '0')::macaddr
          from generate_series({first}, {first + count - 1}) n;
        insert into firstring.claim (id, mac, itsp_id, profile_id, proof, sealed_password)
          select gen_random_uuid(), lpad(to_hex(x'0a0000000000'::bigint + n), 12, '0')::macaddr, '{ours.itsp}',
            '{ours.profile}', 'code', decode(repeat('00', 46), 'hex')
          from generate_series({first}, {first + count - 1}, 2) n;""")
    ours.psql("vacuum analyze firstring.device, firstring.certificate, firstring.claim")
    ours.psql("checkpoint")


def main():
    bench = Bench(__file__, "Many devices on record")
    with tempfile.TemporaryDirectory(prefix="firstring-fleet-", dir="/var/tmp") as folder:
        fleet = Fleet(folder, 2000)
        with Ours(fleet) as few, Ours(fleet) as many:
            fill(few, 0, FEW - 2000)
            fill(many, 0, DEVICES - 2000)
            for side in (few, many):
                side.boots(requests=2000)
            bench.rounds({"few": lambda: few.boots(requests=BOOTS), "many": lambda: many.boots(requests=BOOTS)})
            bench.goal("S6", bench.ratios("cpu_us", "many", "few"), f"{DEVICES:,} against {FEW:,} devices")
    bench.finish()


main()
