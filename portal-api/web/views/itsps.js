// The manufacturer's ITSPs; of one: its domains, people and tokens.
import { t } from '../en.js';
import { button, card, chip, confirm, empty, field, form, h, head, link, pages, say, when } from '../dom.js';
import * as api from '../api.js';
import { tokenForm, tokenList } from './tokens.js';
import { userForm, userList } from './users.js';

const stateOf = (itsp) => (itsp.suspended ? chip(t.itsps.suspended, 'bad') : chip(t.itsps.live, 'good'));

export async function itsps({ path, reload, go }) {
  if (path[0]) return one({ id: path[0], reload });
  const list = await pages(t.itsps.title, [
    [t.itsps.name, (itsp) => link(`#/itsps/${itsp.id}`, itsp.name)],
    [t.itsps.state, stateOf],
    [t.itsps.domains, (itsp) => itsp.domains.join(', ') || t.none],
    [t.created, (itsp) => when(itsp.created_at)],
  ], api.lister('/v1/admin/itsps', 'itsps'), empty(t.itsps.none, t.itsps.noneText));
  const create = api.may('admin:write') && h('details', { class: 'card' }, h('summary', {}, t.itsps.create), form({
    class: 'wide-form', text: t.itsps.create, fields: [field({ name: 'name', label: t.itsps.name, required: true, maxlength: 128 })],
    submit: async (values) => go(`#/itsps/${(await api.post('/v1/admin/itsps', values)).id}`),
  }));
  return [head(t.itsps.title, t.itsps.text), create, list];
}

async function one({ id, reload }) {
  const path = `/v1/admin/itsps/${encodeURIComponent(id)}`;
  const itsp = await api.get(path);
  const writes = api.may('admin:write');
  const [people, tokens] = await Promise.all([
    userList({ path: '/v1/admin/users', query: { itsp_id: itsp.id }, kind: 'itsp', writes, reload }),
    tokenList({ path: `${path}/tokens`, onePath: '/v1/admin/tokens', writes, reload })]);
  return [
    h('div', {}, link('#/itsps', t.itsps.back)),
    head(itsp.name, null, stateOf(itsp), writes && button(itsp.suspended ? t.itsps.resume : t.itsps.suspend, async () => {
      if (!itsp.suspended && !await confirm(t.itsps.suspend, t.itsps.suspendText(itsp.name), t.itsps.suspend, 'danger')) return;
      await api.patch(path, { suspended: !itsp.suspended }, { 'If-Match': `"${itsp.version}"` });
      await reload();
    }, itsp.suspended ? '' : 'danger')),
    domains(itsp, path, writes, reload),
    h('h2', {}, t.users.title), writes && userForm({ path: '/v1/admin/users', kind: 'itsp', reload, more: { itsp_id: itsp.id } }), people,
    h('h2', {}, t.tokens.title), writes && tokenForm({ path: `${path}/tokens`, kind: 'itsp', reload }), tokens,
  ];
}

function domains(itsp, path, writes, reload) {
  return card(t.itsps.domains, h('p', { class: 'quiet' }, t.itsps.domainsText),
    itsp.domains.length === 0 ? h('p', {}, t.itsps.noDomain) : h('ul', {}, itsp.domains.map((domain) => h('li', {}, h('code', {}, domain), ' ', writes && button(t.remove, async () => {
      if (!await confirm(t.remove, t.itsps.removeDomain(domain), t.remove, 'danger')) return;
      await api.remove(`${path}/domains/${encodeURIComponent(domain)}`);
      await reload();
    }, 'plain danger', { 'aria-label': `${t.remove} ${domain}` })))),
    writes && form({ class: 'wide-form', text: t.itsps.addDomain, kind: '', fields: [field({ name: 'domain', label: t.itsps.domain, required: true, class: 'mono', placeholder: 'example.net' })],
      submit: async (values) => { await api.post(`${path}/domains`, values); await reload(); say(t.saved); } }));
}
