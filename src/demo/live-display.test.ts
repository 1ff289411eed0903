import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveDisplay } from './live-display.ts';

/** A terminal that understands what the display uses: line ends, the cursor up, clearing below, hiding the cursor. */
class Screen {
  readonly isTTY = true;
  columns: number;
  lines: string[] = [''];
  row = 0;
  cursorVisible = true;

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is about control characters
    for (const [token] of text.matchAll(/\u001b\[\??\d*[A-Za-z]|[\s\S]/gu)) {
      this.#take(token);
    }
  }

  #take(token: string): void {
    if (token.startsWith('\u001b[?25')) {
      this.cursorVisible = token.endsWith('h');
    } else if (token.endsWith('A') && token.length > 1) {
      this.row -= Number(token.slice(2, -1));
    } else if (token === '\u001b[0J') {
      this.lines.length = this.row;
      this.lines.push('');
    } else if (token === '\n') {
      this.row += 1;
      this.lines[this.row] ??= '';
    } else if (token !== '\r') {
      this.lines[this.row] += token;
    }
  }
}

test('the block is drawn again in place, and printed lines stay above it', () => {
  const screen = new Screen(40);
  const display = new LiveDisplay(screen);
  display.print('started');
  display.show(['a 1', 'b 1', 'c 1']);
  display.show(['a 2', 'b 2']);
  display.print('a replica stopped');
  display.show(['a 3', 'b 3']);
  assert.deepEqual(screen.lines, ['started', 'a replica stopped', 'a 3', 'b 3', '']);
});

test('lines that a narrowed terminal has wrapped are cleared too', () => {
  const screen = new Screen(20);
  const display = new LiveDisplay(screen);
  display.show(['x'.repeat(18), 'short']);
  screen.columns = 10;
  screen.lines = ['x'.repeat(10), 'x'.repeat(8), 'short', ''];
  screen.row = 3;
  display.show(['narrow']);
  assert.deepEqual(screen.lines, ['narrow', '']);
});

test('the cursor is hidden while the block lives and comes back once', () => {
  const screen = new Screen(40);
  const display = new LiveDisplay(screen);
  display.show(['a']);
  assert.equal(screen.cursorVisible, false);
  display[Symbol.dispose]();
  assert.equal(screen.cursorVisible, true);
  const before = screen.lines.join('\n');
  display[Symbol.dispose]();
  assert.equal(screen.lines.join('\n'), before);
});

test('without a terminal there are plain lines and no control characters', () => {
  let output = '';
  const display = new LiveDisplay({ write: (text) => (output += text) });
  display.print('started');
  display.show(['a 1']);
  display.show(['a 2']);
  display[Symbol.dispose]();
  assert.equal(output, 'started\na 1\na 2\n');
});
