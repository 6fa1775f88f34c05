// Puts the data of the page into its plots, maps and player.

const runs = JSON.parse(document.getElementById('data').textContent).runs;
const byId = (id) => document.getElementById(id);
const runColour = (i) => `var(--c${(i % 8) + 1})`;
const kSteps = runs[0].steps;
const kDashes = [null, '6 4', '2 4'];
const plots = [];

function column(run, name) { return run.metrics[name] || null; }
const hasNumbers = (values) => values !== null && values.some((v) => v !== null);

// One plot of one or more columns against steps or minutes; nothing when no run has any of them.
// What is rare is measured now and then: its line goes on from one measurement to the next.
function addCurves(parent, spec) {
  const minutes = spec.against === 'minutes';
  const series = [];
  const shown = spec.columns.filter((c) => runs.some((run) => hasNumbers(column(run, c.key))));
  runs.forEach((run, r) => {
    shown.forEach((c, k) => {
      const y = column(run, c.key), x = column(run, minutes ? 'seconds' : 'step');
      if (!hasNumbers(y) || !hasNumbers(x)) return;
      const one = runs.length === 1;
      const name = one ? c.name : shown.length > 1 ? `${run.name}, ${c.name}` : run.name;
      const weights = c.weight && column(run, c.weight) ? column(run, c.weight).map((n) => (n > 0 ? n : 1)) : null;
      const points = x.map((v, i) => [minutes && v !== null ? v / 60 : v, y[i], weights ? weights[i] : 1])
        .filter((p) => p[0] !== null && (p[1] !== null || !c.rare));
      series.push({name, colour: one ? `var(--c${c.colour || k + 1})` : runColour(r), dash: one ? null : kDashes[k],
        x: points.map((p) => p[0]), y: points.map((p) => p[1]), weights: points.map((p) => p[2])});
    });
  });
  if (series.length === 0) return;
  // Runs are told apart by colour, once for all plots; a plot of several columns says which dash is which.
  const legend = runs.length === 1 ? null : shown.length < 2 ? [] : shown.map((c, k) => ({name: c.name, colour: 'var(--muted)', dash: kDashes[k]}));
  plots.push(new Plot(parent, {xLabel: minutes ? 'minutes of training' : kSteps, x0: 0, ...spec, series, legend}));
}

function buildRunLegend() {
  if (runs.length < 2) return;
  const list = byId('run-legend');
  list.hidden = false;
  runs.forEach((run, r) => {
    const item = add(list, 'li');
    add(item, 'span', {class: 'swatch', style: `background:${runColour(r)}`});
    item.append(run.name);
  });
}

// Levels to hold a plot's curves against: its own, and those of the evaluations, once for all runs that agree.
function references(plot) {
  const list = [...plot.references];
  runs.forEach((run) => {
    for (const level of run.references) {
      if (!plot.columns.some((c) => c.key === level.metric) || !Number.isFinite(level.y)) continue;
      const twin = list.find((r) => r.name === level.name && Math.abs(r.y - level.y) < 0.02 * Math.abs(level.y) + 1e-9);
      if (!twin) list.push({name: level.name, y: level.y});
    }
  });
  return list;
}

// The plots that the runs name, each once, and one for each column that none names.
function allPlots() {
  const plots = [];
  for (const run of runs) {
    for (const plot of run.plots) {
      const twin = plots.find((p) => p.title === plot.title);
      if (!twin) plots.push({...plot, columns: [...plot.columns]});
      else twin.columns.push(...plot.columns.filter((c) => !twin.columns.some((d) => d.key === c.key)));
    }
  }
  const named = new Set(plots.flatMap((p) => p.columns.flatMap((c) => [c.key, c.weight])));
  for (const name of ['step', 'seconds', 'frames', 'epoch']) named.add(name);
  for (const run of runs) {
    for (const name of Object.keys(run.metrics)) {
      if (named.has(name)) continue;
      named.add(name);
      plots.push({title: name, unit: '', place: 'hidden', zero: false, references: [], columns: [{key: name, name, rare: true}]});
    }
  }
  return plots;
}

function buildCurves() {
  if (!runs.some((run) => hasNumbers(column(run, 'step')))) return;
  for (const plot of allPlots()) {
    const share = plot.unit === 'share';
    const spec = {title: plot.title, unit: share ? '' : plot.unit, include: plot.zero ? [0] : [], references: references(plot), columns: plot.columns};
    if (share) spec.format = percent;
    if (plot.place === 'first') {
      addCurves(byId('score-plots'), {...spec, height: 300});
      addCurves(byId('score-plots'), {...spec, height: 300, title: `${plot.title} over time`, against: 'minutes'});
    } else {
      addCurves(byId(plot.place === 'second' ? 'other-plots' : 'more-plots'), spec);
    }
  }

  const more = byId('more');
  more.hidden = byId('more-plots').children.length === 0;
  more.open = window.innerWidth > 760;
  buildRunLegend();
  const slider = byId('smoothing');
  const apply = () => {
    byId('smoothing-value').textContent = slider.value === '0' ? 'none' : `${slider.value} %`;
    for (const plot of plots) plot.smoothTo(slider.value / 100);
  };
  slider.addEventListener('input', apply);
  byId('smoothing-control').hidden = byId('learning-about').hidden = false;
  apply();
}

// The episodes of one run: a gallery of maps and the player.
const theatre = {run: null, episode: null, index: 0, step: 0, playing: false, clock: 0, range: [0, 1], plots: [], image: null};

function valueRange(trace) {
  const values = trace.episodes.flatMap((e) => e.value).filter((v) => v !== null).sort((a, b) => a - b);
  if (values.length === 0) return [0, 1];
  const low = values[Math.floor((values.length - 1) * 0.01)], high = values[Math.ceil((values.length - 1) * 0.99)];
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

const gridOf = (trace, episode) => episode.grid || trace.grid;
const sum = (values) => values.reduce((a, b) => a + (b || 0), 0);
const countOf = (episode, bit) => episode.event.filter((e) => e & bit).length;

function showRun(index) {
  const trace = runs[index].trace;
  theatre.run = trace;
  theatre.range = valueRange(trace);
  byId('value-low').textContent = figure(theatre.range[0]);
  byId('value-high').textContent = figure(theatre.range[1]);
  const gallery = byId('gallery');
  gallery.replaceChildren();
  trace.episodes.forEach((episode, i) => {
    const button = add(gallery, 'button', {type: 'button', 'aria-pressed': 'false'});
    const map = add(button, 'canvas', {role: 'img', 'aria-label': `path of episode ${i + 1}`});
    const caption = add(button, 'div', {class: 'caption'});
    add(caption, 'b', {}, `Episode ${i + 1}`);
    const goals = countOf(episode, kGoal), fruit = countOf(episode, kFruit);
    caption.append(` · score ${figure(sum(episode.reward))} · ${goals} goal${goals === 1 ? '' : 's'} · ${fruit} fruit`);
    button.addEventListener('click', () => showEpisode(i));
    button.redraw = () => drawMap(map, gridOf(trace, episode), episode, {range: theatre.range, maxHeight: 300});
  });
  drawGallery();
  showEpisode(0);
}

function drawGallery() {
  drawBar(byId('value-bar'), valueColour);
  drawBar(byId('depth-bar'), (share) => depthColour(share * 7));
  for (const button of byId('gallery').children) button.redraw();
}

function drawSymbols() {
  const list = byId('symbols');
  list.replaceChildren();
  const used = new Set(theatre.run.episodes.flatMap((e) => e.things.map((t) => t.kind)));
  const all = [['start', 'start'], ['respawn', 'new start after a goal'], ['goal-found', 'goal found'], ['fruit-eaten', 'fruit eaten']];
  if (used.has('goal')) all.push(['goal', 'the goal']);
  if (used.has('apple') || used.has('strawberry')) all.push(['apple', 'fruit']);
  if (used.has('lemon') || used.has('fungi')) all.push(['lemon', 'bad fruit']);
  for (const [kind, name] of all) {
    const item = add(list, 'li');
    const ratio = window.devicePixelRatio || 1;
    const canvas = add(item, 'canvas', {width: 18 * ratio, height: 18 * ratio, style: 'width:18px;height:18px'});
    const pen = canvas.getContext('2d');
    pen.scale(ratio, ratio);
    drawSymbol(pen, kind, 9, 9, 5);
    item.append(name);
  }
}

function showEpisode(index) {
  const episode = theatre.run.episodes[index];
  Object.assign(theatre, {episode, index, step: 0, clock: 0});
  setPlaying(false);
  [...byId('gallery').children].forEach((button, i) => button.setAttribute('aria-pressed', i === index));
  byId('eyes').hidden = false;
  byId('eyes-episode').textContent = `episode ${index + 1} of ${theatre.run.episodes.length}`;
  byId('seek').max = episode.x.length - 1;
  byId('frame-figure').hidden = !episode.sheet;
  byId('predicted-figure').hidden = !episode.depth_predicted;
  byId('true-figure').hidden = !episode.depth_true;
  byId('player').classList.toggle('blind', !episode.sheet && !episode.depth_predicted && !episode.depth_true);
  theatre.image = null;
  if (episode.sheet) {
    byId('frame').width = byId('frame').height = episode.tile;
    byId('frame-size').textContent = `${episode.tile} × ${episode.tile} pixels`;
    const image = new Image();
    image.onload = () => { theatre.image = image; showStep(theatre.step); };
    image.src = episode.sheet;
  }
  buildEpisodePlots(episode);
  drawSymbols();
  showStep(0);
}

function buildEpisodePlots(episode) {
  const parent = byId('episode-plots');
  parent.replaceChildren();
  const seconds = episode.x.map((_, i) => i * theatre.run.seconds_per_step);
  const onSeek = (x) => { setPlaying(false); seekTo(Math.round(x / theatre.run.seconds_per_step)); };
  const times = (bit) => seconds.filter((_, i) => episode.event[i] & bit);
  const fruit = times(kFruit);
  theatre.plots = [new Plot(parent, {title: 'Value', unit: 'reward expected from here on', xLabel: 'seconds of the episode', height: 180, left: 52, onSeek,
    series: [{name: 'value', colour: 'var(--c1)', x: seconds, y: episode.value}], marks: times(kGoal), small: fruit,
    extra: [{name: 'goal found', kind: 'mark'}, ...(fruit.length ? [{name: 'fruit eaten', kind: 'tick'}] : [])]})];
  if (episode.loop_probability || episode.loop_true) {
    const bands = [];
    (episode.loop_true || []).forEach((isLoop, i) => {
      if (!(isLoop > 0.5)) return;
      const end = (i + 1) * theatre.run.seconds_per_step;
      if (bands.length && bands[bands.length - 1][1] >= seconds[i] - 1e-9) bands[bands.length - 1][1] = end; else bands.push([seconds[i], end]);
    });
    theatre.plots.push(new Plot(parent, {title: 'Loop closure', unit: 'probability that it has been here before', xLabel: 'seconds of the episode', height: 140, left: 52,
      low: 0, high: 1, format: percent, onSeek, bands: bands.map(([a, b]) => [a, Math.min(b, seconds[seconds.length - 1])]),
      series: [{name: 'predicted', colour: 'var(--c4)', x: seconds, y: episode.loop_probability || seconds.map(() => null)}],
      extra: episode.loop_true ? [{name: 'it has (truth)', kind: 'band'}] : []}));
  }
}

function showStep(step) {
  const {episode, run} = theatre;
  theatre.step = step;
  byId('seek').value = step;
  byId('clock').textContent = `${(step * run.seconds_per_step).toFixed(1)} s / ${((episode.x.length - 1) * run.seconds_per_step).toFixed(1)} s`;
  for (const plot of theatre.plots) plot.setCursor(step * run.seconds_per_step);
  drawMap(byId('here'), gridOf(run, episode), episode, {range: theatre.range, until: step, wedge: {fov: run.fov_degrees}, maxHeight: 430});
  drawFrame(step);
  const predicted = episode.depth_predicted ? episode.depth_predicted[step] : null;
  const truth = episode.depth_true ? episode.depth_true[step] : null;
  drawDepth(byId('depth-predicted'), predicted);
  drawDepth(byId('depth-true'), truth);
  const same = predicted && truth ? [...predicted].filter((c, i) => c === truth[i]).length / 64 : null;
  byId('agreement').textContent = same === null ? '' : `${percent(same)} of 64 cells right`;
  showReadout(step);
}

function drawFrame(step) {
  const {episode, image} = theatre;
  const size = episode.tile;
  const pen = byId('frame').getContext('2d');
  pen.clearRect(0, 0, size, size);
  if (image && step < episode.frames) pen.drawImage(image, (step % 20) * size, Math.floor(step / 20) * size, size, size, 0, 0, size, size);
}

function showReadout(step) {
  const {episode} = theatre;
  const rows = [['score so far', figure(sum(episode.reward.slice(0, step + 1)))],
    ['goals so far', String(countOf({event: episode.event.slice(0, step + 1)}, kGoal))],
    ['value', figure(episode.value[step])], ['step', `${step + 1} of ${episode.x.length}`]];
  if (episode.loop_probability) {
    rows.push(['loop, predicted', percent(episode.loop_probability[step] ?? NaN)]);
    if (episode.loop_true) rows.push(['loop, true', episode.loop_true[step] > 0.5 ? 'yes' : 'no']);
  }
  const list = byId('readout');
  list.replaceChildren();
  for (const [name, value] of rows) {
    const row = add(list, 'div');
    add(row, 'dt', {}, name);
    add(row, 'dd', {}, value);
  }
}

function seekTo(step) {
  const last = theatre.episode.x.length - 1;
  theatre.clock = Math.min(last, Math.max(0, step));
  showStep(Math.floor(theatre.clock));
}

function setPlaying(playing) {
  theatre.playing = playing;
  const button = byId('play');
  button.replaceChildren();
  add(add(button, 'svg', {viewBox: '0 0 16 16'}), 'path', {d: playing ? 'M2 1h4v14H2zM10 1h4v14h-4z' : 'M3 1l11 7-11 7z'});
  button.setAttribute('aria-label', playing ? 'pause' : 'play');
  if (playing) {
    let before = performance.now();
    const tick = (now) => {
      if (!theatre.playing) return;
      const last = theatre.episode.x.length - 1;
      theatre.clock += ((now - before) / 1000 / theatre.run.seconds_per_step) * Number(byId('speed').value);
      before = now;
      if (theatre.clock >= last) { seekTo(last); setPlaying(false); return; }
      if (Math.floor(theatre.clock) !== theatre.step) showStep(Math.floor(theatre.clock));
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }
}

function buildTheatre() {
  const traced = runs.map((run, i) => i).filter((i) => runs[i].trace);
  if (traced.length === 0) return;
  byId('paths-body').hidden = false;
  const select = byId('run-select');
  for (const i of traced) add(select, 'option', {value: i}, runs[i].name);
  byId('run-control').hidden = traced.length < 2;
  select.addEventListener('change', () => showRun(Number(select.value)));
  byId('play').addEventListener('click', () => {
    if (!theatre.playing && theatre.step >= theatre.episode.x.length - 1) seekTo(0);
    setPlaying(!theatre.playing);
  });
  byId('seek').addEventListener('input', (event) => { setPlaying(false); seekTo(Number(event.target.value)); });
  byId('player').addEventListener('keydown', (event) => {
    if (event.target !== byId('player')) return;
    const jump = {ArrowLeft: -1, ArrowRight: 1, PageUp: -15, PageDown: 15}[event.key];
    if (jump) { setPlaying(false); seekTo(theatre.step + jump); event.preventDefault(); }
    if (event.key === ' ') { setPlaying(!theatre.playing); event.preventDefault(); }
  });
  showRun(traced[0]);
  const redraw = () => { drawGallery(); drawSymbols(); showStep(theatre.step); };
  let width = window.innerWidth;
  window.addEventListener('resize', () => { if (window.innerWidth !== width) { width = window.innerWidth; redraw(); } });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}

// Pictures of several moments: a slider and a button that plays them.
function buildPictures() {
  for (const figure of document.querySelectorAll('.pictures')) {
    const slider = figure.querySelector('input');
    if (!slider) continue;
    const images = [...figure.querySelectorAll('img')], button = figure.querySelector('button'), label = figure.querySelector('output');
    let timer = null;
    const show = (index) => {
      images.forEach((image, i) => { image.hidden = i !== index; });
      slider.value = index;
      label.textContent = images[index].dataset.label;
    };
    const stop = () => { clearInterval(timer); timer = null; button.textContent = '▶'; button.setAttribute('aria-label', 'play'); };
    slider.addEventListener('input', () => { stop(); show(Number(slider.value)); });
    button.addEventListener('click', () => {
      if (timer !== null) { stop(); return; }
      let index = Number(slider.value) === images.length - 1 ? 0 : Number(slider.value);
      show(index);
      button.textContent = '❚❚';
      button.setAttribute('aria-label', 'pause');
      timer = setInterval(() => { index += 1; show(index); if (index === images.length - 1) stop(); }, 400);
    });
  }
}

// Curves of the evaluations.
function buildEvaluation() {
  for (const run of runs) {
    for (const curve of run.curves) {
      const plot = new Plot(byId('evaluation-plots'), {title: runs.length > 1 ? `${curve.title}, ${run.name}` : curve.title, unit: curve.y, xLabel: curve.x, height: 260,
        ...(curve.share ? {low: 0, high: 1, format: percent} : {}),
        series: curve.lines.map((line, i) => ({name: line.name, colour: runColour(i), x: line.x, y: line.y, weights: line.x.map(() => 1)}))});
      if (curve.caption) add(plot.box, 'p', {class: 'about'}, curve.caption);
    }
  }
}

buildCurves();
buildEvaluation();
buildPictures();
buildTheatre();
