// Events: what happened to the ITSP's phones, the latest first.
import { t } from '../en.js';
import { button, chip, empty, h, head, macText, pages, when, wordOf } from '../dom.js';
import * as api from '../api.js';

const KIND = { delivered: 'good', refused: 'bad' };

export async function events({ reload }) {
  const list = await pages(t.events.title, [
    [t.events.at, (event) => when(event.at)],
    [t.events.kind, (event) => chip(wordOf(t.kinds, event.kind), KIND[event.kind] ?? '')],
    [t.phones.mac, (event) => (event.mac ? h('a', { href: `#/phones/${event.mac}`, class: 'mono' }, macText(event.mac)) : t.none)],
    [t.events.from, (event) => event.source_ip ?? t.none],
    [t.events.detail, (event) => detail(event.detail)],
  ], api.lister('/v1/events/latest', 'events'), empty(t.events.none, t.events.noneText));
  return [head(t.events.title, t.events.text, button(t.refresh, reload)), list];
}

function wordsOf(name, value) {
  if (name === 'source') return wordOf(t.sources, String(value));
  return typeof value === 'object' ? JSON.stringify(value) : value;
}

export function detail(value) {
  const pairs = Object.entries(value ?? {}).filter(([, each]) => each !== null && each !== '');
  return pairs.length === 0 ? h('span', { class: 'quiet' }, t.none)
    : h('span', { class: 'small' }, pairs.map(([name, each]) => `${t.detail[name] ?? name.replaceAll('_', ' ')}: ${wordsOf(name, each)}`).join(' · '));
}
