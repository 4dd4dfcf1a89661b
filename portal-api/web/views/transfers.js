// Transfers: a phone that another provider still holds; both sides, and the manufacturer where it objects.
import { t } from '../en.js';
import { button, chip, confirm, dialog, empty, field, form, h, head, link, macText, notAllowed, pages, say, when } from '../dom.js';
import * as api from '../api.js';
import { profileNames } from './phones.js';

const KIND = { done: 'good', objected: 'warn', seen_reset: 'warn', refused: 'bad', expired: '', withdrawn: '', requested: '' };
const OPEN = new Set(['requested', 'seen_reset', 'objected']);

export async function transfers({ path, query, reload, go }) {
  if (path[0] === 'new') return api.may('claims:write') ? request({ query, go }) : notAllowed();
  const admin = api.session.kind === 'manufacturer';
  const list = await pages(t.transfers.title, [
    [t.phones.mac, (transfer) => h('span', { class: 'mono' }, macText(transfer.mac))],
    [t.transfers.state, (transfer) => chip(t.transfers.states[transfer.state] ?? transfer.state, KIND[transfer.state] ?? '')],
    [t.phones.model, (transfer) => transfer.model],
    admin ? [t.transfers.objection, (transfer) => transfer.objection ?? t.none] : [t.transfers.side, (transfer) => t.transfers.sides[transfer.role]],
    [t.transfers.requested, (transfer) => when(transfer.requested_at)],
    [t.transfers.due, (transfer) => (OPEN.has(transfer.state) ? when(transfer.due_at) : transfer.decision_note ?? t.none)],
    ['', (transfer) => h('div', { class: 'row' }, ...(admin ? decide(transfer, reload) : answer(transfer, reload))), 'actions'],
  ], api.lister(admin ? '/v1/admin/transfers' : '/v1/transfers', 'transfers'), empty(t.transfers.none, t.transfers.noneText));
  return [head(t.transfers.title, admin ? t.transfers.adminText : t.transfers.text, !admin && api.may('claims:write') && link('#/transfers/new', t.transfers.request, 'secondary')), list];
}

function answer(transfer, reload) {
  if (!api.may('claims:write') || !OPEN.has(transfer.state)) return [];
  const one = `/v1/transfers/${transfer.id}`;
  const done = async () => { await reload(); say(t.saved); };
  if (transfer.role === 'requester') {
    return [button(t.transfers.withdraw, async () => { await api.remove(one); await done(); }, 'plain')];
  }
  return [
    button(t.transfers.consent, async () => {
      if (!await confirm(t.transfers.consent, t.transfers.consentText(macText(transfer.mac)), t.transfers.consent, 'danger')) return;
      await api.post(`${one}/consent`);
      await done();
    }, 'plain'),
    transfer.state !== 'objected' && button(t.transfers.object, async () => {
      const why = field({ name: 'objection', label: t.transfers.why, type: 'textarea', rows: 3 });
      if (await dialog(t.transfers.object, [h('p', {}, t.transfers.objectText), why], [['', t.cancel], ['yes', t.transfers.object, 'primary']]) !== 'yes') return;
      await api.post(`${one}/object`, { objection: why.querySelector('textarea').value.trim() });
      await done();
    }, 'plain'),
  ].filter(Boolean);
}

function decide(transfer, reload) {
  if (!api.may('admin:write') || transfer.state !== 'objected') return [];
  return [button(t.transfers.decide, async () => {
    const note = field({ name: 'note', label: t.transfers.note, type: 'textarea', rows: 3, hint: t.transfers.noteHint });
    const chosen = await dialog(t.transfers.decide, [h('p', {}, transfer.objection), note], [['', t.cancel], ['refuse', t.transfers.keep], ['transfer', t.transfers.give, 'primary']]);
    if (!chosen) return;
    await api.post(`/v1/admin/transfers/${transfer.id}/decide`, { decision: chosen, note: note.querySelector('textarea').value.trim() || null });
    await reload();
    say(t.saved);
  }, 'plain')];
}

async function request({ query, go }) {
  const names = await profileNames();
  return [head(t.transfers.request, t.transfers.requestText), form({
    class: 'card wide-form',
    text: t.transfers.request,
    fields: [
      field({ name: 'mac', label: t.phones.mac, required: true, value: query.mac, class: 'mono', placeholder: '00:15:65:aa:bb:cc' }),
      field({ name: 'claim_code', label: t.claim.code, value: query.code, class: 'mono', placeholder: 'XXXXX-XXXXX-XXXX', hint: t.claim.codeHint }),
      field({ name: 'profile_id', label: t.phones.profile, options: [...names] }),
    ],
    submit: async ({ claim_code: code, ...values }) => {
      await api.post('/v1/transfers', code ? { ...values, claim_code: code } : values);
      go('#/transfers');
      say(t.saved);
    },
    more: [link('#/transfers', t.cancel)],
  })];
}
