// The manufacturer's phones: one by its MAC or serial number, with its history; phones made elsewhere by a list.
import { t } from '../en.js';
import { button, card, chip, confirm, facts, field, form, h, head, link, macText, notice, replace, secret, showOnce, table, when, wordOf } from '../dom.js';
import * as api from '../api.js';
import { life } from './phone.js';

export async function devices({ path, go }) {
  const search = form({
    class: 'filters', text: t.phones.find, fields: [field({ name: 'q', label: t.devices.search, required: true, value: path[0] ?? '', class: 'mono', placeholder: '00:15:65:aa:bb:cc', wide: true })],
    submit: async ({ q }) => go(`#/devices/${encodeURIComponent(q)}`),
  });
  return [head(t.devices.title, t.devices.text), search, path[0] ? await find(path[0]) : api.may('admin:write') && importCard()];
}

/** What is typed is a MAC where it can be one, and a serial number else. */
async function find(typed) {
  const device = /^[0-9a-f]{12}$/i.test(typed.replace(/[-:. ]/g, '')) ? await byMac(typed) : null;
  if (device) return one(device);
  const { devices: found } = await api.get('/v1/admin/devices', { serial_number: typed });
  if (found.length === 1) return one(found[0]);
  return found.length > 1 ? several(found) : notice('', t.devices.unknown, h('p', {}, t.devices.unknownText));
}

async function byMac(mac) {
  try {
    return await api.get(`/v1/admin/devices/${encodeURIComponent(mac)}`);
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return null;
  }
}

const several = (found) => table(t.devices.title, [
  [t.phones.mac, (device) => h('a', { href: `#/devices/${device.mac}`, class: 'mono' }, macText(device.mac))],
  [t.phones.serial, (device) => device.serial_number],
  [t.phones.model, (device) => device.model],
  [t.devices.made, (device) => when(device.manufactured_at)],
], found);

async function one(device) {
  const [history, itsps] = await Promise.all([api.get(`/v1/admin/devices/${device.mac}/history`), api.all('/v1/admin/itsps', 'itsps')]);
  const name = (id) => (id ? link(`#/itsps/${id}`, itsps.find((itsp) => itsp.id === id)?.name ?? id) : null);
  return h('div', { class: 'columns' }, card(macText(device.mac), facts(
    [t.phones.serial, device.serial_number],
    [t.phones.model, device.model],
    [t.devices.made, [when(device.manufactured_at, { exact: true }), ' ', device.order ?? t.devices.elsewhere]],
    [t.devices.certificate, device.certificate_status ? [chip(t.devices.statuses[device.certificate_status] ?? device.certificate_status, device.certificate_status === 'live' ? 'good' : 'bad')] : t.devices.noCertificate],
    [t.devices.serial, device.certificate_serial && h('code', { class: 'small' }, device.certificate_serial)],
    [t.devices.fingerprint, device.certificate_fingerprint && h('code', { class: 'small' }, device.certificate_fingerprint)],
    [t.devices.shipped, device.shipped_to && [name(device.shipped_to), ' ', when(device.shipped_at)]],
    [t.devices.holder, device.claim_state && device.claim_state !== 'released' ? [name(device.itsp_id), ' ', when(device.claimed_at)] : t.devices.nobody],
    [t.phones.seen, when(device.contacted_at, { exact: true })],
    [t.phone.delivered, when(device.delivered_at, { exact: true })]), device.source === 'import' && api.may('admin:write') && anew(device)), life(history));
}

// --- Phones made elsewhere ---

/** An imported phone can be given another claim code; where it has no certificate, another password. */
function anew(device) {
  const path = `/v1/admin/devices/${device.mac}`;
  return h('div', { class: 'row' },
    button(t.devices.newCode, async () => {
      if (!await confirm(t.devices.newCode, t.devices.newCodeAsk, t.devices.newCode, 'danger')) return;
      const made = await api.post(`${path}/claim-code`);
      await showOnce(t.devices.newCode, made.claim_code, t.devices.code);
    }),
    !device.certificate_fingerprint && button(t.devices.newPassword, async () => {
      if (!await confirm(t.devices.newPassword, t.devices.newPasswordAsk, t.devices.newPassword, 'danger')) return;
      const made = await api.post(`${path}/credentials`);
      await showOnce(t.devices.newPassword, made.password, t.devices.password, facts([t.devices.phoneUser, h('code', {}, made.user)]));
    }));
}

function importCard() {
  const told = h('div', { class: 'stack', 'aria-live': 'polite' });
  return card(t.devices.import, h('p', { class: 'quiet' }, t.devices.importText), h('pre', {}, 'mac,serial_number,model,fingerprint\n'), form({
    text: t.devices.importSend,
    kind: '',
    fields: [field({ name: 'csv', label: t.devices.importRows, type: 'textarea', rows: 6, required: true })],
    submit: async ({ csv }) => {
      const made = await api.upload('/v1/admin/devices:import', `${csv}\n`, 'text/csv');
      replace(told, imported(made.devices));
    },
  }), told);
}

/** Claim codes and credentials are shown this once: as rows to be copied. What was refused stands beside them, by its line. */
function imported(all) {
  const rows = all.filter((row) => row.status === 'created');
  const there = all.filter((row) => row.status === 'existing').length;
  const refused = all.filter((row) => !['created', 'existing'].includes(row.status));
  return [
    rows.length > 0 && shownOnce(rows),
    there > 0 && notice('', t.devices.there(there)),
    refused.length > 0 && notice('warn', t.devices.refused(refused.length), h('ul', {}, refused.map((row) => h('li', {}, t.ofLine(row.line), ' ', h('code', {}, macText(row.mac)), ': ', wordOf(t.devices.refusals, row.status))))),
  ].filter(Boolean);
}

function shownOnce(rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))].map((cells) => cells.join(',')).join('\n');
  return [notice('good', t.devices.imported(rows.length), h('p', {}, t.devices.once)), h('pre', {}, text), secret(text, t.devices.importedRows)];
}
