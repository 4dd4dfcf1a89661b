-- The phone that a preview is for: one of the tenant's own by its MAC, or any of a model.
-- caller: portal-api worker, POST /v1/profiles/preview
-- role: firstring_portal
-- $1 mac macaddr: null: a made-up one, of the model
-- $2 model text: null: of the own phone
-- -> mac macaddr: null unless it is an own phone, as is the serial number
-- -> serial_number text
-- -> model text
-- -> format text
-- -> admin_user text
-- rows: 0 or 1
-- plan: lookups by primary key, the claim's under row-level security
select c.mac, c.serial_number, m.name as model, m.format, m.admin_user
from firstring.device_model m
left join firstring.claim_document c on $2::text is null and c.mac = $1::macaddr
where m.name = coalesce($2::text, (select o.model from firstring.claim_document o where o.mac = $1::macaddr));
