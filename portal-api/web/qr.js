// QR codes (ISO/IEC 18004): byte mode, error correction M, versions 1 to 10. Enough for the key of an
// authenticator; made here, since a key must not be sent elsewhere to be drawn.

// By version: error correction codewords of a block, then [blocks, data codewords of each].
const BLOCKS = [null, [10, [1, 16]], [16, [1, 28]], [26, [1, 44]], [18, [2, 32]], [24, [2, 43]], [16, [4, 27]], [18, [4, 31]],
  [22, [2, 38], [2, 39]], [22, [3, 36], [2, 37]], [26, [4, 43], [1, 44]]];
const ALIGNMENT = [null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

// --- Reed-Solomon over GF(256) with x^8 + x^4 + x^3 + x^2 + 1 ---

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++) {
  EXP[i] = EXP[i + 255] = x;
  LOG[x] = i;
  x = x << 1 ^ (x & 0x80 ? 0x11d : 0);
}
const multiply = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

function correction(data, count) {
  let generator = [1];
  for (let i = 0; i < count; i++) {
    const next = new Array(generator.length + 1).fill(0);
    generator.forEach((value, at) => { next[at] ^= value; next[at + 1] ^= multiply(value, EXP[i]); });
    generator = next;
  }
  const rest = new Uint8Array(data.length + count);
  rest.set(data);
  for (let i = 0; i < data.length; i++) {
    const factor = rest[i];
    for (let j = 1; j <= count; j++) rest[i + j] ^= multiply(generator[j], factor);
  }
  return rest.slice(data.length);
}

// --- Codewords ---

function codewords(bytes, version) {
  const [count, ...groups] = BLOCKS[version];
  const capacity = groups.reduce((sum, [blocks, data]) => sum + blocks * data, 0);
  const bits = [];
  const put = (value, length) => { for (let i = length - 1; i >= 0; i--) bits.push(value >> i & 1); };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  bytes.forEach((byte) => put(byte, 8));
  put(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data = [];
  for (let i = 0; i < bits.length; i += 8) data.push(parseInt(bits.slice(i, i + 8).join(''), 2));
  for (let pad = 0xec; data.length < capacity; pad ^= 0xec ^ 0x11) data.push(pad);

  const blocks = [];
  let at = 0;
  for (const [number, size] of groups) for (let i = 0; i < number; i++) blocks.push(data.slice(at, at += size));
  const corrections = blocks.map((block) => correction(block, count));
  const woven = [];
  for (let i = 0; i < Math.max(...blocks.map((block) => block.length)); i++) blocks.forEach((block) => i < block.length && woven.push(block[i]));
  for (let i = 0; i < count; i++) corrections.forEach((block) => woven.push(block[i]));
  return woven;
}

// --- The square ---

const MASKS = [(r, c) => (r + c) % 2, (r) => r % 2, (r, c) => c % 3, (r, c) => (r + c) % 3, (r, c) => ((r >> 1) + Math.floor(c / 3)) % 2,
  (r, c) => r * c % 2 + r * c % 3, (r, c) => (r * c % 2 + r * c % 3) % 2, (r, c) => ((r + c) % 2 + r * c % 3) % 2];

function frame(version) {
  const size = 17 + 4 * version;
  const dark = Array.from({ length: size }, () => new Array(size).fill(null)); // null: for data
  const set = (r, c, value) => { if (r >= 0 && c >= 0 && r < size && c < size) dark[r][c] = value; };
  for (const [top, left] of [[0, 0], [0, size - 7], [size - 7, 0]]) {
    for (let r = -1; r <= 7; r++) for (let c = -1; c <= 7; c++) {
      const ring = Math.max(Math.abs(r - 3), Math.abs(c - 3));
      set(top + r, left + c, ring !== 2 && ring !== 4);
    }
  }
  for (const r of ALIGNMENT[version]) for (const c of ALIGNMENT[version]) {
    if (dark[r][c] !== null && (r < 9 || c < 9) && !(r === 6 && c > 9 && c < size - 9) && !(c === 6 && r > 9 && r < size - 9)) continue;
    for (let y = -2; y <= 2; y++) for (let x = -2; x <= 2; x++) set(r + y, c + x, Math.max(Math.abs(x), Math.abs(y)) !== 1);
  }
  for (let i = 8; i < size - 8; i++) {
    dark[6][i] ??= i % 2 === 0;
    dark[i][6] ??= i % 2 === 0;
  }
  return dark;
}

function remainder(value, generator, length) {
  let rest = value << length;
  for (let i = 17; i >= length; i--) if (rest >> i & 1) rest ^= generator << i - length;
  return rest;
}

function putFormat(dark, mask) {
  const size = dark.length;
  const bits = (mask << 10 | remainder(mask, 0x537, 10)) ^ 0x5412; // level M is 00
  for (let i = 0; i < 15; i++) {
    const value = Boolean(bits >> i & 1);
    const near = i < 6 ? i : i < 8 ? i + 1 : null;
    if (near !== null) dark[near][8] = value;
    else dark[8][i === 8 ? 7 : 14 - i] = value;
    if (i < 8) dark[8][size - 1 - i] = value;
    else dark[size - 15 + i][8] = value;
  }
  dark[size - 8][8] = true;
}

function putVersion(dark, version) {
  if (version < 7) return;
  const bits = version << 12 | remainder(version, 0x1f25, 12);
  for (let i = 0; i < 18; i++) {
    const value = Boolean(bits >> i & 1);
    const [far, near] = [dark.length - 11 + i % 3, Math.floor(i / 3)];
    dark[far][near] = dark[near][far] = value;
  }
}

function putData(dark, words, mask) {
  const size = dark.length;
  const bits = words.flatMap((word) => [7, 6, 5, 4, 3, 2, 1, 0].map((i) => word >> i & 1));
  let at = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right--;
    for (let i = 0; i < size; i++) for (const c of [right, right - 1]) {
      const r = up ? size - 1 - i : i;
      if (dark[r][c] === null) dark[r][c] = Boolean((bits[at++] ?? 0) ^ (MASKS[mask](r, c) === 0 ? 1 : 0));
    }
  }
}

/** How hard a scanner has it: runs, blocks, and how far from half dark. */
function penalty(dark) {
  const size = dark.length;
  let sum = 0;
  for (const lines of [dark, dark[0].map((_, c) => dark.map((row) => row[c]))]) {
    for (const line of lines) {
      let run = 1;
      for (let i = 1; i <= size; i++) {
        if (line[i] === line[i - 1]) run++;
        else { if (run >= 5) sum += run - 2; run = 1; }
      }
    }
  }
  for (let r = 1; r < size; r++) for (let c = 1; c < size; c++) {
    if (dark[r][c] === dark[r - 1][c] && dark[r][c] === dark[r][c - 1] && dark[r][c] === dark[r - 1][c - 1]) sum += 3;
  }
  return sum + 10 * Math.floor(Math.abs(dark.flat().filter(Boolean).length / size / size - .5) * 20);
}

/** The rows of a code, true is dark; null when the text is too long. */
export function modules(text) {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((block, at) => block && block.slice(1).reduce((sum, [n, data]) => sum + n * data, 0) >= bytes.length + (at < 10 ? 2 : 3));
  if (version < 0) return null;
  const words = codewords(bytes, version);
  const tries = MASKS.map((_, mask) => {
    const dark = frame(version);
    putFormat(dark, mask);
    putVersion(dark, version);
    putData(dark, words, mask);
    return dark;
  });
  return tries.reduce((best, each) => (penalty(each) < penalty(best) ? each : best));
}

/** A picture of it, or nothing when the text is too long. */
export function qr(text, label) {
  const dark = modules(text);
  if (!dark) return null;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', `-4 -4 ${dark.length + 8} ${dark.length + 8}`);
  svg.setAttribute('class', 'qr');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  path.setAttribute('d', dark.flatMap((row, r) => row.map((on, c) => (on ? `M${c} ${r}h1v1h-1z` : ''))).join(''));
  svg.append(path);
  return svg;
}
