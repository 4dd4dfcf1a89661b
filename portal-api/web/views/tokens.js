// API tokens: an ITSP's own, or the manufacturer's. A new one is shown once.
import { t } from '../en.js';
import { button, chip, confirm, dialog, empty, field, form, h, head, newId, pages, showOnce, when } from '../dom.js';
import * as api from '../api.js';

const SCOPES = { itsp: ['claims:read', 'claims:write', 'claims:reveal', 'profiles:write', 'events:read', 'tokens:write'], manufacturer: ['admin:read', 'admin:write'] };

export async function tokens({ reload }) {
  const mine = api.session.kind;
  const path = mine === 'itsp' ? '/v1/tokens' : '/v1/admin/tokens';
  const writes = api.may('tokens:write') || api.may('admin:write');
  return [head(t.tokens.title, t.tokens.text), writes && tokenForm({ path, kind: mine, reload }), await tokenList({ path, onePath: path, writes, reload })];
}

const isLive = (token) => !token.revoked_at && !(token.expires_at && new Date(token.expires_at) < new Date());

function stateOf(token) {
  if (!isLive(token)) return chip(token.revoked_at ? t.tokens.revoked : t.tokens.expired);
  return token.replaced_by ? chip(t.tokens.replaced, 'warn') : chip(t.tokens.live, 'good');
}

export const tokenList = ({ path, onePath, writes, reload }) => pages(t.tokens.title, [
  [t.tokens.name, (token) => token.name],
  [t.tokens.scopes, (token) => h('span', { class: 'small' }, token.scopes.map((scope) => t.scopes[scope] ?? scope).join(', '))],
  [t.tokens.state, stateOf],
  [t.created, (token) => when(token.created_at)],
  [t.tokens.used, (token) => (token.last_used_at ? when(token.last_used_at) : t.tokens.neverUsed)],
  [t.tokens.expires, (token) => (token.expires_at ? when(token.expires_at) : t.tokens.never)],
  ['', (token) => writes && isLive(token) && h('div', { class: 'row' },
    !token.replaced_by && button(t.tokens.rotate, () => rotate(token, onePath, reload), 'plain', { 'aria-label': t.tokens.rotateWhich(token.name) }),
    button(t.tokens.revoke, async () => {
      if (!await confirm(t.tokens.revoke, t.tokens.revokeText(token.name), t.tokens.revoke, 'danger')) return;
      await api.remove(`${onePath}/${token.id}`);
      await reload();
    }, 'plain danger', { 'aria-label': t.tokens.revokeWhich(token.name) })), 'actions'],
], api.listerOfAll(path, 'tokens'), empty(t.tokens.none, t.tokens.noneText));

/** A successor; both hold for as long as is chosen. */
async function rotate(token, onePath, reload) {
  const overlap = field({ name: 'overlap_s', label: t.tokens.overlap, hint: t.tokens.overlapHint, options: Object.entries(t.tokens.overlaps), value: '86400' });
  if (await dialog(t.tokens.rotateWhich(token.name), [h('p', {}, t.tokens.rotateText), overlap], [['', t.cancel], ['yes', t.tokens.rotate, 'primary']]) !== 'yes') return;
  const made = await api.post(`${onePath}/${token.id}/rotate`, { overlap_s: Number(overlap.querySelector('select').value) });
  await showOnce(t.tokens.made, made.token, t.tokens.one, h('p', {}, t.tokens.oldUntil, ' ', when(made.old_expires_at, { exact: true }), '.'));
  await reload();
}

/** Several boxes of one name. */
export function choices(name, label, options, { hint = null, checked = [], wide = false } = {}) {
  return h('fieldset', { name, class: wide ? 'many' : null }, h('legend', {}, label), hint && h('p', { class: 'hint' }, hint), options.map(([value, text]) => {
    const id = newId(name);
    return h('div', { class: 'check' }, h('input', { type: 'checkbox', id, name, value, 'data-list': 'true', checked: checked.includes(value) }), h('label', { for: id }, text));
  }));
}

export function tokenForm({ path, kind, reload }) {
  const lives = [['', t.tokens.never], ['30', t.tokens.days(30)], ['90', t.tokens.days(90)], ['365', t.tokens.days(365)]];
  return h('details', { class: 'card' }, h('summary', {}, t.tokens.create), form({
    class: 'wide-form',
    text: t.tokens.create,
    fields: [
      field({ name: 'name', label: t.tokens.name, required: true, maxlength: 128, hint: t.tokens.nameHint }),
      choices('scopes', t.tokens.scopes, SCOPES[kind].map((scope) => [scope, t.scopes[scope]])),
      field({ name: 'days', label: t.tokens.expires, options: lives, value: '90' }),
    ],
    submit: async ({ name, scopes, days }) => {
      if (scopes.length === 0) throw new api.Problem({ detail: t.tokens.noScope });
      const body = { name, scopes };
      if (days) body.expires_at = new Date(Date.now() + Number(days) * 86400000).toISOString();
      const made = await api.post(path, body);
      await showOnce(t.tokens.made, made.token, t.tokens.one);
      await reload();
    },
  }));
}
