-- A phone for each model that a profile is claimed for, with the longest serial number of them: what a
-- change of the profile's URLs or delivery is checked against.
-- caller: portal-api worker, PATCH /v1/profiles/{id}
-- role: firstring_portal
-- $1 profile_id uuid
-- -> mac macaddr
-- -> model text
-- -> format text
-- -> serial_number text
-- -> admin_user text
-- rows: one for each model, 100 at most
-- plan: reads all claims of the tenant, once: a second for 200,000
select p.mac, p.model, m.format, substr(p.serial, 4) as serial_number, m.admin_user
from (
  select d.model, min(d.mac::text)::macaddr as mac,
    max(lpad(length(d.serial_number)::text, 3, '0') || d.serial_number) as serial
  from firstring.claim c
  join firstring.device d on d.mac = c.mac
  where c.profile_id = $1::uuid and c.state <> 'released'
  group by d.model
  limit 100) p
join firstring.device_model m on m.name = p.model;
