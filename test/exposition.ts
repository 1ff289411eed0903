/**
 * A strict reader of the text format of Prometheus, for tests: it refuses what a scraper would.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import assert from 'node:assert/strict';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  readonly type: string;
  readonly samples: readonly Sample[];
}

const namePattern = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const samplePattern = new RegExp(`^(${namePattern})(?:\\{(.*)\\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)$`);
const labelPattern = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;

/** Families by their names. Throws an AssertionError where the text breaks a rule of the format. */
export function parseExposition(text: string): Map<string, MetricFamily> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, { type: string; samples: Sample[] }>();
  const seen = new Set<string>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      assert.ok(!families.has(name), `${name} is one group of lines`);
      families.set(name, { type: '', samples: [] });
      current = name;
      continue;
    }
    const family = families.get(current);
    assert.ok(family !== undefined, `"${line}" has a family`);
    if (kind === 'TYPE') {
      assert.equal(name, current);
      assert.match(rest, /^(gauge|counter|histogram)$/);
      family.type = rest;
      continue;
    }
    const sample = parseSample(line);
    const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    assert.ok(
      suffixes.some((suffix) => sample.name === current + suffix),
      `${sample.name} is of ${current}`,
    );
    const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    assert.ok(!seen.has(identity), `${line} is there once`);
    seen.add(identity);
    family.samples.push(sample);
  }
  for (const [name, { type, samples }] of families) {
    assert.equal(type === 'counter', name.endsWith('_total'), `${name} is named as a ${type}`);
    if (type === 'histogram') {
      checkHistogram(name, samples);
    }
  }
  return families;
}

function parseSample(line: string): Sample {
  const [, name = '', labelText = '', value = ''] = samplePattern.exec(line) ?? [];
  assert.notEqual(name, '', `"${line}" is a sample`);
  const labels: Record<string, string> = {};
  for (let rest = labelText; rest !== ''; ) {
    const match = labelPattern.exec(rest);
    assert.ok(match !== null, `labels of "${line}"`);
    const [whole, label = '', text = ''] = match;
    assert.ok(!(label in labels), `${label} is there once in "${line}"`);
    labels[label] = text;
    rest = rest.slice(whole.length);
  }
  return { name, labels, value: value.endsWith('Inf') ? Number(value.replace('Inf', 'Infinity')) : Number(value) };
}

/** Each series of buckets grows up to +Inf, which is the count. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  for (const count of samples.filter((sample) => sample.name === `${name}_count`)) {
    const buckets = samples.filter(({ name: own, labels: { le, ...labels } }) => {
      return own === `${name}_bucket` && le !== undefined && isSame(labels, count.labels);
    });
    const bounds = buckets.map(({ labels }) => (labels['le'] === '+Inf' ? Infinity : Number(labels['le'])));
    assert.deepEqual(
      bounds,
      [...new Set(bounds)].sort((a, b) => a - b),
      `bounds of ${name}`,
    );
    assert.equal(bounds.at(-1), Infinity, `${name} ends with +Inf`);
    const values = buckets.map(({ value }) => value);
    assert.deepEqual(
      values,
      [...values].sort((a, b) => a - b),
      `buckets of ${name} grow`,
    );
    assert.equal(values.at(-1), count.value, `the count of ${name}`);
  }
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const sorted = (labels: object) => JSON.stringify(Object.entries(labels).sort());
  return sorted(one) === sorted(other);
}
