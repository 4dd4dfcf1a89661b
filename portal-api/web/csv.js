// The CSV that people drop: read as the server reads it, so that its line numbers fit; and written.

/** The rows by line number; a name -> text object each, after the header's names. */
export function readCsv(text) {
  const rows = new Map();
  const clean = text.replace(/^\uFEFF/, '');
  const separator = separatorOf(clean);
  let names = null;
  for (const { line, cells } of records(clean, separator)) {
    if (cells.every((cell) => cell.trim() === '') || (!names && /^sep=/i.test(cells[0]))) continue;
    if (!names) names = cells.map((cell) => cell.trim().toLowerCase().replace(/[ -]/g, '_'));
    else rows.set(line, Object.fromEntries(names.map((name, index) => [name, (cells[index] ?? '').trim()])));
  }
  return rows;
}

const separatorOf = (text) => {
  const first = text.trimStart().split(/\r?\n/, 1)[0];
  const told = /^sep=([,;\t])$/i.exec(first);
  if (told) return told[1];
  return first.includes(';') && !first.includes(',') ? ';' : first.includes('\t') && !first.includes(',') ? '\t' : ',';
};

function* records(text, separator) {
  let cells = [''];
  let quoted = false;
  let line = 1;
  let begun = 1;
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (c === '\n') line++;
    if (quoted) {
      if (c !== '"') cells[cells.length - 1] += c;
      else if (text[at + 1] === '"') { cells[cells.length - 1] += '"'; at++; }
      else quoted = false;
    } else if (c === '"' && cells[cells.length - 1] === '') {
      quoted = true;
    } else if (c === separator) {
      cells.push('');
    } else if (c === '\n') {
      yield { line: begun, cells };
      cells = [''];
      begun = line;
    } else if (c !== '\r') {
      cells[cells.length - 1] += c;
    }
  }
  if (cells.length > 1 || cells[0] !== '') yield { line: begun, cells };
}

/** Spreadsheets of some countries put semicolons: the server reads commas, on the same lines. */
export function withCommas(text) {
  const clean = text.replace(/^\uFEFF/, '');
  const separator = separatorOf(clean);
  if (separator === ',') return text;
  return clean.split('\n').map((line) => [...records(line, separator)].map(({ cells }) => cells.map(quote).join(',')).join('')).join('\n');
}

const quote = (text) => (/[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const NAMES = ['mac', 'claim_code', 'profile'];

/** Whether these rows are those that a job was made of: as many, and the same phones on the same lines. */
export const fits = (rows, total, results) => rows.size === total && results.every(({ line, mac }) => bare(rows.get(line)?.mac) === bare(mac));
const bare = (text) => (text ?? '').replace(/[^0-9a-z]/gi, '').toUpperCase();

/** Rows for a claim job. */
export const writeCsv = (rows) => [NAMES, ...rows.map((row) => NAMES.map((name) => row[name] ?? ''))].map((cells) => cells.map(quote).join(',')).join('\n') + '\n';
