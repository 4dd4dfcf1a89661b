// What the manufacturer watches: security events, and the audit log with what is known of its chain.
import { t } from '../en.js';
import { button, chip, empty, field, h, head, link, macText, notice, pages, shortId, when } from '../dom.js';
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
  const kinds = [['', t.security.any], ...Object.entries(t.security.kinds)];
  const list = await pages(t.security.title, [
    [t.events.at, (event) => when(event.at)],
    [t.events.kind, (event) => chip(t.security.kinds[event.kind] ?? event.kind.replaceAll('_', ' '), 'warn')],
    [t.phones.mac, (event) => (event.mac ? link(`#/devices/${event.mac}`, macText(event.mac)) : t.none)],
    [t.events.from, (event) => event.source_ip ?? t.none],
    [t.events.detail, (event) => detail(event.detail)],
  ], api.lister('/v1/admin/security-events', 'security_events', query), empty(t.security.none, t.security.noneText));
  return [head(t.security.title, t.security.text, button(t.refresh, reload)), filters(query, 'security', [['kind', t.events.kind, kinds], ['mac', t.phones.mac]], go), list];
}

export async function audit({ query, go, reload }) {
  const objects = [['', t.audit.any], ...Object.entries(t.audit.objects)];
  const load = api.lister('/v1/admin/audit', 'audit', query);
  const [rows] = await load(null);
  const list = await pages(t.audit.title, [
    [t.events.at, (row) => when(row.at)],
    [t.audit.action, (row) => [h('code', {}, row.action), changes(row)]],
    [t.audit.object, (row) => [h('div', {}, t.audit.objects[row.object_kind] ?? row.object_kind.replaceAll('_', ' ')), objectLink(row)]],
    [t.audit.actor, (row) => [h('div', {}, t.audit.actors[row.actor_kind] ?? row.actor_kind), h('div', {}, shortId(row.actor_id))]],
    [t.events.from, (row) => row.source_ip ?? t.none],
    [t.audit.chain, (row) => (row.chain_seq === null ? chip(t.audit.waits) : chip(t.audit.chained(row.chain_seq), 'good'))],
  ], load, empty(t.audit.none, t.audit.noneText));
  return [head(t.audit.title, t.audit.text, button(t.refresh, reload)), chainState(rows), filters(query, 'audit', [['object_kind', t.audit.object, objects], ['object_id', t.audit.objectId]], go), list];
}

/** What can be said from the rows at hand: the newest that is chained, and whether any hangs behind. */
function chainState(rows) {
  const newest = rows.find((row) => row.chain_seq !== null);
  const late = rows.find((row) => row.chain_seq === null && Date.now() - new Date(row.at) > 60000);
  if (late) return notice('warn', t.audit.late, h('p', {}, t.audit.lateText));
  return newest && notice('good', t.audit.chainedUpTo(newest.chain_seq), h('p', { class: 'small' }, t.audit.verify));
}

/** Everything that was done to the same object. */
const objectLink = (row) => h('a', { href: `#/audit${api.queryText({ object_kind: row.object_kind, object_id: row.object_id })}` }, shortId(row.object_id));

function changes(row) {
  if (!row.before && !row.after) return null;
  return h('details', {}, h('summary', { class: 'small' }, t.audit.show), h('pre', {}, JSON.stringify({ before: row.before, after: row.after }, null, 2)));
}
