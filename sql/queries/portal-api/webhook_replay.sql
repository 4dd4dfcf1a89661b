-- Sets a webhook's position: to a cursor's place, or before the first event since a time.
-- caller: portal-api worker, POST /v1/webhooks/{id}/replay
-- role: firstring_portal
-- $1 webhook_id uuid
-- $2 to_xid bigint
-- $3 to_seq bigint
-- $4 since timestamptz: null: by position
-- $5 actor_kind text
-- $6 actor_id text
-- $7 source_ip inet
-- $8 request_id text
-- -> outcome text: replayed, nothing_to_replay, not_found
-- rows: 1
-- plan: lookup by primary key; by time, device_event_feed_idx up to the first event that is young enough
select outcome from firstring.webhook_replay($1::uuid, $2::bigint, $3::bigint, $4::timestamptz, $5::text, $6::text, $7::inet,
  $8::text);
