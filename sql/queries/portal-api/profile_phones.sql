-- One phone of each model that a profile is claimed for, the one with the longest serial number: what
-- a change of the profile is checked against.
-- caller: portal-api worker, PATCH /v1/profiles/{id}
-- role: firstring_portal
-- $1 profile_id uuid
-- -> mac macaddr
-- -> model text
-- -> format text
-- -> serial_number text
-- -> admin_user text
-- rows: one for each model, 100 at most
-- plan: index scan of claim_profile_idx, a sort of the profile's claims
select distinct on (d.model) d.mac, d.model, m.format, d.serial_number, m.admin_user
from firstring.claim c
join firstring.device d on d.mac = c.mac
join firstring.device_model m on m.name = d.model
where c.profile_id = $1::uuid and c.state <> 'released'
order by d.model, length(d.serial_number) desc
limit 100;
