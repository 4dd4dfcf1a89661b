// The manufacturer's people at the pages: an administrator and an auditor.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { accept, browserOf, launch, open, overflow, picture, world } from './browser.mjs';

let browser, page;
const [phone] = world.phones;
const spelled = phone.mac.match(/../g).join(':').toLowerCase();

before(async () => {
  browser = await launch();
  page = await browserOf(browser);
  page.email = world.administrator.email;
  await accept(page, world.administrator.link);
});
after(async () => { await browser?.close(); });

test('a phone by its MAC or serial number, with its history', async () => {
  await open(page, 'devices', 'Phones');
  await page.getByLabel('MAC or serial number').fill(spelled);
  await page.getByRole('button', { name: 'Find' }).click();
  await page.locator('.timeline').waitFor();
  await page.getByText('Example Telephony').first().waitFor();
  await picture(page, '80-device');
  assert.ok(await overflow(page) <= 0);
  await page.getByLabel('MAC or serial number').fill(world.phones[1].serial);
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('heading', { name: world.phones[1].mac.match(/../g).join(':').toLowerCase() }).waitFor();
  await page.getByLabel('MAC or serial number').fill('00:99:99:99:99:98');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByText('No such phone on record').waitFor();
});

test('phones made elsewhere are imported, their passwords shown once', async () => {
  await open(page, 'models', 'Models');
  await page.locator('summary', { hasText: 'New model' }).click();
  await page.getByLabel('Name').fill('old-phone');
  await page.getByLabel('Answer format').fill('nokia');
  await page.getByLabel('p256').check();
  await page.getByLabel('Authentication').selectOption('password');
  await page.getByLabel('TLS').selectOption('compatible');
  await page.getByLabel('Admin user').fill('root');
  await page.getByLabel('Signs in passwords').fill('abcdefghjkmnpqrstuvwxyz23456789ABCDEFGHJKLMNPQRSTUVWXYZ');
  await page.getByRole('button', { name: 'New model' }).click();
  await page.locator('[aria-invalid=true][name=format]').waitFor();
  await page.getByLabel('Answer format').fill('yealink');
  await page.getByRole('button', { name: 'New model' }).click();
  const made = page.getByRole('row').filter({ hasText: 'old-phone' });
  for (const word of ['Compatible with old phones', 'root', 'abcdefghjkmnpqrstuvwxyz23456789']) await made.getByText(word).waitFor();
  await picture(page, '81-models');
  await open(page, 'devices', 'Phones');
  await page.getByLabel('Rows').fill('mac,serial_number,model,fingerprint\n0015650F0001,S1,old-phone,\nnonsense,S2,old-phone,');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByText('Line 3: mac: this is no phone').waitFor();
  await page.getByLabel('Rows').fill('mac,serial_number,model,fingerprint\n0015650F0001,S1,old-phone,\n0015650F0002,S2,unheard-of,');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.locator('.notice.good', { hasText: '1 phone is on record now.' }).getByText('Passwords are shown only now').waitFor();
  await page.locator('.notice.warn', { hasText: '1 row was not taken:' }).getByText('Line 3').waitFor();
  assert.doesNotMatch(await page.locator('main pre').last().textContent(), /0015650F0002/);
  await open(page, 'devices/0015650F0001', 'Phones');
  await page.getByRole('button', { name: 'New claim code' }).click();
  await page.getByRole('dialog').getByText('opens nothing any more').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'New claim code' }).click();
  assert.match(await page.locator('dialog .secret code').textContent(), /^[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{4}$/);
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByRole('button', { name: 'New password' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'New password' }).click();
  await page.getByRole('dialog').getByText('0015650F0001').waitFor();
  await picture(page, '89-new-password');
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await picture(page, '82-import');
});

test('ITSPs: a new one, its domain, its owner, its token, suspended', async () => {
  await open(page, 'itsps', 'ITSPs');
  await picture(page, '83-itsps');
  await page.locator('summary', { hasText: 'New ITSP' }).click();
  await page.getByLabel('Name').fill(world.script);
  await page.getByRole('button', { name: 'New ITSP' }).click();
  await page.getByRole('heading', { level: 1, name: world.script }).waitFor();
  await page.getByLabel('Domain').fill('https://x');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.locator('[aria-invalid=true][name=domain]').waitFor();
  await page.getByLabel('Domain').fill('voice.example');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByText('voice.example', { exact: true }).waitFor();
  await page.locator('summary', { hasText: 'Invite somebody' }).click();
  await page.getByLabel('Name').first().fill('Olga Owner');
  await page.getByLabel('Email address').fill('olga@voice.example');
  await page.getByLabel('Role').selectOption('owner');
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByRole('row').filter({ hasText: 'olga@voice.example' }).waitFor();
  await picture(page, '84-itsp');
  assert.ok(await overflow(page) <= 0);
  await page.getByRole('button', { name: 'Suspend' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
  await page.locator('.head .chip', { hasText: 'Suspended' }).waitFor();
  assert.equal(await page.locator('main img, main script').count(), 0);
});

test('ship notices, orders\' progress, transfers', async () => {
  await open(page, 'shipments', 'Ship notices');
  await page.locator('summary', { hasText: 'New ship notice' }).click();
  await page.locator('details').getByLabel('ITSP').selectOption({ label: 'Example Telephony' });
  await page.getByLabel('MACs').fill(`${world.phones[7].mac}\n00:99:99:99:99:98`);
  await page.getByRole('button', { name: 'Record' }).click();
  await page.getByText('1 phone recorded, 1 not:').waitFor();
  const row = page.getByRole('row').filter({ hasText: world.phones[7].mac.match(/../g).join(':').toLowerCase() });
  await row.getByText('Waiting to be claimed').waitFor();
  await picture(page, '85-shipments');
  assert.ok(await overflow(page) <= 0);
  await row.getByRole('button', { name: 'Take back' }).click();
  await page.getByRole('dialog').getByText('without its code any more').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
  await row.waitFor({ state: 'detached' });
  await page.getByLabel('State').selectOption('Ended');
  await row.getByText('Ended').waitFor();
  await open(page, 'orders', 'Orders');
  await page.getByRole('progressbar').first().waitFor();
  await page.getByText('8 of 8').waitFor();
  await picture(page, '86-orders');
  await open(page, 'transfers', 'Transfers');
});

test('security events and the audit log with its chain', async () => {
  await open(page, 'security', 'Security events');
  await picture(page, '87-security');
  await open(page, 'audit', 'Audit log');
  await page.getByRole('row').filter({ hasText: 'itsp.create' }).first().waitFor();
  await page.getByText('What changed', { exact: true }).first().click();
  const chain = page.locator('section', { hasText: 'The chain' });
  for (const words of ['Chained up to', 'Signed up to', 'This page has not checked']) await chain.getByText(words).waitFor();
  assert.equal(await page.locator('.notice.good, .chip.good').count(), 0);
  await picture(page, '88-audit');
  assert.ok(await overflow(page) <= 0);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download CSV' }).click()]);
  assert.match(readFileSync(await file.path(), 'utf8'), /itsp\.create/);
  await page.getByLabel('To what').selectOption('itsp');
  await page.waitForFunction(() => location.hash.includes('object_kind=itsp'));
  await open(page, 'users', 'People');
  await page.getByRole('row').filter({ hasText: 'Otto Auditor' }).waitFor();
  await open(page, 'tokens', 'API tokens');
  await page.getByRole('row').filter({ hasText: 'demo' }).waitFor();
});

test('an auditor looks, and is offered nothing that changes', async () => {
  const auditor = await browserOf(browser);
  auditor.email = world.auditor.email;
  await accept(auditor, world.auditor.link);
  for (const [place, heading] of [['itsps', 'ITSPs'], ['models', 'Models'], ['users', 'People'], ['tokens', 'API tokens'], ['shipments', 'Ship notices'], ['devices', 'Phones'], ['audit', 'Audit log']]) {
    await open(auditor, place, heading);
    assert.equal(await auditor.locator('main').getByRole('button', { name: /New|Invite|Revoke|Rotate|Import|Suspend|Take back/ }).count(), 0, place);
  }
  assert.deepEqual(auditor.problems, []);
  await auditor.context().close();
});

test('nothing went wrong unseen, and nothing was asked of anybody else', () => {
  assert.deepEqual(page.problems, []);
});
