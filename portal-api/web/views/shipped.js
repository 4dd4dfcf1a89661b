// Phones that were shipped to the ITSP: they are claimed without a code, one or all that are chosen.
import { t } from '../en.js';
import { chip, dialog, empty, field, h, head, link, macText, pages, when } from '../dom.js';
import * as api from '../api.js';
import { writeCsv } from '../csv.js';
import { handIn } from './job.js';
import { profileNames } from './phones.js';
import { pick, selection } from './selection.js';

export async function shipped({ query, go }) {
  const chosen = api.may('claims:write') ? selection(t.claim.send, (macs) => claimAll(macs, go), 'primary') : null;
  const waits = (notice) => notice.state === 'live' && api.may('claims:write');
  const list = await pages(t.shipped.title, [
    [t.phones.mac, (notice) => pick(waits(notice) ? chosen : null, notice.mac, h('span', { class: 'mono' }, macText(notice.mac)))],
    [t.shipments.state, (notice) => chip(t.shipments.states[notice.state] ?? notice.state, notice.state === 'consumed' ? 'good' : '')],
    [t.phones.model, (notice) => notice.model ?? t.none],
    [t.phones.serial, (notice) => notice.serial_number ?? t.none],
    [t.shipments.at, (notice) => when(notice.shipped_at)],
    ['', (notice) => whatNext(notice, waits(notice)), 'actions'],
  ], api.lister('/v1/shipments', 'shipments', { state: query.state }), empty(t.shipped.none, t.shipped.noneText));
  return [head(t.shipped.title, t.shipped.text), stateFilter(query, (found) => go(`#/shipped${api.queryText(found)}`)), chosen?.bar, list];
}

function whatNext(notice, waits) {
  if (waits) return link(`#/phones/new${api.queryText({ mac: notice.mac })}`, t.claim.send);
  return notice.state === 'consumed' && link(`#/phones/${notice.mac}`, t.shipped.look);
}

/** A choice of the state of notices; `more` are other fields beside it. */
export function stateFilter(query, find, more = []) {
  const element = h('form', { class: 'filters', role: 'search', onsubmit: (event) => {
    event.preventDefault();
    find(Object.fromEntries(new FormData(element)));
  } }, [['state', t.shipments.state, Object.entries(t.shipments.states)], ...more].map(([name, label, options]) =>
    field({ name, label, options, value: query[name] ?? options[0][0], onchange: () => element.requestSubmit() })));
  return element;
}

/** All that are chosen, as a list. */
async function claimAll(macs, go) {
  const names = await profileNames();
  if (names.size === 0) {
    await dialog(t.claim.noProfile, [h('p', {}, t.claim.noProfileText)], [['', t.close, 'primary']]);
    return;
  }
  const profile = field({ name: 'profile_id', label: t.phones.profile, options: [...names], hint: t.claim.profileHint });
  if (await dialog(t.shipped.claim(macs.length), [profile], [['', t.cancel], ['yes', t.claim.send, 'primary']]) !== 'yes') return;
  await handIn(writeCsv(macs.map((mac) => ({ mac, profile: profile.querySelector('select').value }))), { dryRun: false, atomic: false }, go);
}
