import process from 'node:process';
import { createInterface } from 'node:readline/promises';
import { defineOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';

export const confirmationOptions = defineOptions('Confirmation', {
  yes: { type: 'boolean', default: false, help: 'Ask nothing; needed where nobody can answer, such as in a script.' },
});

/**
 * Lets a person type the name of the database whose data may be gone.
 * @throws QuorateError CANCELLED for another answer; INVALID_ARGUMENT without a terminal
 */
export async function confirmByName(warning: string, name: string): Promise<void> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    throw new QuorateError('INVALID_ARGUMENT', 'nobody is there to confirm this', { hint: 'Give --yes.' });
  }
  using lines = createInterface({ input: stdin, output: stderr, terminal: true });
  const gone = new AbortController();
  lines.once('close', () => gone.abort());
  lines.once('SIGINT', () => lines.close());
  const question = `${warning}\nType the name of the database to go on: `;
  const answer = await lines.question(question, { signal: gone.signal }).catch(() => '');
  if (answer.trim() !== name) {
    throw new QuorateError('CANCELLED', 'nothing was done: the name was not typed');
  }
}
