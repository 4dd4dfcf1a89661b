// The frame of the pages: who is signed in, the navigation, and which view the address names.
import { t } from './en.js';
import { h, head, notice, problemText, replace, say } from './dom.js';
import * as api from './api.js';
import { views, navigation } from './routes.js';
import { gate } from './views/gate.js';

const app = document.getElementById('app');
let page = null; // the <main> of the view shown
let shown = 0; // counts views, so that a slow one does not overwrite the next

/** What somebody typed may be no escape at all. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** '#/phones/001565AABBCC?x=1' -> { path: ['phones', '001565AABBCC'], query: {x: '1'} } */
function address() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').map(decoded).filter(Boolean), query: Object.fromEntries(new URLSearchParams(query)) };
}

function frame() {
  const person = api.session.user;
  const place = address().path[0] ?? '';
  const side = h('header', { class: 'side' });
  const menu = h('button', { type: 'button', class: 'menu-button', 'aria-expanded': 'false', 'aria-controls': 'navigation', onclick: () => {
    menu.setAttribute('aria-expanded', String(side.classList.toggle('open')));
  } }, t.nav.menu);
  side.append(
    h('div', { class: 'top' }, h('a', { class: 'brand', href: '#/' }, h('img', { src: '/web/icon.svg', alt: '' }), t.name), menu),
    h('nav', { id: 'navigation', 'aria-label': t.nav.label }, navigation().map(([title, items]) => [
      title && h('h2', {}, title),
      h('ul', {}, items.map(([to, text]) => h('li', {}, h('a', { href: `#/${to}`, 'data-place': to, 'aria-current': to === place ? 'page' : null }, text))))])),
    h('div', { class: 'who' }, h('strong', {}, person.display_name),
      h('span', { class: 'quiet' }, api.session.itsp ? api.session.itsp.name : t.manufacturer),
      h('span', { class: 'quiet' }, t.roles[person.role]),
      h('div', { class: 'row' },
        h('button', { type: 'button', class: 'secondary', onclick: () => api.signOut().catch(() => location.reload()) }, t.nav.signOut))));
  page = h('main', { id: 'main', tabindex: '-1' });
  replace(app, h('a', { class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); page.focus(); } }, t.nav.skip),
    h('div', { class: 'frame' }, side, page));
}

function mark(place) {
  for (const each of app.querySelectorAll('nav a')) {
    if (each.dataset.place === place) each.setAttribute('aria-current', 'page');
    else each.removeAttribute('aria-current');
  }
  app.querySelector('.side')?.classList.remove('open');
  app.querySelector('.menu-button')?.setAttribute('aria-expanded', 'false');
}

async function show() {
  const mine = ++shown;
  const { path, query } = address();
  if (path[0] === 'link' || !api.session || mustSetUp()) {
    page = null;
    document.title = t.name;
    gate(app, { link: path[0] === 'link' ? path[1] : null, done: show });
    return;
  }
  if (!page) frame();
  mark(path[0] ?? navigation()[0][1][0][0]);
  const waiting = setTimeout(() => replace(page, h('p', { class: 'quiet', role: 'status' }, t.loading)), 250);
  let content;
  try {
    content = await view(path)({ path: path.slice(1), query, reload: show, go: (to) => { location.hash = to; } });
  } catch (problem) {
    if (problem.silent) return;
    content = sorry(problem);
  } finally {
    clearTimeout(waiting);
  }
  if (mine !== shown) return;
  replace(page, content);
  page.dataset.view = location.hash; // what is shown now: for tests
  const title = page.querySelector('h1');
  document.title = title ? `${title.textContent} – ${t.name}` : t.name;
  title?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** A page whose script cannot be had, or does not go with the others since these are older, is helped by loading all anew. */
function sorry(problem) {
  const told = problem instanceof api.Problem;
  return [head(t.problem.title), notice('bad', told ? problemText(problem) : t.problem.script),
    h('div', { class: 'row' }, h('button', { type: 'button', onclick: told ? show : () => location.reload() }, told ? t.again : t.problem.anew))];
}

const mustSetUp = () => api.session.second_factor.required && !api.session.second_factor.set_at;

function view(path) {
  const name = path[0] ?? navigation()[0][1][0][0];
  return Object.hasOwn(views, name) ? views[name] : async () => [head(t.notFound.title, t.notFound.text)];
}

window.addEventListener('hashchange', show);
window.addEventListener('signed-out', ({ detail }) => {
  page = null;
  shown++;
  gate(app, { ended: detail.ended, done: show });
  say(detail.ended ? t.gate.ended : t.gate.signedOut);
});

/** Before it is known who is signed in. */
const alone = (...content) => replace(app, h('div', { class: 'gate' }, h('main', {}, h('div', { class: 'brand' }, h('img', { src: '/web/icon.svg', alt: '' }), t.name), ...content)));

async function begin() {
  const waiting = setTimeout(() => alone(h('p', { class: 'quiet waiting', role: 'status' }, t.loading)), 150);
  try {
    await api.restore();
  } catch (problem) {
    alone(head(t.problem.title), notice('bad', problemText(problem)), h('button', { type: 'button', class: 'primary', onclick: begin }, t.again));
    return;
  } finally {
    clearTimeout(waiting);
  }
  await show();
}

await begin();
