-- Production orders to look at, the latest first.
-- caller: portal-api worker, GET /v1/admin/orders
-- role: firstring_admin
-- $1 before_id bigint: null is the first page
-- $2 limit bigint
-- -> id bigint
-- -> reference text
-- -> model text
-- -> first_mac macaddr
-- -> quantity integer
-- -> issued bigint
-- -> state text
-- -> opens_at timestamptz
-- -> closes_at timestamptz
-- -> stations text[]
-- -> created_at timestamptz
-- plan: index scan of production_order_pkey
select o.id, o.reference, o.model, o.first_mac, o.quantity,
  coalesce((select sum(c.issued) from firstring.production_order_count c where c.order_id = o.id),
    0)::bigint as issued,
  o.state, o.opens_at, o.closes_at, o.stations, o.created_at
from firstring.production_order o
where $1::bigint is null or o.id < $1::bigint
order by o.id desc
limit $2::bigint;
