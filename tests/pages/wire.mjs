// Behind the pages: their headers and size, what other sites cannot do, and the QR codes.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { browserOf, decode, launch, moduleOf, world } from './browser.mjs';

const { modules } = await moduleOf('qr.js');
const { fits, readCsv, withCommas, writeCsv } = await moduleOf('csv.js');

let browser, page;
before(async () => {
  browser = await launch();
  page = await browserOf(browser);
});
after(async () => { await browser?.close(); });

test('the first view is small, strict, and asked for again cheaply', async () => {
  let bytes = 0;
  const seen = [];
  page.on('response', async (response) => {
    if (!response.url().startsWith(world.url)) return;
    seen.push([new URL(response.url()).pathname, response.status()]);
    const sizes = await response.request().sizes();
    bytes += sizes.responseBodySize + sizes.responseHeadersSize;
  });
  const first = await page.goto(world.url);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.waitForLoadState('networkidle');
  assert.ok(bytes > 20000 && bytes < 200000, `${bytes} bytes`);
  const headers = first.headers();
  assert.match(headers['content-security-policy'], /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'.*require-trusted-types-for 'script'/);
  assert.doesNotMatch(headers['content-security-policy'], /unsafe|http:|\*/);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['referrer-policy'], 'no-referrer');
  assert.equal(headers['cache-control'], 'no-cache');
  const again = await page.request.get(`${world.url}/web/style.css`, { headers: { 'If-None-Match': (await page.request.get(`${world.url}/web/style.css`)).headers().etag } });
  assert.equal(again.status(), 304);
  assert.equal((await again.body()).length, 0);
  const posted = await page.request.post(`${world.url}/`);
  assert.deepEqual([posted.status(), posted.headers().allow], [405, 'GET, HEAD']);
  assert.equal((await page.request.get(`${world.url}/web/../routes.c`)).status(), 404);
  assert.equal((await page.request.get(`${world.url}/web/`)).status(), 404);
});

test('while it is not known yet who is signed in the page says that it loads, and asks again when told to', async () => {
  const slow = await browserOf(browser);
  let away = true;
  await slow.route('**/v1/session', async (route) => {
    await new Promise((resolve) => { setTimeout(resolve, 600); });
    if (away) await route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"code":"unavailable"}' });
    else await route.continue();
  });
  await slow.goto(world.url);
  await slow.getByText('Loading…').waitFor();
  await slow.getByText('The portal is busy').waitFor();
  away = false;
  await slow.getByRole('button', { name: 'Try again' }).click();
  await slow.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(slow.problems, []);
  await slow.context().close();
});

test('scripts that stand in the page do not run', async () => {
  await page.goto(world.url);
  const ran = await page.evaluate(async () => {
    window.ran = 0;
    const script = document.createElement('script');
    try { script.textContent = 'window.ran = 1'; } catch { return 'refused'; }
    document.body.append(script);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    return window.ran;
  });
  assert.ok(ran === 'refused' || ran === 0, String(ran));
  const html = await page.evaluate(() => {
    try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return 'inserted'; } catch { return 'refused'; }
  });
  assert.equal(html, 'refused');
});

test('another site can neither act as somebody signed in, nor frame the pages', async () => {
  const somebody = await browserOf(browser);
  await somebody.goto(world.url);
  const evil = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<iframe src="${world.url}/"></iframe><form method="post" enctype="text/plain" action="${world.url}/v1/session"><input name='{"email":"a@b","password":"' value='"}'></form>`);
  });
  await new Promise((resolve) => { evil.listen(0, '127.0.0.1', resolve); });
  const tab = await somebody.context().newPage();
  await tab.goto(`http://127.0.0.1:${evil.address().port}/`);
  const answers = await tab.evaluate(async (url) => {
    const told = [];
    for (const [method, path] of [['GET', '/v1/session'], ['POST', '/v1/session'], ['DELETE', '/v1/session']]) {
      try {
        await fetch(url + path, { method, credentials: 'include', mode: 'cors' });
        told.push('read');
      } catch { told.push('refused'); }
    }
    return told;
  }, world.url);
  assert.deepEqual(answers, ['refused', 'refused', 'refused']);
  assert.ok(!(await tab.frames()[1]?.content())?.includes('style.css'));
  const [sent] = await Promise.all([tab.waitForResponse((response) => response.url().endsWith('/v1/session')), tab.evaluate(() => document.forms[0].submit())]);
  assert.equal(sent.status(), 403);
  evil.close();
  await somebody.context().close();
});

test('QR codes of every size are read by another reader', () => {
  for (const length of [1, 14, 15, 26, 27, 42, 62, 84, 106, 122, 152, 180, 213]) {
    const text = 'otpauth://'.repeat(22).slice(0, length);
    const dark = modules(text);
    const at = dark.flatMap((row, r) => row.flatMap((on, c) => (on ? [[r, c]] : [])));
    assert.equal(decode(at, dark.length + 8), text, `${length}`);
  }
  assert.equal(modules('x'.repeat(214)), null);
});

test('CSV as spreadsheets write it keeps its lines', () => {
  const text = '\uFEFFmac;claim_code;profile\r\n\r\n001565000001;"AB;C";"say ""hi"""\r\n001565000002;;x';
  assert.deepEqual([...readCsv(text)], [[3, { mac: '001565000001', claim_code: 'AB;C', profile: 'say "hi"' }], [4, { mac: '001565000002', claim_code: '', profile: 'x' }]]);
  assert.equal(withCommas(text), 'mac,claim_code,profile\n\n001565000001,"AB;C","say ""hi"""\n001565000002,,x');
  assert.equal(withCommas('a,b\n1;2,3'), 'a,b\n1;2,3');
  const results = [{ line: 4, mac: '00:15:65:00:00:02' }];
  assert.deepEqual([fits(readCsv(text), 2, results), fits(readCsv(text), 3, results), fits(readCsv(text), 2, [{ line: 3, mac: '001565000002' }])], [true, false, false]);
  assert.equal(writeCsv([{ mac: 'a', claim_code: 'b,c' }]), 'mac,claim_code,profile\na,"b,c",\n');
});
