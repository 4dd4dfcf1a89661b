// One list of phones: how far it is, and the rows that failed, to be mended and sent again.
import { t } from '../en.js';
import { button, chip, confirm, h, head, link, newId, notice, problemText, replace, saveAs, say } from '../dom.js';
import * as api from '../api.js';
import { fits, readCsv, withCommas, writeCsv } from '../csv.js';
import { fileDrop } from './filedrop.js';
import { profileNames } from './phones.js';

const LOOK_MS = 700;
const MENDED_AT_ONCE = 200; // rows in the table; the others go along unchanged and are shown next time
const rowsOf = new Map(); // job id -> its rows by line. Only in memory, since they hold claim codes: gone after a reload

export async function handIn(text, { dryRun, atomic }, go) {
  const made = await api.upload(`/v1/claim-jobs?dry_run=${dryRun}&atomic=${atomic}`, withCommas(text), 'text/csv');
  rowsOf.set(made.id, readCsv(text));
  go(`#/jobs/${made.id}`);
}

// --- How far it is ---

export const isGoing = (job) => ['receiving', 'queued', 'running'].includes(job.state);

/** Shows how far a job is: `show` is told of it as it is now. */
export function progress(job) {
  const bar = h('progress', { max: 1, value: 0, 'aria-label': t.jobs.progress });
  const state = h('div');
  const words = h('p', { class: 'small' });
  const show = (now) => {
    bar.max = Math.max(now.total, 1);
    bar.value = now.done + now.prepared;
    const [word, kind] = stateOf(now);
    replace(state, chip(word, kind));
    words.textContent = t.jobs.progressText(now);
  };
  if (job) show(job);
  return { element: h('div', { class: 'stack tight' }, state, bar, words), show };
}

/** For one that goes on: ends it, once it is confirmed. `done` is told when it was ended. */
export const cancelButton = (job, done) => button(t.jobs.cancel, async () => {
  if (!await confirm(t.jobs.cancel, t.jobs.cancelAsk, t.jobs.cancelYes, 'danger')) return;
  await api.remove(`/v1/claim-jobs/${job.id}`);
  await done();
  say(t.jobs.states.cancelled);
}, 'plain danger');

function stateOf(job) {
  if (job.cancelled_at) return [t.jobs.states.cancelled, ''];
  if (isGoing(job)) return [t.jobs.states.going, ''];
  if (job.state === 'failed') return [t.jobs.states.failed, 'bad'];
  if (job.failed > 0) return [t.jobs.states.problems, 'warn'];
  return [job.dry_run ? t.jobs.states.checked : t.jobs.states.done, 'good'];
}

export async function oneJob({ id, go }) {
  const path = `/v1/claim-jobs/${encodeURIComponent(id)}`;
  const shown = progress(null);
  const told = h('div', { role: 'status' });
  const place = h('div', { class: 'stack' });
  const deeds = h('div', { class: 'row', hidden: true });
  const isShown = () => place.isConnected;
  const patiently = (ask) => api.patiently(ask, { isShown, waits: (seconds) => replace(told, seconds && notice('warn', t.jobs.away(seconds))) });
  const look = async (ask) => {
    const now = await ask(() => api.get(path));
    shown.show(now);
    if (deeds.childElementCount === 0 && api.may('claims:write')) deeds.append(cancelButton(now, () => look((each) => each())));
    deeds.hidden = !isGoing(now);
    return now;
  };

  async function follow() {
    for (let now = await look(patiently); ; now = await look(patiently)) {
      if (!isShown()) return;
      if (!isGoing(now)) {
        const results = now.rows_kept === 'none' ? null : linesOf(await patiently(() => api.get(`${path}/results`)));
        replace(place, results === null ? notice('', t.jobs.rowsGone) : outcome(now, results, { go, names: await patiently(profileNames) }));
        say(t.jobs.progressText(now));
        return;
      }
      await api.pause(LOOK_MS);
    }
  }

  try {
    await look((ask) => ask());
  } catch (problem) {
    if (!api.isPassing(problem)) throw problem;
  }
  setTimeout(() => follow().catch((problem) => problem.silent || replace(place, notice('bad', problemText(problem)))), 50);
  return [head(t.jobs.one, null, link('#/jobs', t.jobs.another, 'secondary')), h('section', { class: 'card' }, shown.element, deeds), told, place];
}

const linesOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

// --- What became of it ---

/** Drawn anew when the file is at hand again. */
function outcome(job, results, more) {
  const place = h('div', { class: 'stack' });
  const broken = results.filter((row) => row.status !== 'ok' && row.code !== 'rolled_back');
  const draw = () => replace(place, verdict(job, results.length - broken.length, broken.length),
    ...(broken.length > 0 ? toMend(job, results, broken, { ...more, draw }) : toClaim(job, results, { ...more, draw })));
  draw();
  return place;
}

function verdict(job, good, bad) {
  if (job.cancelled_at) return notice('', t.jobs.cancelled(good + bad, job.total), h('p', {}, job.dry_run || job.atomic ? t.jobs.cancelledWhole : t.jobs.cancelledPart));
  if (job.state === 'failed') return notice('bad', t.jobs.failed, job.detail && h('p', {}, job.detail));
  if (bad > 0) return notice('warn', t.jobs.someFailed(good, bad, job.dry_run));
  return notice('good', job.dry_run ? t.jobs.allWouldDo(good) : t.jobs.allDone(good));
}

/** Rows that nothing is wrong with and that are not claimed yet: of a check, of all that go together, or not begun. */
function stillToClaim(job, results, rows) {
  const settled = new Set(results.filter((row) => (row.status === 'ok' ? !job.dry_run && !job.atomic : row.code !== 'rolled_back')).map((row) => row.line));
  return [...rows].filter(([line]) => !settled.has(line));
}

/** Nothing is to be mended: after a check, or where it was not carried out to its end, it can be claimed now. */
function toClaim(job, results, { go, draw }) {
  const rows = rowsOf.get(job.id);
  if (!job.dry_run && job.state === 'done') return [h('div', { class: 'row' }, link('#/phones', t.jobs.seePhones, 'primary'))];
  if (!api.may('claims:write')) return [];
  return [rows ? h('div', { class: 'row' }, button(t.jobs.inEarnest, () => handIn(writeCsv(stillToClaim(job, results, rows).map(([, row]) => row)), { dryRun: false, atomic: job.atomic }, go), 'primary'))
    : chooseAgain(job, results, t.jobs.againText, draw)];
}

/** Without the file only what it takes no file for is offered: no part of a list is ever left out unseen. */
function toMend(job, results, broken, { go, names, draw }) {
  if (!api.may('claims:write')) return [reasons(broken)];
  const rows = rowsOf.get(job.id);
  const allInSight = rows || (!job.dry_run && !job.atomic && !job.cancelled_at && broken.length <= MENDED_AT_ONCE);
  return [!rows && chooseAgain(job, results, allInSight ? t.jobs.againOrType : t.jobs.againText, draw),
    allInSight ? mend(job, results, broken, { rows: rows ?? new Map(), go, names }) : reasons(broken)];
}

const chooseAgain = (job, results, text, draw) => h('div', { class: 'card' }, fileDrop({ title: t.jobs.again, text, take: async (file) => {
  const rows = readCsv(file);
  if (!fits(rows, job.total, results)) throw new Error(t.jobs.otherFile);
  rowsOf.set(job.id, rows);
  draw();
  say(t.jobs.atHand);
} }));

const whyOf = (result) => t.problem.codes[result.code] ?? result.detail ?? result.code;

function listOfRows(headings, body) {
  return h('div', { class: 'table-wrap' }, h('table', {}, h('caption', { class: 'visually-hidden' }, t.jobs.mend),
    h('thead', {}, h('tr', {}, headings.map((name) => h('th', { scope: 'col' }, name)))), body));
}

function reasons(broken) {
  const rest = broken.length - MENDED_AT_ONCE;
  return h('div', { class: 'stack' }, h('h2', {}, t.jobs.mend), rest > 0 && notice('', t.jobs.later(MENDED_AT_ONCE, rest)),
    listOfRows([t.jobs.line, t.phones.mac, t.jobs.why], h('tbody', {}, broken.slice(0, MENDED_AT_ONCE).map((result) => h('tr', {},
      h('th', { scope: 'row' }, String(result.line)), h('td', { class: 'mono', 'data-label': t.phones.mac }, result.mac || t.none),
      h('td', { class: 'small', 'data-label': t.jobs.why }, whyOf(result)))))));
}

/** The rows that failed, as they can be changed and sent again; with those that were fine, where nothing is claimed yet. */
function mend(job, results, broken, { rows, go, names }) {
  const fine = stillToClaim(job, results, rows);
  const rowOf = (result) => rows.get(result.line) ?? { mac: result.mac ?? '', claim_code: '', profile: result.profile ?? '' };
  const later = broken.slice(MENDED_AT_ONCE);
  const known = h('datalist', { id: newId('profiles') }, [...names.values()].map((value) => h('option', { value })));
  const shown = broken.slice(0, MENDED_AT_ONCE);
  const body = h('tbody', {}, shown.map((result) => mendRow(result, rowOf(result), known.id)));
  const typed = (row) => Object.fromEntries([...row.querySelectorAll('input')].map((input) => [input.name, input.value.trim()]));
  const whole = () => { // in the order of the lines that they had
    const all = [...fine, ...shown.map(({ line }, index) => [line, typed(body.rows[index])]), ...later.map((result) => [result.line, rowOf(result)])];
    return writeCsv(all.filter(([, row]) => row.mac).sort(([a], [b]) => a - b).map(([, row]) => row));
  };
  const send = (dryRun) => handIn(whole(), { dryRun, atomic: job.atomic }, go);
  return h('div', { class: 'stack' },
    h('h2', {}, t.jobs.mend), h('p', { class: 'quiet' }, t.jobs.mendText, fine.length > 0 && ` ${t.jobs.goAlong(fine.length)}`),
    later.length > 0 && notice('', t.jobs.later(MENDED_AT_ONCE, later.length)), known,
    listOfRows([t.jobs.line, t.phones.mac, t.claim.code, t.phones.profile, t.jobs.why], body),
    h('div', { class: 'row' }, button(t.jobs.sendMended, () => send(false), 'primary'), button(t.jobs.checkMended, () => send(true)), button(t.jobs.saveMended, () => saveAs(t.jobs.fileName, whole()), 'plain')));
}

function mendRow(result, row, profiles) {
  const input = (name, label, wrong, more = {}) => h('td', { 'data-label': label }, h('input', { name, value: row[name] ?? '', 'aria-label': t.jobs.ofLine(label, result.line), class: 'mono', spellcheck: 'false',
    autocomplete: 'off', 'aria-invalid': wrong ? 'true' : null, ...more }));
  return h('tr', {}, h('th', { scope: 'row' }, String(result.line)),
    input('mac', t.phones.mac, result.code === 'bad_mac'),
    input('claim_code', t.claim.code, /code|possession/.test(result.code ?? '')),
    input('profile', t.phones.profile, /profile/.test(result.code ?? ''), { list: profiles }),
    h('td', { 'data-label': t.jobs.why }, h('span', { class: 'small' }, whyOf(result))));
}
