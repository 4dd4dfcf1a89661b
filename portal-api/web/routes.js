// Which view an address names, and what the navigation offers to whom.
import { t } from './en.js';
import { may, session } from './api.js';

/** A view is loaded when somebody first goes to it, so that the first page stays small. */
const from = (file, name = file) => async (place) => (await import(`./views/${file}.js`))[name](place);

export const views = {
  account: from('account'), audit: from('audit'), devices: from('devices'), events: from('events'), itsps: from('itsps'), jobs: from('jobs'), models: from('factory', 'models'),
  orders: from('factory', 'orders'), phones: from('phones'), profiles: from('profiles'), shipped: from('shipped'), security: from('audit', 'securityEvents'), shipments: from('factory', 'shipments'),
  tokens: from('tokens'), transfers: from('transfers'), users: from('users'), webhooks: from('webhooks'),
};

const item = (name, allowed) => (allowed ? [[name, t.nav[name]]] : []);

/** [heading, [[place, words]…]]…, without what the person may not see. */
export function navigation() {
  if (session.kind === 'itsp') {
    return [
      ['', [...item('phones', true), ...item('shipped', may('claims:write')), ...item('jobs', may('claims:write')), ...item('profiles', true), ...item('events', may('events:read')), ...item('transfers', true), ...item('security', may('events:read'))]],
      [t.nav.settings, [...item('tokens', may('tokens:write')), ...item('webhooks', may('profiles:write') && may('events:read')), ...item('users', may('users:write')), ...item('audit', may('users:write')), ...item('account', true)]],
    ];
  }
  return [
    ['', [...item('devices', true), ...item('itsps', true), ...item('shipments', true), ...item('transfers', true)]],
    [t.nav.factory, [...item('orders', true), ...item('models', true)]],
    [t.nav.watch, [...item('security', true), ...item('audit', true)]],
    [t.nav.settings, [...item('users', true), ...item('tokens', true), ...item('account', true)]],
  ];
}
