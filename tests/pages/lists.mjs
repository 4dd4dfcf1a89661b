// Many phones at once: lists that are checked, mended and claimed, and phones released together.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { accept, browserOf, drop, launch, open, overflow, picture, world } from './browser.mjs';

let browser, page;
const [first, second, third, fourth, fifth, sixth, ...late] = world.listed;
const spelled = (mac) => mac.match(/../g).join(':').toLowerCase();
const HEADER = 'mac,claim_code,profile\n';
const row = (phone, code = phone.code) => `${phone.mac},${code},Office phones\n`;
const claim = () => page.getByRole('button', { name: 'Claim', exact: true });

before(async () => {
  browser = await launch();
  page = await browserOf(browser);
  await accept(page, world.engineer.link);
});
after(async () => { await browser?.close(); });

test('a dropped CSV: checked, mended, claimed', async () => {
  await open(page, 'jobs', 'Upload a list');
  await page.getByText('No lists yet').waitFor();
  await picture(page, '40-upload');
  await drop(page, 'phones.csv', `\uFEFFmac;claim_code;profile\r\n${first.mac};${first.code};Office phones\r\n${second.mac};${first.code};Office phones\r\nnot-a-mac;;Office phones\r\n`);
  await page.getByRole('heading', { name: 'Rows that failed' }).waitFor();
  await page.getByText('1 row would be fine, 2 need mending.').waitFor();
  await page.getByText('1 row that was fine goes along.').waitFor();
  await picture(page, '41-mend');
  assert.ok(await overflow(page) <= 0);
  await page.getByLabel('Claim code, line 3').fill(second.code);
  await page.getByLabel('MAC, line 4').fill('');
  await claim().click();
  await page.getByText('2 phones are yours.').waitFor();
  await page.getByRole('link', { name: 'See your phones' }).click();
  await page.getByRole('row').filter({ hasText: spelled(second.mac) }).waitFor();
});

test('a CSV that is none, and one with more failures than fit', async () => {
  await open(page, 'jobs', 'Upload a list');
  await drop(page, 'picture.png', 'no header here\n1,2\n');
  await page.locator('.drop').getByRole('alert').waitFor();
  await drop(page, 'many.csv', `${HEADER}${'nothing,,Office phones\n'.repeat(203)}`);
  await page.getByText('The first 200 are shown; 3 more rows come after these.').waitFor();
  assert.equal(await page.locator('tbody tr').count(), 200);
});

test('loaded anew, a checked list is never claimed in part: the file is asked for', async () => {
  const text = HEADER + row(third) + row(fourth, third.code) + row(fifth);
  await open(page, 'jobs', 'Upload a list');
  await drop(page, 'phones.csv', text);
  await page.getByText('2 rows would be fine, 1 needs mending.').waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Choose the file again' }).waitFor();
  await page.getByRole('row').filter({ hasText: fourth.mac }).getByText('Nothing shows that this phone is with you').waitFor();
  assert.equal(await claim().count(), 0);
  await picture(page, '42-choose-again');
  assert.ok(await overflow(page) <= 0);
  await drop(page, 'other.csv', HEADER + row(third) + row(sixth) + row(fifth));
  await page.getByRole('alert').getByText('That is another file').waitFor();
  assert.equal(await claim().count(), 0);
  await drop(page, 'phones.csv', text);
  assert.equal(await page.getByLabel('Claim code, line 3').inputValue(), third.code);
  await page.getByLabel('Claim code, line 3').fill(fourth.code);
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as a file' }).click()]);
  const mended = readFileSync(await saved.path(), 'utf8');
  assert.equal(mended, HEADER + row(third) + row(fourth) + row(fifth));
  await page.getByRole('button', { name: 'Check again' }).click();
  await page.getByText('All fine: 3 phones could be claimed.').waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Choose the file again' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Claim them now' }).count(), 0);
  await drop(page, 'mended.csv', mended);
  await page.getByRole('button', { name: 'Claim them now' }).click();
  await page.getByText('3 phones are yours.').waitFor();
});

test('all or nothing: the rows that another one held back go along unchanged', async () => {
  await open(page, 'jobs', 'Upload a list');
  await page.getByLabel('Only check it').uncheck();
  await page.getByLabel('All or nothing').check();
  await drop(page, 'phones.csv', HEADER + row(sixth) + row(late[0], sixth.code));
  await page.getByText('Not every row could be claimed, so none was.').waitFor();
  await page.getByText('1 row that was fine goes along.').waitFor();
  assert.equal(await page.locator('tbody tr').count(), 1);
  await page.getByLabel('Claim code, line 3').fill(late[0].code);
  await claim().click();
  await page.getByText('2 phones are yours.').waitFor();
});

test('a portal that is away for a moment is asked again, and it is told so', async () => {
  const answers = [503, 503, 'lost'];
  await page.route(/\/v1\/claim-jobs\/[^/]+$/, async (route) => {
    const answer = answers.shift();
    if (answer === 'lost') await route.abort('connectionfailed');
    else if (answer) await route.fulfill({ status: answer, contentType: 'application/problem+json', body: '{"code":"unavailable","detail":"The database does not answer."}' });
    else await route.continue();
  });
  await open(page, 'jobs', 'Upload a list');
  await drop(page, 'phones.csv', HEADER + row(late[1]));
  await page.getByText('The portal cannot be asked at the moment').waitFor();
  await picture(page, '43-away');
  await page.getByText('All fine: 1 phone could be claimed.').waitFor();
  assert.deepEqual(answers, []);
  assert.equal(await page.getByText('The portal cannot be asked at the moment').count(), 0);
  await page.unroute(/\/v1\/claim-jobs\/[^/]+$/);
});

test('a list that is under way is stopped, and goes on from there when it is wanted', async () => {
  const rows = Array.from({ length: 99000 }, (_, number) => `00AABB${number.toString(16).padStart(6, '0')},,Office phones\n`);
  await open(page, 'jobs', 'Upload a list');
  await page.getByLabel('Only check it').uncheck();
  await drop(page, 'long.csv', HEADER + row(late[1]) + rows.join(''));
  await page.getByRole('button', { name: 'Stop the list' }).click();
  await page.getByRole('dialog').getByText('Rows that are done stay done').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop it' }).click();
  await page.getByText(/^Stopped after [0-9,]+ of 99,001 rows\.$/).waitFor();
  await page.getByText('Phones whose rows were done are yours.').waitFor();
  await page.getByText(/rows that were fine go along\.|Claim them now/).first().waitFor();
  assert.equal(await page.getByRole('button', { name: 'Stop the list' }).isVisible(), false);
  await page.reload();
  await page.getByRole('heading', { name: 'Choose the file again' }).waitFor();
  assert.equal(await claim().count(), 0);
});

test('phones that were shipped here are claimed without a code, all that are chosen', async () => {
  const shipped = late.slice(2);
  await open(page, 'shipped', 'Shipped to you');
  for (const phone of shipped) await page.getByRole('checkbox', { name: `Choose ${spelled(phone.mac)}` }).check();
  await picture(page, '46-shipped');
  assert.ok(await overflow(page) <= 0);
  await page.getByRole('button', { name: 'Claim', exact: true }).click();
  await page.getByRole('dialog').getByLabel('Profile').selectOption('Office phones');
  await page.getByRole('dialog').getByRole('button', { name: 'Claim' }).click();
  await page.getByText('2 phones are yours.').waitFor();
  await open(page, 'shipped', 'Shipped to you');
  await page.getByText('Nothing here').waitFor();
  await page.getByLabel('State').selectOption('Claimed');
  await page.getByRole('row').filter({ hasText: spelled(shipped[0].mac) }).getByRole('link', { name: 'Look' }).click();
  await page.locator('.timeline').getByText('by ship notice').waitFor();
});

test('the lists so far, with their progress', async () => {
  await open(page, 'jobs', 'Upload a list');
  const rows = page.locator('tbody tr');
  assert.ok(await rows.count() >= 8);
  await rows.filter({ hasText: 'Stopped' }).first().waitFor();
  await rows.filter({ hasText: 'All or nothing' }).filter({ hasText: 'Has problems' }).or(rows.filter({ hasText: 'Failed' })).first().waitFor();
  await picture(page, '44-lists');
  assert.ok(await overflow(page) <= 0);
  await rows.filter({ hasText: 'Checked: 1 of 1 row.' }).getByRole('link').click();
  await page.getByText('All fine: 1 phone could be claimed.').waitFor();
});

test('phones that are chosen are released together, once it is confirmed', async () => {
  await open(page, 'phones', 'Phones');
  for (const phone of [first, second]) await page.getByRole('checkbox', { name: `Choose ${spelled(phone.mac)}` }).check();
  await page.getByText('2 phones chosen').waitFor();
  await picture(page, '12-phones-chosen');
  assert.ok(await overflow(page) <= 0);
  await page.getByRole('button', { name: 'Choose all shown' }).click();
  await page.getByRole('button', { name: 'Choose none' }).click();
  assert.equal(await page.getByRole('button', { name: 'Release' }).count(), 0);
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /^Choose /);
  for (const phone of [first, second]) await page.getByRole('checkbox', { name: `Choose ${spelled(phone.mac)}` }).check();
  await page.getByRole('button', { name: 'Release' }).click();
  await page.getByRole('dialog').getByText(spelled(second.mac)).waitFor();
  await picture(page, '13-release-asks');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.waitForFunction(() => document.activeElement.textContent === 'Release');
  await page.getByRole('button', { name: 'Release' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Release 2 phones' }).click();
  await page.getByRole('row').filter({ hasText: spelled(first.mac) }).waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('row').filter({ hasText: spelled(second.mac) }).count(), 0);
  await page.getByRole('row').filter({ hasText: spelled(third.mac) }).waitFor();
});

test('somebody who only looks sees the lists, and no place to drop one', async () => {
  const reader = await browserOf(browser);
  await accept(reader, world.reader.link);
  await open(reader, 'jobs', 'Upload a list');
  assert.ok(await reader.locator('tbody tr').count() >= 8);
  assert.equal(await reader.locator('.drop').count(), 0);
  await reader.locator('tbody tr').filter({ hasText: '203 with a problem' }).getByRole('link').click();
  await reader.getByRole('heading', { name: 'Rows that failed' }).waitFor();
  assert.equal(await reader.locator('.drop, main input').count(), 0);
  await open(reader, 'phones', 'Phones');
  assert.equal(await reader.getByRole('checkbox').count(), 0);
  await open(reader, 'webhooks', 'Webhooks');
  assert.deepEqual(reader.problems, []);
  await reader.context().close();
});

test('nothing went wrong unseen, and nothing was asked of anybody else', () => {
  assert.deepEqual(page.problems, []);
});
