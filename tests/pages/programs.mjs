// What an ITSP's programs use: tokens that are rotated, webhooks that are tried, paused and replayed.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { accept, browserOf, launch, open, overflow, picture, world } from './browser.mjs';

let browser, page;
const dialog = () => page.getByRole('dialog');
const shown = () => page.locator('dialog .secret code').textContent();
const kept = async () => {
  await page.getByRole('button', { name: 'I have copied it' }).click();
  await dialog().waitFor({ state: 'detached' });
};

before(async () => {
  browser = await launch();
  page = await browserOf(browser);
  await accept(page, world.programmer.link);
});
after(async () => { await browser?.close(); });

test('a token is rotated: both work for a while, and it is told when each was used', async () => {
  const allowed = (token) => page.request.get(`${world.url}/v1/claims`, { headers: { Authorization: `Bearer ${token}` } }).then((answer) => answer.status());
  await open(page, 'tokens', 'API tokens');
  await page.locator('summary', { hasText: 'New token' }).click();
  await page.getByLabel('Name').fill('Rotated token');
  await page.getByLabel('See phones').check();
  await page.getByRole('button', { name: 'New token' }).click();
  const old = await shown();
  await page.keyboard.press('Escape');
  assert.equal(await dialog().count(), 1);
  await kept();
  const rows = page.getByRole('row').filter({ hasText: 'Rotated token' });
  const used = rows.locator('td[data-label="Last used"]');
  assert.equal(await used.textContent(), 'Never');
  assert.equal(await allowed(old), 200);
  await page.reload();
  await rows.waitFor();
  assert.equal(await used.textContent(), 'just now');
  await rows.getByRole('button', { name: 'Rotate Rotated token' }).click();
  await dialog().getByLabel('The old one works for').selectOption('another hour');
  await picture(page, '71-rotate');
  await dialog().getByRole('button', { name: 'Rotate', exact: true }).click();
  await dialog().getByText('The old one works until').waitFor();
  const made = await shown();
  assert.notEqual(made, old);
  await kept();
  await rows.filter({ hasText: 'Being replaced' }).waitFor();
  assert.equal(await rows.count(), 2);
  assert.equal(await rows.getByRole('button', { name: 'Rotate Rotated token' }).count(), 1);
  assert.deepEqual([await allowed(old), await allowed(made)], [200, 200]);
  await picture(page, '72-tokens-rotated');
  assert.ok(await overflow(page) <= 0);
});

test('a webhook: made with its secret, tried, paused, replayed, given a new secret, removed', async () => {
  await open(page, 'webhooks', 'Webhooks');
  await page.getByText('No webhooks yet').waitFor();
  await page.locator('summary', { hasText: 'New webhook' }).click();
  await page.getByLabel('URL').fill('https://10.0.0.1/hook');
  await page.getByRole('button', { name: 'New webhook' }).click();
  await page.locator('[aria-invalid=true][name=url]').waitFor();
  await page.getByLabel('URL').fill('https://hooks.itsp.example/firstring');
  await page.getByLabel('Got its answer').check();
  await picture(page, '73-webhook-new');
  assert.ok(await overflow(page) <= 0);
  await page.getByRole('button', { name: 'New webhook' }).click();
  const first = await shown();
  assert.ok(first.length >= 20, first);
  await page.getByRole('button', { name: 'Copy: Secret' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), first);
  await picture(page, '74-webhook-secret');
  await kept();
  await page.getByRole('heading', { level: 1, name: 'A webhook' }).waitFor();
  await page.getByText('Nothing was posted yet').waitFor();
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('Your server did not take the test').waitFor();
  await page.locator('tbody tr').filter({ hasText: 'A test' }).getByText('Not taken').waitFor();
  await picture(page, '75-webhook');
  assert.ok(await overflow(page) <= 0);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Events wait. Once resumed').waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.locator('.head .chip', { hasText: 'Live' }).waitFor();
  await page.getByRole('button', { name: 'Replay' }).click();
  await dialog().getByLabel('Since').fill('2100-01-01T00:00');
  await dialog().getByRole('button', { name: 'Replay' }).click();
  await dialog().getByText('Nothing has happened since then').waitFor();
  await dialog().getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Replay' }).click();
  await picture(page, '76-webhook-replay');
  await dialog().getByRole('button', { name: 'Replay' }).click();
  await page.getByText('Your server does not take the posts').or(page.locator('.head .chip', { hasText: 'Live' })).first().waitFor();
  await page.getByRole('button', { name: 'New secret' }).click();
  await dialog().getByText('two signatures').waitFor();
  await dialog().getByRole('button', { name: 'New secret' }).click();
  await page.getByRole('heading', { name: 'The webhook’s secret' }).waitFor();
  assert.notEqual(await shown(), first);
  await kept();
  // The view is made anew once the secret is kept: a form that was opened before that is shut again.
  while (!await page.getByLabel('Turned away').check({ timeout: 1000 }).then(() => true, () => false)) {
    await page.locator('summary', { hasText: 'Change it' }).click();
  }
  assert.ok(await page.getByLabel('Got its answer').isChecked());
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.facts').getByText('Got its answer, Turned away').waitFor();
  await open(page, 'webhooks', 'Webhooks');
  await page.getByRole('row').filter({ hasText: 'https://hooks.itsp.example/firstring' }).getByRole('link').click();
  await page.getByRole('button', { name: 'Remove' }).click();
  await dialog().getByRole('button', { name: 'Remove' }).click();
  await page.getByText('No webhooks yet').waitFor();
});

test('nothing went wrong unseen, and nothing was asked of anybody else', () => {
  assert.deepEqual(page.problems, []);
});
