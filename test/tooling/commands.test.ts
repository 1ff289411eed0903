import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { main } from '../../src/cli/main.ts';

/** What a command prints. */
async function output(...args: string[]): Promise<string> {
  let text = '';
  const take = (part: string) => {
    text += part;
  };
  const streams = { out: take, err: take, drained: async () => {}, terminal: undefined };
  assert.equal(await main(args, streams), 0, text);
  return text;
}

/** The commands that `--help` shows, those inside others instead of these. */
async function commandsOf(...path: string[]): Promise<string[][]> {
  const [, list = ''] = (await output(...path, '--help')).split(/^Commands:\n/m);
  const names = [...list.matchAll(/^ {2}([a-z-]+)/gm)].flatMap(([, name = '']) => (name === 'help' ? [] : [name]));
  const inside: string[][] = [];
  for (const name of names) {
    inside.push(...(await commandsOf(...path, name)));
  }
  return names.length === 0 ? [path] : inside;
}

describe('every command', () => {
  let commands: string[][] = [];
  before(async () => {
    commands = await commandsOf();
    assert.ok(commands.length > 40);
  });

  test('has help with examples', async () => {
    for (const command of commands) {
      const help = await output(...command, '--help');
      assert.match(help, new RegExp(`^Usage: quorate ${command.join(' ')} `));
      assert.match(help, new RegExp(`\\$ .*quorate ${command.join(' ')}`));
    }
  });

  test('is in the list of docs/cli.md', () => {
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    const [, list = ''] = page.split('## All commands');
    const missing = commands.filter((command) => !list.includes(`\`quorate ${command.join(' ')}`));
    assert.deepEqual(missing, []);
  });

  test('is completed in each shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const script = await output('completion', shell);
      const missing = commands.filter((command) => !script.includes(`quorate ${command.join(' ')}`));
      assert.deepEqual(missing, [], shell);
    }
  });
});
