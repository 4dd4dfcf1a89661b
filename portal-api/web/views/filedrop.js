// A place to drop a text file on, or to choose one with the keyboard.
import { t } from '../en.js';
import { h, notice, problemText, replace } from '../dom.js';

/** `take(text)` gets the file; what it throws is told here. */
export function fileDrop({ title, text, take }) {
  const told = h('div', { role: 'status' });
  const input = h('input', { type: 'file', accept: '.csv,text/csv,text/plain', class: 'visually-hidden', tabindex: '-1', 'aria-label': t.jobs.choose, onchange: () => read(input.files[0]) });
  const element = h('div', { class: 'drop', ondragover: (event) => { event.preventDefault(); element.classList.add('over'); },
    ondragleave: () => element.classList.remove('over'), ondrop: (event) => {
      event.preventDefault();
      element.classList.remove('over');
      read(event.dataTransfer.files[0]);
    } },
  h('h2', {}, title), h('p', { class: 'quiet' }, text), input,
  h('button', { type: 'button', class: 'primary', onclick: () => input.click() }, t.jobs.choose), told);

  async function read(file) {
    if (!file) return;
    replace(told, h('p', {}, t.jobs.reading(file.name)));
    try {
      await take(await file.text());
    } catch (problem) {
      if (!problem.silent) replace(told, notice('bad', problem.errors?.map((each) => each.detail).join(' ') || problemText(problem)));
    } finally {
      input.value = '';
    }
  }
  return element;
}
