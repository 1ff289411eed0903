import process from 'node:process';
import { QuorateError } from '../errors/interface.ts';

/** Longest password line that is read from a pipe, in characters. */
const maxLineLength = 4_096;

const controlC = '\u0003';
const ends = new Set(['\r', '\n', '\u0004']);
const deletes = new Set(['\u007f', '\b']);

/** The first line of standard input, or what a person types without seeing it. @throws QuorateError CANCELLED */
export function readPassword(question: string): Promise<string> {
  return process.stdin.isTTY ? promptHidden(question) : readFirstLine();
}

async function readFirstLine(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.includes('\n') || text.length > maxLineLength) {
      break;
    }
  }
  return (text.split('\n')[0] ?? '').replace(/\r$/, '');
}

/** The terminal is in raw mode meanwhile, so that it echoes nothing. */
function promptHidden(question: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(question);
  stdin.setRawMode(true).setEncoding('utf8').resume();
  const typed = new HiddenLine();
  return new Promise((resolve, reject) => {
    const onData = (chunk: string) => {
      typed.add(chunk);
      if (typed.state === 'typing') {
        return;
      }
      stdin.off('data', onData).setRawMode(false).pause();
      stderr.write('\n');
      if (typed.state === 'done') {
        resolve(typed.text);
      } else {
        reject(new QuorateError('CANCELLED', 'the login was cancelled'));
      }
    };
    stdin.on('data', onData);
  });
}

/** What a person has typed so far. */
class HiddenLine {
  text = '';
  state: 'typing' | 'done' | 'cancelled' = 'typing';

  add(chunk: string): void {
    for (const character of chunk) {
      if (this.state === 'typing') {
        this.#type(character);
      }
    }
  }

  #type(character: string): void {
    if (character === controlC) {
      this.state = 'cancelled';
    } else if (ends.has(character)) {
      this.state = 'done';
    } else {
      this.text = deletes.has(character) ? this.text.slice(0, -1) : this.text + character;
    }
  }
}
