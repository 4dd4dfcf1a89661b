// One's own account: password, second factor, this session.
import { t } from '../en.js';
import { card, facts, field, form, h, head, notice, replace, say, when } from '../dom.js';
import * as api from '../api.js';
import { secondFactorForm } from './gate.js';

export async function account({ reload }) {
  const { user, second_factor: factor, expires_at: until } = await api.restore();
  return [
    head(t.account.title, t.account.text),
    h('div', { class: 'columns' },
      h('div', { class: 'stack' },
        card(t.account.you, facts([t.users.name, user.display_name], [t.users.email, user.email], [t.users.role, t.roles[user.role]], [t.account.until, when(until, { exact: true })])),
        second(factor, reload)),
      password()),
  ];
}

function password() {
  return card(t.account.password, h('p', { class: 'quiet' }, t.account.passwordText), form({
    text: t.account.changePassword,
    kind: '',
    fields: [
      field({ name: 'current_password', label: t.account.current, type: 'password', autocomplete: 'current-password', required: true }),
      field({ name: 'password', label: t.gate.newPassword, type: 'password', autocomplete: 'new-password', required: true, hint: t.gate.passwordHint }),
    ],
    submit: async (values, element) => {
      await api.post('/v1/session/password', values);
      await api.restore();
      element.reset();
      element.querySelector('.form-problem').replaceChildren(notice('good', t.account.passwordChanged));
      say(t.account.passwordChanged);
    },
  }));
}

function second(factor, reload) {
  const place = h('div', { class: 'stack' });
  const element = card(t.account.factor,
    factor.set_at ? facts([t.account.since, when(factor.set_at, { exact: true })], [t.account.codes, String(factor.recovery_codes_left)]) : notice('warn', t.account.noFactor),
    factor.set_at && factor.recovery_codes_left < 3 && notice('warn', t.account.fewCodes),
    h('p', { class: 'quiet' }, t.account.factorText), place);
  place.append(secondFactorForm({ onKey: (content) => replace(place, content), onCodes: (content) => replace(place, h('h3', {}, t.gate.recovery), h('p', {}, t.gate.recoveryText), content), done: reload }));
  return element;
}
