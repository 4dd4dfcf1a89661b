// Profiles: where phones are sent and how; made and changed with a preview beside the form.
import { t } from '../en.js';
import { button, card, confirm, empty, facts, field, form, h, head, link, macText, newId, notAllowed, notice, pages, replace, say, values, when } from '../dom.js';
import * as api from '../api.js';

export async function profiles({ path, go, reload }) {
  if (path[0] === 'new') return api.may('profiles:write') ? edit({ profile: null, go }) : notAllowed();
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
    [t.profiles.redelivery, t.profiles.redeliveries[profile.redelivery]],
    profile.password_length && [t.profiles.length, String(profile.password_length)]))];
}

const SUGGESTED = 50; // phones that the preview offers; any other is found by its MAC
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
    password_length: all.password_length ? Number(all.password_length) : null,
    purge_after_delivery: all.purge_after_delivery && all.redelivery !== 'always',
  };
}

async function edit({ profile, go }) {
  const [me, claims] = await Promise.all([api.get('/v1/me'), api.get('/v1/claims', { limit: SUGGESTED, profile_id: profile?.id })]);
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
      field({ name: 'password_length', label: t.profiles.length, type: 'number', min: 12, max: 64, value: String(is.password_length ?? ''), hint: t.profiles.lengthHint }),
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
  preview.follow(element);
  return [h('div', {}, link('#/profiles', t.profiles.back)), head(profile ? profile.name : t.profiles.create, profile ? t.profiles.changeText : null),
    h('div', { class: 'columns' }, element, preview.element)];
}

// --- What a phone would get ---

const MADE_UP = { mac: '001565AABBCC', serial_number: 'SN00000001', model: 'model' }; // as the server makes one up

/** A MAC and a model: one of one's own phones, or one of that model that is made up. */
function previewCard(claims) {
  const models = [...new Set(claims.map((claim) => claim.model))];
  const suggested = (name, options) => h('datalist', { id: newId(name) }, options.map(([value, text]) => h('option', { value }, text)));
  const [macs, known] = [suggested('macs', claims.map((claim) => [macText(claim.mac), claim.model])), suggested('models', models.map((model) => [model, '']))];
  const choice = h('form', { class: 'filters', onsubmit: (event) => event.preventDefault(), oninput: () => later() },
    field({ name: 'mac', label: t.profiles.previewMac, value: claims.length > 0 ? macText(claims[0].mac) : '', class: 'mono', hint: t.profiles.previewMacHint, list: macs.id }),
    field({ name: 'model', label: t.phones.model, value: '', hint: t.profiles.previewModelHint, list: known.id }), macs, known);
  const shown = h('div', { class: 'stack', 'aria-live': 'polite' });
  let profile = null; // the form that it is shown for
  let turn = 0;
  let timer = null;
  const later = () => { clearTimeout(timer); timer = setTimeout(() => show(), 350); };

  async function show() {
    const mine = ++turn;
    const all = values(profile);
    const phone = values(choice);
    const answer = await rendered(phone, { ...all, name: all.name || t.profiles.previewName, window_hours: all.window_hours || '24' });
    if (mine !== turn) return;
    const own = claims.find((claim) => claim.mac === digitsOf(phone.mac)) ?? { ...MADE_UP, ...(phone.model && { model: phone.model }), ...(digitsOf(phone.mac).length === 12 && { mac: digitsOf(phone.mac) }) };
    const urls = answer.urls ?? [all.provisioning_url, ...lines(all.fallback_urls)].filter(Boolean).map((url) => expand(url, own));
    replace(shown, urls.length > 0 && h('div', { class: 'stack tight' }, h('h3', {}, t.profiles.previewUrls), urls.map((url) => h('code', {}, url))), answer.content);
  }
  return { element: card(t.profiles.preview, h('p', { class: 'quiet' }, t.profiles.previewText), choice, shown), follow: (form) => {
    profile = form;
    form.addEventListener('input', later);
    form.addEventListener('change', later);
    show();
  } };
}

const digitsOf = (mac) => mac.replace(/[-:. ]/g, '').toUpperCase();
const expand = (url, phone) => url.replace(/\{(mac|MAC|serial|model)\}/g, (_, name) =>
  ({ mac: phone.mac.toLowerCase(), MAC: phone.mac, serial: encodeURIComponent(phone.serial_number), model: encodeURIComponent(phone.model) })[name]);

/** The exact answer, as the server renders it with the phone's own format, and the URLs in it; what is wrong; or what to type. */
async function rendered({ mac, model }, all) {
  const profile = body(all);
  if (!profile.provisioning_url || (!mac && !model)) return { content: hint(t.profiles.previewNone) };
  if (mac && !/^[0-9A-F]{12}$/.test(digitsOf(mac))) return { content: hint(t.profiles.previewNoMac) };
  try {
    return whole(await askedFor({ mac, model }, profile));
  } catch (problem) {
    if (problem.silent) return { content: null };
    if (problem.status !== 422) return { content: hint(t.profiles.previewLater) };
    const errors = problem.errors ?? [];
    if (errors.some((each) => each.code === 'unknown_phone')) return { content: hint(model ? t.profiles.previewNoModel : t.profiles.previewNotYours) };
    return { content: notice('warn', t.profiles.previewWrong, ...errors.map((each) => h('p', { class: 'small' }, each.detail))) };
  }
}

/** By its MAC where the phone is one's own; by its model where it is not, or none is named. */
async function askedFor({ mac, model }, profile) {
  const byModel = () => api.ask('/v1/profiles/preview', mac ? { profile, model, mac } : { profile, model });
  if (!mac) return byModel();
  try {
    return await api.ask('/v1/profiles/preview', { profile, mac });
  } catch (problem) {
    if (!model || !problem.errors?.some((each) => each.code === 'unknown_phone')) throw problem;
    return byModel();
  }
}

const hint = (text) => h('p', { class: 'quiet small' }, text);

function whole(answer) {
  return { urls: [answer.provisioning_url, ...answer.fallback_urls], content: h('div', { class: 'stack tight' }, h('h3', {}, t.profiles.previewAnswer(answer.model, answer.format)),
    answer.left_out.map((name) => notice('warn', t.profiles.leftOut[name])),
    answer.stage_one && [h('p', {}, t.profiles.stageOne), h('pre', {}, answer.stage_one), h('p', {}, t.profiles.stageTwo)], h('pre', {}, answer.body)) };
}
