// What the tests of the pages share: a browser, people in it, an authenticator, pictures.
import { createRequire } from 'node:module';
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';

const require = createRequire(`${process.env.PAGES_MODULES}/`);
export const { chromium } = require('playwright-core');
export const jsQR = require('jsqr');

/** What test_pages.py has prepared: the portal's URL, people's links, phones. */
export const world = JSON.parse(readFileSync(process.env.PAGES_WORLD, 'utf8'));
const pictures = process.env.PAGES_PICTURES;
mkdirSync(pictures, { recursive: true });

/** A module of the pages that needs no page. Node.js takes .js for something else. */
export const moduleOf = (name) =>
  import(`data:text/javascript,${encodeURIComponent(readFileSync(new URL(`../../portal-api/web/${name}`, import.meta.url), 'utf8'))}`);

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 390, height: 844 };
export const SMALLEST = { width: 320, height: 640 };
export const PASSWORD = 'correct horse battery staple';

export const launch = () => chromium.launch({
  executablePath: process.env.PAGES_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A browser of its own for one person; collects what goes wrong in its pages. */
export async function browserOf(browser, { viewport = WIDE, colorScheme = 'light', ...more } = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport, colorScheme, locale: 'en-GB', timezoneId: 'UTC', permissions: ['clipboard-read', 'clipboard-write'], ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.PAGES_TIMEOUT ?? 30000));
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A refusal is a status of the API, which the pages tell of in words.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) page.problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(world.url) && !/^(blob|data):/.test(request.url())) page.problems.push(`asks elsewhere: ${request.url()}`);
  });
  return page;
}

/** Pictures of what is shown, in all four ways that people see it. */
export async function picture(page, name) {
  for (const [size, viewport] of [['wide', WIDE], ['narrow', NARROW]]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: `${pictures}/${name}-${size}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Nothing sticks out sideways where the window is narrow. */
export async function overflow(page) {
  await page.setViewportSize(SMALLEST);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.setViewportSize(WIDE);
  return wider;
}

// --- An authenticator (RFC 6238) ---

function bytesOf(key) {
  let bits = '';
  for (const symbol of key.replace(/ /g, '')) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(symbol).toString(2).padStart(5, '0');
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

export function code(key, step = Math.floor(Date.now() / 30000)) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', bytesOf(key)).update(counter).digest();
  return String((digest.readUInt32BE(digest[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

/** The address of a QR code's picture, as a camera would read it. */
export async function readQr(locator) {
  const path = await locator.locator('path').getAttribute('d');
  const box = (await locator.getAttribute('viewBox')).split(' ').map(Number);
  return decode([...path.matchAll(/M(\d+) (\d+)h/g)].map(([, c, r]) => [Number(r), Number(c)]), box[2]);
}

export function decode(dark, size) {
  const scale = 4;
  const width = size * scale;
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [r, c] of dark) {
    for (let y = 0; y < scale; y++) for (let x = 0; x < scale; x++) pixels.fill(0, (((r + 4) * scale + y) * width + (c + 4) * scale + x) * 4, (((r + 4) * scale + y) * width + (c + 4) * scale + x) * 4 + 3);
  }
  return (jsQR.default ?? jsQR)(pixels, width, width)?.data;
}

// --- People ---

/** Takes an invitation: password, second factor, recovery codes. Returns those codes. */
export async function accept(page, link, { pictures: named = null } = {}) {
  await page.goto(world.url + link);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByLabel('The same again').fill(PASSWORD);
  if (named) await picture(page, `${named}-invitation`);
  await page.getByRole('button', { name: 'Set password' }).click();
  await page.getByText('Your password is set.').waitFor();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  if (named) await picture(page, `${named}-sign-in`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Continue' }).click();
  const read = await readQr(page.getByRole('img', { name: /QR code/ }));
  page.key = new URL(read).searchParams.get('secret');
  if (named) await picture(page, `${named}-second-factor`);
  await page.getByLabel('Six-digit code').fill(code(page.key));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('heading', { name: 'Keep your recovery codes' }).waitFor();
  if (named) await picture(page, `${named}-recovery`);
  const codes = await page.locator('.codes code').allTextContents();
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByRole('navigation').first().waitFor();
  return codes;
}

export async function signIn(page, email, typed) {
  await page.goto(world.url);
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Six-digit code').fill(typed);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').first().waitFor();
}

export const open = async (page, place, heading) => {
  await page.goto(`${world.url}/#/${place}`);
  await page.locator(`main[data-view="#/${place}"]`).getByRole('heading', { level: 1, name: heading }).waitFor();
};

/** Drops a file on the page's place for one. */
export async function drop(page, name, text) {
  const list = await page.evaluateHandle(([called, content]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], called, { type: 'text/csv' }));
    return transfer;
  }, [name, text]);
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: list });
}
