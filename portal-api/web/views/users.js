// People: who may sign in, as what; invitations and new links are handed over by whoever makes them.
import { t } from '../en.js';
import { button, chip, confirm, dialog, empty, field, form, h, head, pages, secret, say, when } from '../dom.js';
import * as api from '../api.js';

const ROLES = { itsp: ['owner', 'engineer', 'support', 'read_only'], manufacturer: ['administrator', 'auditor'] };

export async function users({ reload }) {
  const mine = api.session.kind;
  const path = mine === 'itsp' ? '/v1/users' : '/v1/admin/users';
  const writes = api.may('users:write') || api.may('admin:write');
  return [head(t.users.title, mine === 'itsp' ? t.users.text : t.users.adminText), writes && userForm({ path, kind: mine, reload }),
    await userList({ path, query: mine === 'itsp' ? {} : { itsp_id: 'none' }, kind: mine, writes, reload })];
}

async function showLink(title, made) {
  await dialog(title, [h('p', {}, t.users.linkText), secret(location.origin + made.link, t.users.link), h('p', { class: 'quiet small' }, t.users.linkUntil, ' ', when(made.link_expires_at, { exact: true }))], [['', t.users.handed, 'primary']]);
}

export function userForm({ path, kind, reload, more = {} }) {
  return h('details', { class: 'card' }, h('summary', {}, t.users.invite), form({
    class: 'wide-form',
    text: t.users.invite,
    fields: [
      field({ name: 'display_name', label: t.users.name, required: true, maxlength: 128 }),
      field({ name: 'email', label: t.users.email, type: 'email', required: true, maxlength: 254, hint: t.users.emailHint }),
      field({ name: 'role', label: t.users.role, options: ROLES[kind].map((role) => [role, `${t.roles[role]} – ${t.roleTexts[role]}`]), value: ROLES[kind].at(-1) }),
    ],
    submit: async (values) => {
      const made = await api.post(path, { ...values, ...more });
      await showLink(t.users.invited(made.display_name), made);
      await reload();
    },
  }));
}

function stateOf(user) {
  if (user.state === 'suspended') return chip(t.users.suspended, 'bad');
  if (!user.has_password) return chip(t.users.waiting, 'warn');
  return user.second_factor_at ? chip(t.users.live, 'good') : chip(t.users.noFactor, 'warn');
}

export const userList = ({ path, query, kind, writes, reload }) => pages(t.users.title, [
  [t.users.name, (user) => user.display_name],
  [t.users.email, (user) => user.email],
  [t.users.role, (user) => t.roles[user.role] ?? user.role],
  [t.users.state, stateOf],
  [t.users.last, (user) => when(user.last_sign_in_at)],
  ['', (user) => (writes && user.id !== api.session.user.id ? h('div', { class: 'row' }, button(t.change, () => change({ user, path, kind, reload }), 'plain', { 'aria-label': t.changeWhom(user.display_name) })) : user.id === api.session.user.id && h('span', { class: 'quiet' }, t.users.you)), 'actions'],
], api.lister(path, 'users', query), empty(t.users.none, t.users.noneText));

/** One person: role, a new link, suspended, removed. Each is a choice of one dialog. */
async function change({ user, path, kind, reload }) {
  const role = field({ name: 'role', label: t.users.role, value: user.role, options: ROLES[kind].map((name) => [name, `${t.roles[name]} – ${t.roleTexts[name]}`]) });
  const lost = field({ name: 'lost', type: 'checkbox', label: t.users.lost, hint: t.users.lostHint });
  const suspended = user.state === 'suspended';
  const chosen = await dialog(user.display_name, [h('p', { class: 'quiet' }, user.email), role, !suspended && [h('hr'), lost]].filter(Boolean),
    [['', t.cancel], ['remove', t.users.remove, 'danger'], ['state', suspended ? t.users.resume : t.users.suspend], !suspended && ['link', t.users.newLink], ['role', t.save, 'primary']].filter(Boolean));
  const one = `${path}/${user.id}`;
  if (chosen === 'role') await api.patch(one, { role: role.querySelector('select').value }, { 'If-Match': `"${user.version}"` });
  else if (chosen === 'state') await api.patch(one, { state: suspended ? 'live' : 'suspended' });
  else if (chosen === 'link') await showLink(t.users.newLink, await api.post(`${one}/link`, { reset_second_factor: lost.querySelector('input').checked }));
  else if (chosen === 'remove') {
    if (!await confirm(t.users.remove, t.users.removeText(user.display_name), t.users.remove, 'danger')) return;
    await api.remove(one);
  } else return;
  await reload();
  say(t.saved);
}
