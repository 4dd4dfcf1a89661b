// Many phones at once: a dropped CSV is checked or claimed; the lists so far and how far each is. One list: job.js.
import { t } from '../en.js';
import { card, empty, field, h, head, pages, tell, when } from '../dom.js';
import * as api from '../api.js';
import { fileDrop } from './filedrop.js';
import { cancelButton, handIn, isGoing, oneJob, progress } from './job.js';
import { profileNames } from './phones.js';

const LOOK_MS = 2000;

export async function jobs({ path, go }) {
  if (path[0]) return oneJob({ id: path[0], go });
  const writes = api.may('claims:write');
  const [names, list] = await Promise.all([writes && profileNames(), soFar()]);
  return [head(t.jobs.title, writes ? t.jobs.text : t.jobs.notYours), writes && drop(go), writes && help(names), h('h2', {}, t.jobs.list), list];
}

function help(names) {
  return card(t.jobs.format, h('p', {}, t.jobs.formatText), h('pre', {}, `mac,claim_code,profile\n00:15:65:aa:bb:cc,XXXXX-XXXXX-XXXX,${[...names.values()][0] ?? t.jobs.exampleProfile}\n`),
    h('p', { class: 'quiet small' }, t.jobs.formatMore));
}

function drop(go) {
  const options = h('form', { class: 'stack tight' },
    field({ name: 'dry_run', type: 'checkbox', label: t.jobs.dryRun, hint: t.jobs.dryRunHint, value: true }),
    field({ name: 'atomic', type: 'checkbox', label: t.jobs.atomic, hint: t.jobs.atomicHint }));
  const take = (text) => handIn(text, { dryRun: options.elements.dry_run.checked, atomic: options.elements.atomic.checked }, go);
  return h('div', { class: 'card' }, fileDrop({ title: t.jobs.drop, text: t.jobs.dropText, take }), options);
}

// --- The lists so far ---

async function soFar() {
  const going = new Map(); // by id, what shows how far each is
  const update = (now) => {
    going.get(now.id)?.show(now);
    if (!isGoing(now)) going.delete(now.id);
  };
  const track = (one) => {
    const shown = progress(one);
    if (!isGoing(one)) return shown.element;
    const cancel = api.may('claims:write') && h('div', {}, cancelButton(one, async () => update(await api.get(`/v1/claim-jobs/${one.id}`))));
    going.set(one.id, { show: (now) => { shown.show(now); if (cancel && !isGoing(now)) cancel.remove(); } });
    return [shown.element, cancel];
  };
  const list = await pages(t.jobs.list, [
    [t.jobs.handedIn, (one) => h('a', { href: `#/jobs/${one.id}` }, when(one.created_at, { exact: true }))],
    [t.jobs.kind, (one) => [t.jobs.kinds[one.dry_run ? 'check' : 'claim'], one.atomic && h('div', { class: 'small quiet' }, t.jobs.atomic)]],
    [t.jobs.progress, track, 'progress'],
    [t.jobs.ended, (one) => when(one.finished_at)],
  ], api.lister('/v1/claim-jobs', 'jobs'), empty(t.jobs.none, t.jobs.noneText));
  setTimeout(() => follow(list, going, update).catch((problem) => problem.silent || tell(problem)), LOOK_MS);
  return list;
}

/** Looks again while some are under way and somebody sees them. */
async function follow(list, going, update) {
  const isShown = () => list.isConnected;
  while (going.size > 0 && isShown()) {
    const { jobs: newest } = await api.patiently(() => api.get('/v1/claim-jobs', { limit: 50 }), { isShown, waits: () => {} });
    newest.forEach(update);
    await api.pause(LOOK_MS);
  }
}
