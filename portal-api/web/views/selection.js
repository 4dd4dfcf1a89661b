// Phones that are chosen in a table, and what is done with all of them at once.
import { t } from '../en.js';
import { button, h, macText } from '../dom.js';

/** A box for each row, and a bar above the table while any is chosen. `work(macs)` is what its button does. */
export function selection(text, work, kind) {
  const macs = new Set();
  const count = h('span', { role: 'status' });
  const boxes = () => [...document.querySelectorAll('.pick input')];
  const turn = (to) => boxes().filter((box) => box.checked !== to).forEach((box) => box.click());
  const bar = h('div', { class: 'row selection', hidden: true }, count,
    h('button', { type: 'button', class: 'plain', onclick: () => turn(true) }, t.phones.chooseAll),
    h('button', { type: 'button', class: 'plain', onclick: () => { turn(false); boxes()[0]?.focus(); } }, t.phones.chooseNone),
    button(text, () => work([...macs]), kind));
  const box = (mac) => h('input', { type: 'checkbox', 'aria-label': t.phones.choose(macText(mac)), onchange: ({ target }) => {
    if (target.checked) macs.add(mac);
    else macs.delete(mac);
    bar.hidden = macs.size === 0;
    count.textContent = t.phones.chosen(macs.size);
  } });
  return { bar, box };
}

/** The first cell of a row that can be chosen. */
export const pick = (chosen, mac, content) => h('span', { class: 'pick' }, chosen?.box(mac), content);
