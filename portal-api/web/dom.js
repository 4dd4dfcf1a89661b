// Elements: made of tags, attributes and text. Text is only ever text: nothing here parses HTML, and
// the server's Content-Security-Policy forbids it as well.
import { t } from './en.js';

let ids = 0;
export const newId = (word) => `${word}-${++ids}`;

/** An element. Attributes: `class`, `onclick` and other handlers, booleans, strings; null is left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const replace = (element, ...children) => element.replaceChildren(...children.flat(Infinity).filter(Boolean));

/** Tells people who do not see the page what has changed. */
export function say(text) {
  const live = document.getElementById('live');
  live.textContent = '';
  setTimeout(() => { live.textContent = text; }, 50);
}

// --- Words ---

export const macText = (mac) => mac.match(/../g).join(':').toLowerCase();
const dates = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  for (const [unit, size] of [['day', 86400], ['hour', 3600], ['minute', 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return t.time.now;
}

/** A time: how long ago where that is easier to read, the whole of it on hover and for machines. */
export function when(text, { exact = false } = {}) {
  if (!text) return h('span', { class: 'quiet' }, t.none);
  const date = new Date(text);
  const near = !exact && Math.abs(date - Date.now()) < 7 * 86400000;
  return h('time', { datetime: text, title: `${dates.format(date)} (${text})` }, near ? ago(date) : dates.format(date));
}

/** A word of the API's that en.js does not know (yet), as words. */
export const wordOf = (known, name) => (Object.hasOwn(known, name) ? known[name] : name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' '));

/** An id as people compare it: its beginning, the whole of it on hover and when copied. */
export const shortId = (id) => (/^[0-9a-f]{8}-/.test(id) || id.length > 24 ? h('code', { class: 'small', title: id }, `${id.slice(0, 8)}…`) : h('code', { class: 'small' }, id));

export const chip = (text, kind = '') => h('span', { class: `chip ${kind}` }, text);
export const notice = (kind, title, ...more) =>
  h('div', { class: `notice ${kind}`, role: kind === 'bad' ? 'alert' : null }, h('strong', {}, title), ...more);
export const card = (title, ...children) =>
  h('section', { class: 'card' }, title && h('header', {}, h('h2', {}, title)), ...children);
export const empty = (title, text, ...more) => h('div', { class: 'card empty' }, h('h2', {}, title), h('p', { class: 'quiet' }, text), ...more);
export const facts = (...pairs) =>
  h('dl', { class: 'facts' }, pairs.filter(Boolean).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value ?? t.none)]));

export function head(title, text, ...actions) {
  return h('div', { class: 'head' },
    h('div', {}, h('h1', { tabindex: '-1' }, title), text && h('p', { class: 'quiet' }, text)),
    actions.length > 0 && h('div', { class: 'row' }, ...actions));
}

/** What somebody sees whose role does not allow a page that its address names. */
export const notAllowed = () => [head(t.notAllowed.title, t.notAllowed.text)];

// --- Buttons ---

export const link = (href, text, kind = '') => h('a', { href, class: kind ? `button ${kind}` : null }, text);

/** A list as a file, made by the server. */
export const download = (href) => h('a', { class: 'button', href, download: '' }, t.download);

/** Says at a button that its work goes on; it cannot be pressed meanwhile, and has the focus again afterwards. */
async function busy(element, work) {
  const hadFocus = document.activeElement === element;
  element.setAttribute('aria-busy', 'true');
  element.disabled = true;
  try {
    await work();
  } finally {
    element.removeAttribute('aria-busy');
    element.disabled = false;
    if (hadFocus && document.activeElement === document.body) element.focus();
  }
}

/** Text that the page has made, as a file. */
export async function saveAs(name, text) {
  const href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  h('a', { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}

/** A button whose work may take a while. */
export function button(text, work, kind = '', more = {}) {
  const element = h('button', { type: 'button', class: kind, ...more, onclick: (event) => busy(element, async () => {
    try {
      await work(event);
    } catch (error) {
      await tell(error);
    }
  }) }, text);
  return element;
}

/** A secret with a button that copies it; where the browser does not let us, it is marked for the keyboard. */
export function secret(text, what) {
  const shown = h('code', { 'aria-label': what }, text);
  const told = h('p', { class: 'small', hidden: true }, t.copyYourself);
  const copy = h('button', { type: 'button', 'aria-label': t.copyWhat(what), onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(shown);
      told.hidden = false;
      say(t.copyYourself);
      return;
    }
    told.hidden = true;
    copy.textContent = t.copied;
    say(t.copiedWhat(what));
    setTimeout(() => { copy.textContent = t.copy; }, 2500);
  } }, t.copy);
  return h('div', { class: 'secret' }, shown, copy, told);
}

// --- Dialogs ---

/** Shows a dialog until one of its buttons is pressed; resolves to that button's value ('' for Escape, which `held` takes away). */
export function dialog(title, content, buttons, { held = false } = {}) {
  return new Promise((resolve) => {
    const titleId = newId('dialog');
    const element = h('dialog', { 'aria-labelledby': titleId },
      h('form', { method: 'dialog', class: 'stack' }, h('h2', { id: titleId }, title), ...[content].flat(),
        h('div', { class: 'row end' }, buttons.map(([value, text, kind]) => h('button', { value, class: kind ?? '' }, text)))));
    if (held) element.addEventListener('cancel', (event) => event.preventDefault());
    element.addEventListener('close', () => { element.remove(); resolve(element.returnValue); });
    document.body.append(element);
    element.showModal();
  });
}

/** A secret that is never shown again. Escape does not close it: only the button that says it was kept. */
export const showOnce = (title, text, what, ...more) => dialog(title, [notice('warn', t.once), secret(text, what), ...more], [['', t.onceKept, 'primary']], { held: true });

export const confirm = async (title, text, action, kind = 'primary') =>
  await dialog(title, [text].flat().map((line) => h('p', {}, line)), [['', t.cancel], ['yes', action, kind]]) === 'yes';

/** Tells of a failure that no form shows. */
export async function tell(error) {
  if (error.silent) return;
  await dialog(t.problem.title, [h('p', {}, problemText(error)), error.requestId && h('p', { class: 'quiet small' }, t.problem.id(error.requestId))].filter(Boolean),
    [['', t.close, 'primary']]);
}

export const problemText = (error) => t.problem.codes[error.code] ?? error.detail ?? error.message ?? t.problem.unknown;

// --- Forms ---

function control(spec, id) {
  const described = [spec.hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(' ');
  const common = { id, name: spec.name, required: spec.required, 'aria-describedby': described, autocomplete: spec.autocomplete ?? 'off',
    maxlength: spec.maxlength, class: spec.class };
  if (spec.options) {
    return h('select', { ...common, autocomplete: null, onchange: spec.onchange },
      spec.options.map(([value, text]) => h('option', { value, selected: value === spec.value }, text)));
  }
  if (spec.type === 'textarea') return h('textarea', { ...common, rows: spec.rows, value: spec.value ?? '', spellcheck: 'false', oninput: spec.oninput });
  return h('input', { ...common, type: spec.type ?? 'text', value: spec.value ?? '', placeholder: spec.placeholder, spellcheck: 'false',
    inputmode: spec.inputmode, min: spec.min, max: spec.max, list: spec.list, autocapitalize: 'none', oninput: spec.oninput });
}

/** A labelled control, with a hint and a place for what is wrong with it. */
export function field(spec) {
  const id = newId(spec.name);
  if (spec.type === 'checkbox') {
    return h('div', { class: 'field' }, h('div', { class: 'check' },
      h('input', { type: 'checkbox', id, name: spec.name, checked: spec.value, onchange: spec.onchange, 'aria-describedby': spec.hint && `${id}-hint` }),
      h('label', { for: id }, spec.label, spec.hint && h('span', { class: 'hint', id: `${id}-hint` }, spec.hint))));
  }
  return h('div', { class: `field ${spec.wide ? 'wide' : ''}` },
    h('label', { for: id }, spec.label),
    spec.hint && h('span', { class: 'hint', id: `${id}-hint` }, spec.hint),
    control(spec, id),
    h('span', { class: 'error', id: `${id}-error`, hidden: true }));
}

function showFieldError(form, name, text) {
  const input = form.elements[name.replace(/\[.*/, '')];
  const place = input?.id && form.querySelector(`#${CSS.escape(input.id)}-error`);
  if (!place) return false;
  input.setAttribute('aria-invalid', 'true');
  place.textContent = text;
  place.hidden = false;
  return true;
}

/** What is wrong with no field of the form; of a list, with which of its lines. */
const saidOf = ({ field: place, detail }) => (/^line \d+$/.test(place) ? `${t.ofLine(place.slice(5))} ${detail}` : detail);

function showProblem(form, top, error) {
  const rest = (error.errors ?? []).filter((each) => !showFieldError(form, each.field, each.detail));
  const invalid = form.querySelector('[aria-invalid]');
  if (!invalid || rest.length > 0 || !error.errors?.length) {
    replace(top, notice('bad', rest.length > 0 ? rest.map(saidOf).join(' ') : problemText(error)));
  }
  (invalid ?? form.querySelector('input, select, textarea'))?.focus();
}

/** A form: fields, one way to send it; what the server refuses is shown beside the field it is about. */
export function form({ fields, submit, text, kind = 'primary', more = [], ...rest }) {
  const top = h('div', { class: 'form-problem' });
  const send = h('button', { class: kind }, text);
  const element = h('form', { novalidate: true, class: rest.class, onsubmit: (event) => {
    event.preventDefault();
    top.replaceChildren();
    for (const each of element.querySelectorAll('[aria-invalid]')) each.removeAttribute('aria-invalid');
    for (const each of element.querySelectorAll('.error')) each.hidden = true;
    const missing = [...element.elements].filter((each) => each.required && !each.value);
    for (const each of missing) showFieldError(element, each.name, t.missing);
    if (missing.length > 0) { missing[0].focus(); return; }
    busy(send, async () => {
      try {
        await submit(values(element), element);
      } catch (error) {
        if (!error.silent) showProblem(element, top, error);
      }
    });
  } }, top, ...fields, h('div', { class: 'row' }, send, ...more));
  return element;
}

/** The values of a form by name: checked boxes as booleans, several of one name as a list. */
export function values(element) {
  const found = {};
  for (const each of element.elements) {
    if (!each.name || each.tagName === 'FIELDSET') continue;
    if (each.dataset.list) (found[each.name] ??= []).push(...(each.checked ? [each.value] : []));
    else found[each.name] = each.type === 'checkbox' ? each.checked : each.value.trim();
  }
  return found;
}

// --- Tables ---

/** Columns are [heading, cell(row), class]; the first cell heads its row. */
export function table(caption, columns, rows) {
  return h('div', { class: 'table-wrap' }, h('table', {},
    h('caption', { class: 'visually-hidden' }, caption),
    h('thead', {}, h('tr', {}, columns.map(([name, , kind]) => h('th', { scope: 'col', class: kind }, name || h('span', { class: 'visually-hidden' }, t.actions))))),
    h('tbody', {}, rows.map((row) => tableRow(columns, row)))));
}

function tableRow(columns, row) {
  return h('tr', {}, columns.map(([name, cell, kind], index) => (index === 0
    ? h('th', { scope: 'row', class: kind }, cell(row))
    : h('td', { class: kind, 'data-label': name || null }, h('div', {}, cell(row))))));
}

/** A list that grows page by page: `load(cursor)` gives [rows, next]. */
export async function pages(caption, columns, load, whenEmpty) {
  const [rows, first] = await load(null);
  if (rows.length === 0) return whenEmpty;
  let next = first;
  const list = table(caption, columns, rows);
  const more = h('div', { class: 'pager', hidden: !next }, button(t.more, async () => {
    const [added, after] = await load(next);
    list.querySelector('tbody').append(...added.map((row) => tableRow(columns, row)));
    next = after;
    more.hidden = !next;
    say(t.moreShown(added.length));
  }));
  return h('div', { class: 'stack' }, list, more);
}
