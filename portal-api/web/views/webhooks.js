// Webhooks: events posted to a server of one's own. The list, a new one; one with its posts, tests and replays.
import { t } from '../en.js';
import { button, card, chip, confirm, dialog, empty, facts, field, form, h, head, link, notice, pages, replace, say, showOnce, table, when, wordOf } from '../dom.js';
import * as api from '../api.js';
import { choices } from './tokens.js';

const KINDS = ['contacted', 'delivered', 'staged', 'refused', 'shipped', 'shipment_cancelled', 'claimed', 'suspended', 'resumed', 'released', 'purged', 'transfer_requested', 'transfer_seen_reset', 'transfer_objected', 'transfer_done', 'transfer_refused',
  'transfer_withdrawn', 'transfer_expired'];
const TEST_LOOKS = 10; // how often a test's result is looked for, a second apart

const mayChange = () => api.may('profiles:write') && api.may('events:read');

export async function webhooks({ path, reload, go }) {
  if (path[0]) return one({ id: path[0], reload, go });
  const list = await pages(t.webhooks.title, [
    [t.webhooks.url, (hook) => h('a', { href: `#/webhooks/${hook.id}` }, h('code', {}, hook.url))],
    [t.webhooks.kinds, kindsOf],
    [t.webhooks.state, state],
    [t.created, (hook) => when(hook.created_at)],
  ], api.listerOfAll('/v1/webhooks', 'webhooks'), empty(t.webhooks.none, t.webhooks.noneText));
  return [head(t.webhooks.title, t.webhooks.text), mayChange() && create(go), list];
}

const kindsOf = (hook) => h('span', { class: 'small' }, hook.kinds.length === 0 ? t.webhooks.all : hook.kinds.map((kind) => wordOf(t.kinds, kind)).join(', '));

function state(hook) {
  if (hook.state === 'failed') return chip(t.webhooks.failed, 'bad');
  if (hook.state === 'paused') return chip(t.webhooks.paused);
  return hook.failing_since ? chip(t.webhooks.failing, 'warn') : chip(t.webhooks.live, 'good');
}

/** What can be said of one: where, and of what. Kinds that these pages do not know yet stay as they are. */
const fields = (hook) => [
  field({ name: 'url', label: t.webhooks.url, required: true, value: hook?.url ?? '', class: 'mono', placeholder: 'https://hooks.example.net/firstring', hint: t.webhooks.urlHint, maxlength: 1024 }),
  choices('kinds', t.webhooks.kinds, [...new Set([...KINDS, ...(hook?.kinds ?? [])])].map((kind) => [kind, wordOf(t.kinds, kind)]), { hint: t.webhooks.kindsHint, checked: hook?.kinds, wide: true }),
];

const showSecret = (hook) => showOnce(t.webhooks.secretTitle, hook.secret, t.webhooks.secret, h('p', { class: 'small' }, t.webhooks.secretText));

const create = (go) => h('details', { class: 'card' }, h('summary', {}, t.webhooks.create), form({
  class: 'wide-form', text: t.webhooks.create, fields: fields(null),
  submit: async (values) => {
    const made = await api.post('/v1/webhooks', values);
    await showSecret(made);
    go(`#/webhooks/${made.id}`);
  },
}));

// --- One webhook ---

async function one({ id, reload, go }) {
  const path = `/v1/webhooks/${encodeURIComponent(id)}`;
  const [hook, attempts] = await Promise.all([api.get(path), postsOf(path)]);
  const posts = h('div', {}, postTable(attempts));
  const writes = mayChange();
  return [
    h('div', {}, link('#/webhooks', t.webhooks.back)),
    head(t.webhooks.one, null, state(hook)),
    health(hook),
    h('div', { class: 'columns' },
      card(t.webhooks.about, facts([t.webhooks.url, h('code', {}, hook.url)], [t.webhooks.kinds, kindsOf(hook)], [t.created, when(hook.created_at, { exact: true })],
        hook.failing_since && [t.webhooks.failingSince, when(hook.failing_since, { exact: true })], hook.failing_since && hook.state === 'live' && [t.webhooks.next, when(hook.next_attempt_at, { exact: true })])),
      writes && deeds(hook, path, { posts, reload, go })),
    writes && change(hook, path, reload),
    h('div', { class: 'head' }, h('h2', {}, t.webhooks.posts), button(t.refresh, async () => replace(posts, postTable(await postsOf(path))))),
    posts,
  ];
}

function health(hook) {
  if (hook.state === 'failed') return notice('bad', t.webhooks.failedTitle, h('p', {}, t.webhooks.failedText));
  if (hook.state === 'paused') return notice('', t.webhooks.pausedTitle, h('p', {}, t.webhooks.pausedText));
  return hook.failing_since && notice('warn', t.webhooks.failingTitle, h('p', {}, t.webhooks.failingText));
}

const postsOf = async (path) => (await api.get(`${path}/attempts`)).attempts;

const postTable = (attempts) => (attempts.length === 0 ? empty(t.webhooks.noPosts, t.webhooks.noPostsText) : table(t.webhooks.posts, [
  [t.events.at, (post) => when(post.at)],
  [t.webhooks.result, (post) => chip(post.taken ? t.webhooks.taken : t.webhooks.notTaken, post.taken ? 'good' : 'bad')],
  [t.webhooks.carried, (post) => (post.test ? t.webhooks.aTest : t.webhooks.events(post.events))],
  [t.webhooks.answer, (post) => post.error ?? (post.status === null ? t.none : String(post.status))],
  [t.webhooks.took, (post) => t.webhooks.ms(post.took_ms)],
], attempts));

const deed = (text, action) => h('div', { class: 'deed' }, action, h('span', { class: 'quiet small' }, text));

function deeds(hook, path, { posts, reload, go }) {
  const told = h('div', { role: 'status' });
  const goesOn = hook.state !== 'live';
  return card(t.webhooks.deeds,
    deed(t.webhooks.testText, button(t.webhooks.test, () => test(path, posts, told))), told,
    deed(goesOn ? t.webhooks.resumeText : t.webhooks.pauseText, button(goesOn ? t.webhooks.resume : t.webhooks.pause, async () => {
      await api.patch(path, { state: goesOn ? 'live' : 'paused' }, { 'If-Match': `"${hook.version}"` });
      await reload();
      say(t.saved);
    })),
    deed(t.webhooks.replayText, button(t.webhooks.replay, () => replay(path, reload))),
    deed(t.webhooks.rotateText, button(t.webhooks.rotate, async () => {
      if (!await confirm(t.webhooks.rotate, t.webhooks.rotateAsk, t.webhooks.rotate)) return;
      await showSecret(await api.post(`${path}/rotate-secret`));
      await reload();
    })),
    deed(t.webhooks.removeText, button(t.remove, async () => {
      if (!await confirm(t.webhooks.remove, t.webhooks.removeAsk(hook.url), t.remove, 'danger')) return;
      await api.remove(path);
      go('#/webhooks');
      say(t.saved);
    }, 'danger')));
}

/** Posts a test and waits for what became of it. */
async function test(path, posts, told) {
  const latest = (list) => list.find((post) => post.test);
  const before = latest(await postsOf(path))?.at;
  await api.post(`${path}/test`);
  replace(told, notice('', t.webhooks.testing));
  for (let look = 0; look < TEST_LOOKS && told.isConnected; look++) {
    await api.pause(1000);
    const now = await postsOf(path);
    const result = latest(now);
    if (!result || result.at === before) continue;
    replace(posts, postTable(now));
    replace(told, result.taken ? notice('good', t.webhooks.testTaken(result.status)) : notice('bad', t.webhooks.testNotTaken, h('p', {}, result.error ?? String(result.status))));
    return;
  }
  replace(told, notice('warn', t.webhooks.testLate));
}

async function replay(path, reload) {
  const since = field({ name: 'since', label: t.webhooks.since, type: 'datetime-local', value: localTime(new Date(Date.now() - 3600000)) });
  if (await dialog(t.webhooks.replay, [h('p', {}, t.webhooks.replayAsk), since], [['', t.cancel], ['yes', t.webhooks.replay, 'primary']]) !== 'yes') return;
  const at = new Date(since.querySelector('input').value);
  if (Number.isNaN(at.getTime())) throw new api.Problem({ detail: t.webhooks.noTime });
  await api.post(`${path}/replay`, { since: at.toISOString() });
  await reload();
  say(t.webhooks.replayed);
}

/** As the browser's control for times spells one: local, to the minute. */
const localTime = (date) => new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

const change = (hook, path, reload) => h('details', { class: 'card' }, h('summary', {}, t.webhooks.change), form({
  class: 'wide-form', text: t.save, fields: fields(hook),
  submit: async (values) => {
    await api.patch(path, values, { 'If-Match': `"${hook.version}"` });
    await reload();
    say(t.saved);
  },
}));
