// API tokens: an ITSP's own, or the manufacturer's. A new one is shown once.
import { t } from '../en.js';
import { button, chip, confirm, dialog, empty, field, form, h, head, newId, notice, pages, secret, when } from '../dom.js';
import * as api from '../api.js';

const SCOPES = { itsp: ['claims:read', 'claims:write', 'claims:reveal', 'profiles:write', 'events:read', 'tokens:write'], manufacturer: ['admin:read', 'admin:write'] };

export async function tokens({ reload }) {
  const mine = api.session.kind;
  const path = mine === 'itsp' ? '/v1/tokens' : '/v1/admin/tokens';
  const writes = api.may('tokens:write') || api.may('admin:write');
  return [head(t.tokens.title, t.tokens.text), writes && tokenForm({ path, kind: mine, reload }), await tokenList({ path, removePath: path, writes, reload })];
}

const isLive = (token) => !token.revoked_at && !(token.expires_at && new Date(token.expires_at) < new Date());

export const tokenList = ({ path, removePath, writes, reload }) => pages(t.tokens.title, [
  [t.tokens.name, (token) => token.name],
  [t.tokens.scopes, (token) => h('span', { class: 'small' }, token.scopes.map((scope) => t.scopes[scope] ?? scope).join(', '))],
  [t.tokens.state, (token) => (isLive(token) ? chip(t.tokens.live, 'good') : chip(token.revoked_at ? t.tokens.revoked : t.tokens.expired))],
  [t.created, (token) => when(token.created_at)],
  [t.tokens.expires, (token) => (token.expires_at ? when(token.expires_at) : t.tokens.never)],
  ['', (token) => writes && isLive(token) && h('div', { class: 'row' }, button(t.tokens.revoke, async () => {
    if (!await confirm(t.tokens.revoke, t.tokens.revokeText(token.name), t.tokens.revoke, 'danger')) return;
    await api.remove(`${removePath}/${token.id}`);
    await reload();
  }, 'plain danger')), 'actions'],
], api.listerOfAll(path, 'tokens'), empty(t.tokens.none, t.tokens.noneText));

/** Several boxes of one name. */
export function choices(name, label, options) {
  return h('fieldset', { name }, h('legend', {}, label), options.map(([value, text]) => {
    const id = newId(name);
    return h('div', { class: 'check' }, h('input', { type: 'checkbox', id, name, value, 'data-list': 'true' }), h('label', { for: id }, text));
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
      await dialog(t.tokens.made, [notice('warn', t.tokens.once), secret(made.token, t.tokens.one)], [['', t.tokens.kept, 'primary']]);
      await reload();
    },
  }));
}
