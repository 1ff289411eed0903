import { on } from 'node:events';
import process from 'node:process';
import { createInterface, type Interface } from 'node:readline/promises';
import { asQuorateError } from '../../errors/interface.ts';
import { writeError } from '../output.ts';
import { complete } from './completion.ts';
import { commandsOnTables, dotCommandWords } from './dot-commands.ts';
import type { ShellHistory } from './history.ts';
import { ScriptRunner } from './script-runner.ts';
import type { ShellSession } from './shell-session.ts';

/** Marks in the prompt for the transaction. */
const marks = { none: '', open: '*', lost: '!' } as const;

/** Lines that wait while a statement runs, such as those of a text that was pasted; then the terminal is not read. */
const maxWaitingLines = 1_000;

/** Reads statements from a terminal until Ctrl-D or `.quit`. */
export class InteractiveShell {
  readonly #session: ShellSession;
  readonly #history: ShellHistory;
  readonly #runner: ScriptRunner;
  readonly #lines: Interface;
  /** Of what runs now. */
  #running: AbortController | undefined;

  constructor(session: ShellSession, history: ShellHistory) {
    this.#session = session;
    this.#history = history;
    this.#runner = new ScriptRunner(session);
    this.#lines = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      history: [...history.lines].reverse(),
      historySize: Math.max(history.maxLines, 1),
      removeHistoryDuplicates: true,
      completer: (line: string) => this.#complete(line),
    });
  }

  async run(): Promise<void> {
    using lines = this.#lines;
    lines.on('SIGINT', () => this.#interrupt());
    const typed = on(lines, 'line', { close: ['close'], highWaterMark: maxWaitingLines });
    this.#prompt();
    for await (const [line] of typed as AsyncIterable<[string]>) {
      this.#history.add(line);
      await this.#run(line);
      if (this.#runner.hasQuit) {
        return;
      }
      this.#prompt();
    }
    this.#session.print('\n');
  }

  async #run(line: string): Promise<void> {
    this.#running = new AbortController();
    try {
      await this.#runner.take(line, this.#running.signal);
    } catch (thrown) {
      this.#runner.clear();
      writeError(this.#session.streams, asQuorateError(thrown), false);
    } finally {
      this.#running = undefined;
    }
  }

  /** Ctrl-C ends what runs, or forgets what was typed. */
  #interrupt(): void {
    if (this.#running !== undefined) {
      this.#running.abort();
      return;
    }
    this.#runner.clear();
    // To the end of the line and what is behind the cursor gone, as Ctrl-E and Ctrl-U do.
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
    this.#session.print('^C\n');
    this.#prompt();
  }

  #prompt(): void {
    const { database, transaction } = this.#session;
    const name = `${database}${marks[transaction.state]}`;
    this.#lines.setPrompt(
      this.#runner.isInStatement ? `${' '.repeat(Math.max(0, name.length - 3))}...> ` : `${name}> `,
    );
    this.#lines.prompt();
  }

  /** Completion never fails: without names there are the keywords. */
  async #complete(line: string): Promise<[string[], string]> {
    const schema = await this.#session.names().catch(() => new Map<string, string[]>());
    const commands = new Map(dotCommandWords);
    for (const name of commandsOnTables) {
      commands.set(name, [...schema.keys()]);
    }
    return complete(this.#runner.isInStatement ? ` ${line}` : line, { commands, schema });
  }
}
