// Many at once: a dropped CSV is checked or claimed, its progress watched, the rows that failed mended.
import { t } from '../en.js';
import { button, card, field, h, head, link, notice, replace, say } from '../dom.js';
import * as api from '../api.js';
import { readCsv, withCommas, writeCsv } from '../csv.js';
import { profileNames } from './phones.js';

const MENDED_AT_ONCE = 200; // rows in the table; the others go along unchanged and are shown next time
const rowsOf = new Map(); // job id -> the rows as they were dropped, by line

export async function jobs({ path, go }) {
  if (path[0]) return watch(path[0], { go });
  const names = await profileNames();
  return [head(t.jobs.title, t.jobs.text), drop(go), help(names)];
}

function help(names) {
  return card(t.jobs.format, h('p', {}, t.jobs.formatText), h('pre', {}, `mac,claim_code,profile\n00:15:65:aa:bb:cc,XXXXX-XXXXX-XXXX,${[...names.values()][0] ?? t.jobs.exampleProfile}\n`),
    h('p', { class: 'quiet small' }, t.jobs.formatMore));
}

function drop(go) {
  const input = h('input', { type: 'file', accept: '.csv,text/csv,text/plain', class: 'visually-hidden', tabindex: '-1', 'aria-label': t.jobs.choose, onchange: () => take(input.files[0]) });
  const told = h('div', { role: 'status' });
  const options = h('form', { class: 'stack tight' },
    field({ name: 'dry_run', type: 'checkbox', label: t.jobs.dryRun, hint: t.jobs.dryRunHint, value: true }),
    field({ name: 'atomic', type: 'checkbox', label: t.jobs.atomic, hint: t.jobs.atomicHint }));
  const place = h('div', { class: 'drop', ondragover: (event) => { event.preventDefault(); place.classList.add('over'); },
    ondragleave: () => place.classList.remove('over'), ondrop: (event) => {
      event.preventDefault();
      place.classList.remove('over');
      take(event.dataTransfer.files[0]);
    } },
  h('h2', {}, t.jobs.drop), h('p', { class: 'quiet' }, t.jobs.dropText), input,
  h('button', { type: 'button', class: 'primary', onclick: () => input.click() }, t.jobs.choose), told);

  async function take(file) {
    if (!file) return;
    input.value = '';
    replace(told, h('p', {}, t.jobs.reading(file.name)));
    try {
      const text = await file.text();
      await begin(text, { dryRun: options.elements.dry_run.checked, atomic: options.elements.atomic.checked }, go);
    } catch (problem) {
      replace(told, notice('bad', problem.errors?.map((each) => each.detail).join(' ') || problem.detail || problem.message));
    }
  }
  return h('div', { class: 'card' }, place, options);
}

async function begin(text, { dryRun, atomic }, go) {
  const job = await api.upload(`/v1/claim-jobs?dry_run=${dryRun}&atomic=${atomic}`, withCommas(text), 'text/csv');
  rowsOf.set(job.id, readCsv(text));
  go(`#/jobs/${job.id}`);
}

// --- One job ---

async function watch(id, { go }) {
  const place = h('div', { class: 'stack' });
  const bar = h('progress', { max: 1, value: 0, 'aria-label': t.jobs.progress });
  const words = h('p', {});
  const title = head(t.jobs.one, null, link('#/jobs', t.jobs.another, 'secondary'));
  const card0 = h('section', { class: 'card' }, bar, words);

  const look = async () => {
    const job = await api.get(`/v1/claim-jobs/${encodeURIComponent(id)}`);
    bar.max = Math.max(job.total, 1);
    bar.value = job.done + job.prepared;
    words.textContent = t.jobs.progressText(job);
    return job;
  };
  const follow = async () => {
    try {
      const job = await look();
      if (job.state === 'done' || job.state === 'failed') {
        const text = await api.get(`/v1/claim-jobs/${encodeURIComponent(id)}/results`);
        replace(place, outcome(job, text.split('\n').filter(Boolean).map((line) => JSON.parse(line)), go));
        say(t.jobs.progressText(job));
      } else if (card0.isConnected) {
        setTimeout(follow, 700);
      }
    } catch (problem) {
      replace(place, notice('bad', problem.message));
    }
  };
  await look();
  setTimeout(follow, 50);
  return [title, card0, place];
}

function outcome(job, results, go) {
  const failed = results.filter((row) => row.status !== 'ok');
  const good = results.length - failed.length;
  if (job.state === 'failed') return [notice('bad', t.jobs.failed, job.detail && h('p', {}, job.detail)), failed.length > 0 && mend(job, failed, go)];
  if (failed.length === 0) {
    return [notice('good', job.dry_run ? t.jobs.allWouldDo(good) : t.jobs.allDone(good)),
      job.dry_run && again(job, go), link('#/phones', t.jobs.seePhones, 'primary')];
  }
  return [notice('warn', t.jobs.someFailed(good, failed.length, job.dry_run)), mend(job, failed, go)];
}

/** A check that found nothing to mend: now in earnest. */
function again(job, go) {
  const rows = rowsOf.get(job.id);
  return rows && button(t.jobs.inEarnest, () => begin(writeCsv([...rows.values()]), { dryRun: false, atomic: job.atomic }, go), 'primary');
}

/** The rows that failed, as they can be changed and sent again. Those that were fine go along after a check. */
function mend(job, failed, go) {
  const rows = rowsOf.get(job.id) ?? new Map();
  const rowOf = (result) => rows.get(result.line) ?? { mac: result.mac ?? '', claim_code: '', profile: '' };
  const later = failed.slice(MENDED_AT_ONCE);
  const body = h('tbody', {}, failed.slice(0, MENDED_AT_ONCE).map((result) => mendRow(result, rowOf(result))));
  const collect = () => [...body.rows].map((row) => Object.fromEntries([...row.querySelectorAll('input')].map((input) => [input.name, input.value.trim()]))).filter((row) => row.mac);
  const send = async (dryRun) => {
    const lines = new Set(failed.map((result) => result.line));
    const fine = job.dry_run || job.atomic ? [...rows].filter(([line]) => !lines.has(line)).map(([, row]) => row) : [];
    await begin(writeCsv([...fine, ...collect(), ...later.map(rowOf)]), { dryRun, atomic: job.atomic }, go);
  };
  return h('div', { class: 'stack' },
    h('h2', {}, t.jobs.mend), h('p', { class: 'quiet' }, t.jobs.mendText),
    later.length > 0 && notice('', t.jobs.later(MENDED_AT_ONCE, later.length)),
    h('div', { class: 'table-wrap' }, h('table', {}, h('caption', { class: 'visually-hidden' }, t.jobs.mend),
      h('thead', {}, h('tr', {}, [t.jobs.line, t.phones.mac, t.claim.code, t.phones.profile, t.jobs.why].map((name) => h('th', { scope: 'col' }, name)))), body)),
    h('div', { class: 'row' }, button(t.jobs.sendMended, () => send(false), 'primary'), button(t.jobs.checkMended, () => send(true))));
}

function mendRow(result, row) {
  const input = (name, label, wrong) => h('input', { name, value: row[name] ?? '', 'aria-label': t.jobs.ofLine(label, result.line), class: 'mono', spellcheck: 'false',
    'aria-invalid': wrong ? 'true' : null });
  const text = t.problem.codes[result.code] ?? result.detail ?? result.code;
  return h('tr', {}, h('th', { scope: 'row' }, String(result.line)),
    h('td', { 'data-label': t.phones.mac }, input('mac', t.phones.mac, result.code === 'bad_mac')),
    h('td', { 'data-label': t.claim.code }, input('claim_code', t.claim.code, /code|possession/.test(result.code ?? ''))),
    h('td', { 'data-label': t.phones.profile }, input('profile', t.phones.profile, /profile/.test(result.code ?? ''))),
    h('td', { 'data-label': t.jobs.why }, h('span', { class: 'small' }, text)));
}
