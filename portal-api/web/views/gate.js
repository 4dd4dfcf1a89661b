// What comes before everything else: signing in, setting a password by a link, a second factor.
import { t } from '../en.js';
import { field, form, h, notice, replace, secret, say } from '../dom.js';
import * as api from '../api.js';
import { qr } from '../qr.js';

function show(app, { wide = false }, ...content) {
  replace(app, h('div', { class: `gate ${wide ? 'wide' : ''}` }, h('main', { id: 'main' },
    h('div', { class: 'brand' }, h('img', { src: '/web/icon.svg', alt: '' }), t.name), ...content)));
  [...app.querySelectorAll('input')].find((each) => !each.value)?.focus();
}

const title = (text, more) => h('div', { class: 'stack tight' }, h('h1', { tabindex: '-1' }, text), more && h('p', { class: 'quiet' }, more));

/** Shows whatever is missing until the pages can be used; then calls `done`. */
export function gate(app, { link = null, ended = false, done }) {
  if (link) return byLink(app, link, done);
  if (!api.session) return signIn(app, { ended, done });
  return setUp(app, { done });
}

// --- Signing in ---

function signIn(app, { ended, done, said = null, email = '' }) {
  const entered = {};
  const finish = () => { location.hash.startsWith('#/link') ? location.assign('#/') : done(); };
  show(app, {}, h('section', { class: 'card' }, title(t.gate.signIn, t.gate.signInText),
    ended && notice('warn', t.gate.ended), said && notice('good', said),
    form({
      text: t.gate.signIn,
      fields: [
        field({ name: 'email', label: t.gate.email, type: 'email', autocomplete: 'username', required: true, value: email }),
        field({ name: 'password', label: t.gate.password, type: 'password', autocomplete: 'current-password', required: true }),
      ],
      submit: async (values) => {
        Object.assign(entered, values);
        try {
          await api.signIn(values);
          finish();
        } catch (problem) {
          if (problem.code !== 'second_factor_needed') throw problem;
          askForCode(app, entered, finish, () => signIn(app, { done }));
        }
      },
    })),
  h('p', { class: 'quiet small' }, t.gate.help));
}

function askForCode(app, entered, finish, back) {
  show(app, {}, h('section', { class: 'card' }, title(t.gate.code, t.gate.codeText),
    form({
      text: t.gate.signIn,
      fields: [field({ name: 'code', label: t.gate.codeLabel, class: 'code', autocomplete: 'one-time-code', required: true, hint: t.gate.codeHint })],
      submit: async ({ code }) => {
        await api.signIn({ ...entered, code });
        finish();
      },
      more: [h('button', { type: 'button', class: 'plain', onclick: back }, t.gate.back)],
    })));
  say(t.gate.codeText);
}

// --- By a one-time link ---

async function byLink(app, token, done) {
  let person;
  try {
    person = await api.ask('/v1/links', { token });
  } catch (problem) {
    show(app, {}, h('section', { class: 'card' }, title(t.gate.linkGone), h('p', {}, problem.code === 'link_not_valid' ? t.gate.linkGoneText : problem.message),
      h('a', { class: 'button primary', href: '#/' }, t.gate.toSignIn)));
    return;
  }
  show(app, {}, h('section', { class: 'card' }, title(t.gate.welcome(person.display_name), t.gate.welcomeText),
    form({
      text: t.gate.setPassword,
      fields: [
        field({ name: 'email', label: t.gate.email, type: 'email', value: person.email, autocomplete: 'username' }),
        field({ name: 'password', label: t.gate.newPassword, type: 'password', autocomplete: 'new-password', required: true, hint: t.gate.passwordHint }),
        field({ name: 'again', label: t.gate.passwordAgain, type: 'password', autocomplete: 'new-password', required: true }),
      ],
      submit: async ({ password, again }) => {
        if (password !== again) throw new api.Problem({ errors: [{ field: 'again', detail: t.gate.notTheSame }] });
        await api.post('/v1/links/use', { token, password });
        history.replaceState(null, '', '#/');
        signIn(app, { done, said: t.gate.passwordSet, email: person.email });
      },
    })));
  const email = app.querySelector('input[name=email]');
  email.readOnly = true;
  app.querySelector('input[name=password]').focus();
}

// --- The second factor ---

function setUp(app, { done }) {
  show(app, {}, h('section', { class: 'card' }, title(t.gate.factor, t.gate.factorText), secondFactorForm({
    onKey: (content) => show(app, { wide: true }, h('section', { class: 'card' }, title(t.gate.factor), content)),
    onCodes: (content) => show(app, { wide: true }, h('section', { class: 'card' }, title(t.gate.recovery, t.gate.recoveryText), content)),
    done,
  })), h('div', { class: 'row' }, h('button', { type: 'button', class: 'plain', onclick: () => api.signOut() }, t.nav.signOut)));
}

/** Three steps: the password again, the key and its first code, the recovery codes. */
export function secondFactorForm({ onKey, onCodes, done }) {
  return form({
    text: t.gate.next,
    fields: [field({ name: 'password', label: t.gate.yourPassword, type: 'password', autocomplete: 'current-password', required: true, hint: t.gate.yourPasswordHint })],
    submit: async ({ password }) => onKey(keyStep(await api.post('/v1/session/second-factor', { password }), { onCodes, done })),
  });
}

function keyStep(proposal, { onCodes, done }) {
  return h('div', { class: 'stack' },
    h('ol', { class: 'stack' },
      h('li', {}, h('div', { class: 'stack tight' }, t.gate.scan, qr(proposal.uri, t.gate.qr),
        h('details', {}, h('summary', {}, t.gate.cannotScan), secret(proposal.key.match(/.{4}/g).join(' '), t.gate.key)))),
      h('li', {}, t.gate.typeCode)),
    form({
      text: t.gate.confirm,
      fields: [field({ name: 'code', label: t.gate.codeLabel, class: 'code', autocomplete: 'one-time-code', inputmode: 'numeric', required: true })],
      submit: async ({ code }) => {
        const { recovery_codes: codes } = await api.post('/v1/session/second-factor/confirm', { code });
        await api.restore();
        onCodes(codesStep(codes, done));
      },
    }));
}

function codesStep(codes, done) {
  const kept = h('button', { type: 'button', class: 'primary', onclick: () => done() }, t.gate.codesKept);
  return h('div', { class: 'stack' }, h('ul', { class: 'codes' }, codes.map((code) => h('li', {}, h('code', {}, code)))),
    secret(codes.join(' '), t.gate.allCodes), kept);
}
