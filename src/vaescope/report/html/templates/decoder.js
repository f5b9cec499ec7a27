"use strict";
// A decoder of plain layers (vaescope.networks.layers_as_data) for one code at a time.

function bytesOf(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer;
}

// Weights from whole numbers of 16 bits and a scale for each 64 of them, the low byte first.
function weightsOf(packed) {
  const whole = new Int16Array(bytesOf(packed.weights)), scales = new Float32Array(bytesOf(packed.scales));
  const weights = new Float32Array(whole.length);
  for (let i = 0; i < whole.length; i++) weights[i] = whole[i] * scales[i >> 6];
  return weights;
}

const POINTWISE = {
  relu: () => (v) => (v > 0 ? v : 0),
  tanh: () => Math.tanh,
  sigmoid: () => (v) => 1 / (1 + Math.exp(-v)),
  silu: () => (v) => v / (1 + Math.exp(-v)),
  leaky_relu: (layer) => (v) => (v > 0 ? v : layer.slope * v),
  elu: (layer) => (v) => (v > 0 ? v : layer.scale * (Math.exp(v) - 1)),
};

const LAYERS = {
  linear(layer, w, x) {
    const y = new Float32Array(layer.to), bias = layer.at + layer.to * layer.from;
    for (let o = 0; o < layer.to; o++) {
      let sum = w[bias + o];
      for (let i = 0, k = layer.at + o * layer.from; i < layer.from; i++) sum += w[k + i] * x.values[i];
      y[o] = sum;
    }
    return { values: y, shape: [layer.to] };
  },
  shape: (layer, w, x) => ({ values: x.values, shape: layer.shape }),
  flatten: (layer, w, x) => ({ values: x.values, shape: [x.values.length] }),
  pad(layer, w, x) {
    const [channels, height, width] = x.shape, [left, right, above, below] = layer.sides;
    const tall = height + above + below, wide = width + left + right;
    const y = new Float32Array(channels * tall * wide);
    for (let c = 0; c < channels; c++)
      for (let r = 0; r < height; r++) {
        const from = (c * height + r) * width;
        y.set(x.values.subarray(from, from + width), (c * tall + r + above) * wide + left);
      }
    return { values: y, shape: [channels, tall, wide] };
  },
  broadcast(layer, w, x) {
    const side = layer.side, area = side * side, dim = x.values.length;
    const y = new Float32Array((dim + 2) * area);
    for (let d = 0; d < dim; d++) y.fill(x.values[d], d * area, (d + 1) * area);
    for (let r = 0; r < side; r++)
      for (let c = 0; c < side; c++) {
        y[dim * area + r * side + c] = -1 + (2 * c) / (side - 1);
        y[(dim + 1) * area + r * side + c] = -1 + (2 * r) / (side - 1);
      }
    return { values: y, shape: [dim + 2, side, side] };
  },
  upsample(layer, w, x) {
    const [channels, height, width] = x.shape, n = layer.times;
    const y = new Float32Array(channels * height * width * n * n);
    for (let c = 0; c < channels; c++)
      for (let r = 0; r < height * n; r++)
        for (let k = 0; k < width * n; k++)
          y[(c * height * n + r) * width * n + k] =
            x.values[(c * height + Math.floor(r / n)) * width + Math.floor(k / n)];
    return { values: y, shape: [channels, height * n, width * n] };
  },
  group_norm(layer, w, x) {
    const [channels, height, width] = x.shape, area = height * width;
    const many = channels / layer.groups, y = new Float32Array(x.values.length);
    for (let g = 0; g < layer.groups; g++) {
      const start = g * many * area, end = start + many * area;
      let mean = 0, square = 0;
      for (let i = start; i < end; i++) mean += x.values[i];
      mean /= end - start;
      for (let i = start; i < end; i++) square += (x.values[i] - mean) ** 2;
      const scale = 1 / Math.sqrt(square / (end - start) + layer.epsilon);
      for (let i = start; i < end; i++) {
        const c = Math.floor(i / area);
        y[i] = (x.values[i] - mean) * scale * w[layer.at + c] + w[layer.at + channels + c];
      }
    }
    return { values: y, shape: x.shape };
  },
  residual(layer, w, x) {
    const y = run(layer.layers, w, x);
    const sum = new Float32Array(y.values.length);
    for (let i = 0; i < sum.length; i++) sum[i] = x.values[i] + y.values[i];
    return { values: sum, shape: x.shape };
  },
  convolution(layer, w, x) {
    const [from, height, width] = x.shape, [kh, kw] = layer.kernel, [sh, sw] = layer.stride;
    const [ph, pw] = layer.padding;
    const tall = Math.floor((height + 2 * ph - kh) / sh) + 1;
    const wide = Math.floor((width + 2 * pw - kw) / sw) + 1;
    const y = biased(layer, w, tall * wide);
    for (let o = 0; o < layer.to; o++)
      for (let c = 0; c < from; c++)
        for (let i = 0; i < kh; i++)
          for (let j = 0; j < kw; j++) {
            const k = w[layer.at + ((o * from + c) * kh + i) * kw + j];
            const first = Math.max(0, Math.ceil((pw - j) / sw));
            const last = Math.min(wide - 1, Math.floor((width - 1 + pw - j) / sw));
            for (let r = 0; r < tall; r++) {
              const row = r * sh + i - ph;
              if (row < 0 || row >= height) continue;
              const into = (o * tall + r) * wide, out = (c * height + row) * width + j - pw;
              for (let q = first; q <= last; q++) y[into + q] += k * x.values[out + q * sw];
            }
          }
    return { values: y, shape: [layer.to, tall, wide] };
  },
  transposed(layer, w, x) {
    const [from, height, width] = x.shape, [kh, kw] = layer.kernel, [sh, sw] = layer.stride;
    const [ph, pw] = layer.padding, [mh, mw] = layer.more;
    const tall = (height - 1) * sh - 2 * ph + kh + mh, wide = (width - 1) * sw - 2 * pw + kw + mw;
    const y = biased(layer, w, tall * wide);
    for (let c = 0; c < from; c++)
      for (let o = 0; o < layer.to; o++)
        for (let i = 0; i < kh; i++)
          for (let j = 0; j < kw; j++) {
            const k = w[layer.at + ((c * layer.to + o) * kh + i) * kw + j];
            const first = Math.max(0, Math.ceil((pw - j) / sw));
            const last = Math.min(width - 1, Math.floor((wide - 1 + pw - j) / sw));
            for (let r = 0; r < height; r++) {
              const row = r * sh + i - ph;
              if (row < 0 || row >= tall) continue;
              const into = (o * tall + row) * wide + j - pw, out = (c * height + r) * width;
              for (let q = first; q <= last; q++) y[into + q * sw] += k * x.values[out + q];
            }
          }
    return { values: y, shape: [layer.to, tall, wide] };
  },
};

// Output of a convolution before its kernel: the bias of each channel at every pixel.
function biased(layer, w, area) {
  const y = new Float32Array(layer.to * area);
  const bias = layer.at + layer.to * layer.from * layer.kernel[0] * layer.kernel[1];
  for (let o = 0; o < layer.to; o++) y.fill(w[bias + o], o * area, (o + 1) * area);
  return y;
}

function run(layers, w, x) {
  for (const layer of layers) {
    if (layer.kind in POINTWISE) x = { values: x.values.map(POINTWISE[layer.kind](layer)), shape: x.shape };
    else x = LAYERS[layer.kind](layer, w, x);
  }
  return x;
}

// The expected image of a code: its values, and its shape [C, H, W].
function decode(layers, weights, code) {
  return run(layers, weights, { values: Float32Array.from(code), shape: [code.length] });
}

// How the expected image changes per unit of one latent: a column of the Jacobian, by differences.
function columnAt(layers, weights, code, latent, image) {
  const step = 4e-3, moved = code.slice();
  moved[latent] += step;
  return decode(layers, weights, moved).values.map((value, i) => (value - image[i]) / step);
}

// Right singular vectors of a matrix given by its columns, each with its singular value, the largest first.
function singularVectors(columns) {
  const product = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const gram = columns.map((x) => columns.map((y) => product(x, y))), size = gram.length;
  const vectors = gram.map((_, i) => gram.map((_, j) => Number(i === j)));
  const turn = (rows, p, q, c, s) => rows.forEach((row) => { [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]]; });
  for (let sweep = 0; sweep < 12; sweep++)  // Jacobi's rotations; they converge quadratically
    for (let p = 0; p < size; p++)
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(gram[p][q]) <= 1e-12 * Math.sqrt(Math.max(0, gram[p][p] * gram[q][q]))) continue;
        const ratio = (gram[q][q] - gram[p][p]) / (2 * gram[p][q]);
        const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(ratio, 1));
        const c = 1 / Math.hypot(tangent, 1), s = tangent * c, [x, y] = [gram[p], gram[q]];
        [gram[p], gram[q]] = [x.map((value, i) => c * value - s * y[i]), x.map((value, i) => s * value + c * y[i])];
        turn(gram, p, q, c, s);
        turn(vectors, p, q, c, s);
      }
  return gram.map((row, k) => ({ value: Math.sqrt(Math.max(0, row[k])), vector: vectors.map((entries) => entries[k]) }))
    .sort((a, b) => b.value - a.value);
}
