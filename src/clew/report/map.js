// Maps from above, depth pictures and their colours, on canvas.

const kGoal = 1, kFruit = 2, kRespawn = 4;
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isDark = () => matchMedia('(prefers-color-scheme: dark)').matches;

// From cool and quiet to warm and loud, even in lightness steps; the dark page begins lighter.
const kValueStops = {
  light: [[58, 66, 160], [116, 60, 168], [180, 50, 134], [222, 84, 82], [238, 146, 36]],
  dark: [[92, 112, 226], [150, 100, 224], [214, 92, 172], [250, 130, 104], [255, 204, 92]],
};
const kDepthStops = [[255, 238, 196], [247, 178, 118], [214, 106, 110], [140, 66, 124], [76, 48, 112], [30, 28, 66]];

function blend(stops, share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1);
  const i = Math.floor(at), rest = at - i;
  const mix = stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * rest));
  return `rgb(${mix.join(' ')})`;
}
const valueColour = (share) => blend(kValueStops[isDark() ? 'dark' : 'light'], share);
const depthColour = (level) => blend(kDepthStops, level / 7);

function drawBar(canvas, colour) {
  const pen = canvas.getContext('2d');
  for (let i = 0; i < canvas.width; ++i) {
    pen.fillStyle = colour(canvas.width === 1 ? 0 : i / (canvas.width - 1));
    pen.fillRect(i, 0, 1, 1);
  }
}

// A step from one place to another is walked only if nobody can jump that far: respawns are not joined.
function isJump(episode, i) {
  if (i === 0) return true;
  const {x, y} = episode;
  if (x[i] === null || y[i] === null || x[i - 1] === null || y[i - 1] === null) return true;
  return Math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]) > 0.6;
}

// Where an event of step i took place: a goal may already have moved the agent to its new start.
function placeOf(episode, i) {
  const j = i > 0 && isJump(episode, i) ? i - 1 : i;
  return [episode.x[j], episode.y[j]];
}

function star(pen, x, y, r) {
  pen.beginPath();
  for (let k = 0; k < 10; ++k) {
    const angle = (k * Math.PI) / 5 - Math.PI / 2, radius = k % 2 ? r * 0.45 : r;
    pen.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  pen.closePath();
}

function drawSymbol(pen, kind, x, y, r) {
  const card = colourOf('--card');
  pen.lineWidth = Math.max(1, r * 0.28);
  pen.strokeStyle = card;
  if (kind === 'goal-found') {
    star(pen, x, y, r * 1.35);
    pen.fillStyle = colourOf('--goal');
    pen.stroke();
    pen.fill();
  } else if (kind === 'fruit-eaten') {
    pen.beginPath();
    pen.arc(x, y, r * 0.78, 0, 7);
    pen.fillStyle = colourOf('--fruit');
    pen.stroke();
    pen.fill();
  } else if (kind === 'start' || kind === 'respawn') {
    pen.beginPath();
    pen.arc(x, y, r * 0.8, 0, 7);
    pen.fillStyle = kind === 'start' ? colourOf('--ink') : card;
    pen.strokeStyle = colourOf('--ink');
    pen.fill();
    pen.stroke();
  } else if (kind === 'goal') {
    pen.strokeStyle = colourOf('--goal');
    pen.strokeRect(x - r * 1.3, y - r * 1.3, r * 2.6, r * 2.6);
  } else if (kind === 'solid') {
    pen.fillStyle = colourOf('--solid');
    pen.fillRect(x - r, y - r, r * 2, r * 2);
  } else {
    const good = kind === 'apple' || kind === 'strawberry';
    pen.beginPath();
    pen.arc(x, y, r * 0.6, 0, 7);
    pen.strokeStyle = colourOf(good ? '--fruit' : '--c5');
    pen.stroke();
  }
}

// A map fitted to the width of its canvas. options: range [low, high] of the value, until (steps drawn in full, the
// rest faint), wedge {fov} at step until, maxHeight.
function drawMap(canvas, grid, episode, options) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 240;
  const cell = Math.max(2, Math.min((width - 8) / grid.width, ((options.maxHeight || 1e9) - 8) / grid.height));
  const height = cell * grid.height + 8;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.translate((width - cell * grid.width) / 2, 4);
  const r = Math.min(8, Math.max(2.6, cell * 0.17));

  drawWalls(pen, grid, cell);
  for (const thing of episode.things) drawSymbol(pen, thing.kind, thing.x * cell, thing.y * cell, r);
  const last = options.until ?? episode.x.length - 1;
  const thick = Math.min(3.4, Math.max(1.4, cell * 0.075));
  if (last < episode.x.length - 1) {
    pen.globalAlpha = 0.22;
    drawPath(pen, episode, cell, last, episode.x.length - 1, thick * 0.7, options.range);
    pen.globalAlpha = 1;
  }
  drawPath(pen, episode, cell, 0, last, thick, options.range);
  drawEvents(pen, episode, cell, last, r);
  if (options.wedge && episode.x[last] !== null) drawWedge(pen, episode, cell, last, options.wedge, r);
}

function drawWalls(pen, grid, cell) {
  const {width, height, walls} = grid;
  pen.fillStyle = colourOf('--floor');
  pen.fillRect(0, 0, width * cell, height * cell);
  pen.fillStyle = colourOf('--solid');
  for (let i = 0; i < walls.length; ++i) {
    if (walls[i] === 15) pen.fillRect((i % width) * cell, Math.floor(i / width) * cell, cell + 0.5, cell + 0.5);
  }
  const corners = (x, y) => [[x, y, x + 1, y], [x + 1, y, x + 1, y + 1], [x, y + 1, x + 1, y + 1], [x, y, x, y + 1]];
  const inward = [[0, 1], [-1, 0], [0, -1], [1, 0]];
  if (grid.colours && cell >= 26) {
    const line = cell * 0.08;
    pen.globalAlpha = 0.6;
    pen.lineWidth = line;
    pen.lineCap = 'butt';
    for (let i = 0; i < walls.length; ++i) {
      if (walls[i] === 15) continue;
      for (let side = 0; side < 4; ++side) {
        if (!(walls[i] & (1 << side))) continue;
        const [x0, y0, x1, y1] = corners(i % width, Math.floor(i / width))[side];
        const dx = (inward[side][0] * line) / 2, dy = (inward[side][1] * line) / 2;
        pen.strokeStyle = grid.colours[i * 4 + side];
        pen.beginPath();
        pen.moveTo(x0 * cell + dx, y0 * cell + dy);
        pen.lineTo(x1 * cell + dx, y1 * cell + dy);
        pen.stroke();
      }
    }
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = colourOf('--wall');
  pen.lineWidth = Math.min(2.5, Math.max(0.8, cell * 0.06));
  pen.lineCap = 'square';
  pen.beginPath();
  for (let i = 0; i < walls.length; ++i) {
    for (let side = 0; side < 4; ++side) {
      if (!(walls[i] & (1 << side))) continue;
      const [x0, y0, x1, y1] = corners(i % width, Math.floor(i / width))[side];
      pen.moveTo(x0 * cell, y0 * cell);
      pen.lineTo(x1 * cell, y1 * cell);
    }
  }
  pen.stroke();
}

function drawPath(pen, episode, cell, first, last, thick, [low, high]) {
  pen.lineWidth = thick;
  pen.lineCap = pen.globalAlpha < 1 ? 'butt' : 'round';  // faint round ends would show as beads
  for (let i = first + 1; i <= last; ++i) {
    if (isJump(episode, i)) continue;
    const value = episode.value[i];
    pen.strokeStyle = value === null ? colourOf('--muted') : valueColour((value - low) / (high - low || 1));
    pen.beginPath();
    pen.moveTo(episode.x[i - 1] * cell, episode.y[i - 1] * cell);
    pen.lineTo(episode.x[i] * cell, episode.y[i] * cell);
    pen.stroke();
  }
}

function drawEvents(pen, episode, cell, last, r) {
  for (const pass of ['starts', 'fruit', 'goals']) {
    for (let i = 0; i <= last; ++i) {
      const event = episode.event[i];
      const [x, y] = placeOf(episode, i);
      if (pass === 'starts' && isJump(episode, i) && episode.x[i] !== null) {
        drawSymbol(pen, i === 0 ? 'start' : 'respawn', episode.x[i] * cell, episode.y[i] * cell, r * 0.8);
      }
      if (x === null || y === null) continue;
      if (pass === 'fruit' && event & kFruit) drawSymbol(pen, 'fruit-eaten', x * cell, y * cell, r);
      if (pass === 'goals' && event & kGoal) drawSymbol(pen, 'goal-found', x * cell, y * cell, r);
    }
  }
}

function drawWedge(pen, episode, cell, i, {fov}, r) {
  const x = episode.x[i] * cell, y = episode.y[i] * cell;
  const angle = episode.heading[i] * 2 * Math.PI, half = (fov * Math.PI) / 360;
  const reach = Math.max(cell * 0.9, r * 4);
  const glow = pen.createRadialGradient(x, y, 0, x, y, reach);
  pen.fillStyle = glow;
  const ink = isDark() ? '255 255 255' : '20 24 30';
  glow.addColorStop(0, `rgb(${ink} / .38)`);
  glow.addColorStop(1, `rgb(${ink} / 0)`);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.arc(x, y, reach, angle - half, angle + half);
  pen.closePath();
  pen.fill();
  pen.beginPath();
  for (const [turn, far] of [[0, 1.7], [2.45, 1.25], [Math.PI, 0.5], [-2.45, 1.25]]) {
    pen.lineTo(x + r * far * Math.cos(angle + turn), y + r * far * Math.sin(angle + turn));
  }
  pen.closePath();
  pen.fillStyle = colourOf('--ink');
  pen.strokeStyle = colourOf('--card');
  pen.lineWidth = 1.5;
  pen.stroke();
  pen.fill();
}

// Depth classes of one frame: 4 rows of 16 digits.
function drawDepth(canvas, digits) {
  canvas.width = 16 * 24;
  canvas.height = 4 * 24;
  const pen = canvas.getContext('2d');
  for (let i = 0; i < 64; ++i) {
    const level = digits ? digits.charCodeAt(i) - 48 : -1;
    if (!(level >= 0 && level <= 7)) continue;
    pen.fillStyle = depthColour(level);
    pen.fillRect((i % 16) * 24, Math.floor(i / 16) * 24, 24, 24);
  }
}
