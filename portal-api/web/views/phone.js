// One phone: what is known of it, its admin password, what can be done with it, its life so far.
import { t } from '../en.js';
import { button, card, confirm, facts, field, form, h, head, link, macText, notice, replace, say, secret, when, wordOf } from '../dom.js';
import * as api from '../api.js';
import { profileNames, state } from './phones.js';

const SHOWN_S = 120; // then the password is hidden again

export async function phone({ mac, reload, go }) {
  const path = `/v1/claims/${encodeURIComponent(mac)}`;
  const [claim, timeline, names] = await Promise.all([api.get(path).catch(notMine), api.get(`${path}/timeline`).catch(notMine), profileNames()]);
  if (!claim) return notHeld(mac, timeline);
  return [
    h('div', {}, link('#/phones', t.phone.back)),
    head(macText(claim.mac), `${claim.model} · ${claim.serial_number}`, state(claim)),
    advice(claim),
    h('div', { class: 'columns' },
      h('div', { class: 'stack' }, about(claim, names), password(claim, path, reload), api.may('claims:write') && deeds(claim, path, names, { reload, go })),
      life(timeline)),
  ];
}

/** Nothing, where there is nothing of ours; other problems are none of this page's. */
function notMine(problem) {
  if (problem.status !== 404) throw problem;
  return null;
}

/** A phone that one held once still has the life it had until then. */
function notHeld(mac, timeline) {
  const digits = mac.replace(/[-:. ]/g, '');
  const title = /^[0-9a-f]{12}$/i.test(digits) ? macText(digits) : mac;
  return [
    h('div', {}, link('#/phones', t.phone.back)),
    head(title, null, api.may('claims:write') && link(`#/phones/new${api.queryText({ mac })}`, t.phones.claimOne, 'secondary')),
    timeline ? notice('', t.phone.past, h('p', {}, t.phone.pastText)) : notice('', t.phone.notYours, h('p', {}, t.phone.notYoursText)),
    timeline && life(timeline),
  ];
}

function advice(claim) {
  if (claim.state === 'suspended') return notice('bad', t.phone.suspended, h('p', {}, t.phone.suspendedText));
  if (claim.contacted_before_claim && !claim.delivered_at) return notice('warn', t.phone.early, h('p', {}, t.phone.earlyText));
  if (!claim.contacted_at) return notice('', t.phone.waiting, h('p', {}, t.phone.waitingText));
  return null;
}

function about(claim, names) {
  return card(t.phone.about, facts(
    [t.phones.mac, h('code', {}, macText(claim.mac))],
    [t.phones.model, claim.model],
    [t.phones.serial, claim.serial_number],
    [t.phones.profile, link(`#/profiles/${claim.profile_id}`, names.get(claim.profile_id) ?? t.none)],
    [t.phones.claimed, when(claim.claimed_at, { exact: true })],
    [t.phones.seen, when(claim.contacted_at, { exact: true })],
    [t.phone.delivered, when(claim.delivered_at, { exact: true })]));
}

// --- The admin password ---

function password(claim, path, reload) {
  if (!api.may('claims:reveal')) return card(t.phone.password, h('p', { class: 'quiet' }, t.phone.passwordNotYours));
  const place = h('div', { class: 'stack' });
  const hide = () => {
    const hadFocus = place.contains(document.activeElement);
    replace(place, start);
    if (hadFocus) start.querySelector('button').focus();
  };
  const reveal = async () => {
    if (!await confirm(t.phone.reveal, [t.phone.revealText(macText(claim.mac)), t.phone.revealAudit], t.phone.revealYes)) return;
    const shown = await api.post(`${path}/reveal`);
    replace(place, facts([t.phone.user, h('code', {}, shown.admin_user)]),
      shown.admin_password
        ? [h('p', { class: 'small quiet' }, shown.delivered_at ? [t.phone.deliveredPassword, ' ', when(shown.delivered_at)] : t.phone.firstPassword), secret(shown.admin_password, t.phone.password)]
        : h('p', {}, t.phone.noPassword),
      shown.pending_password && [h('p', { class: 'small quiet' }, t.phone.pendingPassword), secret(shown.pending_password, t.phone.pendingName)],
      h('div', { class: 'row' }, h('button', { type: 'button', class: 'plain', onclick: hide }, t.phone.hide)));
    place.querySelector('button').focus();
    say(t.phone.revealed);
    setTimeout(() => { if (place.isConnected && place.firstChild !== start) hide(); }, SHOWN_S * 1000);
  };
  const start = h('div', { class: 'row' }, button(t.phone.reveal, reveal),
    api.may('claims:write') && button(t.phone.rotate, async () => {
      if (!await confirm(t.phone.rotate, t.phone.rotateText, t.phone.rotateYes)) return;
      await api.post(`${path}/rotate`);
      await reload();
      say(t.phone.rotated);
    }, 'plain'));
  place.append(start);
  return card(t.phone.password, claim.pending_since && notice('', t.phone.pending, h('p', { class: 'small' }, t.phone.pendingText, ' ', when(claim.pending_since))), place);
}

// --- What can be done ---

function deeds(claim, path, names, { reload, go }) {
  const match = { 'If-Match': `"${claim.version}"` };
  const suspended = claim.state === 'suspended';
  return card(t.phone.deeds,
    form({
      text: t.phone.moveYes,
      kind: '',
      fields: [field({ name: 'profile_id', label: t.phone.move, options: [...names], value: claim.profile_id, hint: t.phone.moveHint })],
      submit: async (values) => {
        await api.patch(path, values, match);
        await reload();
        say(t.saved);
      },
    }),
    h('hr', {}),
    deed(t.phone.rearmText, button(t.phone.rearm, async () => { await api.post(`${path}/rearm`); await reload(); say(t.phone.rearmed); })),
    deed(suspended ? t.phone.resumeText : t.phone.suspendText, button(suspended ? t.phone.resume : t.phone.suspend, async () => {
      await api.patch(path, { suspended: !suspended }, match);
      await reload();
      say(t.saved);
    })),
    deed(t.phone.releaseText, button(t.phone.release, async () => {
      if (!await confirm(t.phone.release, [t.phone.releaseAsk(macText(claim.mac)), t.phone.releaseConsequence], t.phone.release, 'danger')) return;
      await api.remove(path);
      go('#/phones');
      say(t.phone.released);
    }, 'danger')));
}

const deed = (text, action) => h('div', { class: 'deed' }, action, h('span', { class: 'quiet small' }, text));

// --- Its life ---

const GOOD = new Set(['delivered', 'claimed']);
const BAD = new Set(['refused', 'revoked', 'suspended']);

function detailText(detail) {
  if (!detail || typeof detail !== 'object') return detail ? String(detail) : null;
  const pairs = Object.entries(detail).filter(([, value]) => value !== null && value !== '' && typeof value !== 'object');
  return pairs.map(([name, value]) => `${t.detail[name] ?? name.replaceAll('_', ' ')}: ${value}`).join(' · ') || null;
}

export function life({ states }) {
  const steps = [...states].reverse();
  return card(t.phone.life, steps.length === 0 ? h('p', { class: 'quiet' }, t.phone.noLife) : h('ol', { class: 'timeline' }, steps.map((step) =>
    h('li', { class: GOOD.has(step.kind) ? 'good' : BAD.has(step.kind) ? 'bad' : null }, h('div', {},
      h('strong', {}, wordOf(t.kinds, step.kind)),
      h('div', { class: 'when' }, when(step.at, { exact: true }), step.source && ` · ${t.sources[step.source] ?? step.source}`),
      detailText(step.detail) && h('div', { class: 'small' }, detailText(step.detail)))))));
}
