// Which view an address names, and what the navigation offers to whom.
import { t } from './en.js';
import { may, session } from './api.js';
import { account } from './views/account.js';
import { audit, securityEvents } from './views/audit.js';
import { devices } from './views/devices.js';
import { events } from './views/events.js';
import { itsps } from './views/itsps.js';
import { jobs } from './views/jobs.js';
import { models, orders, shipments } from './views/factory.js';
import { phones } from './views/phones.js';
import { profiles } from './views/profiles.js';
import { tokens } from './views/tokens.js';
import { transfers } from './views/transfers.js';
import { users } from './views/users.js';

export const views = {
  account, audit, devices, events, itsps, jobs, models, orders, phones, profiles, shipments, tokens, transfers, users, security: securityEvents,
};

const item = (name, allowed) => (allowed ? [[name, t.nav[name]]] : []);

/** [heading, [[place, words]…]]…, without what the person may not see. */
export function navigation() {
  if (session.kind === 'itsp') {
    return [
      ['', [...item('phones', true), ...item('jobs', may('claims:write')), ...item('profiles', true), ...item('events', may('events:read')), ...item('transfers', true)]],
      [t.nav.settings, [...item('tokens', may('tokens:write')), ...item('users', may('users:write')), ...item('audit', may('users:write')), ...item('account', true)]],
    ];
  }
  return [
    ['', [...item('devices', true), ...item('itsps', true), ...item('shipments', may('admin:write')), ...item('transfers', true)]],
    [t.nav.factory, [...item('orders', true), ...item('models', true)]],
    [t.nav.watch, [...item('security', true), ...item('audit', true)]],
    [t.nav.settings, [...item('users', true), ...item('tokens', true), ...item('account', true)]],
  ];
}
