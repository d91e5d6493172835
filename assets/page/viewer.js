'use strict';
// The radiograph on a canvas: 16-bit values, windowed by a table, from a pyramid of halved copies so
// that a repaint touches no more values than the canvas has pixels.
class Viewer {
  constructor(canvas, tell) {
    this.canvas = canvas;
    this.tell = tell;
    this.table = new Uint32Array(65536);
    this.direction = 1;
    this.opacity = 0.45;
    this.image = null;
    this.heat = null;
    this.scratch = document.createElement('canvas');
    this.heatCanvas = document.createElement('canvas');
    new ResizeObserver(() => { this.fitting ? this.fit() : this.draw(); }).observe(canvas);
    this.listen();
  }

  // values: Uint16Array of [facts.rows, facts.columns], perhaps of a reduced copy; facts: what they
  // mean; window: what the file says to look at first.
  show(values, facts, window) {
    this.image = facts;
    this.levels = [{ values, width: facts.columns, height: facts.rows }];
    this.heat = null;
    this.first = { ...window, inverted: facts.inverted };
    this.reset();
  }

  // All values of the image that is shown, in the place of the reduced copy.
  refine(values) {
    const levels = [{ values, width: this.image.width, height: this.image.height }];
    for (let l = levels[0]; Math.min(l.width, l.height) > 512; l = levels[levels.length - 1])
      levels.push(Viewer.halve(l));
    this.levels = levels;
    this.draw();
  }

  static halve({ values, width, height }) {
    const w = width >> 1, h = height >> 1, out = new Uint16Array(w * h);
    for (let y = 0, o = 0; y < h; y++) {
      let a = 2 * y * width, b = a + width;
      for (let x = 0; x < w; x++, a += 2, b += 2, o++)
        out[o] = (values[a] + values[a + 1] + values[b] + values[b + 1] + 2) >> 2;
    }
    return { values: out, width: w, height: h };
  }

  reset() {
    if (!this.image) return;
    this.inverted = this.first.inverted;
    this.fitting = true;
    this.setPreset(this.first);
    this.fit();
  }

  fit() {
    this.fitting = true;
    if (!this.image) return;
    const box = this.canvas.getBoundingClientRect();
    this.scale = Math.min(box.width / this.image.width, box.height / this.image.height) || 1;
    this.x = (box.width - this.scale * this.image.width) / 2;
    this.y = (box.height - this.scale * this.image.height) / 2;
    this.draw();
  }

  setWindow(center, width) {
    this.center = center;
    this.width = Math.max(width, this.image.step);
    this.retable();
    this.draw();
  }

  // A window with its curve, which stays when the window is dragged.
  setPreset({ center, width, shape, levels }) {
    this.shape = shape;
    this.curve = levels;
    this.setWindow(center, width);
  }

  // From a value to 0 … 255, not yet rounded.
  mapping() {
    const { center, width, curve } = this, from = center - width / 2;
    if (this.shape === 'sigmoid') return value => 255 / (1 + Math.exp(-4 * (value - center) / width));
    if (this.shape !== 'table' || !curve) return value => 255 * (value - from) / width;
    const last = curve.length - 1, scale = curve.length / width;
    return value => curve[Math.min(last, Math.max(0, Math.floor((value - from) * scale)))];
  }

  retable() {
    const { low, step } = this.image, map = this.mapping();
    for (let v = 0; v < 65536; v++) {
      let g = map(low + step * v);
      g = g < 0 ? 0 : g > 255 ? 255 : (g + 0.5) | 0;
      if (this.inverted) g = 255 - g;
      this.table[v] = 0xff000000 | g << 16 | g << 8 | g;
    }
  }

  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
  }

  paint() {
    const began = performance.now(), ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    const w = Math.max(1, Math.round(box.width * ratio)), h = Math.max(1, Math.round(box.height * ratio));
    if (this.canvas.width !== w || this.canvas.height !== h) { this.canvas.width = w; this.canvas.height = h; }
    const context = this.canvas.getContext('2d');
    context.fillStyle = '#000';
    context.fillRect(0, 0, w, h);
    if (!this.image) return;
    this.paintImage(context, ratio, w, h);
    if (this.heat && this.heatOn) this.paintHeat(context, ratio);
    this.milliseconds = performance.now() - began;
    this.tell();
  }

  // The part that is seen, at the coarsest level that still has a value for each pixel.
  paintImage(context, ratio, w, h) {
    const scale = this.scale * ratio, x0 = this.x * ratio, y0 = this.y * ratio;
    let n = 0;
    while (n + 1 < this.levels.length && scale * 2 ** (n + 1) <= 1) n++;
    const level = this.levels[n], unit = scale * this.image.width / level.width;
    const left = Math.max(0, Math.floor(-x0 / unit)), top = Math.max(0, Math.floor(-y0 / unit));
    const right = Math.min(level.width, Math.ceil((w - x0) / unit)), bottom = Math.min(level.height, Math.ceil((h - y0) / unit));
    const columns = right - left, rows = bottom - top;
    if (columns <= 0 || rows <= 0) return;
    if (this.scratch.width !== columns || this.scratch.height !== rows) { this.scratch.width = columns; this.scratch.height = rows; }
    const inner = this.scratch.getContext('2d'), pixels = inner.createImageData(columns, rows);
    const out = new Uint32Array(pixels.data.buffer), { values, width } = level, table = this.table;
    for (let y = 0, o = 0; y < rows; y++)
      for (let i = (top + y) * width + left, end = i + columns; i < end; i++) out[o++] = table[values[i]];
    inner.putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = unit < 6;
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.scratch, x0 + left * unit, y0 + top * unit, columns * unit, rows * unit);
  }

  paintHeat(context, ratio) {
    context.globalAlpha = this.opacity;
    context.imageSmoothingEnabled = true;
    context.drawImage(this.heatCanvas, this.x * ratio, this.y * ratio,
      this.image.width * this.scale * ratio, this.image.height * this.scale * ratio);
    context.globalAlpha = 1;
  }

  // map: {width, height, values: Float32Array}; low … high are the ends of the colours.
  setHeat(map, low, high) {
    this.heat = map && { ...map, low, high };
    this.colour();
  }

  colour() {
    const m = this.heat;
    if (m) {
      this.heatCanvas.width = m.width; this.heatCanvas.height = m.height;
      const inner = this.heatCanvas.getContext('2d'), pixels = inner.createImageData(m.width, m.height);
      for (let i = 0; i < m.values.length; i++) {
        const t = (m.values[i] - m.low) / (m.high - m.low);
        if (!(t >= this.threshold)) continue;
        pixels.data.set(Viewer.viridis(Math.min(1, Math.max(0, t))), 4 * i);
      }
      inner.putImageData(pixels, 0, 0);
    }
    this.draw();
  }

  static viridis(t) {
    const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
    const i = Math.min(3, Math.floor(t * 4)), f = t * 4 - i;
    return [0, 1, 2].map(k => stops[i][k] + f * (stops[i + 1][k] - stops[i][k])).concat(255);
  }

  zoom(factor, x, y) {
    if (!this.image) return;
    const scale = Math.min(40, Math.max(0.02, this.scale * factor)), f = scale / this.scale;
    this.fitting = false;
    this.x = x - (x - this.x) * f; this.y = y - (y - this.y) * f; this.scale = scale;
    this.draw();
  }

  zoomMiddle(factor) {
    const box = this.canvas.getBoundingClientRect();
    this.zoom(factor, box.width / 2, box.height / 2);
  }

  pan(dx, dy) { this.fitting = false; this.x += dx; this.y += dy; this.draw(); }

  // Across changes the width, up and down the level, by the range of the first window.
  drag(dx, dy) {
    const speed = this.first.width / 400;
    const bright = this.inverted ? 1 : -1;
    this.setWindow(this.center + bright * this.direction * dy * speed, this.width + dx * speed);
  }

  listen() {
    const c = this.canvas;
    c.addEventListener('pointerdown', e => {
      if (!this.image || e.button > 1) return;
      e.preventDefault(); c.focus(); c.setPointerCapture(e.pointerId);
      this.from = { x: e.clientX, y: e.clientY, pan: e.button === 1 || e.shiftKey };
    });
    c.addEventListener('pointermove', e => {
      if (!this.from) return;
      const dx = e.clientX - this.from.x, dy = e.clientY - this.from.y;
      this.from.x = e.clientX; this.from.y = e.clientY;
      this.from.pan ? this.pan(dx, dy) : this.drag(dx, dy);
    });
    for (const name of ['pointerup', 'pointercancel']) c.addEventListener(name, () => { this.from = null; });
    c.addEventListener('wheel', e => {
      e.preventDefault();
      const box = c.getBoundingClientRect();
      this.zoom(2 ** (-e.deltaY / 400), e.clientX - box.left, e.clientY - box.top);
    }, { passive: false });
  }
}
