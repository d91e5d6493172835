'use strict';
// The page: images in, scores, maps and neighbours out. All texts go into the document as text.
const $ = id => document.getElementById(id);
const state = { models: [], images: [], image: null, labels: ['Atelectasis', 'Cardiomegaly', 'Consolidation', 'Edema',
  'Pleural effusion', 'Pneumonia', 'Pneumothorax', 'No finding'], results: {}, chosen: null, turn: 0 };

function make(name, text, attributes) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  return element;
}
function say(text) { $('message').textContent = text || ''; }

async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) { options.body = JSON.stringify(body); options.headers['Content-Type'] = 'application/json'; }
  for (let i = 0; ; i++) {
    const answer = await fetch(path, options);
    if (answer.ok) return answer;
    if (answer.status === 429 && i < 5) {
      await new Promise(done => setTimeout(done, 1000 * (Number(answer.headers.get('Retry-After')) || 1)));
      continue;
    }
    const told = await answer.json().catch(() => null);
    const error = new Error(told ? told.error.message : answer.statusText);
    error.status = answer.status;
    throw error;
  }
}
const askJson = async (...args) => (await ask(...args)).json();
const guarded = work => async (...args) => {
  try { say(); return await work(...args); } catch (error) { say(error.message); if (error.status === 401) $('unlock').hidden = false; }
};
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const floats = text => new Float32Array(bytes(text).buffer);

// Models.
const can = what => state.models.filter(m => m.can.includes(what));
const model = () => state.models.find(m => m.id === $('model').value);
const start = guarded(async () => {
  const told = await askJson('GET', '/v1/models');
  state.models = told.data;
  state.version = told.version;
  $('unlock').hidden = true;
  $('root').hidden = !told.files;
  for (const m of can('classify')) { $('model').append(make('option', m.id)); $('other').append(make('option', m.id)); }
  $('other').prepend(make('option', 'none', { value: '' }));
  $('other').value = '';
  $('otherlabel').hidden = can('classify').length < 2;
  $('searching').hidden = !can('search').length;
  $('asking').hidden = !can('match').length && !can('ask').length;
  $('match').hidden = !can('match').length;
  $('answer').hidden = !can('ask').length;
  if (!can('classify').length) $('add').hidden = true;
});

// Images.
const takeFiles = guarded(async files => {
  for (const file of files) {
    const form = new FormData();
    form.append('image', file, file.name);
    await take(await askJson('POST', '/v1/images', form), { file });
  }
});
// source: what the image can be sent as once more, when an object is made of it.
async function take(told, source) {
  for (const image of told.images) {
    if (image.error) { say(image.error.message); continue; }
    image.source = source;
    state.images.push(image);
    await choose(image);
  }
}
function listImages() {
  $('images').replaceChildren(...state.images.map(image => {
    const item = make('li'), button = make('button', image.name, { type: 'button', 'aria-pressed': image === state.image });
    button.addEventListener('click', guarded(() => choose(image)));
    item.append(button);
    return item;
  }));
}
async function grayOf(image, query) {
  const answer = await ask('GET', `/v1/images/${image.id}/gray${query}`);
  return { values: new Uint16Array(await answer.arrayBuffer()), facts: JSON.parse(answer.headers.get('Biovl-Facts')) };
}
// First as many values as the canvas shows, which are few and soon there; then all of them.
async function choose(image) {
  state.image = image;
  listImages();
  const box = $('canvas').getBoundingClientRect();
  const side = Math.ceil(Math.max(box.width, box.height, 64) * (window.devicePixelRatio || 1));
  const { values, facts } = await grayOf(image, '?side=' + side);
  if (image !== state.image) return;
  const windows = image.windows.map(w => w.levels ? { ...w, levels: bytes(w.levels) } : w);
  const first = { center: facts.center, width: facts.window, ...windows[0] };
  $('drop').hidden = true;
  $('canvas').setAttribute('aria-label', `Radiograph ${image.name}, ${image.width} by ${image.height} pixels, view ${image.view}`);
  viewer.show(values, facts, first);
  const ofFile = [{ name: 'as stored', ...first }, ...windows.slice(1).map((w, i) => ({ name: `of the file, ${i + 2}`, ...w }))];
  setPresets(ofFile);
  $('presets').value = 0;
  setHeat(null);
  await new Promise(requestAnimationFrame);
  await Promise.all([showAll(image, values, facts, ofFile), showFed(), score()]);
}
async function showAll(image, values, facts, ofFile) {
  if (values.length < facts.width * facts.height) {
    values = (await grayOf(image, '')).values;
    if (image !== state.image) return;
  }
  viewer.refine(values);
  setPresets([...ofFile, ...rangesOf(values, facts)]);
}
function setPresets(presets) {
  const kept = $('presets').value;
  state.presets = presets.slice(0, 9);
  $('presets').replaceChildren(...state.presets.map((p, i) => make('option', `${i + 1}: ${p.name}`, { value: i })));
  if (kept && kept < presets.length) $('presets').value = kept;
}
// The windows of the values but a share at each end.
function rangesOf(values, facts) {
  const counts = new Uint32Array(65536);
  for (let i = 0; i < values.length; i++) counts[values[i]]++;
  return [[0, 'all values'], [0.01, '1 to 99 %'], [0.05, '5 to 95 %']].map(([share, name]) => {
    const end = from => { let v = from ? 65535 : 0, n = counts[v]; while (n <= share * values.length) n += counts[from ? --v : ++v]; return v; };
    const a = end(0), b = end(1);
    return { name, center: facts.low + facts.step * (a + b) / 2, width: facts.step * Math.max(1, b - a) };
  });
}
async function showFed() {
  const on = $('fed').getAttribute('aria-pressed') === 'true' && state.image;
  $('fedside').hidden = !on;
  if (!on || !model()) return;
  const told = await askJson('GET', `/v1/images/${state.image.id}/fed?model=${encodeURIComponent(model().id)}`);
  const [height, width, channels] = told.shape, values = floats(told.base64);
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const canvas = $('fedcanvas');
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext('2d'), pixels = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = 255 * (values[i * channels + (channels === 3 ? c : 0)] - low) / (high - low || 1);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  $('fedside').querySelector('figcaption').textContent = `What ${told.model} was fed: ${width} × ${height} × ${channels}, ${low.toPrecision(4)} … ${high.toPrecision(4)}`;
}

// Scores.
const classify = (labels, name) => askJson('POST', '/v1/classify', { image: { id: state.image.id }, labels, model: name, show_prompts: true });
const score = guarded(async () => {
  if (!state.image || !model()) return;
  const turn = ++state.turn, typed = $('phrase').value.trim();
  const labels = typed && !state.labels.includes(typed) ? [...state.labels, typed] : state.labels;
  if (!labels.length) return;
  const other = $('other').value;
  const [first, second] = await Promise.all([classify(labels, model().id), other ? classify(labels, other) : null]);
  if (turn !== state.turn) return; // typed on since
  state.results = { first, second, labels, typed: labels !== state.labels };
  showScores();
});
function promptList(title, prompts) {
  const list = make('ul');
  list.append(...prompts.map(p => make('li', p)));
  return prompts.length ? [make('div', title), list] : [];
}
function scoreCell(score) {
  const cell = make('td', undefined, { class: 'score' });
  if (score.score >= 0 && score.score <= 1) {
    const bar = make('i');
    bar.style.width = `${100 * score.score}%`;
    cell.append(bar);
  }
  cell.append(make('span', score.score.toFixed(4)));
  return cell;
}
// How well the model file was found to rank this label, by the prompts of its name alone.
function heldOut(text) {
  const evaluation = model().evaluation, name = text.trim().toLowerCase();
  const found = evaluation && evaluation.labels.find(l => l.names.some(n => n.toLowerCase() === name));
  if (!found) return [];
  const lines = [`AUROC ${found.auroc.toFixed(2)} (${found.low.toFixed(2)}–${found.high.toFixed(2)})`];
  if (found.positives < 15) lines.push(`${found.positives} cases: too few to say`);
  return lines.map(line => make('div', line, { class: 'held', title: `of ${found.positives} images with it` }));
}
function labelCell(s, text) {
  const cell = make('td'), details = make('details');
  details.append(make('summary', s.label), ...promptList('for', s.positive_prompts), ...promptList('against', s.negative_prompts),
    make('div', ['positive_cosine', 'negative_cosine'].filter(k => s[k] !== undefined).map(k => `${k.replace('_', ' ')} ${s[k].toFixed(4)}`).join(', ')));
  cell.append(details, ...heldOut(text));
  return cell;
}
function toolsCell(s, i, preview) {
  const cell = make('td', undefined, { class: 'tools' });
  if (model().can.includes('explain')) {
    const map = make('button', 'map', { type: 'button', 'aria-label': `heat map of ${s.label}` });
    map.addEventListener('click', () => explain(s));
    cell.append(map);
  }
  if (!preview) {
    const remove = make('button', '×', { type: 'button', 'aria-label': `remove ${s.label}` });
    remove.addEventListener('click', () => { state.labels.splice(i, 1); score(); });
    cell.append(' ', remove);
  }
  return cell;
}
function showScores() {
  const { first, second, labels, typed } = state.results, table = $('scores');
  $('sr').hidden = $('sc').hidden = $('mapsc').hidden = state.image.format !== 'dicom';
  table.hidden = $('exports').hidden = $('provenance').hidden = false;
  table.caption.textContent = `Each score is a ${first.scores[0].kind.replace(/_/g, ' ')}, not the probability of a disease.`;
  $('othercolumn').hidden = !second;
  $('othercolumn').textContent = second ? second.model.name : '';
  table.tBodies[0].replaceChildren(...first.scores.map((s, i) => {
    const row = make('tr'), preview = typed && i === first.scores.length - 1;
    if (preview) row.className = 'preview';
    if (s.label === state.chosen) row.className = 'chosen';
    row.append(labelCell(s, labels[i]), scoreCell(s));
    if (second) row.append(scoreCell(second.scores[i]));
    for (const key of ['positive_cosine', 'negative_cosine'])
      row.append(make('td', s[key] === undefined ? '' : s[key].toFixed(3), { class: 'number' }));
    row.append(toolsCell(s, i, preview));
    return row;
  }));
  const notice = model().notice ? [make('li', model().notice)] : [];
  $('warnings').replaceChildren(...first.warnings.map(w => make('li', w.text)), ...notice);
  showProvenance(first, second);
}
function showProvenance(first, second) {
  const list = $('provenance').querySelector('dl'), facts = [];
  for (const r of second ? [first, second] : [first])
    facts.push(['model', r.model.name], ['digest of its tensors', r.model.sha256], ['gray levels', r.preset || 'as stored'],
      ['prompt set', `${r.prompts.set} ${r.prompts.sha256.slice(0, 16)}`], ['device', `${r.device}, ${r.precision}`]);
  const evaluation = model().evaluation, s = first.source;
  if (evaluation) facts.push(['AUROC beneath a label', `${evaluation.measure}, of ${evaluation.data}`]);
  facts.push(['image', `${s.format}, ${s.width} × ${s.height}, ${s.bits} bits, view ${s.view}${s.lossy ? ', lossy' : ''}`], ['biovl', first.version]);
  list.replaceChildren(...facts.flatMap(([k, v]) => [make('dt', k), make('dd', v)]));
}

// Maps.
function setHeat(on) {
  viewer.heatOn = !!on;
  $('heat').setAttribute('aria-pressed', !!on);
  $('mapbar').hidden = !on;
  viewer.draw();
}
const explain = guarded(async s => {
  const text = s.positive_prompts[0] || s.label, image = state.image;
  const told = await askJson('POST', '/v1/explain', { image: { id: state.image.id }, texts: [text], model: model().id });
  if (image !== state.image) return;
  state.mapped = text;
  const map = told.maps[0], values = floats(map.pixels.base64), nulls = told.null || {};
  let low = Infinity, high = -Infinity;
  for (const v of values) if (v === v) { low = Math.min(low, v); high = Math.max(high, v); }
  // The colours end where texts that name no finding do, not where this map does.
  if (nulls.median !== undefined) { low = nulls.median; high = Math.max(high, 2 * nulls.peak_95 - nulls.median); }
  viewer.setHeat({ ...map.pixels, values }, low, high > low ? high : low + 1);
  state.chosen = s.label;
  $('mapsays').textContent = `“${text}”, ${told.method} (${told.unit}): ` + (map.nothing_here
    ? 'no higher than maps of texts that name no finding' : `peak ${map.peak.value.toPrecision(3)}, above those of neutral texts`);
  setHeat(true);
  showScores();
});

// The index.
async function search(query) {
  const told = await askJson('POST', '/v1/search', { k: 10, find: $('find').value, ...query });
  const counts = {};
  for (const hit of told.hits) counts[hit.report || ''] = (counts[hit.report || ''] || 0) + 1;
  $('hits').replaceChildren(...told.hits.map(hit => {
    const item = make('li'), again = make('button', 'search by this', { type: 'button' });
    const same = hit.report && counts[hit.report] > 1 ? `, ${counts[hit.report]} with this text` : '';
    item.append(make('p', `similarity ${hit.score.toFixed(4)}${same} `, { class: 'dim' }), make('p', hit.report || `${hit.item || 'image'} ${hit.id}`));
    again.addEventListener('click', guarded(() => search({ id: hit.id })));
    item.append(again);
    return item;
  }));
  if (!told.hits.length) $('hits').replaceChildren(make('li', 'nothing of that kind in the index'));
}

// Saving.
function save(name, type, text) {
  const link = make('a', '', { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
const resultText = () => JSON.stringify(state.results.second ? [state.results.first, state.results.second] : state.results.first, null, 1);
function csv() {
  const quote = v => /[",\r\n]/.test(v) ? `"${v.replace(/"/g, '""')}"` : v;
  const rows = [['path', 'model', 'label', 'score', 'kind']];
  for (const r of [state.results.first, state.results.second]) if (r) for (const s of r.scores) rows.push([r.path, r.model.name, s.label, String(s.score), s.kind]);
  return rows.map(row => row.map(quote).join(',') + '\n').join('');
}

// A DICOM object of the image's study: like the image it names the patient.
const saveObject = guarded(async (path, request, as) => {
  const { file, image } = state.image.source;
  let body = { ...request, image, as, model: model().id };
  if (file) {
    const form = new FormData();
    form.append('image', file, file.name);
    form.append('request', JSON.stringify(body));
    body = form;
  }
  save(`biovl-${as.slice(-2)}.dcm`, 'application/dicom', await (await ask('POST', path, body)).blob());
});

// The folder below the root.
const browse = guarded(async path => {
  const told = await askJson('GET', '/v1/files?path=' + encodeURIComponent(path));
  $('where').textContent = '/' + path;
  const up = path ? [{ name: '..', folder: true }] : [];
  $('entries').replaceChildren(...[...up, ...told.files].map(entry => {
    const item = make('li'), button = make('button', entry.name + (entry.folder ? '/' : ''), { type: 'button' });
    const inner = entry.name === '..' ? path.split('/').slice(0, -1).join('/') : path ? `${path}/${entry.name}` : entry.name;
    button.addEventListener('click', guarded(async () => {
      if (entry.folder) return browse(inner);
      $('folder').close();
      const image = { path: inner };
      await take(await askJson('POST', '/v1/images', { image }), { image });
    }));
    item.append(button);
    return item;
  }));
  if (!$('folder').open) $('folder').showModal();
});

// What is pressed.
const shapes = { sigmoid: ', sigmoid', table: ', by the curve of the file' };
const viewer = new Viewer($('canvas'), () => {
  $('window').textContent = `Window ${viewer.width.toFixed(0)}, level ${viewer.center.toFixed(0)}${shapes[viewer.shape] || ''}${viewer.inverted ? ', inverted' : ''}, zoom ${(100 * viewer.scale).toFixed(0)} %`;
});
viewer.threshold = 0.5;
function toggle(button) {
  const on = button.getAttribute('aria-pressed') !== 'true';
  button.setAttribute('aria-pressed', on);
  return on;
}
const actions = {
  f: () => viewer.fit(),
  r: () => { viewer.reset(); $('presets').value = 0; $('invert').setAttribute('aria-pressed', false); },
  i: () => { if (!viewer.image) return; viewer.inverted = !viewer.inverted; viewer.retable(); viewer.draw(); $('invert').setAttribute('aria-pressed', viewer.inverted !== viewer.first.inverted); },
  p: guarded(() => { toggle($('fed')); return showFed(); }),
  h: () => { if (viewer.heat) setHeat(!viewer.heatOn); else if (state.results.first) explain(state.results.first.scores[0]); },
  '[': () => setOpacity(-5), ']': () => setOpacity(5),
  '?': () => $('keys').showModal(),
  '+': () => viewer.zoomMiddle(1.25), '=': () => viewer.zoomMiddle(1.25), '-': () => viewer.zoomMiddle(0.8),
};
function setOpacity(by) {
  $('opacity').value = Number($('opacity').value) + by;
  viewer.opacity = $('opacity').value / 100;
  viewer.draw();
}
function preset(i) {
  const p = state.presets && state.presets[i];
  if (!p) return;
  $('presets').value = i;
  viewer.setPreset(p);
}
const arrows = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.altKey || e.metaKey || document.querySelector('dialog[open]')) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
  const arrow = e.target === $('canvas') && viewer.image && arrows[e.key];
  if (arrow) e.shiftKey ? viewer.pan(...arrow) : viewer.drag(...arrow);
  else if (/^[1-9]$/.test(e.key)) preset(Number(e.key) - 1);
  else if (actions[e.key.toLowerCase()]) actions[e.key.toLowerCase()]();
  else return;
  e.preventDefault();
});
for (const [id, key] of [['fit', 'f'], ['reset', 'r'], ['invert', 'i'], ['fed', 'p'], ['heat', 'h'], ['help', '?']])
  $(id).addEventListener('click', () => actions[key]());
$('presets').addEventListener('change', () => preset(Number($('presets').value)));
$('direction').addEventListener('change', () => { viewer.direction = Number($('direction').value); });
$('opacity').addEventListener('input', () => setOpacity(0));
$('threshold').addEventListener('input', () => { viewer.threshold = $('threshold').value / 100; viewer.colour(); });
$('files').addEventListener('change', () => { takeFiles([...$('files').files]); $('files').value = ''; });
$('root').addEventListener('click', () => browse(''));
for (const name of ['model', 'other']) $(name).addEventListener('change', guarded(async () => { setHeat(null); viewer.heat = null; await Promise.all([score(), showFed()]); }));
let timer = 0;
$('phrase').addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(score, 250); });
$('add').addEventListener('submit', e => {
  e.preventDefault();
  const text = $('phrase').value.trim();
  if (text && !state.labels.includes(text)) state.labels.push(text);
  $('phrase').value = '';
  score();
});
$('search').addEventListener('submit', guarded(e => { e.preventDefault(); return search({ text: $('query').value }); }));
$('byimage').addEventListener('click', guarded(() => state.image && search({ image: { id: state.image.id } })));
$('ask').addEventListener('submit', guarded(async e => {
  e.preventDefault();
  if (!state.image) return;
  const text = $('question').value, kind = e.submitter && e.submitter.value === 'ask' ? 'ask' : can('match').length ? 'match' : 'ask';
  const body = { image: { id: state.image.id }, model: can(kind)[0].id };
  const told = await askJson('POST', '/v1/' + kind, kind === 'ask' ? { ...body, question: text, top: 5 } : { ...body, texts: [text] });
  $('answers').replaceChildren(...(told.answers || told.scores).map(a => make('li', `${a.answer || a.text || 'answer ' + a.index}: ${a.score.toFixed(4)} (${a.kind.replace(/_/g, ' ')})`)));
}));
$('copy').addEventListener('click', guarded(() => navigator.clipboard.writeText(resultText())));
$('json').addEventListener('click', () => save('biovl.json', 'application/json', resultText()));
$('csv').addEventListener('click', () => save('biovl.csv', 'text/csv', csv()));
for (const as of ['sr', 'sc'])
  $(as).addEventListener('click', () => saveObject('/v1/classify', { labels: state.labels }, 'dicom-' + as));
$('mapsc').addEventListener('click', () => saveObject('/v1/explain', { texts: [state.mapped] }, 'dicom-sc'));
$('unlock').addEventListener('submit', guarded(async e => {
  e.preventDefault();
  const answer = await fetch('/v1/session', { method: 'POST', headers: { Authorization: 'Bearer ' + $('token').value } });
  $('token').value = '';
  if (!answer.ok) throw new Error('this token opens nothing');
  await start();
}));
const stage = $('stage');
for (const name of ['dragenter', 'dragover']) document.addEventListener(name, e => { e.preventDefault(); stage.classList.add('over'); });
for (const name of ['dragleave', 'drop']) document.addEventListener(name, e => { e.preventDefault(); stage.classList.remove('over'); });
document.addEventListener('drop', e => takeFiles([...e.dataTransfer.files]));
start();
