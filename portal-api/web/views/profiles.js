// Profiles: where phones are sent and how; made and changed with a preview beside the form.
import { t } from '../en.js';
import { button, card, confirm, empty, facts, field, form, h, head, link, macText, notice, pages, replace, say, values, when } from '../dom.js';
import * as api from '../api.js';

export async function profiles({ path, go, reload }) {
  if (path[0] === 'new') return edit({ profile: null, go });
  if (path[0]) return api.may('profiles:write') ? edit({ profile: await api.get(`/v1/profiles/${encodeURIComponent(path[0])}`), go }) : look(path[0]);
  const list = await pages(t.profiles.title, [
    [t.profiles.name, (profile) => link(`#/profiles/${profile.id}`, profile.name)],
    [t.profiles.url, (profile) => h('code', {}, profile.provisioning_url)],
    [t.profiles.delivery, (profile) => t.profiles.deliveries[profile.delivery] ?? profile.delivery],
    [t.profiles.redelivery, (profile) => t.profiles.redeliveries[profile.redelivery] ?? profile.redelivery],
    [t.changed, (profile) => when(profile.updated_at)],
  ], api.lister('/v1/profiles', 'profiles'), empty(t.profiles.none, t.profiles.noneText, api.may('profiles:write') && link('#/profiles/new', t.profiles.create, 'primary')));
  return [head(t.profiles.title, t.profiles.text, api.may('profiles:write') && link('#/profiles/new', t.profiles.create, 'primary')), list];
}

async function look(id) {
  const profile = await api.get(`/v1/profiles/${encodeURIComponent(id)}`);
  return [h('div', {}, link('#/profiles', t.profiles.back)), head(profile.name), card(t.profiles.about, facts(
    [t.profiles.url, h('code', {}, profile.provisioning_url)],
    [t.profiles.fallback, profile.fallback_urls.map((url) => h('div', {}, h('code', {}, url)))],
    [t.profiles.delivery, t.profiles.deliveries[profile.delivery]],
    [t.profiles.redelivery, t.profiles.redeliveries[profile.redelivery]]))];
}

const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

function body(all) {
  return {
    name: all.name,
    provisioning_url: all.provisioning_url,
    fallback_urls: lines(all.fallback_urls),
    trust_anchors: all.trust_anchors || null,
    delivery: all.delivery,
    redelivery: all.redelivery,
    window_hours: all.redelivery === 'window' ? Number(all.window_hours) : null,
    purge_after_delivery: all.purge_after_delivery && all.redelivery !== 'always',
  };
}

async function edit({ profile, go }) {
  const [me, claims] = await Promise.all([api.get('/v1/me'), api.get('/v1/claims', { limit: 5, profile_id: profile?.id })]);
  const is = profile ?? { name: '', provisioning_url: `https://${me.itsp.domains[0] ?? 'example.net'}/{mac}.cfg`, fallback_urls: [], trust_anchors: '', delivery: 'direct', redelivery: 'always', window_hours: 24 };
  const preview = previewCard(claims.claims);
  const hours = field({ name: 'window_hours', label: t.profiles.hours, type: 'number', min: 1, max: 8760, value: String(is.window_hours ?? 24) });
  const showHours = () => { hours.hidden = element.elements.redelivery.value !== 'window'; };
  const element = form({
    class: 'card',
    text: profile ? t.save : t.profiles.create,
    fields: [
      field({ name: 'name', label: t.profiles.name, required: true, value: is.name, maxlength: 128 }),
      field({ name: 'provisioning_url', label: t.profiles.url, required: true, value: is.provisioning_url, class: 'mono', hint: t.profiles.urlHint(me.itsp.domains.join(', ')) }),
      field({ name: 'fallback_urls', label: t.profiles.fallback, type: 'textarea', rows: 2, value: is.fallback_urls.join('\n'), hint: t.profiles.fallbackHint }),
      field({ name: 'delivery', label: t.profiles.delivery, value: is.delivery, options: Object.entries(t.profiles.deliveries), hint: t.profiles.deliveryHint }),
      field({ name: 'redelivery', label: t.profiles.redelivery, value: is.redelivery, options: Object.entries(t.profiles.redeliveries), onchange: () => showHours() }),
      hours,
      field({ name: 'purge_after_delivery', type: 'checkbox', label: t.profiles.purge, hint: t.profiles.purgeHint, value: Boolean(is.purge_after_delivery) }),
      field({ name: 'trust_anchors', label: t.profiles.anchors, type: 'textarea', rows: 3, value: is.trust_anchors ?? '', hint: t.profiles.anchorsHint }),
    ],
    submit: async (all) => {
      if (profile) await api.patch(`/v1/profiles/${profile.id}`, body(all), { 'If-Match': `"${profile.version}"` });
      else await api.post('/v1/profiles', body(all));
      go('#/profiles');
      say(t.saved);
    },
    more: [link('#/profiles', t.cancel), profile && button(t.profiles.remove, async () => {
      if (!await confirm(t.profiles.remove, t.profiles.removeText(profile.name), t.profiles.remove, 'danger')) return;
      await api.remove(`/v1/profiles/${profile.id}`);
      go('#/profiles');
    }, 'plain danger')].filter(Boolean),
  });
  showHours();
  let timer = null;
  const changed = () => { clearTimeout(timer); timer = setTimeout(() => preview.update(element), 350); };
  element.addEventListener('input', changed);
  element.addEventListener('change', changed);
  preview.update(element);
  return [h('div', {}, link('#/profiles', t.profiles.back)), head(profile ? profile.name : t.profiles.create, profile ? t.profiles.changeText : null),
    h('div', { class: 'columns' }, element, preview.element)];
}

// --- What a phone would get ---

const SAMPLE = { mac: '001565AABBCC', serial_number: 'SN12345678', model: 'phone', sample: true };

function previewCard(claims) {
  const phones = claims.length > 0 ? claims : [SAMPLE];
  const choice = field({ name: 'phone', label: t.profiles.previewFor, options: phones.map((phone, index) => [String(index), phone.sample ? t.profiles.sample : `${macText(phone.mac)} · ${phone.model}`]),
    onchange: () => latest && show(latest) });
  const shown = h('div', { class: 'stack', 'aria-live': 'polite' });
  let latest = null;
  let turn = 0;

  async function show(element) {
    const mine = ++turn;
    latest = element;
    const phone = phones[Number(choice.querySelector('select').value)];
    const all = values(element);
    const urls = [all.provisioning_url, ...lines(all.fallback_urls)];
    const expanded = h('div', { class: 'stack tight' }, h('h3', {}, t.profiles.previewUrls), urls.map((url) => h('code', {}, expand(url, phone))));
    const answer = phone.sample ? null : await rendered(phone, { ...all, window_hours: all.window_hours || '24' });
    if (mine === turn) replace(shown, expanded, answer ?? h('p', { class: 'quiet small' }, phone.sample ? t.profiles.previewNone : t.profiles.previewLater));
  }
  return { element: card(t.profiles.preview, h('p', { class: 'quiet' }, t.profiles.previewText), choice, shown), update: show };
}

const expand = (url, phone) => url.replace(/\{(mac|MAC|serial|model)\}/g, (_, name) =>
  ({ mac: phone.mac.toLowerCase(), MAC: phone.mac, serial: encodeURIComponent(phone.serial_number), model: encodeURIComponent(phone.model) })[name]);

/** The exact answer, as the server renders it with the phone's own format; null where it cannot. */
async function rendered(phone, all) {
  try {
    const answer = await api.ask('/v1/profiles/preview', { mac: phone.mac, profile: body(all) });
    return h('div', { class: 'stack tight' }, h('h3', {}, t.profiles.previewAnswer),
      answer.left_out.map((name) => notice('warn', t.profiles.leftOut[name])),
      answer.stage_one && [h('p', {}, t.profiles.stageOne), h('pre', {}, answer.stage_one), h('p', {}, t.profiles.stageTwo)], h('pre', {}, answer.body));
  } catch (problem) {
    if (problem.status === 422) return notice('warn', t.profiles.previewWrong, ...(problem.errors ?? []).map((each) => h('p', { class: 'small' }, each.detail)));
    return null;
  }
}
