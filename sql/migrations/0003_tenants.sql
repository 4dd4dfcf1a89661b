-- ITSPs, their people, tokens, domains and profiles.

create table itsp (
  id uuid primary key,
  name text not null unique check (name = btrim(name) and length(name) between 1 and 128),
  suspended boolean not null default false,
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp()
);
comment on table itsp is 'A tenant: a telephony provider. Suspended: its phones get the common 404.';

create table portal_user (
  id uuid primary key,
  itsp_id uuid references itsp (id),
  email text not null check (email = lower(email) and length(email) between 3 and 254),
  display_name text not null check (length(display_name) between 1 and 128),
  password_hash text,
  second_factor_sealed bytea,
  scopes text[] not null default '{}',
  state text not null default 'live' check (state in ('live', 'suspended')),
  created_at timestamptz not null default clock_timestamp()
);
comment on table portal_user is
  'A person who signs in. itsp_id null: of the manufacturer. password_hash is argon2id.';
create unique index portal_user_email_key on portal_user (email);
create index portal_user_itsp_idx on portal_user (itsp_id);

create table session (
  id_hash bytea primary key check (octet_length(id_hash) = 32),
  user_id uuid not null references portal_user (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  second_factor_at timestamptz,
  check (expires_at > created_at)
);
comment on table session is 'A browser''s sign-in, by the SHA-256 of its cookie.';
create index session_user_idx on session (user_id);
create index session_expires_idx on session (expires_at);

create table api_token (
  id uuid primary key,
  kind text not null check (kind in ('itsp', 'admin')),
  itsp_id uuid references itsp (id),
  name text not null check (name = btrim(name) and length(name) between 1 and 128),
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  scopes text[] not null check (cardinality(scopes) > 0),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  constraint kind_has_tenant check ((kind = 'itsp') = (itsp_id is not null)),
  constraint scopes_of_kind check (
    case kind
      when 'itsp' then scopes <@ array['claims:read', 'claims:write', 'claims:reveal',
        'profiles:write', 'events:read', 'tokens:write']
      else scopes <@ array['admin:read', 'admin:write']
    end)
);
comment on table api_token is 'A bearer token, by its SHA-256: a token has 128 bits or more.';
create index api_token_itsp_idx on api_token (itsp_id);
create unique index api_token_live_name_key on api_token (itsp_id, name) nulls not distinct
  where revoked_at is null;

create table itsp_domain (
  itsp_id uuid not null references itsp (id),
  domain text not null check (length(domain) <= 253
    and domain ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$'),
  created_at timestamptz not null default clock_timestamp(),
  primary key (itsp_id, domain)
);
comment on table itsp_domain is
  'A host suffix that the manufacturer approved for an ITSP: itself and names that end in a dot and '
  'it. ITSPs may share one.';

create table provisioning_profile (
  id uuid primary key,
  itsp_id uuid not null references itsp (id),
  name text not null check (name = btrim(name) and length(name) between 1 and 128),
  provisioning_url text not null
    constraint provisioning_url_is_https check (is_https_url(provisioning_url)),
  fallback_urls text[] not null default '{}'
    constraint fallback_urls_are_https check (are_https_urls(fallback_urls)),
  trust_anchors text check (length(trust_anchors) <= 65536),
  delivery text not null default 'direct' check (delivery in ('direct', 'staged')),
  redelivery text not null default 'always' check (redelivery in ('always', 'once', 'window')),
  window_hours integer check (window_hours between 1 and 8760),
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  deleted_at timestamptz,
  constraint window_has_hours check ((redelivery = 'window') = (window_hours is not null)),
  -- What a claim refers to, so that it can never name another tenant's profile.
  unique (itsp_id, id)
);
comment on table provisioning_profile is
  'Where an ITSP''s phones are sent and how. Deleted ones stay for the claims they once served.';
create unique index provisioning_profile_name_key on provisioning_profile (itsp_id, name)
  where deleted_at is null;
