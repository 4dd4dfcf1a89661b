// The manufacturer's models, production orders and ship notices.
import { t } from '../en.js';
import { button, chip, confirm, empty, field, form, h, head, link, macText, notice, pages, replace, say, when } from '../dom.js';
import * as api from '../api.js';
import { stateFilter } from './shipped.js';
import { choices } from './tokens.js';

// --- Models ---

export async function models({ reload }) {
  const list = await pages(t.models.title, [
    [t.models.name, (model) => model.name],
    [t.models.format, (model) => model.format],
    [t.models.keys, (model) => model.key_types.join(', ')],
    [t.models.authentication, (model) => t.models.authentications[model.authentication] ?? model.authentication],
    [t.models.floor, (model) => t.models.floors[model.tls_floor] ?? model.tls_floor],
    [t.models.encrypt, (model) => (model.encrypt_answers ? t.yes : t.no)],
    [t.models.user, (model) => h('code', {}, model.admin_user)],
    [t.models.alphabet, (model) => (model.password_alphabet ? h('code', { class: 'small' }, model.password_alphabet) : t.models.allSigns)],
    [t.created, (model) => when(model.created_at)],
  ], api.lister('/v1/admin/models', 'models'), empty(t.models.none, t.models.noneText));
  const create = api.may('admin:write') && h('details', { class: 'card' }, h('summary', {}, t.models.create), form({
    class: 'wide-form', text: t.models.create,
    fields: [
      field({ name: 'name', label: t.models.name, required: true, maxlength: 64, hint: t.models.nameHint }),
      field({ name: 'format', label: t.models.format, required: true, hint: t.models.formatHint }),
      choices('key_types', t.models.keys, ['p256', 'p384', 'rsa2048', 'rsa3072'].map((name) => [name, name])),
      field({ name: 'authentication', label: t.models.authentication, options: Object.entries(t.models.authentications) }),
      field({ name: 'tls_floor', label: t.models.floor, options: Object.entries(t.models.floors), hint: t.models.floorHint }),
      field({ name: 'encrypt_answers', type: 'checkbox', label: t.models.encrypt, hint: t.models.encryptHint }),
      field({ name: 'admin_user', label: t.models.user, value: 'admin', class: 'mono', hint: t.models.userHint, required: true }),
      field({ name: 'password_alphabet', label: t.models.alphabet, class: 'mono', hint: t.models.alphabetHint }),
    ],
    submit: async (values) => {
      await api.post('/v1/admin/models', { ...values, password_alphabet: values.password_alphabet || null });
      await reload();
      say(t.saved);
    },
  }));
  return [head(t.models.title, t.models.text), create, list];
}

// --- Orders ---

export async function orders() {
  const list = await pages(t.orders.title, [
    [t.orders.reference, (order) => order.reference],
    [t.orders.state, (order) => chip(t.orders.states[order.state] ?? order.state, order.state === 'open' ? 'good' : '')],
    [t.phones.model, (order) => order.model],
    [t.orders.first, (order) => h('span', { class: 'mono' }, macText(order.first_mac))],
    [t.orders.progress, (order) => [h('progress', { max: order.quantity, value: order.issued, 'aria-label': t.orders.progressOf(order) }), h('div', { class: 'small quiet' }, t.orders.progressOf(order))]],
    [t.orders.stations, (order) => order.stations.join(', ') || t.orders.anyStation],
    [t.orders.closes, (order) => when(order.closes_at)],
  ], api.lister('/v1/admin/orders', 'orders'), empty(t.orders.none, t.orders.noneText));
  return [head(t.orders.title, t.orders.text), list];
}

// --- Ship notices ---

export async function shipments({ query, go, reload }) {
  const itsps = await api.all('/v1/admin/itsps', 'itsps');
  if (itsps.length === 0) return [head(t.shipments.title, t.shipments.text), empty(t.itsps.none, t.itsps.noneText, link('#/itsps', t.itsps.title))];
  const writes = api.may('admin:write');
  const told = h('div', { 'aria-live': 'polite' });
  const place = h('div', {}, await notices(query, writes, reload));
  const whose = [['itsp_id', t.shipments.itsp, [['', t.shipments.any], ...itsps.map((itsp) => [itsp.id, itsp.name])]]];
  return [head(t.shipments.title, t.shipments.text), writes && h('details', { class: 'card' }, h('summary', {}, t.shipments.create), form({
    class: 'wide-form', text: t.shipments.send,
    fields: [
      field({ name: 'itsp_id', label: t.shipments.itsp, options: itsps.map((itsp) => [itsp.id, itsp.name]) }),
      field({ name: 'macs', label: t.shipments.macs, type: 'textarea', rows: 8, required: true, hint: t.shipments.macsHint }),
    ],
    submit: async ({ itsp_id: itsp, macs }, element) => {
      const list = macs.split(/[\s,;]+/).filter(Boolean);
      const made = await api.post('/v1/admin/shipments', { itsp_id: itsp, macs: list });
      replace(told, results(made.shipments));
      element.elements.macs.value = '';
      replace(place, await notices(query, writes, reload));
    },
  })), told, stateFilter(query, (found) => go(`#/shipments${api.queryText(found)}`), whose), place];
}

const notices = (query, writes, reload) => pages(t.shipments.title, [
  [t.phones.mac, (one) => h('a', { href: `#/devices/${one.mac}`, class: 'mono' }, macText(one.mac))],
  [t.shipments.state, (one) => chip(t.shipments.states[one.state] ?? one.state, one.state === 'consumed' ? 'good' : '')],
  [t.shipments.itsp, (one) => link(`#/itsps/${one.itsp_id}`, one.itsp)],
  [t.phones.model, (one) => one.model],
  [t.shipments.at, (one) => when(one.shipped_at)],
  [t.shipments.ended, (one) => when(one.ended_at)],
  ['', (one) => writes && one.state === 'live' && h('div', { class: 'row' }, button(t.shipments.withdraw, async () => {
    if (!await confirm(t.shipments.withdraw, t.shipments.withdrawAsk(macText(one.mac), one.itsp), t.shipments.withdraw, 'danger')) return;
    await api.remove(`/v1/admin/shipments/${one.mac}`);
    await reload();
    say(t.saved);
  }, 'plain danger', { 'aria-label': t.shipments.withdrawWhich(macText(one.mac)) })), 'actions'],
], api.lister('/v1/admin/shipments', 'shipments', { state: query.state, itsp_id: query.itsp_id }), empty(t.shipments.none, t.shipments.noneText));

function results(rows) {
  const bad = rows.filter((row) => !t.shipments.good.includes(row.status));
  return bad.length === 0 ? notice('good', t.shipments.allDone(rows.length))
    : notice('warn', t.shipments.someFailed(rows.length - bad.length, bad.length), h('ul', {}, bad.map((row) => h('li', {}, h('code', {}, macText(row.mac)), ': ', t.shipments.codes[row.status] ?? row.status))));
}
