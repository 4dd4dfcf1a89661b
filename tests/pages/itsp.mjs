// An ITSP's people at the pages: an owner from the invitation on, and a support agent.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { accept, browserOf, launch, open, overflow, PASSWORD, picture, signIn, SMALLEST, WIDE, world } from './browser.mjs';

let browser, page, recovery;
const [delivered, , waiting, , fresh, second] = world.phones;
const spelled = (mac) => mac.match(/../g).join(':').toLowerCase();

before(async () => {
  browser = await launch();
  page = await browserOf(browser);
  page.email = world.owner.email;
});
after(async () => { await browser?.close(); });

test('an invitation leads to a password, a second factor and the phones', async () => {
  recovery = await accept(page, world.owner.link, { pictures: '01' });
  assert.equal(recovery.length, 10);
  await page.getByRole('heading', { level: 1, name: 'Phones' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1');
  await page.goto(`${world.url}${world.owner.link}`);
  await page.getByRole('heading', { name: 'This link does not work any more' }).waitFor();
  await picture(page, '02-link-gone');
});

test('a wrong password, a wrong code and a recovery code', async () => {
  const other = await browserOf(browser);
  await other.goto(world.url);
  await other.getByLabel('Email address').fill(world.owner.email);
  await other.getByLabel('Password', { exact: true }).fill('not the password');
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('alert').getByText('is not right').waitFor();
  await picture(other, '03-sign-in-refused');
  await other.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByLabel('Six-digit code').fill('000000');
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('alert').getByText('is not right').waitFor();
  await other.getByLabel('Six-digit code').fill(recovery[0].toLowerCase().replaceAll('-', ' '));
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('heading', { level: 1, name: 'Phones' }).waitFor();
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  await other.reload();
  await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(other.problems, []);
  await other.context().close();
});

test('phones with their states, searched and filtered', async () => {
  await open(page, 'phones', 'Phones');
  const row = (mac) => page.getByRole('row').filter({ hasText: spelled(mac) });
  await row(delivered.mac).getByText('Delivered').waitFor();
  await row(waiting.mac).getByText('Waiting for it').waitFor();
  await picture(page, '10-phones');
  assert.ok(await overflow(page) <= 0);
  await page.getByRole('searchbox').fill(spelled(waiting.mac).slice(0, 16));
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash.includes('q=') && document.querySelector('main').dataset.view === location.hash);
  await page.getByRole('searchbox').fill('');
  await page.getByLabel('State').selectOption('delivered');
  await page.waitForFunction(() => location.hash.includes('progress=delivered') && document.querySelector('main').dataset.view === location.hash);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download CSV' }).click()]);
  const rows = readFileSync(await file.path(), 'utf8').trim().split('\n');
  assert.equal(rows.length, 3, rows.join('\n'));
  await page.getByRole('searchbox').fill(waiting.serial);
  await page.getByLabel('State').selectOption('');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await row(waiting.mac).waitFor();
  await page.getByRole('searchbox').fill('no such serial');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'No phone fits' }).waitFor();
  await picture(page, '11-phones-none');
});

test('one phone: its life, its password with confirmation and copy, a new one', async () => {
  await open(page, `phones/${delivered.mac}`, spelled(delivered.mac));
  await page.locator('.timeline').getByText('Got its answer').waitFor();
  for (const word of ['Made', 'Claimed']) await page.locator('.timeline strong').filter({ hasText: word }).first().waitFor();
  await page.getByRole('button', { name: 'Reveal password' }).click();
  await page.getByRole('dialog').getByText('written to the audit log').waitFor();
  await picture(page, '20-reveal-asks');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.secret').count(), 0);
  await page.getByRole('button', { name: 'Reveal password' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reveal' }).click();
  const shown = await page.locator('.secret code').first().textContent();
  assert.match(shown, /^[A-Za-z0-9]{12,64}$/);
  await page.getByRole('button', { name: 'Copy: Admin password' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);
  await picture(page, '21-phone');
  assert.ok(await overflow(page) <= 0);
  await page.getByRole('button', { name: 'Hide' }).focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Reveal password');
  await page.getByRole('button', { name: 'Make a new password' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Make a new one' }).click();
  await page.getByText('A new password is waiting', { exact: true }).waitFor();
  await open(page, `phones/${waiting.mac}`, spelled(waiting.mac));
  await page.getByText('The phone has not been here yet').waitFor();
  await page.getByRole('button', { name: 'Suspend' }).click();
  await page.locator('.head .chip', { hasText: 'Suspended' }).waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.locator('.head .chip', { hasText: 'Waiting for it' }).waitFor();
});

test('claiming one: errors beside their fields, then the phone', async () => {
  await open(page, 'phones/new', 'Claim a phone');
  await page.getByRole('button', { name: 'Claim', exact: true }).click();
  await page.getByText('Please fill this in.').waitFor();
  await page.getByLabel('MAC').fill('00:15:65');
  await page.getByLabel('Claim code').fill('12345-12345-1234');
  await page.getByRole('button', { name: 'Claim', exact: true }).click();
  await page.locator('[aria-invalid=true]').first().waitFor();
  await picture(page, '30-claim-wrong');
  await page.getByLabel('MAC').fill(spelled(fresh.mac));
  await page.getByLabel('Claim code').fill(second.code);
  await page.getByRole('button', { name: 'Claim', exact: true }).click();
  await page.getByRole('alert').getByText('Nothing shows that this phone is with you').waitFor();
  await page.getByLabel('Claim code').fill(fresh.code.toLowerCase());
  await page.getByRole('button', { name: 'Claim', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: spelled(fresh.mac) }).waitFor();
  await page.getByRole('button', { name: 'Release' }).click();
  await picture(page, '31-release-asks');
  await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
  await page.getByRole('heading', { level: 1, name: 'Phones' }).waitFor();
});

test('a wrong code is a security event of one\'s own', async () => {
  await open(page, 'security', 'Security events');
  await page.getByRole('row').filter({ hasText: 'Wrong claim code' }).getByRole('link', { name: spelled(fresh.mac) }).waitFor();
  await picture(page, '33-security');
  assert.ok(await overflow(page) <= 0);
  await page.getByLabel('What').selectOption('Wrong claim code');
  await page.waitForFunction(() => location.hash.includes('kind=claim_code_wrong') && document.querySelector('main').dataset.view === location.hash);
  await page.getByRole('row').filter({ hasText: spelled(fresh.mac) }).first().waitFor();
});

test('a phone that is held no more keeps its life; one that never was held has none', async () => {
  await open(page, `phones/${fresh.mac}`, spelled(fresh.mac));
  await page.getByText('You do not hold this phone any more').waitFor();
  await page.locator('.timeline strong', { hasText: 'Claimed' }).waitFor();
  await picture(page, '32-phone-past');
  await open(page, 'phones/009999999998', '00:99:99:99:99:98');
  await page.getByText('It is not among your phones, and never was.').waitFor();
});

test('addresses that lead nowhere, and one that is no address', async () => {
  for (const [place, text] of [['no/such/page', 'There is no such page'], ['constructor', 'There is no such page'], ['__proto__', 'There is no such page']]) await open(page, place, text);
  await open(page, 'events', 'Events');
  await page.goto(`${world.url}/#/phones/%`);
  await page.getByRole('heading', { level: 1, name: 'That did not work' }).waitFor();
});

test('where the browser does not let us copy, what is to be copied is marked', async () => {
  await page.evaluate(() => { navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError')); });
  await open(page, `phones/${delivered.mac}`, spelled(delivered.mac));
  await page.getByRole('button', { name: 'Reveal password' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reveal' }).click();
  const password = await page.locator('.secret code').first().textContent();
  await page.getByRole('button', { name: 'Copy: Admin password' }).click();
  await page.locator('.secret').first().getByText('does not let this page copy').waitFor();
  assert.equal(await page.evaluate(() => getSelection().toString().trim()), password);
  await picture(page, '22-copy-yourself');
  await page.reload();
});

test('profiles with a live preview; names are text', async () => {
  await open(page, 'profiles', 'Profiles');
  await page.getByRole('link', { name: world.script }).waitFor();
  await picture(page, '50-profiles');
  await page.getByRole('link', { name: 'Office phones' }).click();
  await page.getByRole('heading', { level: 1, name: 'Office phones' }).waitFor();
  await page.getByLabel('Provisioning URL').fill('https://prov.itsp.example/new/{MAC}/{serial}');
  const wanted = /https:\/\/prov\.itsp\.example\/new\/001565\w+\/SN001565/;
  await page.locator('code').getByText(wanted).waitFor();
  await page.locator('pre').getByText(wanted).waitFor(); // the phone's own format, as the server renders it
  await picture(page, '51-profile');
  assert.ok(await overflow(page) <= 0);
  await page.getByLabel('Provisioning URL').fill('https://elsewhere.example/{mac}');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('[aria-invalid=true][name=provisioning_url]').waitFor();
  await page.getByLabel('Provisioning URL').fill('https://prov.itsp.example/new/{mac}');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'Profiles' }).waitFor();
  await page.getByText('https://prov.itsp.example/new/{mac}').waitFor();
  assert.equal(await page.locator('main img, main script').count(), 0);
});

test('the preview: a profile without a name yet, any phone by its MAC, any model', async () => {
  const answer = page.locator('pre').first();
  await open(page, 'profiles/new', 'New profile');
  await answer.getByText('https://itsp.example/').waitFor();
  assert.equal(await page.locator('.notice').count(), 0);
  await picture(page, '52-profile-new');
  const mac = page.getByLabel('MAC', { exact: true });
  await mac.fill(waiting.mac);
  await answer.getByText(`/${waiting.mac.toLowerCase()}.cfg`).waitFor();
  await page.getByLabel('Length of passwords').fill('24');
  await answer.getByText(/admin:[A-Za-z0-9]{24}\s/).waitFor();
  await page.getByLabel('Length of passwords').fill('11');
  await page.getByText('The phone could not be given this').waitFor();
  await page.getByLabel('Length of passwords').fill('');
  await mac.fill('00:99:99:99:99:98');
  await page.getByText('This is none of your phones.').waitFor();
  await page.getByLabel('Model', { exact: true }).fill(world.model);
  await answer.getByText('/009999999998.cfg').waitFor();
  await mac.fill('00:99');
  await page.getByText('This is no MAC yet.').waitFor();
  await mac.fill('');
  await answer.getByText('https://itsp.example/').waitFor();
  await page.getByLabel('Model', { exact: true }).fill('no-such-model');
  await page.getByText('There is no such model.').waitFor();
  await page.getByLabel('Provisioning URL').fill('https://elsewhere.example/');
  await mac.fill(waiting.mac);
  await page.getByText('The phone could not be given this').waitFor();
});

test('somebody without a phone sees what a model would get', async () => {
  const other = await browserOf(browser);
  await accept(other, world.newcomer.link);
  await open(other, 'profiles/new', 'New profile');
  await other.getByText('its whole answer is shown here').waitFor();
  await other.getByLabel('Model', { exact: true }).fill(world.model);
  await other.locator('pre').getByText('https://new.example/').first().waitFor();
  await picture(other, '53-preview-newcomer');
  assert.deepEqual(other.problems, []);
  await other.context().close();
});

test('events, transfers, tokens, people, one\'s account', async () => {
  await open(page, 'events', 'Events');
  await page.getByText('Got its answer').first().waitFor();
  await picture(page, '60-events');
  await open(page, 'transfers', 'Transfers');
  await picture(page, '61-transfers');
  await open(page, 'tokens', 'API tokens');
  await page.locator('summary', { hasText: 'New token' }).click();
  await page.getByLabel('Name').fill('Provisioning server');
  await page.getByRole('button', { name: 'New token' }).click();
  await page.getByRole('alert').getByText('Choose at least one').waitFor();
  await page.getByLabel('See phones').check();
  await page.getByRole('button', { name: 'New token' }).click();
  assert.match(await page.locator('dialog .secret code').textContent(), /^fst_[0-9a-f]{48}$/);
  await picture(page, '62-token');
  await page.getByRole('button', { name: 'I have copied it' }).click();
  const row = page.getByRole('row').filter({ hasText: 'Provisioning server' });
  await row.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await row.getByText('Revoked').waitFor();
  await picture(page, '63-tokens');
  await open(page, 'users', 'People');
  await page.locator('summary', { hasText: 'Invite somebody' }).click();
  await page.getByLabel('Name').fill(world.script);
  await page.getByLabel('Email address').fill('script@people.example');
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  await page.getByText('One-time link').or(page.getByLabel('One-time link')).first().waitFor();
  await picture(page, '64-invited');
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByRole('row').filter({ hasText: world.script }).waitFor();
  await picture(page, '65-users');
  await page.getByRole('button', { name: 'Change Sam Support' }).click();
  await page.getByRole('dialog').getByLabel('Role').selectOption('read_only');
  await picture(page, '66-user');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.getByRole('row').filter({ hasText: 'Sam Support' }).getByText('Read only').waitFor();
  await open(page, 'audit', 'Audit log');
  await page.getByRole('row').filter({ hasText: 'claim.reveal' }).first().getByText('Ada Owner').waitFor();
  await picture(page, '68-audit');
  await open(page, 'account', 'Your account');
  await picture(page, '67-account');
  await page.getByLabel('Present password').fill('wrong');
  await page.getByLabel('New password').fill(`${PASSWORD}!`);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('This is not your password.').waitFor();
});

test('all of it works from the keyboard', async () => {
  await open(page, 'phones', 'Phones');
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Phones' }).waitFor();
  const first = await page.evaluateHandle(() => document.querySelector('a, button, input'));
  assert.equal(await first.textContent(), 'Skip to the page');
  await first.focus();
  assert.ok((await first.boundingBox()).y >= 0);
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  const reached = new Set();
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => {
      const at = document.activeElement;
      const outline = getComputedStyle(at).outlineStyle;
      return `${at.tagName} ${outline !== 'none'}`;
    }));
  }
  assert.ok([...reached].every((each) => each.endsWith('true')), [...reached].join(', '));
});

test('every control has a name, every page one heading, and words can be read', async () => {
  for (const place of ['phones', 'phones/new', `phones/${delivered.mac}`, 'jobs', 'shipped', 'security', 'profiles', 'profiles/new', 'events', 'transfers', 'transfers/new', 'tokens', 'webhooks', 'users', 'audit', 'account']) {
    await page.goto(`${world.url}/#/${place}`);
    await page.locator(`main[data-view="#/${place}"]`).waitFor();
    for (const details of await page.locator('main details').all()) await details.evaluate((each) => { each.open = true; });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      assert.deepEqual(await page.evaluate(auditPage), [], `${place} ${colorScheme}`);
    }
    await page.setViewportSize(SMALLEST);
    assert.deepEqual(await page.evaluate(() => (document.documentElement.scrollWidth > document.documentElement.clientWidth ? ['wider than the window'] : [])), [], place);
    await page.setViewportSize(WIDE);
  }
  await page.emulateMedia({ colorScheme: 'light' });
});

/** What somebody with a screen reader or weak eyes would stumble over; runs in the page. */
function auditPage() {
  const found = [];
  if (document.querySelectorAll('h1').length !== 1) found.push('not one h1');
  if (!document.documentElement.lang) found.push('no language');
  for (const each of document.querySelectorAll('input, select, textarea')) {
    if (!each.labels?.length && !each.getAttribute('aria-label')) found.push(`no label: ${each.outerHTML}`);
  }
  for (const each of document.querySelectorAll('button, a')) {
    if (!each.textContent.trim() && !each.getAttribute('aria-label')) found.push(`no name: ${each.outerHTML}`);
  }
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || !element.offsetParent || element.closest('.visually-hidden, [disabled]')) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) found.push(`contrast ${contrast.toFixed(2)}: ${words.currentNode.data.trim().slice(0, 40)}`);
  }
  return found;
}

test('a support agent sees and reveals, and is offered nothing else', async () => {
  const agent = await browserOf(browser);
  agent.email = world.support.email;
  await accept(agent, world.support.link);
  assert.deepEqual(await agent.locator('nav a').allTextContents(), ['Phones', 'Profiles', 'Events', 'Transfers', 'Security events', 'Your account']);
  await open(agent, `phones/${waiting.mac}`, spelled(waiting.mac));
  assert.equal(await agent.getByRole('button', { name: 'Release' }).count(), 0);
  for (const place of ['phones/new', 'profiles/new', 'transfers/new']) await open(agent, place, 'This is not for you');
  assert.deepEqual(agent.problems, []);
  await agent.context().close();
});

test('a session that has ended leads back to the sign-in, and on to the same page', async () => {
  const other = await browserOf(browser);
  await signIn(other, world.owner.email, recovery[1]);
  await open(other, 'profiles', 'Profiles');
  await other.context().clearCookies();
  await other.goto(`${world.url}/#/events`);
  await other.getByText('You were signed out after a while').first().waitFor();
  await picture(other, '70-ended');
  await other.context().close();
});

test('nothing went wrong unseen, and nothing was asked of anybody else', () => {
  assert.deepEqual(page.problems, []);
});
