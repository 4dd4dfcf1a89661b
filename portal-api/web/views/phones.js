// Phones: the table of claims with search and filters; one phone (phone.js); claiming one.
import { t } from '../en.js';
import { chip, dialog, download, empty, field, form, h, head, link, macText, notAllowed, notice, pages, say, when } from '../dom.js';
import * as api from '../api.js';
import { phone } from './phone.js';
import { pick, selection } from './selection.js';

/** A claim's one state for people: the facts stay beside it. */
export function state(claim) {
  if (claim.state === 'suspended') return chip(t.phones.state.suspended, 'bad');
  if (claim.delivered_at) return chip(t.phones.state.delivered, 'good');
  if (claim.contacted_before_claim) return chip(t.phones.state.early, 'warn');
  if (claim.contacted_at) return chip(t.phones.state.contacted, 'warn');
  return chip(t.phones.state.waiting);
}

/** A page of the profiles: names by id. */
export async function profileNames() {
  const profiles = await api.all('/v1/profiles', 'profiles');
  return new Map(profiles.map((profile) => [profile.id, profile.name]));
}

export async function phones({ path, query, go, reload }) {
  if (path[0] === 'new') return api.may('claims:write') ? claimOne({ query, go }) : notAllowed();
  if (path[0]) return phone({ mac: path[0], reload, go });
  const names = await profileNames();
  const filtered = Object.values(query).some(Boolean);
  const chosen = api.may('claims:write') ? selection(t.phones.release, (macs) => releaseAll(macs, reload), 'danger') : null;
  const list = await pages(t.phones.title, [
    [t.phones.mac, (claim) => pick(chosen, claim.mac, h('a', { href: `#/phones/${claim.mac}`, class: 'mono' }, macText(claim.mac)))],
    [t.phones.stateName, state],
    [t.phones.model, (claim) => claim.model],
    [t.phones.serial, (claim) => claim.serial_number],
    [t.phones.profile, (claim) => names.get(claim.profile_id) ?? t.none],
    [t.phones.seen, (claim) => when(claim.contacted_at)],
    [t.phones.claimed, (claim) => when(claim.claimed_at)],
  ], api.lister('/v1/claims', 'claims', filterOf(query)), filtered ? empty(t.phones.noneFound, t.phones.noneFoundText, link('#/phones', t.phones.showAll, 'secondary')) : noneYet());
  return [
    head(t.phones.title, t.phones.text, !query.q?.match(/[^0-9a-f:.-]/i) && download(`/v1/claims:export${api.queryText({ ...filterOf(query), format: 'csv' })}`), ...(api.may('claims:write')
      ? [link('#/jobs', t.phones.upload, 'secondary'), link('#/phones/new', t.phones.claimOne, 'primary')] : [])),
    filters(query, names, go),
    chosen?.bar,
    list,
  ];
}

// --- Many at once: rows are chosen, then released together ---

const NAMED = 8; // of those to be released, in the question

async function releaseAll(macs, reload) {
  const named = macs.slice(0, NAMED).map(macText);
  const text = [h('p', {}, t.phones.releaseAsk(macs.length)), h('ul', {}, named.map((mac) => h('li', {}, h('code', {}, mac)))),
    macs.length > NAMED && h('p', {}, t.phones.andMore(macs.length - NAMED)), h('p', {}, t.phone.releaseConsequence)].filter(Boolean);
  if (await dialog(t.phones.release, text, [['', t.cancel], ['yes', t.phones.releaseYes(macs.length), 'danger']]) !== 'yes') return;
  const { released } = await api.post('/v1/claims:release', { macs });
  const missed = released.filter((row) => row.status === 'not_found');
  if (missed.length > 0) await dialog(t.phones.notAllReleased, [h('ul', {}, missed.map((row) => h('li', {}, h('code', {}, macText(row.mac)), ': ', t.problem.codes.not_found)))], [['', t.close, 'primary']]);
  await reload();
  say(t.phones.released(released.length - missed.length));
}

function noneYet() {
  return empty(t.phones.noneYet, t.phones.noneYetText, api.may('claims:write') && h('div', { class: 'row' },
    link('#/phones/new', t.phones.claimOne, 'primary'), link('#/jobs', t.phones.upload, 'secondary')));
}

/** What is typed is a MAC, or its beginning, where it can be one; a serial number otherwise. */
function filterOf({ q, progress, state: of, profile }) {
  if (q && !/^[0-9a-f]([-:.]?[0-9a-f]){0,11}[-:.]?$/i.test(q)) return { serial_number: q };
  return { mac_prefix: q, state: progress === 'suspended' ? 'suspended' : of, progress: progress === 'suspended' ? null : progress, profile_id: profile };
}

function filters(query, names, go) {
  const element = h('form', { class: 'filters', role: 'search', 'aria-label': t.phones.search, onsubmit: (event) => {
    event.preventDefault();
    const found = Object.fromEntries(new FormData(element));
    go(`#/phones${api.queryText(found)}`);
  } },
  field({ name: 'q', label: t.phones.search, hint: null, value: query.q, placeholder: t.phones.searchHint, type: 'search', wide: true }),
  field({ name: 'progress', label: t.phones.stateName, value: query.progress, onchange: () => element.requestSubmit(),
    options: [['', t.phones.anyState], ['waiting', t.phones.state.waiting], ['contacted', t.phones.state.contacted], ['delivered', t.phones.state.delivered], ['suspended', t.phones.state.suspended]] }),
  field({ name: 'profile', label: t.phones.profile, value: query.profile, onchange: () => element.requestSubmit(),
    options: [['', t.phones.anyProfile], ...names] }),
  h('button', {}, t.phones.find));
  return element;
}

// --- Claiming one ---

async function claimOne({ query, go }) {
  const names = await profileNames();
  const title = head(t.claim.title, t.claim.text);
  if (names.size === 0) return [title, empty(t.claim.noProfile, t.claim.noProfileText, link('#/profiles/new', t.profiles.create, 'primary'))];
  const tell = h('div', {});
  const element = form({
    class: 'card wide-form',
    text: t.claim.send,
    fields: [
      field({ name: 'mac', label: t.phones.mac, required: true, value: query.mac, class: 'mono', placeholder: '00:15:65:aa:bb:cc', hint: t.claim.macHint }),
      field({ name: 'claim_code', label: t.claim.code, class: 'mono', placeholder: 'XXXXX-XXXXX-XXXX', hint: t.claim.codeHint }),
      field({ name: 'profile_id', label: t.phones.profile, options: [...names], hint: t.claim.profileHint }),
    ],
    submit: async (values) => {
      const body = { profile_id: values.profile_id };
      if (values.claim_code) body.claim_code = values.claim_code;
      try {
        const claim = await api.put(`/v1/claims/${encodeURIComponent(values.mac)}`, body);
        go(`#/phones/${claim.mac}`);
      } catch (problem) {
        tell.replaceChildren(...(problem.code === 'claimed_elsewhere'
          ? [notice('warn', t.claim.elsewhere, h('p', {}, t.claim.elsewhereText), h('div', { class: 'row' }, link(`#/transfers/new${api.queryText({ mac: values.mac, code: values.claim_code })}`, t.transfers.request)))] : []));
        throw problem;
      }
    },
    more: [link('#/phones', t.cancel)],
  });
  return [title, tell, element];
}
