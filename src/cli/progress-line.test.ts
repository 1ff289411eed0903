import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressLine } from './progress-line.ts';

function lineOn(terminal: { columns: number } | undefined) {
  const printed: string[] = [];
  const time = { ms: 0 };
  const streams = { out: (text: string) => printed.push(text), err: () => {}, terminal };
  return { line: new ProgressLine(streams, { nowMs: () => 0, monotonicMs: () => time.ms }), printed, time };
}

test('on a terminal the line is written again in its place, and never wraps', () => {
  const { line, printed } = lineOn({ columns: 6 });
  line.show('copying', 'one of two');
  line.show('copying', 'two');
  line.end();
  line.end();
  assert.deepEqual(printed, ['\r\u001b[Kone o', '\r\u001b[Ktwo', '\n']);
});

test('elsewhere a line is printed when it is about something else, and otherwise now and then', () => {
  const { line, printed, time } = lineOn(undefined);
  line.show('copying', 'one');
  line.show('copying', 'two');
  line.show('installing', 'three');
  time.ms = 4_999;
  line.show('installing', 'four');
  time.ms = 5_000;
  line.show('installing', 'five');
  line.end();
  assert.deepEqual(printed, ['one\n', 'three\n', 'five\n']);
});
