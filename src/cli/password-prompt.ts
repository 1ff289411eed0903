import process from 'node:process';
import { QuorateError } from '../errors/interface.ts';

/** Longest password line that is read from a pipe, in characters. */
const maxLineLength = 4_096;

const controlC = '\u0003';
const controlD = '\u0004';
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
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = () => {
      stdin.off('data', onData).setRawMode(false).pause();
      stderr.write('\n');
    };
    const onData = (chunk: string) => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n' || character === controlD) {
          finish();
          resolve(typed);
          return;
        }
        if (character === controlC) {
          finish();
          reject(new QuorateError('CANCELLED', 'the login was cancelled'));
          return;
        }
        typed = deletes.has(character) ? typed.slice(0, -1) : typed + character;
      }
    };
    stdin.on('data', onData);
  });
}
