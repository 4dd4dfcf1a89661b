-- What stands in the way of a profile's removal; asked in the transaction that was refused.
-- caller: portal-api worker, DELETE /v1/profiles/{id}
-- role: firstring_portal
-- $1 profile_id uuid
-- -> kind text: claim, transfer
-- -> total bigint: 1001 is more than 1000
-- -> first text[]: three of them at most, by MAC
-- rows: 0..2
-- plan: index lookup of claim_profile_idx, 1001 rows at most
select kind, total, first from firstring.profile_dependents($1::uuid);
