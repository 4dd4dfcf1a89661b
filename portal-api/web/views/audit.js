// What the manufacturer watches: security events, and the audit log with what is known of its chain.
import { t } from '../en.js';
import { button, card, chip, download, empty, facts, field, h, head, link, macText, notice, pages, shortId, when, wordOf } from '../dom.js';
import * as api from '../api.js';
import { detail } from './events.js';

function filters(query, place, fields, go) {
  const element = h('form', { class: 'filters', role: 'search', onsubmit: (event) => {
    event.preventDefault();
    go(`#/${place}${api.queryText(Object.fromEntries(new FormData(element)))}`);
  } }, fields.map(([name, label, options]) => field({ name, label, value: query[name], options, onchange: options && (() => element.requestSubmit()) })), h('button', {}, t.phones.find));
  return element;
}

export async function securityEvents({ query, go, reload }) {
  const own = api.session.kind === 'itsp';
  const kinds = [['', t.security.any], ...Object.entries(t.security.kinds)];
  const list = await pages(t.security.title, [
    [t.events.at, (event) => when(event.at)],
    [t.events.kind, (event) => chip(wordOf(t.security.kinds, event.kind), 'warn')],
    [t.phones.mac, (event) => (event.mac ? link(`#/${own ? 'phones' : 'devices'}/${event.mac}`, macText(event.mac)) : t.none)],
    [t.events.from, (event) => event.source_ip ?? t.none],
    [t.events.detail, (event) => detail(event.detail)],
  ], api.lister(own ? '/v1/security-events' : '/v1/admin/security-events', 'security_events', query), empty(t.security.none, t.security.noneText));
  return [head(t.security.title, own ? t.security.ownText : t.security.text, button(t.refresh, reload)), filters(query, 'security', [['kind', t.events.kind, kinds], ['mac', t.phones.mac]], go), list];
}

export async function audit({ query, go, reload }) {
  const own = api.session.kind === 'itsp';
  const objects = [['', t.audit.any], ...Object.entries(t.audit.objects)];
  const load = api.lister(own ? '/v1/audit' : '/v1/admin/audit', 'audit', query);
  const [names, state] = await Promise.all([namesOf(own), own ? null : api.get('/v1/admin/audit/state')]);
  const list = await pages(t.audit.title, [
    [t.events.at, (row) => when(row.at)],
    [t.audit.action, (row) => [h('code', {}, row.action), changes(row)]],
    [t.audit.object, (row) => [h('div', {}, wordOf(t.audit.objects, row.object_kind)), objectLink(row, names)]],
    [t.audit.actor, (row) => [h('div', {}, wordOf(t.audit.actors, row.actor_kind)), !WITHOUT_NAME.has(row.actor_kind) && h('div', { class: 'small' }, names.get(row.actor_id) ?? shortId(row.actor_id))]],
    [t.events.from, (row) => row.source_ip ?? t.none],
    !own && [t.audit.chain, (row) => (row.chain_seq === null ? chip(t.audit.waits) : chip(t.audit.chained(row.chain_seq)))],
  ].filter(Boolean), load, empty(t.audit.none, t.audit.noneText));
  return [head(t.audit.title, t.audit.text, button(t.refresh, reload), download(`${own ? '/v1/audit' : '/v1/admin/audit'}:export${api.queryText({ ...query, format: 'csv' })}`)),
    state && chain(state), filters(query, 'audit', [['object_kind', t.audit.object, objects], ['object_id', t.audit.objectId]], go), list];
}

const LATE_MS = 60000;
const WITHOUT_NAME = new Set(['nobody', 'other', 'system']);

/** Names of the people and tokens that there are now, by id. */
async function namesOf(own) {
  const path = own ? '/v1' : '/v1/admin';
  const lists = await Promise.all([api.all(`${path}/users`, 'users'), own && !api.may('tokens:write') ? [] : api.get(`${path}/tokens`).then((page) => page.tokens)]);
  return new Map(lists.flat().map((each) => [each.id, each.display_name ?? each.name]));
}

/** How far the log is chained and signed. That none was changed is nothing that these pages know: it takes the signed
 *  heads and whoever keeps them. */
function chain({ chained_to: chained, unchained, oldest_unchained_at: oldest, head: signed }) {
  const isLate = oldest && Date.now() - new Date(oldest) > LATE_MS;
  return card(t.audit.chainTitle,
    isLate && notice('warn', t.audit.late, h('p', {}, t.audit.lateText)),
    facts(
      [t.audit.chainedTo, chained === null ? null : t.audit.no(chained)],
      unchained > 0 && [t.audit.unchained, String(unchained)],
      [t.audit.signedTo, signed ? [t.audit.no(signed.seq), ', ', when(signed.signed_at, { exact: true }), chained > signed.seq && h('span', { class: 'quiet' }, ` (${t.audit.after(chained - signed.seq)})`)] : t.audit.noHead]),
    h('p', { class: 'small quiet' }, t.audit.verify),
    signed && h('details', {}, h('summary', { class: 'small' }, t.audit.signature), h('pre', {}, `${signed.text}\n\n${signed.signature}\n\n${t.audit.key}: ${signed.key}`)));
}

/** Everything that was done to the same object. */
const objectLink = (row, names) => h('a', { href: `#/audit${api.queryText({ object_kind: row.object_kind, object_id: row.object_id })}` }, names.get(row.object_id) ?? shortId(row.object_id));

function changes(row) {
  if (!row.before && !row.after) return null;
  return h('details', {}, h('summary', { class: 'small' }, t.audit.show), h('pre', {}, JSON.stringify({ before: row.before, after: row.after }, null, 2)));
}
